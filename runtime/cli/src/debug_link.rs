//! `hydra debug-link`: prints a link after which a visitor sees the headers for developers.

use std::time::{Duration, SystemTime};

use clap::Args;
use hydra_runtime_net::{
    duration,
    observe::{DebugKey, QUERY_NAME},
};

use super::{
    Stop,
    gateway::{self, SettingsArgs},
};

/// The shortest private key that a gateway takes.
const MIN_KEY_BYTES: usize = 16;

/// Print a link that shows its visitor `Server-Timing` and `Hydra-Served-By` in all responses.
///
/// The link sets a cookie, which is signed with the private key. `?hydra-debug=off` removes it.
#[derive(Debug, Args)]
pub(super) struct DebugLinkArgs {
    /// The address of the site, or of one of its pages
    #[arg(value_name = "URL", default_value = "http://127.0.0.1:8081/")]
    url: String,
    /// How long the link and the cookie are valid, a week at most: `2h`, `30m`
    #[arg(long = "for", value_name = "DURATION", default_value = "2h")]
    life: String,
    #[command(flatten)]
    settings: SettingsArgs,
}

/// Prints the link.
pub(super) fn run(args: DebugLinkArgs) -> Result<(), Stop> {
    let life = life(&args.life).map_err(Stop)?;
    let config = gateway::configuration(args.settings)?;
    let Some(private_key) = &config.private_key else {
        return Err(Stop(
            "a link needs the private key that signs it: set HYDRA_PRIVATE_KEY as the gateway has it, or `--config`".to_owned(),
        ));
    };
    if private_key.reveal().len() < MIN_KEY_BYTES {
        return Err(Stop(format!(
            "the private key has at least {MIN_KEY_BYTES} bytes, as that of the gateway"
        )));
    }
    let token = DebugKey::new(private_key.reveal()).token(SystemTime::now(), life);
    let link = link(&args.url, &token).map_err(Stop)?;
    println!("{link}");
    Ok(())
}

fn life(text: &str) -> Result<Duration, String> {
    let life = duration::parse(text).map_err(|error| format!("--for {text}: {error}"))?;
    let most = Duration::from_secs(7 * 24 * 60 * 60);
    match life {
        life if life < Duration::from_secs(1) || life > most => {
            Err(format!("--for {text}: write a duration from 1s to 168h"))
        }
        life => Ok(life),
    }
}

/// The address with the token in its query.
fn link(url: &str, token: &str) -> Result<String, String> {
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
    Ok(format!("{url}{slash}{separator}{QUERY_NAME}={token}"))
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
            assert_eq!(link(url, "T").ok().as_deref(), expected, "{url}");
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
