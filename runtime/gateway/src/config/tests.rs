//! Which configurations are accepted, and how errors are reported.

use super::*;

#[test]
fn an_empty_file_is_the_default() {
    let config = GatewayConfig::from_toml("").expect("good");
    assert_eq!(config.listen.first().to_string(), "127.0.0.1:8081");
    assert_eq!(config.public_key, "hydra");
    assert_eq!(config.check(), Ok(()));
}

#[test]
fn a_full_file() {
    let text = "listen = '0.0.0.0:80'\npublic_key = 'k'\nprotocol_1_attributes = 'drop'\n[[service]]\nname = 'legacy'\n\
                url = 'http://127.0.0.1:9000'\nhealth = '/ping'\nendpoints = ['/old/**']\nfragments = { a = '/b' }\n";
    let config = GatewayConfig::from_toml(text).expect("good");
    assert_eq!(config.protocol_1_attributes, Protocol1Attributes::Drop);
    assert_eq!(config.services[0].fragments["a"], "/b");
}

#[test]
fn trusted_proxies_are_addresses_and_networks() {
    let proxies = |text: &str| GatewayConfig::from_toml(text).map(|config| config.trusted_proxies);
    let expected = TrustedProxies::parse(["10.0.0.0/8", "::1"]).expect("networks");
    for text in ["['10.0.0.0/8', '::1']", "'10.0.0.0/8, ::1'"] {
        assert_eq!(
            proxies(&format!("trusted_proxies = {text}")),
            Ok(expected.clone())
        );
    }
    assert_eq!(proxies("trusted_proxies = []"), Ok(TrustedProxies::default()));
    for text in ["['proxy.test']", "['10.0.0.0/33']", "['']", "'*'", "true", "[10]"] {
        let error = proxies(&format!("listen = '0.0.0.0:80'\ntrusted_proxies = {text}"));
        let error = error.expect_err(text).to_string();
        assert!(
            error.contains("10.0.0.0/8") && error.contains("line 2"),
            "{error}"
        );
    }
}

#[test]
fn the_limits_of_the_registry_are_sizes_that_fit_each_other() {
    for (text, expected) in [
        ("", Ok(())),
        ("instance_limit = '1MiB'", Ok(())),
        ("service_limit = '256KiB'", Ok(())),
        ("registry_limit = '1GB'", Ok(())),
        ("instance_limit = '0'", Err(ConfigError::Limit("instance_limit"))),
        (
            "registry_limit = '15KiB'",
            Err(ConfigError::Limit("registry_limit")),
        ),
        ("service_limit = '255KiB'", Err(ConfigError::RegistryLimits)),
        ("registry_limit = '31MiB'", Err(ConfigError::RegistryLimits)),
    ] {
        let config = GatewayConfig::from_toml(text).expect(text);
        assert_eq!(config.check(), expected, "{text}");
    }
    for text in [
        "instance_limit = 5",
        "service_limit = '5'",
        "registry_limit = '-1MB'",
    ] {
        let error = GatewayConfig::from_toml(text).expect_err(text).to_string();
        assert!(error.starts_with("line 1"), "{error}");
    }
}

