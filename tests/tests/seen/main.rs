//! What operators and developers see of a gateway, of a site and of an application: real processes, real sockets.

mod access_log;
mod ask;
mod debug;
mod listener;
mod metrics;
mod preview;
mod trace;

use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use hydra_tests::{Answer, Running, Start};

/// The private key of the installations of these tests.
const PRIVATE_KEY: &str = "the private key of a test";

/// The address of a program's listener for operators.
fn operators(program: &mut Running) -> String {
    let line = program.line_with("operators on http://");
    line.trim_start_matches("operators on ").to_owned()
}

/// A program on free ports.
fn start(program: &str, arguments: &[&str]) -> Start {
    let start = arguments
        .iter()
        .fold(Start::program(program), |start, argument| start.arg(argument));
    start
        .env("HYDRA_LISTEN", "127.0.0.1:0")
        .env("HYDRA_PRIVATE_KEY", PRIVATE_KEY)
}

/// The value of a header in an answer.
fn header<'a>(answer: &'a Answer, name: &str) -> Option<&'a str> {
    answer.head.lines().find_map(|line| {
        let (other, value) = line.split_once(':')?;
        other.eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// The headers of the requests that a web server got, by path.
type Seen = Arc<Mutex<Vec<(String, BTreeMap<String, String>)>>>;

/// A web server that remembers the heads of its requests, and answers each with a bit of HTML.
fn web_server() -> (u16, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let seen = Seen::default();
    let remembered = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let remembered = Arc::clone(&remembered);
            thread::spawn(move || answer_all(stream, &remembered));
        }
    });
    (port, seen)
}

/// Answers the requests of a connection, and remembers their heads.
fn answer_all(stream: TcpStream, remembered: &Mutex<Vec<(String, BTreeMap<String, String>)>>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut lines = String::new();
        while reader.read_line(&mut lines).is_ok_and(|count| count > 2) {}
        if lines.is_empty() {
            return;
        }
        let path = lines.split(' ').nth(1).unwrap_or_default().to_owned();
        let headers = lines.lines().skip(1).filter_map(|line| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_ascii_lowercase(), value.to_owned()))
        });
        remembered
            .lock()
            .expect("not poisoned")
            .push((path, headers.collect()));
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 9\r\n\r\n<b>hi</b>";
        if reader.get_mut().write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

/// The settings of a gateway with that web server, which has all paths below `/old/` and two fragments.
fn settings(port: u16) -> String {
    format!(
        "[[service]]\nname = 'legacy'\nurl = 'http://127.0.0.1:{port}'\nendpoints = ['/old/**']\n\
         fragments = {{ banner = '/banner', price = '/price' }}\n"
    )
}

/// A folder with a page that has both fragments, and with those settings.
fn site(port: u16, more: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(folder.path().join("pages")).expect("made");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write(
        "pages/index.html",
        "<!doctype html><title>Shop</title>\n\
         <m:fragment service=\"legacy\" ref=\"banner\" cache=\"1s\">no banner</m:fragment>\n\
         <m:fragment service=\"legacy\" ref=\"price\">no price</m:fragment>\n",
    );
    write("hydra.toml", &format!("{more}{}", settings(port)));
    folder
}

/// `hydra serve` with a gateway for such a folder.
fn serve(folder: &tempfile::TempDir, more: &[&str]) -> Start {
    let path = |name: &str| folder.path().join(name).display().to_string();
    let (pages, config) = (path("pages"), path("hydra.toml"));
    let arguments = [
        "serve",
        &pages,
        "--with-gateway",
        "--no-reload",
        "--config",
        &config,
    ];
    start("hydra", &[&arguments, more].concat())
}

/// A connection that stays open after its request, of whose answer the first line was read.
fn kept(address: &str, path: &str) -> BufReader<TcpStream> {
    let host = address.trim_start_matches("http://");
    let mut reader = BufReader::new(TcpStream::connect(host).expect("connected"));
    ask(&mut reader, host, path);
    reader
}

/// Sends one more request over such a connection, and reads the first line of the answer.
fn ask(reader: &mut BufReader<TcpStream>, host: &str, path: &str) {
    write!(reader.get_mut(), "GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n").expect("sent");
    let mut line = String::new();
    reader.read_line(&mut line).expect("an answer");
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
}
