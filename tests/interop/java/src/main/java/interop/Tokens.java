package interop;

import com.auth0.jwt.JWT;
import com.auth0.jwt.algorithms.Algorithm;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.RSAPrivateKey;
import java.security.interfaces.RSAPublicKey;
import java.time.Instant;
import java.util.Base64;
import java.util.List;

/** Prints a key and login tokens, as section 5 of the protocol describes them. */
public class Tokens {
    public static void main(String[] arguments) throws GeneralSecurityException {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("RSA");
        generator.initialize(2_048);
        KeyPair keys = generator.generateKeyPair();
        Instant now = Instant.now();
        System.out.println("key " + Base64.getEncoder().encodeToString(keys.getPublic().getEncoded()));
        System.out.println("good " + token(keys, "hydra", now.plusSeconds(600)));
        System.out.println("issuer " + token(keys, "another", now.plusSeconds(600)));
        System.out.println("expired " + token(keys, "hydra", now.minusSeconds(600)));
        System.out.println("forged " + token(generator.generateKeyPair(), "hydra", now.plusSeconds(600)));
    }

    private static String token(KeyPair keys, String issuer, Instant end) {
        Algorithm algorithm =
                Algorithm.RSA256((RSAPublicKey) keys.getPublic(), (RSAPrivateKey) keys.getPrivate());
        return JWT.create()
                .withKeyId("1")
                .withIssuer(issuer)
                .withAudience("interop")
                .withIssuedAt(Instant.now().minusSeconds(30))
                .withExpiresAt(end)
                .withJWTId("1")
                .withClaim("username", "ann")
                .withClaim("userId", 7)
                .withClaim("roles", List.of("ADMIN", "USER"))
                .sign(algorithm);
    }
}
