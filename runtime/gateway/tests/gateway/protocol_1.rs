//! The recorded exchange of protocol 1, member by member.

use std::sync::{Arc, Mutex};

use axum::{
    Json, Router,
    extract::State,
    routing::{get as on_get, post},
};
use http::{HeaderMap, StatusCode, Uri};
use hydra_runtime_gateway::{GatewayConfig, Protocol1Attributes};
use serde_json::{Value, json};

use crate::support::{
    Running, gateway, gateway_with, get, post as send, post_text, recorded, recorded_text, register, said,
    service,
};

type Seen = Arc<Mutex<Vec<Value>>>;

async fn fragments(State(seen): State<Seen>, Json(body): Json<Value>) -> Json<Value> {
    seen.lock().expect("not poisoned").push(body);
    Json(recorded("service-request-fragment.response"))
}

/// The recorded body, with the address of the test's service in it.
fn at(name: &str, service: &Running) -> Value {
    let text = recorded(name).to_string();
    let text = text
        .replace("10.1.2.3", "127.0.0.1")
        .replace("8080", &service.address.port().to_string());
    serde_json::from_str(&text).expect("JSON")
}

#[tokio::test]
async fn the_recorded_exchange_holds_member_by_member() {
    let seen = Seen::default();
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", post(fragments))
        .with_state(Arc::clone(&seen));
    let service = service(router).await;
    let gateway = gateway_with(GatewayConfig {
        public_key: "K".into(),
        login_public_key: "MIIBIjANBgkqhkiG9w0BIDAQAB".into(),
        ..GatewayConfig::default()
    })
    .await;

    let answer = register(&gateway, &at("registration.request", &service)).await;
    assert_eq!(answer, at("registration.response", &service));
    let services = get(&gateway.url("/_h/services")).await;
    assert_eq!(services.json(), at("services.response", &service));

    let alive = gateway.url("/h/discovery/K/alive");
    let answer = post_text(&alive, "text/plain;charset=UTF-8", "sample-impl").await;
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, "true"));
    assert_eq!(
        post_text(&alive, "text/plain;charset=UTF-8", "stranger")
            .await
            .status,
        StatusCode::NOT_FOUND
    );

    let answer = post_text(
        &gateway.url("/h/discovery/K/requestFragment"),
        "application/json",
        recorded_text("request-fragment.request"),
    )
    .await;
    assert_eq!(answer.json(), recorded("request-fragment.response"));
    assert_eq!(
        *seen.lock().expect("not poisoned"),
        [recorded("service-request-fragment.request")]
    );

    assert_eq!(
        get(&gateway.url("/health")).await.json(),
        recorded("health.response")
    );
}

#[tokio::test]
async fn a_registration_with_nulls_and_unknown_members_counts() {
    let (gateway, service) = (gateway().await, service(Router::new()).await);
    let answer = register(&gateway, &at("registration-nulls.request", &service)).await;
    assert_eq!(answer["services"][0]["serviceName"], "sparse");
    assert_eq!(answer["roleMappings"], json!({}));
}

#[tokio::test]
async fn an_empty_batch_gives_an_empty_list() {
    let gateway = gateway().await;
    for body in [
        json!({}),
        json!({"attributes":null,"requests":null}),
        json!({"attributes":{},"requests":{"a":[]}}),
    ] {
        let answer = send(&gateway.url("/h/discovery/K/requestFragment"), &body).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, json!([])));
    }
}

#[tokio::test]
async fn a_wrong_key_gets_404_and_nothing_else() {
    let gateway = gateway().await;
    // The second is not UTF-8.
    for key in ["X", "%ff"] {
        for call in ["registration", "alive", "requestFragment"] {
            let answer = send(&gateway.url(&format!("/h/discovery/{key}/{call}")), &json!({})).await;
            let said = (answer.status, answer.text());
            assert_eq!(said, (StatusCode::NOT_FOUND, ""), "{key} {call}");
        }
        let answer = get(&gateway.url(&format!("/h/discovery/{key}/overview?hash=1&hash=2"))).await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::NOT_FOUND, ""),
            "{key}"
        );
    }
}

#[tokio::test]
async fn a_gateway_without_keys_tells_protocol_1_null_and_protocol_2_an_empty_text() {
    for (key, one, two) in [
        ("", Value::Null, json!("")),
        ("MIIB", json!("MIIB"), json!("MIIB")),
    ] {
        let gateway = gateway_with(GatewayConfig {
            public_key: "K".into(),
            login_public_key: key.into(),
            ..GatewayConfig::default()
        })
        .await;
        let target = service(Router::new()).await;
        for (protocol, expected) in [(json!(null), &one), (json!(1), &one), (json!(2), &two)] {
            let answer = register(&gateway, &said("a", &target, json!({"protocol": protocol}))).await;
            assert_eq!(answer.get("publicKey"), Some(expected), "{protocol}");
            assert_eq!(
                answer.get("protocol"),
                (protocol == json!(2)).then_some(&json!(2))
            );
        }
    }
}

