//! Looks at the indentation of a text for an end, or an opening, that is missing: most texts are indented as they are nested.

use std::collections::BTreeMap;

use crate::{
    delimiters::{first_word, inner, keyword},
    fragment::short,
    limits::MAX_MISSING_LINES,
    problem::Code,
    source::Span,
    within::Within,
};

use super::{
    candidate::Candidate,
    noise::may_stay_open,
    runs::{RunKind, name, runs},
    scan::{Part, Shape},
};

/// What a statement or a tag does to the nesting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Opens,
    Ends,
    /// It stands between the two: `{% else %}`.
    Divides,
}

/// A statement or a tag.
#[derive(Clone, Debug)]
struct Nest {
    span: Span,
    role: Role,
    /// The word of a statement, or `<` and the name of an element.
    name: String,
}

/// A line that has something, outside of scripts, comments and what Tera's delimiters hold.
struct Line {
    /// Without the white space around it.
    span: Span,
    /// How many characters stand before it.
    indent: usize,
    /// What it begins with.
    first: Option<Nest>,
    /// Whether what it begins with is still open at its end.
    stays_open: bool,
}

impl Line {
    fn begins_with_element(&self) -> bool {
        self.first
            .as_ref()
            .is_some_and(|first| first.name.starts_with('<'))
    }

    /// Whether it begins with `{% else %}` or `{% elif … %}`, and stands at this indentation.
    fn divides(&self, indent: usize) -> bool {
        let role = self.first.as_ref().map(|first| first.role);
        role == Some(Role::Divides) && self.indent == indent
    }
}

/// A line whose first statement or tag is open.
struct Open<'l> {
    line: &'l Line,
    /// Where it stands among the lines.
    at: usize,
    /// Whether what is in it is indented deeper. `None`: nothing has come yet.
    is_deep: Option<bool>,
}

impl Open<'_> {
    /// Whether its end must have come before `line`.
    fn is_over(&self, line: &Line) -> bool {
        let is_level = self.line.indent == line.indent;
        self.line.indent > line.indent
            || (is_level && self.is_deep == Some(true) && !belongs(self.line, line))
    }
}

/// Ends that the indentation lacks, and openings.
pub(super) fn candidates(text: &str, masked: &[u8], parts: &[Part]) -> Vec<Candidate> {
    let lines = lines(text, masked, parts);
    let mut walk = Walk {
        text,
        lines: &lines,
        open: Vec::new(),
        found: Vec::new(),
    };
    for at in 0..lines.len() {
        walk.line(at);
        if walk.found.len() >= MAX_MISSING_LINES {
            break;
        }
    }
    while let Some(last) = walk.open.pop() {
        walk.found.extend(missing_end(text, last.line, &lines));
    }
    walk.found.truncate(MAX_MISSING_LINES);
    walk.found
}

/// A walk through the lines, with those whose beginning is open.
struct Walk<'l> {
    text: &'l str,
    lines: &'l [Line],
    open: Vec<Open<'l>>,
    found: Vec<Candidate>,
}

impl Walk<'_> {
    fn line(&mut self, at: usize) {
        let lines = self.lines;
        let (Some(line), before) = (lines.get(at), lines.within(..at)) else {
            return;
        };
        if let Some(last) = self.open.last_mut() {
            last.is_deep.get_or_insert(line.indent > last.line.indent);
        }
        while let Some(last) = self.open.pop_if(|last| last.is_over(line)) {
            self.found.extend(missing_end(self.text, last.line, before));
        }
        let role = line.first.as_ref().map(|first| first.role);
        if matches!(role, Some(Role::Ends | Role::Divides)) {
            self.end(at, role == Some(Role::Ends));
        }
        if line.stays_open {
            let is_deep = None;
            self.open.push(Open { line, at, is_deep });
        }
    }

    /// The line at `at` begins with an end, or divides what is open.
    fn end(&mut self, at: usize, ends: bool) {
        let lines = self.lines;
        let (Some(line), before) = (lines.get(at), lines.within(..at)) else {
            return;
        };
        let own = |open: &Open<'_>| open.line.indent == line.indent && belongs(open.line, line);
        let Some(own) = self.open.iter().rposition(own) else {
            if ends {
                let around = self.open.last();
                let from = around.map_or(0, |open| open.at + 1);
                let in_element = around.is_some_and(|open| open.line.begins_with_element());
                let missing = missing_opening(self.text, lines.within(from..=at), in_element);
                self.found.extend(missing);
            }
            return;
        };
        for inside in self.open.drain(own + 1..).rev() {
            self.found.extend(missing_end(self.text, inside.line, before));
        }
        if ends {
            self.open.pop();
        }
    }
}

