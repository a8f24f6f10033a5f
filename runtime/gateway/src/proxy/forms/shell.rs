//! The answer to a form by itself, where its page can't be shown around it.
#![deny(clippy::disallowed_methods)]

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use hydra_runtime_wire::forms::page::{of_fragment, with_query};

/// A page of nothing but the HTML of a fragment, whose forms keep the query of their page.
pub(super) fn page(html: &str, query: Option<&str>) -> Response {
    let html = with_query(html, query);
    let mut response = Response::new(Body::from(of_fragment(&html)));
    *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
