//! The gateway's side of the handshake with which a channel begins (RFC 6455 section 4.2).
#![deny(clippy::disallowed_methods)]

use http::{
    HeaderMap, HeaderValue,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use hydra_runtime_rsocket::transport::websocket::accept_key;

/// What a request says about a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// It does not ask for one.
    None,
    /// It asks for one with another version than 13, or without a valid key.
    Invalid,
    /// It asks for one. The answer has this in `Sec-WebSocket-Accept`.
    Accept(HeaderValue),
}

/// Reads the headers of a GET request.
#[must_use]
pub fn handshake(headers: &HeaderMap) -> Handshake {
    if !lists(headers, &UPGRADE, "websocket") || !lists(headers, &CONNECTION, "upgrade") {
        return Handshake::None;
    }
    let one = |name| {
        let mut values = headers.get_all(name).iter();
        values.next().filter(|_| values.next().is_none())
    };
    let is_13 = one(SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    // 16 bytes in base64.
    let is_key = |key: &&HeaderValue| {
        let key = key.as_bytes();
        key.len() == 24
            && key.ends_with(b"==")
            && key[..22]
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    };
    let key = one(SEC_WEBSOCKET_KEY).filter(is_key).filter(|_| is_13);
    let accept = key.and_then(|key| HeaderValue::try_from(accept_key(key.as_bytes())).ok());
    accept.map_or(Handshake::Invalid, Handshake::Accept)
}

/// Whether a header lists a word.
fn lists(headers: &HeaderMap, name: impl http::header::AsHeaderName, word: &str) -> bool {
    let values = headers.get_all(name);
    let texts = values.iter().filter_map(|value| value.to_str().ok());
    texts
        .flat_map(|text| text.split(','))
        .any(|part| part.trim().eq_ignore_ascii_case(word))
}
