//! The pages that the gateway sends when no service answers: the site's own, or plain ones.
//!
//! The site's own pages are rendered once, at the start: their content depends only on the kind of failure. Answering
//! thus costs no rendering, however many wrong addresses are requested, and a template that fails stops the start
//! instead of a visitor.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
};

use axum::{
    body::Body,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{
    HeaderValue, StatusCode,
    header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER},
};
use serde_json::json;
use tera::{Context, Tera};

use crate::{
    edge::failure::RequestFailure,
    limits::{MAX_ERROR_PAGE_BYTES, MAX_ERROR_PAGE_FILES, MAX_ERROR_PAGE_FOLDER_DEPTH},
};

/// The template for every status without a template of its own.
const ANY: &str = "error.html";

/// The site's own error pages, by status and title.
#[derive(Debug, Default)]
pub struct ErrorPages(BTreeMap<(u16, &'static str), Bytes>);

impl ErrorPages {
    /// Renders the pages of `folder`: `404.html` for the status 404 and so on, and `error.html` for every status
    /// without a page. A status with neither gets a plain page.
    ///
    /// # Errors
    /// The folder can't be read or has none of these files, or a template fails. The error is a message for people.
    pub fn of(folder: Option<&Path>) -> Result<Self, String> {
        let mut pages = Self::default();
        let Some(folder) = folder else {
            return Ok(pages);
        };
        let shown = folder.display();
        let files = read(folder).map_err(|error| format!("`{shown}` can't be read: {error}"))?;
        let mut tera = Tera::default();
        tera.add_raw_templates(files)
            .map_err(|error| format!("the templates in `{shown}` can't be loaded:\n{error}"))?;
        let mut is_some = false;
        for failure in every_failure() {
            let status = failure.status().as_u16();
            let names = [format!("{status}.html"), ANY.to_owned()];
            let has = |name: &&String| tera.get_template_names().any(|has| has == name.as_str());
            let Some(name) = names.iter().find(has) else {
                continue;
            };
            let page = tera
                .render(name, &context(failure))
                .map_err(|error| format!("`{shown}/{name}` fails for the status {status}:\n{error}"))?;
            pages.0.insert((status, failure.words().1), page.into());
            is_some = true;
        }
        if !is_some {
            return Err(format!(
                "`{shown}` has neither `{ANY}` nor a page for a status, such as `404.html`"
            ));
        }
        Ok(pages)
    }

    /// Gives a response that has only a status a body: a page if the request's `Accept` names HTML, otherwise JSON.
    /// The status and the headers of `bare` stay.
    #[must_use]
    pub fn with_words(&self, bare: Response, accept: Option<&HeaderValue>) -> Response {
        let words = response(RequestFailure::of(bare.status()), accept, self);
        let (mut head, _) = bare.into_parts();
        let (said, body) = words.into_parts();
        head.headers.remove(CONTENT_LENGTH);
        head.headers.extend(said.headers);
        Response::from_parts(head, body)
    }

    /// The page for a failure. A plain page shows `text`.
    pub(crate) fn page(&self, failure: RequestFailure, text: &str) -> Bytes {
        let own = self.0.get(&(failure.status().as_u16(), failure.words().1));
        own.cloned().unwrap_or_else(|| plain(failure, text).into())
    }
}

/// Every failure, and an action's refusal with each status of the class 4xx that is known.
fn every_failure() -> impl Iterator<Item = RequestFailure> {
    let statuses = (400..500).filter_map(|status| StatusCode::from_u16(status).ok());
    let known = statuses.filter(|status| status.canonical_reason().is_some());
    RequestFailure::ALL
        .into_iter()
        .chain(known.map(RequestFailure::FormRefused))
}

/// The variables of a template.
fn context(failure: RequestFailure) -> Context {
    let (title, text) = failure.words();
    let mut context = Context::new();
    context.insert("status", &failure.status().as_u16());
    context.insert("title", title);
    // Without the reason of a `BadAnswer`: these pages are rendered at the start, before there is one. Only plain pages
    // and JSON show it (see `response`).
    context.insert("text", &format!("{}.", text.trim_end_matches('.')));
    context
}

/// The HTML files of a folder with their text, by their paths in the folder.
fn read(folder: &Path) -> io::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut open: Vec<(PathBuf, usize)> = vec![(folder.to_owned(), 0)];
    while let Some((path, depth)) = open.pop() {
        for entry in fs::read_dir(&path)? {
            let path = entry?.path();
            let meta = fs::metadata(&path)?;
            if meta.is_dir() && depth < MAX_ERROR_PAGE_FOLDER_DEPTH {
                open.push((path, depth + 1));
            } else if meta.is_file() && path.extension().is_some_and(|extension| extension == "html") {
                let too_many = || io::Error::other(format!("more than {MAX_ERROR_PAGE_FILES} files"));
                let too_large = || {
                    io::Error::other(format!(
                        "{} has more than {MAX_ERROR_PAGE_BYTES} bytes",
                        path.display()
                    ))
                };
                (found.len() < MAX_ERROR_PAGE_FILES)
                    .then_some(())
                    .ok_or_else(too_many)?;
                (meta.len() <= MAX_ERROR_PAGE_BYTES)
                    .then_some(())
                    .ok_or_else(too_large)?;
                let name = path.strip_prefix(folder).unwrap_or(&path);
                let name = name.to_string_lossy().replace('\\', "/");
                found.push((name, fs::read_to_string(&path)?));
            }
        }
    }
    Ok(found)
}

fn plain(failure: RequestFailure, text: &str) -> String {
    let (title, _) = failure.words();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:34rem;margin:18vh auto;padding:0 1rem}}\
         small{{color:#667}}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n<small>{}</small>\n</main>\n</body>\n</html>\n",
        failure.status().as_u16()
    )
}

