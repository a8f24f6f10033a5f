use super::*;

fn check(peer: &str, headers: &[(&'static str, &str)], expected: (&str, &str, Option<&str>)) {
    let proxies = TrustedProxies::parse(["10.0.0.0/8", "fd00::/8", "192.0.2.7"]).expect("networks");
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).expect("a header"));
    }
    let origin = proxies.origin(peer.parse().expect("an address"), false, &map);
    let host = origin.host.as_ref().map(|host| host.to_str().expect("text"));
    let address = origin.address.expect("an address").to_string();
    assert_eq!(
        (address.as_str(), origin.scheme, host),
        expected,
        "{peer} {headers:?}"
    );
}

#[test]
fn only_trusted_proxies_are_believed() {
    let said = [
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.test"),
    ];
    check("10.0.0.1", &said, ("1.2.3.4", "https", Some("a.test")));
    check("192.0.2.7", &said, ("1.2.3.4", "https", Some("a.test")));
    check("fd00::1", &said, ("1.2.3.4", "https", Some("a.test")));
    check("::ffff:10.0.0.1", &said, ("1.2.3.4", "https", Some("a.test")));
    check("192.0.2.8", &said, ("192.0.2.8", "http", None));
    check("127.0.0.1", &said, ("127.0.0.1", "http", None));
    check("10.0.0.1", &[], ("10.0.0.1", "http", None));
    let new = [("forwarded", "for=1.2.3.4;proto=https;host=a.test")];
    check("10.0.0.1", &new, ("1.2.3.4", "https", Some("a.test")));
    check("192.0.2.8", &new, ("192.0.2.8", "http", None));
}

