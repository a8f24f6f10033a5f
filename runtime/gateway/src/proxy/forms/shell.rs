//! The answer to a form by itself, where its page can't be shown around it.
#![deny(clippy::disallowed_methods)]

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};

/// A page of nothing but the HTML of a fragment.
pub(super) fn page(html: &str) -> Response {
    let whole = format!(
        "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Please check</title>\n\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:6vh auto;padding:0 1rem}}</style>\n\
         </head>\n<body>\n<main>\n{html}\n</main>\n</body>\n</html>\n"
    );
    let mut response = Response::new(Body::from(whole));
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
