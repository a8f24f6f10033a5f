//! What is answered while no service answers yet, because it is being built or started.
#![deny(clippy::disallowed_methods)]

use axum::response::{IntoResponse, Response};
use http::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER},
};

use crate::dev::board::Shown;

/// Whether this is the response of a gateway that found no service for a request.
pub(super) fn is_away(response: &Response) -> bool {
    matches!(
        response.status(),
        StatusCode::NOT_FOUND
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// The services that may answer later what has this response now. `None`: the response counts.
pub(super) fn awaited<'s>(response: &Response, shown: &'s Shown) -> Option<Vec<&'s str>> {
    let awaited = shown.awaited();
    (is_away(response) && !awaited.is_empty()).then_some(awaited)
}

/// The response, or one that names the services that are awaited. It is for programs and for what pages load.
pub(super) fn or(response: Response, shown: &Shown) -> Response {
    let Some(awaited) = awaited(&response, shown) else {
        return response;
    };
    let names = awaited.join(", ");
    let text = format!("No service answers for this yet. Being built or started: {names}.\n");
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
        (RETRY_AFTER, "1"),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, text).into_response()
}

/// A page that names the services that are awaited. With the script `tag`, it is loaded again once they are there.
pub(super) fn page(awaited: &[&str], tag: &str) -> Response {
    let names: Vec<String> = awaited
        .iter()
        .map(|name| format!("<b>{}</b>", escaped(name)))
        .collect();
    let names = names.join(", ");
    let page = format!(
        "<!doctype html><html lang=\"en\"><head>{tag}<meta charset=\"utf-8\"><title>One moment</title></head>\
         <body style=\"font: 1.1rem/1.6 system-ui; margin: 4rem auto; max-width: 40rem; padding: 0 1rem\">\
         <h1>One moment</h1><p>No service answers for this page yet. Being built or started: {names}. The page is loaded again by itself.</p>\
         </body></html>\n"
    );
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CACHE_CONTROL, "no-store"),
    ];
    (StatusCode::SERVICE_UNAVAILABLE, headers, page).into_response()
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::dev::board::Board;

    #[tokio::test]
    async fn services_are_awaited_until_they_were_built_once() {
        let board = Board::new(["blog", "shop"]);
        board.renewed("blog");
        let answer = async |status: StatusCode| {
            let response = or((status, "theirs").into_response(), &board.watch().borrow());
            let status = response.status().as_u16();
            let text = to_bytes(response.into_body(), 1 << 16).await.expect("a body");
            (status, String::from_utf8(text.to_vec()).expect("a text"))
        };
        let waits = "No service answers for this yet. Being built or started: shop.\n";
        for (status, expected) in [(200, (200, "theirs")), (404, (503, waits)), (502, (503, waits))] {
            let status = StatusCode::from_u16(status).expect("a status");
            let (status, text) = answer(status).await;
            assert_eq!((status, text.as_str()), expected);
        }
        board.failed("shop", false, "no");
        assert_eq!(answer(StatusCode::NOT_FOUND).await, (404, "theirs".to_owned()));
    }
}
