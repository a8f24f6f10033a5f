//! Counts what looks wrong in a text. Of several ways to mend a file, the one that leaves the least is the likeliest.

use std::collections::BTreeMap;

use crate::{delimiters::keyword, within::Within};

use super::{
    half::halves,
    runs::{Run, RunKind, TERA, name, runs},
    scan::{Part, Shape, parts},
    words::is_keyword,
};

/// How much looks wrong in a text. The unit has no meaning: texts are compared.
pub(super) fn noise(text: &str) -> usize {
    let parts = parts(text);
    let masked = super::masked(text, &parts);
    let faults = parts.iter().filter(|part| part.fault.is_some()).count();
    2 * faults + of_statements(text, &parts) + halves(&masked).len() + of_markup(&masked)
}

/// Unknown statements, and those of a kind that are not in pairs.
fn of_statements(text: &str, parts: &[Part]) -> usize {
    let mut unknown = 0;
    let mut balance: BTreeMap<&str, i64> = BTreeMap::new();
    for part in parts
        .iter()
        .filter(|part| part.shape == Shape::Statement && part.fault.is_none())
    {
        let word = keyword(text, part.span);
        if !word.is_empty() && !is_keyword(word) {
            unknown += 1;
        }
        match word {
            "if" | "for" | "block" | "filter" | "component" => *balance.entry(word).or_default() += 1,
            _ => {
                if let Some(closed) = word.strip_prefix("end") {
                    *balance.entry(closed).or_default() -= 1;
                }
            }
        }
    }
    balance.remove("set");
    balance.remove("raw");
    unknown
        + balance
            .values()
            .map(|count| count.unsigned_abs() as usize)
            .sum::<usize>()
}

/// Tags that are not written well, and elements that are not in pairs.
fn of_markup(bytes: &[u8]) -> usize {
    let mut count = 0;
    for run in runs(bytes) {
        let all = bytes.within(run.span.range());
        count += match run.kind {
            RunKind::Text => of_text(all),
            RunKind::Tag => of_tag(all),
            RunKind::Comment => usize::from(!all.ends_with(b"-->")),
            RunKind::Code | RunKind::Script => 0,
        };
    }
    count
        + unbalanced(bytes)
            .values()
            .map(|count| count.unsigned_abs() as usize)
            .sum::<usize>()
}

/// `>` and `</` in a text.
fn of_text(text: &[u8]) -> usize {
    let pairs = text
        .windows(2)
        .filter(|pair| matches!(**pair, [b'<', b'<' | b'/']))
        .count();
    let closers = text.iter().enumerate().filter(|(at, byte)| {
        **byte == b'>'
            && at
                .checked_sub(1)
                .and_then(|before| text.get(before))
                .is_some_and(|before| !b" -=\n".contains(before))
    });
    pairs + closers.count()
}

/// What a tag has outside of its attributes.
fn of_tag(tag: &[u8]) -> usize {
    if tag.starts_with(b"<!") || tag.starts_with(b"<?") {
        return 0;
    }
    let mut count = usize::from(tag.last() != Some(&b'>'));
    let mut at = 1;
    while let Some(byte) = tag.get(at).copied() {
        at += 1;
        match byte {
            b'=' => {
                if matches!(tag.get(at), Some(b'=' | b'>' | b' ')) {
                    count += 1;
                }
                let Some(quote @ (b'"' | b'\'')) = tag.get(at).copied() else {
                    continue;
                };
                let Some(close) = memchr::memchr(quote, tag.within(at + 1..)).map(|end| at + 1 + end) else {
                    return count + 1;
                };
                let value = tag.within(at + 1..close);
                let takes_in = value.ends_with(b"=")
                    || (value.contains(&b'>') && value.contains(&b'<') && value.contains(&b'='));
                let next = tag.get(close + 1).copied();
                let is_apart =
                    next.is_none_or(|next| next.is_ascii_whitespace() || matches!(next, b'/' | b'>' | TERA));
                count += usize::from(takes_in) + usize::from(!is_apart);
                at = close + 1;
            }
            b'"' | b'\'' | b'<' | b',' => count += 1,
            b'/' if at > 2 && tag.get(at) != Some(&b'>') => count += 1,
            _ => {}
        }
    }
    count
}

/// How many more elements of each name are opened than closed, of those whose end tag may not be left out.
pub(super) fn unbalanced(bytes: &[u8]) -> BTreeMap<String, i64> {
    let mut balance: BTreeMap<String, i64> = BTreeMap::new();
    let tags = runs(bytes)
        .into_iter()
        .filter(|run: &Run| run.kind == RunKind::Tag);
    for run in tags {
        let all = bytes.within(run.span.range());
        let name = String::from_utf8_lossy(name(bytes, run.span.start as usize)).to_ascii_lowercase();
        let (name, by) = match name.strip_prefix('/') {
            Some(name) => (name, -1),
            None if all.ends_with(b"/>") || all.starts_with(b"<!") => continue,
            None => (name.as_str(), 1),
        };
        if !may_stay_open(name) {
            *balance.entry(name.to_owned()).or_default() += by;
        }
    }
    balance.retain(|_, count| *count != 0);
    balance
}

/// Whether the end tag of an element may be left out, or is none.
pub(super) fn may_stay_open(name: &str) -> bool {
    const OPTIONAL: [&str; 34] = [
        "html", "head", "body", "li", "dt", "dd", "p", "rt", "rp", "optgroup", "option", "colgroup",
        "caption", "thead", "tbody", "tfoot", "tr", "td", "th", "area", "base", "br", "col", "embed", "hr",
        "img", "input", "link", "meta", "param", "source", "track", "wbr", "",
    ];
    OPTIONAL.contains(&name)
}
