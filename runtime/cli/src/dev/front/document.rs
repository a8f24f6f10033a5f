//! Puts the script into the documents that browsers show.

use axum::{
    body::{Body, Bytes},
    extract::Request,
    response::Response,
};
use futures_util::{Stream, StreamExt as _, stream};
use http::{
    HeaderMap, HeaderValue, Method,
    header::{
        ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_SECURITY_POLICY,
        CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE,
    },
};
use hydra_runtime::page::Prologue;
use uuid::Uuid;

use super::{EVENTS_PATH, SCRIPT_PATH, host, policy, waiting};
use crate::dev::board::Shown;

/// What a response for a document needs of its request.
pub(super) struct Document {
    /// Where the browser got it: `http://host`.
    origin: Option<String>,
    /// Whether loading it again only reads.
    is_get: bool,
}

impl Document {
    /// A request of a browser for a document in a window. `None`: for something else.
    pub(super) fn of(request: &Request) -> Option<Self> {
        let headers = request.headers();
        let accepts_html =
            |accept: &HeaderValue| accept.to_str().is_ok_and(|accept| accept.contains("text/html"));
        let is_document = match headers.get("sec-fetch-dest") {
            Some(destination) => destination == "document",
            None => headers.get(ACCEPT).is_some_and(accepts_html),
        };
        // The policy of a page over TLS names the script without its scheme, too.
        let origin = request.uri().authority().map(|authority| authority.as_str());
        let origin = origin.or_else(|| host(headers)).map(str::to_owned);
        (is_document && *request.method() != Method::HEAD).then(|| Self {
            origin,
            is_get: request.method() == Method::GET,
        })
    }

    /// The response with the script, if it is HTML. Where no service answers yet, a page that waits.
    pub(super) fn with_script(&self, response: Response, shown: &Shown) -> Response {
        let nonce = Uuid::new_v4().to_string();
        if let Some(awaited) = waiting::awaited(&response, shown) {
            return waiting::page(&awaited, &self.tag(shown, &nonce));
        }
        if !is_plain_html(response.headers()) {
            return response;
        }
        let (mut parts, body) = response.into_parts();
        for name in [CONTENT_LENGTH, ETAG, LAST_MODIFIED] {
            parts.headers.remove(name);
        }
        // A copy in the browser would name a former state.
        parts
            .headers
            .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.admit(&mut parts.headers, &nonce);
        let tag = Bytes::from(self.tag(shown, &nonce));
        Response::from_parts(parts, Body::from_stream(with_tag(body.into_data_stream(), tag)))
    }

    fn tag(&self, shown: &Shown, nonce: &str) -> String {
        let Shown {
            run, pages, styles, ..
        } = shown;
        let is_get = self.is_get;
        format!(
            "<script async src=\"{SCRIPT_PATH}\" nonce=\"{nonce}\" data-run=\"{run}\" data-pages=\"{pages}\" data-styles=\"{styles}\" \
             data-is-get=\"{is_get}\"></script>"
        )
    }

    fn admit(&self, headers: &mut HeaderMap, nonce: &str) {
        let Some(origin) = &self.origin else { return };
        let policies: Vec<HeaderValue> = headers.get_all(CONTENT_SECURITY_POLICY).iter().cloned().collect();
        headers.remove(CONTENT_SECURITY_POLICY);
        for value in policies {
            let admitting = value.to_str().ok().and_then(|policy| {
                let [script, events] = [SCRIPT_PATH, EVENTS_PATH].map(|path| format!("{origin}{path}"));
                HeaderValue::from_str(&policy::admitting(policy, &script, nonce, &events)).ok()
            });
            headers.append(CONTENT_SECURITY_POLICY, admitting.unwrap_or(value));
        }
    }
}

/// The request for a document without what would bring it compressed, in parts, or not at all.
pub(super) fn plain(mut request: Request) -> Request {
    for name in [ACCEPT_ENCODING, IF_NONE_MATCH, IF_MODIFIED_SINCE, RANGE] {
        request.headers_mut().remove(name);
    }
    request
}

fn is_plain_html(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/html") && !headers.contains_key(CONTENT_ENCODING)
}