/// The response to a visitor: one of `pages` if the request's `Accept` names HTML, otherwise JSON.
pub(crate) fn response(
    failure: RequestFailure,
    accept: Option<&HeaderValue>,
    pages: &ErrorPages,
) -> Response {
    let (_, text) = failure.words();
    let text = &match failure {
        RequestFailure::BadAnswer(reason) => Cow::Owned(format!("{text}: {reason}.")),
        _ => Cow::Borrowed(text),
    };
    let status = failure.status();
    let wants_html = accept
        .and_then(|value| value.to_str().ok())
        .is_some_and(|value| value.to_ascii_lowercase().contains("text/html"));
    let (kind, body) = if wants_html {
        ("text/html; charset=utf-8", Body::from(pages.page(failure, text)))
    } else {
        (
            "application/json",
            Body::from(json!({ "error": text, "status": status.as_u16() }).to_string()),
        )
    };
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if matches!(
        failure,
        RequestFailure::Inactive
            | RequestFailure::Starting
            | RequestFailure::Overloaded
            | RequestFailure::Full
            | RequestFailure::Busy
            | RequestFailure::FormUnsent
    ) {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
    }
    if let RequestFailure::TooMany { seconds } = failure {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(files: &[(&str, &str)]) -> Result<ErrorPages, String> {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
            fs::write(path, text).expect("a file");
        }
        ErrorPages::of(Some(folder.path()))
    }

    #[test]
    fn a_status_has_its_own_page_or_the_one_for_all_or_a_plain_one() {
        let layout = ("parts/layout.html", "<b>{% block text %}{% endblock %}</b>");
        let any = (
            "error.html",
            "{% extends \"parts/layout.html\" %}{% block text %}{{ status }} {{ title }}: {{ text }}{% endblock %}",
        );
        let own = ("404.html", "nothing here");
        for (case, files, not_found, inactive) in [
            (
                "both",
                vec![layout, any, own],
                "nothing here",
                "<b>503 Back soon: ",
            ),
            (
                "one for all",
                vec![layout, any],
                "<b>404 Page not found: ",
                "<b>503 Back soon: ",
            ),
            ("one status", vec![own], "nothing here", "<!doctype html>"),
            (
                "another file beside it",
                vec![own, ("readme.md", "{{")],
                "nothing here",
                "<!doctype html>",
            ),
        ] {
            let pages = pages(&files).expect(case);
            for (failure, expected) in [
                (RequestFailure::NotFound, not_found),
                (RequestFailure::Inactive, inactive),
            ] {
                let page = pages.page(failure, "why");
                assert!(page.starts_with(expected.as_bytes()), "{case}: {page:?}");
            }
        }
        assert!(
            ErrorPages::default()
                .page(RequestFailure::Late, "why")
                .starts_with(b"<!doctype html>")
        );
    }

    #[test]
    fn what_can_not_be_shown_stops_the_start_in_words() {
        for (files, expected) in [
            (vec![], "has neither `error.html`"),
            (vec![("other.html", "x")], "has neither `error.html`"),
            (vec![("error.html", "{{ status")], "can't be loaded"),
            (
                vec![("error.html", "{{ path.of.nobody }}")],
                "fails for the status",
            ),
            (
                vec![("404.html", "{% include \"none.html\" %}")],
                "can't be loaded",
            ),
        ] {
            let error = pages(&files).expect_err("nothing to show");
            assert!(error.contains(expected), "{error}");
        }
        let missing = ErrorPages::of(Some(Path::new("/nonexistent/errors"))).expect_err("no folder");
        assert!(missing.contains("can't be read"), "{missing}");
    }
}
