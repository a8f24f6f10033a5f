//! The cookie: which services have one, what it says, and which answers set it.

use http::{Method, header::HOST};
use hydra_runtime_gateway::{PinSameSite, TrustedProxies};

use super::*;

#[tokio::test]
async fn point_1_the_configuration_decides_then_the_newest_instance_then_the_protocol() {
    for (stated, more, expected) in [
        (None, json!({}), true),
        (None, json!({"affinity":null}), false),
        (None, json!({"affinity":"none"}), false),
        (None, json!({"affinity":null,"protocol":1}), true),
        (Some("none"), json!({}), false),
        (Some("none"), json!({"affinity":null,"protocol":1}), false),
        (Some("visitor"), json!({"affinity":"none"}), true),
    ] {
        let text = stated.map_or_else(String::new, |stated| format!("[affinity]\nshop = '{stated}'\n"));
        let read = GatewayConfig::from_toml(&text).expect("good settings");
        let config = GatewayConfig {
            affinity: read.affinity,
            ..config(None)
        };
        let (_gateway, running) = start(config).await;
        let _one = instance(&running, "one", more.clone()).await;
        let answer = get(&running.url("/")).await;
        assert_eq!(pin(&answer).is_some(), expected, "{stated:?} {more}");
    }
    for wrong in [
        "[affinity]\nshop = 'both'",
        "[affinity]\nshop = true",
        "affinity = 'visitor'",
    ] {
        assert!(GatewayConfig::from_toml(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn point_1_the_newest_instance_counts() {
    let (_gateway, running) = start(config(None)).await;
    let _old = instance(&running, "old", json!({"version":1,"affinity":"visitor"})).await;
    let _new = instance(&running, "new", json!({"version":2,"affinity":"none"})).await;
    assert_eq!(pin(&get(&running.url("/")).await), None);
    let _newer = instance(&running, "newer", json!({"version":3,"affinity":"visitor"})).await;
    assert!(pin(&get(&running.url("/")).await).is_some());
}

#[tokio::test]
async fn point_2_the_cookie_is_signed_and_ends_at_the_gateway() {
    let (_gateway, running) = start(config(None)).await;
    let _one = instance(&running, "one", json!({})).await;
    let answer = get(&running.url("/")).await;
    let set = answer.headers[SET_COOKIE].to_str().expect("text");
    assert!(
        set.ends_with("; Path=/; HttpOnly; SameSite=Lax") && !set.contains("127.0.0.1"),
        "{set}"
    );
    let cookie = pin(&answer).expect("a pin");
    let all = format!("a=b; {cookie}; HYDRA-AT-00000000=x; c=d");
    let seen = visit(&running, "/cookies", &all).await;
    assert_eq!((seen.text(), pin(&seen)), ("a=b; c=d", None));
    let seen = visit(&running, "/cookies", &cookie).await;
    assert_eq!((seen.text(), pin(&seen)), ("", None));
}

#[tokio::test]
async fn point_2_it_is_secure_as_logins_are() {
    let plain = GatewayConfig {
        login_over_http: true,
        ..config(None)
    };
    let proxied = GatewayConfig {
        trusted_proxies: TrustedProxies::parse(["127.0.0.1"]).expect("an address"),
        ..config(None)
    };
    let embedded = GatewayConfig {
        affinity_same_site: PinSameSite::None,
        ..proxied.clone()
    };
    for (config, host, proto, expected) in [
        (config(None), "127.0.0.1", "", "SameSite=Lax"),
        (config(None), "shop.example", "", "SameSite=Lax; Secure"),
        (config(None), "shop.example", "https", "SameSite=Lax; Secure"),
        (plain, "shop.example", "", "SameSite=Lax"),
        (proxied.clone(), "127.0.0.1", "https", "SameSite=Lax; Secure"),
        (proxied, "127.0.0.1", "http", "SameSite=Lax"),
        (
            embedded,
            "shop.example",
            "https",
            "SameSite=None; Secure; Partitioned",
        ),
    ] {
        let (_gateway, running) = start(config).await;
        let _one = instance(&running, "one", json!({})).await;
        let mut request = Request::get(running.url("/")).header(HOST, host);
        if !proto.is_empty() {
            request = request
                .header("x-forwarded-proto", proto)
                .header("x-forwarded-for", "10.0.0.9");
        }
        let answer = send(request.body(Body::empty()).expect("a request")).await;
        let set = answer.headers[SET_COOKIE].to_str().expect("text");
        assert!(
            set.ends_with(&format!("; HttpOnly; {expected}")),
            "{host} {proto}: {set}"
        );
    }
    let without_tls = GatewayConfig {
        affinity_same_site: PinSameSite::None,
        ..config(None)
    };
    let error = Gateway::new(without_tls).expect_err("it needs TLS").to_string();
    assert!(error.contains("affinity_same_site"), "{error}");
}

#[tokio::test]
async fn point_2_forged_cut_and_foreign_cookies_are_as_none() {
    let (_gateway, running) = start(config(None)).await;
    let _one = instance(&running, "one", json!({})).await;
    let other = GatewayConfig {
        private_key: Some(Secret::new("another private key".into())),
        ..config(None)
    };
    let (_other, elsewhere) = start(other).await;
    let _two = instance(&elsewhere, "two", json!({})).await;
    let cookie = pin(&get(&running.url("/")).await).expect("a pin");
    let foreign = pin(&get(&elsewhere.url("/")).await).expect("a pin");
    let (name, value) = cookie.split_once('=').expect("a value");
    let last = if value.ends_with('0') { '1' } else { '0' };
    for (wrong, is_valid) in [
        (cookie.clone(), true),
        (format!("{name}={}{last}", &value[..value.len() - 1]), false),
        (cookie[..cookie.len() - 1].to_owned(), false),
        (format!("{cookie}0"), false),
        (format!("{name}="), false),
        (format!("{name}={}", "0".repeat(64)), false),
        (format!("HYDRA-AT-00000000={value}"), false),
        (foreign, false),
    ] {
        let answer = visit(&running, "/", &wrong).await;
        assert_eq!(pin(&answer).is_none(), is_valid, "{wrong}");
        assert_eq!(answer.text(), "one");
    }
}

#[tokio::test]
async fn point_3_answers_of_the_service_to_endpoints_and_sockets_set_it_from_the_first_instance_on() {
    let (_gateway, running) = start(config(None)).await;
    let _one = instance(&running, "one", json!({})).await;
    for (path, expected) in [
        ("/", true),
        ("/go", true),
        ("/closed", true),
        ("/public", false),
        ("/edge", false),
        ("/same", false),
        ("/shop/app.css", false),
        ("/nothing", false),
    ] {
        let answer = get(&running.url(path)).await;
        assert_eq!(pin(&answer).is_some(), expected, "{path}");
        let mut values = answer.headers.get_all(CACHE_CONTROL).iter();
        assert_eq!(values.any(|value| value == "private"), expected, "{path}");
    }
    for path in ["/shop/socket", "/"] {
        let (head, name) = open_socket(&running, path, "").await;
        assert!(
            head.contains("set-cookie: HYDRA-AT-") && name == "one",
            "{path}: {head}"
        );
    }
}

#[tokio::test]
async fn point_3_answers_to_unsafe_requests_of_other_sites_set_none() {
    let (_gateway, running) = start(config(None)).await;
    let _one = instance(&running, "one", json!({})).await;
    for (method, name, value, expected) in [
        (Method::POST, "sec-fetch-site", "cross-site", false),
        (Method::DELETE, "sec-fetch-site", "cross-site", false),
        (Method::POST, "origin", "https://evil.example", false),
        (Method::POST, "origin", "null", false),
        (Method::POST, "sec-fetch-site", "same-origin", true),
        (Method::POST, "sec-fetch-site", "same-site", true),
        (Method::GET, "sec-fetch-site", "cross-site", true),
    ] {
        let request = Request::builder()
            .method(&method)
            .uri(running.url("/"))
            .header(name, value);
        let answer = send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(pin(&answer).is_some(), expected, "{method} {name}: {value}");
    }
}

#[tokio::test]
async fn point_3_the_gateways_own_errors_set_none_and_a_late_answer_writes_no_old_pin_back() {
    let (gateway, running) = start(config(None)).await;
    let a = instance(&running, "a", json!({})).await;
    let (cookie, _) = visitors(&running, 1).await.remove(0);
    let late = tokio::spawn(visit_url(running.url("/wait"), cookie.clone()));
    a.switches.waits.notified().await;
    let _b = instance(&running, "b", json!({})).await;
    drain(&gateway, &a.running.address.to_string(), Some(0)).await;
    let moved = visit(&running, "/", &cookie).await;
    assert_eq!(moved.text(), "b");
    assert!(pin(&moved).is_some_and(|new| new != cookie));
    a.switches.go_on.notify_one();
    let late = late.await.expect("an answer");
    assert_eq!(
        (late.text(), pin(&late)),
        ("a", None),
        "its answer does not pin again"
    );
    drain(&gateway, "shop", Some(0)).await;
    let refused = visit(&running, "/", "").await;
    assert_eq!(
        (refused.status, pin(&refused)),
        (StatusCode::SERVICE_UNAVAILABLE, None)
    );
}
