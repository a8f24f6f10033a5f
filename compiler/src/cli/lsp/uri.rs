//! File URIs of editors, and paths.

use std::path::{Path, PathBuf};

use url::Url;

/// The path of a file URI. `None`: it is not one.
pub(super) fn path(uri: &str) -> Option<PathBuf> {
    let url = Url::parse(uri).ok()?;
    (url.scheme() == "file")
        .then(|| url.to_file_path().ok())
        .flatten()
}

/// The URI of a path. `None`: the path is not absolute.
pub(super) fn uri(path: &Path) -> Option<String> {
    Url::from_file_path(path).ok().map(String::from)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn paths_and_uris_are_one_another() {
        for (text, expected) in [
            ("file:///a/b.html", "/a/b.html"),
            ("file:///a%20b/%C3%A9%23.html", "/a b/é#.html"),
            ("file://localhost/a", "/a"),
        ] {
            assert_eq!(path(text).as_deref(), Some(Path::new(expected)), "{text}");
        }
        for text in [
            "",
            "a.html",
            "/a.html",
            "untitled:Untitled-1",
            "http://a/b",
            "file:",
            "file://host/a",
        ] {
            let found = path(text);
            assert!(
                found.is_none() || found == Some(PathBuf::from("/")),
                "{text}: {found:?}"
            );
        }
        for text in ["/a b/é#?.html", "/100%.html", "/a:b"] {
            let uri = uri(Path::new(text)).expect("absolute");
            assert_eq!(path(&uri).as_deref(), Some(Path::new(text)), "{uri}");
        }
        assert_eq!(uri(Path::new("a.html")), None);
    }
}
