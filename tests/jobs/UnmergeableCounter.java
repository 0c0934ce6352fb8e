package jobs;

import org.apache.flink.api.common.accumulators.Accumulator;

/** A counter whose merge throws: its job succeeds, its result cannot be had. */
public final class UnmergeableCounter implements Accumulator<Integer, Integer> {
    private static final long serialVersionUID = 1L;

    private int count;

    @Override
    public void add(Integer value) {
        count += value;
    }

    @Override
    public Integer getLocalValue() {
        return count;
    }

    @Override
    public void resetLocal() {
        count = 0;
    }

    @Override
    public void merge(Accumulator<Integer, Integer> other) {
        throw new UnsupportedOperationException("this counter does not merge");
    }

    @Override
    public UnmergeableCounter clone() {
        UnmergeableCounter copy = new UnmergeableCounter();
        copy.count = count;
        return copy;
    }
}
