//! The installation that a new service is added to.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use crate::Stop;

/// The folder of the services in an installation.
pub(super) const SERVICES: &str = "services";
/// How many folders upwards an installation is looked for.
const MAX_FOLDERS_UP: usize = 64;
/// The largest manifest that is read, in bytes.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;
/// What the manifest of a new service takes from that of the installation.
const INHERITED: [(&str, &[&str]); 2] = [
    ("package", &["version", "edition", "publish"]),
    (
        "dependencies",
        &["hydra-compile", "hydra-runtime", "serde", "tokio"],
    ),
];

/// The root of the installation that contains `folder`.
///
/// # Errors
/// There is none, or it has no place for another service. The text says what to do.
pub(super) fn find(folder: &Path) -> Result<PathBuf, Stop> {
    for root in folder.ancestors().take(MAX_FOLDERS_UP) {
        let manifest = root.join("Cargo.toml");
        let Some(text) = read(&manifest)? else {
            continue;
        };
        let unusable = |reason: String| Stop(format!("`{}`: {reason}", manifest.display()));
        let table: Table = text
            .parse()
            .map_err(|error: toml::de::Error| unusable(error.message().to_owned()))?;
        if let Some(workspace) = table.get("workspace") {
            check(workspace).map_err(unusable)?;
            return Ok(root.to_owned());
        }
    }
    Err(Stop(format!(
        "`{}` is not in an installation: go into the folder that `hydra new NAME` made",
        folder.display()
    )))
}

/// The text of a manifest. `None`: there is none.
fn read(manifest: &Path) -> Result<Option<String>, Stop> {
    let failed = |error: io::Error| Stop(format!("cannot read {}: {error}", manifest.display()));
    match fs::metadata(manifest) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(error)),
        Ok(found) if !found.is_file() || found.len() > MAX_MANIFEST_BYTES => Ok(None),
        Ok(_) => fs::read_to_string(manifest).map(Some).map_err(failed),
    }
}

/// Checks that a workspace takes a new service. An error is a sentence.
fn check(workspace: &Value) -> Result<(), String> {
    let members = workspace.get("members").and_then(Value::as_array);
    let all = format!("{SERVICES}/*");
    if !members.is_some_and(|members| members.iter().any(|member| member.as_str() == Some(&all))) {
        return Err(format!(
            "the workspace has no members `\"{all}\"`, where `hydra new --service` adds a service: add them, or go into the folder that \
             `hydra new NAME` made"
        ));
    }
    for (table, names) in INHERITED {
        let lacks = |name: &&str| workspace.get(table).and_then(|table| table.get(name)).is_none();
        if let Some(missing) = names.iter().copied().find(lacks) {
            return Err(format!(
                "`[workspace.{table}]` lacks `{missing}`, which the new service takes from there"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[workspace]\nmembers = [\"tools\", \"services/*\"]\n[workspace.package]\nversion = \"1.0.0\"\nedition = \"2024\"\n\
        publish = false\n[workspace.dependencies]\nhydra-compile = \"1\"\nhydra-runtime = \"1\"\nserde = \"1\"\ntokio = \"1\"\n";

    /// Looks for the installation from `folder` in one with these manifests.
    fn found(manifests: &[(&str, &str)], folder: &str) -> Result<String, String> {
        let root = tempfile::tempdir().expect("a folder");
        fs::create_dir_all(root.path().join("services/site/src")).expect("folders");
        for (place, text) in manifests {
            fs::write(root.path().join(place).join("Cargo.toml"), text).expect("a file");
        }
        match find(&root.path().join(folder)) {
            Ok(found) => Ok(found
                .strip_prefix(root.path())
                .expect("inside")
                .display()
                .to_string()),
            Err(Stop(text)) => Err(text.replace(&root.path().display().to_string(), "…")),
        }
    }

    #[test]
    fn an_installation_is_found_from_each_of_its_folders() {
        let manifests = [("", GOOD), ("services/site", "[package]\nname = \"site\"\n")];
        for folder in ["", "services", "services/site", "services/site/src"] {
            assert_eq!(found(&manifests, folder), Ok(String::new()), "{folder}");
        }
    }

    #[test]
    fn a_folder_without_an_installation_is_an_error_that_says_what_to_do() {
        let without = |line: &str| GOOD.replace(line, "");
        for (text, expected) in [
            (
                without("\"services/*\""),
                "`…/Cargo.toml`: the workspace has no members `\"services/*\"`",
            ),
            (
                "[workspace]\nmembers = \"services/*\"\n".to_owned(),
                "`…/Cargo.toml`: the workspace has no members `\"services/*\"`",
            ),
            (
                without("tokio = \"1\"\n"),
                "`…/Cargo.toml`: `[workspace.dependencies]` lacks `tokio`, which the new service takes from there",
            ),
            (
                without("edition = \"2024\"\n"),
                "`…/Cargo.toml`: `[workspace.package]` lacks `edition`",
            ),
            (
                "workspace = 3\n".to_owned(),
                "`…/Cargo.toml`: the workspace has no members",
            ),
            ("[workspace\n".to_owned(), "`…/Cargo.toml`: "),
        ] {
            let error = found(&[("", &text)], "services").expect_err("no installation");
            assert!(error.starts_with(expected), "{error}");
        }
        let error = found(&[("", "[package]\nname = \"x\"\n")], "services/site").expect_err("none");
        assert_eq!(
            error,
            "`…/services/site` is not in an installation: go into the folder that `hydra new NAME` made"
        );
    }
}
