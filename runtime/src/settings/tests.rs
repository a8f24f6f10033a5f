use super::*;

fn partial(toml: &str) -> Partial {
    Partial::parse(Path::new("hydra.toml"), toml).unwrap()
}

fn combine(program: &Partial, file: &Partial, environment: &Partial) -> Result<Settings, SettingsError> {
    let path = Path::new("hydra.toml");
    let sources = Sources {
        environment,
        file,
        path,
        program,
    };
    Settings::combine("shop", sources)
}

#[test]
fn the_environment_goes_over_the_file_and_the_file_over_the_program() {
    let program = Partial::default()
        .listen("127.0.0.1:1")
        .gateway("http://a:1")
        .public_key("program");
    let file = partial("[app]\nlisten = '127.0.0.1:2'\ngateway = 'http://b:1'\nfragment_timeout = '300ms'");
    let environment =
        Partial::from_environment(&|name| (name == "HYDRA_LISTEN").then(|| "127.0.0.1:3".to_owned()));
    let settings = combine(&program, &file, &environment).unwrap();
    assert_eq!(settings.listen.port(), 3);
    assert_eq!(settings.gateways[0].host(), Some("b"));
    assert_eq!(settings.public_key, "program");
    assert_eq!(settings.fragment_timeout, Duration::from_millis(300));
    assert_eq!(settings.page_deadline, Duration::from_secs(10));
    assert_eq!(settings.deferred_grace, Duration::from_millis(10));
}

#[test]
fn without_any_setting_it_listens_on_8080_and_knows_no_gateway() {
    let none = Partial::default();
    let settings = combine(&none, &none, &none).unwrap();
    assert_eq!(settings.listen, SocketAddr::from(([127, 0, 0, 1], 8080)));
    assert_eq!((settings.name.as_str(), settings.gateways), ("shop", Vec::new()));
    assert_eq!(settings.fragment_cache, 64_000_000);
}

#[test]
fn an_unknown_key_is_an_error_with_its_place_and_other_tables_are_not_ours() {
    let error = Partial::parse(
        Path::new("x/hydra.toml"),
        "[compile]\nx = 1\n[app]\nlisten_on = ''",
    );
    let message = error.unwrap_err().to_string();
    assert!(
        message.contains("x/hydra.toml") && message.contains("line 4"),
        "{message}"
    );
    assert!(
        message.contains("listen_on") && message.contains("`listen`"),
        "{message}"
    );
    assert_eq!(partial("allow_unsigned = true"), Partial::default());
}

#[test]
fn a_value_that_cannot_be_used_says_where_it_stands_and_what_to_write() {
    let none = Partial::default();
    let cases = [
        ("listen = '8080'", "127.0.0.1:8080"),
        ("listen = 'OFF'", "or `off`"),
        ("listen = 'off'", "set `gateway` and `channel = true`"),
        ("listen = 'off'\nchannel = true", "set `gateway`"),
        ("listen = 'off'\ngateway = 'http://a'", "`channel = true`"),
        ("channel = 'perhaps'", "neither `true` nor `false`"),
        ("gateway = 'localhost:8081'", "http://127.0.0.1:8081"),
        ("gateway = 'https://a'", "http://"),
        ("gateway = 'http://a/path'", "http://"),
        ("gateway = 'http://a,'", "http://"),
        ("gateway = []", "http://"),
        ("gateway = ['http://a', 'b']", "`b` is not a gateway"),
        ("public_key = 'a/b'", "without `/`"),
        ("private_key = 'short'", "16"),
        ("allow_unsigned = 'yes'", "neither `true` nor `false`"),
        ("host = 'http://a'", "without scheme"),
        ("page_deadline = '3'", "300ms"),
        ("deferred_grace = '3'", "300ms"),
        ("fragment_cache = '64'", "64MB"),
        ("name = ' '", "name"),
    ];
    for (line, help) in cases {
        let error = combine(&none, &partial(&format!("[app]\n{line}")), &none)
            .unwrap_err()
            .to_string();
        let key = line.split(' ').next().unwrap();
        assert!(
            error.contains(&format!("`{key}` in `hydra.toml`")) && error.contains(help),
            "{error}"
        );
        assert!(!error.contains("short"), "{error}");
    }
}

#[test]
fn the_address_of_the_session_store_is_checked_and_never_shown() {
    let none = Partial::default();
    let good = Partial::default().session_redis("redis://:s3cret@localhost/1");
    let settings = combine(&good, &none, &none).unwrap();
    assert_eq!(settings.session_redis_prefix, "hydra");
    assert!(!format!("{settings:?}{good:?}").contains("s3cret"));
    for bad in [
        Partial::default().session_redis("http://:s3cret@localhost"),
        Partial::default().session_redis_prefix("a b"),
    ] {
        let error = combine(&bad, &none, &none).unwrap_err().to_string();
        assert!(
            error.contains("`session_redis") && !error.contains("s3cret"),
            "{error}"
        );
    }
}

