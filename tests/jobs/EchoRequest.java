package jobs;

import org.apache.flink.util.InstantiationUtil;

import java.util.Base64;

/** Prints a request for the coordinator of {@link Echo}, serialised, in base64: {@code EchoRequest TEXT}. */
public final class EchoRequest {
    private EchoRequest() {}

    public static void main(String[] argv) throws Exception {
        byte[] request = InstantiationUtil.serializeObject(new Echo.Request(argv[0]));
        System.out.println(Base64.getEncoder().encodeToString(request));
    }
}
