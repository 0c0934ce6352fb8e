package cluster;

import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;

/**
 * A whole Flink in one JVM, with its REST endpoint: {@code Mini CONFIG-FILE TASK-MANAGERS SLOTS ADDRESS-FILE}. The
 * configuration is {@code key: value} lines; where the REST endpoint listens is written to the address file. Runs until
 * the JVM is ended.
 */
public final class Mini {
    private Mini() {}

    public static void main(String[] argv) throws Exception {
        Configuration conf = new Configuration();
        for (String line : Files.readAllLines(Path.of(argv[0]))) {
            int colon = line.indexOf(": ");
            conf.setString(line.substring(0, colon), line.substring(colon + 2));
        }
        MiniCluster cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(conf)
                                .setNumTaskManagers(Integer.parseInt(argv[1]))
                                .setNumSlotsPerTaskManager(Integer.parseInt(argv[2]))
                                .build());
        cluster.start();
        Path address = Path.of(argv[3]);
        // Whoever reads the file never sees half an address.
        Path whole = Files.writeString(Path.of(argv[3] + ".new"), cluster.getRestAddress().get().toString());
        Files.move(whole, address, StandardCopyOption.ATOMIC_MOVE);
        Thread.currentThread().join();
    }
}
