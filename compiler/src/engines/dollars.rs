//! Values behind a `$`, a `#` or a `!`, as JSP, Freemarker, Velocity, Mako and Pug have them: `${a}`, `#{a}`, `!{a}`, `$!a.b`.

use super::{Meant, freemarker, values::Found};
use crate::{
    limits::MAX_NEARBY_BYTES,
    slips::{boundary, nearby},
    source::Span,
};

/// The values in the text and the attributes of a file. `tags`: its tags, in order.
pub(super) fn dollars(text: &str, visible: &str, tags: &[Span], found: &mut Vec<Found>) {
    let bytes = visible.as_bytes();
    for at in memchr::memchr_iter(b'{', bytes) {
        let Some(sign) = at.checked_sub(1).map(|before| bytes[before]) else {
            continue;
        };
        let is_quiet = sign == b'!' && at > 1 && bytes[at - 2] == b'$';
        let start = if is_quiet { at - 2 } else { at - 1 };
        if !matches!(sign, b'$' | b'#' | b'!') || !is_begun_here(visible, start, tags) {
            continue;
        }
        let rest = &visible[nearby(visible, at + 1).range()];
        let Some(length) = rest
            .find(['}', '<', '\n'])
            .filter(|end| rest[*end..].starts_with('}'))
        else {
            continue;
        };
        let inside = &text[at + 1..at + 1 + length];
        if is_expression(inside) {
            let meant = value(&text[start..=at], inside, sign == b'!' && !is_quiet);
            found.extend(meant.map(|meant| (Span::new(start, at + length + 2), meant)));
        }
    }
    bare(text, visible, tags, found);
}

fn value(begin: &str, inside: &str, is_raw: bool) -> Option<Meant> {
    let new = freemarker::written(inside);
    let help = match is_raw {
        true => format!("write `{{{{ {new} | safe }}}}`"),
        false => format!("write `{{{{ {new} }}}}`"),
    };
    Meant::new(format!("`{begin}…}}` is text for Tera"), help)
}

/// Whether what stands there is not part of a script's text, or of another engine's attribute, which is told of itself.
fn is_begun_here(text: &str, start: usize, tags: &[Span]) -> bool {
    let before = &text[..start];
    if before.ends_with(['`', '\\', '$', '[', '(', '#', '&', '@'])
        || before.ends_with(|c: char| c.is_alphanumeric()) && text[start..].starts_with(['#', '!'])
    {
        return false;
    }
    let index = tags.partition_point(|tag| tag.start as usize <= start);
    let Some(tag) = index
        .checked_sub(1)
        .map(|index| tags[index])
        .filter(|tag| start < tag.end as usize)
    else {
        return true;
    };
    let begin = boundary(text, start.saturating_sub(MAX_NEARBY_BYTES)).max(tag.start as usize);
    let inside = &text[begin..start];
    let Some(equals) = inside.rfind("=\"").max(inside.rfind("='")) else {
        return false;
    };
    let name = inside[..equals]
        .rsplit(char::is_whitespace)
        .next()
        .unwrap_or_default();
    // Scripts read their own attributes.
    let of_script = ["x-", "on", "v-", "hx-", "data-", "ng-", "aria-"];
    let is_plain =
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains([':', '.', '-', '@']);
    is_plain && !of_script.iter().any(|prefix| name.starts_with(prefix)) && !inside[equals..].contains('`')
}

/// Whether a text in braces may be an expression, and not the name of a variable of a shell.
fn is_expression(inside: &str) -> bool {
    let begins = inside
        .trim_start()
        .starts_with(|c: char| c.is_ascii_lowercase() || matches!(c, '!' | '(' | '_' | '#'));
    let is_shell = inside.contains(":-") || inside.contains("%%") || inside.contains("##");
    begins && !is_shell && inside.len() < 300
}

/// `$a.b` and `$!a` of Velocity, as the only text of an element or an attribute.
fn bare(text: &str, visible: &str, tags: &[Span], found: &mut Vec<Found>) {
    for at in memchr::memchr_iter(b'$', visible.as_bytes()) {
        let before = visible[..at].trim_end();
        let rest = &visible[at + 1..nearby(visible, at + 1).end as usize];
        let is_quiet = rest.starts_with('!');
        let name = rest.trim_start_matches('!');
        let end = name
            .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
            .unwrap_or(name.len());
        let (name, behind) = name.split_at(end);
        let (name, behind) = match name.strip_suffix('.') {
            Some(name) => (name, behind),
            None => (name, behind.trim_start()),
        };
        let is_path = name.starts_with(|c: char| c.is_ascii_lowercase()) && (name.contains('.') || is_quiet);
        let is_alone = before.is_empty() || before.ends_with(['>', '"']);
        let is_ended = behind.is_empty() || behind.starts_with("</") || behind.starts_with('"');
        if is_path && is_alone && is_ended && is_begun_here(visible, at, tags) {
            let span = Span::new(at, at + 1 + usize::from(is_quiet) + name.len());
            let shown = &text[span.range()];
            let name = match name {
                "foreach.index" => "loop.index0",
                "foreach.count" => "loop.index",
                name => name,
            };
            let meant = Meant::new(
                format!("`{shown}` is text for Tera"),
                format!("write `{{{{ {name} }}}}`"),
            );
            found.extend(meant.map(|meant| (span, meant)));
        }
    }
}
