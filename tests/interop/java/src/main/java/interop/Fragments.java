package interop;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.springframework.beans.factory.annotation.Value;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseEntity;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RestController;

/** Gives fragments to pages of other services (protocol section 2). */
@RestController
public class Fragments {
    record Call(Map<String, Object> attributes, List<Item> requests) {}

    record Item(String id, String service, String ref, List<String> imports, List<String> exports, String fallback) {}

    record Rendered(String renderedHTML, String id) {}

    private final String publicKey;
    private final Counter counter;

    Fragments(@Value("${interop.public-key}") String publicKey, Counter counter) {
        this.publicKey = publicKey;
        this.counter = counter;
    }

    /** One fragment that is unknown or throws costs the whole call: Spring answers 500. */
    @PostMapping("/h/fragment/{key}/requestFragment")
    ResponseEntity<List<Rendered>> requestFragment(@PathVariable String key, @RequestBody Call call) {
        if (!key.equals(publicKey)) {
            return ResponseEntity.status(HttpStatus.NOT_FOUND).body(List.of());
        }
        System.out.println("call " + call.requests().stream().map(Item::ref).toList());
        List<Rendered> rendered = new ArrayList<>();
        for (Item item : call.requests()) {
            rendered.add(new Rendered(render(item, model(call, item)), item.id()));
        }
        return ResponseEntity.ok(rendered);
    }

    /** A newer owner takes what `imports` lists and nothing else, and throws where it is null. */
    private static Map<String, Object> model(Call call, Item item) {
        Map<String, Object> model = new TreeMap<>();
        for (String name : item.imports()) {
            if (!call.attributes().containsKey(name)) {
                throw new IllegalStateException("no attribute " + name);
            }
            model.put(name, call.attributes().get(name));
        }
        return model;
    }

    private String render(Item item, Map<String, Object> model) {
        return switch (item.ref()) {
            case "counter" -> "<b>counter=" + counter.value() + "</b>";
            case "echo" -> "<i>echo=" + model + "</i>";
            case "throws" -> throw new IllegalStateException("this fragment always throws");
            default -> throw new IllegalArgumentException("no fragment " + item.ref());
        };
    }
}
