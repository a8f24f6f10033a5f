//! An application: pages and fragments over axum (design section 2).
//!
//! [`App`] collects the parts of an application, and [`App::serve`] or [`App::into_router`] assembles them. A request
//! goes downwards: `layers` (the order of everything around a handler) → `visitor_layer` (sessions, pages, error pages)
//! → `render` (the page that a handler gave) or `failure` (error pages). Beside these, `endpoint` answers other
//! services that ask for fragments, and `fragment_handlers` runs them; `action_endpoint` takes forms, and `actions` handles them.

mod action_channel;
mod action_endpoint;
mod actions;
mod after_page;
mod assemble;
mod channel_calls;
mod context;
mod current_engine;
#[cfg(all(debug_assertions, unix))]
mod dev_plans;
mod endpoint;
mod error;
mod failure;
mod files;
mod form_responses;
mod forms;
mod fragment;
mod fragment_handlers;
mod front;
mod handler;
mod handler_checks;
mod layers;
mod logs;
mod measured_action;
#[cfg(feature = "admin")]
mod operators;
mod owner_session;
mod page;
mod page_forms;
mod parts;
mod path_arguments;
mod paths;
mod prefilled;
mod render;
mod running_actions;
mod serve;
mod session_use;
mod shared_body;
mod signed_header;
mod templates;
#[cfg(test)]
mod tests;
mod unfit_imports;
mod visitor_layer;

use std::{collections::BTreeMap, convert::Infallible, marker::PhantomData};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    handler::Handler,
    response::IntoResponse,
    routing::{self, MethodRouter},
};
use tower::{Layer, Service};

#[cfg(feature = "testing")]
pub(crate) use self::{
    actions::{ActionEnd, run as run_action},
    context::{RenderContext, travelling},
    form_responses::EndedAction,
    unfit_imports::misfit,
};
pub use self::{
    assemble::Assembled,
    error::{Error, Result},
    failure::{Failure, NoFailure},
    fragment::{Fragment, FragmentOutput, ImportsRejection},
    handler::{ActionHandler, FragmentHandler, PageHandler},
    page::{Page, PageOutput, Route},
    templates::{Application, Ready, Templates},
};
#[doc(hidden)]
pub use self::{
    fragment::{fragment_response, imports},
    page::page_response,
};
use self::{
    parts::AppParts,
    paths::{NamedPage, Owner},
    session_use::{TakesSession, takes_session},
};
use crate::{
    RequireRoles,
    form::{self, Form},
};

/// An application: its pages, its fragments and its settings.
///
/// [`app!`](crate::app!) makes a name `App` of its own in the crate that calls it, for this type with the crate's
/// templates as `T`. An application is therefore made by [`App::new`] with its name, and a function can return it:
///
/// ```ignore
/// hydra_runtime::app!();
///
/// fn app() -> App {
///     App::new("shop").page(home).fragment(basket).with_state(Database::open())
/// }
///
/// #[tokio::main]
/// async fn main() -> hydra_runtime::Result<()> {
///     app().serve().await
/// }
/// ```
///
/// A test needs no port: the module `testing`, with the feature of this name, requests pages and fragments of an `App` and
/// gives it the fragments of other services. [`App::into_router`] returns a plain router.
///
/// `S` is the state that handlers still need, as in [`axum::Router`]. [`App::with_state`] gives it, and after that the
/// application can run.
#[must_use = "an `App` does nothing until `serve` or `into_router`"]
pub struct App<S = (), T = ()> {
    router: Router<S>,
    fragments: BTreeMap<&'static str, MethodRouter<S>>,
    actions: BTreeMap<(&'static str, &'static str), ActionRoute<S>>,
    error_page: Option<MethodRouter<S>>,
    parts: AppParts,
    templates: PhantomData<fn() -> T>,
}

/// The handler of an action, and the names of the fields that it takes.
pub(crate) struct ActionRoute<S> {
    handler: MethodRouter<S>,
    fields: &'static [&'static str],
}

/// Fails to compile where the generated bindings are of another version than this crate.
#[doc(hidden)]
pub const fn same_bindings(format: u32) {
    assert!(
        format == hydra_contract::MODEL_FORMAT,
        "use one version of hydra-compile and hydra-runtime"
    );
}

