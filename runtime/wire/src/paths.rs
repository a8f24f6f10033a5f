//! The paths of the protocol (sections 1 and 6). The public key of the installation is a segment of each.
#![deny(clippy::disallowed_methods)]

pub mod reserved;

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// What may not stand in a path segment as it is.
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

/// Where a service is asked for its fragments, as a route.
pub const FRAGMENTS: &str = "/h/fragment/{key}/requestFragment";
/// Where a gateway takes a registration, as a route.
pub const REGISTRATION: &str = "/h/discovery/{key}/registration";
/// Where a gateway hears that a service is alive, as a route.
pub const ALIVE: &str = "/h/discovery/{key}/alive";
/// Where a gateway is asked for the fragments of a page, as a route.
pub const RESOLVE: &str = "/h/discovery/{key}/requestFragment";
/// Where a gateway tells its overview, as a route.
pub const OVERVIEW: &str = "/h/discovery/{key}/overview";

/// The path of a route in the installation that `public_key` names.
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
