//! Visitors log in at a folder that is served with a gateway, and all of its responses have the headers that protect them.

use std::{
    fs,
    io::Write as _,
    process::{Command, Stdio},
};

use hydra_tests::{Running, Start, get, get_with_cookie, post_form, program};
use tempfile::TempDir;

/// A folder with a page, a file and a user, and what `more` adds to the settings.
fn site(more: &str) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("templates")).expect("made");
    fs::write(path("templates/index.html"), "<h1>Home</h1>").expect("written");
    fs::write(path("templates/shop.css"), "h1 { color: green }").expect("written");
    let shown = |name: &str| path(name).display().to_string();
    let keys = format!("login_keys = '{}'\n", shown("keys"));
    fs::write(path("hydra.toml"), format!("{keys}{more}")).expect("written");
    folder
}

fn start(folder: &TempDir, arguments: &[&str]) -> Running {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let start = Start::program("hydra")
        .arg("serve")
        .arg(&path("templates"))
        .arg("--listen")
        .arg("127.0.0.1:0")
        .arg("--config")
        .arg(&path("hydra.toml"));
    let start = arguments
        .iter()
        .fold(start, |start, argument| start.arg(argument));
    start.listening()
}

fn add_user(folder: &TempDir) -> String {
    let users = folder.path().join("users.toml").display().to_string();
    let mut adding = Command::new(program("hydra"))
        .args(["user", "add", "ann", "--role", "USER", "--login-users", &users])
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = adding.stdin.take().expect("a pipe");
    input.write_all(b"correct horse\n").expect("written");
    drop(input);
    assert!(adding.wait().expect("it ends").success());
    users
}

#[test]
fn visitors_log_in_and_out_beside_the_pages() {
    let folder = site("");
    let users = add_user(&folder);
    let hydra = start(&folder, &["--with-gateway", "--login-users", &users]);
    let form = get(&hydra.address, "/login").expect("an answer");
    assert!(
        form.status == 200 && form.body.contains("name=\"password\""),
        "{form:?}"
    );
    let wrong = post_form(&hydra.address, "/login", "username=ann&password=wrong").expect("an answer");
    assert!(
        wrong.status == 303 && wrong.head.contains("location: /login?error"),
        "{wrong:?}"
    );
    let form = "username=ann&password=correct+horse&next=/";
    let right = post_form(&hydra.address, "/login", form).expect("an answer");
    assert!(
        right.status == 303 && right.head.contains("location: /\r"),
        "{right:?}"
    );
    let login = right.cookie("HYDRA-SSO").expect("a login");
    let page = get_with_cookie(&hydra.address, "/", &login).expect("an answer");
    assert_eq!((page.status, &*page.body), (200, "<h1>Home</h1>"));
    let logout = get_with_cookie(&hydra.address, "/logout", &login).expect("an answer");
    assert!(logout.body.contains("logged in as ann"), "{}", logout.body);
    for path in ["/_h/login", "/_h/login?state=x&code=y"] {
        assert_eq!(
            get(&hydra.address, path).expect("an answer").status,
            404,
            "{path}: there is no provider"
        );
    }
}

#[test]
fn the_way_to_a_provider_and_back_leads_past_the_pages() {
    let folder = site("[openid]\nissuer = 'http://127.0.0.1:1'\nclient_id = 'hydra'\nname = 'Shop ID'\n");
    let hydra = start(&folder, &["--with-gateway"]);
    let away = get(&hydra.address, "/login").expect("an answer");
    assert!(
        away.status == 503 && away.body.contains("Shop ID does not answer"),
        "{away:?}"
    );
    let unknown = get(&hydra.address, "/_h/login?state=x&code=y").expect("an answer");
    assert!(
        unknown.status == 400 && unknown.body.contains("in another browser"),
        "{unknown:?}"
    );
}

#[test]
fn all_responses_of_a_folder_have_the_headers_that_protect_them() {
    let folder = site("[response_headers]\nX-Robots-Tag = 'none'\n");
    for arguments in [&["--with-gateway"][..], &[]] {
        let hydra = start(&folder, arguments);
        for (path, status) in [("/", 200), ("/shop.css", 200), ("/nothing", 404)] {
            let answer = get(&hydra.address, path).expect("an answer");
            assert_eq!(answer.status, status, "{path}");
            for header in [
                "x-content-type-options: nosniff",
                "x-frame-options: SAMEORIGIN",
                "referrer-policy: strict-origin-when-cross-origin",
                "x-robots-tag: none",
            ] {
                assert_eq!(answer.head.matches(header).count(), 1, "{path}: {}", answer.head);
            }
            assert!(!answer.head.contains("strict-transport-security"), "{path}: http");
        }
    }
}
