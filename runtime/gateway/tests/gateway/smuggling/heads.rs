//! Heads of requests of HTTP/1.

use super::visitor::{
    BAD,
    Fate::{Answered, Passed, Refused},
    check, get, post, raw,
};

#[tokio::test]
async fn lines_and_names_have_one_meaning() {
    const LINE: &str = "RFC 9112 section 2.2";
    const FOLD: &str = "RFC 9112 section 5.2";
    const NAME: &str = "RFC 9112 section 5.1";
    const VALUE: &str = "RFC 9110 section 5.5";
    check(vec![
        (
            LINE,
            "bare LFs everywhere",
            raw("GET /x?first HTTP/1.1\nHost: a.test\n\n"),
            Passed(""),
        ),
        (LINE, "a bare LF in a head", get("X: y\nZ: 1\r\n"), Passed("")),
        (
            LINE,
            "a bare CR in a value",
            get("X: y\rContent-Length: 5\r\n"),
            BAD,
        ),
        (LINE, "a bare CR in a name", get("X\r: y\r\n"), BAD),
        (
            LINE,
            "a bare CR in the target",
            raw("GET /x\r?first HTTP/1.1\r\nHost: a.test\r\n\r\n"),
            BAD,
        ),
        (
            LINE,
            "empty lines in front",
            raw("\r\n\r\nGET /x?first HTTP/1.1\r\nHost: a.test\r\n\r\n"),
            Passed(""),
        ),
        (
            LINE,
            "a space before the first header",
            raw("GET /x?first HTTP/1.1\r\n Host: a.test\r\nHost: a.test\r\n\r\n"),
            BAD,
        ),
        (FOLD, "a folded line", get("X: y\r\n z\r\n"), BAD),
        (FOLD, "a line folded with a tab", get("X: y\r\n\tz\r\n"), BAD),
        (
            FOLD,
            "a folded coding",
            post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
            BAD,
        ),
        (
            FOLD,
            "a folded length",
            post("Content-Length: 5\r\n 0\r\n", "hello"),
            BAD,
        ),
        (NAME, "a space before a colon", get("X : y\r\n"), BAD),
        (
            NAME,
            "a space before the colon of the length",
            post("Content-Length : 5\r\n", "hello"),
            BAD,
        ),
        (
            NAME,
            "a tab before the colon of the coding",
            post("Transfer-Encoding\t: chunked\r\n", "0\r\n\r\n"),
            BAD,
        ),
        (NAME, "a space in a name", get("X y: z\r\n"), BAD),
        (NAME, "no name", get(": y\r\n"), BAD),
        (NAME, "no colon", get("X\r\n"), BAD),
        (NAME, "NUL in a name", get("X\0: y\r\n"), BAD),
        (NAME, "letters beyond ASCII in a name", get("é: y\r\n"), BAD),
        (VALUE, "NUL in a value", get("X: a\0b\r\n"), BAD),
        (
            VALUE,
            "NUL behind a length",
            post("Content-Length: 5\0\r\n", "hello"),
            BAD,
        ),
        (VALUE, "another control character", get("X: a\u{1}b\r\n"), BAD),
        (VALUE, "DEL", get("X: a\u{7f}b\r\n"), BAD),
        (VALUE, "a tab", get("X: a\tb\r\n"), Passed("")),
    ])
    .await;
}

