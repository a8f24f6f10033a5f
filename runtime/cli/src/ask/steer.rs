//! `hydra weights` and `hydra drain`: share visitors among versions, and drain instances, on a running gateway.

use std::collections::BTreeMap;

use clap::Args;
use hydra_runtime_net::duration;
use serde_json::{Value, json};

use super::{AskArgs, Stop, client, list, show, table::Table, text};

/// Show or state the shares of the versions of services.
///
/// Without weights, the command shows the versions of all services, or of one. With weights, it states those of the service, instead
/// of all that were stated before; a version that is not named then gets no visitor, unless no named one runs. A version with
/// weight 0 gets no visitor at all. `newest` gives all visitors the newest version, also one that is started later, and `equal` gives all
/// versions the same share. The change holds on all gateways that share a Redis, and outlives their restarts.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in super::super) struct WeightsArgs {
    /// The service
    #[arg(value_name = "SERVICE")]
    service: Option<String>,
    /// The weight of a version, or one rule for all of them. `v2` means the version `2`, unless a version has that very name
    #[arg(value_name = "VERSION=WEIGHT|newest|equal", value_parser = stated, requires = "service")]
    weights: Vec<Stated>,
    /// Take the weights back that were stated on running gateways: those of the configuration count again, or else those of the
    /// instances
    #[arg(long, conflicts_with = "weights", requires = "service")]
    clear: bool,
    #[command(flatten)]
    ask: AskArgs,
}

/// Keep new requests away from an instance or a service; those under way end.
///
/// New visitors of the instance's version go to another instance of that version, or, where it was the last one, to another
/// version. New visitors of a drained service get 503. Visitors that stay with one instance of the service keep it until the drain
/// ends, or for as long as --after says. The drain of an instance belongs to its process: it ends with --end, or when another process
/// registers at the address. The drain of a service ends with --end.
#[derive(Debug, Args)]
pub(in super::super) struct DrainArgs {
    /// The name of a service; or an instance: its host and port, its UUID, or its id
    #[arg(value_name = "INSTANCE|SERVICE")]
    target: String,
    /// How long visitors that stay keep the instance, and then leave: `1h`, `30m`, or `0` for at once [default: until the drain ends]
    #[arg(long, value_name = "DURATION", conflicts_with = "end", value_parser = whole_seconds)]
    after: Option<u64>,
    /// End the drain
    #[arg(long)]
    end: bool,
    #[command(flatten)]
    ask: AskArgs,
}

const EXAMPLES: &str = "\
Examples:
  hydra weights
  hydra weights orderService 2.4.1=10 2.4.0=90
  hydra weights orderService v2=10 v1=90
  hydra weights orderService newest
  hydra weights orderService --clear";

/// Shows or states weights.
pub(in super::super) fn weights(args: &WeightsArgs) -> Result<(), Stop> {
    let Some(service) = &args.service else {
        return shown(args, |_| true);
    };
    if args.weights.is_empty() && !args.clear {
        return shown(args, |name| name == service);
    }
    let body = match args.clear {
        true => json!({ "service": service }),
        false => json!({ "service": service, "weights": weights_or_rule(&args.weights).map_err(Stop)? }),
    };
    change(&args.ask, "/api/weights", &body)
}

/// Begins or ends a drain.
pub(in super::super) fn drain(args: &DrainArgs) -> Result<(), Stop> {
    let mut body = json!({ "target": args.target, "end": args.end });
    if let Some(after) = args.after {
        body["after_seconds"] = json!(after);
    }
    change(&args.ask, "/api/drain", &body)
}

