//! Path patterns of services (protocol section 1): `{name}` and `*` match one segment or a part of one; `**`, which may only be
//! the last segment, matches any number of segments, also none.
#![deny(clippy::disallowed_methods)]

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use crate::limits::{MAX_PATTERN_BYTES, MAX_PATTERN_SEGMENTS};

/// One part of a pattern, between two slashes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Segment {
    /// This text, percent-decoded.
    Literal(Box<str>),
    /// Text in which each `*` matches any number of characters: `*.html`.
    Glob(Box<str>),
    /// Any one segment.
    One,
    /// Any number of segments, including none. It is always the last one.
    Rest,
}

/// Why a pattern is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPattern {
    /// It does not start with `/`.
    #[error("it does not start with `/`")]
    NoSlash,
    /// It is too long.
    #[error("it is longer than {MAX_PATTERN_BYTES} bytes")]
    TooLong,
    /// It has too many segments.
    #[error("it has more than {MAX_PATTERN_SEGMENTS} segments")]
    TooManySegments,
    /// A brace has no partner in its segment.
    #[error("a `{{` or `}}` has no partner in its segment")]
    Braces,
    /// `**` stands before another segment.
    #[error("`**` may only be the last segment")]
    RestInside,
    /// A segment is `.` or `..`.
    #[error("it holds a `.` or `..` segment")]
    Dots,
    /// A character cannot stand in a path.
    #[error("it holds a control character, a space, `?`, `#` or bytes that are not UTF-8")]
    BadCharacter,
}

/// Parses a pattern. Two patterns that match the same paths give the same segments.
pub fn parse(text: &str) -> Result<Box<[Segment]>, BadPattern> {
    if text.len() > MAX_PATTERN_BYTES {
        return Err(BadPattern::TooLong);
    }
    let rest = text.strip_prefix('/').ok_or(BadPattern::NoSlash)?;
    if rest.is_empty() {
        return Ok(Box::new([]));
    }
    let parts = split_outside_braces(rest)?;
    if parts.len() > MAX_PATTERN_SEGMENTS {
        return Err(BadPattern::TooManySegments);
    }
    let last = parts.len() - 1;
    parts
        .iter()
        .enumerate()
        .map(|(at, part)| match segment(part)? {
            Segment::Rest if at != last => Err(BadPattern::RestInside),
            segment => Ok(segment),
        })
        .collect()
}

/// The pattern as one text: the same for all patterns that match the same paths.
pub fn key(segments: &[Segment]) -> String {
    let mut key = String::new();
    for segment in segments {
        key.push('/');
        match segment {
            Segment::Literal(text) => push_literal(&mut key, text),
            Segment::Glob(text) => key.push_str(text),
            Segment::One => key.push('*'),
            Segment::Rest => key.push_str("**"),
        }
    }
    if key.is_empty() { "/".to_owned() } else { key }
}

/// The key of the pattern that consists of these literals.
pub fn literal_key(segments: &[Cow<'_, str>]) -> String {
    let mut key = String::new();
    for segment in segments {
        key.push('/');
        push_literal(&mut key, segment);
    }
    if key.is_empty() { "/".to_owned() } else { key }
}

fn push_literal(key: &mut String, text: &str) {
    // A literal star must not look like a pattern, nor a literal slash like the end of a segment.
    key.push_str(&text.replace('%', "%25").replace('*', "%2A").replace('/', "%2F"));
}

/// A segment of a request's path, percent-decoded. `None`: it is not UTF-8, or a receiver could read it as a step out
/// of the folder.
pub fn decode(segment: &str) -> Option<Cow<'_, str>> {
    let text = percent_decode_str(segment).decode_utf8().ok()?;
    let escapes = text.split(['/', '\\']).any(|part| {
        // Some servers drop the text after a `;`.
        let name = part.split_once(';').map_or(part, |(name, _)| name);
        name == "." || name == ".."
    });
    (!escapes && !text.contains('\0')).then_some(text)
}

/// Whether `text` matches `glob`, in which each `*` stands for any number of characters.
pub fn glob_matches(glob: &str, text: &str) -> bool {
    let mut parts = glob.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn split_outside_braces(text: &str) -> Result<Vec<&str>, BadPattern> {
    let (mut depth, mut start, mut parts) = (0_u32, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1).ok_or(BadPattern::Braces)?,
            '/' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            '/' => return Err(BadPattern::Braces),
            _ => {}
        }
    }
    parts.push(&text[start..]);
    if depth == 0 {
        Ok(parts)
    } else {
        Err(BadPattern::Braces)
    }
}

