package jobs;

import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Unbounded: counts numbers in operator state, under the uid {@code --count-uid} ("count"), at
 * {@code --records-per-second} (100). Accumulators tell where the count comes from: {@code restored} (from the
 * snapshot), {@code fresh} (since) and {@code count} (their sum).
 *
 * <p>{@code --snapshot-millis N} makes every snapshot take so long, {@code --snapshot-fails} makes it throw,
 * {@code --close-millis N} makes a cancelled task linger, so that the job is seen CANCELLING, and {@code --close-fails}
 * makes a task throw at its very end, after the last savepoint. The arguments of {@link Env#of} apply.
 */
public final class Stateful {
    private Stateful() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        define(env, args);
        env.execute(args.text("name", "stateful"));
    }

    static void define(StreamExecutionEnvironment env, Args args) {
        Env.endless(env, args)
                .map(new Count(args))
                .name("count")
                .uid(args.text("count-uid", "count"))
                .sinkTo(new DiscardingSink<>())
                .uid("discard");
    }

    /** A snapshot that was asked to fail. */
    public static final class SnapshotRefused extends RuntimeException {
        private static final long serialVersionUID = 1L;

        SnapshotRefused() {
            super("this job takes no snapshot");
        }
    }

    private static final class Count extends RichMapFunction<Long, Long> implements CheckpointedFunction {
        private final long snapshotMillis;
        private final boolean snapshotFails;
        private final long closeMillis;
        private final boolean closeFails;
        private final LongCounter restored = new LongCounter();
        private final LongCounter fresh = new LongCounter();
        private final LongCounter count = new LongCounter();
        private transient ListState<Long> state;

        Count(Args args) {
            snapshotMillis = args.number("snapshot-millis", 0);
            snapshotFails = args.has("snapshot-fails");
            closeMillis = args.number("close-millis", 0);
            closeFails = args.has("close-fails");
        }

        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            state = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("count", Types.LONG));
            for (long part : state.get()) {
                restored.add(part);
                count.add(part);
            }
        }

        @Override
        public void open(OpenContext context) {
            getRuntimeContext().addAccumulator("restored", restored);
            getRuntimeContext().addAccumulator("fresh", fresh);
            getRuntimeContext().addAccumulator("count", count);
        }

        @Override
        public Long map(Long number) {
            fresh.add(1);
            count.add(1);
            return number;
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) throws Exception {
            Thread.sleep(snapshotMillis);
            if (snapshotFails) {
                throw new SnapshotRefused();
            }
            state.clear();
            state.add(count.getLocalValuePrimitive());
        }

        @Override
        public void close() {
            // Cancelling interrupts: what is left of the time must pass all the same.
            long end = System.nanoTime() + closeMillis * 1_000_000;
            for (long left = closeMillis; left > 0; left = (end - System.nanoTime()) / 1_000_000) {
                try {
                    Thread.sleep(left);
                } catch (InterruptedException again) {
                    Thread.interrupted();
                }
            }
            if (closeFails) {
                throw new IllegalStateException("this job does not end well");
            }
        }
    }
}
