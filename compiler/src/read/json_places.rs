//! Finds where a member of a JSON text stands. The text has been read as JSON before.
#![deny(clippy::disallowed_methods)]

use crate::{source::Span, within::Within};

/// A member of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct MemberPlace {
    /// Its name, with the quotes.
    pub(super) name: Span,
    /// Its value.
    pub(super) value: Span,
}

/// The member to which these names lead from the outermost object. `None`: the text has no such member.
pub(super) fn member(text: &str, path: &[String]) -> Option<MemberPlace> {
    let mut within = 0;
    let mut found = None;
    for name in path {
        let place = member_of(text, within, name)?;
        within = place.value.start as usize;
        found = Some(place);
    }
    found
}

/// The member `name` of the object at or behind `at`.
fn member_of(text: &str, at: usize, name: &str) -> Option<MemberPlace> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, at);
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    loop {
        at = skip_space(bytes, at + 1);
        let key = Span::new(at, string_end(bytes, at)?);
        let colon = skip_space(bytes, key.end as usize);
        let start = skip_space(bytes, colon + 1);
        let end = value_end(bytes, start)?;
        let written: Option<String> = serde_json::from_str(text.get(key.range())?).ok();
        if written.as_deref() == Some(name) {
            let value = Span::new(start, end);
            return Some(MemberPlace { name: key, value });
        }
        at = skip_space(bytes, end);
        if bytes.get(at) != Some(&b',') {
            return None;
        }
    }
}

fn skip_space(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count()
}

/// The end of the string at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// The end of the value at `at`.
fn value_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    let mut at = at;
    loop {
        match *bytes.get(at)? {
            b'"' => at = string_end(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' => {
                at += 1;
                continue;
            }
            byte if byte.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            _ => at += scalar(bytes.within(at..)),
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// How long a number, `true`, `false` or `null` is.
fn scalar(rest: &[u8]) -> usize {
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || b",]}:".contains(byte);
    rest.iter().position(is_end).unwrap_or(rest.len()).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_by_their_names() {
        let text = r#" {"a": {"import": [1, {"b": "}"}], "b\"c" : -1.5e3}, "b": {"a" :true}, "c": {}, "d": "é\\" } "#;
        for (path, expected) in [
            (
                &["a"][..],
                Some(("\"a\"", r#"{"import": [1, {"b": "}"}], "b\"c" : -1.5e3}"#)),
            ),
            (&["a", "import"], Some(("\"import\"", r#"[1, {"b": "}"}]"#))),
            (&["a", "b\"c"], Some((r#""b\"c""#, "-1.5e3"))),
            (&["b", "a"], Some(("\"a\"", "true"))),
            (&["c"], Some(("\"c\"", "{}"))),
            (&["d"], Some(("\"d\"", r#""é\\""#))),
            (&["c", "a"], None),
            (&["a", "import", "b"], None),
            (&["x"], None),
            (&[], None),
        ] {
            let path: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
            let found = member(text, &path);
            let found = found.map(|place| (&text[place.name.range()], &text[place.value.range()]));
            assert_eq!(found, expected, "{path:?}");
        }
        for broken in [
            "",
            "{",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":[",
            "{\"a\":\"\\",
            "[]",
            "7",
        ] {
            assert_eq!(member(broken, &["a".to_owned()]), None, "{broken}");
        }
    }
}
