#![doc = include_str!("../explain/fragment-in-capture.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    model::CaptureKind,
    problem::{Code, Problem, ProblemCollector},
};

use super::rule_input::RuleInput;

pub(super) fn check(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for tag in &input.page.tags {
        let Some((capture, how)) = tag.capture else {
            continue;
        };
        let capture_message = capture_message(how);
        let here = format!("{} stands in it", input.title(tag));
        let mut problem = Problem::new(
            Code::FragmentInCapture,
            capture_message.message,
            tag.location(),
            here,
        )
        .label(capture, capture_message.label);
        if let CaptureKind::Body(kept) = how {
            problem = problem.label(kept, "more is done with it here than to print it");
        }
        let problem = input.with_include_chain(problem, &tag.include_chain);
        problems.add(problem.help(capture_message.help));
    }
    problems.into_problems()
}

struct CaptureMessage {
    message: &'static str,
    label: &'static str,
    help: &'static str,
}

fn capture_message(how: CaptureKind) -> CaptureMessage {
    const MOVE: &str = "move the tag out: its HTML is there only after Tera has run";
    const VALUE: &str = "the HTML of a fragment can't be a value";
    let (message, label, help) = match how {
        CaptureKind::Filter => (
            "the HTML of a fragment can't be filtered",
            "its content is filtered",
            MOVE,
        ),
        CaptureKind::Variable => (
            "the HTML of a fragment can't be kept in a variable",
            "its content is kept",
            MOVE,
        ),
        CaptureKind::Super => (
            VALUE,
            "this makes a value of what `super()` prints",
            "print it alone, `{{ super() }}`: the fragment's HTML is there only after Tera has run",
        ),
        CaptureKind::Call => (
            VALUE,
            "this makes a value of what the component prints",
            "print the component alone: the fragment's HTML is there only after Tera has run",
        ),
        CaptureKind::Body(_) => (
            VALUE,
            "the component makes a value of its body",
            "print the body alone, `{{ body }}`: the fragment's HTML is there only after Tera has run",
        ),
    };
    CaptureMessage { message, label, help }
}
