//! Recognizes what other template engines write, and says how it is written here.
//!
//! What Tera refuses is looked for in files with errors only. What Tera takes for text, or for a name that nothing gives, is looked
//! for where the walk through a file met its first characters.
#![deny(clippy::disallowed_methods)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::string_slice))]

mod application;
mod arguments;
mod attributes;
mod blade;
mod bound;
mod braces;
mod calls;
mod comparisons;
mod components;
mod context;
mod dollars;
mod elements;
mod embedded;
mod ends;
mod expression;
mod filters;
mod forms;
mod freemarker;
mod functions;
mod handlebars;
mod ideas;
mod interpolation;
mod keywords;
mod lists;
mod loops;
mod loose;
mod methods;
mod named;
mod predicates;
mod prefix;
mod print;
mod razor;
mod signs;
mod statement;
mod text;
mod tokens;
mod turns;
mod values;
mod velocity;

use std::collections::HashSet;

use crate::{
    fragment::short,
    limits::MAX_IDIOM_BYTES,
    problem::{Code, Problem},
    slips::{FoundPart, PartKind, found_parts},
    source::{SourceId, Span},
    within::Within,
};

pub(crate) use expression::{has_constant, joins_with_plus};
pub(crate) use filters::{filter_here, test_here};
pub(crate) use interpolation::is_text_with_values;
pub(crate) use text::in_text;

/// Whether something of Blade, Razor, Angular or Velocity may stand in a text: all that no brace and no tag begins.
pub(crate) fn may_be_foreign(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut directives = blade::Directives::of(text);
    memchr::memchr2_iter(b'@', b'#', bytes).any(|at| match bytes.get(at) {
        Some(b'@') => directives.begins(at) || razor::begins(text.within(at + 1..)),
        _ => velocity::begins(bytes.within(at + 1..)),
    })
}

/// How something is written here.
pub(crate) struct Meant {
    /// What is wrong.
    pub(crate) message: String,
    /// What to write instead.
    pub(crate) help: String,
}

impl Meant {
    fn new(message: impl Into<String>, help: impl Into<String>) -> Option<Self> {
        Some(Self {
            message: message.into(),
            help: help.into(),
        })
    }
}

/// A statement of another engine.
struct Tag<'t> {
    /// The text between its delimiters.
    inside: &'t str,
    /// The dashes of its beginning and its end.
    dashes: (&'t str, &'t str),
}

impl Tag<'_> {
    /// A statement with other words, and with the dashes of this one.
    fn with(&self, content: &str) -> String {
        let (before, behind) = self.dashes;
        format!("{{%{before} {} {behind}%}}", content.trim())
    }

    /// The help that says to write other words.
    fn write(&self, content: &str) -> String {
        format!("write `{}`", self.with(content))
    }

    /// A statement that Tera lacks, and `content` that says the same.
    fn no_statement(&self, word: &str, content: &str) -> Option<Meant> {
        Meant::new(format!("Tera has no statement `{word}`"), self.write(content))
    }
}

/// The idioms of other engines in a text that Tera refuses: the first of each kind.
pub(crate) fn in_tera(source: SourceId, text: &str) -> Vec<Problem> {
    let mut seen = HashSet::new();
    let mut problems = Vec::new();
    let mut context = context::Context::default();
    if let Some(at) = text.find("{{{{") {
        let end = text.within(at..).find("}}}}").map_or(at + 4, |end| at + end + 4);
        let problem = Problem::new(
            Code::TemplateSyntax,
            "Tera has no `{{{{raw}}}}`",
            Span::new(at, end).at(source),
            "here",
        );
        return vec![problem.help("write `{% raw %}`, and `{% endraw %}` at its end")];
    }
    for part in found_parts(text) {
        let is_read = part.sound && part.span.range().len() <= MAX_IDIOM_BYTES;
        let inner = is_read.then(|| crate::delimiters::inner(text, part.span));
        let told = inner.and_then(|inner| context.meant(part.kind, text.within(inner.range())));
        let Some((meant, span)) = told
            .map(|meant| (meant, part.span))
            .or_else(|| meant(text, &part))
        else {
            continue;
        };
        if seen.insert(meant.message.clone()) {
            let problem = Problem::new(Code::TemplateSyntax, meant.message, span.at(source), "here");
            problems.push(problem.help(meant.help));
        }
    }
    problems
}

fn meant(text: &str, part: &FoundPart) -> Option<(Meant, Span)> {
    let start = part.span.start as usize;
    let shown = text.within(part.span.range());
    if let Some(trimmed) = misplaced_dash(text, part) {
        return Some(trimmed);
    }
    if !part.sound || shown.len() < 4 || shown.len() > MAX_IDIOM_BYTES {
        return None;
    }
    let inner = crate::delimiters::inner(text, part.span);
    let inside = text.within(inner.range());
    let dashes = (
        if text.within(start + 2..).starts_with('-') {
            "-"
        } else {
            ""
        },
        if shown.within(..shown.len() - 2).ends_with('-') {
            "-"
        } else {
            ""
        },
    );
    let found = match part.kind {
        PartKind::Print => print::meant(&values::Print {
            shown,
            inside,
            dashes,
        }),
        PartKind::Statement => statement::meant(&Tag { inside, dashes }),
    };
    found.map(|meant| (meant, part.span))
}

/// A print or a `set` that Tera reads, and that means something else to another engine.
pub(crate) fn unmeant(source: SourceId, text: &str, span: Span) -> Problem {
    let shown = text.within(span.range());
    let kind = match shown.starts_with("{{") {
        true => PartKind::Print,
        false => PartKind::Statement,
    };
    let sound = true;
    let found = meant(text, &FoundPart { span, kind, sound });
    let meant = found.map_or_else(|| unnamed(shown), |(meant, _)| meant);
    Problem::new(
        Code::OtherEngine,
        meant.message,
        span.at(source),
        "nothing gives this",
    )
    .help(meant.help)
}

/// The message for a print or a `set` that no idiom of another engine matches.
fn unnamed(shown: &str) -> Meant {
    if shown.starts_with("{%") && shown.contains("set_global") {
        let set = shown.replacen("set_global", "set", 1);
        return Meant {
            message: "`set_global` means no more than `set` outside of a loop".to_owned(),
            help: format!("write `{}` instead of `set_global`", short(&set)),
        };
    }
    Meant {
        message: "this expression is not written as in Tera".to_owned(),
        help: "write `none`, `true` and `false` in small letters, and `~` between texts that are joined"
            .to_owned(),
    }
}

/// `%-}` and `}-}`: the dash stands before the whole end.
fn misplaced_dash(text: &str, part: &FoundPart) -> Option<(Meant, Span)> {
    let end = part.span.end as usize;
    let (broken, whole) = match part.kind {
        PartKind::Statement => ("%-}", "-%}"),
        PartKind::Print => ("}-}", "-}}"),
    };
    let at = (end.saturating_sub(3)..=end.saturating_sub(1))
        .find(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(broken)))?;
    let span = Span::new(part.span.start as usize, at + 3);
    let new = format!("{}{whole}", text.within(part.span.start as usize..at));
    let meant = Meant::new(
        format!("`{broken}` ends nothing: the dash stands before the whole end"),
        format!("write `{new}`"),
    )?;
    Some((meant, span))
}
