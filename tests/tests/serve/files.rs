//! What of a folder visitors get, whatever lies in it and whatever they ask for.

use std::{fs, os::unix::fs::symlink, os::unix::net::UnixListener, path::Path, process::Command};

use hydra_tests::{PATIENCE, Running, get, wait_for};
use tempfile::TempDir;

use super::{alone, templates};

fn body(hydra: &Running, path: &str) -> (u16, String) {
    let answer = get(&hydra.address, path).expect("an answer");
    (answer.status, answer.body)
}

fn make(folder: &TempDir, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("made");
        fs::write(path, text).expect("written");
    }
}

fn fifo(path: &Path) {
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo");
    assert!(made.success());
}

#[test]
fn the_query_gives_a_page_only_what_it_states_and_its_file_does_not() {
    let folder = templates(&[
        ("index.html", "<p>{{ html | safe }}|{{ q }}|{{ other }}</p>"),
        ("index.toml", "html = '<b>file</b>'\nq = ''\nother = ''\n"),
        (
            "stated.html",
            "<html m:attributes=\"html: string, q: string, count: integer\"><p>{{ html | safe }}|{{ q or '' }}|{{ count or 0 }}|{{ other or '' }}</p></html>",
        ),
        ("stated.json", r#"{"html":"<b>file</b>"}"#),
        (
            "base.html",
            "<html m:attributes=\"q: string\">{% block main %}{% endblock %}</html>",
        ),
        (
            "child.html",
            "{% extends \"base.html\" %}{% block main %}<p>{{ q or '' }}</p>{% endblock %}",
        ),
    ]);
    let hydra = alone(&folder);
    for (path, part) in [
        ("/", "<p><b>file</b>||</p>"),
        ("/?html=%3Cscript%3E&q=x&other=y", "<p><b>file</b>||</p>"),
        ("/?html=%3Cscript%3E", "<p><b>file</b>||</p>"),
        ("/stated?html=%3Cscript%3E", "<p><b>file</b>||0|</p>"),
        ("/stated?q=a%3Cb&other=x", "<p><b>file</b>|a&lt;b|0|</p>"),
        ("/stated?count=7", "<p><b>file</b>||7|</p>"),
        ("/child?q=1&other=2", "<p>1</p>"),
    ] {
        let (status, page) = body(&hydra, path);
        assert!(status == 200 && page.contains(part), "{path}: {status} {page}");
    }
    let (status, reason) = body(&hydra, "/stated?count=%3Cscript%3E");
    assert_eq!(status, 400);
    assert!(
        reason.contains("`count`") && !reason.contains("<script>"),
        "{reason}"
    );
}

#[test]
fn visitors_get_regular_files_of_the_folder_and_none_of_its_data() {
    let folder = tempfile::tempdir().expect("a folder");
    make(
        &folder,
        &[
            ("secret", "SECRET"),
            ("outside/a.css", "SECRET"),
            ("site/index.html", "<p>page</p>"),
            ("site/index.json", r#"{"a":"SECRET"}"#),
            ("site/menu.html", "<b m:ref=\"menu\">menu</b>"),
            ("site/menu.json", r#"{"a":"SECRET"}"#),
            ("site/menu.json~", "SECRET"),
            ("site/parts/menu.htm", "<b m:ref=\"other\">menu</b>"),
            ("site/parts/menu.json", r#"{"a":"SECRET"}"#),
            ("site/about.html", "<p>about</p>"),
            ("site/about.toml", "a = 'SECRET'"),
            ("site/.env", "SECRET"),
            ("site/.git/config", "SECRET"),
            ("site/list.json", "[]"),
            ("site/css/a.css", "a{}"),
            ("site/..data/mounted.css", "b{}"),
        ],
    );
    let path = |name: &str| folder.path().join(name);
    for (link, target) in [
        ("site/out.css", path("secret")),
        ("site/out-relative.css", "../secret".into()),
        ("site/out-folder", path("outside")),
        ("site/config.txt", "about.toml".into()),
        ("site/data.txt", "menu.json".into()),
        ("site/env.txt", ".env".into()),
        ("site/git.txt", ".git/config".into()),
        ("site/zero.bin", "/dev/zero".into()),
        ("site/inner.css", "css/a.css".into()),
        ("site/mounted.css", "..data/mounted.css".into()),
    ] {
        symlink(target, path(link)).expect("linked");
    }
    fifo(&path("site/pipe.css"));
    let _socket = UnixListener::bind(path("site/socket.css")).expect("a socket");
    let site = hydra_tests::Start::program("hydra")
        .arg("serve")
        .arg(&path("site").display().to_string())
        .arg("--listen")
        .arg("127.0.0.1:0");
    let hydra = site.listening();
    for (path, text) in [
        ("/css/a.css", "a{}"),
        ("/inner.css", "a{}"),
        ("/mounted.css", "b{}"),
        ("/list.json", "[]"),
        ("/", "<p>page</p>"),
    ] {
        let (status, page) = body(&hydra, path);
        assert!(status == 200 && page.contains(text), "{path}: {status} {page}");
    }
    for path in [
        "/menu.json",
        "/menu.json~",
        "/menu%2ejson",
        "/%6denu.json",
        "/menu.JSON",
        "/parts/menu.json",
        "/parts//menu.json",
        "/parts/%2e/menu.json",
        "/index.json",
        "/about.toml",
        "/out.css",
        "/out-relative.css",
        "/out-folder/a.css",
        "/config.txt",
        "/data.txt",
        "/env.txt",
        "/git.txt",
        "/zero.bin",
        "/pipe.css",
        "/socket.css",
        "/.env",
        "/.git/config",
        "/..data/mounted.css",
        "/%2e%2e/secret",
        "/css/%2e%2e/%2e%2e/secret",
        "/..%2fsecret",
        "/css/..%2f..%2fsecret",
        "/..%5csecret",
        "/%252e%252e/secret",
        "/css",
        "/css/",
        "/css/a.css/",
        "/css/a.css%00",
        "/%ff",
    ] {
        let (status, page) = body(&hydra, path);
        assert!((400..500).contains(&status), "{path}: {status} {page}");
        assert!(!page.contains("SECRET"), "{path}: {page}");
    }
}

#[test]
fn any_number_of_requests_for_a_fifo_holds_nothing_up() {
    let folder = templates(&[("index.html", "<p>page</p>"), ("a.css", "a{}")]);
    fifo(&folder.path().join("pipe"));
    let hydra = alone(&folder);
    for _ in 0..1_100 {
        assert_eq!(body(&hydra, "/pipe").0, 404);
    }
    assert_eq!(body(&hydra, "/a.css"), (200, "a{}".to_owned()));
}

#[test]
fn what_links_lead_to_is_watched_there() {
    let folder = tempfile::tempdir().expect("a folder");
    make(
        &folder,
        &[
            ("far/page.html", "<p>first</p>"),
            ("far/data", "title = 'first'"),
            ("far/parts/deep/part.html", "<p>first</p>"),
            ("site/own.html", "<p>{{ title }}</p>"),
        ],
    );
    let path = |name: &str| folder.path().join(name);
    for (link, target) in [
        ("site/page.html", path("hop.html")),
        ("hop.html", "far/page.html".into()),
        ("site/own.toml", "../far/data".into()),
        ("site/parts", path("far/parts")),
        ("current", "site".into()),
    ] {
        symlink(target, path(link)).expect("linked");
    }
    let hydra = hydra_tests::Start::program("hydra")
        .arg("serve")
        .arg(&path("current").display().to_string())
        .arg("--listen")
        .arg("127.0.0.1:0")
        .listening();
    let until = |page: &str, part: &str| {
        wait_for(part, PATIENCE, || {
            let (_, text) = body(&hydra, page);
            text.contains(part).then_some(())
        });
    };
    for page in ["/page", "/own", "/parts/deep/part"] {
        until(page, "first");
    }
    make(&folder, &[("far/page.html", "<p>second</p>")]);
    until("/page", "second");
    make(&folder, &[("far/data", "title = 'second'")]);
    until("/own", "second");
    make(&folder, &[("far/parts/deep/part.html", "<p>second</p>")]);
    until("/parts/deep/part", "second");
    // A link in the middle leads elsewhere.
    make(&folder, &[("far/other.html", "<p>third</p>")]);
    symlink("far/other.html", path("new")).expect("linked");
    fs::rename(path("new"), path("hop.html")).expect("renamed");
    until("/page", "third");
    make(&folder, &[("far/other.html", "<p>fourth</p>")]);
    until("/page", "fourth");
    // All of the folder leads elsewhere.
    make(&folder, &[("next/page.html", "<p>fifth</p>")]);
    symlink("next", path("new")).expect("linked");
    fs::rename(path("new"), path("current")).expect("renamed");
    until("/page", "fifth");
    make(&folder, &[("next/page.html", "<p>sixth</p>")]);
    until("/page", "sixth");
}