/// Whether `line` begins with the end of what `opening` begins with, or divides it.
fn belongs(opening: &Line, line: &Line) -> bool {
    let (Some(opened), Some(first)) = (&opening.first, &line.first) else {
        return false;
    };
    match first.role {
        Role::Opens => false,
        Role::Ends => first.name == opened.name,
        Role::Divides => opened.name == "if" || (first.name == "else" && opened.name == "for"),
    }
}

/// `opening` has no end at its own indentation: it was due behind these lines.
fn missing_end(text: &str, opening: &Line, before: &[Line]) -> Option<Candidate> {
    let opened = opening.first.as_ref()?;
    let end = match opened.name.strip_prefix('<') {
        Some(name) => format!("</{name}>"),
        None => format!("{{% end{} %}}", opened.name),
    };
    let margin = text.within(opening.span.start as usize - opening.indent..opening.span.start as usize);
    let last = before.last()?;
    let (at, with) = (last.span.end as usize, format!("\n{margin}{end}"));
    let message = match opened.name.strip_prefix('<') {
        Some(name) => format!("this `<{}>` is never closed", short(name)),
        None => format!("this `{{% {} %}}` is never closed", opened.name),
    };
    let code = match opened.name.starts_with('<') {
        true => Code::UnclosedTag,
        false => Code::TemplateSyntax,
    };
    Some(Candidate {
        mark: Some(last.span),
        help: Some(format!("add `{end}` behind this line")),
        opening: (last.span.start != opening.span.start).then_some((opened.span, "opened here")),
        ..missing(
            code,
            message,
            "by the indentation, its end is missing behind this",
            at,
            with,
        )
    })
}

/// The end that the last of these lines begins with has no opening at its indentation. Of the lines around it that belong to the same
/// element or statement, it likely stood before those that are indented deeper, or before the first one of an element. Otherwise it is the
/// end that is marked.
fn missing_opening(text: &str, around: &[Line], in_element: bool) -> Option<Candidate> {
    let (line, inside) = around.split_last()?;
    let ended = line.first.as_ref()?;
    let is_deeper = |above: &&Line| above.indent > line.indent || above.divides(line.indent);
    let deeper = inside.iter().rev().take_while(is_deeper).last();
    let due = deeper.or(inside.first().filter(|_| in_element)).unwrap_or(line);
    if due.span == line.span && ended.name.starts_with('<') {
        return None;
    }
    // Tried where no `{% else %}` stands before it.
    let first_part = inside.iter().find(|above| above.divides(line.indent));
    let tried = if due.span == line.span {
        first_part.unwrap_or(line)
    } else {
        due
    };
    let is_end = due.span == line.span;
    let (code, shown) = match ended.name.strip_prefix('<') {
        None => (Code::TemplateSyntax, format!("{{% {} … %}}", ended.name)),
        Some(name) if name.contains(':') => (Code::StrayCloseTag, format!("<{name}>")),
        Some(name) => (Code::UnmatchedEndTag, format!("<{name}>")),
    };
    let (label, help) = match is_end {
        true => (
            "its beginning is missing",
            format!("the `{shown}` that this ends is missing: write it where it begins, or remove this"),
        ),
        false => (
            "by the indentation, its beginning is missing before this",
            format!("the `{shown}` that it ends is missing: write it before this line, or remove the end"),
        ),
    };
    let message = format!("`{}` closes nothing", short(text.within(ended.span.range())));
    let at = tried.span.start as usize - tried.indent;
    Some(Candidate {
        mark: Some(due.span),
        help: Some(help),
        opening: (!is_end).then_some((ended.span, "this closes nothing")),
        ..missing(code, message, label, at, stand_in(&ended.name) + "\n")
    })
}

/// A beginning of this name that is tried, since what it said is lost.
fn stand_in(name: &str) -> String {
    match (name, name.strip_prefix('<')) {
        ("if", _) => "{% if true %}".to_owned(),
        ("for", _) => "{% for item in [] %}".to_owned(),
        ("filter", _) => "{% filter upper %}".to_owned(),
        ("component", _) => "{% component missing() %}".to_owned(),
        (_, Some(name)) if name.contains(':') => format!("<{name} service=\"a\" ref=\"a\">"),
        (_, Some(name)) => format!("<{name}>"),
        (name, None) => format!("{{% {name} missing %}}"),
    }
}

