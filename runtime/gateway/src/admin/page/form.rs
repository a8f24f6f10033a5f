//! The forms of the operators' page: what their fields mean.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_runtime_net::duration;

use crate::{
    stated_weights::{SharingRule, StatedWeights},
    steer::SteeringRequest,
};

/// The fields of a form, in their order.
pub(super) type Fields = Vec<(String, String)>;

/// What the names of fields with weights begin with. The name of the version follows.
pub(super) const WEIGHT: &str = "weight:";

/// The name of the field with a rule in place of weights, and its values.
const RULE: &str = "rule";
const RULES: [(&str, SharingRule); 2] = [("newest", SharingRule::Newest), ("equal", SharingRule::Equal)];

/// The name of the field that says how long visitors that stay keep a drained instance.
pub(super) const AFTER: &str = "after";

/// The value of the first field of this name. Empty: there is none.
pub(super) fn field<'a>(fields: &'a Fields, name: &str) -> &'a str {
    let found = fields.iter().find(|(other, _)| other == name);
    found.map_or("", |(_, value)| value)
}

/// The change that a form is about.
///
/// # Errors
/// Why the fields are no change, for people.
pub(super) fn request(fields: &Fields) -> Result<SteeringRequest, String> {
    let has = |name: &str| fields.iter().any(|(other, _)| other == name);
    let target = |name: &str| field(fields, name).to_owned();
    if has("drain") {
        return Ok(SteeringRequest::Drain {
            target: target("drain"),
            after_seconds: after_seconds(field(fields, AFTER))?,
        });
    }
    if has("end-drain") {
        return Ok(SteeringRequest::EndDrain {
            target: target("end-drain"),
        });
    }
    let service = target("service");
    if service.is_empty() {
        return Err("The form names neither a service nor a drain.".to_owned());
    }
    if has("clear") {
        return Ok(SteeringRequest::ClearWeights { service });
    }
    let rule = field(fields, RULE);
    if let Some((_, rule)) = RULES.iter().find(|(name, _)| *name == rule) {
        let weights = StatedWeights::Rule(*rule);
        return Ok(SteeringRequest::Weights { service, weights });
    }
    let mut weights = BTreeMap::new();
    for (name, value) in fields {
        let Some(version) = name.strip_prefix(WEIGHT) else {
            continue;
        };
        let value = value.trim();
        if value.is_empty() {
            continue;
        }
        let weight = value.parse().map_err(|_| {
            format!(
                "The weight of version {version} must be a whole number between 0 and {}.",
                u32::MAX
            )
        })?;
        weights.insert(version.to_owned(), weight);
    }
    match weights.is_empty() {
        true => Err("State the weight of one version at least.".to_owned()),
        false => Ok(SteeringRequest::Weights {
            service,
            weights: StatedWeights::ByVersion(weights),
        }),
    }
}

/// How long visitors stay while a drain lasts. Empty: until it ends.
fn after_seconds(text: &str) -> Result<Option<u64>, String> {
    if text.trim().is_empty() {
        return Ok(None);
    }
    let after = duration::parse(text).map_err(|bad| format!("Visitors that stay leave: {bad}."))?;
    let seconds = after.as_millis().div_ceil(1_000);
    Ok(Some(u64::try_from(seconds).unwrap_or(u64::MAX)))
}

