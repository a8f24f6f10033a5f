//! Static files: at one path, with a gateway and without one.

use std::collections::HashMap;

use axum::extract::Query;
use http_body_util::BodyExt as _;
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};

use super::*;
use crate::page::{Engine, Options, RenderError};

/// A page that gives the path of the file that its query names.
fn plan_of(source: &str) -> String {
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [{"name": "path.html", "source": source}],
        "sites": [], "pages": [{"template": "path.html", "exports": []}],
        "contract": {"service": ""}, "offers": {},
    })
    .to_string()
}

#[derive(Serialize)]
struct PathOf {
    file: String,
}

impl Page for PathOf {
    const TEMPLATE: &'static str = "path.html";
}

impl Route for PathOf {
    const PATH: &'static str = "/path";
}

impl IntoResponse for PathOf {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

async fn path_of(Query(mut query): Query<HashMap<String, String>>) -> PathOf {
    PathOf {
        file: query.remove("file").unwrap_or_default(),
    }
}

fn app_of(service: &str, folder: &std::path::Path) -> App {
    App::with_plan(service, plan_of("{{ asset(file=file) }}"))
        .page(path_of)
        .route("/blog/{pattern}", get(async || "a page"))
        .static_files(folder)
}

fn encoded(text: &str) -> String {
    percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// A gateway, and the application behind it.
async fn behind_gateway(app: App) -> std::net::SocketAddr {
    let gateway = Gateway::new(GatewayConfig::default()).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    let partial = Partial::default().gateway(format!("http://{address}"));
    let assembled = app.settings(partial).assemble().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let own = listener.local_addr().unwrap();
    tokio::spawn(async move {
        // The service runs for as long as the sender lives.
        let (_sender, never) = tokio::sync::watch::channel(false);
        let (service, router) = (assembled.registration.unwrap(), assembled.router);
        let serving = async { axum::serve(listener, router).await.unwrap() };
        tokio::join!(serving, service.run(own, never))
    });
    address
}

async fn at(gateway: std::net::SocketAddr, path: &str) -> (StatusCode, String) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let uri = format!("http://{gateway}{path}").parse().unwrap();
    let (parts, body) = client.get(uri).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_file_has_one_path_with_a_gateway_and_without() {
    for service in ["blog", "my blog", "größe-1"] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("css")).unwrap();
        let files = [
            "blog.css",
            "css/a b.css",
            "é{x}*.css",
            "100%25.css",
            "a&'\".js",
            ":x.js",
        ];
        for file in files {
            std::fs::write(folder.path().join(file), format!("this is {file}")).unwrap();
        }
        let gateway = behind_gateway(app_of(service, folder.path())).await;
        for _ in 0..1_000 {
            if at(gateway, "/path?file=blog.css").await.0 == StatusCode::OK {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        let own = || app_of(service, folder.path());
        for file in files {
            let asked = format!("/path?file={}", encoded(file));
            let (status, _, path) = answer(own(), visit(&asked)).await;
            assert_eq!(status, StatusCode::OK, "{service} {file}");
            let expected = (StatusCode::OK, format!("this is {file}"));
            let (status, _, body) = answer(own(), visit(&path)).await;
            assert_eq!((status, body), expected, "{path}");
            assert_eq!(at(gateway, &path).await, expected, "{path}");
            let parts: Vec<_> = file.split('/').map(encoded).collect();
            let fetched = format!("/static/{}", parts.join("/"));
            let (status, ..) = answer(own(), visit(&fetched)).await;
            assert_eq!(status, StatusCode::NOT_FOUND, "{fetched}");
            assert_eq!(at(gateway, &fetched).await.0, StatusCode::NOT_FOUND, "{fetched}");
            let (status, _, body) = answer(own(), fetch(&fetched)).await;
            assert_eq!((status, body), expected, "{fetched}");
        }
    }
}

/// As a gateway asks for a file.
fn fetch(path: &str) -> Request<Body> {
    let mut request = visit(path);
    let headers = request.headers_mut();
    headers.insert("hydra-path", header::HeaderValue::from_static("blog"));
    request
}

#[tokio::test]
async fn static_files_are_served_with_validators_and_from_their_folder_only() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.css"), "body {}").unwrap();
    let app = || app().static_files(folder.path());
    type Way = fn(&str) -> Request<Body>;
    let ways: [(Way, &str); 2] = [(visit, "/shop"), (fetch, "/static")];
    for (ask, prefix) in ways {
        let ask = |path: &str| ask(&format!("{prefix}{path}"));
        let (status, headers, body) = answer(app(), ask("/shop.css")).await;
        assert_eq!((status, body.as_str()), (StatusCode::OK, "body {}"), "{prefix}");
        assert_eq!(headers[header::CONTENT_TYPE], "text/css");
        assert!(headers.contains_key(header::LAST_MODIFIED));
        let mut again = ask("/shop.css");
        let validator = headers[header::ETAG].clone();
        again.headers_mut().insert(header::IF_NONE_MATCH, validator);
        assert_eq!(answer(app(), again).await.0, StatusCode::NOT_MODIFIED);
        let mut post = ask("/shop.css");
        *post.method_mut() = http::Method::POST;
        assert_eq!(answer(app(), post).await.0, StatusCode::METHOD_NOT_ALLOWED);
        for path in ["/../Cargo.toml", "/%2e%2e/Cargo.toml", "/none.css", "/", ""] {
            assert_eq!(
                answer(app(), ask(path)).await.0,
                StatusCode::NOT_FOUND,
                "{prefix}{path}"
            );
        }
    }
}

#[tokio::test]
async fn a_compressed_file_beside_is_sent_to_those_who_accept_it() {
    let folder = tempfile::tempdir().unwrap();
    for (file, text) in [
        ("shop.css", "plain"),
        ("shop.css.br", "as br"),
        ("shop.css.zst", "as zstd"),
        ("shop.css.gz", "as gzip"),
        ("other.css", "plain"),
    ] {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let app = || app().static_files(folder.path());
    for (file, accepted, coding) in [
        ("shop.css", "gzip, br;q=0.5", Some("gzip")),
        ("shop.css", "br", Some("br")),
        ("shop.css", "zstd", Some("zstd")),
        ("shop.css", "identity", None),
        ("other.css", "br, gzip", None),
    ] {
        for mut request in [visit(&format!("/shop/{file}")), fetch(&format!("/static/{file}"))] {
            let accepted = header::HeaderValue::from_static(accepted);
            request.headers_mut().insert(header::ACCEPT_ENCODING, accepted);
            let case = format!("{} {file} {coding:?}", request.uri());
            let (status, headers, body) = answer(app(), request).await;
            assert_eq!(status, StatusCode::OK, "{case}");
            let sent = headers.get(header::CONTENT_ENCODING);
            assert_eq!(sent.map(|value| value.to_str().unwrap()), coding, "{case}");
            let expected = coding.map_or("plain".to_owned(), |coding| format!("as {coding}"));
            assert_eq!(body, expected, "{case}");
            assert_eq!(headers[header::CONTENT_TYPE], "text/css", "{case}");
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_there_is_an_error_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("blog.css"), "").unwrap();
    for (file, expected) in [
        ("blog.css", StatusCode::OK),
        ("none.css", StatusCode::INTERNAL_SERVER_ERROR),
        ("/blog.css", StatusCode::INTERNAL_SERVER_ERROR),
        ("../blog.css", StatusCode::INTERNAL_SERVER_ERROR),
    ] {
        let asked = visit(&format!("/path?file={}", encoded(file)));
        let (status, ..) = answer(app_of("blog", folder.path()), asked).await;
        assert_eq!(status, expected, "{file}");
    }
    for (source, line, message) in [
        (
            "<p>\n  {{ asset(file='none.css') }}",
            2,
            "`blog` has no static file `none.css`",
        ),
        (
            "{{ asset(file='/blog.css') }}",
            1,
            "write `asset(file=\"blog.css\")`",
        ),
        ("\n\n<a href=\"{{ asset() }}\">", 3, "file"),
    ] {
        let mut options = Options::new("blog");
        options.has_file = Some(std::sync::Arc::new(|file| file == "blog.css"));
        let plan = serde_json::from_str(&plan_of(source)).unwrap();
        let engine = Engine::new(plan, options, |_| {}).unwrap();
        let begun = engine.begin("path.html", &tera::Context::new());
        let RenderError { place, message: said } = begun.err().unwrap();
        assert_eq!((place.file.as_str(), place.line), ("path.html", line), "{said}");
        assert!(said.contains(message), "{said}");
    }
}