#[test]
fn an_application_without_the_way_to_redis_refuses_each_address_and_says_what_to_write() {
    for text in [
        "redis://:s3cret@localhost/1",
        "redis+cluster://a,b",
        "",
        "no address",
    ] {
        let error = value::redis(None, text).unwrap_err();
        assert!(
            error.contains("features = [\"redis\"]") && !error.contains("s3cret"),
            "{error}"
        );
    }
    let checked = value::redis(Some(|_| Ok(())), "redis://localhost");
    assert_eq!(checked.as_deref(), Ok("redis://localhost"));
}

#[test]
fn a_message_names_the_place_and_never_shows_the_line() {
    for (text, place) in [
        ("[app]\nprivate_key = s3cretkey", "line 2, column 15: "),
        ("[app]\nprivate_key = 's3cretkey", "line 2, column "),
        ("[app]\nprivate_ky = 's3cretkey'", "line 2, column 1: "),
        ("[app]\n  private_key = 739173917391", "line 2, column 17: "),
    ] {
        let error = Partial::parse(Path::new("hydra.toml"), text)
            .unwrap_err()
            .to_string();
        assert!(error.contains(place), "{error}");
        assert!(!error.contains("s3cret") && !error.contains("7391"), "{error}");
    }
}

#[test]
fn a_name_or_key_that_the_gateway_refuses_is_refused_at_the_start() {
    let none = Partial::default();
    for name in ["a/b", "self", " a", &"x".repeat(101)] {
        assert!(
            combine(&none, &Partial::default().name(name), &none).is_err(),
            "{name}"
        );
    }
    for key in [".", "..", &"x".repeat(201)] {
        assert!(
            combine(&none, &Partial::default().public_key(key), &none).is_err(),
            "{key}"
        );
    }
}

#[test]
fn several_gateways_are_a_list_or_a_text_with_commas() {
    let none = Partial::default();
    let hosts = |settings: Settings| {
        let hosts = settings.gateways.iter().map(|url| url.to_string());
        hosts.collect::<Vec<_>>()
    };
    let expected = ["http://a:1/", "http://b:2/"];
    let file = partial("[app]\ngateway = ['http://a:1', 'http://b:2']");
    assert_eq!(hosts(combine(&none, &file, &none).unwrap()), expected);
    let text = Partial::from_environment(&|name| {
        (name == "HYDRA_GATEWAY").then(|| "http://a:1, http://b:2".to_owned())
    });
    assert_eq!(hosts(combine(&none, &none, &text).unwrap()), expected);
    let many = vec!["http://a:1"; 17].join(",");
    assert!(combine(&Partial::default().gateway(many), &none, &none).is_err());
    let error = Partial::parse(Path::new("x"), "[app]\ngateway = [1]").unwrap_err();
    assert!(error.to_string().contains("list of such texts"), "{error}");
}

#[test]
fn a_public_key_is_what_the_gateway_says() {
    let none = Partial::default();
    for key in ["MIIB+x==", "schlüssel", "a:b@c", "50%"] {
        let settings = combine(&none, &Partial::default().public_key(key), &none).unwrap();
        assert_eq!(settings.public_key, key);
    }
}

#[test]
fn beyond_this_machine_calls_are_signed_unless_the_operator_says_otherwise() {
    const KEY: &str = "private_key = '0123456789abcdef'";
    let none = Partial::default();
    for (listen, more, expected) in [
        ("127.0.0.1:8080", "", false),
        ("127.9.9.9:0", "", false),
        ("[::1]:8080", "", false),
        ("[::ffff:127.0.0.1]:8080", "", false),
        ("127.0.0.1:8080", "allow_unsigned = false", false),
        ("0.0.0.0:8080", "", true),
        ("[::]:0", "", true),
        ("10.0.0.7:80", "", true),
        ("[::ffff:10.0.0.7]:80", "", true),
        ("[fe80::1]:80", "", true),
        ("0.0.0.0:8080", "allow_unsigned = false", true),
        ("0.0.0.0:8080", "allow_unsigned = true", false),
        ("0.0.0.0:8080", "allow_unsigned = 'true'", false),
        ("0.0.0.0:8080", KEY, false),
        ("[::]:80", KEY, false),
    ] {
        let file = partial(&format!("[app]\nlisten = '{listen}'\n{more}"));
        let settings = combine(&none, &file, &none).unwrap();
        assert_eq!(settings.is_open(), expected, "{listen} {more}");
    }
    // The environment goes over the file, in both directions.
    for (file, variable, expected) in [
        ("true", "false", true),
        ("false", " true ", false),
        ("false", "true", false),
    ] {
        let file = partial(&format!("[app]\nlisten = '0.0.0.0:1'\nallow_unsigned = {file}"));
        let environment =
            Partial::from_environment(&|name| (name == "HYDRA_ALLOW_UNSIGNED").then(|| variable.to_owned()));
        assert_eq!(
            combine(&none, &file, &environment).unwrap().is_open(),
            expected,
            "{variable}"
        );
    }
    let error = Partial::parse(Path::new("x"), "[app]\nallow_unsigned = 1").unwrap_err();
    assert!(error.to_string().contains("`true` or `false`"), "{error}");
}
