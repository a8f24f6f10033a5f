//! The directives of Velocity.

use super::{
    Meant,
    ends::{Ends, word},
    expression::rewritten,
    values::{Found, file, plain},
};
use crate::{slips::nearby, source::Span, within::Within};

/// Directives with brackets.
const DIRECTIVES: [&str; 9] = [
    "if", "elseif", "foreach", "set", "parse", "include", "macro", "define", "evaluate",
];

/// Whether a directive or a comment may stand behind a `#`.
pub(super) fn begins(rest: &[u8]) -> bool {
    match rest.first() {
        Some(b'*') => true,
        Some(b'[') => rest.starts_with(b"[["),
        Some(b'i' | b'e' | b'f' | b's' | b'p' | b'm' | b'd') => {
            let end = rest.iter().take(12).position(|byte| !byte.is_ascii_lowercase());
            end.is_some_and(|end| {
                matches!(rest.get(end), Some(b'(' | b' '))
                    && DIRECTIVES
                        .iter()
                        .any(|word| word.as_bytes() == rest.within(..end))
            })
        }
        _ => false,
    }
}

/// `#if($a) … #end` and the like in the text of a file, and its comments.
pub(super) fn velocity(visible: &str, found: &mut Vec<Found>) {
    let bytes = visible.as_bytes();
    let (mut notes, mut raws) = (Ends::new(word(bytes, "*#")), Ends::new(word(bytes, "]]#")));
    for at in memchr::memchr_iter(b'#', bytes) {
        let is_endless = match bytes.get(at + 1) {
            Some(b'*') => notes.behind(at + 2).is_none(),
            Some(b'[') => raws.behind(at + 2).is_none(),
            _ => false,
        };
        if is_endless {
            continue;
        }
        let rest = visible.within(at + 1..nearby(visible, at + 1).end as usize);
        let before = visible.within(..at).chars().next_back();
        if before.is_some_and(|before| !before.is_whitespace() && !matches!(before, '>' | ')' | '"')) {
            continue;
        }
        if let Some((meant, length)) = comment(rest).or_else(|| directive(rest)) {
            found.push((Span::new(at, at + 1 + length), meant));
        }
    }
}

/// `#* note *#` and `#[[ … ]]#`
fn comment(rest: &str) -> Option<(Meant, usize)> {
    if rest.starts_with('*') {
        let end = rest.find("*#")?;
        let note = rest.within(1..end).trim_matches(['*', ' ', '\n']);
        return Some((
            Meant::new("`#*` is text for Tera", format!("write `{{# {note} #}}`"))?,
            end + 2,
        ));
    }
    let inside = rest.strip_prefix("[[")?;
    let end = inside.find("]]#")?;
    Some((
        Meant::new("`#[[` is text for Tera", "write `{% raw %}…{% endraw %}`")?,
        end + 5,
    ))
}

fn directive(rest: &str) -> Option<(Meant, usize)> {
    let word = DIRECTIVES.into_iter().find(|word| rest.starts_with(word))?;
    let behind = rest.within(word.len()..).trim_start_matches(' ');
    let skipped = rest.len() - behind.len();
    let mut depth = 0;
    let end = behind.char_indices().take(400).find_map(|(index, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (depth == 0).then_some(index)
    })?;
    let argument = behind.strip_prefix('(')?.get(..end.checked_sub(1)?)?.trim();
    // Of the text of a page, only what has a variable or the name of a file is one.
    let is_sure =
        argument.contains('$') || argument.starts_with('"') || (word == "macro" && !argument.is_empty());
    let help = is_sure.then(|| help(word, argument))?;
    Some((
        Meant::new(format!("`#{word}` is text for Tera"), help)?,
        skipped + end + 1,
    ))
}

fn help(word: &str, argument: &str) -> String {
    let name = argument.trim_matches(['"', '\'']);
    match word {
        "if" => format!(
            "write `{{% if {} %}}`, and `{{% endif %}}` instead of `#end`",
            plain(argument)
        ),
        "elseif" => format!("write `{{% elif {} %}}`", plain(argument)),
        "foreach" => {
            let (item, list) = argument.split_once(" in ").unwrap_or(("item", argument));
            format!(
                "write `{{% for {} in {} %}}`, and `{{% endfor %}}` instead of `#end`",
                plain(item),
                range(list.trim()).unwrap_or_else(|| plain(list))
            )
        }
        "set" => {
            let (name, value) = argument.split_once('=').unwrap_or((argument, "none"));
            let value = value.trim().replace('$', "");
            let value = rewritten(&value, false).unwrap_or(value);
            format!(
                "write `{{% set {} = {value} %}}`",
                name.trim().trim_start_matches(['$', '!'])
            )
        }
        "macro" => {
            let (name, names) = argument.split_once(' ').unwrap_or((argument, ""));
            let names: Vec<&str> = names
                .split_whitespace()
                .map(|name| name.trim_matches(['$', ',']))
                .collect();
            format!(
                "write `{{% component {name}({}) %}}`, and `{{% endcomponent %}}` instead of `#end`",
                names.join(", ")
            )
        }
        "define" => format!(
            "write `{{% set {} %}}`, and `{{% endset %}}` instead of `#end`",
            argument.trim_start_matches('$')
        ),
        _ => format!("write `{{% include \"{}\" %}}`", file(name)),
    }
}

/// `[1..5]`
fn range(list: &str) -> Option<String> {
    let (start, end) = list.strip_prefix('[')?.strip_suffix(']')?.split_once("..")?;
    Some(format!("range(start={}, end={} + 1)", plain(start), plain(end)))
}
