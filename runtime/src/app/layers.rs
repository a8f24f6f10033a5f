//! The order of layers around an application's handlers.

use std::{path::Path, sync::Arc};

use axum::{Router, middleware, routing};
use tower_http::services::{ServeDir, ServeFile, fs::DefaultServeDirFallback};

use super::{
    endpoint::{self, Counter},
    later,
    render::{self, Kitchen},
    said::Wrap,
};
use crate::{files::RegularFiles, settings::Settings, signing::Signer};

/// Where calls for fragments come in (protocol section 2).
const FRAGMENT_PATH: &str = "/h/fragment/{key}/requestFragment";

/// All that visitors ask for, from the inside out. `files` are the folder of static files and their names.
pub(super) fn around(
    routes: Router,
    files: Option<(&Path, &[String])>,
    kitchen: &Arc<Kitchen>,
    layers: Vec<Wrap>,
    service: &str,
) -> Router {
    // Why here: lazy fragments have visitors with sessions, as pages have.
    let mut router = match kitchen.engine.later() {
        Some(later) => later::routes(routes, later, kitchen.clone()),
        None => routes,
    };
    // Why here: a route of the application under `/static` would be a conflict to hear of at the start.
    if let Some((folder, resources)) = files {
        router = own_paths(router, folder, service, resources).nest_service("/static", served(folder));
    }
    if layers.is_empty() {
        return router.layer(middleware::from_fn_with_state(kitchen.clone(), render::whole));
    }
    // Why here: what the application puts around its routes with axum's own means sees a page before it is rendered; its
    // layers see the HTML, and error pages too.
    let router = router.layer(middleware::from_fn_with_state(kitchen.clone(), render::inside));
    let router = layers.into_iter().fold(router, |router, wrap| wrap(router));
    // Why here: layers may read and write sessions, and refuse requests with a bare status.
    router.layer(middleware::from_fn_with_state(kitchen.clone(), render::outside))
}

/// With the path where gateways call.
pub(super) fn with_calls(
    router: Router,
    kitchen: Arc<Kitchen>,
    settings: &Settings,
    signer: Option<Arc<Signer>>,
) -> Router {
    let counter = Counter {
        kitchen,
        public_key: settings.public_key.clone(),
        signer,
    };
    // Why here: nothing that the application does for visitors concerns these calls, and they bound their own bodies.
    router.route(
        FRAGMENT_PATH,
        routing::post(endpoint::answer).with_state(Arc::new(counter)),
    )
}

/// The files under the paths that they have through a gateway, `/{service}/{file}`, so that pages look alike without one.
fn own_paths(mut router: Router, folder: &Path, service: &str, resources: &[String]) -> Router {
    let plain = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte))
    };
    for resource in resources
        .iter()
        .filter(|resource| plain(resource) && plain(service))
    {
        let file = ServeFile::new(folder.join(resource));
        router = router.route_service(&format!("/{service}/{resource}"), file);
    }
    router
}

fn served(folder: &Path) -> ServeDir<DefaultServeDirFallback, RegularFiles> {
    ServeDir::with_backend(folder, RegularFiles::anywhere()).append_index_html_on_directories(false)
}
