package jobs;

import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/** Its main method executes two jobs, "first" and "second" (with {@code --prefix} before that), one after the other. */
public final class TwoJobs {
    private TwoJobs() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        for (String name : new String[] {"first", "second"}) {
            StreamExecutionEnvironment env = Env.of(args);
            Accumulators.define(env, args);
            env.execute(args.text("prefix", "") + name);
        }
    }
}
