//! `hydra debug-link`: prints a link after which a visitor sees the headers for developers.

use std::time::SystemTime;

use clap::Args;
use hydra_runtime_net::observe::{DebugKey, QUERY_NAME};

use super::{
    Stop,
    gateway::{self, SettingsArgs},
    link,
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
    let life = link::life(&args.life).map_err(Stop)?;
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
    let link = link::link(&args.url, QUERY_NAME, &token).map_err(Stop)?;
    println!("{link}");
    Ok(())
}