fn segment(part: &str) -> Result<Segment, BadPattern> {
    let is_rest_variable = part.starts_with("{*") && part.ends_with('}') && part.matches('{').count() == 1;
    if part == "**" || is_rest_variable {
        return Ok(Segment::Rest);
    }
    let (text, has_variable) = without_variables(part);
    if text.contains([' ', '?', '#']) {
        return Err(BadPattern::BadCharacter);
    }
    let text = percent_decode_str(&text)
        .decode_utf8()
        .map_err(|_| BadPattern::BadCharacter)?;
    if text.chars().any(|c| c.is_control() || c == '\\') {
        return Err(BadPattern::BadCharacter);
    }
    if text == "." || text == ".." || text.contains('/') {
        return Err(BadPattern::Dots);
    }
    Ok(match &*text {
        "*" => Segment::One,
        text if has_variable || part.contains('*') => Segment::Glob(text.into()),
        text => Segment::Literal(text.into()),
    })
}

/// The segment with a `*` for each `{variable}` and its regular expression, which only the service checks.
fn without_variables(part: &str) -> (String, bool) {
    let (mut depth, mut found, mut text) = (0_u32, false, String::with_capacity(part.len()));
    for c in part.chars() {
        match c {
            '{' => {
                if depth == 0 {
                    text.push('*');
                }
                found = true;
                depth += 1;
            }
            '}' => depth = depth.saturating_sub(1),
            _ if depth == 0 => text.push(c),
            _ => {}
        }
    }
    while text.contains("**") {
        text = text.replace("**", "*");
    }
    (text, found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_and_their_keys() {
        for (text, expected) in [
            ("/", "/"),
            ("/detail/{id}", "/detail/*"),
            ("/detail/*", "/detail/*"),
            ("/old/**", "/old/**"),
            ("/old/{*path}", "/old/**"),
            ("/a/{id:[0-9]{1,3}}/b", "/a/*/b"),
            ("/img-{n}.png", "/img-*.png"),
            ("/{a}{b}", "/*"),
            ("/caf%C3%A9", "/café"),
            ("/a%2Ab", "/a%2Ab"),
            ("/a/", "/a/"),
        ] {
            assert_eq!(
                parse(text).map(|segments| key(&segments)).as_deref(),
                Ok(expected),
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (text, expected) in [
            ("", BadPattern::NoSlash),
            ("a", BadPattern::NoSlash),
            ("/{a", BadPattern::Braces),
            ("/a}", BadPattern::Braces),
            ("/{a/b}", BadPattern::Braces),
            ("/**/b", BadPattern::RestInside),
            ("/a/../b", BadPattern::Dots),
            ("/%2e%2e", BadPattern::Dots),
            ("/a%2Fb", BadPattern::Dots),
            ("/a b", BadPattern::BadCharacter),
            ("/a?b", BadPattern::BadCharacter),
            ("/a%00", BadPattern::BadCharacter),
            ("/a%FF", BadPattern::BadCharacter),
        ] {
            assert_eq!(parse(text), Err(expected), "{text:?}");
        }
        assert_eq!(parse(&"/a".repeat(33)), Err(BadPattern::TooManySegments));
        assert_eq!(parse(&format!("/{}", "a".repeat(2000))), Err(BadPattern::TooLong));
    }

    #[test]
    fn globs() {
        for (glob, text, expected) in [
            ("*.html", "a.html", true),
            ("*.html", ".html", true),
            ("*.html", "a.htm", false),
            ("a*b", "ab", true),
            ("ab*b", "ab", false),
            ("a*b*c", "axbxc", true),
            ("a*b*c", "acb", false),
            ("plain", "plain", true),
            ("plain", "plainer", false),
        ] {
            assert_eq!(glob_matches(glob, text), expected, "{glob} {text}");
        }
    }

    #[test]
    fn segments_that_step_out_are_refused() {
        for segment in ["..", "%2e%2E", "a%2f..%2fb", "..%5c", "%00", "%ff", ".", "..;x"] {
            assert_eq!(decode(segment), None, "{segment}");
        }
        assert_eq!(decode("a%20b..").as_deref(), Some("a b.."));
    }
}
