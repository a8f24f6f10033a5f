//! What Smarty, Latte, Svelte and JSX have in single braces: `{$a}`, `{if $a}`, `{:else}`, `{/* note */}`.

use std::collections::BTreeMap;

use super::{
    Meant,
    ends::{Ends, sign, word},
    expression::rewritten,
    loops::for_header,
    tokens::{joined, tokens},
    turns,
    values::{Found, file},
};
use crate::{delimiters::first_word, source::Span, within::Within};

/// Words of Smarty and Latte that have an end.
const PAIRED: [&str; 12] = [
    "if", "foreach", "for", "block", "literal", "function", "capture", "section", "strip", "while",
    "nocache", "php",
];

/// A text, and which words stand in it behind a brace: each is looked up once, as a text may have very many.
struct Whole<'t> {
    text: &'t str,
    known: BTreeMap<String, bool>,
}

impl Whole<'_> {
    fn has(&mut self, begin: &str, word: &str) -> bool {
        if word.len() > LONGEST {
            return false;
        }
        let text = self.text;
        let wanted = format!("{begin}{word}");
        let found = |wanted: &String| memchr::memmem::find(text.as_bytes(), wanted.as_bytes()).is_some();
        if let Some(known) = self.known.get(&wanted) {
            return *known;
        }
        let is_there = found(&wanted);
        self.known.insert(wanted, is_there);
        is_there
    }
}

/// The length of the longest word that is looked up.
const LONGEST: usize = 10;

/// The braces in the text of a file.
pub(super) fn braces(text: &str, visible: &str, found: &mut Vec<Found>) {
    let mut whole = Whole {
        text: visible,
        known: BTreeMap::new(),
    };
    let bytes = visible.as_bytes();
    let mut ends = Ends::new(sign(bytes, [b'}', b'\n', b'\n']));
    // `{* note *}` and `{/* note */}`
    let mut notes = [("*", "*}"), ("/*", "*/}")].map(|(begin, end)| (begin, Ends::new(word(bytes, end))));
    for at in memchr::memchr_iter(b'{', bytes) {
        let before = at.checked_sub(1).and_then(|before| bytes.get(before));
        if matches!(before, Some(b'$' | b'#' | b'!' | b'=' | b'{' | b'\\')) {
            continue;
        }
        if let Some((begin, notes)) = notes
            .iter_mut()
            .find(|(begin, _)| bytes.within(at + 1..).starts_with(begin.as_bytes()))
        {
            let start = at + 1 + begin.len();
            if let Some(end) = notes.behind(start) {
                let help = format!("write `{{# {} #}}`", visible.within(start..end).trim());
                push(text, Span::new(at, end + begin.len() + 1), help, found);
                continue;
            }
        }
        let Some(end) = ends.behind(at + 1).filter(|end| bytes.get(*end) == Some(&b'}')) else {
            continue;
        };
        let inside = text.within(at + 1..end);
        if let Some(help) = meant(inside, &mut whole) {
            push(text, Span::new(at, end + 1), help, found);
        }
    }
}

fn push(text: &str, span: Span, help: String, found: &mut Vec<Found>) {
    let shown: String = text.within(span.range()).chars().take(20).collect();
    let meant = Meant::new(format!("`{}` is text for Tera", shown.replace('\n', " ")), help);
    found.extend(meant.map(|meant| (span, meant)));
}

/// What the text in braces says here. `None`: it is text.
fn meant(inside: &str, whole: &mut Whole<'_>) -> Option<String> {
    match inside.chars().next()? {
        '$' => value(inside),
        ':' => part(inside),
        '/' => end(inside, whole),
        '@' => of_svelte(inside),
        c if c.is_ascii_lowercase() => of_jsx(inside).or_else(|| statement(inside, whole)),
        _ => None,
    }
}

/// `{$a.b|upper}`
fn value(inside: &str) -> Option<String> {
    let second = inside.chars().nth(1)?;
    if !(second.is_alphabetic() || second == '_') {
        return None;
    }
    if let Some((_, member)) = inside.split_once('@')
        && let Some(turn) = turns::here("foreach", member.trim())
    {
        return Some(format!("write `{{{{ {turn} }}}}`"));
    }
    if inside == "$smarty.now" {
        return Some("let the handler give the page the time, or call a function that the application adds, `{{ now() }}`".to_owned());
    }
    Some(format!("write `{{{{ {} }}}}`", expression(inside)))
}

