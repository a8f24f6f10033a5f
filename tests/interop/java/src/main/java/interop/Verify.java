package interop;

import com.auth0.jwt.JWT;
import com.auth0.jwt.algorithms.Algorithm;
import com.auth0.jwt.exceptions.JWTVerificationException;
import com.auth0.jwt.interfaces.DecodedJWT;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.interfaces.RSAPublicKey;
import java.security.spec.X509EncodedKeySpec;
import java.util.Base64;

/** Verifies logins as clients of protocol 1 do: arguments are pairs of a registration's public key and a token. */
public class Verify {
    public static void main(String[] arguments) throws GeneralSecurityException {
        for (int at = 0; at + 1 < arguments.length; at += 2) {
            System.out.println("login " + verified(arguments[at], arguments[at + 1]));
        }
    }

    private static String verified(String key, String token) throws GeneralSecurityException {
        X509EncodedKeySpec der = new X509EncodedKeySpec(Base64.getDecoder().decode(key));
        RSAPublicKey publicKey = (RSAPublicKey) KeyFactory.getInstance("RSA").generatePublic(der);
        try {
            DecodedJWT login = JWT.require(Algorithm.RSA256(publicKey, null)).withIssuer("hydra").build().verify(token);
            return String.join(
                    " ",
                    login.getAlgorithm(),
                    login.getClaim("username").asString(),
                    String.valueOf(login.getClaim("userId").asLong()),
                    login.getClaim("roles").asList(String.class).toString(),
                    login.getClaim("email").asString(),
                    login.getAudience().toString());
        } catch (JWTVerificationException refusal) {
            return "refused: " + refusal.getClass().getSimpleName();
        }
    }
}
