//! `Build`: the compiler for build scripts.

/// The error of a template folder that is not there, with the one in the same place whose name is likely meant.
fn missing_folder(templates: PathBuf) -> ReadError {
    let at = env::current_dir().unwrap_or_default();
    let folder = at.join(&templates);
    let parent = folder.parent().unwrap_or(&at).to_owned();
    let entries = std::fs::read_dir(&parent).into_iter().flatten().flatten();
    let folders = entries.filter(|entry| entry.path().is_dir());
    let names: Vec<String> = folders
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    let wanted = templates.file_name().unwrap_or_default().to_string_lossy();
    let near = nearest(&wanted, names.iter().map(String::as_str));
    let usual = names.iter().map(String::as_str).find(|name| *name == "templates");
    let help = near
        .or(usual)
        .map(|name| format!(". Did you mean `{}`?", templates.with_file_name(name).display()));
    ReadError::NoTemplateFolder(templates, parent, help.unwrap_or_default())
}

#[cfg(test)]
mod tests;

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use crate::{
    compile,
    input::{Input, Options},
    problem::Severity,
    read::{self, InputPaths, Progress, ReadError},
    report::{self, Findings, Format, ReportStyle},
    suggest::nearest,
};

/// The width of a report in the output of `cargo build`, which indents it.
const WIDTH: usize = 100;

/// Checks the templates of a crate in its build script, and leaves what `hydra_runtime::app!()` needs.
///
/// ```no_run
/// hydra_compile::Build::new("templates").contracts("contracts").run_or_exit();
/// ```
#[derive(Clone, Debug)]
pub struct Build {
    templates: PathBuf,
    contracts: Option<PathBuf>,
    rust: PathBuf,
    settings: Option<PathBuf>,
    options: Options,
}

