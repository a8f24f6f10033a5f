//! The files of a new installation and of a new service.
#![deny(clippy::disallowed_methods)]

use super::{crates::Crates, names::ServiceNames};

/// A file: its path in the new folder, with `/`, and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewFile {
    pub(super) path: String,
    pub(super) text: String,
}

const PACKAGE: &str = include_str!("service/package.toml");
const BUILD: &str = include_str!("service/build.rs");
const BUILD_WITH_CONTRACTS: &str = include_str!("service/build_with_contracts.rs");

/// The files of the installation `name`.
pub(super) fn installation(name: &str, crates: &Crates) -> Vec<NewFile> {
    let dependencies = crates.dependencies();
    // Neither is filled into the other, whatever they contain.
    let fill = |text: &str| {
        let parts = text.split("@hydra@").map(|part| part.replace("@name@", name));
        parts.collect::<Vec<_>>().join(&dependencies)
    };
    let mut files: Vec<NewFile> = [
        (".gitignore", include_str!("installation/gitignore.txt")),
        ("Cargo.toml", include_str!("installation/workspace.toml")),
        ("README.md", include_str!("installation/readme.md")),
        (
            "services/site/contracts/teas.json",
            include_str!("installation/teas.json"),
        ),
        ("services/site/src/main.rs", include_str!("installation/site.rs")),
        (
            "services/site/src/tests.rs",
            include_str!("installation/site_tests.rs"),
        ),
        (
            "services/site/templates/index.html",
            include_str!("installation/site.html"),
        ),
        ("services/teas/src/main.rs", include_str!("installation/teas.rs")),
        (
            "services/teas/src/tests.rs",
            include_str!("installation/teas_tests.rs"),
        ),
        (
            "services/teas/templates/teas.html",
            include_str!("installation/teas.html"),
        ),
    ]
    .map(|(path, text)| NewFile {
        path: path.to_owned(),
        text: fill(text),
    })
    .into();
    for (service, build) in [("site", BUILD_WITH_CONTRACTS), ("teas", BUILD)] {
        let names = ServiceNames {
            service: service.to_owned(),
            package: service.to_owned(),
        };
        let package = [("Cargo.toml", PACKAGE), ("build.rs", build)];
        files.extend(package.map(|(path, text)| NewFile {
            path: format!("services/{service}/{path}"),
            text: filled(text, &names),
        }));
    }
    files
}

/// The files of a service with a page and a fragment.
pub(super) fn service(names: &ServiceNames) -> Vec<NewFile> {
    [
        ("Cargo.toml", PACKAGE),
        ("build.rs", BUILD),
        ("src/main.rs", include_str!("service/main.rs")),
        ("src/tests.rs", include_str!("service/tests.rs")),
        ("templates/index.html", include_str!("service/index.html")),
        ("templates/latest.html", include_str!("service/latest.html")),
    ]
    .map(|(path, text)| NewFile {
        path: path.to_owned(),
        text: filled(text, names),
    })
    .into()
}

fn filled(text: &str, names: &ServiceNames) -> String {
    text.replace("@service@", &names.service)
        .replace("@package@", &names.package)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_to_fill_in() {
        let names = ServiceNames::of("orderService").expect("a name");
        let crates = Crates::Git("https://git.example/hydra".to_owned());
        let files = installation("my shop", &crates)
            .into_iter()
            .chain(service(&names));
        for file in files {
            assert!(!file.text.contains('@'), "{}: {}", file.path, file.text);
            assert!(
                file.text.ends_with('\n') && !file.text.ends_with("\n\n"),
                "{}",
                file.path
            );
        }
    }

    #[test]
    fn names_and_addresses_are_not_filled_in_again() {
        let crates = Crates::Git("https://git.example/@name@".to_owned());
        let files = installation("@hydra@", &crates);
        let manifest = files
            .iter()
            .find(|file| file.path == "Cargo.toml")
            .expect("a manifest");
        assert!(
            manifest.text.starts_with("# The installation `@hydra@`. "),
            "{}",
            manifest.text
        );
        let table: toml::Table = manifest.text.parse().expect("TOML");
        let runtime = &table["workspace"]["dependencies"]["hydra-runtime"]["git"];
        assert_eq!(runtime.as_str(), Some("https://git.example/@name@"));
    }

    #[test]
    fn each_path_is_there_once() {
        let crates = Crates::Git(String::new());
        let mut paths: Vec<_> = installation("a", &crates)
            .into_iter()
            .map(|file| file.path)
            .collect();
        paths.sort();
        let count = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), count);
    }
}
