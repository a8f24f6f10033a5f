//! Recognizes paths that belong to the gateway, however they are spelled (protocol section 4).
#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;

/// Whether some receiver could read the path as one of the gateway's or a service's own: `/h/…`, `/_h/…`, `/login`,
/// `/logout` and `/health`. Percent-encoding (also of itself), `\`, `//`, dot segments and path parameters are undone
/// first; upper and lower case differ.
///
/// `path` begins with `/` and has no query. The check takes time proportional to its length.
pub fn is_reserved(path: &str) -> bool {
    let spells = |byte: u8| matches!(byte, b'%' | b'\\');
    if !path.bytes().any(spells) {
        return belongs_to_gateway(path);
    }
    let decoded = decoded(path.as_bytes());
    // A receiver may drop parameters before it decodes, or afterwards: the first reads `/..;%2Fb/h` as `/../h`, the
    // second as `/../b/h`.
    belongs_to_gateway(&decoded) || belongs_to_gateway(&self::decoded(without_parameters(path).as_bytes()))
}

/// Whether the segments name a path of the gateway. `path` is decoded.
fn belongs_to_gateway(path: &str) -> bool {
    let (mut first, mut depth) = ("", 0_usize);
    for segment in path.split('/') {
        let name = segment.split_once(';').map_or(segment, |(name, _)| name);
        match name {
            "" | "." => {}
            ".." => depth = depth.saturating_sub(1),
            name => {
                if depth == 0 {
                    first = name;
                }
                depth += 1;
            }
        }
    }
    match first {
        "h" | "_h" => depth > 0,
        "login" | "logout" | "health" => depth == 1,
        _ => false,
    }
}

/// The path with all percent-encoding undone, also that of `%` itself, and with `\` as `/`.
fn decoded(path: &[u8]) -> Cow<'_, str> {
    let mut decoded: Vec<u8> = Vec::with_capacity(path.len());
    for byte in path {
        decoded.push(*byte);
        // A decoded character may end another escape: `%252F`.
        while let [.., b'%', high, low] = decoded[..] {
            let (Some(high), Some(low)) = (hex(high), hex(low)) else {
                break;
            };
            decoded.truncate(decoded.len() - 3);
            decoded.push(high << 4 | low);
        }
    }
    for byte in &mut decoded {
        if *byte == b'\\' {
            *byte = b'/';
        }
    }
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// The path without the parameters of its segments, which follow a `;`.
fn without_parameters(path: &str) -> String {
    let names = path
        .split('/')
        .map(|segment| segment.split_once(';').map_or(segment, |(name, _)| name));
    names.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reserved_path_is_reserved_in_every_spelling() {
        for path in [
            "/h",
            "/h/",
            "/h/x",
            "/%68/x",
            "//h/x",
            "/_h/services",
            "/login",
            "/health",
            "/h/%ff",
            // Slashes that are encoded, or backslashes.
            "/h%2Ffragment%2Fhydra%2FrequestFragment",
            "/h%2ffragment",
            "/h%5Cfragment",
            "/h\\fragment",
            "/%2Fh/x",
            "/\\h/x",
            "/%5ch/x",
            // Once, twice, thrice encoded, and in pieces.
            "/%2568/x",
            "/h%252Fx",
            "/%25255Fh/x",
            "/%%36%38/x",
            "/logi%6e",
            "/logi%256e",
            "/%6cogout",
            "/%68ealth",
            // Dot segments.
            "/x/../h/y",
            "/./h/x",
            "/x/%2e%2e/h/y",
            "/x/%252e%252e/h/y",
            "/x/..%2Fh/y",
            "/login/.",
            "/login/x/..",
            // Path parameters, before and after decoding.
            "/h;a=b/x",
            "/login;jsessionid=1",
            "/login%3Bx",
            "/;x/h",
            "/..;/h/x",
            "/x/..;%2Fb/h",
            "/%252e%252e;%252Fb/h",
            // Slashes more.
            "//login",
            "/login/",
            "///health//",
        ] {
            assert!(is_reserved(path), "{path}");
        }
        for path in [
            "/",
            "",
            "*",
            "/help",
            "/hx/y",
            "/x/h",
            "/x/h%2Fy",
            "/login/x",
            "/login%2Fx",
            "/healthy",
            "/H/x",
            "/Login",
            "/%48/x",
            "/{h}",
            "/h%",
            "/h%2",
            "/h%zz/x",
            "/a;h/x",
            "/x/../../y/h",
        ] {
            assert!(!is_reserved(path), "{path}");
        }
    }

    #[test]
    fn a_path_that_is_encoded_very_often_costs_no_more_than_its_length() {
        let often = format!("/%{}68/x", "25".repeat(30_000));
        assert!(is_reserved(&often));
        assert!(!is_reserved(&"/%25".repeat(16_000)));
    }
}
