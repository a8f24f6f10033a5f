//! Where a new installation finds the crates of Hydra, until they are published.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The folder of this crate, where it was built. In a clone, the root is two folders above it.
const THIS_CRATE: &str = env!("CARGO_MANIFEST_DIR");

/// The crates that an installation names, and their folders in a clone.
const CRATES: [(&str, &str); 2] = [("hydra-compile", "compiler"), ("hydra-runtime", "runtime")];

/// Where the crates are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Crates {
    /// The root of a clone, as the manifest of the installation writes it.
    Clone(String),
    /// A git address.
    Git(String),
}

impl Crates {
    /// The crates at `place`, which is a git address, or the folder of a clone, relative to `folder`. The new installation will be
    /// a folder in `folder`. An error is a sentence.
    pub(super) fn named(place: &str, folder: &Path) -> Result<Self, String> {
        if place.contains("://") {
            return Ok(Self::Git(place.to_owned()));
        }
        let path = Path::new(place);
        check_clone(&folder.join(path))?;
        match path.is_absolute() {
            true => Ok(Self::Clone(place.to_owned())),
            // As seen from the installation.
            false => Ok(Self::Clone(format!(
                "../{}",
                place.trim_start_matches("./").trim_end_matches('/')
            ))),
        }
    }

    /// The clone that this program was built from. An error is a sentence that says what to state.
    pub(super) fn of_this_build() -> Result<Self, String> {
        let root = Path::new(THIS_CRATE)
            .ancestors()
            .nth(2)
            .and_then(|root| fs::canonicalize(root).ok());
        let found = root.filter(|root| check_clone(root).is_ok());
        let text = found.and_then(|root: PathBuf| root.into_os_string().into_string().ok());
        text.map(Self::Clone).ok_or_else(|| {
            "the crates of Hydra are not published yet, and the clone that this program was built from is gone: say where they are with \
             `--hydra`, the folder of a clone or a git address"
                .to_owned()
        })
    }

    /// The lines of `[workspace.dependencies]` that name the crates.
    pub(super) fn dependencies(&self) -> String {
        let lines = CRATES.map(|(name, folder)| match self {
            Self::Clone(root) => format!("{name} = {{ path = {} }}", quoted(&format!("{root}/{folder}"))),
            Self::Git(address) => format!("{name} = {{ git = {} }}", quoted(address)),
        });
        lines.join("\n")
    }

    /// How the manifest names them, as the end of a sentence.
    pub(super) fn way(&self) -> String {
        match self {
            Self::Clone(root) => format!("path, in the clone `{root}`"),
            Self::Git(address) => format!("the git address {address}"),
        }
    }
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Checks that a folder is a clone of Hydra.
fn check_clone(root: &Path) -> Result<(), String> {
    for (name, folder) in CRATES {
        let manifest = root.join(folder).join("Cargo.toml");
        let text = fs::read_to_string(&manifest).unwrap_or_default();
        if !text.contains(&format!("name = \"{name}\"")) {
            return Err(format!(
                "`{}` is not a clone of Hydra: `{}` is missing, or is not the crate `{name}`",
                root.display(),
                manifest.display()
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A clone beside which an installation is made.
    fn beside() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, place) in CRATES {
            let place = folder.path().join("hydra").join(place);
            fs::create_dir_all(&place).expect("a folder");
            fs::write(
                place.join("Cargo.toml"),
                format!("[package]\nname = \"{name}\"\n"),
            )
            .expect("a file");
        }
        folder
    }

    #[test]
    fn a_manifest_names_the_crates_by_path_or_by_address() {
        let folder = beside();
        let absolute = folder.path().join("hydra").display().to_string();
        for (place, expected) in [
            (
                "hydra",
                "hydra-compile = { path = \"../hydra/compiler\" }\nhydra-runtime = { path = \"../hydra/runtime\" }".to_owned(),
            ),
            (
                "./hydra/",
                "hydra-compile = { path = \"../hydra/compiler\" }\nhydra-runtime = { path = \"../hydra/runtime\" }".to_owned(),
            ),
            (
                absolute.as_str(),
                format!(
                    "hydra-compile = {{ path = \"{absolute}/compiler\" }}\nhydra-runtime = {{ path = \"{absolute}/runtime\" }}"
                ),
            ),
            (
                "https://git.example/hydra",
                "hydra-compile = { git = \"https://git.example/hydra\" }\nhydra-runtime = { git = \"https://git.example/hydra\" }".to_owned(),
            ),
        ] {
            let crates = Crates::named(place, folder.path()).expect("crates");
            assert_eq!(crates.dependencies(), expected);
        }
    }

    #[test]
    fn a_folder_that_is_no_clone_is_refused() {
        let folder = beside();
        fs::create_dir_all(folder.path().join("other/compiler")).expect("a folder");
        fs::write(
            folder.path().join("other/compiler/Cargo.toml"),
            "[package]\nname = \"other\"\n",
        )
        .expect("a file");
        for place in ["none", "other", "", "hydra/compiler"] {
            let error = Crates::named(place, folder.path()).expect_err(place);
            assert!(
                error.contains("is not a clone of Hydra") && error.contains("Cargo.toml"),
                "{error}"
            );
        }
    }

    #[test]
    fn an_address_is_written_so_that_toml_reads_it() {
        let address = "https://x/\"]\nevil = 1\\";
        let text = Crates::Git(address.to_owned()).dependencies();
        let table: toml::Table = text.parse().expect("TOML");
        assert_eq!(table["hydra-runtime"]["git"].as_str(), Some(address));
        assert_eq!(table.len(), 2);
    }

    #[test]
    fn the_clone_of_this_build_is_found() {
        let Ok(Crates::Clone(root)) = Crates::of_this_build() else {
            panic!("this test runs in a clone");
        };
        assert!(Path::new(&root).join("runtime/cli").is_dir());
    }
}