#[tokio::test]
async fn the_target_and_the_host_have_one_meaning() {
    const LINE: &str = "RFC 9112 section 3";
    const TARGET: &str = "RFC 9112 section 3.2";
    const VERSION: &str = "RFC 9112 section 2.3";
    const HOP: &str = "RFC 9110 section 7.6.1";
    const SWITCH: &str = "RFC 9110 section 7.8";
    let first = |line: &str, lines: &str| raw(&format!("{line}\r\n{lines}\r\n"));
    let host = "Host: a.test\r\n";
    let h2c =
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA\r\n";
    check(vec![
        (
            LINE,
            "a space in the target",
            first("GET /x?first x HTTP/1.1", host),
            BAD,
        ),
        (LINE, "two spaces", first("GET  /x?first HTTP/1.1", host), BAD),
        (
            LINE,
            "two spaces before the version",
            first("GET /x?first  HTTP/1.1", host),
            BAD,
        ),
        (
            LINE,
            "tabs between the parts",
            first("GET\t/x?first\tHTTP/1.1", host),
            BAD,
        ),
        (
            LINE,
            "a tab in the target",
            first("GET /x?fi\trst HTTP/1.1", host),
            BAD,
        ),
        (
            LINE,
            "a space in front",
            first(" GET /x?first HTTP/1.1", host),
            BAD,
        ),
        (
            LINE,
            "a space at the end",
            first("GET /x?first HTTP/1.1 ", host),
            BAD,
        ),
        (LINE, "no version", first("GET /x?first", host), BAD),
        (
            LINE,
            "a method that is not a token",
            first("GE(T /x?first HTTP/1.1", host),
            BAD,
        ),
        (
            LINE,
            "NUL in the target",
            first("GET /x?\0first HTTP/1.1", host),
            BAD,
        ),
        (
            VERSION,
            "HTTP/1.2",
            first("GET /x?first HTTP/1.2", host),
            Refused(&[400, 505]),
        ),
        (
            VERSION,
            "HTTP/2.0",
            first("GET /x?first HTTP/2.0", host),
            Refused(&[400, 505]),
        ),
        (
            VERSION,
            "HTTP/0.9",
            first("GET /x?first HTTP/0.9", host),
            Refused(&[400, 505]),
        ),
        (
            VERSION,
            "http in small letters",
            first("GET /x?first http/1.1", host),
            Refused(&[400, 505]),
        ),
        (
            VERSION,
            "a version of two digits",
            first("GET /x?first HTTP/1.10", host),
            Refused(&[400, 505]),
        ),
        (TARGET, "no host", first("GET /x?first HTTP/1.1", ""), BAD),
        (
            TARGET,
            "two hosts",
            first("GET /x?first HTTP/1.1", "Host: a.test\r\nHost: b.test\r\n"),
            BAD,
        ),
        (
            TARGET,
            "a host twice",
            first("GET /x?first HTTP/1.1", "Host: a.test\r\nHost: a.test\r\n"),
            BAD,
        ),
        (
            TARGET,
            "a host with a space before its colon",
            first("GET /x?first HTTP/1.1", "Host : a.test\r\n"),
            BAD,
        ),
        (
            TARGET,
            "a host with a path",
            first("GET /x?first HTTP/1.1", "Host: a.test/x\r\n"),
            BAD,
        ),
        (
            TARGET,
            "a host that is a list",
            first("GET /x?first HTTP/1.1", "Host: a.test, b.test\r\n"),
            BAD,
        ),
        (
            TARGET,
            "another host in the target",
            first("GET http://b.test/x?first HTTP/1.1", host),
            Passed(""),
        ),
        (
            TARGET,
            "a user in the target",
            first("GET http://u@a.test/x?first HTTP/1.1", host),
            BAD,
        ),
        (
            TARGET,
            "an asterisk",
            first("OPTIONS * HTTP/1.1", host),
            Answered(204),
        ),
        (
            TARGET,
            "a fragment in the target",
            first("GET /x?first#y HTTP/1.1", host),
            Passed(""),
        ),
        (
            "RFC 9110 section 9.3.6",
            "CONNECT",
            first("CONNECT a.test:443 HTTP/1.1", "Host: a.test:443\r\n"),
            Refused(&[400, 405]),
        ),
        (
            "RFC 9110 section 9.3.6",
            "CONNECT with a path",
            first("CONNECT /x?first HTTP/1.1", host),
            Refused(&[400, 405]),
        ),
        (
            HOP,
            "Connection names the host",
            get("Connection: host\r\n"),
            Passed(""),
        ),
        (
            HOP,
            "Connection names the length",
            post("Connection: content-length\r\nContent-Length: 5\r\n", "hello"),
            Passed("hello"),
        ),
        (
            HOP,
            "Connection names the coding",
            post(
                "Connection: transfer-encoding\r\nTransfer-Encoding: chunked\r\n",
                "5\r\nhello\r\n0\r\n\r\n",
            ),
            Passed("hello"),
        ),
        (
            HOP,
            "Proxy-Connection",
            get("Proxy-Connection: keep-alive\r\n"),
            Passed(""),
        ),
        (SWITCH, "h2c", get(h2c), Passed("")),
        (
            SWITCH,
            "h2c with a body",
            post(&format!("{h2c}Content-Length: 5\r\n"), "hello"),
            Passed("hello"),
        ),
        (
            SWITCH,
            "a protocol of another kind",
            get("Connection: upgrade\r\nUpgrade: evil\r\n"),
            Passed(""),
        ),
    ])
    .await;
}
