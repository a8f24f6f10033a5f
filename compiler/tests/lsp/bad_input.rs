//! Editors that do not follow the protocol, and disks that change under the server.

use std::{fs, os::unix::fs::symlink};

use serde_json::{Value, json};

use crate::{driver::Session, sessions::SHOP};

const PAGE: &str = "shop/templates/checkout.html";

/// What an editor or a disk does wrong.
type Misdeed = fn(&mut Session);

/// After each of them, the server works as if nothing had happened.
const SURVIVED: &[(&str, Misdeed)] = &[
    ("ranges outside of the text", |session| {
        session.change(PAGE, 2, Some([900, 0, 2_147_483_647, 2_147_483_647]), "<p>");
        session.change(PAGE, 3, Some([0, 4_000_000_000, 0, 0]), "x");
    }),
    ("a range that no number can hold", |session| {
        let change = json!({"range": {"start": {"line": -1, "character": 0}, "end": {"line": 0, "character": 1e30}}, "text": "x"});
        let document = json!({"uri": session.uri(PAGE), "version": 2});
        session.notify(
            "textDocument/didChange",
            json!({"textDocument": document, "contentChanges": [change]}),
        );
    }),
    ("offsets in the middle of a pair", |session| {
        session.change(PAGE, 2, None, "\u{1F375}\u{1F375}");
        session.change(PAGE, 3, Some([0, 1, 0, 3]), "é");
    }),
    ("ends of a range in the wrong order", |session| {
        session.change(PAGE, 2, Some([1, 9, 0, 2]), "")
    }),
    ("changes in the wrong order", |session| {
        session.change(PAGE, 9, Some([0, 0, 0, 1]), "");
        session.change(PAGE, 3, Some([0, 0, 0, 1]), "");
    }),
    ("a change of a document that is not open", |session| {
        session.change("shop/templates/menu.html", 4, Some([0, 0, 0, 1]), "");
        session.close("shop/templates/layout.html");
    }),
    ("a document that is opened twice", |session| {
        session.open(PAGE);
        session.open_with(PAGE, "<m:fragment");
    }),
    ("documents that are not files", |session| {
        for uri in [
            "untitled:Untitled-1",
            "",
            "file:",
            "file://host/x.html",
            "git:/a.html?x",
            "file:///%00%ff",
        ] {
            let document = json!({"uri": uri, "languageId": "html", "version": 1, "text": "{{"});
            session.notify("textDocument/didOpen", json!({"textDocument": document}));
            session.notify("textDocument/didClose", json!({"textDocument": {"uri": uri}}));
        }
    }),
    ("parameters of another form", |session| {
        for method in [
            "textDocument/didOpen",
            "textDocument/didChange",
            "textDocument/didClose",
            "textDocument/didSave",
            "workspace/didChangeWatchedFiles",
            "workspace/didChangeWorkspaceFolders",
            "$/unknown",
        ] {
            for params in [Value::Null, json!([]), json!({"textDocument": 7})] {
                session.notify(method, params);
            }
        }
    }),
    ("requests of another form", |session| {
        for method in [
            "textDocument/hover",
            "textDocument/completion",
            "textDocument/definition",
            "textDocument/references",
            "textDocument/codeAction",
            "workspace/unknown",
            "initialize",
        ] {
            for params in [Value::Null, json!([]), json!({"textDocument": {"uri": "x:"}})] {
                let answer = session.request(method, params);
                assert!(answer.get("code").is_some(), "{method}: {answer}");
            }
        }
    }),
    ("texts that are not messages", |session| {
        session.send_bytes(b"Content-Length: 5\r\n\r\n{\"a\":");
        session.send_bytes(b"Content-Length: 2\r\n\r\n[]Content-Length: 4\r\n\r\n\xff\xff\xff\xff");
        session.settle();
    }),
    ("an answer to nothing", |session| {
        session.send(&json!({"id": 99, "result": null}));
        session.settle();
    }),
    ("a half-written file", |session| {
        let whole = SHOP[5].1;
        for end in (0..whole.len()).step_by(7) {
            session.change(PAGE, 2 + end as i32, None, &whole[..end]);
        }
    }),
    ("a file that vanishes, and one that is not UTF-8", |session| {
        session.remove("shop/templates/menu.html");
        session.file_event("shop/templates/menu.html", 2);
        fs::write(session.path("shop/templates/latin.html"), b"Caf\xe9").expect("a file");
        session.file_event("shop/templates/latin.html", 1);
    }),
    ("a folder in the place of a file", |session| {
        fs::create_dir(session.path("shop/templates/folder.html")).expect("a folder");
        session.file_event("shop/templates/folder.html", 1);
        session.file_event("shop/templates/folder.html", 2);
    }),
    ("links that lead in a circle", |session| {
        let root = session.path("");
        symlink(&root, session.path("shop/templates/again")).expect("a link");
        symlink("round.html", session.path("shop/templates/round.html")).expect("a link");
        session.file_event("shop/templates/again", 1);
        session.file_event("shop/templates/round.html", 1);
    }),
    ("a build script and settings that can't be read", |session| {
        session.write("shop/hydra.toml", "[compile\n");
        session.write("shop/build.rs", "fn main( {");
        session.write("shop/hydra.toml", "");
    }),
    ("contracts and Rust files that can't be read", |session| {
        session.write("shop/contracts/orders.json", "{\"service\"");
        session.write(
            "shop/src/main.rs",
            "#[page(template = \"checkout.html\")] struct {",
        );
    }),
];

