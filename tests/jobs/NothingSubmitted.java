package jobs;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** Its main method defines a job and forgets to execute it. */
public final class NothingSubmitted {
    private NothingSubmitted() {}

    public static void main(String[] argv) {
        StreamExecutionEnvironment env = Env.of(new Args(argv));
        Env.numbers(env, 10).sinkTo(new DiscardingSink<>());
    }
}