#[tokio::test]
async fn protocol_2_is_told_more() {
    let (gateway, service) = (gateway().await, service(Router::new()).await);
    let more = json!({"protocol":2,"instance":"9f0c","endpoints":["/x","/h/x","relative"]});
    let answer = register(&gateway, &said("a", &service, more)).await;
    let left_out: Vec<_> = answer["leftOut"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| &one["path"])
        .collect();
    assert_eq!(left_out, ["/h/x", "relative"]);
    let alive = gateway.url("/h/discovery/K/alive");
    assert_eq!(
        send(&alive, &json!({"name":"a","instance":"9f0c"})).await.status,
        StatusCode::OK
    );
    assert_eq!(
        send(&alive, &json!({"name":"a","instance":"other"})).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn the_overview_is_short_for_those_who_know_it() {
    let (gateway, service) = (gateway().await, service(Router::new()).await);
    let before = get(&gateway.url("/h/discovery/K/overview")).await.json();
    assert_eq!(before["services"], json!([]));
    register(&gateway, &said("a", &service, json!({}))).await;
    let known = before["hash"].as_str().expect("a hash");
    let after = get(&gateway.url(&format!("/h/discovery/K/overview?hash={known}")))
        .await
        .json();
    assert_eq!(after["services"][0]["serviceName"], "a");
    let hash = after["hash"].as_str().expect("a hash");
    assert_ne!(hash, known);
    let again = get(&gateway.url(&format!("/h/discovery/K/overview?hash={hash}")))
        .await
        .json();
    assert_eq!(again, json!({"hash":hash}));
}

/// A service of protocol 1 that notes what it is asked, and gives each item twice.
async fn noting(gateway: &Running, name: &str) -> (Running, Seen) {
    let seen = Seen::default();
    let answer = async |State(seen): State<Seen>, Json(body): Json<Value>| {
        let items = body["requests"].as_array().expect("a list").clone();
        let part = |text: &'static str| {
            let items = items.iter();
            items.map(move |item| json!({"id":item["id"],"renderedHTML":text}))
        };
        let parts: Vec<_> = part("one ").chain(part("two")).collect();
        seen.lock().expect("not poisoned").push(body);
        Json(parts)
    };
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", post(answer))
        .with_state(Arc::clone(&seen));
    let service = service(router).await;
    register(gateway, &said(name, &service, json!({}))).await;
    (service, seen)
}

#[tokio::test]
async fn attributes_are_never_null_for_a_service_and_the_parts_of_an_id_are_joined_in_order() {
    let gateway = gateway().await;
    let (_service, seen) = noting(&gateway, "old").await;
    let ids = ["$#FRGM-b", " a\u{e9}\"\\\u{1F600} ", ""];
    let items: Vec<_> = ids
        .iter()
        .map(|id| json!({"id":id,"service":"old","ref":"x","fallback":"f"}))
        .collect();
    let url = gateway.url("/h/discovery/K/requestFragment");
    let answer = send(&url, &json!({"attributes":null,"requests":{"old":items}}))
        .await
        .json();
    let expected: Vec<_> = ids
        .iter()
        .map(|id| json!({"id":id,"renderedHTML":"one two"}))
        .collect();
    assert_eq!(answer, json!(expected), "ids byte for byte");
    let seen = seen.lock().expect("not poisoned");
    assert_eq!(seen[0]["attributes"], json!({}));
    let member = |name: &str| seen[0]["requests"][0].get(name).cloned();
    assert_eq!(member("service"), Some(json!("old")));
    assert_eq!(
        (member("imports"), member("exports")),
        (Some(json!([])), Some(json!([])))
    );
    assert_eq!(member("fallback"), Some(json!("f")));
    assert_eq!(
        (member("deadline"), member("attributes")),
        (None, None),
        "nothing of protocol 2"
    );
}

#[tokio::test]
async fn a_page_that_cannot_name_imports_gives_all_to_protocol_1_and_what_is_contracted_to_protocol_2() {
    let batch = |name: &str| {
        json!({"attributes":{"dob":"2000-01-01","secret":[1]},
            "requests":{name:[{"id":"1","service":name,"ref":"x","fallback":""}]}})
    };
    for (attributes, passed) in [
        (
            Protocol1Attributes::Pass,
            json!({"dob":"2000-01-01","secret":[1]}),
        ),
        (Protocol1Attributes::Drop, json!({})),
    ] {
        let gateway = gateway_with(GatewayConfig {
            public_key: "K".into(),
            protocol_1_attributes: attributes,
            ..GatewayConfig::default()
        })
        .await;
        let url = gateway.url("/h/discovery/K/requestFragment");
        let (_old, seen) = noting(&gateway, "old").await;
        send(&url, &batch("old")).await;
        assert_eq!(seen.lock().expect("not poisoned")[0]["attributes"], passed);

        let (_new, seen) = new_service(&gateway).await;
        assert_eq!(
            send(&url, &batch("new")).await.json(),
            json!([{"id":"1","renderedHTML":"<p>"}])
        );
        let seen = seen.lock().expect("not poisoned");
        assert_eq!(
            seen[0]["requests"]["new"][0]["attributes"],
            json!({"dob":"2000-01-01"})
        );
        assert_eq!(seen[0].get("attributes"), None);
    }
}

#[tokio::test]
async fn imports_in_the_words_of_the_tag_count_and_every_service_gets_the_fragments_names() {
    let attributes = json!({"basketProduct": {"id": 7}, "dob": "2000-01-01", "secret": [1], "none": null});
    // What the items state, and the calls to a service of protocol 1: attributes, and ids.
    for (items, calls) in [
        (
            json!([{"id":"1","imports":["basketProduct as product"]},{"id":"2","imports":["basketProduct as product"]}]),
            vec![(json!({"product": {"id": 7}}), vec!["1", "2"])],
        ),
        (
            json!([{"id":"1","imports":["basketProduct.id as id"],"exports":[]},{"id":"2","imports":["dob"],"exports":null}]),
            vec![
                (json!({"id": 7}), vec!["1"]),
                (json!({"dob": "2000-01-01"}), vec!["2"]),
            ],
        ),
        (json!([{"id":"1","imports":[]}]), vec![(json!({}), vec!["1"])]),
        (
            json!([{"id":"1"},{"id":"2","imports":null},{"id":"3","imports":["secret","none","dob","basketProduct"]}]),
            vec![(attributes.clone(), vec!["1", "2", "3"])],
        ),
        (
            json!([{"id":"1","imports":["missing", null, "dob"]}]),
            vec![(json!({"dob": "2000-01-01"}), vec!["1"])],
        ),
    ] {
        let gateway = gateway().await;
        let (_old, seen) = noting(&gateway, "old").await;
        let mut asked = items.clone();
        for item in asked.as_array_mut().expect("a list") {
            item["service"] = json!("old");
            item["ref"] = json!("x");
        }
        let url = gateway.url("/h/discovery/K/requestFragment");
        let answer = send(&url, &json!({"attributes":attributes,"requests":{"old":asked}}))
            .await
            .json();
        assert_eq!(answer.as_array().map(Vec::len), items.as_array().map(Vec::len));
        let mut came: Vec<_> = std::mem::take(&mut *seen.lock().expect("not poisoned"));
        came.sort_by_key(|call| call["requests"][0]["id"].to_string());
        let came: Vec<_> = came
            .iter()
            .map(|call| {
                let items = call["requests"].as_array().expect("a list");
                let keys: Vec<_> = call["attributes"]
                    .as_object()
                    .expect("an object")
                    .keys()
                    .collect();
                assert!(
                    items.iter().all(|item| item["imports"] == json!(keys)),
                    "exactly the keys: {call}"
                );
                let ids = items.iter().map(|item| item["id"].as_str().expect("text"));
                (call["attributes"].clone(), ids.collect::<Vec<_>>())
            })
            .collect();
        assert_eq!(came, calls, "{items}");
    }
}

#[tokio::test]
async fn a_page_of_protocol_2_gives_a_service_of_protocol_1_the_fragments_names() {
    let gateway = gateway().await;
    let (_old, seen) = noting(&gateway, "old").await;
    let item = json!({"id":"1","service":"old","ref":"x","imports":["countryOrigin as country"],
        "attributes":{"country":"BE","secret":1},"exports":["line as address"]});
    let url = gateway.url("/h/discovery/K/requestFragment");
    send(&url, &json!({"protocol":2,"requests":{"old":[item]}})).await;
    let seen = seen.lock().expect("not poisoned");
    assert_eq!(seen[0]["attributes"], json!({"country": "BE"}));
    assert_eq!(seen[0]["requests"][0]["imports"], json!(["country"]));
}

/// A service of protocol 2 whose contract imports `dob`.
async fn new_service(gateway: &Running) -> (Running, Seen) {
    let seen = Seen::default();
    let answer = async |State(seen): State<Seen>, Json(body): Json<Value>| {
        seen.lock().expect("not poisoned").push(body);
        Json(json!({"fragments":[{"id":"1","renderedHTML":"<p>"}]}))
    };
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", post(answer))
        .with_state(Arc::clone(&seen));
    let service = service(router).await;
    let contract = json!({"service":"new","fragments":{"x":{"imports":{"dob":{"type":"date"}}}}});
    register(
        gateway,
        &said("new", &service, json!({"protocol":2,"contract":contract})),
    )
    .await;
    (service, seen)
}

#[tokio::test]
async fn every_kind_of_pattern_is_routed_and_names_its_service() {
    let gateway = gateway().await;
    let echo = async |headers: HeaderMap, uri: Uri| {
        let names: Vec<_> = headers
            .get_all("hydra-path")
            .iter()
            .map(|name| name.to_str().expect("text"))
            .collect();
        format!("{uri} {}", names.join(","))
    };
    let target = service(Router::new().fallback(echo)).await;
    let more = json!({"endpoints":["/","/one/{id}/end","/any/*","/deep/**","/*.html"],
        "staticResources":["a.js","css/b.css","folder/"]});
    register(&gateway, &said("sample impl", &target, more)).await;
    for (path, there) in [
        ("/", "/"),
        ("/one/7/end?q=%20", "/one/7/end?q=%20"),
        ("/any/x", "/any/x"),
        ("/deep/a/b/c", "/deep/a/b/c"),
        ("/page.html", "/page.html"),
        ("/sample%20impl/a.js?v=1", "/static/a.js?v=1"),
        ("/sample%20impl/css/b.css", "/static/css/b.css"),
        ("/sample%20impl/socket", "/socket"),
    ] {
        let request = http::Request::put(gateway.url(path))
            .header("hydra-path", "forged")
            .body(axum::body::Body::empty());
        let answer = crate::support::send(request.expect("a request")).await;
        assert_eq!(answer.text(), format!("{there} sample impl"), "{path}");
    }
    for path in [
        "/one/7",
        "/one//end",
        "/any/x/y",
        "/page.htm",
        "/sample%20impl/folder/",
        "/sample%20impl/c.js",
        "/static/a.js",
    ] {
        assert_eq!(
            get(&gateway.url(path)).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn what_a_registration_lacks_is_its_default_and_without_a_protocol_it_is_https() {
    let gateway = gateway().await;
    let answer = send(
        &gateway.url("/h/discovery/K/registration"),
        &json!({"host":"10.1.2.3","port":1,"name":"a"}),
    )
    .await;
    assert_eq!(answer.status, StatusCode::OK);
    let expected = json!({"webProtocol":"https","host":"10.1.2.3","port":1,"socketPort":0,"name":"a","version":0,
        "activeSince":0,"awakening":null,"endpoints":[],"sockets":[],"staticResources":[],"menuItems":{}});
    assert_eq!(
        answer.json()["services"],
        json!([{"serviceName":"a","activeServices":[expected]}])
    );
    let members: Vec<_> = answer
        .json()
        .as_object()
        .expect("an object")
        .keys()
        .cloned()
        .collect();
    assert_eq!(
        members,
        ["publicKey", "roleMappings", "services"],
        "nothing of protocol 2"
    );
}

#[tokio::test]
async fn menu_items_and_sockets_come_back_as_they_were_said() {
    let (gateway, target) = (gateway().await, service(Router::new()).await);
    let more = json!({"sockets":["/chat",{"path":"/x"}],
        "menuItems":{"main":[{"endpoint":"/","label":"Home"},{"endpoint":"/é","label":"É <b>"}],"side":[]}});
    let body = said("a", &target, more);
    let answer = register(&gateway, &body).await;
    assert_eq!(answer["services"][0]["activeServices"][0], body);
    // Said again in other words, it is the same instance, and what it said before is gone.
    let answer = register(&gateway, &said("a", &target, json!({"version":3}))).await;
    assert_eq!(
        answer["services"][0]["activeServices"],
        json!([said("a", &target, json!({"version":3}))])
    );
}

#[tokio::test]
async fn an_awakening_version_takes_all_or_its_share() {
    for (awakening, expected) in [
        ("NEWEST_VERSION_WINS", vec!["2"]),
        ("EQUAL_SHARE", vec!["1", "2"]),
    ] {
        let gateway = gateway().await;
        let mut services = Vec::new();
        for version in [2, 1] {
            let page = async move || version.to_string();
            let target = service(Router::new().route("/x", on_get(page))).await;
            let more = json!({"version":version,"awakening":awakening,"endpoints":["/x"]});
            register(&gateway, &said("a", &target, more)).await;
            services.push(target);
        }
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..40 {
            seen.insert(get(&gateway.url("/x")).await.text().to_owned());
        }
        assert_eq!(seen.into_iter().collect::<Vec<_>>(), expected, "{awakening}");
    }
}
