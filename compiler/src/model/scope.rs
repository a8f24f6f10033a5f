//! The names in scope at a place of a page, as Tera has it: `set` leaks out of an `if` and a block, not out of a `for` or
//! an include; a component sees its arguments only.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, HashMap};

use crate::source::Location;

use super::GroupId;

/// A name that the template itself provides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bound {
    /// Whether all ways through the page that lead here provide it.
    pub(super) certain: bool,
    /// What its value depends on.
    pub(super) group: GroupId,
    /// The block in which it was set. 0: in none.
    pub(super) block: u32,
    /// Where it is set.
    pub(super) place: Location,
    /// The shape of its value, as far as the templates and types tell it.
    pub(super) shape: ShapeId,
}

/// The shape of a value, by its place among those of a walk. 0: nothing is known.
pub(super) type ShapeId = usize;

/// How far a frame lets names through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ScopeFrameKind {
    /// The page, or a part of it whose names end with it.
    Plain,
    /// An included file: it sees all but `loop`.
    Include,
    /// A component: it sees nothing of what is around it.
    Component,
}

/// The names in scope.
#[derive(Debug)]
pub(super) struct Scope<'n> {
    frames: Vec<ScopeFrame<'n>>,
    /// What was bound since a mark, with what was there before.
    changes: Vec<Change<'n>>,
}

#[derive(Debug)]
struct ScopeFrame<'n> {
    kind: ScopeFrameKind,
    names: HashMap<&'n str, Bound>,
}

#[derive(Debug)]
struct Change<'n> {
    frame: usize,
    name: &'n str,
    before: Option<Bound>,
}

/// What one branch bound: by frame and name.
pub(super) type BranchBindings<'n> = BTreeMap<(usize, &'n str), Bound>;

impl<'n> Scope<'n> {
    pub(super) fn new() -> Self {
        let frame = ScopeFrame {
            kind: ScopeFrameKind::Plain,
            names: HashMap::new(),
        };
        Scope {
            frames: vec![frame],
            changes: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, kind: ScopeFrameKind) {
        self.frames.push(ScopeFrame {
            kind,
            names: HashMap::new(),
        });
    }

    pub(super) fn pop(&mut self) {
        if self.frames.len() > 1 {
            self.frames.pop();
        }
    }

    /// What `name` is at this place. `None`: the template does not provide it.
    pub(super) fn find(&self, name: &str) -> Option<Bound> {
        for frame in self.frames.iter().rev() {
            if let Some(bound) = frame.names.get(name) {
                return Some(*bound);
            }
            match frame.kind {
                ScopeFrameKind::Component => return None,
                ScopeFrameKind::Include if name == "loop" => return None,
                _ => {}
            }
        }
        None
    }

    /// Binds a name in the innermost frame.
    pub(super) fn bind(&mut self, name: &'n str, bound: Bound) {
        self.bind_in(self.frames.len() - 1, name, bound);
    }

    /// Binds a name as `set_global` does: for the whole page, or the whole component.
    pub(super) fn bind_global(&mut self, name: &'n str, bound: Bound) {
        let base = self
            .frames
            .iter()
            .rposition(|frame| frame.kind == ScopeFrameKind::Component);
        self.bind_in(base.unwrap_or(0), name, bound);
    }

    /// Whether what is bound now is visible on the whole page that follows.
    pub(super) fn at_page_level(&self) -> bool {
        self.frames.len() == 1
    }

    fn bind_in(&mut self, index: usize, name: &'n str, bound: Bound) {
        let Some(frame) = self.frames.get_mut(index) else {
            return;
        };
        let before = frame.names.insert(name, bound);
        self.changes.push(Change {
            frame: index,
            name,
            before,
        });
    }

    /// The point to which [`Scope::take`] goes back.
    pub(super) fn mark(&self) -> usize {
        self.changes.len()
    }

    /// Takes back all that was bound since `mark`, and says what it was.
    pub(super) fn take(&mut self, mark: usize) -> BranchBindings<'n> {
        let mut branch = BranchBindings::new();
        for change in self.changes.drain(mark..).rev() {
            let Some(frame) = self.frames.get_mut(change.frame) else {
                continue;
            };
            let now = match change.before {
                Some(before) => frame.names.insert(change.name, before),
                None => frame.names.remove(change.name),
            };
            if let Some(now) = now {
                branch.entry((change.frame, change.name)).or_insert(now);
            }
        }
        branch
    }

    /// Binds what the branches bound: for certain where each of them does, or where it was certain before. `closed`: one of the
    /// branches is always taken. `join` gives what a value depends on that comes from one of several.
    pub(super) fn merge(
        &mut self,
        branches: &[BranchBindings<'n>],
        closed: bool,
        mut join: impl FnMut(Vec<GroupId>) -> GroupId,
    ) {
        let mut all: BTreeMap<(usize, &'n str), Vec<Bound>> = BTreeMap::new();
        for (key, bound) in branches.iter().flatten() {
            all.entry(*key).or_default().push(*bound);
        }
        for ((frame, name), bounds) in all {
            let Some(first) = bounds.first() else { continue };
            let before = self
                .frames
                .get(frame)
                .and_then(|frame| frame.names.get(name))
                .copied();
            let everywhere =
                closed && bounds.len() == branches.len() && bounds.iter().all(|bound| bound.certain);
            let groups = bounds.iter().chain(&before).map(|bound| bound.group).collect();
            let mut shapes = bounds.iter().chain(&before).map(|bound| bound.shape);
            let shape = shapes.next().filter(|first| shapes.all(|shape| shape == *first));
            let merged = Bound {
                shape: shape.unwrap_or_default(),
                certain: everywhere || before.is_some_and(|before| before.certain),
                group: join(groups),
                ..*first
            };
            self.bind_in(frame, name, merged);
        }
    }
}
