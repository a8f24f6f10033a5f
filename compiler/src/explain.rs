//! The documentation of each rule: what it reports, why that matters, a bad and a good example (design section 3.4).
#![deny(clippy::disallowed_methods)]

use crate::problem::Code;

/// A file of an example: its name and its text. Contracts have names like `contracts/orderService.json`.
pub type File = (String, String);

/// The documentation of a rule, in Markdown.
#[must_use]
pub fn text(code: Code) -> &'static str {
    code.documentation()
}

/// The rule in one line: the title of its documentation without the code.
#[must_use]
pub fn title(code: Code) -> &'static str {
    let first = text(code).lines().next().unwrap_or_default();
    first.split_once(": ").map_or(first, |(_, title)| title)
}

/// All rules, one a line: code, severity, title.
#[must_use]
pub fn list() -> String {
    let width = Code::ALL
        .iter()
        .map(|code| code.name().len())
        .max()
        .unwrap_or_default();
    let line = |code: &Code| {
        let severity = format!("{:?}", code.severity()).to_lowercase();
        format!("{:width$}  {severity:7}  {}\n", code.name(), title(*code))
    };
    Code::ALL.iter().map(line).collect()
}

/// The files of the bad example and of the good one.
#[must_use]
pub fn examples(code: Code) -> (Vec<File>, Vec<File>) {
    let text = text(code);
    (section_files(text, "## Bad"), section_files(text, "## Good"))
}

/// The fenced blocks with a file name in one section.
fn section_files(text: &str, heading: &str) -> Vec<File> {
    let mut lines = text
        .lines()
        .skip_while(|line| *line != heading)
        .skip(1)
        .take_while(|line| !line.starts_with("## "));
    let mut files = Vec::new();
    while let Some(line) = lines.next() {
        if let Some(name) = file_name(line) {
            let body: String = lines
                .by_ref()
                .take_while(|line| *line != "```")
                .map(|line| format!("{line}\n"))
                .collect();
            files.push((name.to_owned(), body));
        }
    }
    files
}

/// The name in the opening line of a block: ```` ```html file="checkout.html" ````.
fn file_name(line: &str) -> Option<&str> {
    line.strip_prefix("```")?
        .split_once("file=\"")?
        .1
        .strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_is_documented_in_the_same_order() {
        for code in Code::ALL {
            let text = text(*code);
            assert!(
                text.starts_with(&format!("# {}: ", code.name())),
                "{}: title",
                code.name()
            );
            let place = |heading: &str| {
                text.find(&format!("\n{heading}\n"))
                    .unwrap_or_else(|| panic!("{} lacks `{heading}`", code.name()))
            };
            assert!(place("## Why it matters") < place("## Bad"), "{}", code.name());
            assert!(place("## Bad") < place("## Good"), "{}", code.name());
        }
    }

    #[test]
    fn every_rule_has_both_examples_and_they_differ() {
        for code in Code::ALL {
            let (bad, good) = examples(*code);
            assert!(!bad.is_empty() && !good.is_empty(), "{}", code.name());
            assert_ne!(bad, good, "{}", code.name());
            for (name, text) in bad.iter().chain(&good) {
                assert!(
                    !text.trim().is_empty() || code.name() == "empty-value",
                    "{}: {name}",
                    code.name()
                );
            }
        }
    }

    #[test]
    fn blocks_are_read_with_their_names() {
        let text = "## Bad\n\n```html file=\"a.html\"\n<p>\n\n</p>\n```\nand\n```json file=\"contracts/b.json\"\n{}\n```\n## Good\n```text\nno file\n```\n";
        let expected = vec![
            ("a.html".to_owned(), "<p>\n\n</p>\n".to_owned()),
            ("contracts/b.json".to_owned(), "{}\n".to_owned()),
        ];
        assert_eq!(section_files(text, "## Bad"), expected);
        assert_eq!(section_files(text, "## Good"), vec![]);
    }

    #[test]
    fn the_list_has_a_line_for_each_rule() {
        assert_eq!(list().lines().count(), Code::ALL.len());
        assert!(list().starts_with("export-conflict"), "{}", list());
    }
}
