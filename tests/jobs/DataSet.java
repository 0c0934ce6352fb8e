package jobs;

import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/** Bounded: leaves a cluster data set of {@code --records} (100) numbers on the TaskManagers when it is done. */
public final class DataSet {
    private DataSet() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        env.setRuntimeMode(RuntimeExecutionMode.BATCH);
        env.fromSequence(1, args.number("records", 100))
                .map(number -> number)
                .returns(Types.LONG)
                .cache()
                .sinkTo(new DiscardingSink<>());
        env.execute(args.text("name", "data set"));
    }
}
