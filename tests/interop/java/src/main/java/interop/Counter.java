package interop;

import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.HandlerMapping;
import org.springframework.web.reactive.handler.SimpleUrlHandlerMapping;
import org.springframework.web.reactive.socket.WebSocketHandler;

/** A number in the memory of this instance. A WebSocket changes it. */
@Component
public class Counter {
    private final AtomicInteger value = new AtomicInteger();

    int value() {
        return value.get();
    }

    @Configuration
    static class Socket {
        /** Each message adds one; the answer is the new value. */
        @Bean
        HandlerMapping socket(Counter counter) {
            WebSocketHandler handler = session -> session.send(session.receive()
                    .map(message -> session.textMessage("counter=" + counter.value.incrementAndGet())));
            return new SimpleUrlHandlerMapping(Map.of("/socket", handler), -1);
        }
    }
}
