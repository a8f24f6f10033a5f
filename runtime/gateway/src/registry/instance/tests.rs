//! Which registrations count, and what of them.

use hydra_runtime_wire::{
    limits::MAX_GLOB_PATTERNS,
    names::{BadHost, BadName},
    routes::RouteKind,
};

use super::{channel_place::ChannelId, *};

fn registration(name: &str) -> ActiveService {
    ActiveService {
        web_protocol: "http".into(),
        host: "10.1.2.3".into(),
        port: 8080,
        name: Some(name.into()),
        ..ActiveService::default()
    }
}

fn keys(instance: &Instance) -> Vec<(&str, RouteKind)> {
    instance
        .paths
        .iter()
        .map(|path| (&*path.key, path.kind))
        .collect()
}

#[test]
fn every_kind_of_route() {
    let registration = ActiveService {
        endpoints: vec!["/".into(), "/detail/{id}".into(), "/detail/{again}".into()],
        static_resources: vec![
            "websocket.js".into(),
            "css/app.css".into(),
            "folder/".into(),
            "odd*{name}.js".into(),
        ],
        ..registration("my service")
    };
    let instance = check(registration, None, &RegistrationRules::default()).expect("a good registration");
    assert_eq!(
        keys(&instance),
        [
            ("/", RouteKind::Endpoint),
            ("/detail/*", RouteKind::Endpoint),
            ("/my service/css/app.css", RouteKind::Static),
            ("/my service/odd%2A{name}.js", RouteKind::Static),
            ("/my service/socket", RouteKind::Socket),
            ("/my service/websocket.js", RouteKind::Static),
        ]
    );
    assert_eq!(instance.left_out, []);
    assert!(instance.serves("/detail/*") && !instance.serves("/detail"));
}

#[test]
fn the_gateways_paths_are_left_out_with_a_reason() {
    let bad = [
        "/h/x",
        "//h/x",
        "/_h/services",
        "/h",
        "/login",
        "/logout",
        "/health",
        "/%68/x",
        "no-slash",
        "/{open",
    ];
    let good = ["/health/tips", "/login/help", "/hx", "/{any}", "/**"];
    let registration = ActiveService {
        endpoints: bad.iter().chain(&good).map(|&s| s.into()).collect(),
        ..registration("a")
    };
    let instance = check(registration, None, &RegistrationRules::default())
        .expect("the rest of the registration counts");
    let left_out: Vec<_> = instance.left_out.iter().map(|one| one.path.as_str()).collect();
    assert_eq!(left_out, bad);
    assert_eq!(instance.paths.len(), good.len() + 1);
    assert!(instance.left_out[0].reason.contains("belongs to the gateway"));
}

#[test]
fn a_service_named_h_gets_no_routes_under_the_gateways_paths() {
    let registration = ActiveService {
        static_resources: vec!["discovery/x".into()],
        ..registration("h")
    };
    let instance = check(registration, None, &RegistrationRules::default()).expect("registered");
    assert!(instance.paths.is_empty());
    assert_eq!(instance.left_out.len(), 2);
}

#[test]
fn what_is_refused() {
    let many = vec!["/x".to_owned(); 100_000];
    let rules = RegistrationRules {
        allow_hosts: vec![],
        gateway_addresses: Some(GatewayAddresses::with(([0, 0, 0, 0], 8081).into(), |ip| {
            ip == IpAddr::from([10, 1, 2, 3])
        })),
        ..RegistrationRules::default()
    };
    for (registration, expected) in [
        (
            ActiveService {
                name: None,
                ..registration("a")
            },
            RegistrationError::Name(BadName::Missing),
        ),
        (registration(""), RegistrationError::Name(BadName::Missing)),
        (
            ActiveService {
                port: 0,
                ..registration("a")
            },
            RegistrationError::NoPort,
        ),
        (
            ActiveService {
                web_protocol: "ftp".into(),
                ..registration("a")
            },
            RegistrationError::WebProtocol,
        ),
        (
            ActiveService {
                host: "127.0.0.1".into(),
                port: 8081,
                ..registration("a")
            },
            RegistrationError::Gateway,
        ),
        (
            ActiveService {
                port: 8081,
                ..registration("a")
            },
            RegistrationError::Gateway,
        ),
        (
            ActiveService {
                host: "0.0.0.0".into(),
                ..registration("a")
            },
            RegistrationError::Host(BadHost::Forbidden("unspecified")),
        ),
        (
            ActiveService {
                endpoints: many.clone(),
                ..registration("a")
            },
            RegistrationError::TooMany("endpoints"),
        ),
        (
            ActiveService {
                static_resources: many,
                ..registration("a")
            },
            RegistrationError::TooMany("staticResources"),
        ),
    ] {
        assert_eq!(check(registration, None, &rules).expect_err("refused"), expected);
    }
}

