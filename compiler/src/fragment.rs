//! Reads the attributes of a tag one by one, and reports those that are wrong.

mod declared;
mod duration;
mod list;
mod list_correction;
mod mode;
mod offer;
mod resources;
#[cfg(test)]
mod tests;
mod text;
mod type_name;
mod typed;
mod typed_list_correction;
mod typographic;

use std::{borrow::Cow, collections::HashMap};

use hydra_contract::Mode;
use smallvec::SmallVec;

use crate::{
    limits::{MAX_PROBLEMS_PER_FILE, MAX_SHOWN_NAME_CHARS},
    parse::{Tag, TagAttribute, TagEnd},
    problem::{Code, Problem},
    source::{SourceId, Span},
    suggest::nearest,
};

pub(crate) use declared::Declared;
pub(crate) use list::Item;
pub(crate) use mode::mode_name;
pub(crate) use offer::{OfferTag, read_offer};
pub(crate) use text::AttributeText;
pub(crate) use typed::no_type;
pub(crate) use typographic::mended;

/// The attributes of `<m:fragment>` (design section 3.2).
pub(crate) const ATTRIBUTES: [&str; 9] = [
    "ref", "service", "imports", "exports", "timeout", "cache", "stale", "required", "mode",
];

/// What `<m:fragment>` says. What was malformed is reported, and left out here.
#[derive(Clone, Debug, Default)]
pub struct Fragment {
    /// The service that owns it. `None`, and a fixed text that is empty or `self`: this service.
    pub service: Option<Attributed<AttributeText>>,
    /// The fragment's name. `None` where it is missing.
    pub reference: Option<Attributed<AttributeText>>,
    /// What the page hands over.
    pub imports: Vec<Item>,
    /// What the fragment hands back.
    pub exports: Vec<Item>,
    /// How long it may take, in milliseconds.
    pub timeout: Option<u64>,
    /// How long a result may be used again, in milliseconds.
    pub cache: Option<u64>,
    /// How much longer it may serve when the owner fails, in milliseconds.
    pub stale: Option<u64>,
    /// Whether the page is not shown without it.
    pub required: bool,
    /// When and how it comes to the browser.
    pub mode: Mode,
}

/// A value and where it stands: the text between the quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attributed<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

impl Fragment {
    /// The name of the owner, where it is known before the page runs: `None` for an expression.
    /// An empty text is this service.
    #[inline]
    #[must_use]
    pub fn fixed_service(&self) -> Option<&str> {
        match self.service.as_ref().map(|service| &service.value) {
            None => Some(""),
            Some(service) if is_own_service(service) => Some(""),
            Some(AttributeText::Fixed(name)) => Some(name),
            Some(AttributeText::Expression(_)) => None,
        }
    }

    /// The fragment's name, where it is known before the page runs.
    #[inline]
    #[must_use]
    pub fn fixed_reference(&self) -> Option<&str> {
        match &self.reference {
            Some(Attributed {
                value: AttributeText::Fixed(name),
                ..
            }) => Some(name),
            _ => None,
        }
    }
}

/// Whether the value of `service` says that it is this one.
#[inline]
pub(crate) fn is_own_service(service: &AttributeText) -> bool {
    matches!(service, AttributeText::Fixed(name) if name.is_empty() || name == "self")
}

