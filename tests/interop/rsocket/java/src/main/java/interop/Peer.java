package interop;

import io.rsocket.RSocket;
import io.rsocket.core.RSocketConnector;
import io.rsocket.core.RSocketServer;
import io.rsocket.transport.netty.client.TcpClientTransport;
import io.rsocket.transport.netty.client.WebsocketClientTransport;
import io.rsocket.transport.netty.server.CloseableChannel;
import io.rsocket.transport.netty.server.TcpServerTransport;
import io.rsocket.transport.netty.server.WebsocketServerTransport;
import io.rsocket.util.DefaultPayload;
import java.net.URI;
import java.time.Duration;
import reactor.core.publisher.Mono;

/** One end of a connection: {@code server|client tcp|websocket PORT}. Both ends answer requests and check those of their own. */
public final class Peer {
  private static final String METADATA = "message/x.rsocket.composite-metadata.v0";

  public static void main(String[] arguments) throws Exception {
    boolean isServer = arguments[0].equals("server");
    boolean isTcp = arguments[1].equals("tcp");
    int port = Integer.parseInt(arguments[2]);
    if (isServer) {
      serve(isTcp, port);
    } else {
      connect(isTcp, port);
    }
  }

  private static void serve(boolean isTcp, int port) {
    var server =
        RSocketServer.create(
                (setup, requester) -> {
                  new Thread(() -> check(requester)).start();
                  return Mono.just(new Answers());
                })
            .fragment(1000);
    CloseableChannel listener =
        isTcp
            ? server.bindNow(TcpServerTransport.create("127.0.0.1", port))
            : server.bindNow(WebsocketServerTransport.create("127.0.0.1", port));
    System.out.println("listening");
    listener.onClose().block();
  }

  private static void connect(boolean isTcp, int port) {
    var connector =
        RSocketConnector.create()
            .keepAlive(Duration.ofSeconds(1), Duration.ofSeconds(4))
            .metadataMimeType(METADATA)
            .dataMimeType("application/json")
            .setupPayload(DefaultPayload.create("setup", "of java"))
            .fragment(1000)
            .acceptor((setup, requester) -> Mono.just(new Answers()));
    RSocket requester =
        isTcp
            ? connector.connect(TcpClientTransport.create("127.0.0.1", port)).block()
            : connector
                .connect(WebsocketClientTransport.create(URI.create("ws://127.0.0.1:" + port + "/")))
                .block();
    check(requester);
  }

  /** Ends the process when the other side has closed the connection. */
  private static void check(RSocket requester) {
    try {
      int count = new Checks(requester).all();
      requester.fireAndForget(DefaultPayload.create("checked " + count)).block();
      requester.onClose().onErrorResume(error -> Mono.empty()).block(Duration.ofSeconds(60));
      System.exit(0);
    } catch (Throwable problem) {
      problem.printStackTrace();
      System.exit(1);
    }
  }
}
