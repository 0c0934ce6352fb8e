package jobs;

import java.util.HashMap;
import java.util.Map;

/** The arguments of a job's main method: {@code --name value} pairs, and {@code --name} alone for "true". */
final class Args {
    private final Map<String, String> values = new HashMap<>();

    Args(String[] argv) {
        for (int i = 0; i < argv.length; i++) {
            if (!argv[i].startsWith("--")) {
                throw new IllegalArgumentException("expected --name, got '" + argv[i] + "'");
            }
            boolean alone = i + 1 == argv.length || argv[i + 1].startsWith("--");
            values.put(argv[i].substring(2), alone ? "true" : argv[++i]);
        }
    }

    boolean has(String name) {
        return values.containsKey(name);
    }

    String text(String name, String otherwise) {
        return values.getOrDefault(name, otherwise);
    }

    long number(String name, long otherwise) {
        return has(name) ? Long.parseLong(values.get(name)) : otherwise;
    }
}
