//! What the server says that it can do.

use serde_json::{Value, json};

/// Which files matter, beside those that the editor has open.
const WATCHED: &str = "**/*.{html,htm,xhtml,xml,txt,tera,json,rs,toml}";

/// The result of `initialize`.
pub(super) fn initialize_result(encoding: &str) -> Value {
    const INCREMENTAL: u32 = 2;
    json!({
        "capabilities": {
            "positionEncoding": encoding,
            "textDocumentSync": {"openClose": true, "change": INCREMENTAL, "save": true},
            "completionProvider": {"triggerCharacters": ["\"", "'", ":", ",", " ", "{"]},
            "hoverProvider": true,
            "definitionProvider": true,
            "referencesProvider": true,
            "codeActionProvider": {"codeActionKinds": ["quickfix"]},
            "workspace": {"workspaceFolders": {"supported": true, "changeNotifications": true}},
        },
        "serverInfo": {"name": "hydra-compile", "version": env!("CARGO_PKG_VERSION")},
    })
}

/// The request to be told of changes on the disk.
pub(super) fn watch_request() -> Value {
    let options = json!({"watchers": [{"globPattern": WATCHED}]});
    let registration =
        json!({"id": "files", "method": "workspace/didChangeWatchedFiles", "registerOptions": options});
    json!({"id": "files", "method": "client/registerCapability", "params": {"registrations": [registration]}})
}
