package cluster;

import java.io.File;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Comparator;
import java.util.stream.Stream;

/**
 * Runs another main class for as long as whoever started this JVM lives: {@code Watched SCRATCH MAIN-CLASS [ARG ...]}.
 *
 * <p>The starter holds the other end of standard input and never writes to it. However it ends, SIGKILL included, the
 * kernel closes that end, the read here returns, and this JVM is gone a moment later with the files in SCRATCH.
 */
public final class Watched {
    private Watched() {}

    public static void main(String[] argv) {
        Path scratch = Path.of(argv[0]);
        watch(scratch);
        try {
            Class.forName(argv[1])
                    .getMethod("main", String[].class)
                    .invoke(null, (Object) Arrays.copyOfRange(argv, 2, argv.length));
        } catch (ReflectiveOperationException failed) {
            // Threads of a half-started cluster would keep this JVM, and whoever waits for it waiting.
            failed.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private static void watch(Path scratch) {
        Thread watcher =
                new Thread(
                        () -> {
                            try {
                                while (System.in.read() >= 0) {
                                    // Nothing is ever said: only the end counts.
                                }
                            } catch (IOException broken) {
                                // A pipe that cannot be read has ended as well.
                            }
                            // Not exit(): a hook that waits for a cluster which is gone must not keep this JVM.
                            delete(scratch);
                            Runtime.getRuntime().halt(0);
                        },
                        "stdin-watcher");
        watcher.setDaemon(true);
        watcher.start();
    }

    private static void delete(Path folder) {
        // Other threads still write here, so a pass may leave something behind; the JVM goes either way.
        for (int pass = 0; pass < 3; pass++) {
            try (Stream<Path> entries = Files.walk(folder)) {
                entries.sorted(Comparator.reverseOrder()).map(Path::toFile).forEach(File::delete);
            } catch (NoSuchFileException gone) {
                return;
            } catch (IOException | UncheckedIOException raced) {
                continue;
            }
        }
    }
}
