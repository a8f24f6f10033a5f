//! The paths of the protocol (sections 1 and 6). Most contain the public key of the installation.
#![deny(clippy::disallowed_methods)]

pub mod reserved;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The characters that a path segment must not contain unencoded.
pub const IN_SEGMENT: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'`')
    .add(b'{')
    .add(b'}')
    .add(b'*');

/// The route at which a service answers requests for fragments.
pub const FRAGMENTS: &str = "/h/fragment/{key}/requestFragment";
/// The route at which a service takes the forms of its fragments (protocol section 9).
pub const ACTION: &str = "/h/action/{key}";
/// The route at which a gateway accepts registrations.
pub const REGISTRATION: &str = "/h/discovery/{key}/registration";
/// The route at which a gateway accepts heartbeats.
pub const ALIVE: &str = "/h/discovery/{key}/alive";
/// The route at which a gateway answers requests for fragments.
pub const RESOLVE: &str = "/h/discovery/{key}/requestFragment";
/// The route of a gateway's overview.
pub const OVERVIEW: &str = "/h/discovery/{key}/overview";
/// The route of the contracts of all services.
pub const CONTRACTS: &str = "/h/discovery/{key}/contracts";

/// The route at which a gateway accepts the channels of services (protocol section 7).
pub const CHANNEL: &str = "/h/channel/{key}";
/// The route at which a gateway passes calls for fragments of other gateways on over the channels that end there.
pub const RELAY: &str = "/h/channel/{key}/requestFragment";

/// The route at which a gateway passes forms of other gateways on over the channels that end there.
pub const RELAY_ACTION: &str = "/h/channel/{key}/action";

/// The path of a route in the installation with this public key.
#[must_use]
pub fn of(route: &str, public_key: &str) -> String {
    let key = utf8_percent_encode(public_key, IN_SEGMENT).to_string();
    route.replace("{key}", &key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_one_segment_of_the_path() {
        for (key, expected) in [
            ("K", "/h/discovery/K/alive"),
            ("a b", "/h/discovery/a%20b/alive"),
            ("{key}", "/h/discovery/%7Bkey%7D/alive"),
            ("é%*", "/h/discovery/%C3%A9%25%2A/alive"),
        ] {
            assert_eq!(of(ALIVE, key), expected, "{key}");
        }
    }
}