/// The fields that mean this change.
pub(super) fn fields(request: &SteeringRequest) -> Fields {
    let one = |name: &str, value: &str| vec![(name.to_owned(), value.to_owned())];
    match request {
        SteeringRequest::Drain {
            target,
            after_seconds,
        } => {
            let after = after_seconds.map(|seconds| one(AFTER, &format!("{seconds}s")));
            [one("drain", target), after.unwrap_or_default()].concat()
        }
        SteeringRequest::EndDrain { target } => one("end-drain", target),
        SteeringRequest::ClearWeights { service } => [one("service", service), one("clear", "yes")].concat(),
        SteeringRequest::Weights { service, weights } => {
            let stated: Fields = match weights {
                StatedWeights::ByVersion(weights) => weights
                    .iter()
                    .map(|(version, weight)| (format!("{WEIGHT}{version}"), weight.to_string()))
                    .collect(),
                StatedWeights::Rule(rule) => RULES
                    .iter()
                    .filter(|(_, other)| other == rule)
                    .flat_map(|(name, _)| one(RULE, name))
                    .collect(),
            };
            [one("service", service), stated].concat()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<SteeringRequest, String> {
        let fields: Fields = pairs
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        request(&fields)
    }

    #[test]
    fn fields_mean_one_change_and_the_change_means_the_same_fields() {
        let weights = |list: &[(&str, u32)]| SteeringRequest::Weights {
            service: "shop".to_owned(),
            weights: list
                .iter()
                .map(|(name, weight)| ((*name).to_owned(), *weight))
                .collect(),
        };
        let rule = |rule| SteeringRequest::Weights {
            service: "shop".to_owned(),
            weights: StatedWeights::Rule(rule),
        };
        let drain = |target: &str, after_seconds| SteeringRequest::Drain {
            target: target.to_owned(),
            after_seconds,
        };
        for (pairs, expected) in [
            (
                &[("service", "shop"), ("weight:2.4.1", "10"), ("weight:1", " 90 ")][..],
                weights(&[("1", 90), ("2.4.1", 10)]),
            ),
            (
                &[("service", "shop"), ("weight:1", "0"), ("weight:2", "")],
                weights(&[("1", 0)]),
            ),
            (
                &[("service", "shop"), ("weight:1", "x"), ("rule", "newest")],
                rule(SharingRule::Newest),
            ),
            (
                &[("service", "shop"), ("rule", "equal")],
                rule(SharingRule::Equal),
            ),
            (
                &[("service", "shop"), ("weight:1", "5"), ("clear", "yes")],
                SteeringRequest::ClearWeights {
                    service: "shop".to_owned(),
                },
            ),
            (
                &[("drain", "http://10.0.0.1:80#0 shop"), ("service", "other")],
                drain("http://10.0.0.1:80#0 shop", None),
            ),
            (&[("drain", "shop"), ("after", " ")], drain("shop", None)),
            (&[("drain", "shop"), ("after", "0")], drain("shop", Some(0))),
            (&[("drain", "shop"), ("after", "1h")], drain("shop", Some(3_600))),
            (&[("drain", "shop"), ("after", "1500ms")], drain("shop", Some(2))),
            (
                &[("end-drain", "shop")],
                SteeringRequest::EndDrain {
                    target: "shop".to_owned(),
                },
            ),
        ] {
            let found = read(pairs).expect("a change");
            assert_eq!(found, expected, "{pairs:?}");
            assert_eq!(request(&super::fields(&found)), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_change_says_why() {
        for (pairs, said) in [
            (&[][..], "neither a service nor a drain"),
            (&[("service", "")], "neither a service nor a drain"),
            (&[("service", "shop")], "one version at least"),
            (&[("service", "shop"), ("rule", "oldest")], "one version at least"),
            (&[("service", "shop"), ("weight:1", " ")], "one version at least"),
            (
                &[("service", "shop"), ("weight:1", "-1")],
                "version 1 must be a whole number",
            ),
            (&[("service", "shop"), ("weight:1", "1.5")], "whole number"),
            (&[("service", "shop"), ("weight:1", "4294967296")], "whole number"),
            (
                &[("service", "shop"), ("weight:1", "1"), ("weight:2", "x")],
                "version 2 must",
            ),
            (
                &[("drain", "shop"), ("after", "soon")],
                "`soon` is not a duration",
            ),
            (&[("drain", "shop"), ("after", "-1h")], "`-1h` is not a duration"),
        ] {
            let error = read(pairs).expect_err("no change");
            assert!(error.contains(said), "{pairs:?}: {error}");
        }
    }
}
