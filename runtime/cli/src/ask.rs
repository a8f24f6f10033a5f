//! `hydra services`, `hydra routes` and `hydra trace`: ask a running gateway what it knows and would do.

mod channel;
mod client;
pub(super) mod preview;
pub(super) mod steer;
mod table;

use std::{collections::HashSet, time::SystemTime};

use clap::Args;
use serde_json::Value;

use super::Stop;
use table::Table;

/// How many names of a list are shown: a service may have any number of pages.
const MAX_SHOWN_NAMES: usize = 20;

/// Where the gateway answers operators.
#[derive(Debug, Args)]
pub(super) struct AskArgs {
    /// The address at which the gateway answers operators
    #[arg(
        long,
        env = "HYDRA_ADMIN",
        value_name = "URL",
        default_value = "http://127.0.0.1:8082"
    )]
    admin: String,
    /// The `admin_token` of the gateway. The environment variable keeps it out of the list of processes
    #[arg(long, env = "HYDRA_ADMIN_TOKEN", value_name = "TOKEN", hide_env_values = true)]
    admin_token: Option<String>,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
}

/// List the services of a running gateway, with their instances.
#[derive(Debug, Args)]
pub(super) struct ServicesArgs {
    #[command(flatten)]
    ask: AskArgs,
}

/// List the paths that a running gateway routes to services.
#[derive(Debug, Args)]
pub(super) struct RoutesArgs {
    #[command(flatten)]
    ask: AskArgs,
}

/// Tell what a running gateway would do with a request, without sending it.
///
/// The answer names the instance that would get the request and why, and what would become of the fragments of its service.
#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    /// The address that a visitor would open: a URL, or a path that begins with `/`
    #[arg(value_name = "URL")]
    url: String,
    /// The visitor's cookies, as the header `Cookie` has them: they select versions
    #[arg(long, value_name = "COOKIES", default_value = "")]
    cookie: String,
    #[command(flatten)]
    ask: AskArgs,
}

/// Prints the services.
pub(super) fn services(args: &ServicesArgs) -> Result<(), Stop> {
    print(&args.ask, "/api/services", services_table)
}

/// Prints the routes.
pub(super) fn routes(args: &RoutesArgs) -> Result<(), Stop> {
    print(&args.ask, "/api/routes", routes_table)
}

/// Prints what would become of a request.
pub(super) fn trace(args: &TraceArgs) -> Result<(), Stop> {
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let path = format!(
        "/api/trace?url={}&cookie={}",
        encode(&args.url),
        encode(&args.cookie)
    );
    print(&args.ask, &path, trace_text)
}

fn print(args: &AskArgs, path: &str, show: fn(&Value) -> String) -> Result<(), Stop> {
    let answer = client::get(&args.admin, path, args.admin_token.as_deref()).map_err(Stop)?;
    self::show(args, &answer, show);
    Ok(())
}

/// Prints an answer as JSON or as a text.
fn show(args: &AskArgs, answer: &Value, as_text: impl FnOnce(&Value) -> String) {
    use std::io::Write as _;
    let text = match args.json {
        true => format!("{answer:#}\n"),
        false => as_text(answer),
    };
    // Another program may have read enough, and closed the pipe.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn services_table(answer: &Value) -> String {
    let mut table = Table::new([
        "SERVICE", "INSTANCE", "VERSION", "WEIGHT", "PROTOCOL", "CHANNEL", "REQUESTS", "STATE",
    ]);
    let mut notes = Notes::default();
    for service in list(answer) {
        let name = text(&service["name"]);
        let instances = list(&service["instances"]);
        if instances.is_empty() {
            table.row([&*name, "-", "-", "-", "-", "-", "-", "inactive"].map(str::to_owned));
        }
        for instance in instances {
            let state = match instance["reachable"] == Value::Bool(true) {
                true => "active",
                false => "not reachable",
            };
            table.row([
                name.clone(),
                text(&instance["address"]),
                text(&instance["version_name"]),
                text(&instance["weight"]),
                text(&instance["protocol"]),
                channel::text(&instance["channel"], SystemTime::now()),
                text(&instance["requests"]),
                state.to_owned(),
            ]);
            for left_out in list(&instance["left_out"]) {
                notes.add(&name, left_out);
            }
        }
        for conflict in list(&service["conflicts"]) {
            notes.add(&name, conflict);
        }
    }
    format!("{table}{}", notes.text)
}

/// Lines below a table, each once.
#[derive(Default)]
struct Notes {
    text: String,
    known: HashSet<String>,
}

impl Notes {
    fn add(&mut self, service: &str, left_out: &Value) {
        let line = format!(
            "{service}: {} is not routed: {}\n",
            text(&left_out["path"]),
            text(&left_out["reason"])
        );
        if !self.known.contains(&line) {
            self.text.push_str(&line);
            self.known.insert(line);
        }
    }
}

/// The first names of a list, which a service wrote, and how many more there are.
fn names(names: &[Value]) -> String {
    let shown: Vec<String> = names.iter().take(MAX_SHOWN_NAMES).map(text).collect();
    match names.len() - shown.len() {
        0 => shown.join(" "),
        more => format!("{} and {more} more", shown.join(" ")),
    }
}

fn routes_table(answer: &Value) -> String {
    let mut table = Table::new(["PATH", "KIND", "SERVICE", "INSTANCES"]);
    for route in list(answer) {
        table.row(["path", "kind", "service", "instances"].map(|name| text(&route[name])));
    }
    table.to_string()
}