#[test]
fn limits_of_connections_are_settings() {
    let config = |text| GatewayConfig::from_toml(text).expect(text);
    assert_eq!(
        config("").connection_limits(),
        server::ConnectionLimits::default()
    );
    let text = "max_connections = 7\nconnection_buffer = '64KB'\nstall_timeout = 1\nstop_grace = 2\nstop_timeout = 3";
    let expected = server::ConnectionLimits {
        connections: Some(7),
        buffer: 64_000,
        stall: Duration::from_millis(1),
        stop_grace: Duration::from_millis(2),
        stop_timeout: Duration::from_millis(3),
        ..server::ConnectionLimits::default()
    };
    assert_eq!(config(text).connection_limits(), expected);
    assert_eq!(
        config("max_connections = 0").check(),
        Err(ConfigError::NoConnections)
    );
    for wrong in [
        "connection_buffer = '1KB'",
        "connection_buffer = 5",
        "connection_buffer = '128'",
    ] {
        assert!(GatewayConfig::from_toml(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn beyond_this_machine_calls_are_signed_unless_the_operator_says_otherwise() {
    const KEY: &str = "private_key = '0123456789abcdef'";
    for (listen, more, is_refused) in [
        ("127.0.0.1:8081", "", false),
        ("127.9.9.9:0", "", false),
        ("[::1]:8081", "", false),
        ("[::ffff:127.0.0.1]:8081", "", false),
        ("0.0.0.0:8081", "", true),
        ("[::]:8081", "", true),
        ("10.0.0.7:80", "", true),
        ("[::ffff:10.0.0.7]:80", "", true),
        ("0.0.0.0:8081", "allow_unsigned = false", true),
        ("0.0.0.0:8081", "allow_unsigned = true", false),
        ("0.0.0.0:8081", KEY, false),
        ("[::]:80", KEY, false),
    ] {
        let config = GatewayConfig::from_toml(&format!("listen = '{listen}'\n{more}\n")).expect("good");
        let refused = matches!(config.check(), Err(ConfigError::Open(_)));
        assert_eq!(refused, is_refused, "{listen} {more}");
    }
}

#[test]
fn a_name_that_means_nothing_is_shown_in_its_place() {
    let error = GatewayConfig::from_toml("public_key = 'k'\npubic_key = 'x'\n")
        .expect_err("unknown")
        .to_string();
    assert!(error.contains("line 2") && error.contains("pubic_key"), "{error}");
}

#[test]
fn a_wrong_line_is_not_repeated() {
    for text in [
        "private_key = s3cret",
        "redis = 's3cret",
        "privat_key = 's3cret'",
        "private_key = 7391",
    ] {
        let error = GatewayConfig::from_toml(text).expect_err(text).to_string();
        assert!(error.starts_with("line 1, column "), "{error}");
        assert!(!error.contains("s3cret") && !error.contains("7391"), "{error}");
    }
}

#[test]
fn keys_are_checked_and_never_shown() {
    let config = |public: &str, private: &str| GatewayConfig {
        public_key: public.into(),
        private_key: Some(Secret::new(private.into())),
        ..GatewayConfig::default()
    };
    assert_eq!(
        config("a/b", "0123456789abcdef").check(),
        Err(ConfigError::PublicKey)
    );
    assert_eq!(
        config("", "0123456789abcdef").check(),
        Err(ConfigError::PublicKey)
    );
    assert_eq!(config("a", "short").check(), Err(ConfigError::PrivateKey));
    assert!(!format!("{:?}", config("a", "0123456789abcdef")).contains("0123456789abcdef"));
}

#[test]
fn the_reference_names_every_setting() {
    let error = toml::from_str::<GatewayConfig>("nothing = 1").expect_err("unknown");
    let (_, names) = error.message().split_once("expected one of ").expect("the names");
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/settings.md");
    let page = std::fs::read_to_string(page).expect("the page");
    let (_, section) = page.split_once("## The gateway").expect("the section");
    for name in names.split(", ").map(|name| name.trim_matches('`')) {
        // They read their tables themselves.
        if !["app", "compile", "serve"].contains(&name) {
            let is_there = [
                format!("| `{name}` |"),
                format!("`[[{name}]]`"),
                format!(": `[{name}]`"),
            ];
            assert!(is_there.iter().any(|row| section.contains(row)), "{name}");
        }
    }
}

#[test]
fn durations_have_units_and_a_number_without_one_is_read_with_a_warning() {
    let read =
        |value: &str| GatewayConfig::from_toml(&format!("response_timeout = {value}\nstop_grace = {value}"));
    for (value, expected) in [
        ("'1500ms'", 1_500),
        ("'2s'", 2_000),
        ("'5m'", 300_000),
        ("'1h'", 3_600_000),
        ("'0'", 0),
        ("0", 0),
    ] {
        let config = read(value).expect(value);
        assert_eq!(
            config.response_timeout,
            Duration::from_millis(expected),
            "{value}"
        );
        assert_eq!(config.connection_limits().stop_grace, config.stop_grace);
        assert_eq!(config.warnings, [] as [&str; 0], "{value}");
    }
    let config = read("1500").expect("milliseconds");
    assert_eq!(config.response_timeout, Duration::from_millis(1_500));
    for (warning, key) in config.warnings.iter().zip(["response_timeout", "stop_grace"]) {
        assert!(
            warning.ends_with(&format!("write `{key} = \"1500ms\"`")),
            "{warning}"
        );
    }
    assert_eq!(config.warnings.len(), 2);
    for wrong in ["'2'", "'2 seconds'", "-1", "1.5", "true", "['1s']"] {
        let error = read(wrong).expect_err(wrong).to_string();
        assert!(
            error.contains("line 1") && error.contains("duration"),
            "{wrong}: {error}"
        );
    }
}

#[test]
fn weights_name_services_and_versions() {
    for (text, expected) in [
        ("[weights]\nshop = { \"2.4.1\" = 10, v1 = 90 }\n", None),
        (
            "[weights]\nshop = { a = 0 }\n\"order service\" = { \"3f2a9c1\" = 1 }\n",
            None,
        ),
        ("weights = {}", None),
        ("[weights]\nshop = 'newest'\nblog = 'equal'", None),
        ("[weights]\nshop = {}", Some("weights.shop")),
        ("[weights]\nshop = { \"a b\" = 1 }", Some("weights.shop")),
        ("[weights]\n\"a/b\" = { a = 1 }", Some("weights.a/b")),
        ("steering_file = 'steering.json'", None),
        (
            "steering_file = 'steering.json'\nredis = 'redis://127.0.0.1'",
            Some("steering_file"),
        ),
        ("admin_token = '0123456789abcdef'", None),
        ("admin_token = '0123456789abcde'", Some("admin_token")),
        ("admin_token = '0123456789 abcdef'", Some("admin_token")),
        ("admin_token = ''", Some("admin_token")),
    ] {
        let checked = GatewayConfig::from_toml(text).expect(text).check();
        let said = checked.map_err(|error| error.to_string());
        match expected {
            None => assert_eq!(said, Ok(()), "{text}"),
            Some(part) => assert!(
                said.as_ref().is_err_and(|said| said.contains(part)),
                "{text}: {said:?}"
            ),
        }
    }
    for wrong in [
        "[weights]\nshop = { a = -1 }",
        "[weights]\nshop = { a = 1.5 }",
        "[weights]\nshop = 5",
        "[weights]\nshop = 'Newest'",
    ] {
        assert!(GatewayConfig::from_toml(wrong).is_err(), "{wrong}");
    }
    let error = GatewayConfig::from_toml("[weights]\nshop = 'oldest'").expect_err("no rule");
    assert!(error.to_string().contains("\"newest\" or \"equal\""), "{error}");
}

#[test]
fn a_port_is_an_address_or_a_table_and_there_may_be_several() {
    let addresses = |text: &str| {
        let config = GatewayConfig::from_toml(text).map_err(|error| error.to_string())?;
        config.check().map_err(|error| error.to_string())?;
        Ok::<_, String>(
            config
                .listen
                .iter()
                .map(|one| one.address.to_string())
                .collect::<Vec<_>>(),
        )
    };
    let (one, two) = ("127.0.0.1:1", "[::1]:2");
    for (text, expected) in [
        ("listen = '127.0.0.1:1'", &[one][..]),
        ("listen = ['127.0.0.1:1', '[::1]:2']", &[one, two]),
        (
            "[[listen]]\naddress = '127.0.0.1:1'\n[[listen]]\naddress = '[::1]:2'",
            &[one, two],
        ),
        ("[listen]\naddress = '127.0.0.1:1'", &[one]),
        (
            "listen = ['127.0.0.1:1', { address = '[::1]:2', certificate = 'a', key = 'b' }]",
            &[one, two],
        ),
        (
            "[[listen]]\naddress = '127.0.0.1:1'\ncertificate = 'a'\nkey = 'b'\n[[listen.certificates]]\ncertificate = \
             'c'\nkey = 'd'",
            &[one],
        ),
        (
            "listen = ['127.0.0.1:0', '127.0.0.1:0']",
            &["127.0.0.1:0", "127.0.0.1:0"],
        ),
        (
            "trusted_proxies = '::1'\nlisten = { address = '127.0.0.1:1', proxy_protocol = true }",
            &[one],
        ),
    ] {
        assert_eq!(addresses(text).expect(text), expected, "{text}");
    }
    for (text, expected) in [
        ("listen = 8081", "an address such as"),
        (
            "listen = ':8081'",
            "line 1, column 10: `:8081` is not an IP address with a port",
        ),
        ("listen = ['127.0.0.1:1', 'localhost:2']", "`localhost:2` is not"),
        ("listen = []", "one address at least"),
        (
            "[[listen]]\naddres = '127.0.0.1:1'",
            "line 2, column 1: unknown key `addres`; did you mean `address`?",
        ),
        ("[[listen]]\ncertificate = 'a'", "missing field `address`"),
        ("listen = ['127.0.0.1:1', '127.0.0.1:1']", "named twice"),
        (
            "[[listen]]\naddress = '127.0.0.1:1'\nkey = 'a'",
            "both `certificate` and `key`",
        ),
        (
            "[[listen]]\naddress = '127.0.0.1:1'\ncertificate = 'a'",
            "both `certificate` and `key`",
        ),
        (
            "[[listen]]\naddress = '127.0.0.1:1'\ncertificates = [{ certificate = 'a', key = 'b' }]",
            "`certificates` are further ones",
        ),
        (
            "[[listen]]\naddress = '127.0.0.1:1'\ncertificate = 'a'\nkey = 'b'\ncertificates = [{ certificate = 'a' }]",
            "missing field `key`",
        ),
        (
            "[[listen]]\naddress = '127.0.0.1:1'\nproxy_protocol = true",
            "`trusted_proxies`",
        ),
        (
            "listen = ['127.0.0.1:1', '0.0.0.0:2']",
            "0.0.0.0:2, beyond this machine",
        ),
    ] {
        let error = addresses(text).expect_err(text);
        assert!(error.contains(expected), "{text}: {error}");
    }
    let many = vec!["'127.0.0.1:0'"; 65].join(",");
    assert!(
        addresses(&format!("listen = [{many}]"))
            .expect_err("too many")
            .contains("more than 64")
    );
}

#[test]
fn settings_that_need_a_restart_keep_their_values() {
    let running = GatewayConfig::from_toml("public_key = 'a'\nstop_grace = '1s'").expect("good");
    let text =
        "public_key = 'b'\nstop_grace = '1s'\nworkers = 3\nresponse_timeout = '7s'\nlisten = '127.0.0.1:1'";
    let mut new = GatewayConfig::from_toml(text).expect("good");
    assert_eq!(new.keep_fixed(&running), ["listen", "public_key", "workers"]);
    assert_eq!(
        (&*new.public_key, new.workers, &new.listen),
        ("a", None, &running.listen)
    );
    assert_eq!(new.response_timeout, Duration::from_secs(7));
    assert_eq!(new.keep_fixed(&running), [] as [&str; 0]);
}

#[test]
fn a_route_is_a_path_or_a_service_and_there_is_one_for_each() {
    for (text, expected) in [
        ("[[route]]\nmax_body = '1KB'", "either `path` or `service`"),
        (
            "[[route]]\npath = '/a'\nservice = 'a'",
            "either `path` or `service`",
        ),
        ("[[route]]\npath = 'a'", "route `a`: it does not start with `/`"),
        ("[[route]]\npath = '/a/**/b'", "`**` may only be the last segment"),
        (
            "[[route]]\npath = '/a/{id}'\n[[route]]\npath = '/a/*'",
            "two routes",
        ),
        ("[[route]]\nservice = 'a'\n[[route]]\nservice = 'a'", "two routes"),
        ("[[route]]\npath = '/login'", "belongs to the gateway"),
        ("[[route]]\npath = '/h/x'", "belongs to the gateway"),
        ("[[route]]\npath = '/a'\nburst = 2", "`burst` needs `rate`"),
        ("burst = 2", "`burst` needs `rate`"),
        (
            "[[route]]\npath = '/a'\nrate = '5'",
            "line 3, column 8: `5` is not a rate: write 10/s",
        ),
        ("[[route]]\npath = '/a'\nrate = '1/s'\nburst = 0", "nonzero"),
        ("max_requests = 0", "nonzero"),
        (
            "[[route]]\npath = '/a'\nmaxbody = '1KB'",
            "did you mean `max_body`?",
        ),
        (
            "[[route]]\npath = '/a'\nresponse_timeout = '5'",
            "`5` is not a duration",
        ),
    ] {
        let config = GatewayConfig::from_toml(text).and_then(|config| config.check());
        let error = config.expect_err(text).to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}
