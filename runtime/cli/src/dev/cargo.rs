//! Asks cargo what packages there are.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anstream::adapter::strip_str;
use serde::Deserialize;

use super::Stop;

/// What `cargo metadata` prints, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) packages: Vec<Package>,
    pub(super) workspace_root: PathBuf,
}

/// A package of a workspace.
#[derive(Debug, Deserialize)]
pub(super) struct Package {
    pub(super) name: String,
    manifest_path: PathBuf,
    #[serde(default)]
    default_run: Option<String>,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Dependency {
    name: String,
    #[serde(default)]
    kind: Option<String>,
    #[serde(default)]
    path: Option<PathBuf>,
}

impl Package {
    pub(super) fn folder(&self) -> &Path {
        self.manifest_path.parent().unwrap_or(&self.manifest_path)
    }

    fn programs(&self) -> impl Iterator<Item = &str> {
        let targets = self.targets.iter();
        targets
            .filter(|target| target.kind.iter().any(|kind| kind == "bin"))
            .map(|target| &*target.name)
    }

    /// Whether it is a service: it has a program, and its build script checks templates.
    pub(super) fn is_service(&self) -> bool {
        let is_compiler =
            |one: &Dependency| one.name == "hydra-compile" && one.kind.as_deref() == Some("build");
        self.programs().next().is_some() && self.dependencies.iter().any(is_compiler)
    }

    /// The program of the service. The error says that the package must name one of several.
    pub(super) fn program(&self) -> Result<&str, String> {
        let programs: Vec<&str> = self.programs().collect();
        let wanted = self.default_run.as_deref().unwrap_or(&self.name);
        match programs[..] {
            [only] => Ok(only),
            _ => programs.iter().find(|name| **name == wanted).copied().ok_or_else(|| {
                format!(
                    "the package `{}` has the programs `{}`: name that of the service with `default-run` in its Cargo.toml",
                    self.name,
                    programs.join("`, `")
                )
            }),
        }
    }

    /// The folders of the packages by path that it is built with.
    pub(super) fn path_dependencies(&self) -> impl Iterator<Item = &Path> {
        let built = self
            .dependencies
            .iter()
            .filter(|one| one.kind.as_deref() != Some("dev"));
        built.filter_map(|one| one.path.as_deref())
    }
}

/// The packages of the workspace with this manifest.
///
/// # Errors
/// What cargo says.
pub(super) fn metadata(manifest: &Path) -> Result<Metadata, Stop> {
    let failed = |reason: &str| Stop(format!("cargo can't read `{}`: {reason}", manifest.display()));
    let output = command()
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--manifest-path",
        ])
        .arg(manifest)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Stop(format!("can't run cargo, which builds the services: {error}")))?;
    if !output.status.success() {
        return Err(failed(
            strip_str(&String::from_utf8_lossy(&output.stderr))
                .to_string()
                .trim(),
        ));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(&error.to_string()))
}

/// The cargo that runs this program, or else the one in the path.
pub(super) fn command() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}
