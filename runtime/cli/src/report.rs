//! Shows a problem in a settings file at its place. Of the file it shows keys only, because a value may be a secret.

use std::{
    fmt,
    io::{self, IsTerminal as _},
    path::Path,
};

use hydra_contract::settings_file::SettingsProblem;
use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use super::Stop;

/// The width of a report where it is not a terminal's.
const WIDTH: usize = 100;

/// Shows the problem of the file `path`.
pub(super) fn settings_file(path: &Path, problem: &SettingsProblem) -> Stop {
    let finding = Finding::new(path, problem);
    let theme = match io::stderr().is_terminal() {
        true => GraphicalTheme::unicode(),
        false => GraphicalTheme::unicode_nocolor(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(WIDTH)
        .with_context_lines(0);
    let mut text = String::new();
    match handler.render_report(&mut text, &finding) {
        Ok(()) => Stop(format!("{} cannot be used\n{text}", path.display())),
        Err(_) => Stop(format!("{}: {problem}", path.display())),
    }
}

/// A problem as miette shows it.
#[derive(Debug)]
struct Finding {
    message: String,
    help: Option<String>,
    source: NamedSource<String>,
    label: Option<LabeledSpan>,
}

impl Finding {
    fn new(path: &Path, problem: &SettingsProblem) -> Self {
        let place = problem.place.as_ref();
        // The shown line gets its number by the empty lines before it.
        let before = place.map_or(0, |place| place.line - 1);
        let shown = place.map_or("", |place| &place.shown);
        let label = place.map(|place| {
            LabeledSpan::new(
                Some(format!("at column {}", place.column)),
                before,
                place.shown.len(),
            )
        });
        Self {
            message: problem.message.clone(),
            help: problem.help.clone(),
            source: NamedSource::new(
                path.display().to_string(),
                format!("{}{shown}\n", "\n".repeat(before)),
            ),
            label,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Finding {}

impl Diagnostic for Finding {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.label.iter().cloned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_shows_the_key_at_its_place_and_no_value() {
        let text = "public_key = 'k'\n\nprivate_ky = 's3cret'\n";
        let message = "unknown field `private_ky`, expected `private_key` or `redis`";
        let problem = SettingsProblem::new(text, message, Some(18..28));
        let Stop(report) = settings_file(Path::new("a/hydra.toml"), &problem);
        for part in [
            "unknown key `private_ky`",
            "a/hydra.toml:3:1",
            "3 │ private_ky = …",
            "help: did you mean `private_key`?",
        ] {
            assert!(report.contains(part), "{part}\n{report}");
        }
        assert!(
            !report.contains("s3cret") && !report.contains("public_key"),
            "{report}"
        );
    }
}
