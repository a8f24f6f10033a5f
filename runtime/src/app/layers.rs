//! The order of layers around an application's handlers.

use std::{path::Path, sync::Arc};

use axum::{Router, middleware, routing};
use hydra_runtime_net::observe::ActionMeasures;
use hydra_runtime_wire::paths;

use super::{
    action_endpoint, after_page,
    context::RenderContext,
    endpoint::{self, EndpointState},
    files::with_files,
    form_responses::Front,
    front,
    parts::Wrap,
    visitor_layer,
};
/// The router for visitors, from the inside out. `files` are the folder of static files and their names.
pub(super) fn around(
    routes: Router,
    files: Option<(&Path, &[String])>,
    context: &Arc<RenderContext>,
    layers: Vec<Wrap>,
    service: &str,
) -> Router {
    // Why here: requests for lazy fragments pass through the visitor layer below, which loads the visitor's sessions.
    let mut router = match context.engine.now().after_page() {
        Some(after_page) => after_page::routes(routes, after_page, context.clone()),
        None => routes,
    };
    // Why here: every layer below runs around static files as well as around pages.
    if let Some((folder, names)) = files {
        router = with_files(router, folder, service, names);
    }
    // Why here: a form that can't be used is shown in its page, which the layers below render.
    if !context.actions.routes.is_empty() {
        let front = Front {
            context: context.clone(),
            routes: router.clone(),
            measures: ActionMeasures::default(),
        };
        router = router.layer(middleware::from_fn_with_state(Arc::new(front), front::forms));
    }
    if layers.is_empty() {
        return router.layer(middleware::from_fn_with_state(
            context.clone(),
            visitor_layer::whole,
        ));
    }
    // Why here: layers that the application set on its axum routers are inside of this one and see a page before it is
    // rendered; those of `App::layer` are outside and see HTML and error pages.
    let router = router.layer(middleware::from_fn_with_state(
        context.clone(),
        visitor_layer::inside,
    ));
    let router = layers.into_iter().fold(router, |router, wrap| wrap(router));
    // Why here: layers may read and write sessions, and refuse requests with a bare status.
    router.layer(middleware::from_fn_with_state(
        context.clone(),
        visitor_layer::outside,
    ))
}

/// With the paths where gateways call.
pub(super) fn with_calls(router: Router, calls: Arc<EndpointState>) -> Router {
    // Why here: nothing that the application does for visitors concerns these calls, and they bound their own bodies.
    let router = router.route(
        paths::FRAGMENTS,
        routing::post(endpoint::answer).with_state(calls.clone()),
    );
    router.route(
        paths::ACTION,
        routing::post(action_endpoint::answer).with_state(calls),
    )
}