/// The reason why a build stops.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A file or folder can't be read.
    #[error("hydra: {0}")]
    Read(#[from] ReadError),
    /// The templates have problems. The text is the whole report.
    #[error("\n{0}")]
    Problems(String),
    /// The result can't be written.
    #[error("hydra: can't write `{}`: {}", .0.display(), .1)]
    Write(PathBuf, #[source] io::Error),
    /// Cargo did not say where results go.
    #[error("hydra: `OUT_DIR` is not set: call this from a build script, build.rs")]
    NoOutDir,
}

impl Build {
    /// A build of the templates in this folder, which must exist. The path is relative to the crate's folder.
    #[must_use]
    pub fn new(templates: impl Into<PathBuf>) -> Self {
        let rust = PathBuf::from("src");
        Self {
            templates: templates.into(),
            contracts: None,
            rust,
            settings: None,
            options: Options::default(),
        }
    }

    /// Adds the contracts of other services: a folder of JSON files, one for each service.
    #[must_use]
    pub fn contracts(mut self, folder: impl Into<PathBuf>) -> Self {
        self.contracts = Some(folder.into());
        self
    }

    /// Reads the table `[compile]` of this settings file, which must exist. Name the file when the build needs its settings, such as
    /// the filters and functions that the application adds.
    ///
    /// Without this, a `hydra.toml` in or beside the template folder is read if it exists. Cargo can't watch a file that does not
    /// exist, so that a file added later takes effect only once something else has changed.
    #[must_use]
    pub fn settings(mut self, file: impl Into<PathBuf>) -> Self {
        self.settings = Some(file.into());
        self
    }

    /// Sets the name of this service, so that `service="<name>"` in a template means the service itself.
    #[must_use]
    pub fn service(mut self, name: impl Into<String>) -> Self {
        self.options.service = Some(name.into());
        self
    }

    /// Names the Tera functions that the application registers, so that templates may call them.
    #[must_use]
    pub fn functions<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.options.functions.extend(names.into_iter().map(Into::into));
        self
    }

    /// Names the Tera filters that the application registers, so that templates may use them.
    #[must_use]
    pub fn filters<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.options.filters.extend(names.into_iter().map(Into::into));
        self
    }

    /// Names the Tera tests that the application registers, so that templates may use them.
    #[must_use]
    pub fn tests<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.options.tests.extend(names.into_iter().map(Into::into));
        self
    }

    /// With the Rust files of the application in another folder than `src`.
    #[must_use]
    pub fn source_folder(mut self, folder: impl Into<PathBuf>) -> Self {
        self.rust = folder.into();
        self
    }

    /// Checks the templates and writes the results to `OUT_DIR`. Warnings, and the files that cargo has to watch, go to cargo through
    /// standard output.
    ///
    /// # Errors
    /// When the templates have errors, or something can't be read or written. Nothing is printed then, because cargo would show it
    /// above the report.
    pub fn run(&self) -> Result<(), BuildError> {
        let out = env::var_os("OUT_DIR")
            .map(PathBuf::from)
            .ok_or(BuildError::NoOutDir)?;
        for line in self.run_into(
            &out,
            wants_color(&|name| env::var(name).ok(), cargo_has_terminal()),
        )? {
            println!("{line}");
        }
        Ok(())
    }

    /// Calls [`Build::run`]. On an error it prints the report to standard error and ends the build with status 1.
    pub fn run_or_exit(&self) {
        if let Err(error) = self.run() {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }

    /// Checks, writes to `out`, and says the lines for cargo.
    fn run_into(&self, out: &Path, color: bool) -> Result<Vec<String>, BuildError> {
        let rust = self.rust.is_dir().then(|| self.rust.clone());
        let places = InputPaths {
            templates: vec![self.templates.clone()],
            contracts: self.contracts.clone(),
            rust,
        };
        if !self.templates.is_dir() {
            let templates = self.templates.clone();
            let exists = templates.exists();
            return Err(if exists {
                ReadError::NoFolder(templates)
            } else {
                missing_folder(templates)
            }
            .into());
        }
        let settings = self.settings.as_deref();
        let input = read::read_with(&places, settings, self.options.clone(), &Progress::default())?;
        let compiled = compile(&input);
        let Some(site) = &compiled.site else {
            let findings = Findings {
                problems: &compiled.problems,
                sources: &input.sources,
                templates: input.templates,
            };
            let style = ReportStyle {
                width: WIDTH,
                color,
                unicode: true,
            };
            return Err(BuildError::Problems(report::render(
                findings,
                Format::Human,
                style,
            )));
        };
        for (name, text) in compile::artifacts(site) {
            write_if_changed(&out.join(name), &text)?;
        }
        let warnings = compiled
            .problems
            .iter()
            .filter(|problem| problem.code.severity() == Severity::Warning);
        let warnings =
            warnings.map(|problem| format!("cargo::warning={}", report::line(problem, &input.sources)));
        Ok(self
            .watched(&input)
            .map(|path| format!("cargo::rerun-if-changed={path}"))
            .chain(warnings)
            .collect())
    }

    /// What makes the next build run again: the folders, settings, and the Rust files with types that matter. Not all of
    /// `src`, since that would run it after every edit. What is not there is left out: cargo takes it as changed.
    fn watched(&self, input: &Input) -> impl Iterator<Item = String> {
        let folders = [Some(self.templates.clone()), self.contracts.clone()]
            .into_iter()
            .flatten();
        let settings = match &self.settings {
            Some(named) => vec![named.clone()],
            None => read::settings_files(&self.templates),
        };
        let after_contracts = input.templates..input.sources.len();
        let rust = input.sources.get(after_contracts).unwrap_or_default().iter();
        let rust = rust
            .map(|source| source.path.clone())
            .filter(|path| read::is_rust(path));
        let paths: Vec<PathBuf> = folders.chain(settings).chain(rust).collect();
        paths.into_iter().map(|path| path.display().to_string())
    }
}

fn write_if_changed(path: &Path, text: &str) -> Result<(), BuildError> {
    if fs::read(path).is_ok_and(|old| old == text.as_bytes()) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| BuildError::Write(path.to_owned(), error))
}

/// Whether the report has colours. A build script's output is a pipe, so that only cargo's own terminal and what the
/// environment says can tell.
fn wants_color(variable: &dyn Fn(&str) -> Option<String>, terminal: bool) -> bool {
    let set = |name: &str| variable(name).filter(|value| !value.is_empty());
    match set("CARGO_TERM_COLOR").as_deref() {
        Some("always") => true,
        Some("never") => false,
        _ if set("NO_COLOR").is_some() => false,
        _ if set("CLICOLOR_FORCE").is_some_and(|value| value != "0") => true,
        _ => terminal,
    }
}

/// Whether cargo, which started this build script, writes its errors to a terminal.
#[cfg(target_os = "linux")]
fn cargo_has_terminal() -> bool {
    let parent = std::os::unix::process::parent_id();
    let target = fs::read_link(format!("/proc/{parent}/fd/2")).unwrap_or_default();
    target.starts_with("/dev/pts/") || target.starts_with("/dev/tty")
}

/// Other systems don't tell what another process writes to.
#[cfg(not(target_os = "linux"))]
fn cargo_has_terminal() -> bool {
    false
}