fn shown(args: &WeightsArgs, is_meant: impl Fn(&str) -> bool) -> Result<(), Stop> {
    let answer =
        client::get(&args.ask.admin, "/api/weights", args.ask.admin_token.as_deref()).map_err(Stop)?;
    let services = list(&answer["services"]).iter();
    let meant: Vec<&Value> = services
        .filter(|service| service["service"].as_str().is_some_and(&is_meant))
        .collect();
    if let (Some(service), true) = (&args.service, meant.is_empty()) {
        return Err(Stop(format!("no service `{service}` is active")));
    }
    show(&args.ask, &json!({ "services": meant }), |answer| {
        let services: Vec<&Value> = list(&answer["services"]).iter().collect();
        versions_table(&services)
    });
    Ok(())
}

fn change(ask: &AskArgs, path: &str, body: &Value) -> Result<(), Stop> {
    let answer = client::post(&ask.admin, path, ask.admin_token.as_deref(), body).map_err(Stop)?;
    show(ask, &answer, |answer| match &answer["service"] {
        Value::Null => "done\n".to_owned(),
        service => versions_table(&[service]),
    });
    Ok(())
}

/// What stands for a version's weight on the command line, or for all weights.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stated {
    Weight(String, u32),
    /// `newest` or `equal`.
    Rule(String),
}

/// `VERSION=WEIGHT` or a rule.
fn stated(text: &str) -> Result<Stated, String> {
    match text {
        "newest" | "equal" => Ok(Stated::Rule(text.to_owned())),
        _ => weight(text).map(|(version, weight)| Stated::Weight(version, weight)),
    }
}

/// The weights by version, or the rule, as the gateway reads them.
fn weights_or_rule(all: &[Stated]) -> Result<Value, String> {
    if let [Stated::Rule(rule)] = all {
        return Ok(json!(rule));
    }
    let mut weights = BTreeMap::new();
    for stated in all {
        match stated {
            Stated::Rule(rule) => {
                return Err(format!(
                    "`{rule}` stands for all versions: write it alone, or weights without it"
                ));
            }
            Stated::Weight(version, weight) => {
                if weights.insert(version, weight).is_some() {
                    return Err(format!("the version `{version}` is named twice"));
                }
            }
        }
    }
    Ok(json!(weights))
}

/// `VERSION=WEIGHT`.
fn weight(text: &str) -> Result<(String, u32), String> {
    let (version, weight) = text.rsplit_once('=').ok_or(
        "write the version, `=` and its weight, such as `2.4.1=10`; or `newest` or `equal` for all versions",
    )?;
    let weight = weight
        .parse()
        .map_err(|_| format!("`{weight}` is not a whole number from 0 to {}", u32::MAX))?;
    Ok((version.to_owned(), weight))
}

/// A duration in seconds, rounded up.
fn whole_seconds(text: &str) -> Result<u64, String> {
    let seconds = duration::parse(text)?.as_millis().div_ceil(1_000);
    u64::try_from(seconds).map_err(|_| format!("`{text}` is too long"))
}

fn versions_table(services: &[&Value]) -> String {
    let mut table = Table::new(["SERVICE", "VERSION", "SHARE", "INSTANCES", "STATE"]);
    let mut notes = String::new();
    for service in services {
        let name = text(&service["service"]);
        let (mut total, is_drained) = (0.0, service["drained"] == Value::Bool(true));
        for version in list(&service["versions"]) {
            let instances = list(&version["instances"]);
            let drained = instances
                .iter()
                .filter(|one| one["drained"] == Value::Bool(true))
                .count();
            let share = version["share"].as_f64().unwrap_or_default();
            total += share;
            let state = match () {
                () if is_drained || drained == instances.len() => "drained".to_owned(),
                () if version["closed"] == Value::Bool(true) => "closed".to_owned(),
                () if drained > 0 => format!("{drained} drained"),
                () => "open".to_owned(),
            };
            table.row([
                name.clone(),
                text(&version["version"]),
                format!("{:.1} %", share * 100.0),
                instances.len().to_string(),
                state,
            ]);
        }
        if let Some(rule) = service["rule"].as_str() {
            notes.push_str(&format!("{name}: {}\n", meaning(rule)));
        }
        if total == 0.0 {
            notes.push_str(&format!("{name}: no visitor gets this service\n"));
        }
        for (version, weight) in service["not_running"].as_object().into_iter().flatten() {
            notes.push_str(&format!(
                "{name}: {version} has the weight {weight}, and does not run\n"
            ));
        }
    }
    format!(
        "{table}{}",
        notes.replace(|c: char| c.is_control() && c != '\n', " ")
    )
}