#[test]
fn an_instance_without_a_port_needs_a_channel_an_id_and_no_paths() {
    let place = || ChannelPlace {
        id: ChannelId::from("a channel".to_owned()),
        gateway: None,
    };
    let without = |instance: &str| ActiveService {
        port: 0,
        host: String::new(),
        instance: Some(instance.to_owned()),
        ..registration("a")
    };
    let fragments_only = |registration: ActiveService| ActiveService {
        endpoints: vec![],
        static_resources: vec![],
        sockets: vec![],
        ..registration
    };
    let files = ActiveService {
        static_resources: vec!["app.css".into()],
        ..fragments_only(without("i"))
    };
    let endpoints = ActiveService {
        endpoints: vec!["/x".into()],
        ..fragments_only(without("i"))
    };
    for (registration, has_channel, expected) in [
        (fragments_only(without("Uuid-1")), true, Ok("uuid-1.invalid")),
        (
            fragments_only(without("Uuid-1")),
            false,
            Err(RegistrationError::NoPort),
        ),
        (fragments_only(without("")), true, Err(RegistrationError::NoPort)),
        (
            fragments_only(without("a.b")),
            true,
            Err(RegistrationError::NoPort),
        ),
        (
            fragments_only(without("a/b")),
            true,
            Err(RegistrationError::NoPort),
        ),
        (
            fragments_only(without(&"i".repeat(65))),
            true,
            Err(RegistrationError::NoPort),
        ),
        (endpoints, true, Err(RegistrationError::PathsWithoutPort)),
        (files, true, Err(RegistrationError::PathsWithoutPort)),
    ] {
        let place = has_channel.then(place);
        let found = check_with_channel(registration, place, None, &RegistrationRules::default());
        let host = found.map(|instance| instance.address.host.clone());
        assert_eq!(host, expected.map(str::to_owned));
    }
}

#[test]
fn identity_is_name_protocol_host_and_ports() {
    let id = |registration: ActiveService| {
        check(registration, None, &RegistrationRules::default())
            .expect("good")
            .id
    };
    let first = id(registration("a"));
    assert_eq!(
        first,
        id(ActiveService {
            version: 7,
            endpoints: vec!["/x".into()],
            ..registration("a")
        })
    );
    assert_ne!(first, id(registration("b")));
    assert_ne!(
        first,
        id(ActiveService {
            port: 8082,
            ..registration("a")
        })
    );
    assert_ne!(
        first,
        id(ActiveService {
            socket_port: 1,
            ..registration("a")
        })
    );
    assert_ne!(
        first,
        id(ActiveService {
            web_protocol: "https".into(),
            ..registration("a")
        })
    );
}

#[test]
fn a_loopback_address_from_another_machine_is_that_machine() {
    let check = |host: &str, from: Option<&str>| {
        let registration = ActiveService {
            host: host.into(),
            ..registration("a")
        };
        let from = from.map(|text| text.parse().expect("an address"));
        check(registration, from, &RegistrationRules::default())
            .expect("good")
            .address
            .authority
            .to_string()
    };
    assert_eq!(check("127.0.1.1", Some("10.9.9.9")), "10.9.9.9:8080");
    assert_eq!(check("localhost", Some("fd00::1")), "[fd00::1]:8080");
    assert_eq!(check("127.0.1.1", Some("127.0.0.1")), "127.0.1.1:8080");
    assert_eq!(check("127.0.1.1", None), "127.0.1.1:8080");
    assert_eq!(check("10.1.1.1", Some("10.9.9.9")), "10.1.1.1:8080");
}

#[test]
fn patterns_that_slow_down_every_look_up_are_few() {
    let endpoints = (0..MAX_GLOB_PATTERNS + 1)
        .map(|n| format!("/*.{n}"))
        .chain(["/plain".to_owned()])
        .collect();
    let instance = check(
        ActiveService {
            endpoints,
            ..registration("a")
        },
        None,
        &RegistrationRules::default(),
    )
    .expect("good");
    assert!(instance.serves("/*.99") && instance.serves("/plain"));
    assert_eq!(instance.left_out.len(), 1);
}

