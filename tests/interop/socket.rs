//! A small WebSocket client (RFC 6455), and a request with a cookie.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

fn connect(address: &str) -> (&str, TcpStream) {
    let host = address.trim_start_matches("http://");
    let stream = TcpStream::connect(host).expect("a connection");
    let patience = Some(Duration::from_secs(20));
    stream.set_read_timeout(patience).expect("a time limit");
    (host, stream)
}

/// Sends short texts one by one, and returns the answer to each.
pub(crate) fn talk(address: &str, path: &str, texts: &[&str]) -> Vec<String> {
    let (host, mut stream) = connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .expect("sent");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.extend(bytes::<1>(&mut stream));
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    assert!(head.starts_with("HTTP/1.1 101"), "{head}");
    texts.iter().map(|text| exchange(&mut stream, text)).collect()
}

fn exchange(stream: &mut TcpStream, text: &str) -> String {
    // A final text frame, with a mask of zeros (RFC 6455 section 5.2).
    let length = u8::try_from(text.len()).expect("a short text");
    let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat();
    stream.write_all(&frame).expect("sent");
    let [kind, length] = bytes::<2>(stream);
    assert_eq!(kind, 0x81, "a text");
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).expect("an answer");
    String::from_utf8(answer).expect("UTF-8")
}

fn bytes<const N: usize>(stream: &mut TcpStream) -> [u8; N] {
    let mut bytes = [0; N];
    stream.read_exact(&mut bytes).expect("an answer");
    bytes
}

/// The body of a page for a visitor with a cookie.
pub(crate) fn get_with_cookie(address: &str, path: &str, cookie: &str) -> String {
    let (host, mut stream) = connect(address);
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nhost: {host}\r\ncookie: {cookie}\r\n\r\n"
    )
    .expect("sent");
    let mut text = String::new();
    stream.read_to_string(&mut text).expect("an answer");
    let (_, body) = text.split_once("\r\n\r\n").expect("a head");
    body.to_owned()
}
