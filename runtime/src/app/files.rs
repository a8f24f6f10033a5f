//! Serves the static files of an application: to visitors at `/{service}/{file}`, with a gateway and without one, and
//! to gateways at `/static/{file}` (protocol section 4).

use std::{collections::HashSet, path::Path, sync::Arc};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use http::{StatusCode, Uri, uri::PathAndQuery};
use hydra_runtime_wire::headers::HYDRA_PATH;
use percent_encoding::percent_decode_str;
use tower::ServiceExt as _;
use tower_http::services::{ServeDir, fs::DefaultServeDirFallback};

use crate::files::{Ranges, RegularFiles};

/// The files that were in the folder at the start, which the gateway routes.
struct StaticFiles {
    service: String,
    names: HashSet<String>,
    folder: Ranges<ServeDir<DefaultServeDirFallback, RegularFiles>>,
}

/// Adds the files `names` in `folder`.
pub(super) fn with_files(router: Router, folder: &Path, service: &str, names: &[String]) -> Router {
    let folder = ServeDir::with_backend(folder, RegularFiles::anywhere());
    let folder = Ranges(
        folder
            .append_index_html_on_directories(false)
            .precompressed_zstd()
            .precompressed_br()
            .precompressed_gzip(),
    );
    let for_gateways = Router::new()
        .fallback_service(folder.clone())
        .layer(middleware::from_fn(for_gateways));
    let files = StaticFiles {
        service: service.to_owned(),
        names: names.iter().cloned().collect(),
        folder,
    };
    router
        // A layer, because the name of a file may hold characters that a route can't, and because the gateway looks for
        // files before patterns.
        .layer(middleware::from_fn_with_state(Arc::new(files), for_visitors))
        // A route, because a route of the application under `/static` is a conflict, which axum reports at the start.
        .nest_service("/static", for_gateways)
}

async fn for_visitors(State(files): State<Arc<StaticFiles>>, mut request: Request, next: Next) -> Response {
    match files.in_folder(request.uri()) {
        Some(uri) => {
            *request.uri_mut() = uri;
            files.folder.clone().oneshot(request).await.into_response()
        }
        None => next.run(request).await,
    }
}

/// Hides `/static/…` from visitors: a page that names such a path would not find the file behind a gateway, which has
/// no such path.
async fn for_gateways(request: Request, next: Next) -> Response {
    match request.headers().contains_key(HYDRA_PATH) {
        true => next.run(request).await,
        false => StatusCode::NOT_FOUND.into_response(),
    }
}

impl StaticFiles {
    /// The URI of the file in the folder. `None`: the path is not that of a file.
    fn in_folder(&self, uri: &Uri) -> Option<Uri> {
        let (service, file) = uri.path().strip_prefix('/')?.split_once('/')?;
        let decoded = |text| percent_decode_str(text).decode_utf8().ok();
        if decoded(service)? != self.service || !self.names.contains(&*decoded(file)?) {
            return None;
        }
        let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
        let path: PathAndQuery = format!("/{file}{query}").parse().ok()?;
        Some(Uri::from(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_files_however_it_is_encoded() {
        let names = ["blog.css", "css/a b.css", "ü{x}*:.css", "100%.css"];
        let files = StaticFiles {
            service: "my blog".to_owned(),
            names: names.map(str::to_owned).into(),
            folder: Ranges(ServeDir::with_backend(".", RegularFiles::anywhere())),
        };
        for (path, expected) in [
            ("/my%20blog/blog.css", Some("/blog.css")),
            ("/my%20blog/blog.css?v=2", Some("/blog.css?v=2")),
            ("/m%79%20blog/%62log.css", Some("/%62log.css")),
            ("/my%20blog/css/a%20b.css", Some("/css/a%20b.css")),
            ("/my%20blog/%c3%bc%7Bx%7D*:.css", Some("/%c3%bc%7Bx%7D*:.css")),
            ("/my%20blog/100%25.css", Some("/100%25.css")),
            ("/my%20blog/100%2525.css", None),
            ("/my%20blog/../my%20blog/blog.css", None),
            ("/my%20blog//blog.css", None),
            ("/my%20blog/css", None),
            ("/my%20blog/", None),
            ("/my%20blog", None),
            ("/other/blog.css", None),
            ("/blog.css", None),
            ("/my%20blog/%ff", None),
            ("/", None),
        ] {
            let uri: Uri = path.parse().expect(path);
            let found = files.in_folder(&uri).map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{path}");
        }
    }
}
