//! Answers of plain services in every type, coding and charset.

use std::io::Write;

use flate2::{
    Compression,
    write::{DeflateEncoder, GzEncoder, ZlibEncoder},
};
use http::{HeaderName, HeaderValue};

use super::*;

const LIMIT: usize = 1 << 20;

type Fields<'a> = &'a [(&'a str, &'a [u8])];

fn came(status: u16, fields: Fields<'_>, body: &[u8]) -> Result<String, String> {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.append(name, HeaderValue::from_bytes(value).expect("a value"));
    }
    let status = StatusCode::from_u16(status).expect("a status");
    html(status, &headers, body.to_vec(), LIMIT)
}

/// `Err` holds a part of the reason.
fn check(what: &str, came: &Result<String, String>, expected: Result<&str, &str>) {
    match (came, expected) {
        (Ok(text), Ok(expected)) => assert_eq!(text, expected, "{what}"),
        (Err(reason), Err(part)) => assert!(reason.contains(part), "{what}: {reason}"),
        _ => panic!("{what}: {came:?} instead of {expected:?}"),
    }
}

#[test]
fn only_html_is_a_fragment() {
    for (kinds, expected) in [
        (&[] as &[&str], Ok("<p>")),
        (&[""], Ok("<p>")),
        (&["text/html"], Ok("<p>")),
        (&["TEXT/HTML ; Charset=UTF-8"], Ok("<p>")),
        (&["text/html;level=1"], Ok("<p>")),
        (&["application/xhtml+xml"], Ok("<p>")),
        (&["text/html", "text/html; charset=utf-8"], Ok("<p>")),
        (&["text/plain"], Err("`text/plain`, not HTML")),
        (&["text/plain;charset=utf-8"], Err("`text/plain`, not HTML")),
        (&["application/json"], Err("`application/json`, not HTML")),
        (&["image/svg+xml"], Err("`image/svg+xml`, not HTML")),
        (&["application/octet-stream"], Err("not HTML")),
        (&["text/htmlx"], Err("not HTML")),
        (&["html"], Err("not HTML")),
        (&["text/html, text/plain"], Err("not HTML")),
        (
            &["text/html", "application/json"],
            Err("`application/json`, not HTML"),
        ),
        (&["application/json; x=text/html"], Err("not HTML")),
    ] {
        let fields: Vec<_> = kinds
            .iter()
            .map(|kind| ("content-type", kind.as_bytes()))
            .collect();
        check(&format!("{kinds:?}"), &came(200, &fields, b"<p>"), expected);
    }
    let long = "x".repeat(10_000);
    let reason = came(200, &[("content-type", long.as_bytes())], b"").expect_err("not HTML");
    assert!(reason.len() < 300, "{reason}");
}

#[test]
fn a_status_without_content_is_an_empty_fragment() {
    for (status, body, expected) in [
        (200, &b"<p>"[..], Ok("<p>")),
        (200, b"", Ok("")),
        (203, b"<p>", Ok("<p>")),
        (204, b"", Ok("")),
        (205, b"", Ok("")),
        (201, b"<p>", Err("201")),
        (202, b"", Err("202")),
        (206, b"<p>", Err("206")),
        (302, b"", Err("302")),
        (304, b"", Err("304")),
        (404, b"<p>", Err("404")),
        (500, b"", Err("500")),
    ] {
        check(&status.to_string(), &came(status, &[], body), expected);
    }
    // Its type then says nothing.
    let fields: Fields<'_> = &[("content-type", b"text/plain"), ("content-encoding", b"br")];
    check("204 with a type", &came(204, fields, b""), Ok(""));
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(text).expect("written");
    encoder.finish().expect("ended")
}

fn zlib(text: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("written");
    encoder.finish().expect("ended")
}

fn deflate(text: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("written");
    encoder.finish().expect("ended")
}

