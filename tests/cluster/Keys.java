package cluster;

import java.io.FileInputStream;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.Key;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.util.Base64;

/**
 * Makes the keys of a cluster with TLS in one JVM, by the JDK's own keytool: {@code Keys FOLDER}. In it are then
 * {@code server.p12}, {@code trust.p12} (trusts client and server; both of password "changeit"), and for clients
 * {@code server.pem}, {@code client.pem} and {@code client.key}. {@code stranger.pem} and {@code stranger.key} are a
 * client that nobody trusts.
 */
public final class Keys {
    private static final String PASSWORD = "changeit";

    private Keys() {}

    public static void main(String[] argv) throws Exception {
        Path folder = Path.of(argv[0]);
        generate(folder, "server", "-ext", "san=dns:localhost,ip:127.0.0.1");
        generate(folder, "client");
        generate(folder, "stranger");
        for (String name : new String[] {"server", "client"}) {
            keytool(
                    "-importcert", "-noprompt", "-alias", name,
                    "-file", folder.resolve(name + ".pem").toString(),
                    "-keystore", folder.resolve("trust.p12").toString(),
                    "-storetype", "PKCS12", "-storepass", PASSWORD);
        }
    }

    private static void generate(Path folder, String name, String... more) throws Exception {
        Path store = folder.resolve(name + ".p12");
        String[] arguments = {
            "-genkeypair", "-alias", name, "-keyalg", "RSA", "-keysize", "2048", "-dname", "CN=" + name,
            "-validity", "3650", "-keystore", store.toString(), "-storetype", "PKCS12", "-storepass", PASSWORD
        };
        String[] all = new String[arguments.length + more.length];
        System.arraycopy(arguments, 0, all, 0, arguments.length);
        System.arraycopy(more, 0, all, arguments.length, more.length);
        keytool(all);

        KeyStore keys = KeyStore.getInstance("PKCS12");
        try (InputStream in = new FileInputStream(store.toFile())) {
            keys.load(in, PASSWORD.toCharArray());
        }
        Certificate certificate = keys.getCertificate(name);
        Key key = keys.getKey(name, PASSWORD.toCharArray());
        Files.writeString(folder.resolve(name + ".pem"), pem("CERTIFICATE", certificate.getEncoded()));
        Files.writeString(folder.resolve(name + ".key"), pem("PRIVATE KEY", key.getEncoded()));
    }

    private static String pem(String kind, byte[] bytes) {
        String body = Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(bytes);
        return "-----BEGIN " + kind + "-----\n" + body + "\n-----END " + kind + "-----\n";
    }

    // keytool has no public API; its class is opened to this program with --add-exports, and named at run time so that
    // this source compiles without it. Ten JVM starts would be the other way.
    private static void keytool(String... arguments) throws Exception {
        Class.forName("sun.security.tools.keytool.Main")
                .getMethod("main", String[].class)
                .invoke(null, (Object) arguments);
    }
}
