//! What a provider says about itself (OpenID Connect Discovery 1.0 section 3).
#![deny(clippy::disallowed_methods)]

use serde::Deserialize;
use url::Url;

use crate::config::openid::is_safe;

/// The addresses of a provider, and what it supports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoints {
    pub(super) authorization: Url,
    pub(super) token: Url,
    pub(super) keys: Url,
    pub(super) userinfo: Option<Url>,
    pub(super) end_session: Option<Url>,
    /// Whether the client's password stands in the form, and not in `Authorization`.
    pub(super) secret_in_form: bool,
    /// Whether each answer to the browser names the issuer (RFC 9207 section 3).
    pub(super) names_issuer: bool,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    #[serde(default)]
    userinfo_endpoint: Option<String>,
    #[serde(default)]
    end_session_endpoint: Option<String>,
    #[serde(default)]
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// The address at which a provider says that.
pub(super) fn address(issuer: &str) -> String {
    format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    )
}

/// Reads what the provider `issuer` says.
///
/// # Errors
/// Why it can't be used, for the operator.
pub(super) fn read(text: &[u8], issuer: &str) -> Result<Endpoints, String> {
    let metadata: Metadata = serde_json::from_slice(text)
        .map_err(|error| format!("it is not a description of a provider: {error}"))?;
    // Section 4.3: otherwise another provider could issue tokens in this one's name.
    if metadata.issuer != issuer {
        return Err(format!(
            "the provider calls itself `{}`: write exactly this as `issuer`",
            hydra_runtime_wire::lines::cut(&metadata.issuer).escape_debug()
        ));
    }
    let is_local = issuer.starts_with("http:");
    let endpoint = |name: &str, text: &str| {
        let url = Url::parse(text).ok().filter(is_safe);
        let url = url.filter(|url| is_local || url.scheme() == "https");
        url.ok_or_else(|| format!("`{name}` is not an https address"))
    };
    let optional = |name: &str, text: Option<String>| text.map(|text| endpoint(name, &text)).transpose();
    // OpenID Connect Core 1.0 section 9: the default is the header.
    let methods = metadata.token_endpoint_auth_methods_supported;
    let supports = |method: &str| {
        methods
            .as_ref()
            .is_none_or(|all| all.iter().any(|one| one == method))
    };
    Ok(Endpoints {
        authorization: endpoint("authorization_endpoint", &metadata.authorization_endpoint)?,
        token: endpoint("token_endpoint", &metadata.token_endpoint)?,
        keys: endpoint("jwks_uri", &metadata.jwks_uri)?,
        userinfo: optional("userinfo_endpoint", metadata.userinfo_endpoint)?,
        end_session: optional("end_session_endpoint", metadata.end_session_endpoint)?,
        secret_in_form: !supports("client_secret_basic") && supports("client_secret_post"),
        names_issuer: metadata.authorization_response_iss_parameter_supported,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const ISSUER: &str = "https://login.example/realms/shop";

    fn said() -> Value {
        json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://login.example/auth",
            "token_endpoint": "https://login.example/token",
            "jwks_uri": "https://keys.example/jwks",
        })
    }

    fn with(name: &str, value: Value) -> Result<Endpoints, String> {
        let mut said = said();
        said[name] = value;
        read(said.to_string().as_bytes(), ISSUER)
    }

    #[test]
    fn the_description_of_a_provider() {
        let endpoints = read(said().to_string().as_bytes(), ISSUER).expect("good");
        assert_eq!(endpoints.keys.as_str(), "https://keys.example/jwks");
        assert!(!endpoints.secret_in_form && !endpoints.names_issuer && endpoints.userinfo.is_none());
        let only = |methods: Value| with("token_endpoint_auth_methods_supported", methods);
        for (methods, expected) in [
            (json!(["client_secret_post"]), true),
            (json!(["client_secret_post", "client_secret_basic"]), false),
            (json!(["private_key_jwt"]), false),
            (json!(null), false),
        ] {
            assert_eq!(
                only(methods.clone()).expect("good").secret_in_form,
                expected,
                "{methods}"
            );
        }
        assert_eq!(
            address("https://login.example/x/"),
            "https://login.example/x/.well-known/openid-configuration"
        );
    }

    #[test]
    fn descriptions_that_can_not_be_used() {
        for (name, value, expected) in [
            (
                "issuer",
                json!("https://login.example/realms/Shop"),
                "calls itself",
            ),
            (
                "issuer",
                json!("https://login.example/realms/shop/"),
                "calls itself",
            ),
            ("issuer", json!(7), "not a description"),
            (
                "token_endpoint",
                json!("http://login.example/token"),
                "`token_endpoint`",
            ),
            (
                "token_endpoint",
                json!("http://127.0.0.1/token"),
                "`token_endpoint`",
            ),
            ("token_endpoint", json!("/token"), "`token_endpoint`"),
            ("jwks_uri", json!("file:///etc/passwd"), "`jwks_uri`"),
            (
                "authorization_endpoint",
                json!("javascript:alert(1)"),
                "`authorization_endpoint`",
            ),
            (
                "userinfo_endpoint",
                json!("https://a:b@login.example/"),
                "`userinfo_endpoint`",
            ),
            ("end_session_endpoint", json!(""), "`end_session_endpoint`"),
        ] {
            let error = with(name, value).expect_err(name);
            assert!(error.contains(expected), "{error}");
        }
        for text in ["", "null", "[]", "<html>", "{}"] {
            assert!(read(text.as_bytes(), ISSUER).is_err(), "{text}");
        }
    }
}
