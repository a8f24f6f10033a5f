//! The branches of a page, and which of them exclude each other.
#![deny(clippy::disallowed_methods)]

/// The branches of a page: a tree, in which those of one point exclude each other.
#[derive(Debug)]
pub(crate) struct Branches {
    list: Vec<Branch>,
    points: u32,
}

#[derive(Clone, Copy, Debug)]
struct Branch {
    parent: usize,
    point: u32,
}

impl Default for Branches {
    fn default() -> Self {
        Branches {
            list: vec![Branch { parent: 0, point: 0 }],
            points: 0,
        }
    }
}

impl Branches {
    /// The branch in which the page itself stands.
    pub(crate) const ROOT: usize = 0;

    /// A new point at which branches part.
    pub(crate) fn point(&mut self) -> u32 {
        self.points += 1;
        self.points
    }

    /// A new branch of a point that stands in `parent`.
    pub(crate) fn branch(&mut self, parent: usize, point: u32) -> usize {
        self.list.push(Branch { parent, point });
        self.list.len() - 1
    }

    /// The way from the root to a branch: each branch with its point, the root left out.
    #[must_use]
    pub(crate) fn path(&self, branch: usize) -> Vec<(u32, usize)> {
        let mut path = Vec::new();
        let mut at = branch;
        while at != Self::ROOT {
            let Some(branch) = self.list.get(at) else { break };
            path.push((branch.point, at));
            at = branch.parent;
        }
        path.reverse();
        path
    }

    /// Whether never both are rendered.
    #[must_use]
    pub(crate) fn exclude(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.path(one), self.path(other));
        let parted = one.iter().zip(&other).find(|((_, a), (_, b))| a != b);
        parted.is_some_and(|((a, _), (b, _))| a == b)
    }
}
