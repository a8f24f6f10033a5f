package interop;

import com.auth0.jwt.JWT;
import com.auth0.jwt.algorithms.Algorithm;
import com.auth0.jwt.exceptions.JWTVerificationException;
import com.auth0.jwt.interfaces.DecodedJWT;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.springframework.web.bind.annotation.CookieValue;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/** The pages of this application. */
@RestController
public class Pages {
    private static final Map<String, Object> ATTRIBUTES =
            Map.of("who", "Ann", "basketProduct", Map.of("id", 7), "secret", "not for all");

    private final GatewayClient gateway;
    private final Counter counter;

    Pages(GatewayClient gateway, Counter counter) {
        this.gateway = gateway;
        this.counter = counter;
    }

    @GetMapping(path = "/counter", produces = "text/html")
    String counter() {
        return "<p>counter=" + counter.value() + "</p>";
    }

    /** Remembers its visitor in memory. Each click goes over a WebSocket of its own. */
    @GetMapping(path = "/clicks", produces = "text/html")
    String clicks() {
        return """
                <!DOCTYPE html><title>Clicks</title><button>Click</button> <output></output>
                <script>
                document.querySelector("button").onclick = () => {
                    const socket = new WebSocket("ws://" + location.host + "/java-shop/socket");
                    socket.onopen = () => socket.send("click %s");
                    socket.onmessage = (message) => {
                        document.querySelector("output").textContent = message.data;
                        socket.close();
                    };
                };
                </script>""".formatted(counter.newVisitor());
    }

    /** Which process this is. */
    @GetMapping(path = "/where", produces = "text/plain")
    String where() {
        return String.valueOf(ProcessHandle.current().pid());
    }

    /** In the words of the tag, with an alias and a path. */
    @GetMapping(path = "/with-imports", produces = "text/html")
    Mono<String> withImports() {
        return page(
                item("rust", "greeting", List.of("who as name")),
                item("java-shop", "echo", List.of("basketProduct.id as id")),
                item("java-shop", "echo", List.of()));
    }

    /** A client that cannot state imports: the member is absent. */
    @GetMapping(path = "/without-imports", produces = "text/html")
    Mono<String> withoutImports() {
        return page(item("rust", "greeting", null), item("java-shop", "echo", null));
    }

    @GetMapping(path = "/mixed", produces = "text/html")
    Mono<String> mixed() {
        return page(
                item("java-shop", "counter", null),
                item("java-shop", "throws", null),
                item("java-shop", "unknown", null),
                item("java-shop", "echo", null),
                item("gone", "list", null));
    }

    /** Verifies the login token as clients of protocol 1 do. */
    @GetMapping(path = "/user", produces = "text/html")
    String user(@CookieValue(name = "HYDRA-SSO", required = false) String token) throws GeneralSecurityException {
        if (token == null || gateway.loginKey() == null) {
            return "no login";
        }
        byte[] der = Base64.getDecoder().decode(gateway.loginKey());
        RSAPublicKey key = (RSAPublicKey) KeyFactory.getInstance("RSA").generatePublic(new X509EncodedKeySpec(der));
        try {
            DecodedJWT login =
                    JWT.require(Algorithm.RSA256(key, null)).withIssuer("hydra").build().verify(token);
            String name = login.getClaim("username").asString();
            return "user=" + name + " roles=" + login.getClaim("roles").asList(String.class);
        } catch (JWTVerificationException refused) {
            return "refused: " + refused.getClass().getSimpleName();
        }
    }

    private static Map<String, Object> item(String service, String ref, List<String> imports) {
        Map<String, Object> item = new HashMap<>(Map.of("service", service, "ref", ref, "fallback", "no " + ref));
        if (imports != null) {
            item.put("imports", imports);
            item.put("exports", List.of());
        }
        return item;
    }

    @SafeVarargs
    private Mono<String> page(Map<String, Object>... items) {
        List<Map<String, Object>> asked = new ArrayList<>();
        for (Map<String, Object> item : items) {
            item.put("id", "$#FRGM-" + asked.size());
            asked.add(item);
        }
        return gateway.fragments(ATTRIBUTES, asked).onErrorReturn(Map.of()).map(fragments -> {
            StringBuilder html = new StringBuilder("<h1>Java</h1>");
            for (Map<String, Object> item : asked) {
                html.append(fragments.getOrDefault((String) item.get("id"), (String) item.get("fallback")));
                html.append('|');
            }
            return html.toString();
        });
    }
}
