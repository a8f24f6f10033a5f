//! An application as a new user writes it, from the README, the guide and the documentation of the crates: in a folder of its own it
//! builds, and its own tests pass.
//!
//! It has a list, an article by its path, a search by query, a layout, an include, a component, a loop with a fragment for each turn,
//! a state, a session, a nested axum router, layers, an error page and a filter of its own.

use hydra_tests::{Copy, workspace};

#[test]
fn an_application_of_a_new_user_builds_and_its_tests_pass() {
    let copy = Copy::of_workspace(&["magazine"]);
    copy.add("magazine", &workspace().join("fixtures/magazine"));
    let output = copy.cargo("test", &[]);
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("test result: ok. 6 passed"), "{said}");
    assert!(!said.contains("warning"), "{said}");
}