fn trace_text(answer: &Value) -> String {
    let (route, instance) = (&answer["route"], &answer["instance"]);
    let mut lines = vec![format!("path      {}", text(&answer["path"]))];
    if !route.is_null() {
        let (pattern, kind) = (text(&route["pattern"]), text(&route["kind"]));
        lines.push(format!("route     {pattern} ({kind})"));
        lines.push(format!("service   {}", text(&route["service"])));
    }
    if !instance.is_null() {
        lines.push(format!("instance  {}", text(&instance["id"])));
        lines.push(format!("version   {}", text(&instance["version_name"])));
    }
    if !answer["rule"].is_null() {
        lines.push(format!("rule      {}", text(&answer["rule"])));
    }
    if !answer["failure"].is_null() {
        lines.push(format!("failure   {}", text(&answer["failure"])));
    }
    let fragments = list(&answer["fragments"]);
    if fragments.is_empty() {
        return lines.join("\n") + "\n";
    }
    let mut table = Table::new(["FRAGMENT", "PAGES", "INSTANCE", "RESULT"]);
    for fragment in fragments {
        table.row([
            format!("{}/{}", text(&fragment["service"]), text(&fragment["ref"])),
            names(list(&fragment["pages"])),
            text(&fragment["instance"]),
            text(&fragment["result"]),
        ]);
    }
    format!("{}\n\n{table}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn services_are_a_table_with_what_is_not_routed_below() {
        let left_out = json!([{ "path": "/login", "reason": "it is the gateway's" }]);
        let instance = |address: &str, reachable: bool| {
            json!({
                "address": address, "version_name": "3", "weight": null, "protocol": "2", "requests": 1,
                "reachable": reachable, "left_out": left_out,
            })
        };
        let instances = [instance("10.0.0.7:80", true), instance("10.0.0.8:80", false)];
        let answer = json!([
            { "name": "orders", "instances": instances, "conflicts": [] },
            { "name": "news", "instances": [], "conflicts": [{ "path": "/", "reason": "`orders` holds it" }] },
        ]);
        assert_eq!(
            services_table(&answer),
            "SERVICE  INSTANCE     VERSION  WEIGHT  PROTOCOL  CHANNEL  REQUESTS  STATE\n\
             orders   10.0.0.7:80  3        -       2         -        1         active\n\
             orders   10.0.0.8:80  3        -       2         -        1         not reachable\n\
             news     -            -        -       -         -        -         inactive\n\
             orders: /login is not routed: it is the gateway's\n\
             news: / is not routed: `orders` holds it\n"
        );
        assert_eq!(routes_table(&json!([])), "PATH  KIND  SERVICE  INSTANCES\n");
    }

    #[test]
    fn a_trace_names_the_instance_and_what_becomes_of_fragments() {
        let fragment = json!({
            "service": "news", "ref": "latest", "pages": ["index.html"], "instance": null, "result": "inactive",
        });
        let answer = json!({
            "path": "/", "route": { "pattern": "/", "kind": "endpoint", "service": "shop" }, "failure": null,
            "instance": { "id": "http://127.0.0.1:1#0 shop", "version_name": "2" }, "rule": "the newest wins",
            "fragments": [fragment],
        });
        assert_eq!(
            trace_text(&answer),
            "path      /\nroute     / (endpoint)\nservice   shop\ninstance  http://127.0.0.1:1#0 shop\nversion   2\n\
             rule      the newest wins\n\n\
             FRAGMENT     PAGES       INSTANCE  RESULT\n\
             news/latest  index.html  -         inactive\n"
        );
        let none =
            json!({ "path": "/x", "route": null, "failure": "no service has this path", "fragments": [] });
        assert_eq!(
            trace_text(&none),
            "path      /x\nfailure   no service has this path\n"
        );
        let own = json!({
            "path": "/about", "route": { "pattern": "about.html", "kind": "page", "service": "site" }, "failure": null,
            "instance": null, "rule": "this process answers it", "fragments": [],
        });
        assert_eq!(
            trace_text(&own),
            "path      /about\nroute     about.html (page)\nservice   site\nrule      this process answers it\n"
        );
    }

    /// What pads texts with spaces can't count beyond 65,535.
    #[test]
    fn names_without_end_are_shown_as_far_as_a_terminal_can() {
        let pages: Vec<String> = (0..10_000).map(|n| format!("page{n}.html")).collect();
        let long = "x".repeat(100_000);
        for (pages, reference, shown) in [
            (json!(pages[..20]), "latest", "page19.html  "),
            (json!(pages[..21]), "latest", "page19.html and 1 more  "),
            (json!(pages), "latest", "page19.html and 9980 more  "),
            (json!([long]), "latest", long.as_str()),
            (json!([]), long.as_str(), long.as_str()),
        ] {
            let fragment = json!({ "service": "news", "ref": reference, "pages": pages, "instance": null, "result": "r" });
            let text = trace_text(
                &json!({ "path": "/", "route": null, "failure": null, "fragments": [fragment, fragment] }),
            );
            assert_eq!(text.matches(shown).count(), 2, "{}", &text[..300]);
            assert!(text.len() < 300_000, "{}", text.len());
        }
    }

    #[test]
    fn one_note_stands_once() {
        let left_out: Vec<_> = (0..20_000)
            .map(|n| json!({ "path": format!("/{n}"), "reason": "it is taken" }))
            .collect();
        let twice = [left_out.clone(), left_out].concat();
        let service = json!({ "name": "orders", "instances": [], "conflicts": twice });
        assert_eq!(services_table(&json!([service])).lines().count(), 2 + 20_000);
    }
}