/// The attributes of a tag so far, and where they stand. Their names count in small letters.
#[derive(Default)]
pub(crate) struct SeenAttributes<'t> {
    /// The first ones: most tags have no more.
    few: SmallVec<[(&'t str, Span); 8]>,
    /// The others, by their names in small letters.
    more: HashMap<String, Span>,
}

impl<'t> SeenAttributes<'t> {
    /// How many are compared one by one.
    const FEW: usize = 16;

    /// Where the first attribute of that name stands.
    #[inline]
    pub(crate) fn get(&self, name: &str) -> Option<Span> {
        let few = self.few.iter().find(|(seen, _)| seen.eq_ignore_ascii_case(name));
        match few {
            Some((_, span)) => Some(*span),
            None if self.more.is_empty() => None,
            None => self.more.get(&name.to_ascii_lowercase()).copied(),
        }
    }

    #[inline]
    fn add(&mut self, name: &'t str, span: Span) {
        if self.few.len() < Self::FEW {
            self.few.push((name, span));
        } else {
            self.more.insert(name.to_ascii_lowercase(), span);
        }
    }
}

/// What reading an attribute needs and fills.
pub(crate) struct TagReader<'r> {
    pub(crate) source: SourceId,
    pub(crate) text: &'r str,
    pub(crate) problems: &'r mut Vec<Problem>,
}

impl<'r> TagReader<'r> {
    #[inline]
    pub(crate) fn slice(&self, span: Span) -> &'r str {
        &self.text[span.range()]
    }

    pub(crate) fn report(
        &mut self,
        code: Code,
        message: impl Into<String>,
        span: Span,
        label: impl Into<Cow<'static, str>>,
        help: impl Into<Cow<'static, str>>,
    ) {
        if self.problems.len() >= MAX_PROBLEMS_PER_FILE {
            return;
        }
        self.push(Problem::new(code, message, span.at(self.source), label).help(help));
    }

    /// Keeps a problem, up to as many as a reader may want.
    fn push(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS_PER_FILE {
            self.problems.push(problem);
        }
    }

    /// Whether the attribute is the first of its name, and its quotes close.
    #[inline]
    pub(crate) fn is_sound(&mut self, attribute: &TagAttribute, seen: &mut SeenAttributes<'r>) -> bool {
        let name = self.slice(attribute.name);
        if let Some(earlier) = seen.get(name) {
            let message = format!("`{name}` stands twice in this tag");
            let problem = Problem::new(
                Code::DuplicateAttribute,
                message,
                attribute.name.at(self.source),
                "here again",
            )
            .label(earlier.at(self.source), "first here")
            .help("keep one of them; a list may hold many names: `a, b, c`");
            self.push(problem);
            return false;
        }
        seen.add(name, attribute.name);
        // An open quote is reported with the tag, which it leaves without an end.
        attribute
            .value
            .as_ref()
            .is_none_or(|value| value.open_quote.is_none())
    }
}

/// Reads the attributes of a `<m:fragment>` tag.
pub(crate) fn read(source: SourceId, text: &str, tag: &Tag, problems: &mut Vec<Problem>) -> Fragment {
    let tag = &*mended(source, text, tag, problems);
    let mut reader = TagReader {
        source,
        text,
        problems,
    };
    let mut fragment = Fragment::default();
    // Without its end, the rest of the tag is anybody's guess: the missing end is the one mistake. It is reported already.
    let whole = tag.end != TagEnd::Missing;
    if whole && let Some(problem) = unclosed_quote(source, text, &tag.attributes) {
        reader.problems.push(problem);
        return fragment;
    }
    let mut seen = SeenAttributes::default();
    for attribute in &tag.attributes {
        if reader.is_sound(attribute, &mut seen) {
            read_attribute(&mut reader, attribute, &mut fragment);
        }
    }
    if whole && seen.get("ref").is_none() {
        let message = "this fragment does not say which one it is";
        let help = "add the name under which its service offers it: `ref=\"…\"`";
        reader.report(Code::MissingRef, message, tag.span, "`ref` is missing", help);
    }
    mode::check(&mut reader, &fragment, &seen);
    if let Some(junk) = tag.junk.first().filter(|_| whole) {
        report_junk(&mut reader, *junk);
    }
    fragment
}