#[test]
fn an_instance_that_wants_https_gets_its_paths() {
    let registration = ActiveService {
        web_protocol: "https".into(),
        endpoints: vec!["/x/{id}".into()],
        ..registration("a")
    };
    let instance = check(registration, None, &RegistrationRules::default()).expect("registered");
    assert!(instance.address.is_https && instance.left_out.is_empty());
    assert_eq!(instance.as_written(&instance.paths[1]), "/x/{id}");
}

fn from_json(text: &str) -> ActiveService {
    serde_json::from_str(text).expect("a registration")
}

#[test]
fn members_that_are_not_used_take_no_memory() {
    let zeros = vec!["[0,0]"; 300_000].join(",");
    let depth = format!("{}{}", "[".repeat(100), "]".repeat(100));
    for (what, more) in [
        ("sockets", format!("\"sockets\":[{zeros}]")),
        ("sockets in one", format!("\"sockets\":[[{zeros}]]")),
        (
            "deep sockets",
            format!("\"sockets\":[{},{depth}]", vec![&*depth; 20].join(",")),
        ),
        ("an unknown member", format!("\"extra\":[{zeros}]")),
        (
            "what only gateways say",
            format!("\"leftOut\":[],\"contractProblems\":[{zeros}]"),
        ),
        (
            "unknown members of menu items",
            format!("\"menuItems\":{{\"m\":[{{\"extra\":[{zeros}]}}]}}"),
        ),
    ] {
        let registration = from_json(&format!(
            "{{\"webProtocol\":\"http\",\"host\":\"10.1.2.3\",\"port\":1,\"name\":\"a\",{more}}}"
        ));
        let instance = check(registration, None, &RegistrationRules::default()).expect(what);
        assert!(instance.registration.sockets.is_empty(), "{what}");
        assert!(
            instance.usage().size.bytes < 4_000,
            "{what}: {:?}",
            instance.usage()
        );
    }
}

#[test]
fn short_lists_of_sockets_are_passed_on() {
    for (text, expected) in [("null", 0), ("[]", 0), ("[\"/chat\",{\"path\":\"/x\"},null]", 2)] {
        let registration = from_json(&format!("{{\"name\":\"a\",\"sockets\":{text}}}"));
        assert_eq!(registration.sockets.len(), expected, "{text}");
    }
    assert!(serde_json::from_str::<ActiveService>("{\"sockets\":5}").is_err());
}

#[test]
fn a_registration_is_bounded_in_bytes() {
    let long = "x".repeat(300_000);
    let item = |label: &str| hydra_runtime_wire::MenuItem {
        label: label.into(),
        ..Default::default()
    };
    let limit = RegistrationRules::default().limits.instance;
    assert_eq!(limit, 256 << 10);
    for (what, registration) in [
        (
            "an endpoint",
            ActiveService {
                endpoints: vec![format!("/{long}")],
                ..registration("a")
            },
        ),
        (
            "a file",
            ActiveService {
                static_resources: vec![long.clone()],
                ..registration("a")
            },
        ),
        (
            "a label",
            ActiveService {
                menu_items: [("m".to_owned(), vec![item(&long)])].into(),
                ..registration("a")
            },
        ),
        (
            "a menu",
            ActiveService {
                menu_items: [(long.clone(), vec![])].into(),
                ..registration("a")
            },
        ),
        (
            "an instance",
            ActiveService {
                instance: Some(long.clone()),
                ..registration("a")
            },
        ),
        (
            "awakening",
            ActiveService {
                awakening: Some(long.clone()),
                ..registration("a")
            },
        ),
        (
            "many",
            ActiveService {
                endpoints: (0..9_999)
                    .map(|n| format!("/a/long/path/with/{n}/in/it"))
                    .collect(),
                ..registration("a")
            },
        ),
    ] {
        let refused = check(registration.clone(), None, &RegistrationRules::default()).expect_err(what);
        assert!(
            matches!(refused, RegistrationError::TooLong(bytes, most) if bytes > most && most == limit),
            "{what}"
        );
        assert_eq!(
            registration::refusal(registration),
            None,
            "{what}: another gateway may take it"
        );
    }
    let most = "x".repeat(250_000);
    check(
        ActiveService {
            instance: Some(most),
            ..registration("a")
        },
        None,
        &RegistrationRules::default(),
    )
    .expect("just fits");
}
