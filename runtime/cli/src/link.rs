//! Links that `hydra` prints: to a page, with a token in the query, for a limited time.

use std::time::Duration;

use hydra_runtime_net::duration;

/// How long a link is valid, as `--for` states it: from a second to a week.
///
/// # Errors
/// A sentence that says what to write.
pub(super) fn life(text: &str) -> Result<Duration, String> {
    let life = duration::parse(text).map_err(|error| format!("--for {text}: {error}"))?;
    let most = Duration::from_secs(7 * 24 * 60 * 60);
    match life {
        life if life < Duration::from_secs(1) || life > most => {
            Err(format!("--for {text}: write a duration from 1s to 168h"))
        }
        life => Ok(life),
    }
}

/// The address with the member `name` and the token in its query.
///
/// # Errors
/// A sentence that says what to write.
pub(super) fn link(url: &str, name: &str, token: &str) -> Result<String, String> {
    let uri: http::Uri = url.parse().map_err(|_| wrong(url))?;
    let has_host = matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !has_host || url.contains('#') {
        return Err(wrong(url));
    }
    let separator = if uri.query().is_some() { '&' } else { '?' };
    let slash = if uri.path() == "/" && !url.ends_with('/') && uri.query().is_none() {
        "/"
    } else {
        ""
    };
    Ok(format!("{url}{slash}{separator}{name}={token}"))
}

fn wrong(url: &str) -> String {
    format!("`{url}` is not the address of a page: write https://shop.example/ or the like")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_joins_the_query() {
        for (url, expected) in [
            (
                "https://shop.example",
                Some("https://shop.example/?hydra-debug=T"),
            ),
            (
                "https://shop.example/a",
                Some("https://shop.example/a?hydra-debug=T"),
            ),
            (
                "http://shop.example/a?b=c",
                Some("http://shop.example/a?b=c&hydra-debug=T"),
            ),
            ("/a", None),
            ("shop.example", None),
            ("ftp://shop.example/", None),
            ("http://shop.example/#a", None),
        ] {
            assert_eq!(link(url, "hydra-debug", "T").ok().as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn a_link_lives_from_a_second_to_a_week() {
        for (text, is_good) in [
            ("1s", true),
            ("168h", true),
            ("169h", false),
            ("100ms", false),
            ("x", false),
            ("0", false),
        ] {
            assert_eq!(life(text).is_ok(), is_good, "{text}");
        }
    }
}
