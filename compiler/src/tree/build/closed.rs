//! Turns open nodes into nodes of the tree when they are closed.

use crate::source::Span;

use super::{Arm, Delimited, For, If, Node, OpenNodeKind, Section};

/// The node of a frame that is closed well.
pub(super) fn close(open: Delimited, kind: OpenNodeKind, body: Vec<Node>, end: Delimited) -> Node {
    match kind {
        OpenNodeKind::If { mut arms, otherwise } => {
            arms.push(Arm {
                open,
                otherwise,
                body,
            });
            let start = arms.first().map_or(open.span.start, |arm| arm.open.span.start);
            Node::If(Box::new(If {
                span: Span {
                    start,
                    end: end.span.end,
                },
                arms,
                end,
            }))
        }
        OpenNodeKind::For {
            names,
            header,
            body: first,
        } => {
            let (body, open, otherwise) = match first {
                Some((first, for_open)) => (first, for_open, Some((open, body))),
                None => (body, open, None),
            };
            let span = Span {
                start: open.span.start,
                end: end.span.end,
            };
            Node::For(Box::new(For {
                span,
                open,
                names,
                header,
                body,
                otherwise,
                end,
            }))
        }
        OpenNodeKind::Section { kind, name } => {
            let span = Span {
                start: open.span.start,
                end: end.span.end,
            };
            Node::Section(Box::new(Section {
                span,
                kind,
                name,
                open,
                body,
                end,
            }))
        }
        OpenNodeKind::Fragment(tag) => Node::Cut(tag.span),
    }
}
