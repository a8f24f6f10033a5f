//! What is not nested well: what becomes of it, and what is said.

use std::mem;

use crate::{
    parse::{Tag, TagEnd},
    problem::{Code, Problem},
    source::Span,
};

use super::{Builder, Frame, FrameKind, MAX_DEPTH, Node, misnested};

impl Builder<'_> {
    pub(super) fn too_deep(&mut self, span: Span) {
        if !mem::replace(&mut self.deep, true) {
            let message = format!("tags and statements nest deeper than {MAX_DEPTH} levels");
            let help = "move the inner part to a file of its own, and `{% include %}` it";
            let problem = Problem::new(
                Code::TooDeep,
                message,
                span.at(self.source),
                "this is one too deep",
            );
            self.problems.push(problem.help(help));
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
            FrameKind::Fragment(tag) => {
                // A tag without its `>` is reported already.
                if tag.end != TagEnd::Missing && !self.deep {
                    self.unclosed_tag(&tag, at);
                    self.given_up += usize::from(at.is_some());
                }
                let node = self.fragment(&tag, tag.span, Vec::new());
                self.nodes.push(node);
            }
            FrameKind::If { arms, .. } => {
                for arm in arms {
                    self.nodes.push(Node::Other(Box::new(arm.open)));
                    self.nodes.extend(arm.body);
                }
                self.nodes.push(Node::Other(Box::new(frame.open)));
            }
            FrameKind::For {
                body: Some((first, open)),
                ..
            } => {
                self.nodes.push(Node::Other(Box::new(open)));
                self.nodes.extend(first);
                self.nodes.push(Node::Other(Box::new(frame.open)));
            }
            FrameKind::For { .. } | FrameKind::Section { .. } => {
                self.nodes.push(Node::Other(Box::new(frame.open)))
            }
        }
        self.nodes.extend(body);
    }

    pub(super) fn misnested(&mut self, problem: Problem) {
        if !mem::replace(&mut self.astray, true) && !self.deep {
            self.problems.push(problem);
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
        self.problems.push(problem.help(format!(
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
            // The tag is settled with this report: what stands between it and here is no fallback.
            let frame = self.stack.remove(depth);
            self.settle_removed(depth, frame);
        }
        self.problems.push(problem.help(help));
    }

    /// Joins the lists after the fragment frame that stood at `depth` was taken out of the middle of the stack.
    fn settle_removed(&mut self, depth: usize, frame: Frame) {
        let FrameKind::Fragment(tag) = frame.kind else {
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
        self.problems.push(problem.help(format!("write `{text}>`")));
    }
}
