package interop;

import io.netty.buffer.ByteBuf;
import io.netty.util.CharsetUtil;
import io.rsocket.Payload;
import io.rsocket.RSocket;
import io.rsocket.exceptions.RejectedException;
import io.rsocket.metadata.CompositeMetadata;
import io.rsocket.metadata.RoutingMetadata;
import io.rsocket.metadata.WellKnownMimeType;
import io.rsocket.util.DefaultPayload;
import java.util.concurrent.atomic.AtomicInteger;
import org.reactivestreams.Publisher;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** What each implementation answers in these tests. */
final class Answers implements RSocket {
  private final AtomicInteger cancelled = new AtomicInteger();
  private volatile String forgotten = "";
  private volatile String pushed = "";

  @Override
  public Mono<Payload> requestResponse(Payload request) {
    String text = request.getDataUtf8();
    if (text.startsWith("bytes:")) {
      return Mono.just(DefaultPayload.create("x".repeat(number(text))));
    }
    return switch (text) {
      case "fail" -> Mono.error(new IllegalStateException("failed as asked"));
      case "reject" -> Mono.error(new RejectedException("rejected as asked"));
      case "never" -> Mono.<Payload>never().doOnCancel(cancelled::incrementAndGet);
      case "cancelled?" -> Mono.just(DefaultPayload.create(cancelled.toString()));
      case "forgotten?" -> Mono.just(DefaultPayload.create(forgotten));
      case "pushed?" -> Mono.just(DefaultPayload.create(pushed));
      case "route?" -> Mono.just(DefaultPayload.create(route(request.sliceMetadata())));
      default -> Mono.just(request.hasMetadata() ? DefaultPayload.create(text, request.getMetadataUtf8()) : DefaultPayload.create(text));
    };
  }

  @Override
  public Flux<Payload> requestStream(Payload request) {
    String text = request.getDataUtf8();
    Flux<Payload> numbers = Flux.range(0, Integer.MAX_VALUE).map(i -> DefaultPayload.create(Integer.toString(i)));
    if (text.startsWith("count:")) {
      return numbers.take(number(text));
    }
    if (text.equals("fail")) {
      return numbers.take(2).concatWith(Flux.error(new IllegalStateException("failed as asked")));
    }
    return numbers.doOnCancel(cancelled::incrementAndGet);
  }

  @Override
  public Flux<Payload> requestChannel(Publisher<Payload> payloads) {
    return Flux.from(payloads).map(payload -> DefaultPayload.create("re:" + payload.getDataUtf8()));
  }

  @Override
  public Mono<Void> fireAndForget(Payload request) {
    String text = request.getDataUtf8();
    if (text.startsWith("checked ")) {
      System.out.println("the other side " + text);
    } else {
      forgotten = text;
    }
    return Mono.empty();
  }

  @Override
  public Mono<Void> metadataPush(Payload payload) {
    pushed = payload.getMetadataUtf8();
    return Mono.empty();
  }

  private static int number(String text) {
    return Integer.parseInt(text.substring(text.indexOf(':') + 1));
  }

  /** The first tag of the routing metadata. */
  private static String route(ByteBuf metadata) {
    for (CompositeMetadata.Entry entry : new CompositeMetadata(metadata, false)) {
      if (WellKnownMimeType.MESSAGE_RSOCKET_ROUTING.getString().equals(entry.getMimeType())) {
        return new RoutingMetadata(entry.getContent()).iterator().next();
      }
    }
    return CharsetUtil.UTF_8.name();
  }
}
