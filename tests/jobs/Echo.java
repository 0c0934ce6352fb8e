package jobs;

import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.jobgraph.OperatorID;
import org.apache.flink.runtime.operators.coordination.CoordinationRequest;
import org.apache.flink.runtime.operators.coordination.CoordinationRequestHandler;
import org.apache.flink.runtime.operators.coordination.CoordinationResponse;
import org.apache.flink.runtime.operators.coordination.OperatorCoordinator;
import org.apache.flink.runtime.operators.coordination.OperatorEvent;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.operators.CoordinatedOperatorFactory;
import org.apache.flink.streaming.api.operators.OneInputStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.SimpleUdfStreamOperatorFactory;
import org.apache.flink.streaming.api.operators.StreamMap;

import java.io.Serializable;
import java.util.concurrent.CompletableFuture;

/**
 * Unbounded: an operator of uid "echo" whose coordinator answers a {@link Request} with a {@link Response} that holds
 * the same text and the number of requests so far; the text "fail" it answers with an exception. {@link EchoRequest}
 * makes the bytes of a request.
 */
public final class Echo {
    private Echo() {}

    public static void main(String[] argv) throws Exception {
        Args args = new Args(argv);
        StreamExecutionEnvironment env = Env.of(args);
        Env.endless(env, args)
                .transform("echo", Types.LONG, new EchoFactory())
                .uid("echo")
                .sinkTo(new DiscardingSink<>())
                .uid("discard");
        env.execute(args.text("name", "echo"));
    }

    /** A text for the coordinator. */
    public static final class Request implements CoordinationRequest {
        private static final long serialVersionUID = 1L;

        final String text;

        public Request(String text) {
            this.text = text;
        }
    }

    /** The coordinator's answer. */
    public static final class Response implements CoordinationResponse {
        private static final long serialVersionUID = 1L;

        final String text;
        final int requests;

        Response(String text, int requests) {
            this.text = text;
            this.requests = requests;
        }
    }

    private static final class EchoFactory extends SimpleUdfStreamOperatorFactory<Long>
            implements OneInputStreamOperatorFactory<Long, Long>, CoordinatedOperatorFactory<Long> {
        private static final long serialVersionUID = 1L;

        EchoFactory() {
            super(new StreamMap<Long, Long>(number -> number));
        }

        @Override
        public OperatorCoordinator.Provider getCoordinatorProvider(String name, OperatorID operator) {
            return new EchoProvider(operator);
        }
    }

    private static final class EchoProvider implements OperatorCoordinator.Provider, Serializable {
        private static final long serialVersionUID = 1L;

        private final OperatorID operator;

        EchoProvider(OperatorID operator) {
            this.operator = operator;
        }

        @Override
        public OperatorID getOperatorId() {
            return operator;
        }

        @Override
        public OperatorCoordinator create(OperatorCoordinator.Context context) {
            return new EchoCoordinator();
        }
    }

    private static final class EchoCoordinator implements OperatorCoordinator, CoordinationRequestHandler {
        private int requests;

        @Override
        public synchronized CompletableFuture<CoordinationResponse> handleCoordinationRequest(
                CoordinationRequest request) {
            String text = ((Request) request).text;
            if (text.equals("fail")) {
                return CompletableFuture.failedFuture(new IllegalArgumentException("asked to fail"));
            }
            requests++;
            return CompletableFuture.completedFuture(new Response(text, requests));
        }

        @Override
        public void start() {}

        @Override
        public void close() {}

        @Override
        public void handleEventFromOperator(int subtask, int attempt, OperatorEvent event) {}

        @Override
        public void checkpointCoordinator(long checkpoint, CompletableFuture<byte[]> snapshot) {
            snapshot.complete(new byte[0]);
        }

        @Override
        public void notifyCheckpointComplete(long checkpoint) {}

        @Override
        public void resetToCheckpoint(long checkpoint, byte[] snapshot) {}

        @Override
        public void subtaskReset(int subtask, long checkpoint) {}

        @Override
        public void executionAttemptFailed(int subtask, int attempt, Throwable reason) {}

        @Override
        public void executionAttemptReady(int subtask, int attempt, SubtaskGateway gateway) {}
    }
}
