//! What visitors of a folder see where there is no page for them: pages of the site, plain ones, or JSON.

use std::fs;

use hydra_tests::{PATIENCE, Running, Start, ask, wait_for};
use tempfile::TempDir;

const BROWSER: &str = "text/html,application/xhtml+xml,*/*;q=0.8";

/// A folder with a page that is fine, one that fails when it is shown, and one that can't do without its fragment. `pages` are the
/// site's own error pages, if there are any.
fn site(pages: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("made");
        fs::write(path, text).expect("written");
    };
    write("templates/index.html", "<h1>Home</h1>");
    write("templates/broken.html", "{{ title.of.nothing }}");
    write("templates/broken.toml", "title = 'x'");
    write(
        "templates/count.html",
        "<p m:attributes=\"count: integer\">{{ count }}</p>",
    );
    write(
        "templates/needs.html",
        "<m:fragment service=\"away\" ref=\"news\" required />",
    );
    for (name, text) in pages {
        write(&format!("errors/{name}"), text);
    }
    let at = folder.path().join("errors").display().to_string();
    let own = if pages.is_empty() {
        String::new()
    } else {
        format!("error_pages = '{at}'\n")
    };
    let away = "[[service]]\nname = 'away'\nurl = 'http://127.0.0.1:1'\nfragments = { news = '/news' }\n";
    write("hydra.toml", &format!("{own}{away}"));
    folder
}

fn start(folder: &TempDir, with_gateway: bool) -> Start {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let start = Start::program("hydra")
        .arg("serve")
        .arg(&path("templates"))
        .arg("--listen")
        .arg("127.0.0.1:0")
        .arg("--config")
        .arg(&path("hydra.toml"));
    if with_gateway {
        start.arg("--with-gateway")
    } else {
        start
    }
}

/// What is asked for, and the status of the answer.
const ASKED: [(&str, &str, u16); 6] = [
    ("GET", "/nothing", 404),
    ("GET", "/a/b/c?d=e", 404),
    ("GET", "/index.toml", 404),
    ("POST", "/", 405),
    ("DELETE", "/broken", 405),
    ("GET", "/broken", 500),
];

/// The status of a page whose `required` fragment can't be had, with a gateway and without one.
fn needs(with_gateway: bool) -> (&'static str, &'static str, u16) {
    ("GET", "/needs", if with_gateway { 502 } else { 503 })
}

fn answers(hydra: &Running, with_gateway: bool, accept: &str) -> Vec<(String, u16, hydra_tests::Answer)> {
    let asked = ASKED.into_iter().chain([needs(with_gateway)]);
    let answer = |(method, path, status)| {
        let answer = ask(&hydra.address, method, path, accept).expect("an answer");
        (format!("{method} {path} for {accept}"), status, answer)
    };
    asked.map(answer).collect()
}

#[test]
fn visitors_of_a_folder_see_the_pages_of_the_site() {
    let folder = site(&[
        (
            "parts/layout.html",
            "<title>{{ status }}</title><main>{% block text %}{% endblock %}</main>",
        ),
        (
            "error.html",
            "{% extends \"parts/layout.html\" %}{% block text %}ours: {{ title }}. {{ text }}{% endblock %}",
        ),
        ("404.html", "<main>not here</main>"),
        ("500.html", "<main>our fault</main>"),
    ]);
    for with_gateway in [true, false] {
        let hydra = start(&folder, with_gateway).listening();
        for (what, status, answer) in answers(&hydra, with_gateway, BROWSER) {
            assert_eq!(answer.status, status, "{what}: {answer:?}");
            assert!(
                answer.head.contains("content-type: text/html"),
                "{what}: {}",
                answer.head
            );
            let expected = match status {
                404 => "<main>not here</main>".to_owned(),
                500 => "<main>our fault</main>".to_owned(),
                status => format!("<title>{status}</title><main>ours: "),
            };
            assert!(answer.body.starts_with(&expected), "{what}: {}", answer.body);
            assert_eq!(answer.head.contains("allow: GET, HEAD"), status == 405, "{what}");
        }
        // What is fine, and what has words of its own, stays as it is.
        assert_eq!(
            ask(&hydra.address, "GET", "/", BROWSER).expect("an answer").body,
            "<h1>Home</h1>"
        );
        let worded = ask(&hydra.address, "GET", "/count?count=x", BROWSER).expect("an answer");
        assert!(
            worded.status == 400 && worded.body.contains("must be of the type"),
            "{worded:?}"
        );
    }
}

#[test]
fn without_pages_of_its_own_a_folder_has_plain_ones_and_json() {
    let (without, with) = (site(&[]), site(&[("error.html", "<main>ours</main>")]));
    for (folder, own) in [(&without, false), (&with, true)] {
        for with_gateway in [true, false] {
            let hydra = start(folder, with_gateway).listening();
            for (what, status, answer) in answers(&hydra, with_gateway, BROWSER) {
                let expected = if own {
                    "<main>ours</main>"
                } else {
                    "<!doctype html>"
                };
                assert!(
                    answer.status == status && answer.body.starts_with(expected),
                    "{what}: {answer:?}"
                );
                assert!(answer.body.contains("<main>"), "{what}: {}", answer.body);
            }
            for accept in ["application/json", "*/*"] {
                for (what, status, answer) in answers(&hydra, with_gateway, accept) {
                    assert!(
                        answer.head.contains("content-type: application/json"),
                        "{what}: {answer:?}"
                    );
                    let words: serde_json::Value = serde_json::from_str(&answer.body).expect("JSON");
                    assert_eq!(
                        (answer.status, words["status"].as_u64()),
                        (status, Some(status.into())),
                        "{what}"
                    );
                    assert!(
                        words["error"].as_str().is_some_and(|error| !error.is_empty()),
                        "{what}"
                    );
                }
            }
        }
    }
}

#[test]
fn error_pages_that_can_not_be_shown_stop_the_start_in_words() {
    for (pages, expected) in [
        (vec![("other.html", "x")], "has neither `error.html`"),
        (vec![("error.html", "{{ status")], "can't be loaded"),
        (vec![("500.html", "{{ a.b }}")], "fails for the status 500"),
        (vec![("405.html", "{{ a.b }}")], "fails for the status 405"),
    ] {
        for with_gateway in [true, false] {
            let folder = site(&pages);
            let mut hydra = start(&folder, with_gateway).start();
            assert!(!hydra.ended().success());
            wait_for(expected, PATIENCE, || {
                let printed = hydra.printed();
                (printed.contains("`error_pages`") && printed.contains(expected)).then_some(())
            });
        }
    }
}
