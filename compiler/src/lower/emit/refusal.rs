//! Problems of parts of a page that can't be lowered.

use crate::{
    check::{export_in_block_structure, import_cycle},
    limits::MAX_HOLE_DEPTH,
    problem::{Code, Problem},
    source::{Location, Span},
    tree::{Node, Section},
};

use super::{HoleExtent, Names, Waiting, Writer, hole_extent, leaked_sets, listed, opening};

/// More templates come out of a site than any site needs.
pub(in crate::lower) fn too_large(place: Location) -> Problem {
    let message = "the parts of these pages that wait for exports repeat too much of the templates";
    let problem = Problem::new(
        Code::TooDeep,
        message,
        place,
        "from here on, no part could be told to wait",
    );
    problem.help("set fewer names from exports, or use them in fewer places")
}

impl Writer<'_, '_> {
    pub(super) fn refuse(&mut self, first: &Node, fixed: Span, waits: &Names) {
        let source = self.lowering.site.files[self.file].id;
        let problem = export_in_block_structure::can_not_be_lifted(
            &listed(waits),
            opening(first).at(source),
            fixed.at(source),
        );
        self.lowering.problems.add(problem);
    }

    pub(super) fn refuse_depth(&mut self, first: &Node) {
        let source = self.lowering.site.files[self.file].id;
        let message =
            format!("more than {MAX_HOLE_DEPTH} parts of this page wait inside of each other for exports");
        let problem = Problem::new(
            Code::TooDeep,
            message,
            opening(first).at(source),
            "this is one too deep",
        );
        let help = "set fewer names under conditions on exports, or put a part into an include";
        self.lowering.problems.add(problem.help(help));
    }

    /// Refuses a block that sets a name from an export, if the name is used outside of the block. What a block sets
    /// is otherwise seen behind it and in the blocks of other files, but a name set from an export has no value
    /// there.
    pub(super) fn refuse_leak(&mut self, section: &Section, waiting: &Waiting) {
        let file = &self.lowering.site.files[self.file];
        let waits = |node| match hole_extent(&self.lowering.regions, file, node, waiting) {
            HoleExtent::Rest(waits) => Some(waits),
            _ => None,
        };
        let Some((index, waits)) = section
            .body
            .iter()
            .enumerate()
            .find_map(|(index, node)| Some((index, waits(node)?)))
        else {
            return;
        };
        let seen = self.lowering.seen_outside(self.file, section.span);
        let lost = leaked_sets(&section.body[index..])
            .into_iter()
            .find(|(name, _)| seen.contains(*name));
        if let Some((name, at)) = lost {
            let (set, block) = (at.at(file.id), section.open.span.at(file.id));
            let problem = export_in_block_structure::lost_behind_block(name, &listed(&waits), set, block);
            self.lowering.problems.add(problem);
        }
    }

    /// A region can't wait for a fragment that stands in it.
    pub(super) fn refuse_circle(&mut self, first: &Node, waits: &Names, gives: &Names) {
        let circle: Names = waits.intersection(gives).cloned().collect();
        if circle.is_empty() {
            return;
        }
        let source = self.lowering.site.files[self.file].id;
        let problem = import_cycle::in_its_own_hole(&listed(&circle), opening(first).at(source));
        self.lowering.problems.add(problem);
    }
}