fn missing(code: Code, message: String, label: &'static str, at: usize, with: String) -> Candidate {
    Candidate {
        code,
        message,
        label,
        span: Span::new(at, at),
        with,
        sure: false,
        note: "",
        rank: 9,
        mark: None,
        help: None,
        opening: None,
    }
}

/// The lines of a text that have something.
fn lines(text: &str, masked: &[u8], parts: &[Part]) -> Vec<Line> {
    let (nests, hidden) = nests(text, masked, parts);
    let mut nests = nests.into_iter().peekable();
    let mut hidden = hidden.into_iter().peekable();
    let mut lines = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let (start, end) = (at, at + line.len());
        at = end;
        let mut inside = Vec::new();
        while let Some(nest) = nests.next_if(|nest| (nest.span.start as usize) < end) {
            inside.push(nest);
        }
        while hidden.next_if(|span| span.end as usize <= start).is_some() {}
        let is_hidden = hidden.peek().is_some_and(|span| (span.start as usize) < start);
        let shown = line.trim();
        if is_hidden || shown.is_empty() {
            continue;
        }
        let indent = line.len() - line.trim_start().len();
        let span = Span::new(start + indent, start + indent + shown.len());
        let first = inside
            .first()
            .filter(|first| first.span.start == span.start)
            .cloned();
        let stays_open = first
            .as_ref()
            .is_some_and(|first| balance(&inside, &first.name) > 0);
        lines.push(Line {
            span,
            indent,
            first,
            stays_open,
        });
    }
    lines
}

/// How many more of a name are opened than ended.
fn balance(nests: &[Nest], name: &str) -> i32 {
    let own = nests.iter().filter(|nest| nest.name == name);
    own.map(|nest| match nest.role {
        Role::Opens => 1,
        Role::Ends => -1,
        Role::Divides => 0,
    })
    .sum()
}

/// What nests in a text, in order, and the places over several lines in which no line counts.
fn nests(text: &str, masked: &[u8], parts: &[Part]) -> (Vec<Nest>, Vec<Span>) {
    let mut nests: BTreeMap<u32, Nest> = BTreeMap::new();
    let mut hidden: Vec<Span> = parts.iter().map(|part| part.span).collect();
    let statements = parts
        .iter()
        .filter(|part| part.shape == Shape::Statement && part.fault.is_none());
    for part in statements {
        if let Some((role, name)) = statement(text, part.span) {
            let span = part.span;
            nests.insert(span.start, Nest { span, role, name });
        }
    }
    for run in runs(masked) {
        match run.kind {
            RunKind::Tag => {
                hidden.push(run.span);
                if let Some((role, name)) = tag(masked, run.span) {
                    let span = run.span;
                    nests.insert(span.start, Nest { span, role, name });
                }
            }
            RunKind::Script | RunKind::Comment | RunKind::Code => hidden.push(run.span),
            RunKind::Text => {}
        }
    }
    hidden.sort_unstable();
    (nests.into_values().collect(), hidden)
}

fn statement(text: &str, span: Span) -> Option<(Role, String)> {
    let word = keyword(text, span);
    Some(match word {
        "if" | "for" | "block" | "filter" | "component" => (Role::Opens, word.to_owned()),
        "set" | "set_global" => {
            let all = text.within(inner(text, span).range());
            let is_capture = !all.contains('=') && !first_word(all).is_empty();
            return is_capture.then(|| (Role::Opens, "set".to_owned()));
        }
        "else" | "elif" => (Role::Divides, word.to_owned()),
        _ => (Role::Ends, word.strip_prefix("end")?.to_owned()),
    })
}

fn tag(masked: &[u8], span: Span) -> Option<(Role, String)> {
    let all = masked.within(span.range());
    let name = String::from_utf8_lossy(name(masked, span.start as usize)).to_ascii_lowercase();
    let is_whole = all.ends_with(b">") && !all.starts_with(b"<!") && !all.starts_with(b"<?");
    let (role, name) = match name.strip_prefix('/') {
        Some(name) => (Role::Ends, name),
        None if all.ends_with(b"/>") => return None,
        None => (Role::Opens, name.as_str()),
    };
    (is_whole && !may_stay_open(name)).then(|| (role, format!("<{name}")))
}