#[test]
fn an_encoded_answer_is_decoded_though_that_was_not_asked_for() {
    let text = "<p>Käse</p>".as_bytes();
    let twice = gzip(&gzip(text));
    let parts = [gzip(b"<p>"), gzip(b"x</p>")].concat();
    let short = &gzip(text)[..20];
    let mut damaged = gzip(text);
    let last = damaged.len() - 6;
    damaged[last] ^= 1;
    let four = gzip(&gzip(&gzip(&gzip(text))));
    for (coding, body, expected) in [
        ("gzip", gzip(text), Ok("<p>Käse</p>")),
        ("GZip", gzip(text), Ok("<p>Käse</p>")),
        ("x-gzip", gzip(text), Ok("<p>Käse</p>")),
        ("identity", text.to_vec(), Ok("<p>Käse</p>")),
        ("", text.to_vec(), Ok("<p>Käse</p>")),
        ("identity, gzip,", gzip(text), Ok("<p>Käse</p>")),
        ("gzip, gzip", twice.clone(), Ok("<p>Käse</p>")),
        ("gzip, deflate", zlib(&gzip(text)), Ok("<p>Käse</p>")),
        ("deflate", zlib(text), Ok("<p>Käse</p>")),
        ("deflate", deflate(text), Ok("<p>Käse</p>")),
        ("gzip", parts, Ok("<p>x</p>")),
        ("gzip", Vec::new(), Ok("")),
        ("gzip", gzip(b""), Ok("")),
        ("gzip", gzip(b"\xef\xbb\xbf<p>"), Ok("<p>")),
        ("gzip", text.to_vec(), Err("gzip can't be read")),
        ("gzip", short.to_vec(), Err("gzip can't be read")),
        ("gzip", damaged, Err("gzip can't be read")),
        ("gzip", twice, Err("not UTF-8")),
        ("br", text.to_vec(), Err("encoded as `br`")),
        ("zstd", text.to_vec(), Err("encoded as `zstd`")),
        ("gzip, br", gzip(text), Err("encoded as `br`")),
        ("gzip;q=1", gzip(text), Err("encoded as")),
        ("gzip, gzip, gzip, gzip", four, Err("more than 3 times")),
    ] {
        let result = came(200, &[("content-encoding", coding.as_bytes())], &body);
        check(coding, &result, expected);
    }
    let fields: Fields<'_> = &[("content-encoding", b"gzip"), ("content-encoding", b"deflate")];
    check(
        "two lines",
        &came(200, fields, &zlib(&gzip(text))),
        Ok("<p>Käse</p>"),
    );
}

#[test]
fn what_grows_too_large_is_no_fragment() {
    let zeros = vec![b' '; 8 << 20];
    let bomb = gzip(&zeros);
    assert!(bomb.len() < 100_000);
    let bomb_in_bomb = gzip(&bomb);
    let fits = vec![b'x'; LIMIT];
    let grows = vec![0xe4; LIMIT];
    for (what, fields, body, expected) in [
        (
            "a bomb",
            &[("content-encoding", &b"gzip"[..])] as Fields<'_>,
            &bomb,
            false,
        ),
        (
            "a bomb of zlib",
            &[("content-encoding", b"deflate")],
            &zlib(&zeros),
            false,
        ),
        (
            "a bomb without zlib",
            &[("content-encoding", b"deflate")],
            &deflate(&zeros),
            false,
        ),
        (
            "a bomb in a bomb",
            &[("content-encoding", b"gzip, gzip")],
            &bomb_in_bomb,
            false,
        ),
        (
            "what just fits",
            &[("content-encoding", b"gzip")],
            &gzip(&fits),
            true,
        ),
        (
            "one byte more",
            &[("content-encoding", b"gzip")],
            &gzip(&[&fits[..], b"x"].concat()),
            false,
        ),
        (
            "a charset that grows",
            &[("content-type", b"text/html;charset=latin1")],
            &grows,
            false,
        ),
    ] {
        let result = came(200, fields, body);
        assert_eq!(result.is_ok(), expected, "{what}");
        if let Err(reason) = result {
            assert!(reason.contains("longer than 1048576 bytes"), "{what}: {reason}");
        }
    }
}

