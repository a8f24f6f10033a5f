//! The messages of rustc in what cargo says, as JSON, of a build.

use std::{collections::BTreeSet, path::Path};

use serde_json::Value;

/// What cargo said of a build.
#[derive(Debug, Default)]
pub(crate) struct Said {
    /// In the order in which it was said.
    pub(crate) messages: Vec<Message>,
    /// The targets that were built: package and name.
    pub(crate) built: BTreeSet<(String, String)>,
}

/// An error or a warning.
#[derive(Debug)]
pub(crate) struct Message {
    /// What the user reads, less what depends on the machine.
    pub(crate) text: String,
    /// The file of its place.
    pub(crate) file: String,
    /// The text at its place.
    pub(crate) at: String,
    pub(crate) is_error: bool,
}

impl Said {
    /// Reads the output of `cargo build --message-format json` in `folder`.
    pub(crate) fn read(output: &[u8], folder: &Path) -> Self {
        let mut said = Said::default();
        for line in output.split(|byte| *byte == b'\n') {
            let Ok(line) = serde_json::from_slice::<Value>(line) else {
                continue;
            };
            match line["reason"].as_str() {
                Some("compiler-artifact") => {
                    said.built.insert((package(&line), text(&line["target"]["name"])));
                }
                Some("compiler-message") => {
                    said.messages.extend(message(&line["message"], folder));
                }
                _ => {}
            }
        }
        said
    }
}

/// The name of the package: its folder in an id such as `path+file:///folder/site#bindings-site@0.1.0`.
fn package(line: &Value) -> String {
    let id = line["package_id"].as_str().unwrap_or_default();
    let name = id.rsplit('#').next().unwrap_or_default();
    name.split('@').next().unwrap_or_default().to_owned()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// `None` for what only sums up: "aborting due to 2 previous errors".
fn message(value: &Value, folder: &Path) -> Option<Message> {
    let spans = value["spans"].as_array()?;
    let primary = spans.iter().find(|span| span["is_primary"] == true)?;
    let line = &primary["text"][0];
    let number = |value: &Value| value.as_u64().unwrap_or(1).saturating_sub(1) as usize;
    let (start, end) = (number(&line["highlight_start"]), number(&line["highlight_end"]));
    let at = text(&line["text"])
        .chars()
        .skip(start)
        .take(end - start)
        .collect();
    Some(Message {
        text: normal(value["rendered"].as_str()?, folder),
        file: text(&primary["file_name"]),
        at,
        is_error: value["level"] == "error",
    })
}

/// Notes about types whose names rustc writes to a file of its own, because they are long.
const LONG_TYPES: [&str; 2] = [
    "= note: the full name for the type has been written to",
    "= note: consider using `--verbose` to print the full type name",
];

/// A message without what depends on the machine, or on lines of files that are none of the user's.
fn normal(rendered: &str, folder: &Path) -> String {
    let folder = format!("{}/", folder.display());
    let mut lines = Vec::new();
    // Whether the lines of a foreign file follow, or a list of types that depends on all crates there are.
    let (mut foreign, mut types) = (false, false);
    for line in rendered.lines() {
        let line = line.replace(&folder, "");
        if LONG_TYPES.iter().any(|note| line.contains(note)) {
            continue;
        }
        types = line.contains("the following other types implement trait")
            || (types && line.starts_with("         "));
        if types {
            continue;
        }
        let place = ["--> ", "::: "].iter().find_map(|arrow| {
            let (before, path) = line.split_once(arrow)?;
            before.trim().is_empty().then_some((*arrow, path))
        });
        match place {
            Some((arrow, path)) => {
                foreign = path.starts_with('/');
                if foreign {
                    let file = path.rsplit('/').next().unwrap_or_default();
                    let file = file.split(':').next().unwrap_or_default();
                    lines.push(format!("  {arrow}…/{file}"));
                    continue;
                }
            }
            // The lines of a file that are shown begin with a number or a bar.
            None if foreign => {
                let start = line.trim_start();
                let shown = start.starts_with(|first: char| first.is_ascii_digit() || first == '|');
                if shown || start.starts_with("...") {
                    continue;
                }
                foreign = false;
            }
            None => {}
        }
        lines.push(line.trim_end().to_owned());
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n") + "\n\n"
}
