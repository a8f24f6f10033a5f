//! Who holds which path.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use crate::{
    gateway::{
        names::ServiceName,
        registration::Path,
        registry::{Entry, View},
        table::{Route, Table},
    },
    wire::LeftOut,
};

/// The routes, and what came of paths that several services want.
#[derive(Debug, Default)]
pub(super) struct Routes {
    pub(super) version: u64,
    pub(super) table: Table,
    /// By service: the paths that another service holds.
    pub(super) conflicts: HashMap<ServiceName, Vec<LeftOut>>,
}

impl Routes {
    /// Makes the routes of a view.
    pub(super) fn build(view: &View) -> Self {
        let paths = view.entries.iter().map(|entry| entry.instance.paths.len()).sum();
        let table = Table::with_capacity(paths);
        let mut routes = Routes {
            version: view.routes_version,
            table,
            ..Routes::default()
        };
        let mut contested: HashMap<Arc<str>, (u64, ServiceName)> = HashMap::new();
        for (entry, path, claim) in claimed(view) {
            let (service, key) = (entry.instance.service.shared(), Arc::clone(&path.key));
            let route = Route {
                service,
                kind: path.kind,
                key,
                claim,
            };
            if routes.table.insert(&path.segments, route) {
                contested.insert(Arc::clone(&path.key), (u64::MAX, entry.instance.service.clone()));
            }
        }
        if !contested.is_empty() {
            routes.leave_out(contested, view);
        }
        routes
    }

    /// Tells each service which of its paths another one holds.
    fn leave_out(&mut self, mut contested: HashMap<Arc<str>, (u64, ServiceName)>, view: &View) {
        for (entry, path, claim) in claimed(view) {
            if let Some(holder) = contested.get_mut(&path.key) {
                let claim = (claim, entry.instance.service.clone());
                if claim < *holder {
                    *holder = claim;
                }
            }
        }
        let mut told = HashSet::new();
        for (entry, path, _) in claimed(view) {
            let service = &entry.instance.service;
            match contested.get(&path.key) {
                Some((_, holder)) if holder != service && told.insert((service, &path.key)) => {
                    let reason = format!("the service `{holder}` holds the path");
                    let path = entry.instance.as_written(path).to_owned();
                    self.conflicts
                        .entry(service.clone())
                        .or_default()
                        .push(LeftOut { path, reason });
                }
                _ => {}
            }
        }
    }
}

fn claimed(view: &View) -> impl Iterator<Item = (&Entry, &Path, u64)> {
    view.entries.iter().flat_map(|entry| {
        entry
            .instance
            .paths
            .iter()
            .zip(entry.claims.iter())
            .map(move |(path, claim)| (entry, path, *claim))
    })
}
