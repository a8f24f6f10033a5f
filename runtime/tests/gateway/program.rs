//! The program `hydra gateway`.

use std::{
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
};

use axum::{Router, routing::get as on_get};
use http::StatusCode;
use serde_json::json;
use tokio::sync::Notify;

use crate::support::{get, post, said, service, until};

fn hydra(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hydra"));
    command
        .args(args)
        .env_remove("HYDRA_CONFIG")
        .env("HYDRA_LOG", "warn");
    command
}

fn output(args: &[&str]) -> (Output, String) {
    let output = hydra(args).output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

/// A process that does not outlive its test.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_taken_port_is_a_clear_message() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let (output, text) = output(&["gateway", "--listen", &address]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text.contains(&address) && text.contains("taken") && !text.contains("panicked"),
        "{text}"
    );
}

#[test]
fn what_cannot_be_read_is_shown_in_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hydra.toml");
    std::fs::write(&file, "public_key = 'k'\nlisten_on = 3\n").expect("written");
    let path = file.display().to_string();
    let (result, text) = output(&["gateway", "--config", &path]);
    assert_eq!(result.status.code(), Some(2));
    assert!(
        text.contains(&path) && text.contains("line 2") && text.contains("listen_on"),
        "{text}"
    );
    let (result, text) = output(&["gateway", "--config", "/nowhere/hydra.toml"]);
    assert_eq!(result.status.code(), Some(2));
    assert!(text.contains("/nowhere/hydra.toml"), "{text}");
    let (result, text) = output(&["gateway", "--public-key", "a/b"]);
    assert_eq!(result.status.code(), Some(2));
    assert!(text.contains("public_key"), "{text}");
}

#[test]
fn help_names_every_option_and_its_variable() {
    let output = hydra(&["gateway", "--help"])
        .output()
        .expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    for word in [
        "--listen",
        "HYDRA_LISTEN",
        "--public-key",
        "HYDRA_PUBLIC_KEY",
        "--config",
        "HYDRA_CONFIG",
        "Examples",
    ] {
        assert!(text.contains(word), "{word}");
    }
}

/// Starts a gateway on a free port. Gives it with its address.
fn start(more: &[&str]) -> (Started, String) {
    let child = hydra(&[&["gateway", "--listen", "127.0.0.1:0", "--workers", "2"], more].concat())
        .env("HYDRA_PUBLIC_KEY", "K")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut started = Started(child);
    let mut out = BufReader::new(started.0.stdout.take().expect("piped"));
    let mut line = String::new();
    out.read_line(&mut line).expect("a line");
    let url = line
        .trim()
        .strip_prefix("listening on ")
        .expect("the line")
        .to_owned();
    (started, url)
}

fn tell_to_stop(started: &Started) {
    let told = Command::new("kill")
        .args(["-TERM", &started.0.id().to_string()])
        .status()
        .expect("kill");
    assert!(told.success());
}

async fn ended(started: &mut Started) {
    let child = std::sync::Mutex::new(&mut started.0);
    until("it has ended", async || {
        child
            .lock()
            .expect("not poisoned")
            .try_wait()
            .expect("a child")
            .is_some()
    })
    .await;
    assert!(started.0.wait().expect("ended").success());
}

#[tokio::test]
async fn it_says_where_it_listens_and_stops_when_told() {
    let (mut started, url) = start(&[]);
    assert_eq!(get(&format!("{url}/health")).await.text(), r#"{"status":"ok"}"#);
    let overview = format!("{url}/h/discovery/K/overview");
    assert_eq!(get(&overview).await.status, StatusCode::OK);
    tell_to_stop(&started);
    ended(&mut started).await;
    let mut log = String::new();
    started
        .0
        .stderr
        .take()
        .expect("piped")
        .read_to_string(&mut log)
        .expect("text");
    assert!(
        log.contains("there is no private key") && !log.contains('\u{1b}'),
        "{log}"
    );
}

#[tokio::test]
async fn a_request_under_way_ends_before_the_program_does() {
    let (mut started, url) = start(&[]);
    let (arrived, answer) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (here, now) = (Arc::clone(&arrived), Arc::clone(&answer));
    let slow = async move || {
        here.notify_one();
        now.notified().await;
        "done"
    };
    let service = service(Router::new().route("/slow", on_get(slow))).await;
    let body = said("a", &service, json!({"endpoints":["/slow"]}));
    let registered = post(&format!("{url}/h/discovery/K/registration"), &body).await;
    assert_eq!(registered.status, StatusCode::OK);
    let address = url.clone();
    let visitor = tokio::spawn(async move { get(&format!("{url}/slow")).await });
    arrived.notified().await;
    let address = address.trim_start_matches("http://").to_owned();
    tell_to_stop(&started);
    until("nobody new is let in", async || {
        TcpStream::connect(address.as_str()).is_err()
    })
    .await;
    answer.notify_one();
    assert_eq!(visitor.await.expect("no panic").text(), "done");
    ended(&mut started).await;
}
