//! Recovers from tags and statements that are not nested well, and reports them.

use std::mem;

use crate::{
    fragment::short,
    limits::{MAX_PROBLEMS_PER_FILE, MAX_UNKNOWN_ELEMENTS_SEARCHED},
    parse::{self, Close, Tag, TagEnd},
    problem::{Code, Problem},
    source::Span,
};

use super::{Builder, Node, OpenNode, OpenNodeKind, misnested};

impl Builder<'_> {
    /// Keeps a problem, up to as many as a reader may want.
    pub(super) fn report(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS_PER_FILE {
            self.problems.push(problem);
        }
    }

    /// The same for a problem that is made only if it is kept: of some there may be millions.
    pub(super) fn report_with(&mut self, problem: impl FnOnce(&Self) -> Problem) {
        if self.problems.len() < MAX_PROBLEMS_PER_FILE {
            let problem = problem(self);
            self.problems.push(problem);
        }
    }

    pub(super) fn too_deep(&mut self, span: Span, what: &str, most: usize) {
        if !mem::replace(&mut self.deep, true) {
            let message = format!("{what} nest deeper than {most} levels");
            let help = "move the inner part to a file of its own, and `{% include %}` it";
            let problem = Problem::new(
                Code::TooDeep,
                message,
                span.at(self.source),
                "this is one too deep",
            );
            self.report(problem.help(help));
        }
    }

    /// Gives up the frames above `depth`: the statement at `at` closes something that they stand in.
    pub(super) fn abandon_above(&mut self, depth: usize, at: Span) {
        while self.stack.len() > depth + 1 {
            self.abandon(Some(at));
        }
    }

    /// Gives up the innermost frame: what stands in it goes to the list around it.
    pub(super) fn abandon(&mut self, at: Option<Span>) {
        let Some(frame) = self.stack.pop() else { return };
        if let Some(opened) = frame.opened() {
            self.misnested(misnested::unclosed(self.source, opened, at));
        }
        let body = mem::replace(&mut self.nodes, frame.outer);
        match frame.kind {
            OpenNodeKind::Fragment(tag) => {
                // A tag without its `>` is reported already.
                if tag.end != TagEnd::Missing && !self.deep {
                    self.unclosed_tag(&tag, at);
                    self.given_up += usize::from(at.is_some());
                }
                let node = self.fragment(&tag, tag.span, Vec::new());
                self.nodes.push(node);
            }
            OpenNodeKind::If { arms, .. } => {
                for arm in arms {
                    self.nodes.push(Node::Other(Box::new(arm.open)));
                    self.nodes.extend(arm.body);
                }
                self.nodes.push(Node::Other(Box::new(frame.open)));
            }
            OpenNodeKind::For {
                body: Some((first, open)),
                ..
            } => {
                self.nodes.push(Node::Other(Box::new(open)));
                self.nodes.extend(first);
                self.nodes.push(Node::Other(Box::new(frame.open)));
            }
            OpenNodeKind::For { .. } | OpenNodeKind::Section { .. } => {
                self.nodes.push(Node::Other(Box::new(frame.open)))
            }
        }
        self.nodes.extend(body);
    }

    pub(super) fn misnested(&mut self, problem: Problem) {
        if !mem::replace(&mut self.astray, true) && !self.deep {
            self.report(problem);
        }
    }

    fn unclosed_tag(&mut self, tag: &Tag, at: Option<Span>) {
        let prefix = self.prefix(tag);
        let message = format!("this `<{prefix}fragment>` is never closed");
        let mut problem = Problem::new(
            Code::UnclosedTag,
            message,
            tag.span.at(self.source),
            "opened here",
        );
        if let Some(at) = at {
            problem = problem.label(at.at(self.source), "this ends what the tag stands in");
        }
        self.report(problem.help(format!(
            "write `</{prefix}fragment>` where its fallback ends, or `/>` at the end of the tag if it has none"
        )));
    }

    /// A closing tag without an opening one, or in another branch than it.
    pub(super) fn stray_close(&mut self, span: Span, found: Option<usize>) {
        self.nodes.push(Node::Cut(span));
        if self.deep {
            // What is too deep was not nested: no closing tag can be told to be astray.
            return;
        }
        if found.is_none() && self.given_up > 0 {
            // It belongs to a tag that is reported already.
            self.given_up -= 1;
            return;
        }
        let here = span.at(self.source);
        let message = "this closing tag closes nothing";
        let mut problem = Problem::new(Code::StrayCloseTag, message, here, "no tag is open here");
        let tag = self.text[span.range()].trim_start_matches("</");
        let prefix = tag.split(':').next().unwrap_or_default();
        let mut help = format!("remove it, or write the opening `<{prefix}:fragment …>` before it");
        if let Some(depth) = found {
            let inside = self.stack.get(depth + 1).map_or(span, |frame| frame.open.span);
            problem.message = "this closing tag stands in another part of the template than its tag".into();
            problem.labels[0].text = "closed here".into();
            problem = problem.label(inside.at(self.source), "inside of this");
            help = "open and close the tag in the same branch".into();
            // This report settles the tag: what stands between it and this place is not a fallback.
            let frame = self.stack.remove(depth);
            self.settle_removed(depth, frame);
        }
        self.report(problem.help(help));
    }

    /// A closing tag of an element that Hydra does not know.
    pub(super) fn unknown_close(&mut self, span: Span, close: Close) {
        self.nodes.push(Node::Cut(span));
        let name = &self.text[close.name.range()];
        let is_it = |open: &Span| self.text[open.range()].eq_ignore_ascii_case(name);
        let near = self.unknown.iter().rev().take(MAX_UNKNOWN_ELEMENTS_SEARCHED);
        if let Some(back) = near.into_iter().position(is_it) {
            // Its opening tag is reported already.
            self.unknown.truncate(self.unknown.len() - 1 - back);
            return;
        }
        if self.problems.len() >= MAX_PROBLEMS_PER_FILE {
            return;
        }
        let written = self.text[span.range()].trim_end().trim_end_matches('>');
        let message = format!("`{}>` closes nothing", short(written));
        let here = span.at(self.source);
        let problem = Problem::new(Code::StrayCloseTag, message, here, "no such tag is open here");
        let problem = self.with_innermost(problem, span);
        self.report(problem);
    }

    /// Names the tag that is open at `span`, which is what a closing tag there may have meant.
    fn with_innermost(&mut self, problem: Problem, span: Span) -> Problem {
        let fragment = self.stack.iter().rev().find_map(|frame| match &frame.kind {
            OpenNodeKind::Fragment(tag) => Some(tag.span.start + 1..tag.name.end),
            _ => None,
        });
        // One walk through the file for its first such tag is enough: more of them would each take as long.
        let element = match self.innermost {
            Some(_) => None,
            None => *self
                .innermost
                .insert(parse::innermost(self.text, self.prefix, span.start)),
        };
        let nearest = match (fragment, element) {
            (Some(fragment), Some(element)) if fragment.start < element.start => {
                element.start + 1..element.end
            }
            (Some(fragment), _) => fragment,
            (None, Some(element)) => element.start + 1..element.end,
            (None, None) => return problem.help("remove it"),
        };
        let tag = &self.text[nearest.start as usize..nearest.end as usize];
        let end = tag.find(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '>'));
        let name = &tag[..end.unwrap_or(tag.len())];
        let open = Span::new(nearest.start as usize - 1, nearest.start as usize + name.len());
        let label = format!("the nearest open tag is `<{}>`", short(name));
        problem.label(open.at(self.source), label).help(format!(
            "write `</{name}>` if it was meant to close that one, or remove it"
        ))
    }

    /// Joins the lists after the fragment frame that stood at `depth` was taken out of the middle of the stack.
    fn settle_removed(&mut self, depth: usize, frame: OpenNode) {
        let OpenNodeKind::Fragment(tag) = frame.kind else {
            return;
        };
        let mut outer = frame.outer;
        let node = self.fragment(&tag, tag.span, Vec::new());
        outer.push(node);
        match self.stack.get_mut(depth) {
            Some(next) => {
                outer.append(&mut next.outer);
                next.outer = outer;
            }
            None => {
                outer.append(&mut self.nodes);
                self.nodes = outer;
            }
        }
    }

    pub(super) fn unfinished_close(&mut self, span: Span) {
        let text = self.text[span.range()].trim_end();
        let message = "the `>` of this closing tag is missing";
        let problem = Problem::new(
            Code::UnclosedTag,
            message,
            span.at(self.source),
            "ends without `>`",
        );
        self.report(problem.help(format!("write `{text}>`")));
    }
}
