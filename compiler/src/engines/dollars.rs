//! Values behind a `$`, a `#` or a `!`, as JSP, Freemarker, Velocity, Mako and Pug have them: `${a}`, `#{a}`, `!{a}`, `$!a.b`.

use super::{
    Meant,
    ends::{Ends, sign},
    freemarker,
    values::Found,
};
use crate::{
    limits::MAX_NEARBY_BYTES,
    slips::{boundary, nearby},
    source::Span,
    within::Within,
};

/// The values in the text and the attributes of a file. `tags`: its tags, in order.
pub(super) fn dollars(text: &str, visible: &str, tags: &[Span], found: &mut Vec<Found>) {
    let bytes = visible.as_bytes();
    let mut ends = Ends::new(sign(bytes, [b'}', b'<', b'\n']));
    for at in memchr::memchr_iter(b'{', bytes) {
        let before = bytes.within(..at);
        let Some(begin) = before.last().copied() else {
            continue;
        };
        let is_quiet = before.ends_with(b"$!");
        let start = if is_quiet { at - 2 } else { at - 1 };
        if !matches!(begin, b'$' | b'#' | b'!') {
            continue;
        }
        let Some(end) = ends.behind(at + 1).filter(|end| bytes.get(*end) == Some(&b'}')) else {
            continue;
        };
        let inside = text.within(at + 1..end);
        if is_expression(inside) && is_begun_here(visible, start, tags) {
            let meant = value(text.within(start..=at), inside, begin == b'!' && !is_quiet);
            found.extend(meant.map(|meant| (Span::new(start, end + 1), meant)));
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
    let before = text.within(..start);
    if before.ends_with(['`', '\\', '$', '[', '(', '#', '&', '@'])
        || before.ends_with(|c: char| c.is_alphanumeric()) && text.within(start..).starts_with(['#', '!'])
    {
        return false;
    }
    let index = tags.partition_point(|tag| tag.start as usize <= start);
    let Some(tag) = index
        .checked_sub(1)
        .and_then(|index| tags.get(index))
        .filter(|tag| start < tag.end as usize)
    else {
        return true;
    };
    let begin = boundary(text, start.saturating_sub(MAX_NEARBY_BYTES)).max(tag.start as usize);
    let inside = text.within(begin..start);
    let Some(equals) = inside.rfind("=\"").max(inside.rfind("='")) else {
        return false;
    };
    let name = inside.within(..equals);
    let name = name.rsplit(char::is_whitespace).next().unwrap_or_default();
    // Scripts read their own attributes.
    let of_script = ["x-", "on", "v-", "hx-", "data-", "ng-", "aria-"];
    let is_plain =
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && !name.contains([':', '.', '-', '@']);
    is_plain
        && !of_script.iter().any(|prefix| name.starts_with(prefix))
        && !inside.within(equals..).contains('`')
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
        let before = visible.within(..at).trim_end();
        let rest = visible.within(at + 1..nearby(visible, at + 1).end as usize);
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
            let shown = text.within(span.range());
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
