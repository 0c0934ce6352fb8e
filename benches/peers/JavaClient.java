import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.concurrent.CompletableFuture;

import org.apache.flink.client.deployment.StandaloneClusterId;
import org.apache.flink.client.program.rest.RestClusterClient;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.runtime.client.JobStatusMessage;

/** Flink's own client, doing and printing what src/bin/client.rs does and prints. */
public final class JavaClient {
    // Ten times what the others need: code that has not been compiled yet is not what is compared.
    private static final int WARM_UP = 5000;
    private static final int CALLS = 2000;
    private static final int IN_FLIGHT = 16;

    public static void main(String[] arguments) throws Exception {
        URI address = URI.create(arguments[1]);
        Configuration configuration = new Configuration();
        configuration.set(RestOptions.ADDRESS, address.getHost());
        configuration.set(RestOptions.PORT, address.getPort());
        try (RestClusterClient<StandaloneClusterId> client =
                new RestClusterClient<>(configuration, StandaloneClusterId.getInstance())) {
            if (arguments[0].equals("once")) {
                expect(10, client.listJobs().get().size());
                return;
            }
            one(client, WARM_UP);
            long begun = System.nanoTime();
            one(client, CALLS);
            long oneByOne = (System.nanoTime() - begun) / CALLS;
            many(client, WARM_UP / IN_FLIGHT);
            begun = System.nanoTime();
            many(client, CALLS / IN_FLIGHT);
            long inFlight = (System.nanoTime() - begun) / (CALLS / IN_FLIGHT * IN_FLIGHT);
            System.out.printf("%d %d %d %d%n", oneByOne, inFlight, status("VmHWM:"), status("Threads:"));
        }
    }

    private static void one(RestClusterClient<?> client, int times) throws Exception {
        for (int n = 0; n < times; n++) {
            expect(10, client.listJobs().get().size());
        }
    }

    private static void many(RestClusterClient<?> client, int times) throws Exception {
        for (int n = 0; n < times; n++) {
            List<CompletableFuture<Collection<JobStatusMessage>>> calls = new ArrayList<>();
            for (int call = 0; call < IN_FLIGHT; call++) {
                calls.add(client.listJobs());
            }
            for (CompletableFuture<Collection<JobStatusMessage>> call : calls) {
                expect(10, call.get().size());
            }
        }
    }

    private static void expect(int expected, int actual) {
        if (expected != actual) {
            throw new AssertionError(actual);
        }
    }

    private static long status(String name) throws Exception {
        for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
            if (line.startsWith(name)) {
                return Long.parseLong(line.substring(name.length()).trim().split("\\s+")[0]);
            }
        }
        throw new AssertionError(name);
    }
}