impl<S: Clone + Send + Sync + 'static, T: Templates> App<S, T> {
    /// The application `name` with the templates of the crate that calls [`app!`](crate::app!).
    ///
    /// `name` is the service's name on pages and at the gateway; the setting `name` replaces it.
    pub fn new(name: impl Into<String>) -> Self {
        let mut app = Self::with(name.into(), T::PLAN.to_owned()).crate_folder(T::FOLDER);
        app.parts.need_handlers = T::NEED_HANDLERS;
        app
    }
}

impl<S: Clone + Send + Sync + 'static> App<S> {
    /// The application `name` with a plan that does not come from [`app!`](crate::app!): the text of the file
    /// `hydra-plan.json` that the build script writes into `OUT_DIR`.
    pub fn with_plan(name: impl Into<String>, plan_json: impl Into<String>) -> Self {
        Self::with(name.into(), plan_json.into())
    }
}

impl<S: Clone + Send + Sync + 'static, T> App<S, T> {
    fn with(name: String, plan: String) -> Self {
        Self {
            router: Router::new(),
            fragments: BTreeMap::new(),
            actions: BTreeMap::new(),
            error_page: None,
            parts: AppParts {
                name,
                plan,
                ..AppParts::default()
            },
            templates: PhantomData,
        }
    }

    /// Adds a page. The handler is any axum handler that gives a [`Route`], a page with a path; path and template are the
    /// page's; with two pages at one path, or a `Path<…>` that does not fit the path, the application does not start. It may give a `Result` of one, and a status and headers before it, as axum writes them:
    /// `(StatusCode::CREATED, [("x-robots-tag", "noindex")], Home { … })`.
    pub fn page<H, A>(mut self, handler: H) -> Self
    where
        H: PageHandler<A, S>,
        A: 'static,
    {
        self.parts.session_use.pages |= takes_session::<A, ()>() == TakesSession::Yes;
        let path = <H::Page as Route>::PATH;
        let page = NamedPage::of::<H::Page>();
        if let Some(misfit) = path_arguments::misfit::<A>(path) {
            let (page, path) = (page.to_string(), path.to_owned());
            self.parts.refuse(Error::PathArguments {
                page,
                path,
                misfit: misfit.to_string(),
            });
        }
        let routes = match <H::Page as Route>::ROLES {
            [] => routing::get(handler),
            roles => routing::get(handler).layer(RequireRoles::any(roles)),
        };
        self.owned_route(path, routes, Owner::Page(page))
    }

    /// Adds a fragment. The handler is any axum handler that gives one of the types in `fragments`, or a `Result` of
    /// one. It may take the fragment's imports, the state, and anything that axum extracts from the head of a request.
    /// Pages call it, not visitors, so that no [layer](App::layer) runs around it.
    ///
    /// # Panics
    /// The fragment has a handler already; axum panics likewise for routes.
    pub fn fragment<H, A>(mut self, handler: H) -> Self
    where
        H: FragmentHandler<A, S>,
        A: 'static,
    {
        let takes = takes_session::<A, <H::Fragment as Fragment>::Imports>();
        self.parts.session_use.fragments |= takes == TakesSession::Yes;
        self.parts.session_use.maybe_fragments |= takes != TakesSession::No;
        let reference = <H::Fragment as Fragment>::REF;
        let before = self.fragments.insert(reference, routing::any(handler));
        assert!(before.is_none(), "the fragment `{reference}` has two handlers");
        self
    }

    /// Adds the action of a form: what happens when a visitor sends it. The handler is any axum handler that takes a
    /// [`Form`](macro@crate::Form) and gives a `Result<Done, Invalid<…>>` with its type. It may take the imports of the fragment, the
    /// state, and the user before the form. The gateway calls it, so that no [layer](App::layer) runs around
    /// it. Only the layers of [`App::layer`] run around the action of a page's own form, which may take
    /// whatever the page's handler may.
    ///
    /// # Panics
    /// The action has a handler already; axum panics likewise for routes.
    pub fn action<H, A>(mut self, handler: H) -> Self
    where
        H: ActionHandler<A, S>,
        A: 'static,
    {
        let takes = takes_session::<A, H::Form>();
        self.parts.session_use.pages |= takes == TakesSession::Yes;
        let fragment = <H::Form as Form>::REF;
        // The form of a page comes with the visitor's own cookie.
        self.parts.session_use.maybe_actions |= takes != TakesSession::No && !fragment.is_empty();
        let action = <H::Form as Form>::ACTION;
        let route = ActionRoute {
            // The setting `form_body` bounds forms.
            handler: routing::post(handler).layer(DefaultBodyLimit::disable()),
            fields: <H::Form as Form>::FIELDS,
        };
        let before = self.actions.insert((fragment, action), route);
        assert!(
            before.is_none(),
            "{} has two handlers",
            form::title(fragment, action)
        );
        self
    }

    /// Adds a route, as [`Router::route`]. The gateway routes the path to this service. If a page or another route has the path and
    /// the method, the application does not start.
    pub fn route(self, path: &str, routes: MethodRouter<S>) -> Self {
        let owner = Owner::route(&routes);
        self.owned_route(path, routes, owner)
    }

    fn owned_route(mut self, path: &str, routes: MethodRouter<S>, owner: Owner) -> Self {
        if let Err(error) = self.parts.paths.add(path, owner) {
            self.parts.refuse(error);
            return self;
        }
        self.parts.offer.endpoint(path);
        self.router = self.router.route(path, routes);
        self
    }

    /// Adds the routes of `router` below `path`, as [`Router::nest`]. The gateway routes all of it to this service.
    pub fn nest(mut self, path: &str, router: Router<S>) -> Self {
        self.parts.offer.endpoint(path);
        self.parts
            .offer
            .endpoint(&format!("{}/**", path.trim_end_matches('/')));
        self.router = self.router.nest(path, router);
        self
    }

    /// Adds the routes of `router`, as [`Router::merge`]. A router does not tell its paths, so that `endpoints` lists
    /// those that the gateway routes here. In them, `{name}` and `*` match one segment or a part of one; `**`, as the last
    /// segment, matches any number of segments, also none.
    pub fn merge<'e>(mut self, router: Router<S>, endpoints: impl IntoIterator<Item = &'e str>) -> Self {
        endpoints
            .into_iter()
            .for_each(|path| self.parts.offer.endpoint(path));
        self.router = self.router.merge(router);
        self
    }

    /// Puts a layer of tower around everything that visitors ask this application for: pages, routes, files, and paths
    /// that do not exist. The order of calls does not matter, except among layers: the last one is the outermost.
    ///
    /// A layer sees the whole response, headers and status of a page included, and may take a
    /// [`Session`](crate::Session). A response of a layer that is a bare status becomes the [error
    /// page](App::error_page). Fragment handlers and the calls of gateways do not pass through layers.
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<routing::Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request, Response: IntoResponse, Error: Into<Infallible>, Future: Send>
            + Clone
            + Send
            + Sync
            + 'static,
        <L::Service as Service<Request>>::Response: 'static,
        <L::Service as Service<Request>>::Error: 'static,
        <L::Service as Service<Request>>::Future: 'static,
    {
        self.parts.layers.push(Box::new(|router| router.layer(layer)));
        self
    }

    /// Shows visitors an error page of the site where there is nothing else to show: the application has no such path,
    /// a handler or a layer answered with a bare status (`StatusCode::NOT_FOUND` alone), a template failed, a
    /// `required` fragment could not be had, or a handler panicked.
    ///
    /// The handler is any axum handler; most give a [`Page`], without a path. It may take the [`Failure`], the state, a
    /// [`Session`](crate::Session), and of the request its address and its cookies of the site. Its answer gets the
    /// status of the failure. Clients that prefer JSON get `{"error": …, "status": …}` instead.
    pub fn error_page<H, A>(mut self, handler: H) -> Self
    where
        H: Handler<A, S>,
        A: 'static,
    {
        self.error_page = Some(routing::any(handler));
        self
    }

    /// Gives the handlers their state. An application whose handlers take a `State<S>` needs it before it can
    /// [serve](App::serve) or become a [router](App::into_router).
    pub fn with_state<S2: Clone + Send + Sync + 'static>(self, state: S) -> App<S2, T> {
        let fragments = self.fragments.into_iter();
        let actions = self
            .actions
            .into_iter()
            .map(|(name, ActionRoute { handler, fields })| {
                let handler = handler.with_state(state.clone());
                (name, ActionRoute { handler, fields })
            });
        App {
            actions: actions.collect(),
            fragments: fragments
                .map(|(name, routes)| (name, routes.with_state(state.clone())))
                .collect(),
            error_page: self.error_page.map(|routes| routes.with_state(state.clone())),
            router: self.router.with_state(state),
            parts: self.parts,
            templates: PhantomData,
        }
    }
}
