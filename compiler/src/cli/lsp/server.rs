//! The server between messages: it takes one, and says what goes out.

mod capabilities;
mod requests;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
};

use gen_lsp_types as lsp;
use hydra_compile::editor::{
    Workspace,
    disk::{DiskChange, Roots},
};
use lsp_server::{ErrorCode, Message, Notification, Request, Response};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    client::Client,
    convert::{self, Uris},
    frames::Frame,
    watch::WatchedFolder,
};

/// A message that goes out. One kind has no type: the answer to a text that is not a message.
pub(super) type Outgoing = Value;

/// Where the conversation is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    /// `initialize` has not come.
    #[default]
    New,
    /// Requests are answered.
    Ready,
    /// `shutdown` has come.
    ShutDown,
}

/// The state of a conversation with an editor.
#[derive(Debug)]
pub(super) struct Server {
    phase: Phase,
    has_exited: bool,
    client: Client,
    workspace: Workspace,
    uris: Uris,
    /// The folders that the server has to watch itself, and whether that has begun.
    to_watch: (Vec<WatchedFolder>, bool),
}

impl Default for Server {
    fn default() -> Self {
        Server {
            phase: Phase::default(),
            has_exited: false,
            client: Client::default(),
            workspace: Workspace::default(),
            uris: Uris::default(),
            to_watch: (Vec::new(), true),
        }
    }
}

/// What a request is answered with.
type Answer = Result<Value, (ErrorCode, String)>;

impl Server {
    pub(super) fn has_exited(&self) -> bool {
        self.has_exited
    }

    pub(super) fn was_shut_down(&self) -> bool {
        self.phase == Phase::ShutDown
    }

    /// The folders that have to be watched from now on. `None`: the same as before.
    pub(super) fn folders_to_watch(&mut self) -> Option<&[WatchedFolder]> {
        let (folders, is_watched) = &mut self.to_watch;
        (!std::mem::replace(is_watched, true)).then_some(folders)
    }

    /// Reads all sites of the workspace.
    fn load(&mut self) -> Vec<Outgoing> {
        let unread = self.client.roots.load(&mut self.workspace);
        if !self.client.watches_files {
            let folders = watched_folders(&self.workspace);
            if folders != self.to_watch.0 {
                self.to_watch = (folders, false);
            }
        }
        unread.iter().map(|message| log(message)).collect()
    }

    /// Takes a message of the editor.
    pub(super) fn take(&mut self, frame: Frame) -> Vec<Outgoing> {
        match frame {
            Frame::Malformed(reason) => {
                let error = json!({"code": ErrorCode::ParseError as i32, "message": reason});
                vec![json!({"id": null, "error": error})]
            }
            Frame::Message(Message::Request(request)) => self.request(request),
            Frame::Message(Message::Notification(notification)) => self.notification(notification),
            // The only request of the server is to be told of changes; an editor that refuses tells nothing.
            Frame::Message(Message::Response(_)) => Vec::new(),
        }
    }

    /// Checks what changed, and says which problems are others now.
    pub(super) fn check(&mut self) -> Vec<Outgoing> {
        if self.phase != Phase::Ready || !self.workspace.is_unchecked() {
            return Vec::new();
        }
        let workspace = &mut self.workspace;
        let Ok(files) = catch_unwind(AssertUnwindSafe(|| workspace.check())) else {
            return vec![log("the check failed; the next change checks again")];
        };
        let shows_related = self.client.shows_related;
        let published = files
            .iter()
            .filter_map(|file| self.uris.published(file, shows_related));
        published
            .map(|params| notification("textDocument/publishDiagnostics", &params))
            .collect()
    }

    /// Reads what changed on the disk.
    pub(super) fn disk_changed(&mut self, changes: &[DiskChange]) -> Vec<Outgoing> {
        let unread = self.client.roots.update(&mut self.workspace, changes);
        unread.iter().map(|message| log(message)).collect()
    }

    /// Says that files are not watched, where they are not.
    pub(super) fn watches(&self, watches: bool) -> Vec<Outgoing> {
        let message =
            "changes of files that are not open are seen when a file is saved: the folders can't be watched";
        (!watches).then(|| log(message)).into_iter().collect()
    }

    fn request(&mut self, request: Request) -> Vec<Outgoing> {
        let Request { id, method, params } = request;
        let mut outgoing = Vec::new();
        let answer = match (self.phase, method.as_str()) {
            (Phase::New, "initialize") => Ok(self.initialize(&params)),
            (Phase::New, _) => Err((
                ErrorCode::ServerNotInitialized,
                "`initialize` comes first".to_owned(),
            )),
            (Phase::Ready, "initialize") => {
                Err((ErrorCode::InvalidRequest, "`initialize` comes once".to_owned()))
            }
            (Phase::Ready, "shutdown") => {
                self.phase = Phase::ShutDown;
                Ok(Value::Null)
            }
            (Phase::ShutDown, _) => Err((ErrorCode::InvalidRequest, "the server is shut down".to_owned())),
            // For scripts and tests: everything that came before is checked when the answer comes.
            (Phase::Ready, "hydra/check") => {
                outgoing = self.check();
                Ok(Value::Null)
            }
            (Phase::Ready, method) => self.answer(method, params),
        };
        let response = match answer {
            Ok(result) => Response::new_ok(id, result),
            Err((code, message)) => Response::new_err(id, code as i32, message),
        };
        outgoing.push(json(&response));
        outgoing
    }

    fn initialize(&mut self, params: &Value) -> Value {
        self.phase = Phase::Ready;
        self.client = Client::read(params);
        self.workspace = Workspace::new(self.client.encoding);
        capabilities::initialize_result(self.client.encoding_name)
    }

