//! The routes, by service and path.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::list::{Listed, Page, link};
use crate::{
    Gateway,
    admin::api::kind,
    routing::snapshot::{Service, Snapshot},
};

#[derive(Debug, Serialize)]
pub(super) struct RouteRow {
    path: String,
    kind: &'static str,
    service: String,
    link: String,
    /// How many active instances serve it, and how many there are.
    serving: usize,
    instances: usize,
}

/// A route before its row is made: most are on other pages.
struct Route<'a> {
    path: &'a str,
    kind: &'static str,
    service: &'a Service,
    serving: usize,
}

pub(super) fn list(gateway: &Gateway, listed: &Listed) -> Page<RouteRow> {
    let snapshot = gateway.publisher().snapshot();
    let mut routes: Vec<Route<'_>> = Vec::new();
    for service in snapshot.active_services() {
        let of_service = routes_of(service, &snapshot).into_iter();
        routes.extend(of_service.filter(|route| listed.finds([route.path, &service.name])));
    }
    listed.page("/routes", &[], routes, |route| RouteRow {
        path: route.path.to_owned(),
        kind: route.kind,
        service: route.service.name.to_string(),
        link: link("/service", &[("name", &route.service.name)]),
        serving: route.serving,
        instances: route.service.active.len(),
    })
}

fn routes_of<'a>(service: &'a Service, snapshot: &Snapshot) -> Vec<Route<'a>> {
    let conflicts = snapshot.conflicts(&service.name);
    let conflicts: HashSet<&str> = conflicts.iter().map(|one| one.path.as_str()).collect();
    let all = service.active.len();
    // Instances with the same paths need no comparison.
    let (told, each) = if service.is_uniform() { (1, all) } else { (all, 1) };
    let mut routes: BTreeMap<&str, Route<'_>> = BTreeMap::new();
    for instance in service.active.iter().take(told) {
        for path in &instance.paths {
            if conflicts.contains(instance.as_written(path)) {
                continue;
            }
            let route = routes.entry(&path.key).or_insert_with(|| Route {
                path: &path.key,
                kind: kind(path.kind),
                service,
                serving: 0,
            });
            route.serving += each;
        }
    }
    routes.into_values().collect()
}
