package jobs;

import org.apache.flink.api.common.accumulators.ListAccumulator;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

import java.nio.file.Files;

/** Bounded: its task reads the file {@code --cache-file} from the distributed cache into the accumulator "words". */
public final class Cached {
    private Cached() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        define(env, args);
        env.execute(args.text("name", "cached"));
    }

    static void define(StreamExecutionEnvironment env, Args args) {
        env.registerCachedFile(args.text("cache-file", "/no/cache-file/given"), "words");
        Env.numbers(env, 1).map(new ReadWords()).uid("read").sinkTo(new DiscardingSink<>()).uid("discard");
    }

    private static final class ReadWords extends RichMapFunction<Long, Long> {
        private final ListAccumulator<String> words = new ListAccumulator<>();

        @Override
        public void open(OpenContext context) {
            getRuntimeContext().addAccumulator("words", words);
        }

        @Override
        public Long map(Long number) throws Exception {
            words.add(Files.readString(getRuntimeContext().getDistributedCache().getFile("words").toPath()));
            return number;
        }
    }
}
