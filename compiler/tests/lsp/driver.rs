//! Starts the server in a folder, and talks to it.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// How long an answer may take: a busy machine has time enough, and a server that hangs does not stop the tests.
const LATEST: Duration = Duration::from_secs(120);

/// A server, and what was said.
pub(crate) struct Session {
    server: Child,
    input: Option<ChildStdin>,
    output: Receiver<Value>,
    root: tempfile::TempDir,
    next_id: i32,
    /// What was said, one message a line, with the lines that JSON has.
    pub(crate) said: String,
}

impl Session {
    /// Starts the server in a folder with these files.
    pub(crate) fn start(files: &[(&str, &str)]) -> Self {
        let root = tempfile::tempdir().expect("a folder");
        for (name, text) in files {
            write(&root.path().join(name), text);
        }
        let mut server = Command::new(env!("CARGO_BIN_EXE_hydra-compile"))
            .arg("lsp")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut from = BufReader::new(server.stdout.take().expect("a pipe"));
        let (sender, output) = mpsc::channel();
        thread::spawn(move || {
            while let Some(message) = read(&mut from) {
                if sender.send(message).is_err() {
                    return;
                }
            }
        });
        Session {
            input: server.stdin.take(),
            server,
            output,
            root,
            next_id: 0,
            said: String::new(),
        }
    }

    /// The same, after `initialize` and `initialized` of an editor that knows everything. Neither is kept.
    pub(crate) fn ready(files: &[(&str, &str)]) -> Self {
        let mut session = Session::start(files);
        session.initialize(&["utf-16"]);
        session.said.clear();
        session
    }

