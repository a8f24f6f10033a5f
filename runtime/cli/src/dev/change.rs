//! What a changed file means for a service.
#![deny(clippy::disallowed_methods)]

use std::path::{Component, Path};

/// What is to be done after a change. A later one includes what the former ones do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Change {
    /// Browsers get the style sheets anew.
    Styles,
    /// Browsers load their pages again.
    Pages,
    /// The service starts again: it reads its list of files at the start.
    Restart,
    /// Templates or contracts: if its program depends on nothing that changed, the service gets their plan, and else it is built.
    Templates,
    /// The service is checked and built, and starts again if its program is another one.
    Build,
    /// The same, but it starts again in any case: it reads its settings at the start.
    Settings,
}

/// The folders of a package that cargo does not need for its program.
const NOT_BUILT: [&str; 3] = ["tests", "benches", "examples"];
/// The folders whose files all go into the program.
const BUILT: [&str; 1] = ["src"];
/// The usual folders of static files, all of which count.
const STATIC: [&str; 3] = ["static", "public", "assets"];
/// The endings of files that count elsewhere too. Others may be data that the service writes: a page that is loaded again after each of
/// its visits would never rest.
const SENT: [&str; 15] = [
    "js", "mjs", "wasm", "svg", "png", "jpg", "jpeg", "gif", "webp", "avif", "ico", "woff", "woff2", "ttf",
    "otf",
];
/// The folders of templates and contracts, whatever the build script names.
const TEMPLATES: [&str; 2] = ["templates", "contracts"];

/// What a change of the file at `path`, relative to the folder of a package, means for its service. `named` are the folders of
/// templates and contracts that its build script names, relative too. `None`: nothing.
pub(super) fn of_file(path: &Path, named: &[&Path]) -> Option<Change> {
    let first = path.components().next();
    let is_of_tools =
        matches!(first, Some(Component::Normal(folder)) if folder == "target" || folder == "node_modules");
    if is_of_tools || is_leftover(path) {
        return None;
    }
    let is_in = |folders: &[&str]| {
        folders
            .iter()
            .any(|folder| first == Some(Component::Normal(folder.as_ref())))
    };
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let ending = path
        .extension()
        .and_then(|ending| ending.to_str())
        .unwrap_or_default();
    let is_top = path.components().count() == 1;
    match ending.to_ascii_lowercase().as_str() {
        // The folder itself: the system lost events.
        _ if path.as_os_str().is_empty() => Some(Change::Build),
        _ if name == "hydra.toml" => Some(Change::Settings),
        _ if is_in(&TEMPLATES) || named.iter().any(|folder| path.starts_with(folder)) => {
            Some(Change::Templates)
        }
        _ if is_in(&BUILT) => Some(Change::Build),
        _ if is_in(&NOT_BUILT) => None,
        "rs" => Some(Change::Build),
        "toml" | "lock" if is_top => Some(Change::Build),
        "css" => Some(Change::Styles),
        ending if is_in(&STATIC) || SENT.contains(&ending) => Some(Change::Pages),
        _ => None,
    }
}

/// Whether a file is one that an editor leaves beside the file that it saves, or is hidden.
pub(super) fn is_leftover(path: &Path) -> bool {
    const ENDINGS: [&str; 6] = ["swp", "swx", "swo", "tmp", "bak", "orig"];
    let is_hidden = |part: Component<'_>| part.as_os_str().as_encoded_bytes().starts_with(b".");
    let name = path.file_name().unwrap_or_default();
    let ending = path.extension().and_then(|ending| ending.to_str());
    path.components().any(is_hidden)
        || name.as_encoded_bytes().ends_with(b"~")
        || name.as_encoded_bytes().starts_with(b"#")
        // Vim tries with this name whether it may write into the folder.
        || name == "4913"
        || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_leads_to_as_little_as_possible() {
        let named = [Path::new("pages"), Path::new("shared/contracts")];
        for (path, change) in [
            ("src/main.rs", Some(Change::Build)),
            ("src/words.txt", Some(Change::Build)),
            ("build.rs", Some(Change::Build)),
            ("Cargo.toml", Some(Change::Build)),
            ("Cargo.lock", Some(Change::Build)),
            ("templates/index.html", Some(Change::Templates)),
            ("templates/inline.css", Some(Change::Templates)),
            ("contracts/blog.json", Some(Change::Templates)),
            ("pages/index.html", Some(Change::Templates)),
            ("shared/contracts/blog.json", Some(Change::Templates)),
            ("", Some(Change::Build)),
            ("hydra.toml", Some(Change::Settings)),
            ("pages/hydra.toml", Some(Change::Settings)),
            ("static/site.css", Some(Change::Styles)),
            ("static/SITE.CSS", Some(Change::Styles)),
            ("static/logo.svg", Some(Change::Pages)),
            ("static/app.js", Some(Change::Pages)),
            ("web/logo.PNG", Some(Change::Pages)),
            ("static/words.txt", Some(Change::Pages)),
            ("data/list.toml", None),
            ("data/shop.sqlite-wal", None),
            ("tests/page.rs", None),
            ("tests/static/site.css", None),
            ("README.md", None),
            ("templates/.index.html.swp", None),
            ("templates/index.html~", None),
            ("templates/#index.html#", None),
            ("templates/4913", None),
            (".git/index", None),
            ("target", None),
            ("target/debug/shop", None),
            ("static/.cache/site.css", None),
        ] {
            assert_eq!(of_file(Path::new(path), &named), change, "{path}");
        }
    }
}
