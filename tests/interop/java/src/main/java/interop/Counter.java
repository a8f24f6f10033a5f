package interop;

import java.util.Map;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.HandlerMapping;
import org.springframework.web.reactive.handler.SimpleUrlHandlerMapping;
import org.springframework.web.reactive.socket.WebSocketHandler;

/** Numbers in the memory of this instance. A WebSocket changes them. */
@Component
public class Counter {
    private final AtomicInteger value = new AtomicInteger();

    int value() {
        return value.get();
    }

    private final Map<String, AtomicInteger> clicks = new ConcurrentHashMap<>();

    /** Remembers a visitor, in the memory of this instance only. */
    String newVisitor() {
        String visitor = UUID.randomUUID().toString();
        clicks.put(visitor, new AtomicInteger());
        return visitor;
    }

    /** The answer to a click of a visitor: how many there were, if this instance knows the visitor. */
    private String clicked(String visitor) {
        AtomicInteger count = clicks.get(visitor);
        return count == null ? "unknown" : "clicks=" + count.incrementAndGet();
    }

    private String answer(String message) {
        String click = "click ";
        return message.startsWith(click)
                ? clicked(message.substring(click.length()))
                : "counter=" + value.incrementAndGet();
    }

    @Configuration
    static class Socket {
        /** Each message adds one, to the number of a visitor if it names one; the answer is the new value. */
        @Bean
        HandlerMapping socket(Counter counter) {
            WebSocketHandler handler = session -> session.send(session.receive()
                    .map(message -> session.textMessage(counter.answer(message.getPayloadAsText()))));
            return new SimpleUrlHandlerMapping(Map.of("/socket", handler), -1);
        }
    }
}
