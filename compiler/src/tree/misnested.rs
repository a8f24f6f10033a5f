//! Reports of statements that are not nested well, in terms of what was opened. Tera would name what it met instead.

use crate::{
    problem::{Code, Problem},
    source::{SourceId, Span},
};

/// A statement that is open: its keyword and its place.
#[derive(Clone, Copy)]
pub(super) struct Opened {
    pub(super) keyword: &'static str,
    pub(super) span: Span,
}

/// A statement that never ends. `at`: what ends that in which it stands; otherwise it is the file.
pub(super) fn unclosed(source: SourceId, opened: Opened, at: Option<Span>) -> Problem {
    let Opened { keyword, span } = opened;
    let message = format!("this `{{% {keyword} %}}` is never closed");
    let mut problem = Problem::new(Code::TemplateSyntax, message, span.at(source), "opened here");
    if let Some(at) = at {
        problem = problem.label(at.at(source), "this ends what it stands in");
    }
    problem.help(format!("write `{{% end{keyword} %}}` where it ends"))
}

/// A closing statement, `end` and `keyword`, of another kind than what is open.
pub(super) fn wrong_end(source: SourceId, opened: Opened, keyword: &str, end: Span) -> Problem {
    let open = opened.keyword;
    let message = format!("`{{% end{keyword} %}}` closes a `{{% {open} %}}`");
    Problem::new(Code::TemplateSyntax, message, end.at(source), "closed here")
        .label(opened.span.at(source), "opened here")
        .help(format!("write `{{% end{open} %}}`"))
}