    pub(crate) fn initialize(&mut self, encodings: &[&str]) {
        let capabilities = json!({
            "general": {"positionEncodings": encodings},
            "textDocument": {"publishDiagnostics": {"relatedInformation": true}},
            "workspace": {"didChangeWatchedFiles": {"dynamicRegistration": true}},
        });
        let folders = json!([{"uri": self.uri(""), "name": "shop"}]);
        self.request(
            "initialize",
            json!({"capabilities": capabilities, "workspaceFolders": folders}),
        );
        self.notify("initialized", json!({}));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// The URI of a file in the workspace.
    pub(crate) fn uri(&self, name: &str) -> String {
        let root = format!("file://{}", self.root.path().display());
        if name.is_empty() {
            root
        } else {
            format!("{root}/{name}")
        }
    }

    /// Writes a file in the workspace, and tells the server.
    pub(crate) fn write(&mut self, name: &str, text: &str) {
        const CHANGED: u32 = 2;
        const CREATED: u32 = 1;
        let path = self.path(name);
        let kind = if path.exists() { CHANGED } else { CREATED };
        write(&path, text);
        self.file_event(name, kind);
    }

    /// Removes a file of the workspace, and tells the server.
    pub(crate) fn remove(&mut self, name: &str) {
        const DELETED: u32 = 3;
        fs::remove_file(self.path(name)).expect("a file");
        self.file_event(name, DELETED);
    }

    pub(crate) fn file_event(&mut self, name: &str, kind: u32) {
        let changes = json!([{"uri": self.uri(name), "type": kind}]);
        self.notify("workspace/didChangeWatchedFiles", json!({"changes": changes}));
    }

    pub(crate) fn open(&mut self, name: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap_or_default();
        self.open_with(name, &text);
    }

    pub(crate) fn open_with(&mut self, name: &str, text: &str) {
        let document = json!({"uri": self.uri(name), "languageId": "html", "version": 1, "text": text});
        self.notify("textDocument/didOpen", json!({"textDocument": document}));
    }

    /// Changes a document: a range as `[line, character, line, character]`, or all of it.
    pub(crate) fn change(&mut self, name: &str, version: i32, range: Option<[u32; 4]>, text: &str) {
        let change = match range {
            None => json!({"text": text}),
            Some([a, b, c, d]) => {
                let range = json!({"start": {"line": a, "character": b}, "end": {"line": c, "character": d}});
                json!({"range": range, "text": text})
            }
        };
        let document = json!({"uri": self.uri(name), "version": version});
        self.notify(
            "textDocument/didChange",
            json!({"textDocument": document, "contentChanges": [change]}),
        );
    }

    pub(crate) fn close(&mut self, name: &str) {
        let document = json!({"uri": self.uri(name)});
        self.notify("textDocument/didClose", json!({"textDocument": document}));
    }

    /// Asks about the place of the first `|` in a text that the document has without it.
    pub(crate) fn ask(&mut self, method: &str, name: &str, marked: &str) -> Value {
        let at = marked.find('|').expect("a mark");
        let before = &marked[..at];
        let line = before.matches('\n').count();
        let character = before
            .rsplit('\n')
            .next()
            .unwrap_or_default()
            .encode_utf16()
            .count();
        let document = json!({"uri": self.uri(name)});
        let position = json!({"line": line, "character": character});
        let mut params = json!({"textDocument": document, "position": position});
        if method == "textDocument/references" {
            params["context"] = json!({"includeDeclaration": true});
        }
        self.request(method, params)
    }

    /// Sends a request, and waits for the answer. What comes before it is kept too.
    pub(crate) fn request(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let request = json!({"id": self.next_id, "method": method, "params": params});
        self.keep("-->", &request);
        self.send(&request);
        self.until_answer(true)
    }

    /// Sends a notification, and waits until everything is checked.
    pub(crate) fn notify(&mut self, method: &str, params: Value) {
        let notification = json!({"method": method, "params": params});
        self.keep("-->", &notification);
        self.send(&notification);
        self.settle();
    }

    /// Waits until everything is checked.
    pub(crate) fn settle(&mut self) {
        self.next_id += 1;
        self.send(&json!({"id": self.next_id, "method": "hydra/check"}));
        self.until_answer(false);
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let mut message = message.clone();
        message["jsonrpc"] = json!("2.0");
        let text = message.to_string();
        self.send_bytes(format!("Content-Length: {}\r\n\r\n{text}", text.len()).as_bytes());
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let input = self.input.as_mut().expect("an open pipe");
        // A server that has ended closes the pipe.
        let _ = input.write_all(bytes).and_then(|()| input.flush());
    }

    /// Keeps what comes until the answer with the last id: the answer's result or error.
    pub(crate) fn until_answer(&mut self, keep: bool) -> Value {
        loop {
            let message = self.output.recv_timeout(LATEST);
            let json = message.unwrap_or_else(|error| panic!("{error}, after:\n{}", self.said));
            let is_answer = json.get("id") == Some(&json!(self.next_id)) && json.get("method").is_none();
            if !is_answer || keep {
                self.keep("<--", &json);
            }
            if is_answer {
                return json
                    .get("result")
                    .or_else(|| json.get("error"))
                    .cloned()
                    .unwrap_or_default();
            }
        }
    }

    fn keep(&mut self, arrow: &str, message: &Value) {
        let root = self.root.path().display().to_string();
        let text = serde_json::to_string_pretty(message)
            .expect("JSON")
            .replace(&root, "/ROOT");
        self.said.push_str(&format!("{arrow} {text}\n"));
    }

    /// Closes the server's input, and waits for its end.
    pub(crate) fn end(mut self) -> ExitStatus {
        drop(self.input.take());
        self.server.wait().expect("it ends")
    }
}

/// Reads a message. `None`: there are no more.
fn read(from: &mut impl BufRead) -> Option<Value> {
    let mut header = String::new();
    from.read_line(&mut header).ok()?;
    let length: usize = header
        .strip_prefix("Content-Length: ")?
        .trim()
        .parse()
        .expect("a number");
    let mut body = vec![0; "\r\n".len() + length];
    from.read_exact(&mut body).ok()?;
    let mut message: Value = serde_json::from_slice(&body[2..]).expect("JSON");
    assert_eq!(message["jsonrpc"], "2.0");
    message.as_object_mut().expect("an object").remove("jsonrpc");
    Some(message)
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
    fs::write(path, text).expect("a file");
}

impl Drop for Session {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