/// The text of a document with a tag where its head begins.
fn with_tag<E>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin + 'static,
    tag: Bytes,
) -> impl Stream<Item = Result<Bytes, E>> + Send
where
    E: Send + 'static,
{
    let begun = (body, Some((Prologue::default(), tag)), None::<Bytes>);
    stream::unfold(begun, async |(mut body, mut open, mut rest)| {
        if let Some(rest) = rest.take() {
            return Some((Ok(rest), (body, open, None)));
        }
        match body.next().await {
            Some(Ok(mut text)) => {
                let place = open.as_mut().and_then(|(prologue, _)| prologue.end(&text));
                if let (Some(place), Some((_, tag))) = (place, open.take_if(|_| place.is_some())) {
                    let after = text.split_off(place.min(text.len()));
                    let text = Bytes::from([text, tag].concat());
                    return Some((Ok(text), (body, None, Some(after))));
                }
                Some((Ok(text), (body, open, None)))
            }
            Some(Err(error)) => Some((Err(error), (body, None, None))),
            // A document without any content.
            None => {
                let (_, tag) = open.take()?;
                Some((Ok(tag), (body, None, None)))
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::{body::to_bytes, response::IntoResponse as _};
    use http::StatusCode;

    use super::*;
    use crate::dev::board::Board;

    async fn tagged(texts: &[&str]) -> String {
        let texts: Vec<Result<Bytes, Infallible>> = texts
            .iter()
            .map(|text| Ok(Bytes::from((*text).to_owned())))
            .collect();
        let body = with_tag(stream::iter(texts), Bytes::from_static(b"<T>"));
        let parts: Vec<Bytes> = body.map(|part| part.expect("a part")).collect().await;
        String::from_utf8(parts.concat()).expect("a text")
    }

    #[tokio::test]
    async fn the_tag_stands_where_the_head_begins() {
        for (texts, expected) in [
            (
                &["<!doctype html><html><head", "><title>x"][..],
                "<!doctype html><html><head><T><title>x",
            ),
            (
                &["<!doctype html>", "\n<p>x", "</p>"],
                "<!doctype html>\n<T><p>x</p>",
            ),
            (&["<h1>x</h1>", "<p>"], "<T><h1>x</h1><p>"),
            (&["<!-- x"], "<!-- x<T>"),
            (&[], "<T>"),
        ] {
            assert_eq!(tagged(texts).await, expected);
        }
    }

    fn request(headers: &[(&str, &str)]) -> Request {
        let mut request = Request::get("/");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).expect("a request")
    }

    #[test]
    fn only_documents_in_windows_get_the_script() {
        for (headers, is_document) in [
            (&[("sec-fetch-dest", "document")][..], true),
            (&[("sec-fetch-dest", "iframe"), ("accept", "text/html")], false),
            (&[("sec-fetch-dest", "empty"), ("accept", "text/html")], false),
            (&[("accept", "text/html,*/*;q=0.8")], true),
            (&[("accept", "*/*")], false),
            (&[], false),
        ] {
            assert_eq!(
                Document::of(&request(headers)).is_some(),
                is_document,
                "{headers:?}"
            );
        }
    }

    #[tokio::test]
    async fn a_page_is_whole_with_the_script_and_other_files_stay() {
        let board = Board::new(["a<b"]);
        board.unchanged("a<b");
        let document =
            Document::of(&request(&[("accept", "text/html"), ("host", "h:1")])).expect("a document");
        let shown = board.watch().borrow().clone();
        let response = |kind: &'static str| {
            let headers = [
                (CONTENT_TYPE, kind),
                (CONTENT_LENGTH, "14"),
                (ETAG, "\"x\""),
                (CONTENT_SECURITY_POLICY, "default-src 'self'"),
            ];
            (headers, "<h1>Pages</h1>").into_response()
        };
        let page = document.with_script(response("text/html; charset=utf-8"), &shown);
        let headers = page.headers().clone();
        assert_eq!(
            headers["content-security-policy"],
            "default-src 'self' h:1/_h/dev.js h:1/_h/dev/events"
        );
        assert!(!headers.contains_key(CONTENT_LENGTH) && !headers.contains_key(ETAG));
        let text = to_bytes(page.into_body(), 1 << 16).await.expect("a body");
        assert!(text.starts_with(b"<script async src=\"/_h/dev.js\"") && text.ends_with(b"<h1>Pages</h1>"));
        let other = document.with_script(response("text/plain"), &shown);
        assert_eq!(other.headers()[CONTENT_LENGTH], "14");

        let missing = || (StatusCode::NOT_FOUND, "none").into_response();
        assert_eq!(
            document.with_script(missing(), &shown).status(),
            StatusCode::NOT_FOUND
        );
        board.building("a<b");
        let shown = board.watch().borrow().clone();
        let waiting = document.with_script(missing(), &shown);
        assert_eq!(waiting.status(), StatusCode::SERVICE_UNAVAILABLE);
        let text = to_bytes(waiting.into_body(), 1 << 16).await.expect("a body");
        assert!(String::from_utf8_lossy(&text).contains("<b>a&lt;b</b>"));
    }
}
