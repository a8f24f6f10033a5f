//! Descriptions of metrics. A metric whose labels are known from the start has a value from the start, so that a
//! query for it finds 0 before the first event.

use metrics::{Key, Label};

use super::METADATA;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// The description of a metric.
#[derive(Clone, Copy, Debug)]
pub struct Described {
    kind: Kind,
    name: &'static str,
    /// What it tells, as one sentence.
    help: &'static str,
    /// The label of a metric that has one label with known values, with these values. An entry without values: the
    /// values are not known from the start.
    values: &'static [(&'static str, &'static [&'static str])],
    /// Whether it has no value before it is first set.
    is_absent_at_first: bool,
}

impl Described {
    const fn new(kind: Kind, name: &'static str, help: &'static str) -> Self {
        Self {
            kind,
            name,
            help,
            values: &[],
            is_absent_at_first: false,
        }
    }

    /// A counter without labels.
    #[must_use]
    pub const fn counter(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Counter, name, help)
    }

    /// A gauge without labels.
    #[must_use]
    pub const fn gauge(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Gauge, name, help)
    }

    /// A histogram of seconds without labels.
    #[must_use]
    pub const fn seconds(name: &'static str, help: &'static str) -> Self {
        Self::new(Kind::Histogram, name, help)
    }

    /// The same without a value before it is first set.
    #[must_use]
    pub const fn absent_at_first(self) -> Self {
        Self {
            is_absent_at_first: true,
            ..self
        }
    }

    /// The same with the label `label`, whose `values` are known; with none of them, no label is known from the start.
    #[must_use]
    pub const fn by(self, values: &'static [(&'static str, &'static [&'static str])]) -> Self {
        Self { values, ..self }
    }
}

/// Describes metrics to the recorder of the process, and registers those whose labels are known.
pub fn describe(all: &[Described]) {
    for one in all {
        let (name, help) = (one.name.into(), one.help.into());
        metrics::with_recorder(|recorder| match one.kind {
            Kind::Counter => recorder.describe_counter(name, None, help),
            Kind::Gauge => recorder.describe_gauge(name, None, help),
            Kind::Histogram => recorder.describe_histogram(name, None, help),
        });
        for key in keys(one) {
            metrics::with_recorder(|recorder| match one.kind {
                Kind::Counter => recorder.register_counter(&key, &METADATA).increment(0),
                Kind::Gauge => recorder.register_gauge(&key, &METADATA).increment(0.0),
                Kind::Histogram => drop(recorder.register_histogram(&key, &METADATA)),
            });
        }
    }
}

/// The keys that are known from the start.
fn keys(one: &Described) -> Vec<Key> {
    match one.values {
        _ if one.is_absent_at_first => Vec::new(),
        [] => vec![Key::from_static_name(one.name)],
        [(label, values)] => values
            .iter()
            .map(|value| Key::from_parts(one.name, vec![Label::from_static_parts(label, value)]))
            .collect(),
        // No label is known from the start.
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_are_known_have_values_from_the_start() {
        let one = |values| Described::counter("x_total", "x").by(values);
        let named = |values| {
            let keys = keys(&one(values));
            keys.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(named(&[]), ["Key(x_total)"]);
        assert_eq!(
            named(&[("reason", &["a", "b"])]),
            ["Key(x_total, [reason = a])", "Key(x_total, [reason = b])"]
        );
        assert_eq!(named(&[("service", &[])]), [""; 0]);
        assert_eq!(named(&[("service", &[]), ("ref", &[])]), [""; 0]);
        assert!(keys(&Described::gauge("x", "x").absent_at_first()).is_empty());
    }
}