#[test]
fn addresses_are_walked_from_the_right() {
    for (said, expected) in [
        ("6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("6.6.6.6, 1.2.3.4, 10.0.0.9", "1.2.3.4"),
        ("6.6.6.6,1.2.3.4,10.0.0.9,192.0.2.7", "1.2.3.4"),
        ("10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("6.6.6.6, unknown, 10.0.0.9", "10.0.0.9"),
        ("6.6.6.6, <script>", "10.0.0.1"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("[2001:db8::1]:80", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("", "10.0.0.1"),
        (",,", "10.0.0.1"),
    ] {
        check("10.0.0.1", &[("x-forwarded-for", said)], (expected, "http", None));
    }
    // Several lines are one list.
    let lines = [
        ("x-forwarded-for", "6.6.6.6"),
        ("x-forwarded-for", "1.2.3.4, 10.0.0.9"),
    ];
    check("10.0.0.1", &lines, ("1.2.3.4", "http", None));
    // A visitor's line that cannot be read does not hide what a proxy adds after it.
    let lines = [("forwarded", "for=\"6.6.6.6"), ("forwarded", "for=1.2.3.4")];
    check("10.0.0.1", &lines, ("1.2.3.4", "http", None));
    // More hops than are looked at, all of trusted proxies.
    let many = format!("1.2.3.4{}", ", 10.0.0.2".repeat(40));
    check(
        "10.0.0.1",
        &[("x-forwarded-for", &many)],
        ("10.0.0.2", "http", None),
    );
    for (said, expected) in [
        ("for=6.6.6.6, for=1.2.3.4", "1.2.3.4"),
        ("for=6.6.6.6, For=1.2.3.4 ; proto=http, for=10.0.0.9", "1.2.3.4"),
        ("for=\"[2001:db8::1]:4711\"", "2001:db8::1"),
        ("for=\"1.2.3.4:80\"", "1.2.3.4"),
        ("for=_hidden", "10.0.0.1"),
        ("for=6.6.6.6, for=unknown", "10.0.0.1"),
        ("by=10.0.0.2", "10.0.0.1"),
        ("for=\"6.6.6.6, for=1.2.3.4", "10.0.0.1"),
        ("for=6.6.6.6;for=1.2.3.4", "10.0.0.1"),
        ("for=1.2.3.4;proto=http;proto=https", "10.0.0.1"),
        ("for=1.2.3.4;host=a.test;host=b.test", "10.0.0.1"),
        ("for=\"1.2.3.4\\\"\"", "10.0.0.1"),
        ("nonsense", "10.0.0.1"),
        ("", "10.0.0.1"),
    ] {
        check("10.0.0.1", &[("forwarded", said)], (expected, "http", None));
    }
}

#[test]
fn the_scheme_and_the_host_are_those_of_the_same_hop() {
    let of = |list: &str, protos: &str, expected| {
        check(
            "10.0.0.1",
            &[("x-forwarded-for", list), ("x-forwarded-proto", protos)],
            ("1.2.3.4", expected, None),
        );
    };
    of("1.2.3.4", "https", "https");
    of("1.2.3.4", "HTTPS", "https");
    of("1.2.3.4", "wss", "http");
    of("6.6.6.6, 1.2.3.4", "https, http", "http");
    of("6.6.6.6, 1.2.3.4", "http, https", "https");
    of("1.2.3.4, 10.0.0.2", "https, http", "https");
    // One for all, as a proxy writes that does not append.
    of("6.6.6.6, 1.2.3.4, 10.0.0.2", "https", "https");
    // What no list of addresses explains: the nearest proxy's word.
    of("1.2.3.4", "https, http", "http");
    let new = "for=6.6.6.6;proto=http;host=evil.test, for=1.2.3.4;proto=https;host=a.test";
    check(
        "10.0.0.1",
        &[("forwarded", new)],
        ("1.2.3.4", "https", Some("a.test")),
    );
    for host in ["a/b", "a b", "u@a", ""] {
        check(
            "10.0.0.1",
            &[("x-forwarded-for", "1.2.3.4"), ("x-forwarded-host", host)],
            ("1.2.3.4", "http", None),
        );
    }
    // A proxy that sets the scheme alone.
    check(
        "10.0.0.1",
        &[("x-forwarded-proto", "https")],
        ("10.0.0.1", "https", None),
    );
}

#[test]
fn two_ways_of_saying_it_must_agree() {
    let believed = ("1.2.3.4", "https", None);
    let neither = ("10.0.0.1", "http", None);
    let old = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https")];
    for (new, expected) in [
        ("for=1.2.3.4;proto=https", believed),
        ("for=6.6.6.6, for=1.2.3.4;proto=https", believed),
        ("for=\"1.2.3.4:80\";proto=HTTPS", believed),
        ("for=6.6.6.6;proto=https", neither),
        ("for=1.2.3.4;proto=http", neither),
        ("for=1.2.3.4", neither),
        ("proto=https", neither),
        ("for=unknown;proto=https", neither),
        ("nonsense", neither),
        ("", neither),
        // The host is in one of them only.
        ("for=1.2.3.4;proto=https;host=evil.test", believed),
    ] {
        let [address, proto] = old;
        check("10.0.0.1", &[address, proto, ("forwarded", new)], expected);
    }
    let hosts = |one: &str, other: &str, expected| {
        let new = format!("for=1.2.3.4;host={one}");
        let said = [
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-host", other),
            ("forwarded", &*new),
        ];
        check("10.0.0.1", &said, ("1.2.3.4", "http", expected));
    };
    hosts("a.test", "a.test", Some("a.test"));
    hosts("evil.test", "a.test", None);
}

#[test]
fn what_is_not_believed_is_rewritten() {
    let proxies = TrustedProxies::parse(["10.0.0.0/8"]).expect("a network");
    let said = [
        ("forwarded", "for=1.2.3.4;proto=https;host=a.test"),
        ("x-forwarded-for", "6.6.6.6, 1.2.3.4"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "a.test"),
        ("x-forwarded-user", "root"),
        ("x-forwarded", "for=1.2.3.4"),
        ("x-real-ip", "1.2.3.4"),
        ("host", "b.test"),
    ];
    let trusted = [
        ("forwarded", "for=1.2.3.4;host=\"a.test\";proto=https"),
        ("host", "b.test"),
        ("x-forwarded", "for=1.2.3.4"),
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-host", "a.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-user", "root"),
        ("x-real-ip", "1.2.3.4"),
    ];
    let others = [
        ("forwarded", "for=9.9.9.9;host=\"b.test\";proto=http"),
        ("host", "b.test"),
        ("x-forwarded-for", "9.9.9.9"),
        ("x-forwarded-proto", "http"),
    ];
    let nobody = [("host", "b.test")];
    for (peer, expected) in [
        (Some("10.0.0.1"), &trusted[..]),
        (Some("9.9.9.9"), &others),
        (None, &nobody),
    ] {
        let mut headers = HeaderMap::new();
        for (name, value) in said {
            headers.append(name, HeaderValue::from_static(value));
        }
        let mut extensions = Extensions::new();
        if let Some(peer) = peer {
            extensions.insert(Peer(peer.parse().expect("an address")));
        }
        proxies.rewrite(&extensions, &mut headers);
        let mut left: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().expect("text")))
            .collect();
        left.sort_unstable();
        assert_eq!(left, expected, "{peer:?}");
    }
}

#[test]
fn the_address_of_the_connection_comes_from_the_server() {
    let address = SocketAddr::from(([9, 9, 9, 9], 80));
    let mut extensions = Extensions::new();
    assert_eq!(peer(&extensions), None);
    extensions.insert(ConnectInfo(address));
    assert_eq!(peer(&extensions), Some(address.ip()));
    extensions.insert(Peer("::ffff:1.2.3.4".parse().expect("an address")));
    assert_eq!(peer(&extensions), Some(IpAddr::from([1, 2, 3, 4])));
}

#[test]
fn proxies_are_addresses_and_networks() {
    for good in ["10.0.0.0/8", " ::1 ", "192.0.2.7", "fd00::/8", "0.0.0.0/0"] {
        assert!(TrustedProxies::parse([good]).is_ok(), "{good}");
    }
    for wrong in [
        "",
        "10.0.0.0/33",
        "010.0.0.0/8",
        "10.0.0.010/8",
        "0x0a.0.0.0/8",
        "10.0.0.0/+8",
        "10.0.0.0/ 8",
        "10/8",
        "10.0.0",
        "proxy.test",
        "10.0.0.0/8/8",
        "*",
        "10.0.0.1:80",
        "[::1]",
    ] {
        let error = TrustedProxies::parse([wrong]).expect_err(wrong);
        assert!(error.contains("10.0.0.0/8"), "{error}");
    }
    let list = TrustedProxies::parse_list("10.0.0.0/8, ::1,").expect("a list");
    assert_eq!(
        list,
        TrustedProxies::parse(["10.0.0.0/8", "::1"]).expect("networks")
    );
    assert!(TrustedProxies::parse_list("").expect("a list").is_empty());
    // A network is the same however its addresses are written.
    for net in ["10.1.2.3/8", "::ffff:10.0.0.0/104"] {
        let proxies = TrustedProxies::parse([net]).expect(net);
        for (address, expected) in [
            ("10.9.9.9", true),
            ("::ffff:10.9.9.9", true),
            ("11.0.0.1", false),
            ("::1", false),
        ] {
            assert_eq!(
                proxies.trusts(address.parse().expect("an address")),
                expected,
                "{net} {address}"
            );
        }
    }
}

#[test]
fn gateways_are_trusted_at_the_addresses_in_their_urls() {
    let gateways = [
        "http://10.0.0.7:8081",
        "http://[::1]:1",
        "http://gateway.test:8081",
    ];
    let gateways: Vec<Uri> = gateways.map(|url| url.parse().expect("a URL")).into();
    let expected = TrustedProxies::parse(["10.0.0.7", "::1"]).expect("addresses");
    assert_eq!(TrustedProxies::of_gateways(&gateways), expected);
    let local = TrustedProxies::of_gateways(&[Uri::from_static("http://localhost:8081")]);
    assert_eq!(
        local,
        TrustedProxies::parse(["127.0.0.1", "::1"]).expect("addresses")
    );
}

#[test]
fn an_address_is_written_as_the_standard_library_writes_it() {
    for octet in 0..=u8::MAX {
        let address = IpAddr::from([octet, 0, 255, octet]);
        assert_eq!(address_text(address), address.to_string());
    }
    let address = IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1_u16]);
    assert_eq!(address_text(address), "::1");
}
