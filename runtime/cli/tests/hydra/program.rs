//! The program `hydra gateway`.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, ErrorKind, Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Child, Command, Output, Stdio},
    sync::Arc,
};

use axum::{Router, body::Body, routing::get as on_get};
use http::{Request, StatusCode};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
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
        text.contains(&format!("{path}:2:1")) && text.contains("unknown key `listen_on`"),
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
    start_as(hydra(&[]).stderr(Stdio::piped()), more)
}

/// The same, as `command` says.
fn start_as(command: &mut Command, more: &[&str]) -> (Started, String) {
    let child = command
        .args(["gateway", "--listen", "127.0.0.1:0", "--workers", "2"])
        .args(more)
        .env("HYDRA_PUBLIC_KEY", "K")
        .stdout(Stdio::piped())
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
    until("no new connection is accepted", async || {
        TcpStream::connect(address.as_str()).is_err()
    })
    .await;
    answer.notify_one();
    assert_eq!(visitor.await.expect("no panic").text(), "done");
    ended(&mut started).await;
}

/// A pipe that accepts nothing, because it is full and never read. Returns its reading end, which does not block.
fn full_pipe(path: &Path) -> File {
    const O_NONBLOCK: i32 = 0o4000;
    let made = Command::new("mkfifo").arg(path).status().expect("mkfifo");
    assert!(made.success());
    let both = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(O_NONBLOCK)
        .open(path);
    let mut both = both.expect("a pipe");
    fill(&mut both);
    both
}

fn fill(pipe: &mut File) {
    loop {
        match pipe.write(&[b'.'; 4096]).or_else(|_| pipe.write(b".")) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return,
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads until the text comes, or nothing more does for a while.
async fn drain(pipe: &mut File, end: &str) -> bool {
    let (mut text, mut quiet) = (Vec::new(), 0);
    let mut buffer = [0; 1 << 16];
    while quiet < 100 {
        match pipe.read(&mut buffer) {
            Ok(count) => {
                quiet = 0;
                text.extend_from_slice(&buffer[..count]);
            }
            Err(_) => {
                quiet += 1;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        if String::from_utf8_lossy(&text).contains(end) {
            return true;
        }
    }
    false
}

#[tokio::test]
async fn a_log_that_nobody_reads_stops_neither_pages_nor_the_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let mut pipe = full_pipe(&path);
    let log = OpenOptions::new().write(true).open(&path).expect("a pipe");
    // What HTTP/2 says of itself is a lot.
    let (mut started, url) = start_as(hydra(&[]).env("HYDRA_LOG", "trace").stderr(log), &[]);
    let mut requests = 500;
    loop {
        let client = Client::builder(TokioExecutor::new())
            .http2_only(true)
            .build_http::<Body>();
        for number in 0..requests {
            let (path, expected) = match number % 2 {
                0 => ("/health", StatusCode::OK),
                _ => ("/h/discovery/K/registration", StatusCode::BAD_REQUEST),
            };
            let request = match number % 2 {
                0 => Request::get(format!("{url}{path}")),
                _ => Request::post(format!("{url}{path}")),
            };
            let request = request.body(Body::from("wrong")).expect("a request");
            let answer = client.request(request).await.expect("an answer");
            assert_eq!(answer.status(), expected, "{path}");
        }
        if drain(&mut pipe, "log lines were dropped").await {
            break;
        }
        fill(&mut pipe);
        requests *= 2;
        assert!(requests < 100_000, "nothing was dropped");
    }
    fill(&mut pipe);
    tell_to_stop(&started);
    ended(&mut started).await;
}

#[tokio::test]
async fn a_registration_that_is_refused_very_often_is_logged_a_few_times_and_then_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("log");
    let log = File::create(&path).expect("a file");
    let (mut started, url) = start_as(hydra(&[]).env("HYDRA_LOG", "info").stderr(log), &[]);
    // Of each name one refusal a minute is logged.
    for number in 0..205 {
        let wrong = json!({ "name": format!("shop{number}"), "port": "x" });
        let answer = post(&format!("{url}/h/discovery/K/registration"), &wrong).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    }
    let text = || std::fs::read_to_string(&path).expect("the log");
    until("it says how many more there were", async || {
        text().contains("more: a registration is refused")
    })
    .await;
    tell_to_stop(&started);
    ended(&mut started).await;
    let text = text();
    let (mut logged, mut counted) = (0, 0);
    for line in text.lines() {
        if let Some((before, _)) = line.split_once(" more: a registration is refused") {
            let (_, count) = before.rsplit_once(' ').expect("a number");
            counted += count.parse::<usize>().expect("a number");
        } else if line.contains("a registration is refused") {
            logged += 1;
        }
    }
    assert!(
        logged >= 10 && logged + counted == 205,
        "{logged} + {counted}:\n{text}"
    );
}

/// Sends a request, and gives all that comes until the connection ends.
async fn last_answer(stream: &mut tokio::net::TcpStream) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let request = b"GET /health HTTP/1.1\r\nhost: a.test\r\n\r\n";
    stream.write_all(request).await.expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).await.expect("an answer");
    text
}

