//! Walks through `if` and `for`: the branches of the page, and the names that they bind.
#![deny(clippy::disallowed_methods)]

use crate::tree::{For, If};

use super::{GroupId, Need, NeedList, WalkPosition, Walker};
use crate::model::scope::{Bound, BranchBindings, ScopeFrameKind};

impl<'n> Walker<'n> {
    pub(super) fn branches(&mut self, here: &WalkPosition<'n>, node: &'n If) {
        let mut headers = NeedList::new();
        for arm in &node.arms {
            let needs = self.expression(here, arm.open.inner);
            self.values(here, arm.open.inner, arm.open.span, &needs);
            headers.extend(needs);
        }
        let (group, region) = self.condition(here, headers);
        let point = self.page.branches.point();
        let mut bound = Vec::with_capacity(node.arms.len());
        for arm in &node.arms {
            let branch = self.page.branches.branch(here.branch, point);
            let mark = self.scope.mark();
            self.nodes(
                &WalkPosition {
                    branch,
                    group,
                    region,
                    ..here.clone()
                },
                &arm.body,
            );
            bound.push(self.scope.take(mark));
        }
        let closed = node.arms.last().is_some_and(|arm| arm.otherwise);
        self.merge(&bound, closed, group);
    }

    pub(super) fn repeated(&mut self, here: &WalkPosition<'n>, node: &'n For) {
        let header = self.expression(here, node.header);
        self.values(here, node.header, node.open.span, &header);
        let item = self.shape_of(here, node.header).item();
        // Nothing is known of two names (`for key, value in map`): the first is a key of the map.
        let shape = if node.names.len() == 1 {
            self.shape(item)
        } else {
            0
        };
        let (group, region) = self.condition(here, header);
        let point = self.page.branches.point();
        let place = self.at(here, node.open.span);
        let mut bound = Vec::new();

        let branch = self.page.branches.branch(here.branch, point);
        let mark = self.scope.mark();
        self.scope.push(ScopeFrameKind::Plain);
        for name in node.names.iter().map(String::as_str).chain(["loop"]) {
            self.scope.bind(
                name,
                Bound {
                    certain: true,
                    group,
                    block: 0,
                    place,
                    shape: if name == "loop" { 0 } else { shape },
                },
            );
        }
        let looped = here.looped.or(Some(place));
        self.nodes(
            &WalkPosition {
                branch,
                group,
                region,
                looped,
                ..here.clone()
            },
            &node.body,
        );
        self.scope.pop();
        bound.push(self.scope.take(mark));

        if let Some((_, otherwise)) = &node.otherwise {
            let branch = self.page.branches.branch(here.branch, point);
            let mark = self.scope.mark();
            self.nodes(
                &WalkPosition {
                    branch,
                    group,
                    region,
                    ..here.clone()
                },
                otherwise,
            );
            bound.push(self.scope.take(mark));
        }
        self.merge(&bound, false, group);
    }

    fn condition(&mut self, here: &WalkPosition<'n>, header: NeedList<'n>) -> (GroupId, GroupId) {
        let header = self.page.needs.group(header);
        let group = self
            .page
            .needs
            .group([Need::Group(here.group), Need::Group(header)]);
        let region = self
            .page
            .needs
            .group([Need::Group(here.region), Need::Group(header)]);
        (group, region)
    }

    fn merge(&mut self, bound: &[BranchBindings<'n>], closed: bool, condition: GroupId) {
        let needs = &mut self.page.needs;
        self.scope.merge(bound, closed, |groups| {
            needs.group(groups.into_iter().chain([condition]).map(Need::Group))
        });
    }
}