fn read_attribute(reader: &mut TagReader<'_>, attribute: &TagAttribute, fragment: &mut Fragment) {
    let mut name = reader.slice(attribute.name);
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let known = ATTRIBUTES.iter().find(|known| known.eq_ignore_ascii_case(name));
        name = known.copied().unwrap_or_default();
    }
    match name {
        "ref" => fragment.reference = text::read(reader, attribute, true),
        "service" => fragment.service = text::read(reader, attribute, false),
        "imports" => fragment.imports = list::read(reader, attribute, true),
        "exports" => fragment.exports = list::read(reader, attribute, false),
        "timeout" => fragment.timeout = duration::read(reader, attribute),
        "cache" => fragment.cache = duration::read(reader, attribute),
        "stale" => fragment.stale = duration::read(reader, attribute),
        "required" => fragment.required = read_required(reader, attribute),
        "mode" => fragment.mode = mode::read(reader, attribute),
        _ => unknown_attribute(reader, attribute, &ATTRIBUTES),
    }
}

/// An attribute that stands or does not, as HTML has them: what else it may say would be taken for the opposite.
fn read_required(reader: &mut TagReader<'_>, attribute: &TagAttribute) -> bool {
    let Some(value) = attribute.value.as_ref() else {
        return true;
    };
    let written = reader.slice(value.span).trim();
    if let Some(tera) = value.tera.first() {
        let help = "write `required` alone, or leave it out";
        text::report_tera(reader, attribute, *tera, Code::BadName, help);
    } else if !["", "required", "true"].contains(&written.to_ascii_lowercase().as_str()) {
        let message = format!(
            "`required` stands alone or not at all: it can't be `{}`",
            short(written)
        );
        let help = "write `required` alone, or leave it out";
        reader.report(Code::BadName, message, value.span, "not a value of it", help);
    }
    true
}

/// Reports an attribute that Hydra does not know.
pub(crate) fn unknown_attribute(reader: &mut TagReader<'_>, attribute: &TagAttribute, known: &[&str]) {
    let name = short(reader.slice(attribute.name));
    let bare = name.strip_prefix("m:").unwrap_or(&name);
    let help = match nearest(bare, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("remove it; known here: {}", known.join(", ")),
    };
    let message = format!("`{name}` means nothing here");
    reader.report(
        Code::UnknownAttribute,
        message,
        attribute.name,
        "unknown attribute",
        help,
    );
}

fn report_junk(reader: &mut TagReader<'_>, junk: Span) {
    let text = reader.slice(junk);
    if text.starts_with('{') && text.len() > 1 {
        let message = "the attributes of a fragment tag can't come from Tera";
        let help = "write the attributes out; `ref` and `service` may each be one `{{ … }}`";
        reader.report(
            Code::UnknownAttribute,
            message,
            junk,
            "Tera between the attributes",
            help,
        );
    } else {
        let message = format!("a `{}` stands where an attribute should", short(text));
        let help = "remove it, or close the quote that it belongs to";
        reader.report(
            Code::UnclosedQuote,
            message,
            junk,
            "belongs to no attribute",
            help,
        );
    }
}

/// The problem of a tag that never reaches its `>`.
pub(crate) fn unfinished(source: SourceId, text: &str, tag: &Tag) -> Problem {
    if let Some(problem) = unclosed_quote(source, text, &tag.attributes) {
        return problem;
    }
    let name = &text[tag.span.start as usize..tag.name.end as usize];
    Problem::new(
        Code::UnclosedTag,
        format!("`{name}` has no end"),
        Span {
            start: tag.span.start,
            end: tag.name.end,
        }
        .at(source),
        "its `>` is missing",
    )
    .help("write `>` after the last attribute, or `/>` if the fragment has no fallback")
}

