//! A gateway as a process with a settings file, for tests of its ports and of reloading.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::PathBuf,
    process::{Child, Command, Stdio},
};

use axum::{Router, body::Body, extract::Request, routing::get};
use bytes::Bytes;
use futures_util::stream;
use http::HeaderMap;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::support::{Running, service, until};

/// A gateway that does not outlive its test.
pub(crate) struct Front {
    child: Child,
    pub(crate) folder: tempfile::TempDir,
    /// What it printed: `http://…` or `https://…`.
    pub(crate) urls: Vec<String>,
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Front {
    /// Starts a gateway with the settings that `text` makes for its folder. It prints one line for each of `ports`.
    pub(crate) fn start(text: impl Fn(&std::path::Path) -> String, ports: usize) -> Self {
        Self::start_program(text, |_| vec!["gateway".to_owned()], ports)
    }

    /// The same with the arguments that `arguments` makes for the folder.
    pub(crate) fn start_program(
        text: impl Fn(&std::path::Path) -> String,
        arguments: impl Fn(&std::path::Path) -> Vec<String>,
        ports: usize,
    ) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("hydra.toml"), text(folder.path())).expect("written");
        let log = File::create(folder.path().join("log")).expect("a file");
        let mut child = Command::new(env!("CARGO_BIN_EXE_hydra"))
            .args(arguments(folder.path()))
            .args(["--workers", "2", "--config"])
            .arg(folder.path().join("hydra.toml"))
            .env("HYDRA_LOG", "info")
            .env_remove("HYDRA_LISTEN")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let out = BufReader::new(child.stdout.take().expect("piped"));
        let urls = out.lines().take(ports).map(|line| {
            let line = line.expect("a line");
            line.strip_prefix("listening on ").expect(&line).to_owned()
        });
        let urls: Vec<String> = urls.collect();
        let front = Self { child, folder, urls };
        assert_eq!(front.urls.len(), ports, "{}", front.log());
        front
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("log")).expect("the log")
    }

    /// The address of the port at `index`.
    pub(crate) fn address(&self, index: usize) -> String {
        let (_, address) = self.urls[index].split_once("://").expect("a URL");
        address.to_owned()
    }

    pub(crate) fn signal(&self, name: &str) {
        let told = Command::new("kill")
            .args([name, &self.child.id().to_string()])
            .status();
        assert!(told.expect("kill").success());
    }

    /// Waits until the process has ended.
    pub(crate) fn ended(&mut self) -> std::process::ExitStatus {
        self.child.wait().expect("a process")
    }

    /// Waits until the log has this text so many times.
    pub(crate) async fn logged(&self, text: &str, times: usize) {
        until(text, async || self.log().matches(text).count() >= times).await;
    }

    /// Writes other settings, and waits until they were read: `times` in all.
    pub(crate) async fn reload(&self, text: &str, times: usize) {
        fs::write(self.path("hydra.toml"), text).expect("written");
        self.signal("-HUP");
        self.logged("were read again", times).await;
    }
}

/// What the body of `/stream` is.
pub(crate) const STREAM_PIECES: usize = 30;

/// A web server: `/fast` at once, `/stream` in pieces, `/headers` the headers that it got.
pub(crate) async fn origin() -> Running {
    let stream = async || {
        let pieces = stream::unfold(0, async |piece| {
            tokio::time::sleep(std::time::Duration::from_millis(3)).await;
            (piece < STREAM_PIECES).then(|| (Ok::<_, std::io::Error>("piece\n"), piece + 1))
        });
        Body::from_stream(pieces)
    };
    let headers = async |request: Request| format!("{:?}", request.headers());
    let router = Router::new()
        .route("/fast", get(async || "fast"))
        .route("/stream", get(stream))
        .route("/headers", get(headers));
    service(router).await
}

/// A connection of a visitor.
pub(crate) enum Visitor {
    Http1(http1::SendRequest<Empty<Bytes>>),
    Http2(http2::SendRequest<Empty<Bytes>>),
}

impl Visitor {
    pub(crate) async fn new(
        stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
        is_http2: bool,
    ) -> Self {
        let io = TokioIo::new(stream);
        match is_http2 {
            false => {
                let (sender, connection) = http1::handshake(io).await.expect("a connection");
                tokio::spawn(connection);
                Self::Http1(sender)
            }
            true => {
                let handshake = http2::handshake(TokioExecutor::new(), io);
                let (sender, connection) = handshake.await.expect("a connection");
                tokio::spawn(connection);
                Self::Http2(sender)
            }
        }
    }

    /// Whether the connection takes another request.
    pub(crate) async fn is_open(&mut self) -> bool {
        match self {
            Self::Http1(sender) => sender.ready().await.is_ok(),
            Self::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    /// The whole answer.
    pub(crate) async fn get(&mut self, path: &str) -> (u16, HeaderMap, String) {
        self.send(path).await.expect("an answer")
    }

    /// The whole answer.
    ///
    /// # Errors
    /// No answer began.
    pub(crate) async fn send(&mut self, path: &str) -> hyper::Result<(u16, HeaderMap, String)> {
        let request = http::Request::get(match self {
            Self::Http1(_) => path.to_owned(),
            Self::Http2(_) => format!("https://site.test{path}"),
        });
        let request = request
            .header("host", "site.test")
            .body(Empty::new())
            .expect("a request");
        let answer = match self {
            Self::Http1(sender) => sender.send_request(request).await,
            Self::Http2(sender) => sender.send_request(request).await,
        };
        let (parts, body) = answer?.into_parts();
        let bytes = body.collect().await.expect("a whole answer").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Ok((parts.status.as_u16(), parts.headers, text))
    }
}
