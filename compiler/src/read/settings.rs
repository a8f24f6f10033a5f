//! The `[compile]` table of `hydra.toml` (design section 3.3).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use hydra_contract::{service_name, settings_file::SettingsProblem};
use serde::Deserialize;

use super::{ReadError, SETTINGS, beside};
use crate::input::Options;

/// All of the file that is the compiler's.
#[derive(Default, Deserialize)]
struct Settings {
    #[serde(default)]
    compile: Compile,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Compile {
    service: Option<String>,
    #[serde(default)]
    functions: Vec<String>,
    #[serde(default)]
    filters: Vec<String>,
    #[serde(default)]
    tests: Vec<String>,
}

/// `options` with what the settings at `named`, or else those beside the templates, add. A service named in `options` wins.
pub(super) fn complete(
    mut options: Options,
    named: Option<&Path>,
    templates: Option<&Path>,
) -> Result<Options, ReadError> {
    let settings = match named {
        Some(path) => Some(read_named(path)?),
        None => templates.map(read).transpose()?.flatten(),
    };
    let settings = settings.unwrap_or_default();
    options.service = options.service.or(settings.service);
    if let Some(name) = &options.service {
        service_name::check(name).map_err(|fault| ReadError::BadService(name.clone(), fault))?;
    }
    options.functions.extend(settings.functions);
    options.filters.extend(settings.filters);
    options.tests.extend(settings.tests);
    Ok(options)
}

/// Where settings for these templates may stand: in their folder, or beside it.
pub(super) fn candidates(templates: &Path) -> Vec<PathBuf> {
    if templates.as_os_str() == "-" {
        return Vec::new();
    }
    let mut places = vec![beside(templates, SETTINGS)];
    if templates.is_dir() {
        places.insert(0, templates.join(SETTINGS));
    }
    places
}

fn read(templates: &Path) -> Result<Option<Compile>, ReadError> {
    for path in candidates(templates) {
        match fs::read_to_string(&path) {
            Ok(text) => return parse(&path, &text).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(ReadError::Unreadable(path, error)),
        }
    }
    Ok(None)
}

fn read_named(path: &Path) -> Result<Compile, ReadError> {
    match fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(ReadError::Missing(path.to_owned())),
        Err(error) => Err(ReadError::Unreadable(path.to_owned(), error)),
    }
}

fn parse(path: &Path, text: &str) -> Result<Compile, ReadError> {
    let settings = table(text).map_err(|problem| ReadError::Settings(path.to_owned(), Box::new(problem)))?;
    Ok(settings.compile)
}

/// What is wrong with the `[compile]` table of the file `text`, or with the file as TOML.
pub(super) fn problem(text: &str) -> Option<SettingsProblem> {
    table(text).err()
}

fn table(text: &str) -> Result<Settings, SettingsProblem> {
    // TOML's own message would show the line, which may contain a secret of another program.
    toml::from_str(text).map_err(|error| SettingsProblem::new(text, error.message(), error.span()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_one_and_no_line_is_shown() {
        for (text, expected) in [
            (
                "[compile]\nfilers = ['a']",
                "line 2, column 1: unknown key `filers`; did you mean `filters`?",
            ),
            (
                "[compile]\nzzz = 1",
                "line 2, column 1: unknown key `zzz`; the keys here are `service`, `functions`, `filters`, `tests`",
            ),
            (
                "[compile]\ntests = 1",
                "line 2, column 9: invalid type: integer `1`, expected a sequence",
            ),
        ] {
            assert_eq!(
                problem(text).map(|problem| problem.to_string()).as_deref(),
                Some(expected),
                "{text}"
            );
        }
        for text in ["private_key = s3cret", "private_key = 's3cret", "s3cret"] {
            let problem = problem(text).expect(text).to_string();
            assert!(
                problem.starts_with("line 1") && !problem.contains("s3cret"),
                "{problem}"
            );
        }
        assert_eq!(
            problem("private_key = 's3cret'\n[app]\nx = 1"),
            None,
            "other programs check their own tables"
        );
    }

    #[test]
    fn a_name_that_no_service_can_have_is_refused() {
        for (name, expected) in [
            ("orderService", None),
            ("Café 2", None),
            (
                "a/b",
                Some(
                    "`a/b` can't be the name of this service: the name holds '/', which cannot stand in a service's name",
                ),
            ),
            (
                "{a}",
                Some(
                    "`{a}` can't be the name of this service: the name holds '{', which cannot stand in a service's name",
                ),
            ),
            (
                " a",
                Some("` a` can't be the name of this service: the name begins or ends with a space"),
            ),
            (
                "self",
                Some(
                    "`self` can't be the name of this service: the name means something else in a path or in a template",
                ),
            ),
        ] {
            let options = Options {
                service: Some(name.to_owned()),
                ..Options::default()
            };
            let fault = complete(options, None, None).err().map(|error| error.to_string());
            assert_eq!(fault.as_deref(), expected);
        }
    }
}
