//! Composite metadata, routes and credentials, correct ones and others.

use bytes::Bytes;
use hydra_runtime_rsocket::metadata::{
    AUTHENTICATION, Authentication, COMPOSITE_METADATA, CompositeWriter, Entry, MetadataError, MimeType,
    ROUTING, bearer, entries, route, tags,
};
use proptest::prelude::*;

fn read(bytes: &'static [u8]) -> Result<Vec<Entry>, MetadataError> {
    entries(Bytes::from_static(bytes)).collect()
}

#[test]
fn a_route_and_a_token_have_the_bytes_that_the_extensions_describe() {
    let writer = CompositeWriter::new();
    let writer = writer.push(
        &MimeType::named(ROUTING),
        &route(&["a.b", "c"]).expect("short tags"),
    );
    let writer = writer.and_then(|writer| writer.push(&MimeType::named(AUTHENTICATION), &bearer("token")));
    let writer = writer.and_then(|writer| writer.push(&MimeType::named("text/x.own"), b"own"));
    let bytes = writer.expect("short parts").finish();
    // Identifiers have the highest bit; the length of a name is written less 1.
    let expected = b"\xFE\0\0\x06\x03a.b\x01c\xFC\0\0\x06\x81token\x09text/x.own\0\0\x03own";
    assert_eq!(&bytes[..], expected);
    let found: Vec<Entry> = entries(bytes).map(|entry| entry.expect("an entry")).collect();
    assert_eq!(
        tags(found[0].content.clone()),
        Ok(vec!["a.b".to_owned(), "c".to_owned()])
    );
    let token = Authentication::decode(found[1].content.clone());
    assert_eq!(token, Ok(Authentication::Bearer("token".to_owned())));
    assert!(found[2].mime_type.is("text/x.own"));
}

#[test]
fn bytes_that_are_not_composite_are_errors() {
    use MetadataError::{NotUtf8, TooShort};
    let table: [(&str, &'static [u8], Result<usize, MetadataError>); 9] = [
        ("nothing", b"", Ok(0)),
        ("an empty entry", b"\xFE\0\0\0", Ok(1)),
        ("an identifier alone", b"\xFE", Err(TooShort)),
        ("half a length", b"\xFE\0\0", Err(TooShort)),
        ("a length that lies", b"\xFE\xFF\xFF\xFFx", Err(TooShort)),
        ("a name that is cut", b"\x7Fabc", Err(TooShort)),
        ("a name that is not text", b"\x00\xFF\0\0\0", Err(NotUtf8)),
        ("the second is cut", b"\xFE\0\0\0\xFE\0\0\x02x", Err(TooShort)),
        (
            "text, as other metadata types have it",
            b"route.of.something",
            Err(TooShort),
        ),
    ];
    for (what, bytes, expected) in table {
        assert_eq!(read(bytes).map(|entries| entries.len()), expected, "{what}");
    }
    // Nothing follows an error.
    assert_eq!(
        entries(Bytes::from_static(b"\xFE\xFF\xFF\xFF\xFE\0\0\0")).count(),
        1
    );
}

#[test]
fn tags_and_credentials_that_are_cut_are_errors() {
    use MetadataError::{NotUtf8, TooShort};
    for (bytes, expected) in [
        (&b"\x05abc"[..], TooShort),
        (b"\x01\xFF", NotUtf8),
        (b"\x01a\x01", TooShort),
    ] {
        assert_eq!(tags(Bytes::from_static(bytes)), Err(expected));
    }
    let simple = Authentication::Simple {
        username: "ann".to_owned(),
        password: "pw".to_owned(),
    };
    let other = Authentication::Other {
        id: Some(5),
        name: None,
        payload: Bytes::from_static(b"x"),
    };
    let named = Authentication::Other {
        id: None,
        name: Some("own".to_owned()),
        payload: Bytes::from_static(b"x"),
    };
    let table: [(&'static [u8], Result<Authentication, MetadataError>); 9] = [
        (b"", Err(TooShort)),
        (b"\x81", Ok(Authentication::Bearer(String::new()))),
        (b"\x81\xFF", Err(NotUtf8)),
        (b"\x05bearert", Ok(Authentication::Bearer("t".to_owned()))),
        (b"\x80\0\x03annpw", Ok(simple)),
        (b"\x80\0", Err(TooShort)),
        (b"\x80\0\x09ann", Err(TooShort)),
        (b"\x85x", Ok(other)),
        (b"\x02ownx", Ok(named)),
    ];
    for (bytes, expected) in table {
        assert_eq!(
            Authentication::decode(Bytes::from_static(bytes)),
            expected,
            "{bytes:?}"
        );
    }
}

#[test]
fn credentials_are_not_printed() {
    let shown = format!("{:?}", Authentication::decode(bearer("secret")));
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn parts_that_are_too_long_are_errors() {
    let name = |length: usize| {
        CompositeWriter::new()
            .push(&MimeType::named("x".repeat(length)), b"")
            .map(drop)
    };
    assert_eq!(name(128), Ok(()));
    assert_eq!(name(129), Err(MetadataError::TooLong));
    assert_eq!(name(0), Err(MetadataError::TooLong));
    assert_eq!(route(&[&"x".repeat(256)]), Err(MetadataError::TooLong));
    let content = vec![0; 1 << 24];
    let too_long = CompositeWriter::new()
        .push(&MimeType::named(ROUTING), &content)
        .map(drop);
    assert_eq!(too_long, Err(MetadataError::TooLong));
}

#[test]
fn types_with_identifiers_have_one_form() {
    for (name, id) in [
        ("application/avro", 0),
        ("application/x-flatbuffers", 0x2A),
        (ROUTING, 0x7E),
        (COMPOSITE_METADATA, 0x7F),
    ] {
        assert_eq!(MimeType::named(name), MimeType::of_id(id));
        assert_eq!(MimeType::of_id(id).name(), Some(name));
    }
    for unknown in [0x2B, 0x50, 0x79] {
        assert_eq!(MimeType::of_id(unknown).name(), None);
        assert_eq!(MimeType::of_id(unknown).id(), Some(unknown));
    }
}

fn some_type() -> impl Strategy<Value = MimeType> {
    prop_oneof![
        (0..0x80_u8).prop_map(MimeType::of_id),
        "[a-z/ä]{1,60}".prop_map(MimeType::named),
    ]
}

proptest! {
    #[test]
    fn what_is_written_is_read(parts in prop::collection::vec((some_type(), prop::collection::vec(any::<u8>(), 0..50)), 0..8)) {
        let mut writer = CompositeWriter::new();
        for (mime_type, content) in &parts {
            writer = writer.push(mime_type, content).expect("short parts");
        }
        let found: Result<Vec<_>, _> = entries(writer.finish()).map(|entry| entry.map(|entry| (entry.mime_type, entry.content.to_vec()))).collect();
        prop_assert_eq!(found, Ok(parts));
    }

    #[test]
    fn tags_are_read_as_written(written in prop::collection::vec("[a-zä.]{0,100}", 0..5)) {
        let written: Vec<&str> = written.iter().map(String::as_str).collect();
        let found = tags(route(&written).expect("short tags")).expect("tags");
        prop_assert_eq!(found, written);
    }
}
