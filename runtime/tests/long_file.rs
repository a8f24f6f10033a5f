//! A long file costs no memory, neither at a gateway nor at the application. The only test of its process, whose memory it watches.
#![cfg(all(feature = "upload", target_os = "linux"))]

use std::{
    fs,
    net::SocketAddr,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
    time::Duration,
};

use axum::{
    extract::{FromRequest, Path, Request},
    response::{IntoResponse, Response},
};
use hydra_runtime::{
    App, Done, Invalid, Page, Route,
    form::{Fields, Form, FormRejection, UploadFile},
    settings::Partial,
};
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

const KEY: &str = "the private key of the tests";
const FILE_BYTES: usize = 100_000_000;
/// What the process may take more meanwhile: a small part of the file.
const MORE_BYTES: usize = 25_000_000;

#[derive(serde::Serialize)]
struct Home {
    name: String,
}

impl Page for Home {
    const TEMPLATE: &'static str = "home.html";
}

impl Route for Home {
    const PATH: &'static str = "/home/{name}";
}

impl IntoResponse for Home {
    fn into_response(self) -> Response {
        hydra_runtime::app::page_response(&self)
    }
}

async fn home(Path(name): Path<String>) -> Home {
    Home { name }
}

struct Film {
    film: UploadFile,
    title: String,
}

impl Form for Film {
    const REF: &'static str = "film";
    const ACTION: &'static str = "publish";
    const FIELDS: &'static [&'static str] = &["film", "title"];
    const RUST_FIELDS: &'static [&'static str] = Self::FIELDS;
    const LONG_FILES: &'static [(&'static str, u64)] = &[("film", 2 * FILE_BYTES as u64)];

    fn read(fields: &mut Fields) -> Option<Self> {
        let (film, title) = (fields.take("film"), fields.take("title"));
        Some(Self {
            film: film?,
            title: title?,
        })
    }
}

impl<S: Send + Sync> FromRequest<S> for Film {
    type Rejection = FormRejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, FormRejection> {
        hydra_runtime::form::extract(request).await
    }
}

/// Reads all of the file, and says how long it was.
async fn publish(mut form: Film) -> Result<Done, Invalid<Film>> {
    let mut content = form.film.read().await.expect("a reader");
    let read = tokio::io::copy(&mut content, &mut tokio::io::sink()).await;
    Ok(Done::to(format!("/{}/{}", form.title, read.expect("read"))))
}

fn app() -> App {
    let plan = json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "home.html", "source": "<h1>{{ name }}</h1>{{ 0 | __hydra }}"},
            {"name": "film.html", "source": "<form action=\"{{ form.addresses[\"publish\"] }}\"></form>"},
        ],
        "sites": [{
            "place": {"file": "home.html", "line": 1, "column": 1}, "gives": [],
            "slot": {"service": {"fixed": ""}, "ref": {"fixed": "film"}, "imports": []},
        }],
        "pages": [{"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {"film": {
            "actions": {"publish": {"fields": {"film": "file", "title": "text"}}},
        }}},
        "offers": {"film": "film.html"},
    });
    App::with_plan("films", plan.to_string())
        .page(home)
        .action(publish)
}

/// Serves the application, behind the gateway if there is one. Long files are in this folder.
async fn serve(folder: &std::path::Path, gateway: Option<SocketAddr>) -> (SocketAddr, watch::Sender<bool>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = watch::channel(false);
    let mut settings = Partial::default()
        .listen(address.to_string())
        .private_key(KEY)
        .form_body("100KB")
        .upload_folder(folder.display().to_string());
    if let Some(gateway) = gateway {
        settings = settings.gateway(format!("http://{gateway}"));
    }
    let assembled = app().settings(settings).assemble().expect("assembled");
    if let Some(registration) = assembled.registration {
        tokio::spawn(registration.run(address, stopped));
    }
    tokio::spawn(async move { axum::serve(listener, assembled.router).await });
    (address, stop)
}

async fn gateway() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let config = GatewayConfig::from_toml(&format!("private_key = '{KEY}'\nmax_form = '200MB'"));
    let serving = Gateway::new(config.expect("good")).expect("a gateway");
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    address
}

/// The address of the form on the page, once it is there.
async fn form_on_page(front: SocketAddr) -> String {
    for _ in 0..1_000 {
        let mut stream = TcpStream::connect(front).await.expect("connected");
        let request = format!("GET /home/Ann HTTP/1.1\r\nhost: {front}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut page = String::new();
        stream.read_to_string(&mut page).await.expect("a page");
        if let Some((_, behind)) = page.split_once("<form action=\"") {
            let address = behind.split('"').next().expect("an address");
            return format!("/home/Ann{}", address.replace("&amp;", "&"));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the page has no form");
}

/// The answer to a form with the file.
async fn post(front: SocketAddr, target: &str) -> String {
    let head = "--b\r\nContent-Disposition: form-data; name=\"film\"; filename=\"a.mp4\"\r\n\r\n";
    let end = "\r\n--b\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nfilm\r\n--b--\r\n";
    let length = head.len() + FILE_BYTES + end.len();
    let (mut answers, mut stream) = TcpStream::connect(front).await.expect("connected").into_split();
    let sending = async {
        let request = format!(
            "POST {target} HTTP/1.1\r\nhost: {front}\r\ncontent-type: multipart/form-data; boundary=b\r\n\
             content-length: {length}\r\nconnection: close\r\n\r\n{head}"
        );
        stream.write_all(request.as_bytes()).await?;
        let piece = vec![b'x'; 100_000];
        for _ in 0..FILE_BYTES / piece.len() {
            stream.write_all(&piece).await?;
        }
        stream.write_all(end.as_bytes()).await
    };
    let mut answer = String::new();
    let (_, read) = tokio::join!(sending, answers.read_to_string(&mut answer));
    read.expect("an answer");
    answer
}

/// The memory of this process, in bytes.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    number.expect("a number") * 1_024
}

/// The most memory that this process takes until `is_over`.
fn watch_memory(is_over: &AtomicBool) -> usize {
    let mut most = memory();
    while !is_over.load(SeqCst) {
        most = most.max(memory());
        thread::sleep(Duration::from_millis(5));
    }
    most
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_file_takes_no_memory_at_a_gateway_or_an_application() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = gateway().await;
    let (_, _behind) = serve(folder.path(), Some(gateway)).await;
    let (alone, _alone) = serve(folder.path(), None).await;
    for (what, front) in [("gateway", gateway), ("application", alone)] {
        let target = form_on_page(front).await;
        let (before, is_over) = (memory(), AtomicBool::new(false));
        let (answer, most) = thread::scope(|scope| {
            let watching = scope.spawn(|| watch_memory(&is_over));
            let answer = tokio::task::block_in_place(|| {
                tokio::runtime::Handle::current().block_on(post(front, &target))
            });
            is_over.store(true, SeqCst);
            (answer, watching.join().expect("no panic"))
        });
        assert!(
            answer.starts_with("HTTP/1.1 303 ") && answer.contains(&format!("location: /film/{FILE_BYTES}")),
            "{what}: {answer}"
        );
        let more = most.saturating_sub(before);
        println!("{what}: {more} bytes more for a file of {FILE_BYTES}");
        assert!(more < MORE_BYTES, "{what}: {more} bytes more");
    }
}
