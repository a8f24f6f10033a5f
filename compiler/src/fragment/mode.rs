//! `mode`: when and how a fragment comes to the browser. A fragment that comes after the page can't export to it.

use hydra_contract::Mode;

use super::{Fragment, SeenAttributes, TagReader, short, text};
use crate::{
    parse::TagAttribute,
    problem::{Code, Problem},
    suggest::nearest,
};

const MODES: [(&str, Mode); 3] = [
    ("inline", Mode::Inline),
    ("deferred", Mode::Deferred),
    ("lazy", Mode::Lazy),
];

/// Reads the value of `mode`.
pub(super) fn read(reader: &mut TagReader<'_>, attribute: &TagAttribute) -> Mode {
    const HELP: &str = "write `inline`, `deferred` or `lazy`";
    let Some(decoded) = text::fixed(reader, attribute, Code::BadName, HELP) else {
        return Mode::Inline;
    };
    let name = decoded.text.trim();
    if let Some((_, mode)) = MODES.iter().find(|(known, _)| *known == name) {
        return *mode;
    }
    let help = match nearest(name, MODES.map(|(name, _)| name)) {
        Some(near) => format!("write `mode=\"{near}\"`"),
        None => HELP.into(),
    };
    let message = format!("`{}` is not a mode", short(name));
    let span = decoded.span(0, decoded.text.len());
    reader.report(Code::BadName, message, span, "not a mode", help);
    Mode::Inline
}

/// The mode as tags spell it.
pub(crate) fn mode_name(mode: Mode) -> &'static str {
    MODES
        .iter()
        .find_map(|(name, known)| (*known == mode).then_some(*name))
        .unwrap_or_default()
}

/// Reports what the page would have to wait for, where the fragment comes after the page.
pub(super) fn check(reader: &mut TagReader<'_>, fragment: &Fragment, seen: &SeenAttributes<'_>) {
    if fragment.mode == Mode::Inline {
        return;
    }
    let name = mode_name(fragment.mode);
    let given = [
        (
            "exports",
            "the page would wait for these",
            !fragment.exports.is_empty(),
        ),
        ("required", "the page would wait for it", fragment.required),
    ];
    let given: Vec<_> = given.into_iter().filter(|(_, _, is_given)| *is_given).collect();
    let (Some(mode), false) = (seen.get("mode"), given.is_empty()) else {
        return;
    };
    let names: Vec<_> = given.iter().map(|(name, ..)| format!("`{name}`")).collect();
    let names = names.join(" and ");
    let message = format!("a `{name}` fragment comes after the page, and can't have {names}");
    let label = "comes after the page";
    let mut problem = Problem::new(Code::ModeConflict, message, mode.at(reader.source), label);
    for (name, label, _) in given {
        if let Some(span) = seen.get(name) {
            problem = problem.label(span.at(reader.source), label);
        }
    }
    let help = format!("leave {names} out, or write `mode=\"inline\"`");
    reader.problems.push(problem.help(help));
}
