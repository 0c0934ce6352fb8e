package jobs;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** Wants {@code --slots} (500) slots; where there are fewer it waits for {@code slot.request.timeout}, then fails. */
public final class TooManySlots {
    private TooManySlots() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        env.setParallelism((int) args.number("slots", 500));
        Env.numbers(env, 1000).sinkTo(new DiscardingSink<>()).uid("discard");
        env.execute(args.text("name", "too many slots"));
    }
}
