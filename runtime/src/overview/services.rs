//! The services that an application knows: those that the gateway names as active, and those that went away recently.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Instant,
};

use hydra_runtime_wire::{
    ActiveService, MenuItem, ServiceOverview,
    routes::{Route, RouteKind, RouteTable, pattern},
};

use super::{Content, MenuLink, Overview, Presence};
use crate::limits::{GONE_SERVICE_LIFE, MAX_GONE_SERVICES, MAX_MENU_LINKS};

/// What this application offers, which it knows without a gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct OwnService {
    pub(crate) name: String,
    pub(crate) endpoints: Vec<String>,
    pub(crate) menus: Menus,
}

type Menus = BTreeMap<String, Vec<MenuItem>>;

/// The part of one service in a menu.
struct MenuPart<'m> {
    /// The smallest path of the service in this menu.
    smallest_path: &'m str,
    name: &'m str,
    is_active: bool,
    items: &'m [MenuItem],
}

/// A service, with all of its instances taken together.
#[derive(Debug, Default)]
struct KnownService {
    endpoints: Vec<String>,
    menus: Menus,
    /// Whether its fragments may begin sessions.
    sessions: bool,
    /// Whether its fragments may set cookies of the visitor.
    cookies: bool,
    /// When it went away. `None`: it is active.
    gone: Option<Instant>,
}

/// All known services.
#[derive(Debug)]
pub(super) struct KnownServices {
    own: OwnService,
    services: BTreeMap<String, KnownService>,
}

impl KnownServices {
    pub(super) fn new(own: OwnService) -> Self {
        let services = BTreeMap::new();
        let mut services = Self { own, services };
        services.add_own();
        services
    }

    /// Takes in the active services. Those that are not named any more went away.
    pub(super) fn update(&mut self, services: Vec<ServiceOverview>, now: Instant) {
        for known in self.services.values_mut() {
            known.gone.get_or_insert(now);
        }
        let active = services
            .into_iter()
            .filter(|service| !service.active_services.is_empty());
        for service in active {
            self.services.insert(service.service_name.clone(), known(service));
        }
        self.add_own();
        self.expire(now);
    }

    /// Forgets services that went away long ago. Returns whether there were any.
    pub(super) fn expire(&mut self, now: Instant) -> bool {
        let before = self.services.len();
        self.services.retain(|_, known| {
            known
                .gone
                .is_none_or(|since| now.saturating_duration_since(since) < GONE_SERVICE_LIFE)
        });
        let mut gone: Vec<(Instant, String)> = self
            .services
            .iter()
            .filter_map(|(name, known)| Some((known.gone?, name.clone())))
            .collect();
        gone.sort();
        let beyond = gone.len().saturating_sub(MAX_GONE_SERVICES);
        for (_, name) in gone.drain(..beyond) {
            self.services.remove(&name);
        }
        self.services.len() != before
    }

    pub(super) fn overview(&self) -> Overview {
        Overview(Arc::new(Content {
            services: self
                .services
                .iter()
                .map(|(name, known)| {
                    let presence = Presence {
                        active: known.gone.is_none(),
                        sessions: known.sessions,
                    };
                    (name.clone(), presence)
                })
                .collect(),
            cookie_owners: self.cookie_owners(),
            menus: self.menus(),
            pages: self.pages(),
        }))
    }

    /// Adds this application, which is active even if the gateway does not know it.
    fn add_own(&mut self) {
        let known = self.services.entry(self.own.name.clone()).or_default();
        known.gone = None;
        add(known, &self.own.endpoints, &self.own.menus);
    }

    fn cookie_owners(&self) -> Arc<BTreeSet<String>> {
        let all = self.services.iter();
        let owners = all.filter(|(_, known)| known.gone.is_none() && known.cookies);
        Arc::new(owners.map(|(name, _)| name.clone()).collect())
    }

    fn menus(&self) -> BTreeMap<String, Vec<MenuLink>> {
        let mut menus: BTreeMap<String, Vec<MenuPart<'_>>> = BTreeMap::new();
        for (name, known) in &self.services {
            for (menu, items) in &known.menus {
                let smallest = items.iter().map(|item| item.endpoint.as_str()).min();
                menus.entry(menu.clone()).or_default().push(MenuPart {
                    smallest_path: smallest.unwrap_or_default(),
                    name,
                    is_active: known.gone.is_none(),
                    items,
                });
            }
        }
        menus
            .into_iter()
            .map(|(menu, mut parts)| {
                parts.sort_by_key(|part| (part.smallest_path, part.name));
                (menu, links(&parts))
            })
            .collect()
    }

    fn pages(&self) -> RouteTable {
        let active = || self.services.iter().filter(|(_, known)| known.gone.is_none());
        let mut table = RouteTable::default();
        for (number, (service, known)) in (0..).zip(active()) {
            let service: Arc<str> = service.as_str().into();
            for endpoint in &known.endpoints {
                // The gateway does not route what is not a pattern either.
                let Ok(segments) = pattern::parse(endpoint) else {
                    continue;
                };
                let route = Route {
                    service: service.clone(),
                    number,
                    kind: RouteKind::Endpoint,
                    key: pattern::key(&segments).into(),
                    claim: 0,
                };
                table.insert(&segments, route);
            }
        }
        table
    }
}

/// The links of one menu. Where two services have the same path, the active one counts.
fn links(parts: &[MenuPart<'_>]) -> Vec<MenuLink> {
    let active = parts.iter().filter(|part| part.is_active);
    let active: HashSet<&str> = active
        .flat_map(|part| part.items.iter().map(|item| item.endpoint.as_str()))
        .collect();
    let mut taken: HashSet<&str> = HashSet::new();
    let mut links = Vec::new();
    for part in parts {
        for item in part.items {
            let may_link = part.is_active || !active.contains(item.endpoint.as_str());
            if may_link && taken.insert(&item.endpoint) {
                links.push(MenuLink {
                    label: item.label.clone(),
                    href: item.endpoint.clone(),
                    service: part.name.to_owned(),
                    active: part.is_active,
                });
            }
        }
    }
    links
}

/// What the instances of a service say together. Where they differ, the newest version comes first.
fn known(service: ServiceOverview) -> KnownService {
    let mut instances = service.active_services;
    instances.sort_by_key(|instance| std::cmp::Reverse((instance.version, instance.active_since)));
    let mut known = KnownService {
        sessions: instances.iter().any(may_begin_sessions),
        cookies: instances.iter().any(|instance| instance.cookies == Some(true)),
        ..KnownService::default()
    };
    for instance in &instances {
        add(&mut known, &instance.endpoints, &instance.menu_items);
    }
    known
}

/// Services of protocol 1 and plain services can't send sessions.
fn may_begin_sessions(instance: &ActiveService) -> bool {
    instance.protocol.is_some_and(|protocol| protocol >= 2) && instance.sessions != Some(false)
}

fn add(known: &mut KnownService, endpoints: &[String], menus: &Menus) {
    let mut there: HashSet<String> = known.endpoints.iter().cloned().collect();
    let new = endpoints
        .iter()
        .filter(|endpoint| there.insert((*endpoint).clone()));
    known.endpoints.extend(new.cloned());
    for (menu, items) in menus {
        let links = known.menus.entry(menu.clone()).or_default();
        for item in items {
            // A link to another site or to a script does not belong in a menu of pages.
            let is_path = item.endpoint.starts_with('/') && !item.endpoint.starts_with("//");
            if is_path
                && links.len() < MAX_MENU_LINKS
                && !links.iter().any(|link| link.endpoint == item.endpoint)
            {
                links.push(item.clone());
            }
        }
    }
}
