//! Bodies of HTTP/1, and their lengths.

use super::visitor::{
    BAD,
    Fate::{Passed, PassedAndClosed, Refused},
    check, post, raw,
};

#[tokio::test]
async fn the_length_of_a_body_has_one_meaning() {
    const CHUNKS: &str = "5\r\nhello\r\n0\r\n\r\n";
    const CL: &str = "RFC 9112 section 6.3 and RFC 9110 section 8.6";
    const TE: &str = "RFC 9112 section 6.1";
    let length = |value: &str| post(&format!("Content-Length:{value}\r\n"), "hello");
    let coding = |value: &str| post(&format!("Transfer-Encoding:{value}\r\n"), CHUNKS);
    let both = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n";
    let turned = "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n";
    let differing = "Content-Length: 5\r\nContent-Length: 6\r\n";
    let equal = "Content-Length: 5\r\nContent-Length: 5\r\n";
    let unknown = Refused(&[400, 501]);
    check(vec![
        (CL, "a length", length(" 5"), Passed("hello")),
        (TE, "chunks", coding(" chunked"), Passed("hello")),
        (TE, "chunks in capitals", coding(" CHUNKED"), Passed("hello")),
        (TE, "chunks after a tab", coding("\tchunked"), Passed("hello")),
        (TE, "a length and chunks", post(both, CHUNKS), PassedAndClosed("hello")),
        (TE, "chunks and a length", post(turned, CHUNKS), PassedAndClosed("hello")),
        (TE, "xchunked", coding(" xchunked"), unknown),
        (TE, "chunked in quotes", coding(" \"chunked\""), unknown),
        (TE, "chunked with a parameter", coding(" chunked;q=1"), unknown),
        (TE, "a vertical tab", coding(" \u{b}chunked"), unknown),
        (TE, "identity last", coding(" chunked, identity"), unknown),
        (TE, "identity first", coding(" identity, chunked"), unknown),
        (TE, "chunks twice", coding(" chunked, chunked"), unknown),
        (TE, "an empty coding", coding(""), unknown),
        (TE, "two lines", coding(" chunked\r\nTransfer-Encoding: identity"), unknown),
        (TE, "two lines, turned", coding(" identity\r\nTransfer-Encoding: chunked"), unknown),
        (TE, "two equal lines", coding(" chunked\r\nTransfer-Encoding: chunked"), unknown),
        (TE, "an empty line first", coding("\r\nTransfer-Encoding: chunked"), unknown),
        (TE, "a name that is like it", post("Transfer_Encoding: chunked\r\nContent-Length: 5\r\n", "hello"), Passed("hello")),
        (TE, "chunks of HTTP/1.0", raw(&format!("POST /x?first HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{CHUNKS}")), BAD),
        (CL, "two lengths", post(differing, "hello!"), BAD),
        (CL, "a length twice", post(equal, "hello"), Passed("hello")),
        (CL, "a list of equal lengths", length(" 5, 5"), BAD),
        (CL, "a list of equal lengths without a space", length(" 5,5"), BAD),
        (CL, "a list of lengths", length(" 5, 6"), BAD),
        (CL, "a plus", length(" +5"), BAD),
        (CL, "a minus", length(" -5"), BAD),
        (CL, "hexadecimal", length(" 0x5"), BAD),
        (CL, "two numbers", length(" 5 5"), BAD),
        (CL, "spaces around", length("  5  "), Passed("hello")),
        (CL, "zeros in front", length(" 0005"), Passed("hello")),
        (CL, "20 digits", length(" 99999999999999999999"), Refused(&[400, 413, 431])),
        (CL, "the largest number of 64 bits", length(" 18446744073709551615"), Refused(&[400, 413, 431])),
        (CL, "letters", length(" five"), BAD),
        (CL, "other digits", length(" \u{665}"), BAD),
        (CL, "nothing", length(""), BAD),
        (CL, "a fraction", length(" 5.0"), BAD),
    ])
    .await;
}

