//! Who is already at work on a page, outermost first: so that a circle ends, and nesting has a bound.
//!
//! Each page and each fragment puts its own step at the end and hands the trail on with what it asks for. The gateway
//! adds none: it only refuses what the service would refuse.
#![deny(clippy::disallowed_methods)]

use crate::lines::cut_to;

/// So deep fragments may nest, over services.
pub const MAX_DEPTH: usize = 8;
/// The most characters that are shown of a step: a peer wrote it.
const MAX_SHOWN: usize = 80;

/// Why a fragment is not asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It is at work already; the circle in words.
    #[error("fragments ask for each other in a circle: {0}")]
    Circle(String),
    /// Too many are at work already; the end of the trail in words.
    #[error("fragments nest too deep: {0}")]
    Depth(String),
}

/// The step of a page of `service`. It has no slash, as fragments' have, so that none is taken for the other.
pub fn page(service: &str) -> String {
    service.replace('/', " ")
}

/// The step of the fragment `reference` of `service`.
pub fn fragment(service: &str, reference: &str) -> String {
    format!("{service}/{reference}")
}

/// Whether the fragment whose step is `own` may follow on `trail`, where `max` may be at work at most.
pub fn check(trail: &[String], own: &str, max: usize) -> Result<(), Refusal> {
    if trail.iter().any(|step| step == own) {
        Err(Refusal::Circle(shown(trail, own, max)))
    } else if trail.len() >= max {
        Err(Refusal::Depth(shown(trail, own, max)))
    } else {
        Ok(())
    }
}

/// The end of the trail: a peer wrote it, and may have written much.
fn shown(trail: &[String], own: &str, max: usize) -> String {
    let last = trail.iter().rev().take(max).rev().map(String::as_str);
    let steps: Vec<_> = last.chain([own]).map(|step| cut_to(step, MAX_SHOWN)).collect();
    steps.join(" > ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(trail: &[&str], own: &str) -> Result<(), Refusal> {
        let trail: Vec<_> = trail.iter().map(|&step| step.to_owned()).collect();
        check(&trail, own, 3)
    }

    #[test]
    fn a_circle_is_one_fragment_twice() {
        let circle = Refusal::Circle("shop > a/x > b/y > a/x".to_owned());
        assert_eq!(checked(&["shop", "a/x", "b/y"], "a/x"), Err(circle));
        assert_eq!(checked(&["shop"], "shop/menu"), Ok(()), "a page's own fragment");
        assert_eq!(checked(&["shop", "a/x"], "a/z"), Ok(()), "another fragment");
        assert_ne!(page("a/x"), fragment("a", "x"));
    }

    #[test]
    fn depth_has_its_own_reason() {
        let depth = Refusal::Depth("s > a/x > b/y > c/z".to_owned());
        assert_eq!(checked(&["s", "a/x", "b/y"], "c/z"), Err(depth));
    }

    #[test]
    fn a_reason_is_short_whatever_the_trail() {
        let trail = vec!["x".repeat(10_000); 10_000];
        let reason = check(&trail, &"y".repeat(10_000), 8).expect_err("too deep");
        assert!(reason.to_string().len() < 1_000);
    }
}
