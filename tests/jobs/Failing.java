package jobs;

import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Fails after {@code --records} (10) records of each attempt, at {@code --records-per-second} (100). With
 * {@code --restarts N --restart-delay-millis D} it is started again so often; a long delay keeps it RESTARTING.
 */
public final class Failing {
    private Failing() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        Env.endless(env, args)
                .map(new FailAfter(args.number("records", 10)))
                .name("fail")
                .uid("fail")
                .sinkTo(new DiscardingSink<>())
                .uid("discard");
        env.execute(args.text("name", "failing"));
    }

    /** What the job fails with. */
    public static final class Broke extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Broke(long records) {
            super("broke after " + records + " records");
        }
    }

    private static final class FailAfter extends RichMapFunction<Long, Long> {
        private final long limit;
        private final LongCounter seen = new LongCounter();

        FailAfter(long limit) {
            this.limit = limit;
        }

        @Override
        public void open(OpenContext context) {
            getRuntimeContext().addAccumulator("seen", seen);
        }

        @Override
        public Long map(Long number) {
            if (seen.getLocalValuePrimitive() >= limit) {
                throw new Broke(limit);
            }
            seen.add(1);
            return number;
        }
    }
}
