//! The simplest client: one request, one connection.

use std::{
    io::{self, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header lines.
    pub head: String,
    /// The body. Bytes that are not UTF-8 are replaced.
    pub body: String,
}

impl Answer {
    /// The first part of a cookie that it sets: `name=value`.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        let mut cookies = lines.filter(|(header, _)| header.eq_ignore_ascii_case("set-cookie"));
        let start = format!("{name}=");
        let (_, cookie) = cookies.find(|(_, cookie)| cookie.starts_with(&start))?;
        cookie.split(';').next().map(str::to_owned)
    }
}

/// `GET path` at `address`, which is `http://host:port`. HTTP/1.0, so that the body comes as it is.
///
/// # Errors
/// No connection, or an answer that breaks off.
pub fn get(address: &str, path: &str) -> io::Result<Answer> {
    send(address, &format!("GET {path}"), "", "")
}

/// `method path` at `address` by a client that takes what `accept` says.
///
/// # Errors
/// No connection, or an answer that breaks off.
pub fn ask(address: &str, method: &str, path: &str, accept: &str) -> io::Result<Answer> {
    let (host, mut stream) = connect(address)?;
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nhost: {host}\r\naccept: {accept}\r\n\r\n"
    )?;
    read(stream)
}

/// `GET path` at `address` by a browser with a cookie.
///
/// # Errors
/// No connection, or an answer that breaks off.
pub fn get_with_cookie(address: &str, path: &str, cookie: &str) -> io::Result<Answer> {
    get_with(address, path, &[("cookie", cookie)])
}

/// `GET path` at `address` with headers.
///
/// # Errors
/// No connection, or an answer that breaks off.
pub fn get_with(address: &str, path: &str, headers: &[(&str, &str)]) -> io::Result<Answer> {
    let (host, mut stream) = connect(address)?;
    write!(stream, "GET {path} HTTP/1.0\r\nhost: {host}\r\n")?;
    for (name, value) in headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    write!(stream, "\r\n")?;
    read(stream)
}

/// `POST path` at `address` with a JSON body.
///
/// # Errors
/// No connection, or an answer that breaks off.
pub fn post(address: &str, path: &str, json: &str) -> io::Result<Answer> {
    send(address, &format!("POST {path}"), "application/json", json)
}

/// `POST path` at `address` with the body of a form.
///
/// # Errors
/// No connection, or an answer that breaks off.
pub fn post_form(address: &str, path: &str, form: &str) -> io::Result<Answer> {
    let kind = "application/x-www-form-urlencoded";
    send(address, &format!("POST {path}"), kind, form)
}

/// The same by a browser with a cookie, from a page at `from`.
///
/// # Errors
/// No connection, or an answer that breaks off.
pub fn post_form_from(address: &str, path: &str, from: &str, cookie: &str, form: &str) -> io::Result<Answer> {
    let (host, mut stream) = connect(address)?;
    write!(
        stream,
        "POST {path} HTTP/1.0\r\nhost: {host}\r\nreferer: {address}{from}\r\ncookie: {cookie}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
        form.len()
    )?;
    read(stream)
}

fn send(address: &str, what: &str, kind: &str, body: &str) -> io::Result<Answer> {
    let (host, mut stream) = connect(address)?;
    write!(stream, "{what} HTTP/1.0\r\nhost: {host}\r\n")?;
    if !body.is_empty() {
        write!(
            stream,
            "content-type: {kind}\r\ncontent-length: {}\r\n",
            body.len()
        )?;
    }
    write!(stream, "\r\n{body}")?;
    read(stream)
}

fn connect(address: &str) -> io::Result<(&str, TcpStream)> {
    let host = address.trim_start_matches("http://");
    let stream = TcpStream::connect(host)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok((host, stream))
}

fn read(mut stream: TcpStream) -> io::Result<Answer> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let (head, body) = text.split_once("\r\n\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Ok(Answer {
        status: status.ok_or(io::ErrorKind::InvalidData)?,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