#[tokio::test]
async fn chunks_have_one_meaning() {
    const SIZE: &str = "RFC 9112 section 7.1";
    const EXTENSION: &str = "RFC 9112 section 7.1.1";
    const TRAILER: &str = "RFC 9112 section 7.1.2";
    let chunks = |text: &str| post("Transfer-Encoding: chunked\r\n", text);
    let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(20_000));
    let many = format!(
        "{}0\r\n\r\n",
        format!("1;{}\r\nh\r\n", "x".repeat(1_000)).repeat(20)
    );
    let trailers = format!(
        "5\r\nhello\r\n0\r\n{}\r\n",
        format!("x: {}\r\n", "y".repeat(1_000)).repeat(40)
    );
    check(vec![
        (
            SIZE,
            "hexadecimal in capitals",
            chunks("A\r\nhellohello\r\n0\r\n\r\n"),
            Passed("hellohello"),
        ),
        (
            SIZE,
            "zeros in front",
            chunks("0000005\r\nhello\r\n000\r\n\r\n"),
            Passed("hello"),
        ),
        (
            SIZE,
            "a space behind",
            chunks("5 \r\nhello\r\n0\r\n\r\n"),
            Passed("hello"),
        ),
        (SIZE, "a plus", chunks("+5\r\nhello\r\n0\r\n\r\n"), BAD),
        (SIZE, "a minus", chunks("-5\r\nhello\r\n0\r\n\r\n"), BAD),
        (SIZE, "0x", chunks("0x5\r\nhello\r\n0\r\n\r\n"), BAD),
        (SIZE, "a space in front", chunks(" 5\r\nhello\r\n0\r\n\r\n"), BAD),
        (SIZE, "nothing", chunks("\r\nhello\r\n0\r\n\r\n"), BAD),
        (SIZE, "an underscore", chunks("0_5\r\nhello\r\n0\r\n\r\n"), BAD),
        (
            SIZE,
            "more than 64 bits",
            chunks("10000000000000005\r\nhello\r\n0\r\n\r\n"),
            BAD,
        ),
        (
            SIZE,
            "a bare LF behind the size",
            chunks("5\nhello\r\n0\r\n\r\n"),
            BAD,
        ),
        (
            SIZE,
            "a bare CR behind the size",
            chunks("5\rhello\r\n0\r\n\r\n"),
            BAD,
        ),
        (
            SIZE,
            "a bare LF behind the chunk",
            chunks("5\r\nhello\n0\r\n\r\n"),
            BAD,
        ),
        (
            SIZE,
            "more than the size",
            chunks("5\r\nhello!\r\n0\r\n\r\n"),
            BAD,
        ),
        (
            SIZE,
            "nothing behind the chunk",
            chunks("5\r\nhello0\r\n\r\n"),
            BAD,
        ),
        (
            EXTENSION,
            "an extension",
            chunks("5;a=b\r\nhello\r\n0;c\r\n\r\n"),
            Passed("hello"),
        ),
        (
            EXTENSION,
            "an extension with a bare LF",
            chunks("5;a\nb\r\nhello\r\n0\r\n\r\n"),
            BAD,
        ),
        (
            EXTENSION,
            "an extension with a bare CR",
            chunks("5;a\rb\r\nhello\r\n0\r\n\r\n"),
            BAD,
        ),
        (EXTENSION, "a long extension", chunks(&long), BAD),
        (EXTENSION, "many extensions", chunks(&many), BAD),
        (
            TRAILER,
            "trailers that a head decides",
            chunks("5\r\nhello\r\n0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\nHost: evil\r\n\r\n"),
            Passed("hello"),
        ),
        (
            TRAILER,
            "a trailer without a colon",
            chunks("5\r\nhello\r\n0\r\nnonsense\r\n\r\n"),
            BAD,
        ),
        (
            TRAILER,
            "a trailer that is folded",
            chunks("5\r\nhello\r\n0\r\na: b\r\n c\r\n\r\n"),
            BAD,
        ),
        (TRAILER, "trailers without end", chunks(&trailers), BAD),
    ])
    .await;
}

#[tokio::test]
async fn a_body_reaches_the_service_whatever_the_method() {
    const SECTION: &str = "RFC 9112 section 6";
    let chunks = "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    let length = "Content-Length: 5\r\n\r\nhello";
    let of = |method: &str, rest: &str| raw(&format!("{method} /x?first HTTP/1.1\r\nHost: a.test\r\n{rest}"));
    check(vec![
        (SECTION, "GET with chunks", of("GET", chunks), Passed("hello")),
        (SECTION, "GET with a length", of("GET", length), Passed("hello")),
        (
            SECTION,
            "OPTIONS with chunks",
            of("OPTIONS", chunks),
            Passed("hello"),
        ),
        (
            SECTION,
            "DELETE with a length",
            of("DELETE", length),
            Passed("hello"),
        ),
        (
            SECTION,
            "a method of its own with chunks",
            of("PURGE", chunks),
            Passed("hello"),
        ),
        (SECTION, "POST without a body", of("POST", "\r\n"), Passed("")),
        (
            SECTION,
            "POST with an empty body",
            of("POST", "Content-Length: 0\r\n\r\n"),
            Passed(""),
        ),
        (
            SECTION,
            "POST with no chunk",
            of("POST", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
            Passed(""),
        ),
    ])
    .await;
}