/// What a rule says, for people.
fn meaning(rule: &str) -> String {
    match rule {
        "newest" => "the newest version gets all visitors".to_owned(),
        "equal" => "all versions get the same share".to_owned(),
        other => format!("the versions share by the rule `{other}`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_stands_alone() {
        let read = |texts: &[&str]| {
            let all: Result<Vec<_>, _> = texts.iter().map(|text| stated(text)).collect();
            all.and_then(|all| weights_or_rule(&all))
        };
        assert_eq!(read(&["newest"]), Ok(json!("newest")));
        assert_eq!(read(&["equal"]), Ok(json!("equal")));
        assert_eq!(read(&["newest=1", "2=3"]), Ok(json!({"newest": 1, "2": 3})));
        for (wrong, said) in [
            (&["newest", "2=3"][..], "`newest` stands for all versions"),
            (&["2=3", "equal"], "`equal` stands for all versions"),
            (&["2=3", "2=4"], "`2` is named twice"),
            (&["oldest"], "`newest` or `equal`"),
        ] {
            let error = read(wrong).expect_err("refused");
            assert!(error.contains(said), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn how_long_visitors_stay_is_a_duration() {
        for (text, expected) in [
            ("0", 0),
            ("1h", 3_600),
            ("30m", 1_800),
            ("90s", 90),
            ("1ms", 1),
            ("0s", 0),
        ] {
            assert_eq!(whole_seconds(text), Ok(expected), "{text}");
        }
        for wrong in ["", "1", "-1h", "1 hour", "1.5h", "h"] {
            assert!(whole_seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_weight_is_a_version_and_a_number() {
        for (text, expected) in [
            ("2.4.1=10", Some(("2.4.1", 10))),
            ("v2=0", Some(("v2", 0))),
            ("a=4294967295", Some(("a", u32::MAX))),
            ("a=4294967296", None),
            ("a=-1", None),
            ("a=1.5", None),
            ("a=", None),
            ("a", None),
            ("", None),
        ] {
            let expected = expected.map(|(version, weight)| (version.to_owned(), weight));
            assert_eq!(weight(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn versions_are_a_table_with_what_does_not_run_below() {
        let instance = |drained: bool| json!({"id": "i", "address": "a", "drained": drained});
        let version = |name: &str, share: f64, closed: bool, instances: Value| json!({"version": name, "share": share, "closed": closed, "instances": instances});
        let orders = json!({"service": "orders", "drained": false, "not_running": {"3\u{1b}": 5}, "versions": [
            version("2.4.0", 0.9, false, json!([instance(false), instance(true)])),
            version("2.4.1", 0.1, false, json!([instance(false)])),
            version("2.5.0-rc1", 0.0, true, json!([instance(false)])),
            version("1", 0.0, false, json!([instance(true)])),
        ]});
        let news = json!({"service": "news", "drained": true, "rule": "newest", "not_running": {}, "versions": [
            version("0", 0.0, false, json!([instance(false)])),
        ]});
        assert_eq!(
            versions_table(&[&orders, &news]),
            "SERVICE  VERSION    SHARE   INSTANCES  STATE\n\
             orders   2.4.0      90.0 %  2          1 drained\n\
             orders   2.4.1      10.0 %  1          open\n\
             orders   2.5.0-rc1  0.0 %   1          closed\n\
             orders   1          0.0 %   1          drained\n\
             news     0          0.0 %   1          drained\n\
             orders: 3  has the weight 5, and does not run\n\
             news: the newest version gets all visitors\n\
             news: no visitor gets this service\n"
        );
    }
}
