package interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.boot.web.reactive.context.ReactiveWebServerInitializedEvent;
import org.springframework.context.event.EventListener;
import org.springframework.http.HttpStatusCode;
import org.springframework.http.MediaType;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.core.publisher.Mono;

/** Registers at the gateway, says alive, and asks for fragments (protocol section 1). */
@Component
public class GatewayClient {
    static final String NAME = "java-shop";
    private static final Duration ANSWER_TIME = Duration.ofSeconds(2);

    private final WebClient web;
    private final String paths;
    private final ObjectMapper json = new ObjectMapper();
    private volatile String loginKey;

    GatewayClient(
            WebClient.Builder builder,
            @Value("${interop.gateway}") String gateway,
            @Value("${interop.public-key}") String publicKey) {
        web = builder.baseUrl(gateway).build();
        paths = "/h/discovery/" + publicKey;
    }

    @EventListener
    public void listens(ReactiveWebServerInitializedEvent event) {
        int port = event.getWebServer().getPort();
        Thread thread = new Thread(() -> stayRegistered(port), "gateway");
        thread.setDaemon(true);
        thread.start();
        System.out.println("listening on http://127.0.0.1:" + port);
    }

    /** The key that the last registration gave. Null: the gateway has none. */
    String loginKey() {
        return loginKey;
    }

    private void stayRegistered(int port) {
        while (true) {
            try {
                register(port);
                System.out.println("registered");
                do {
                    Thread.sleep(3_000);
                } while (isAlive());
                System.out.println("forgotten");
            } catch (InterruptedException stopped) {
                return;
            } catch (RuntimeException away) {
                System.out.println("not registered: " + away.getMessage());
            }
            try {
                Thread.sleep(1_000);
            } catch (InterruptedException stopped) {
                return;
            }
        }
    }

    private void register(int port) {
        ObjectNode service = json.createObjectNode();
        service.put("webProtocol", "http").put("host", "127.0.0.1").put("port", port).put("socketPort", 0);
        service.put("name", NAME).put("version", 0).put("activeSince", System.currentTimeMillis());
        service.putNull("awakening");
        ArrayNode endpoints = service.putArray("endpoints");
        List.of("/counter", "/with-imports", "/without-imports", "/mixed", "/user", "/clicks", "/where").forEach(endpoints::add);
        service.putArray("sockets");
        service.putArray("staticResources").add("app.js");
        service.putObject("menuItems").putArray("main").addObject().put("endpoint", "/counter").put("label", "Counter");
        JsonNode answer = post("/registration", MediaType.APPLICATION_JSON, service.toString());
        JsonNode key = answer.get("publicKey");
        if (key.isTextual() && key.asText().isEmpty()) {
            throw new IllegalStateException("an empty publicKey");
        }
        if (!answer.get("roleMappings").isObject() || !answer.get("services").isArray()) {
            throw new IllegalStateException("roleMappings or services are not there");
        }
        loginKey = key.isNull() ? null : key.asText();
    }

    private boolean isAlive() {
        MediaType text = new MediaType(MediaType.TEXT_PLAIN, StandardCharsets.UTF_8);
        return call("/alive", text, NAME)
                .map(body -> body.equals("true"))
                .onErrorReturn(false)
                .block();
    }

    /** Asks for fragments. Returns the HTML by id; an id is absent where the answer has null. */
    Mono<Map<String, String>> fragments(Map<String, Object> attributes, List<Map<String, Object>> items) {
        Map<String, List<Map<String, Object>>> requests = new HashMap<>();
        items.forEach(item ->
                requests.computeIfAbsent((String) item.get("service"), name -> new ArrayList<>()).add(item));
        String body = json.valueToTree(Map.of("attributes", attributes, "requests", requests)).toString();
        return call("/requestFragment", MediaType.APPLICATION_JSON, body).map(answer -> {
            Map<String, String> fragments = new HashMap<>();
            for (JsonNode item : read(answer)) {
                if (item.get("renderedHTML").isTextual()) {
                    fragments.merge(item.get("id").asText(), item.get("renderedHTML").asText(), String::concat);
                }
            }
            return fragments;
        });
    }

    private JsonNode post(String path, MediaType type, String body) {
        return read(call(path, type, body).block());
    }

    private Mono<String> call(String path, MediaType type, String body) {
        return web.post()
                .uri(paths + path)
                .contentType(type)
                .accept(MediaType.ALL)
                .bodyValue(body)
                .retrieve()
                .onStatus(status -> !status.isSameCodeAs(HttpStatusCode.valueOf(200)), response ->
                        Mono.error(new IllegalStateException("status " + response.statusCode())))
                .bodyToMono(String.class)
                .timeout(ANSWER_TIME);
    }

    private JsonNode read(String text) {
        try {
            return json.readTree(text);
        } catch (com.fasterxml.jackson.core.JsonProcessingException error) {
            throw new IllegalStateException(error);
        }
    }
}
