//! What the operators' page shows: values for its templates, of a gateway at one moment.

mod flows;
mod list;
mod problems;
mod routes;
mod service;
mod services;
mod words;

use std::collections::HashMap;

use http::StatusCode;
use serde::Serialize;
use tera::Context;

use super::digest::Digest;
use crate::{Gateway, operators::Access};
pub(super) use list::{Listed, link};
pub(super) use words::percent;

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum View {
    Services(Listed),
    /// One service, with a page of its instances.
    Service(String, Listed),
    /// The form for the weights of one service.
    Weights(String),
    Routes(Listed),
    Problems(Listed),
    Flows(Listed),
}

/// What stands around each page.
#[derive(Debug, Serialize)]
struct Frame {
    /// The name of the page in the navigation.
    tab: &'static str,
    title: String,
    assets: String,
    version: &'static str,
    public_key: String,
    /// Where an operator signs in, and then comes back to this page.
    sign_in: String,
    access: &'static str,
    form_key: String,
    redis: Option<Redis>,
    is_stopping: bool,
    /// What a change has brought about.
    notice: Option<&'static str>,
}

#[derive(Debug, Serialize)]
struct Summary {
    services: String,
    inactive: usize,
    instances: String,
    unreachable: usize,
    routes: String,
    problems: usize,
}

#[derive(Debug, Serialize)]
struct Redis {
    is_up: bool,
    text: String,
}

impl View {
    /// The view at this path with this query.
    pub(super) fn of(path: &str, query: &HashMap<String, String>) -> Option<Self> {
        let name = || query.get("name").cloned().unwrap_or_default();
        let listed = Listed::of(query);
        Some(match path {
            "/" => Self::Services(listed),
            "/service" => Self::Service(name(), listed),
            "/weights" => Self::Weights(name()),
            "/routes" => Self::Routes(listed),
            "/problems" => Self::Problems(listed),
            "/flows" => Self::Flows(listed),
            _ => return None,
        })
    }

    /// The name of its templates: `name.html`, and `name.live.html` for the part that is kept up to date.
    pub(super) fn template(&self) -> &'static str {
        match self {
            Self::Services(_) => "services",
            Self::Service(..) => "service",
            Self::Weights(_) => "weights",
            Self::Routes(_) => "routes",
            Self::Problems(_) => "problems",
            Self::Flows(_) => "flows",
        }
    }

    /// Whether it shows counts and rates, which change without a change of the registry.
    pub(super) fn is_counting(&self) -> bool {
        matches!(self, Self::Services(_) | Self::Service(..) | Self::Flows(_))
    }

    /// Its address.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Services(listed) => listed.link("/", &[]),
            Self::Service(name, listed) => listed.link("/service", &[("name", name)]),
            Self::Weights(name) => link("/weights", &[("name", name)]),
            Self::Routes(listed) => listed.link("/routes", &[]),
            Self::Problems(listed) => listed.link("/problems", &[]),
            Self::Flows(listed) => listed.link("/flows", &[]),
        }
    }

    fn tab(&self) -> (&'static str, String) {
        match self {
            Self::Services(_) => ("services", "Services".to_owned()),
            Self::Service(name, _) => ("services", name.clone()),
            Self::Weights(name) => ("services", format!("Weights of {name}")),
            Self::Routes(_) => ("routes", "Routes".to_owned()),
            Self::Problems(_) => ("problems", "Problems".to_owned()),
            Self::Flows(_) => ("flows", "Fragments".to_owned()),
        }
    }

    /// The values for its templates, and the status of the page.
    pub(super) fn values(&self, gateway: &Gateway, digest: &Digest) -> (StatusCode, Context) {
        let mut context = Context::new();
        match self {
            Self::Services(listed) => context.insert("list", &services::list(gateway, digest, listed)),
            Self::Service(name, listed) => {
                let service = service::service(gateway, digest, name, listed);
                context.insert("name", name);
                context.insert("service", &service);
                if service.is_none() {
                    return (StatusCode::NOT_FOUND, context);
                }
            }
            Self::Weights(name) => {
                let weights = service::weights(gateway, name);
                context.insert("name", name);
                context.insert("weights", &weights);
                if weights.is_none() {
                    return (StatusCode::NOT_FOUND, context);
                }
            }
            Self::Routes(listed) => context.insert("list", &routes::list(gateway, listed)),
            Self::Problems(listed) => context.insert("list", &problems::list(digest, listed)),
            Self::Flows(listed) => context.insert("list", &flows::list(gateway, digest, listed)),
        }
        (StatusCode::OK, context)
    }
}

/// How the templates call what a visitor may do.
fn word(access: &Access) -> &'static str {
    match access {
        Access::ReadOnly => "read-only",
        Access::SignedOut => "signed-out",
        Access::SignedIn(_) => "signed-in",
    }
}

/// What the forms of the session contain. Empty: there is no session.
fn form_key(access: &Access) -> &str {
    match access {
        Access::SignedIn(session) => &session.form_key,
        Access::ReadOnly | Access::SignedOut => "",
    }
}

/// What is about the whole page, beside its view.
#[derive(Clone, Copy, Debug)]
pub(super) struct Around<'a> {
    pub(super) assets: &'a str,
    pub(super) access: &'a Access,
    pub(super) is_stopping: bool,
    pub(super) notice: Option<&'static str>,
}

/// Adds what stands around a view, and above its lists.
pub(super) fn add_frame(
    context: &mut Context,
    view: &View,
    gateway: &Gateway,
    digest: &Digest,
    around: Around<'_>,
) {
    add_frame_named(context, view.tab(), &view.place(), gateway, around);
    context.insert("summary", &summary(gateway, digest));
}

/// Adds what stands around a page that is not a view, such as a confirmation.
pub(super) fn add_frame_named(
    context: &mut Context,
    (tab, title): (&'static str, String),
    place: &str,
    gateway: &Gateway,
    around: Around<'_>,
) {
    let frame = Frame {
        tab,
        title,
        assets: around.assets.to_owned(),
        version: env!("CARGO_PKG_VERSION"),
        public_key: gateway.config().public_key.clone(),
        sign_in: link("/sign-in", &[("place", place)]),
        access: word(around.access),
        form_key: form_key(around.access).to_owned(),
        // Only operators see how the installation is.
        redis: match around.access {
            Access::SignedOut => None,
            Access::ReadOnly | Access::SignedIn(_) => redis(gateway),
        },
        is_stopping: around.is_stopping,
        notice: around.notice,
    };
    context.insert("frame", &frame);
}

fn summary(gateway: &Gateway, digest: &Digest) -> Summary {
    let snapshot = gateway.publisher().snapshot();
    let instances = snapshot.active_instances();
    let unreachable = instances.filter(|instance| !instance.breaker.is_closed());
    Summary {
        services: words::count(digest.services as u64),
        inactive: digest.inactive,
        instances: words::count(digest.instances as u64),
        unreachable: unreachable.count(),
        routes: words::count(digest.routes as u64),
        problems: digest.all_problems,
    }
}

/// How the registry in Redis is. `None`: the registry is in memory.
fn redis(gateway: &Gateway) -> Option<Redis> {
    gateway.config().redis.as_ref()?;
    let publisher = gateway.publisher();
    Some(match (publisher.outage(), publisher.is_complete()) {
        (Some(reason), _) => Redis {
            is_up: false,
            text: reason,
        },
        (None, false) => Redis {
            is_up: false,
            text: "the registry in Redis was not read yet".to_owned(),
        },
        (None, true) => Redis {
            is_up: true,
            text: "shared in Redis".to_owned(),
        },
    })
}
