package jobs;

import org.apache.flink.api.common.accumulators.AverageAccumulator;
import org.apache.flink.api.common.accumulators.DoubleCounter;
import org.apache.flink.api.common.accumulators.DoubleMaximum;
import org.apache.flink.api.common.accumulators.DoubleMinimum;
import org.apache.flink.api.common.accumulators.Histogram;
import org.apache.flink.api.common.accumulators.IntCounter;
import org.apache.flink.api.common.accumulators.IntMaximum;
import org.apache.flink.api.common.accumulators.IntMinimum;
import org.apache.flink.api.common.accumulators.ListAccumulator;
import org.apache.flink.api.common.accumulators.LongCounter;
import org.apache.flink.api.common.accumulators.LongMaximum;
import org.apache.flink.api.common.accumulators.LongMinimum;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * Bounded: takes the numbers 1 to {@code --records} (100) and keeps an accumulator of every type that Flink has.
 * {@code --broken} adds one that no two subtasks can merge.
 */
public final class Accumulators {
    private Accumulators() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        define(env, args);
        env.execute(args.text("name", "accumulators"));
    }

    static void define(StreamExecutionEnvironment env, Args args) {
        Env.numbers(env, args.number("records", 100))
                .map(new Record(args.has("broken")))
                .uid("record")
                .sinkTo(new DiscardingSink<>())
                .uid("discard");
    }

    private static final class Record extends RichMapFunction<Long, Long> {
        private final boolean withBroken;
        private final IntCounter ints = new IntCounter();
        private final IntMinimum intMinimum = new IntMinimum();
        private final IntMaximum intMaximum = new IntMaximum();
        private final LongCounter longs = new LongCounter();
        private final LongMinimum longMinimum = new LongMinimum();
        private final LongMaximum longMaximum = new LongMaximum();
        private final DoubleCounter doubles = new DoubleCounter();
        private final DoubleMinimum doubleMinimum = new DoubleMinimum();
        private final DoubleMaximum doubleMaximum = new DoubleMaximum();
        private final AverageAccumulator average = new AverageAccumulator();
        private final Histogram histogram = new Histogram();
        private final ListAccumulator<String> list = new ListAccumulator<>();
        private final LongestText longest = new LongestText();
        private final UnmergeableCounter broken = new UnmergeableCounter();

        Record(boolean withBroken) {
            this.withBroken = withBroken;
        }

        @Override
        public void open(OpenContext context) {
            getRuntimeContext().addAccumulator("ints", ints);
            getRuntimeContext().addAccumulator("int-minimum", intMinimum);
            getRuntimeContext().addAccumulator("int-maximum", intMaximum);
            getRuntimeContext().addAccumulator("longs", longs);
            getRuntimeContext().addAccumulator("long-minimum", longMinimum);
            getRuntimeContext().addAccumulator("long-maximum", longMaximum);
            getRuntimeContext().addAccumulator("doubles", doubles);
            getRuntimeContext().addAccumulator("double-minimum", doubleMinimum);
            getRuntimeContext().addAccumulator("double-maximum", doubleMaximum);
            getRuntimeContext().addAccumulator("average", average);
            getRuntimeContext().addAccumulator("histogram", histogram);
            getRuntimeContext().addAccumulator("list", list);
            getRuntimeContext().addAccumulator("longest", longest);
            if (withBroken) {
                getRuntimeContext().addAccumulator("broken", broken);
            }
        }

        @Override
        public Long map(Long number) {
            ints.add(1);
            intMinimum.add(number.intValue());
            intMaximum.add(number.intValue());
            longs.add(number);
            longMinimum.add(number);
            longMaximum.add(number);
            doubles.add(number / 2.0);
            doubleMinimum.add(number / 2.0);
            doubleMaximum.add(number / 2.0);
            average.add(number);
            histogram.add((int) (number % 5));
            if (number % 25 == 0) {
                list.add("record-" + number);
            }
            longest.add("record-" + number);
            broken.add(1);
            return number;
        }
    }
}
