package jobs;

import org.apache.flink.api.common.accumulators.Accumulator;

/** An accumulator of a class that only this jar knows, with a text as its result: the longest one added. */
public final class LongestText implements Accumulator<String, String> {
    private static final long serialVersionUID = 1L;

    private String longest = "";

    @Override
    public void add(String text) {
        boolean longer = text.length() > longest.length();
        // Among texts of one length the greatest wins, so that the order of merging does not matter.
        if (longer || text.length() == longest.length() && text.compareTo(longest) > 0) {
            longest = text;
        }
    }

    @Override
    public String getLocalValue() {
        return longest;
    }

    @Override
    public void resetLocal() {
        longest = "";
    }

    @Override
    public void merge(Accumulator<String, String> other) {
        add(other.getLocalValue());
    }

    @Override
    public LongestText clone() {
        LongestText copy = new LongestText();
        copy.longest = longest;
        return copy;
    }
}
