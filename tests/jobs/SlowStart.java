package jobs;

import org.apache.flink.api.common.io.InitializeOnMaster;
import org.apache.flink.api.common.io.OutputFormat;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

import java.io.IOException;

/**
 * Stays INITIALIZING for {@code --init-millis} (3000), then runs like {@link Stateful}; with {@code --init-fails} its
 * initialisation fails instead.
 */
public final class SlowStart {
    private SlowStart() {}

    // The newer sinks have no such hook.
    @SuppressWarnings("deprecation")
    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        Env.endless(env, args)
                .writeUsingOutputFormat(new SlowOutput(args.number("init-millis", 3000), args.has("init-fails")))
                .uid("output");
        env.execute(args.text("name", "slow start"));
    }

    /** The one hook of an output that the JobManager calls before any task is deployed. */
    private static final class SlowOutput implements OutputFormat<Long>, InitializeOnMaster {
        private static final long serialVersionUID = 1L;

        private final long millis;
        private final boolean fails;

        SlowOutput(long millis, boolean fails) {
            this.millis = millis;
            this.fails = fails;
        }

        @Override
        public void initializeGlobal(int parallelism) throws IOException {
            try {
                Thread.sleep(millis);
            } catch (InterruptedException stopped) {
                throw new IOException("interrupted while initialising", stopped);
            }
            if (fails) {
                throw new IOException("the output cannot be initialised");
            }
        }

        @Override
        public void configure(Configuration parameters) {}

        @Override
        public void open(InitializationContext context) {}

        @Override
        public void writeRecord(Long number) {}

        @Override
        public void close() {}
    }
}
