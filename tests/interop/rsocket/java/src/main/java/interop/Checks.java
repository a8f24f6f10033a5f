package interop;

import io.netty.buffer.ByteBufAllocator;
import io.rsocket.Payload;
import io.rsocket.RSocket;
import io.rsocket.exceptions.ApplicationErrorException;
import io.rsocket.exceptions.RejectedException;
import io.rsocket.metadata.CompositeMetadataCodec;
import io.rsocket.metadata.TaggingMetadataCodec;
import io.rsocket.metadata.WellKnownMimeType;
import io.rsocket.util.DefaultPayload;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.BooleanSupplier;
import org.reactivestreams.Subscription;
import reactor.core.publisher.BaseSubscriber;
import reactor.core.publisher.Flux;

/** What each implementation requests of the other, and what must come of it. */
final class Checks {
  private static final Duration WAIT = Duration.ofSeconds(20);
  private final RSocket requester;
  private int count = 0;

  Checks(RSocket requester) {
    this.requester = requester;
  }

  int all() throws InterruptedException {
    Payload echo = requester.requestResponse(DefaultPayload.create("hello", "meta")).block(WAIT);
    holds("an answer", echo.getDataUtf8().equals("hello") && echo.getMetadataUtf8().equals("meta"));
    holds("an empty answer", ask("").isEmpty());
    holds("a long answer", ask("bytes:200000").length() == 200_000);
    String large = "y".repeat(150_000);
    holds("a long request", ask(large).equals(large));
    holds("a route", ask(routed()).equals("interop.route"));
    holds("an error", error("fail") instanceof ApplicationErrorException e && e.getMessage().contains("failed as asked"));
    holds("a rejection", error("reject") instanceof RejectedException);
    List<String> many = Flux.range(0, 200).flatMap(i -> requester.requestResponse(DefaultPayload.create("n" + i)), 64).map(Payload::getDataUtf8).collectList().block(WAIT);
    holds("200 requests, 64 at once", many.size() == 200);
    List<String> numbers = requester.requestStream(DefaultPayload.create("count:100")).limitRate(8).map(Payload::getDataUtf8).collectList().block(WAIT);
    holds("a stream", numbers.size() == 100 && numbers.get(99).equals("99"));
    Throwable end = requester.requestStream(DefaultPayload.create("fail")).then().materialize().block(WAIT).getThrowable();
    holds("a stream that fails", end instanceof ApplicationErrorException);
    credit();
    List<String> channel = requester.requestChannel(Flux.range(0, 20).map(i -> DefaultPayload.create("c" + i))).map(Payload::getDataUtf8).collectList().block(WAIT);
    holds("a channel", channel.size() == 20 && channel.get(19).equals("re:c19"));
    requester.fireAndForget(DefaultPayload.create("forget me")).block(WAIT);
    until("a request without answer", () -> ask("forgotten?").equals("forget me"));
    requester.metadataPush(DefaultPayload.create("", "pushed")).block(WAIT);
    until("pushed metadata", () -> ask("pushed?").equals("pushed"));
    int before = Integer.parseInt(ask("cancelled?"));
    requester.requestResponse(DefaultPayload.create("never")).timeout(Duration.ofMillis(200)).onErrorResume(e -> reactor.core.publisher.Mono.empty()).block(WAIT);
    until("a cancelled request", () -> Integer.parseInt(ask("cancelled?")) > before);
    Thread.sleep(10_500);
    holds("10 s of silence but for KEEPALIVE", ask("alive").equals("alive"));
    return count;
  }

  private void credit() {
    int before = Integer.parseInt(ask("cancelled?"));
    AtomicInteger arrived = new AtomicInteger();
    BaseSubscriber<Payload> subscriber =
        new BaseSubscriber<>() {
          @Override
          protected void hookOnSubscribe(Subscription subscription) {
            subscription.request(5);
          }

          @Override
          protected void hookOnNext(Payload payload) {
            arrived.incrementAndGet();
          }
        };
    requester.requestStream(DefaultPayload.create("forever")).subscribe(subscriber);
    until("5 of a stream", () -> arrived.get() == 5);
    ask("a request later");
    holds("no more than 5 without credit", arrived.get() == 5);
    subscriber.request(3);
    until("3 more", () -> arrived.get() == 8);
    subscriber.cancel();
    until("a cancelled stream", () -> Integer.parseInt(ask("cancelled?")) > before);
  }

  private Payload routed() {
    var allocator = ByteBufAllocator.DEFAULT;
    var metadata = allocator.compositeBuffer();
    var route = TaggingMetadataCodec.createTaggingContent(allocator, List.of("interop.route", "another"));
    CompositeMetadataCodec.encodeAndAddMetadata(metadata, allocator, "text/x.unknown", allocator.buffer().writeByte(1));
    CompositeMetadataCodec.encodeAndAddMetadata(metadata, allocator, WellKnownMimeType.MESSAGE_RSOCKET_ROUTING, route);
    byte[] bytes = new byte[metadata.readableBytes()];
    metadata.readBytes(bytes);
    return DefaultPayload.create("route?".getBytes(StandardCharsets.UTF_8), bytes);
  }

  private String ask(String text) {
    return ask(DefaultPayload.create(text));
  }

  private String ask(Payload request) {
    return requester.requestResponse(request).block(WAIT).getDataUtf8();
  }

  private Throwable error(String text) {
    return requester.requestResponse(DefaultPayload.create(text)).materialize().block(WAIT).getThrowable();
  }

  private void until(String what, BooleanSupplier condition) {
    long end = System.nanoTime() + WAIT.toNanos();
    boolean holds = condition.getAsBoolean();
    while (!holds && System.nanoTime() < end) {
      try {
        Thread.sleep(20);
      } catch (InterruptedException interrupted) {
        throw new IllegalStateException(interrupted);
      }
      holds = condition.getAsBoolean();
    }
    holds(what, holds);
  }

  private void holds(String what, boolean holds) {
    if (!holds) {
      throw new AssertionError("does not hold: " + what);
    }
    count++;
  }
}
