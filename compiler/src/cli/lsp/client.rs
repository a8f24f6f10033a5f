//! What an editor says about itself in `initialize`. It is read member by member: one that has another form than the protocol
//! says hides none of the others.

use std::path::PathBuf;

use hydra_compile::editor::{Encoding, disk::Roots};
use serde_json::Value;

use super::uri;

/// What an editor can do, and where it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Client {
    /// How it counts characters.
    pub(super) encoding: Encoding,
    /// The name of the encoding.
    pub(super) encoding_name: &'static str,
    /// The folders that it has open, and those that its settings name.
    pub(super) roots: Roots,
    /// Whether it shows the places that take part in a problem.
    pub(super) shows_related: bool,
    /// Whether it tells of changes on the disk.
    pub(super) watches_files: bool,
}

impl Client {
    /// Reads the parameters of `initialize`.
    pub(super) fn read(params: &Value) -> Self {
        let (encoding, encoding_name) = encoding(params);
        let is_so = |pointer| {
            params
                .pointer(pointer)
                .and_then(Value::as_bool)
                .unwrap_or_default()
        };
        Client {
            encoding,
            encoding_name,
            roots: roots(params),
            shows_related: is_so("/capabilities/textDocument/publishDiagnostics/relatedInformation"),
            watches_files: is_so("/capabilities/workspace/didChangeWatchedFiles/dynamicRegistration"),
        }
    }
}

/// The encoding: bytes where the editor offers them, since they cost nothing here.
fn encoding(params: &Value) -> (Encoding, &'static str) {
    let offered = params
        .pointer("/capabilities/general/positionEncodings")
        .and_then(Value::as_array);
    let offers = |name: &str| offered.is_some_and(|offered| offered.iter().any(|encoding| encoding == name));
    match () {
        () if offers("utf-8") => (Encoding::Utf8, "utf-8"),
        () if offers("utf-32") && !offers("utf-16") => (Encoding::Utf32, "utf-32"),
        () => (Encoding::Utf16, "utf-16"),
    }
}

fn roots(params: &Value) -> Roots {
    let folders = params
        .get("workspaceFolders")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    let mut folders: Vec<PathBuf> = folders
        .filter_map(|folder| uri::path(folder.get("uri")?.as_str()?))
        .collect();
    if folders.is_empty() {
        let uri = params.get("rootUri").and_then(Value::as_str).and_then(uri::path);
        let path = || Some(PathBuf::from(params.get("rootPath")?.as_str()?));
        folders.extend(uri.or_else(path).filter(|path| path.is_absolute()));
    }
    let named = params
        .pointer("/initializationOptions/templates")
        .and_then(Value::as_array);
    let templates = named
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(PathBuf::from);
    Roots {
        folders,
        templates: templates.collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_editor_says_is_read_as_far_as_it_can_be() {
        let offered =
            |encodings: Value| json!({"capabilities": {"general": {"positionEncodings": encodings}}});
        for (params, expected) in [
            (Value::Null, "utf-16"),
            (json!({"capabilities": []}), "utf-16"),
            (offered(json!(["utf-16"])), "utf-16"),
            (offered(json!(["utf-32", "utf-16"])), "utf-16"),
            (offered(json!(["utf-32"])), "utf-32"),
            (offered(json!(["utf-16", "utf-8"])), "utf-8"),
            (offered(json!([7, "utf-9"])), "utf-16"),
        ] {
            assert_eq!(Client::read(&params).encoding_name, expected, "{params}");
        }
        let folders = |params: Value| Client::read(&params).roots.folders;
        let a = vec![PathBuf::from("/a b")];
        assert_eq!(
            folders(
                json!({"workspaceFolders": [{"uri": "file:///a%20b", "name": "a"}, {"uri": "git:x"}, 7]})
            ),
            a
        );
        assert_eq!(
            folders(json!({"workspaceFolders": null, "rootUri": "file:///a%20b"})),
            a
        );
        assert_eq!(folders(json!({"rootUri": null, "rootPath": "/a b"})), a);
        assert_eq!(
            folders(json!({"rootUri": "untitled:x", "rootPath": "relative"})),
            Vec::<PathBuf>::new()
        );
        let settings = json!({"initializationOptions": {"templates": ["pages", 7]}});
        assert_eq!(Client::read(&settings).roots.templates, [PathBuf::from("pages")]);
    }
}
