//! The bar of a page that shows versions which ordinary visitors do not get (design section 6, Weights).
#![deny(clippy::disallowed_methods)]

use bytes::Bytes;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use crate::limits::{MAX_PREVIEW_STATE_BYTES, MAX_SHOWN_PREVIEWS};

/// The query member that leaves all previews.
const OFF: &str = "hydra-preview=off";

/// The bar, as HTML: what is previewed, a link that leaves the preview, and a button that hides the bar. It needs no
/// script, takes no room in the page, and takes no style from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewBar(Bytes);

impl PreviewBar {
    /// The bar for the page at `uri`, with a `state` as the header `Hydra-Preview` has it: `service@version`, with commas
    /// between several, and `;gone` after a version that does not run. `None`: the state names nothing.
    #[must_use]
    pub fn of(state: &HeaderValue, uri: &Uri) -> Option<Self> {
        let state = state
            .to_str()
            .ok()
            .filter(|state| state.len() <= MAX_PREVIEW_STATE_BYTES)?;
        let shown: Vec<String> = state
            .split(',')
            .take(MAX_SHOWN_PREVIEWS)
            .filter_map(|one| shown(one.trim()))
            .collect();
        if shown.is_empty() {
            return None;
        }
        Some(Self(html(&shown.join("; "), &escaped(&off(uri))).into()))
    }

    /// The HTML.
    pub(in crate::page) fn html(&self) -> Bytes {
        self.0.clone()
    }
}

/// The words for one version, as HTML.
fn shown(text: &str) -> Option<String> {
    let (name, is_gone) = match text.strip_suffix(";gone") {
        Some(name) => (name, true),
        None => (text, false),
    };
    let (service, version) = name.rsplit_once('@').filter(|(service, _)| !service.is_empty())?;
    let service = percent_decode_str(service).decode_utf8().ok()?;
    let words = match is_gone {
        true => " does not run any more: this is what all visitors see",
        false => "",
    };
    Some(format!(
        "<b>{}</b> {}{words}",
        escaped(&service),
        escaped(version)
    ))
}

/// The address that leaves all previews and leads back to `uri`.
fn off(uri: &Uri) -> String {
    // A path that begins with two slashes would be another host.
    let path = uri.path().trim_start_matches(['/', '\\']);
    match uri.query().filter(|query| !query.is_empty()) {
        Some(query) => format!("/{path}?{query}&{OFF}"),
        None => format!("/{path}?{OFF}"),
    }
}

/// `all: revert` undoes what the page states for its own dialogs, forms, links and buttons. A form whose method is
/// `dialog` closes its dialog without a script (HTML section 4.11.4).
fn html(shown: &str, off: &str) -> String {
    format!(
        "<dialog open lang=\"en\" aria-label=\"Preview\" style=\"all:revert;color-scheme:light dark;position:fixed;inset:auto .5rem .5rem auto;\
         z-index:2147483647;box-sizing:border-box;max-width:calc(100% - 1rem);margin:0;padding:.5rem .75rem;border:2px solid;border-radius:.5rem;\
         background:Canvas;color:CanvasText;font:14px/1.5 system-ui,sans-serif;text-align:start\">\
         <form method=\"dialog\" style=\"all:revert;margin:0\">Preview: {shown}. \
         <a href=\"{off}\" rel=\"nofollow\" style=\"all:revert;display:inline-block;min-height:24px\">Leave</a> \
         <button style=\"all:revert;min-height:24px\">Hide</button></form></dialog>\n"
    )
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(state: &str, uri: &str) -> Option<String> {
        let state = HeaderValue::from_bytes(state.as_bytes()).expect("a value");
        let bar = PreviewBar::of(&state, &uri.parse().expect("a URI"))?;
        Some(String::from_utf8(bar.html().to_vec()).expect("text"))
    }

    #[test]
    fn the_bar_names_each_version_and_whether_it_runs() {
        let html = bar("orders@2.5.0-rc1, my%20app%20%C3%A9@3;gone", "/").expect("a bar");
        let words = "Preview: <b>orders</b> 2.5.0-rc1; <b>my app é</b> 3 does not run any more: this is what all visitors see. <a";
        assert!(html.contains(words), "{html}");
        for nothing in ["", ",", "orders", "@2", "%ff@2", "é", &"a@1,".repeat(10_000)] {
            assert_eq!(bar(nothing, "/"), None, "{nothing}");
        }
        let many = bar(&"a@1,".repeat(50), "/").expect("a bar");
        assert_eq!(many.matches("<b>").count(), MAX_SHOWN_PREVIEWS);
    }

    #[test]
    fn what_others_wrote_is_text() {
        let html = bar("%3Cscript%3E%22@<img src=x>", "/?a='&b=%22").expect("a bar");
        assert!(
            html.contains("<b>&lt;script&gt;&quot;</b> &lt;img src=x&gt;"),
            "{html}"
        );
        assert!(!html.contains("<script") && !html.contains("<img"), "{html}");
        assert!(
            html.contains("?a=&#39;&amp;b=%22&amp;hydra-preview=off\""),
            "{html}"
        );
    }

    #[test]
    fn leaving_leads_back_to_the_same_page_on_this_host() {
        for (uri, expected) in [
            ("/", "/?hydra-preview=off"),
            ("/a?b=c", "/a?b=c&amp;hydra-preview=off"),
            ("/a?", "/a?hydra-preview=off"),
            ("//evil.example/a", "/evil.example/a?hydra-preview=off"),
        ] {
            let html = bar("a@1", uri).expect("a bar");
            assert!(html.contains(&format!("href=\"{expected}\"")), "{html}");
        }
    }
}
