//! The frames of the protocol (LSP 3.17, "Base Protocol"): headers, an empty line, and JSON of so many bytes.

use std::io::{self, BufRead, Read, Write};

use lsp_server::Message;
use serde::Serialize;

/// The longest message. A document of the largest size fits, though each of its characters is escaped.
const MAX_MESSAGE_BYTES: u64 = 512 << 20;

/// The longest header.
const MAX_HEADER_BYTES: u64 = 4 << 10;

/// A message, or the reason why a text is not one.
#[derive(Debug)]
pub(super) enum Frame {
    Message(Message),
    Malformed(String),
}

/// Reads a frame. `None`: the input has ended.
///
/// # Errors
/// When the input can't be read, or has no headers that tell where the next frame begins.
pub(super) fn read(input: &mut impl BufRead) -> io::Result<Option<Frame>> {
    let Some(length) = read_headers(input)? else {
        return Ok(None);
    };
    if length > MAX_MESSAGE_BYTES {
        io::copy(&mut input.take(length), &mut io::sink())?;
        let reason = format!("a message of {length} bytes is too large");
        return Ok(Some(Frame::Malformed(reason)));
    }
    let mut body = Vec::new();
    input.take(length).read_to_end(&mut body)?;
    if body.len() as u64 != length {
        return Ok(None);
    }
    Ok(Some(match serde_json::from_slice(&body) {
        Ok(message) => Frame::Message(message),
        Err(error) => Frame::Malformed(error.to_string()),
    }))
}

/// The length that the headers state. `None`: the input ends before them.
fn read_headers(input: &mut impl BufRead) -> io::Result<Option<u64>> {
    let (mut length, mut has_begun) = (None, false);
    loop {
        let mut line = Vec::new();
        input.take(MAX_HEADER_BYTES).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        match text.split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok();
            }
            // An empty line ends the headers. Before them it is nothing.
            None if text.is_empty() && !has_begun => continue,
            None if text.is_empty() => return length.map(Some).ok_or_else(not_a_header),
            _ if line.len() as u64 == MAX_HEADER_BYTES => return Err(not_a_header()),
            Some(_) => {}
            None => return Err(not_a_header()),
        }
        has_begun = true;
    }
}

fn not_a_header() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not a header of the protocol")
}

/// Writes a message, and waits until it is gone.
///
/// # Errors
/// When it can't be written.
pub(super) fn write(output: &mut impl Write, message: &impl Serialize) -> io::Result<()> {
    #[derive(Serialize)]
    struct JsonRpc<'m, M> {
        jsonrpc: &'static str,
        #[serde(flatten)]
        message: &'m M,
    }
    let text = serde_json::to_string(&JsonRpc {
        jsonrpc: "2.0",
        message,
    })?;
    write!(output, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    output.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read: the methods of messages, `?` for a malformed one, `.` for the end and `!` for an error.
    fn frames(mut input: &[u8]) -> String {
        let mut found = String::new();
        loop {
            match read(&mut input) {
                Ok(Some(Frame::Message(Message::Notification(message)))) => found.push_str(&message.method),
                Ok(Some(Frame::Message(_))) => found.push('m'),
                Ok(Some(Frame::Malformed(_))) => found.push('?'),
                Ok(None) => return found + ".",
                Err(_) => return found + "!",
            }
        }
    }

    #[test]
    fn frames_are_read_to_the_end_and_malformed_ones_are_told_apart() {
        for (input, expected) in [
            ("", "."),
            ("Content-Length: 14\r\n\r\n{\"method\":\"a\"}", "a."),
            (
                "content-length:14\n\n{\"method\":\"a\"}\r\nContent-Length: 14\r\n\r\n{\"method\":\"b\"}",
                "ab.",
            ),
            (
                "Content-Type: x\r\nContent-Length: 14\r\n\r\n{\"method\":\"a\"}",
                "a.",
            ),
            // What is not JSON, or not a message, does not hide the next one.
            (
                "Content-Length: 3\r\n\r\n{}}Content-Length: 14\r\n\r\n{\"method\":\"b\"}",
                "?b.",
            ),
            ("Content-Length: 0\r\n\r\nContent-Length: 2\r\n\r\n[]", "??."),
            // It ends too early.
            ("Content-Length: 99\r\n\r\n{\"method\":\"a\"}", "."),
            ("Content-Len", "!"),
            // No length, or none that can be one.
            ("Content-Type: x\r\n\r\n{\"method\":\"a\"}", "!"),
            ("Content-Length: -1\r\n\r\n{\"method\":\"a\"}", "!"),
            ("Content-Length: 18446744073709551615\r\n\r\n{}", "?."),
            ("GET / HTTP/1.1\r\n\r\n", "!"),
        ] {
            assert_eq!(frames(input.as_bytes()), expected, "{input}");
        }
        let long = format!("X: {}\r\n\r\n", "x".repeat(9_000));
        assert_eq!(frames(long.as_bytes()), "!");
    }
}