fn expression(text: &str) -> String {
    let text = text
        .trim()
        .replace('$', "")
        .replace("|escape", "")
        .replace("|date_format:", "|date:");
    rewritten(&text, true).unwrap_or(text)
}

/// `{:else if a}` of Svelte.
fn part(inside: &str) -> Option<String> {
    let rest = inside.within(1..).trim();
    match rest.strip_prefix("else") {
        Some("") => Some("write `{% else %}`".to_owned()),
        Some(rest) => {
            let condition = rest.trim().strip_prefix("if ")?;
            Some(format!("write `{{% elif {} %}}`", expression(condition)))
        }
        None => None,
    }
}

/// `{/if}`
fn end(inside: &str, whole: &mut Whole<'_>) -> Option<String> {
    let word = inside.within(1..).trim();
    let mut is_paired = || PAIRED.contains(&word) && whole.has("{", word);
    let end = match word {
        "if" => "endif",
        "each" | "foreach" | "for" | "section" | "while" => "endfor",
        "block" => "endblock",
        "literal" if is_paired() => "endraw",
        "capture" if is_paired() => "endset",
        "function" if is_paired() => "endcomponent",
        _ => return None,
    };
    Some(format!("write `{{% {end} %}}`"))
}

/// `{@const x = 1}` and `{@render f()}` of Svelte.
fn of_svelte(inside: &str) -> Option<String> {
    let word = first_word(inside.within(1..));
    let rest = inside.within(1 + word.len()..).trim();
    match word {
        "const" => {
            let (name, value) = rest.split_once('=')?;
            Some(format!(
                "write `{{% set {} = {} %}}`",
                name.trim(),
                expression(value)
            ))
        }
        "render" => Some(format!("call a component: `{{{{ <{} /> }}}}`", first_word(rest))),
        "debug" => Some("print the value: `{{ a }}`".to_owned()),
        _ => None,
    }
}

/// `{a && <p>…`, `{a ? <p>…` and `{list.map(x => <li>…` of JSX: the brace ends behind a tag.
fn of_jsx(inside: &str) -> Option<String> {
    let found = tokens(inside);
    let mut signs = found.iter().enumerate();
    let (sign, token) = signs.find(|(_, token)| matches!(token.text, "&&" | "?" | "=>"))?;
    let tag = found
        .get(sign + 1)
        .filter(|token| matches!(token.text, "<" | "("))?;
    let is_tag = tag.text == "<" || found.get(sign + 2).is_some_and(|token| token.text == "<");
    if !is_tag {
        return None;
    }
    if token.text == "=>" {
        let (list, function) = inside.split_once(".map(")?;
        let item = first_word(function.trim_start_matches('('));
        return Some(format!(
            "write `{{% for {item} in {list} %}}`, and `{{% endfor %}}` at its end"
        ));
    }
    let condition = expression(&joined(found.within(..sign)));
    Some(format!(
        "write `{{% if {condition} %}}`, and `{{% endif %}}` at its end"
    ))
}

