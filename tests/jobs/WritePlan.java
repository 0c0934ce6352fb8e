package jobs;

import org.apache.flink.api.common.JobID;
import org.apache.flink.runtime.jobgraph.JobGraph;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.graph.StreamGraph;

import java.io.ObjectOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * Writes a serialised execution plan, as a client sends it in {@code POST /jobs}, instead of submitting one:
 * {@code --plan job-graph|stream-graph --job accumulators|stateful|cached --out FILE [--job-id HEX] [arguments of the
 * job]}. Its tasks need this jar on the cluster. Prints the job's id. Flink 1.20 takes job graphs alone.
 */
public final class WritePlan {
    private WritePlan() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        String job = args.text("job", "accumulators");
        switch (job) {
            case "accumulators":
                Accumulators.define(env, args);
                break;
            case "stateful":
                Stateful.define(env, args);
                break;
            case "cached":
                Cached.define(env, args);
                break;
            default:
                throw new IllegalArgumentException("--job " + job);
        }
        StreamGraph streamGraph = env.getStreamGraph();
        streamGraph.setJobName(args.text("name", job));
        JobID id = args.has("job-id") ? JobID.fromHexString(args.text("job-id", "")) : new JobID();
        Object plan = planOf(args.text("plan", "job-graph"), streamGraph, id);
        try (ObjectOutputStream out =
                new ObjectOutputStream(Files.newOutputStream(Path.of(args.text("out", "plan.bin"))))) {
            out.writeObject(plan);
        }
        System.out.println(id);
    }

    private static Object planOf(String kind, StreamGraph streamGraph, JobID id) throws Exception {
        switch (kind) {
            case "job-graph":
                JobGraph jobGraph = streamGraph.getJobGraph();
                jobGraph.setJobID(id);
                return jobGraph;
            case "stream-graph":
                // Only Flink 2 has these, and this source must compile against both.
                try {
                    StreamGraph.class.getMethod("setJobId", JobID.class).invoke(streamGraph, id);
                    StreamGraph.class.getMethod("serializeUserDefinedInstances").invoke(streamGraph);
                } catch (NoSuchMethodException absent) {
                    throw new UnsupportedOperationException("this Flink takes no stream graph", absent);
                }
                return streamGraph;
            default:
                throw new IllegalArgumentException("--plan " + kind);
        }
    }
}