#[tokio::test]
async fn who_was_connected_before_the_end_gets_a_whole_answer() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hydra.toml");
    std::fs::write(&file, "stop_grace = '1m'\nstop_timeout = '60s'\n").expect("written");
    let (mut started, url) = start(&["--config", &file.display().to_string()]);
    let address = url.trim_start_matches("http://").to_owned();
    let connect = async || {
        tokio::net::TcpStream::connect(&address)
            .await
            .expect("a connection")
    };
    let mut fresh = Vec::new();
    for _ in 0..30 {
        fresh.push(connect().await);
    }
    let mut kept = Vec::new();
    for _ in 0..20 {
        let mut stream = connect().await;
        let request = b"GET /health HTTP/1.1\r\nhost: a.test\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        let mut text = Vec::new();
        while !text.ends_with(b"}") {
            text.push(stream.read_u8().await.expect("an answer"));
        }
        kept.push(stream);
    }
    tell_to_stop(&started);
    until("no new connection is accepted", async || {
        TcpStream::connect(address.as_str()).is_err()
    })
    .await;
    for stream in fresh.iter_mut().chain(&mut kept) {
        let text = last_answer(stream).await;
        assert!(
            text.starts_with("HTTP/1.1 200") && text.contains("connection: close\r\n") && text.ends_with("}"),
            "{text}"
        );
    }
    ended(&mut started).await;
}

#[tokio::test]
async fn a_terminal_that_goes_away_does_not_end_the_gateway() {
    let (mut started, url) = start(&[]);
    let id = started.0.id().to_string();
    for _ in 0..2 {
        let told = Command::new("kill").args(["-HUP", &id]).status().expect("kill");
        assert!(told.success());
        assert_eq!(get(&format!("{url}/health")).await.status, StatusCode::OK);
    }
    tell_to_stop(&started);
    ended(&mut started).await;
}

#[tokio::test]
async fn silent_connections_go_where_others_need_their_room() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hydra.toml");
    std::fs::write(&file, "max_connections = 20\n").expect("written");
    let (_started, url) = start(&["--config", &file.display().to_string()]);
    let address = url.trim_start_matches("http://").to_owned();
    let mut silent = Vec::new();
    for _ in 0..110 {
        silent.push(
            tokio::net::TcpStream::connect(&address)
                .await
                .expect("a connection"),
        );
    }
    for _ in 0..5 {
        assert_eq!(get(&format!("{url}/health")).await.status, StatusCode::OK);
    }
}

/// Whether the gateway still has its end of the connection that a visitor has from this port, as Linux lists it.
fn is_established(visitor: u16) -> bool {
    let list = std::fs::read_to_string("/proc/net/tcp").expect("Linux lists its connections");
    let remote = format!("0100007F:{visitor:04X}");
    list.lines().any(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        words.get(2) == Some(&&*remote) && words.get(3) == Some(&"01")
    })
}

#[tokio::test]
async fn who_never_reads_is_closed_and_who_reads_slowly_is_not() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    const LENGTH: usize = 20 << 20;
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("hydra.toml");
    std::fs::write(&file, "stall_timeout = '2s'\n").expect("written");
    let (_started, url) = start(&["--config", &file.display().to_string()]);
    let service = service(Router::new().route("/big", on_get(async || vec![b'x'; LENGTH]))).await;
    let body = said("a", &service, json!({"endpoints":["/big"]}));
    let registered = post(&format!("{url}/h/discovery/K/registration"), &body).await;
    assert_eq!(registered.status, StatusCode::OK);
    let ask = async || {
        let address = url.trim_start_matches("http://");
        let mut stream = tokio::net::TcpStream::connect(address)
            .await
            .expect("a connection");
        let request = b"GET /big HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\r\n";
        stream.write_all(request).await.expect("sent");
        stream
    };
    let (mut never, mut slow) = (ask().await, ask().await);
    let (mut buffer, mut count) = (vec![0; 64 << 10], 0);
    // A little at a time, for longer than a connection may stand still: until the other one was closed.
    let visitor = never.local_addr().expect("bound");
    while is_established(visitor.port()) {
        count += slow.read(&mut buffer).await.expect("more");
        assert!(count < LENGTH, "the one who never reads is not closed");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let mut all = Vec::new();
    let cut = never.read_to_end(&mut all).await;
    assert!(cut.is_err() || all.len() < LENGTH, "{}", all.len());
    let mut rest = Vec::new();
    slow.read_to_end(&mut rest).await.expect("all of it");
    assert!(count + rest.len() > LENGTH, "{count}");
}