#[test]
fn a_server_survives_what_editors_and_disks_do_wrong() {
    for (name, misdeed) in SURVIVED {
        let mut session = Session::ready(SHOP);
        session.open(PAGE);
        misdeed(&mut session);
        // Everything is put right, and then one mistake is told.
        for (file, text) in SHOP {
            session.write(file, text);
        }
        session.close(PAGE);
        session.said.clear();
        session.open_with(PAGE, "<m:fragment service='orders' ref='chekout'>-</m:fragment>");
        assert!(
            session.said.contains("`orders` offers no fragment `chekout`"),
            "{name}:\n{}",
            session.said
        );
        session.request("shutdown", json!(null));
        session.send(&json!({"method": "exit"}));
        assert_eq!(session.end().code(), Some(0), "{name}");
    }
}

#[test]
fn the_status_says_whether_the_editor_left_in_order() {
    let exit = json!({"method": "exit"});
    let shutdown = |session: &mut Session| session.request("shutdown", json!(null));
    for (name, talk, status) in [
        (
            "exit at once",
            Box::new(|session: &mut Session| session.send(&exit)) as Box<dyn Fn(&mut Session)>,
            1,
        ),
        ("no word at all", Box::new(|_: &mut Session| {}), 1),
        (
            "exit without shutdown",
            Box::new(|session| {
                session.initialize(&[]);
                session.send(&exit);
            }),
            1,
        ),
        ("no exit", Box::new(|session| session.initialize(&[])), 1),
        (
            "shutdown and exit",
            Box::new(|session| {
                session.initialize(&[]);
                shutdown(session);
                session.send(&exit);
            }),
            0,
        ),
        (
            "shutdown, and no exit",
            Box::new(|session| {
                session.initialize(&[]);
                shutdown(session);
            }),
            0,
        ),
        (
            "shutdown twice",
            Box::new(|session| {
                session.initialize(&[]);
                assert_eq!(shutdown(session), Value::Null);
                assert_eq!(shutdown(session)["code"], -32600);
                session.send(&exit);
            }),
            0,
        ),
        (
            "a request before initialize",
            Box::new(|session| {
                assert_eq!(shutdown(session)["code"], -32002);
                session.send(&exit);
            }),
            1,
        ),
        (
            "headers that are none",
            Box::new(|session| session.send_bytes(b"GET / HTTP/1.1\r\n\r\n")),
            1,
        ),
    ] {
        let mut session = Session::start(SHOP);
        talk(&mut session);
        assert_eq!(session.end().code(), Some(status), "{name}");
    }
}
