//! What the script does in a browser, done to text.

use std::time::Duration;

use hydra_runtime::page::{AfterPage, Options};

/// Puts all fragments that came after the page in their places, and takes away the script and the marks of those that
/// did not come.
pub(crate) fn put_in_place(page: &str) -> String {
    let (mut text, mut arrived) = (String::new(), Vec::new());
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("<template ") {
        let (attribute, after) = after.split_once("=\"").expect("the attribute ends");
        let (ids, after) = after.split_once("\">").expect("the tag ends");
        let (html, after) = after.split_once("</template>\n").expect("the template ends");
        let html = match attribute {
            "for" => html.to_owned(),
            "data-hydra-for" => {
                assert!(!html.contains('<'), "{html}");
                html.replace("&lt;", "<").replace("&amp;", "&")
            }
            other => panic!("a template with `{other}`"),
        };
        arrived.extend(ids.split(' ').map(|id| (id.to_owned(), html.clone())));
        text.push_str(before);
        rest = after;
    }
    text.push_str(rest);
    for (id, html) in arrived {
        let (start, end) = (format!("<?start name=\"{id}\">"), format!("<?end name=\"{id}\">"));
        // A place in a fallback is gone with it.
        if let Some((before, after)) = text.split_once(&start) {
            let (_, after) = after.split_once(&end).expect("the mark after the fallback");
            text = format!("{before}{html}{after}");
        }
    }
    while let Some((before, after)) = text.split_once("<?start name=\"hydra-") {
        let (number, after) = after.split_once("\">").expect("the mark ends");
        let after = after.replacen(&format!("<?end name=\"hydra-{number}\">"), "", 1);
        text = format!("{before}{after}");
    }
    without_script(&text)
}

/// The page without its script, if it has one.
pub(crate) fn without_script(page: &str) -> String {
    match page.split_once("<script async src=\"/storefront/_hydra/later.js?v=") {
        None => page.to_owned(),
        Some((before, after)) => {
            let (_, after) = after.split_once("\"></script>\n").expect("the script ends");
            format!("{before}{after}")
        }
    }
}

/// The page without its random name.
pub(crate) fn unnamed(page: &str) -> String {
    let mut text = String::new();
    let mut pieces = page.split("hydra-");
    text.extend(pieces.next());
    for piece in pieces {
        let is_name =
            |(name, _): &(&str, &str)| name.len() == 16 && name.bytes().all(|b| b.is_ascii_hexdigit());
        let rest = piece
            .split_once('-')
            .filter(is_name)
            .map_or(piece, |(_, rest)| rest);
        text.push_str("hydra-");
        text.push_str(rest);
    }
    text
}

/// Lets fragments come after their page. None is late only because the machine has much to do.
pub(crate) fn after_page(options: &mut Options) {
    options.after_page = AfterPage::new("storefront", "K", Some("a private key for tests"));
    options.fragment_timeout = Duration::from_secs(60);
    options.page_deadline = Duration::from_secs(60);
    // Whether one is there in time is not for the machine to decide.
    options.deferred_grace = Duration::ZERO;
}
