//! The call chain: the page and the fragments that request each other, outermost first. It ends circles, and bounds
//! nesting.
//!
//! Each page and each fragment appends its own step, and passes the chain on with its requests. The gateway appends
//! nothing: it only refuses what the service would refuse.
#![deny(clippy::disallowed_methods)]

use crate::{limits::MAX_STEP_CHARS, lines::cut_to};

/// Why a fragment is not requested.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CallChainError {
    /// The fragment is in the chain already. Holds the circle in words.
    #[error("fragments ask for each other in a circle: {0}")]
    Circle(String),
    /// The chain is too long. Holds its end in words.
    #[error("fragments nest too deep: {0}")]
    Depth(String),
}

/// The step of a page of `service`. It contains no slash, unlike a fragment's step, so that the two can't be
/// confused.
pub fn page_step(service: &str) -> String {
    service.replace('/', " ")
}

/// The step of the fragment `reference` of `service`.
pub fn fragment_step(service: &str, reference: &str) -> String {
    format!("{service}/{reference}")
}

/// Checks whether the fragment with the step `own` may follow on `chain`, which may have `max` steps at most.
pub fn check(chain: &[String], own: &str, max: usize) -> Result<(), CallChainError> {
    if chain.iter().any(|step| step == own) {
        Err(CallChainError::Circle(shown(chain, own, max)))
    } else if chain.len() >= max {
        Err(CallChainError::Depth(shown(chain, own, max)))
    } else {
        Ok(())
    }
}

/// The same for the fragment `reference` of `service`. Its step is written only if the fragment is refused.
pub fn check_fragment(
    chain: &[String],
    service: &str,
    reference: &str,
    max: usize,
) -> Result<(), CallChainError> {
    let is_own = |step: &String| {
        let rest = step.strip_prefix(service).and_then(|rest| rest.strip_prefix('/'));
        rest == Some(reference)
    };
    match chain.len() >= max || chain.iter().any(is_own) {
        true => check(chain, &fragment_step(service, reference), max),
        false => Ok(()),
    }
}

/// The end of the chain, shortened: a peer wrote it, and may have written much.
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
    fn a_fragment_is_checked_as_its_step_is() {
        for chain in [
            &[][..],
            &["shop"],
            &["a/x"],
            &["shop", "a/x/y"],
            &["a", "/x", "a/"],
            &["s", "a/x", "b/y"],
            &["s", "b/y", "c/z"],
            &["s", "b/y", "c/z", "a/x"],
        ] {
            let chain: Vec<_> = chain.iter().map(|&step| step.to_owned()).collect();
            for (service, reference) in [
                ("a", "x"),
                ("a", "x/y"),
                ("a/x", "y"),
                ("", "x"),
                ("a", ""),
                ("shop", "x"),
            ] {
                assert_eq!(
                    check_fragment(&chain, service, reference, 3),
                    check(&chain, &fragment_step(service, reference), 3),
                    "{chain:?} {service} {reference}"
                );
            }
        }
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
