//! Where the files of a site are, as its build script says.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use super::{InputPaths, Progress, ReadError, build_script, read_with};
use crate::input::{Input, Options};

/// Where the files of a site are, and what its build script states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SitePaths {
    /// The folder of its templates.
    pub templates: PathBuf,
    /// The folder with the contracts of other services.
    pub contracts: Option<PathBuf>,
    /// The folder with the Rust files of the application.
    pub rust: Option<PathBuf>,
    /// The settings file that the build script names.
    pub settings: Option<PathBuf>,
    /// What the build script states.
    pub options: Options,
}

impl SitePaths {
    /// Reads from the `build.rs` in `folder` where the crate has its templates. Returns `None` if the folder has no `build.rs`, if that
    /// file does not state the folder of templates as a literal string, or if the stated folder does not exist.
    #[must_use]
    pub fn of_crate(folder: &Path) -> Option<Self> {
        let text = fs::read_to_string(folder.join("build.rs")).ok()?;
        let script = build_script::read(&text)?;
        let within = |inner: &str| without_parents(&folder.join(inner));
        let templates = within(&script.templates);
        let rust = within(script.rust.as_deref().unwrap_or("src"));
        templates.is_dir().then(|| Self {
            templates,
            contracts: script.contracts.as_deref().map(within),
            rust: rust.is_dir().then_some(rust),
            settings: script.settings.as_deref().map(within),
            options: script.options,
        })
    }

    /// Reads all files of the site, as its build script does.
    ///
    /// # Errors
    /// As [`read`](super::read()).
    pub fn input(&self) -> Result<Input, ReadError> {
        let places = InputPaths {
            templates: vec![self.templates.clone()],
            contracts: self.contracts.clone(),
            rust: self.rust.clone(),
        };
        let options = self.options.clone();
        read_with(&places, self.settings.as_deref(), options, &Progress::default())
    }
}

/// A path without `..` and a leading `.`, as editors write the paths of files.
pub(crate) fn without_parents(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    if plain.as_os_str().is_empty() {
        plain.push(".");
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_is_read_as_its_build_script_says() {
        let folder = tempfile::tempdir().expect("a folder");
        let within = |name: &str| folder.path().join(name);
        let write = |name: &str, text: &str| fs::write(within(name), text).expect("written");
        assert_eq!(SitePaths::of_crate(folder.path()), None);
        write(
            "build.rs",
            "fn main() { hydra_compile::Build::new(\"pages\").service(\"shop\").run_or_exit(); }",
        );
        assert_eq!(
            SitePaths::of_crate(folder.path()),
            None,
            "the folder is not there"
        );
        for name in ["pages", "src"] {
            fs::create_dir(within(name)).expect("made");
        }
        write("pages/index.html", "<h1>{{ title }}</h1>");
        write(
            "src/main.rs",
            "#[derive(Page)] #[page(template = \"index.html\")] struct Home { title: String }",
        );
        let paths = SitePaths::of_crate(folder.path()).expect("a site");
        assert_eq!(
            (paths.templates.clone(), paths.rust.clone()),
            (within("pages"), Some(within("src")))
        );
        let input = paths.input().expect("it can be read");
        assert_eq!((input.templates, input.sources.len()), (1, 2));
        assert_eq!(input.options.service.as_deref(), Some("shop"));
    }
}