/// The problem of the first quote that is not closed where it should be.
pub(crate) fn unclosed_quote<'a>(
    source: SourceId,
    text: &str,
    attributes: impl IntoIterator<Item = &'a TagAttribute>,
) -> Option<Problem> {
    let values = attributes
        .into_iter()
        .filter_map(|attribute| attribute.value.as_ref());
    let open = values.filter_map(|value| match value.open_quote {
        Some(quote) => Some((quote, &text[value.span.range()], "not closed before the next tag")),
        None => {
            let (quote, own) = swallowed(text, value.span)?;
            Some((quote, own, "closed only by the quote of the next attribute"))
        }
    });
    let (quote, value, how) = open.into_iter().next()?;
    let mark = &text[quote.range()];
    let value = value.split(['>', '\n']).next().unwrap_or_default();
    let value = value.trim_end().trim_end_matches(typographic::is_quote);
    let label = format!("opened here, and {how}");
    let problem = Problem::new(
        Code::UnclosedQuote,
        "this quote is never closed",
        quote.at(source),
        label,
    );
    Some(problem.help(format!("write {mark}{}{mark}", short(value))))
}

/// Whether a value has swallowed the next attribute, as in `a="b c="d"`: it ends with a name and `=`, and goes on right behind
/// its last quote. The quote that opened it, and what is left of the value.
fn swallowed(text: &str, value: Span) -> Option<(Span, &str)> {
    let (start, end) = (value.start as usize, value.end as usize);
    if matches!(text.as_bytes().get(end + 1), Some(byte) if byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
    {
        return None;
    }
    let quote = text
        .get(start.checked_sub(1)?..start)
        .filter(|mark| matches!(*mark, "\"" | "'"))?;
    let behind = text.get(end..)?.strip_prefix(quote)?.chars().next()?;
    if behind.is_whitespace() || matches!(behind, '>' | '/') {
        return None;
    }
    let inside = text.get(start..end)?.trim_end().strip_suffix('=')?.trim_end();
    let name = inside.rfind(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':')))?;
    let (own, name) = inside.split_at(name);
    let is_name = name.len() > 1 && name.starts_with(|c: char| c.is_ascii_whitespace());
    is_name.then_some((Span::new(start - 1, start), own.trim_end()))
}

/// The problem of an element with Hydra's prefix that Hydra does not know.
pub(crate) fn unknown_element(source: SourceId, text: &str, tag: &Tag) -> Problem {
    let whole = Span {
        start: tag.span.start + 1,
        end: tag.name.end,
    };
    let (name, bare) = (&text[whole.range()], &text[tag.name.range()]);
    let prefix = &text[whole.start as usize..tag.name.start as usize];
    let help = match nearest(bare, ["fragment"]) {
        Some(near) => format!("did you mean `{prefix}{near}`?"),
        None => format!("the one element of Hydra is `<{prefix}fragment …>`"),
    };
    let message = format!("Hydra knows no element `<{}>`", short(name));
    Problem::new(Code::UnknownElement, message, whole.at(source), "unknown element").help(help)
}

/// A text for a message: never longer than a line.
pub(crate) fn short(text: &str) -> String {
    shortened(text).into_owned()
}

/// The same, as it stands where it is short: most are.
#[inline]
pub(crate) fn shortened(text: &str) -> Cow<'_, str> {
    let is_line = || memchr::memchr(b'\n', text.as_bytes()).is_none();
    // Most are names.
    let is_word = text.len() <= MAX_SHOWN_NAME_CHARS && text.bytes().all(|byte| byte != b'\n');
    if is_word
        || (text.len() > MAX_SHOWN_NAME_CHARS
            && is_line()
            && text.chars().take(MAX_SHOWN_NAME_CHARS + 1).count() <= MAX_SHOWN_NAME_CHARS)
    {
        return Cow::Borrowed(text);
    }
    let line = text.lines().next().unwrap_or_default();
    Cow::Owned(line.chars().take(MAX_SHOWN_NAME_CHARS).chain(['…']).collect())
}

/// Whether it is a name: `[A-Za-z_][A-Za-z0-9_-]*` (design section 3.2).
#[must_use]
pub(crate) fn is_name(text: &str) -> bool {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let bytes = text.as_bytes();
    bytes
        .first()
        .is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
        && bytes.iter().all(|byte| is_part(*byte))
}

/// How a name is spelled in Tera: with underscores for hyphens.
#[must_use]
pub(crate) fn tera_name(name: &str) -> String {
    name.replace('-', "_")
}
