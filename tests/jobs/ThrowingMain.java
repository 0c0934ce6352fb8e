package jobs;

/** Its main method prints a line and throws {@code --message} ("the main method gave up"). */
public final class ThrowingMain {
    private ThrowingMain() {}

    public static void main(String[] argv) {
        System.out.println("about to throw");
        throw new IllegalStateException(new Args(argv).text("message", "the main method gave up"));
    }
}
