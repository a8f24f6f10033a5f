//! `hydra preview`: makes a link after which its visitor sees another version of a service.

use clap::Args;
use serde_json::json;

use super::{AskArgs, Stop, client, show, text};
use crate::link;

/// Print a link after which its visitor sees a version that ordinary visitors do not get.
///
/// The link sets a signed cookie that ends: this visitor then gets that version of the service, and everything else as all
/// visitors do. Links for several services add up. `?hydra-preview=off` on any page leaves all previews. Programs send what
/// follows `hydra-preview=` in the header `Hydra-Preview` instead.
#[derive(Debug, Args)]
pub(in super::super) struct PreviewArgs {
    /// The service and its version. `v2` means the version `2`, unless a version has that very name
    #[arg(value_name = "SERVICE@VERSION")]
    target: String,
    /// How long the link and the cookie are valid, a week at most: `2h`, `30m`
    #[arg(long = "for", value_name = "DURATION", default_value = "2h")]
    life: String,
    /// The address of the site, or of one of its pages
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8081/")]
    url: String,
    #[command(flatten)]
    ask: AskArgs,
}

/// Prints the link.
pub(in super::super) fn preview(args: &PreviewArgs) -> Result<(), Stop> {
    let life = link::life(&args.life).map_err(Stop)?;
    // A wrong address is told before the gateway is asked.
    link::link(&args.url, QUERY_NAME, "").map_err(Stop)?;
    let body = json!({ "target": args.target, "seconds": life.as_secs() });
    let token = args.ask.admin_token.as_deref();
    let mut answer = client::post(&args.ask.admin, "/api/preview", token, &body).map_err(Stop)?;
    let link = link::link(&args.url, QUERY_NAME, &text(&answer["token"])).map_err(Stop)?;
    answer["link"] = json!(link);
    show(&args.ask, &answer, |_| format!("{link}\n"));
    Ok(())
}

/// The member of the query that opens a preview.
const QUERY_NAME: &str = "hydra-preview";