/// `{if $a}`, `{foreach $as as $a}`, `{include file="a.tpl"}` and the like.
fn statement(inside: &str, whole: &mut Whole<'_>) -> Option<String> {
    let word = first_word(inside);
    let rest = inside.within(word.len()..).trim();
    let is_paired = PAIRED.contains(&word) && whole.has("{/", word);
    let is_sure = is_paired || rest.contains('$') || rest.contains("=\"") || rest.contains("='");
    let named = |name: &str| attribute(rest, name);
    let quoted = || rest.split(['"', '\'']).nth(1).map(str::to_owned);
    let help = match word {
        "else" | "foreachelse"
            if rest.is_empty() && (whole.has("{/", "if") || whole.has("{/", "foreach")) =>
        {
            "write `{% else %}`".to_owned()
        }
        "ldelim" | "rdelim" if rest.is_empty() => {
            "write the brace itself, and `{% raw %}…{% endraw %}` around two of them".to_owned()
        }
        "include" | "extends" if quoted().is_some() => return included(word, rest),
        _ if !is_sure => return None,
        "if" => format!(
            "write `{{% if {} %}}`, and `{{% endif %}}` at its end",
            expression(rest)
        ),
        "elseif" => format!("write `{{% elif {} %}}`", expression(rest)),
        "foreach" | "for" => format!(
            "write `{{% for {} %}}`, and `{{% endfor %}}` at its end",
            header(rest)?
        ),
        "section" => format!(
            "write `{{% for item in {} %}}`, and `{{% endfor %}}` at its end",
            expression(&named("loop")?)
        ),
        "while" => "write `{% for i in range(end=10) %}`, and `{% endfor %}` at its end".to_owned(),
        "assign" | "var" | "capture" => assigned(word, rest)?,
        "block" => {
            let name = named("name")
                .or_else(quoted)
                .unwrap_or_else(|| first_word(rest).to_owned());
            format!("write `{{% block {name} %}}`, and `{{% endblock %}}` at its end")
        }
        "literal" => "write `{% raw %}`, and `{% endraw %}` at its end".to_owned(),
        "strip" => "write `{%-` and `-%}`, which trim the white space beside them".to_owned(),
        "function" => format!(
            "write `{{% component {}() %}}`, and `{{% endcomponent %}}` at its end",
            named("name")?
        ),
        "nocache" | "php" => "remove it".to_owned(),
        _ => return None,
    };
    Some(help)
}

/// The value of an attribute of a tag of Smarty's.
fn attribute(rest: &str, name: &str) -> Option<String> {
    let (_, value) = rest.split_once(&format!("{name}="))?;
    let value = value.trim_start();
    let quote = value.chars().next()?;
    Some(match quote {
        '"' | '\'' => value.within(1..).split(quote).next()?.to_owned(),
        _ => value.split_whitespace().next()?.to_owned(),
    })
}

fn included(word: &str, rest: &str) -> Option<String> {
    let name = attribute(rest, "file").or_else(|| rest.split(['"', '\'']).nth(1).map(str::to_owned))?;
    let mut sets = String::new();
    for pair in rest
        .split_whitespace()
        .filter(|pair| !pair.starts_with("file="))
        .take(8)
    {
        if let Some((name, value)) = pair.split_once('=') {
            sets.push_str(&format!("{{% set {name} = {} %}}", expression(value)));
        }
    }
    Some(format!("write `{sets}{{% {word} \"{}\" %}}`", file(&name)))
}

/// `$as as $a`, `from=$as item=a`, `$i=1 to 5`
fn header(rest: &str) -> Option<String> {
    if let (Some(list), Some(item)) = (attribute(rest, "from"), attribute(rest, "item")) {
        return Some(format!("{item} in {}", expression(&list)));
    }
    if let Some((start, end)) = rest.split_once(" to ") {
        let (name, start) = start.split_once('=')?;
        let name = name.trim().trim_start_matches('$');
        return Some(format!(
            "{name} in range(start={}, end={} + 1)",
            expression(start),
            expression(end)
        ));
    }
    for_header(rest)
}

/// `assign var="x" value=1`, `assign "x" 1`, `var $x = 1`, `capture name="x"`
fn assigned(word: &str, rest: &str) -> Option<String> {
    if word == "capture" {
        let name = attribute(rest, "name").or_else(|| rest.split(['"', '\'']).nth(1).map(str::to_owned))?;
        return Some(format!(
            "write `{{% set {name} %}}`, and `{{% endset %}}` at its end"
        ));
    }
    if let (Some(name), Some(value)) = (attribute(rest, "var"), attribute(rest, "value")) {
        let is_text = rest.contains("value=\"") || rest.contains("value='");
        let value = if is_text {
            format!("\"{value}\"")
        } else {
            expression(&value)
        };
        return Some(format!("write `{{% set {name} = {value} %}}`"));
    }
    let (name, value) = rest.split_once('=').or_else(|| rest.split_once(' '))?;
    let name = name.trim().trim_matches(['"', '\'', '$']);
    Some(format!("write `{{% set {name} = {} %}}`", expression(value)))
}