#[test]
fn charsets_are_decoded() {
    let utf_16 = |mark: [u8; 2], of: fn(u16) -> [u8; 2]| {
        let units = "<ä>".encode_utf16().flat_map(of);
        mark.into_iter().chain(units).collect::<Vec<u8>>()
    };
    for (kind, body, expected) in [
        ("text/html", &b"<\xc3\xa4>"[..], Ok("<ä>")),
        ("text/html;charset=utf-8", b"<\xc3\xa4>", Ok("<ä>")),
        ("text/html;charset=UTF8", b"<\xc3\xa4>", Ok("<ä>")),
        ("text/html;charset=iso-8859-1", b"K\xf6ln", Ok("Köln")),
        ("text/html; Charset=\"ISO-8859-1\"", b"K\xf6ln", Ok("Köln")),
        ("text/html;charset='latin1'", b"K\xf6ln", Ok("Köln")),
        ("text/html;x=y; charset = iso-8859-1 ;z=1", b"K\xf6ln", Ok("Köln")),
        ("text/html;charset=windows-1252", b"\x80", Ok("€")),
        ("text/html;charset=iso-8859-15", b"\xa4", Ok("€")),
        ("text/html;charset=us-ascii", b"K\xf6ln", Ok("Köln")),
        ("text/html;charset=koi8-r", b"\xc1", Ok("а")),
        (
            "text/html;charset=ISO-2022-JP",
            b"\x1b$B$\"\x1b(B<b>",
            Ok("あ<b>"),
        ),
        ("text/html;charset=Shift_JIS", b"\x82\xa0", Ok("あ")),
        ("text/html;charset=euc-jp", b"\xa4\xa2", Ok("あ")),
        ("text/html;charset=gb18030", b"\xc4\xe3", Ok("你")),
        ("text/html;charset=big5", b"\xa7A", Ok("你")),
        ("text/html;charset=utf-16le", b"<\0\xe4\0>\0", Ok("<ä>")),
        ("text/html;charset=utf-16be", b"\0<\0\xe4\0>", Ok("<ä>")),
        ("text/html;charset=", b"<\xc3\xa4>", Ok("<ä>")),
        // An unknown name does no harm where the text is UTF-8.
        ("text/html;charset=utf8mb4", b"<\xc3\xa4>", Ok("<ä>")),
        ("text/html;charset=utf-7", b"+ADw-b+AD4-", Ok("+ADw-b+AD4-")),
        (
            "text/html;charset=nothing",
            b"\xf6",
            Err("charset `nothing` is not known"),
        ),
        ("text/html;charset=hz-gb-2312", b"~{<s~}", Err("is not known")),
        ("text/html;charset=iso-2022-kr", b"\x0e<s", Err("is not known")),
        ("text/html", b"K\xf6ln", Err("names no charset")),
        (
            "text/html",
            b"<meta charset=latin1>K\xf6ln",
            Err("names no charset"),
        ),
        ("text/html;charset=utf-8", b"K\xf6ln", Err("is not UTF-8")),
        (
            "text/html;charset=iso-2022-jp",
            b"\x1b$B\xff\xff",
            Err("is not ISO-2022-JP"),
        ),
        ("text/html;charset=shift_jis", b"\x82", Err("is not Shift_JIS")),
        (
            "text/html;charset=utf-16le",
            b"<\0\x00\xd8",
            Err("is not UTF-16LE"),
        ),
    ] {
        let result = came(200, &[("content-type", kind.as_bytes())], body);
        check(kind, &result, expected);
    }
    for (what, body) in [
        ("UTF-16LE", utf_16([0xff, 0xfe], u16::to_le_bytes)),
        ("UTF-16BE", utf_16([0xfe, 0xff], u16::to_be_bytes)),
    ] {
        check(what, &came(200, &[], &body), Ok("<ä>"));
    }
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_page() {
    const LATIN: Fields<'_> = &[("content-type", b"text/html;charset=iso-8859-1")];
    const UTF_8: Fields<'_> = &[("content-type", b"text/html;charset=utf-8")];
    for (fields, body, expected) in [
        (&[] as Fields<'_>, &b"\xef\xbb\xbf<p>"[..], Ok("<p>")),
        (UTF_8, b"\xef\xbb\xbf<p>", Ok("<p>")),
        // The mark counts more than the header.
        (LATIN, b"\xef\xbb\xbf<\xc3\xa4>", Ok("<ä>")),
        (&[], b"\xef\xbb\xbf", Ok("")),
        (&[], b"\xef\xbb\xbf\xef\xbb\xbf<p>", Ok("\u{feff}<p>")),
        (&[], b"<p>\xef\xbb\xbf", Ok("<p>\u{feff}")),
        (&[], b"\xef\xbb", Err("not UTF-8")),
        (&[], b"\xff\xfe", Ok("")),
    ] {
        check(&format!("{body:?}"), &came(200, fields, body), expected);
    }
}
