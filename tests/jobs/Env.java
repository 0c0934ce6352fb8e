package jobs;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.util.ratelimit.RateLimiterStrategy;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;

/** What the jobs have in common: their environment and their source. */
final class Env {
    private Env() {}

    /**
     * The environment of a job. {@code --restarts N} (0: none) with {@code --restart-delay-millis} (100),
     * {@code --checkpoint-millis N} (0 or absent: no periodic checkpoints) and {@code --parallelism N} override what
     * the cluster and the submission say; what is not given is left to them.
     */
    static StreamExecutionEnvironment of(Args args) {
        Configuration conf = new Configuration();
        if (args.has("restarts")) {
            long restarts = args.number("restarts", 0);
            conf.setString("restart-strategy.type", restarts == 0 ? "none" : "fixed-delay");
            conf.setString("restart-strategy.fixed-delay.attempts", Long.toString(Math.max(1, restarts)));
            conf.setString(
                    "restart-strategy.fixed-delay.delay", args.number("restart-delay-millis", 100) + " ms");
        }
        if (args.number("checkpoint-millis", 0) > 0) {
            conf.setString("execution.checkpointing.interval", args.number("checkpoint-millis", 0) + " ms");
        }
        StreamExecutionEnvironment env = StreamExecutionEnvironment.getExecutionEnvironment(conf);
        if (args.has("parallelism")) {
            env.setParallelism((int) args.number("parallelism", 1));
        }
        return env;
    }

    /** The numbers from 1 to {@code records}, as fast as they go. */
    static DataStream<Long> numbers(StreamExecutionEnvironment env, long records) {
        return env.fromSequence(1, records).uid("numbers");
    }

    /** The numbers from 0, for ever, at {@code --records-per-second} (100) over all subtasks. */
    static DataStream<Long> endless(StreamExecutionEnvironment env, Args args) {
        DataGeneratorSource<Long> source =
                new DataGeneratorSource<>(
                        index -> index,
                        Long.MAX_VALUE,
                        RateLimiterStrategy.perSecond(args.number("records-per-second", 100)),
                        Types.LONG);
        return env.fromSource(source, WatermarkStrategy.noWatermarks(), "numbers").uid("numbers");
    }
}