    fn answer(&mut self, method: &str, params: Value) -> Answer {
        let Some(question) = requests::question(method) else {
            let message = format!("`{method}` is not a method of this server");
            return Err((ErrorCode::MethodNotFound, message));
        };
        let (workspace, uris) = (&mut self.workspace, &self.uris);
        match catch_unwind(AssertUnwindSafe(|| question(workspace, uris, params))) {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => {
                let message = format!("the parameters of `{method}` can't be read");
                Err((ErrorCode::InvalidParams, message))
            }
            Err(_) => Err((ErrorCode::InternalError, format!("`{method}` failed"))),
        }
    }

    fn notification(&mut self, notification: Notification) -> Vec<Outgoing> {
        let Notification { method, params } = notification;
        if method == "exit" {
            self.has_exited = true;
        }
        if self.phase != Phase::Ready {
            return Vec::new();
        }
        let handled = match method.as_str() {
            "initialized" => return self.initialized(),
            "textDocument/didOpen" => self.opened(params),
            "textDocument/didChange" => self.changed(params),
            "textDocument/didClose" => self.closed(params),
            "textDocument/didSave" => self.saved(params),
            "workspace/didChangeWatchedFiles" => self.files_changed(params),
            "workspace/didChangeWorkspaceFolders" => self.folders_changed(params),
            _ => Some(Vec::new()),
        };
        handled.unwrap_or_else(|| vec![log(&format!("the parameters of `{method}` can't be read"))])
    }

    fn initialized(&mut self) -> Vec<Outgoing> {
        let mut outgoing = self.load();
        if self.client.watches_files {
            outgoing.push(capabilities::watch_request());
        }
        outgoing
    }

    fn opened(&mut self, params: Value) -> Option<Vec<Outgoing>> {
        let document = read::<lsp::DidOpenTextDocumentParams>(params)?.text_document;
        if let Some(path) = self.uris.path(&document.uri) {
            self.workspace.open(path, document.version, document.text);
        }
        Some(Vec::new())
    }

    fn changed(&mut self, params: Value) -> Option<Vec<Outgoing>> {
        let params = read::<lsp::DidChangeTextDocumentParams>(params)?;
        let document = params.text_document;
        if let Some(path) = self.uris.path(&document.text_document_identifier.uri) {
            let changes = params.content_changes.into_iter().map(convert::change);
            self.workspace.change(&path, document.version, changes.collect());
        }
        Some(Vec::new())
    }

    fn closed(&mut self, params: Value) -> Option<Vec<Outgoing>> {
        let document = read::<lsp::DidCloseTextDocumentParams>(params)?.text_document;
        let Some(path) = self.uris.path(&document.uri) else {
            return Some(Vec::new());
        };
        self.workspace.close(&path);
        let outgoing = self.check();
        self.uris.forget(&path);
        Some(outgoing)
    }

    fn saved(&mut self, params: Value) -> Option<Vec<Outgoing>> {
        let document = read::<lsp::DidSaveTextDocumentParams>(params)?.text_document;
        let Some(path) = self.uris.path(&document.uri) else {
            return Some(Vec::new());
        };
        let came_or_went = false;
        Some(self.disk_changed(&[DiskChange { path, came_or_went }]))
    }

    fn files_changed(&mut self, params: Value) -> Option<Vec<Outgoing>> {
        let params = read::<lsp::DidChangeWatchedFilesParams>(params)?;
        let changes = params.changes.iter().filter_map(|event| {
            Some(DiskChange {
                path: super::uri::path(&event.uri.0)?,
                came_or_went: event.kind != lsp::FileChangeType::Changed,
            })
        });
        Some(self.disk_changed(&changes.collect::<Vec<_>>()))
    }

    fn folders_changed(&mut self, params: Value) -> Option<Vec<Outgoing>> {
        let event = read::<lsp::DidChangeWorkspaceFoldersParams>(params)?.event;
        let Roots { folders, .. } = &mut self.client.roots;
        let paths = |folders: Vec<lsp::WorkspaceFolder>| -> Vec<PathBuf> {
            folders
                .iter()
                .filter_map(|folder| super::uri::path(&folder.uri.0))
                .collect()
        };
        let removed = paths(event.removed);
        folders.retain(|folder| !removed.contains(folder));
        for folder in paths(event.added) {
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        Some(self.load())
    }
}

/// Parameters as the protocol has them. `None`: they have another form.
fn read<T: DeserializeOwned>(params: Value) -> Option<T> {
    serde_json::from_value(params).ok()
}

fn json(message: &impl Serialize) -> Value {
    // Texts, numbers, lists and objects with names alone can't fail to be written.
    serde_json::to_value(message).unwrap_or_default()
}

fn notification(method: &str, params: &impl Serialize) -> Value {
    json!({"method": method, "params": json(params)})
}

/// A line in the editor's log.
fn log(message: &str) -> Value {
    const WARNING: u32 = 2;
    json!({"method": "window/logMessage", "params": {"type": WARNING, "message": format!("hydra: {message}")}})
}

/// The folders of the sites, and the folders in which their build scripts and settings are.
fn watched_folders(workspace: &Workspace) -> Vec<WatchedFolder> {
    let mut folders = Vec::new();
    for site in workspace.site_paths() {
        let inner = [Some(&site.templates), site.contracts.as_ref(), site.rust.as_ref()];
        let inner = inner.into_iter().flatten().filter(|folder| folder.is_dir());
        folders.extend(inner.map(|folder| WatchedFolder {
            path: folder.clone(),
            recursive: true,
        }));
        folders.extend(site.templates.parent().map(|folder| WatchedFolder {
            path: folder.to_owned(),
            recursive: false,
        }));
    }
    folders
}
