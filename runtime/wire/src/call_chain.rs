//! Who is already at work on a page, outermost first: so that a circle ends, and nesting has a bound.
//!
//! Each page and each fragment puts its own step at the end and hands the chain on with what it asks for. The gateway
//! adds none: it only refuses what the service would refuse.
#![deny(clippy::disallowed_methods)]

use crate::{limits::MAX_STEP_CHARS, lines::cut_to};

/// Why a fragment is not asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallChainError {
    /// It is at work already; the circle in words.
    #[error("fragments ask for each other in a circle: {0}")]
    Circle(String),
    /// Too many are at work already; the end of the chain in words.
    #[error("fragments nest too deep: {0}")]
    Depth(String),
}

/// The step of a page of `service`. It has no slash, as fragments' have, so that none is taken for the other.
pub fn page_step(service: &str) -> String {
    service.replace('/', " ")
}

/// The step of the fragment `reference` of `service`.
pub fn fragment_step(service: &str, reference: &str) -> String {
    format!("{service}/{reference}")
}

/// Whether the fragment whose step is `own` may follow on `chain`, where `max` may be at work at most.
pub fn check(chain: &[String], own: &str, max: usize) -> Result<(), CallChainError> {
    if chain.iter().any(|step| step == own) {
        Err(CallChainError::Circle(shown(chain, own, max)))
    } else if chain.len() >= max {
        Err(CallChainError::Depth(shown(chain, own, max)))
    } else {
        Ok(())
    }
}

/// The end of the chain: a peer wrote it, and may have written much.
fn shown(chain: &[String], own: &str, max: usize) -> String {
    let last = chain.iter().rev().take(max).rev().map(String::as_str);
    let steps: Vec<_> = last
        .chain([own])
        .map(|step| cut_to(step, MAX_STEP_CHARS))
        .collect();
    steps.join(" > ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(chain: &[&str], own: &str) -> Result<(), CallChainError> {
        let chain: Vec<_> = chain.iter().map(|&step| step.to_owned()).collect();
        check(&chain, own, 3)
    }

    #[test]
    fn a_circle_is_one_fragment_twice() {
        let circle = CallChainError::Circle("shop > a/x > b/y > a/x".to_owned());
        assert_eq!(checked(&["shop", "a/x", "b/y"], "a/x"), Err(circle));
        assert_eq!(checked(&["shop"], "shop/menu"), Ok(()), "a page's own fragment");
        assert_eq!(checked(&["shop", "a/x"], "a/z"), Ok(()), "another fragment");
        assert_ne!(page_step("a/x"), fragment_step("a", "x"));
    }

    #[test]
    fn depth_has_its_own_reason() {
        let depth = CallChainError::Depth("s > a/x > b/y > c/z".to_owned());
        assert_eq!(checked(&["s", "a/x", "b/y"], "c/z"), Err(depth));
    }

    #[test]
    fn a_reason_is_short_whatever_the_trail() {
        let chain = vec!["x".repeat(10_000); 10_000];
        let reason = check(&chain, &"y".repeat(10_000), 8).expect_err("too deep");
        assert!(reason.to_string().len() < 1_000);
    }
}
