//! What the page shows: of peers, and of the graph.

use axum::Router;
use serde_json::{Value, json};

use super::{Browser, add, config, start};
use crate::support::{post, register, said, service};

/// Texts that a peer may send, each with a mark of its own.
const MARKS: [&str; 3] = [
    "<img src=x onerror=alert(1)>",
    "\"><script>alert(2)</script>",
    "'{{ 1234 * 1001 }}{% raw %}</textarea>",
];

#[tokio::test]
async fn nothing_that_a_peer_says_becomes_markup() {
    let (gateway, port) = start(config()).await;
    let [img, script, tera] = MARKS;
    let asks = json!([
        {"service":"orders","ref":img,"imports":{(script):"string"},"exports":{(tera):"string"},"pages":[script]},
        {"service":img,"ref":"x","pages":["a.html"]},
    ]);
    let paths = [
        format!("/{script}"),
        format!("/a b{img}"),
        "/{".to_owned(),
        tera.to_owned(),
    ];
    let _shop = add(
        &port,
        "Shop ä (1)",
        json!({"endpoints": paths, "contract": {"service":"Shop ä (1)","asks":asks}}),
    )
    .await;
    let _orders = add(
        &port,
        "orders",
        json!({"contract": {"service":"orders","fragments":{"form":{}}}}),
    )
    .await;
    let mut browser = Browser::of(&gateway);
    browser.sign_in().await;
    let own: Vec<String> = MARKS
        .iter()
        .map(|mark| mark.bytes().map(|byte| format!("%{byte:02X}")).collect())
        .collect();
    let mut pages = vec![
        "/".to_owned(),
        "/routes".into(),
        "/problems".into(),
        "/flows".into(),
    ];
    for mark in own
        .iter()
        .map(String::as_str)
        .chain(["Shop%20%C3%A4%20(1)", "orders"])
    {
        for path in [
            "/?q=",
            "/service?name=",
            "/weights?name=",
            "/routes?q=",
            "/flows?q=",
            "/sign-in?place=",
            "/?done=",
        ] {
            pages.push(format!("{path}{mark}"));
        }
    }
    for path in pages {
        let page = browser.get(&path).await;
        assert!(
            !page.text.contains("<img") && !page.text.contains("<script>"),
            "{path}: {}",
            page.text
        );
        assert!(
            !page.text.contains("</textarea") && !page.text.contains("1235234"),
            "{path}: {}",
            page.text
        );
        // An attribute of an element of ours cannot be left.
        assert!(
            !page.text.contains("\"><script") && !page.text.contains("'{{"),
            "{path}: {}",
            page.text
        );
        assert!(
            page.header("content-security-policy")
                .starts_with("default-src 'none'"),
            "{path}"
        );
        assert_eq!(page.header("cache-control"), "no-store");
    }
    let problems = browser.get("/problems").await.text;
    assert!(
        problems.contains("&lt;img src=x onerror=alert(1)&gt;"),
        "it is shown as text: {problems}"
    );
    for field in ["drain", "end-drain", "service", "weight:1"] {
        for mark in MARKS {
            let key = browser.get("/service?name=orders").await.field("key");
            let got = browser
                .post("/change", &[("key", &key), (field, mark), ("weight:2", mark)])
                .await;
            assert!(got.status.is_client_error(), "{field} {mark}");
            assert!(
                !got.text.contains("<img")
                    && !got.text.contains("<script>")
                    && !got.text.contains("</textarea"),
                "{}",
                got.text
            );
        }
    }
}

#[tokio::test]
async fn the_graph_has_what_contracts_declare_and_what_the_gateway_sees() {
    let (gateway, port) = start(config()).await;
    let answer = async |body: String| {
        let batch: Value = serde_json::from_str(&body).expect("JSON");
        let items = batch["requests"]["orders"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let fragments: Vec<Value> = items
            .iter()
            .map(|item| json!({"id": item["id"], "renderedHTML": "<p>", "outcome": "rendered"}))
            .collect();
        axum::Json(json!({ "fragments": fragments }))
    };
    let orders = service(Router::new().fallback(answer)).await;
    let contract = json!({"service":"orders","fragments":{"form":{"imports":{"dob":"date"},"exports":{"line":"string"}}}});
    register(
        &port,
        &said(
            "orders",
            &orders,
            json!({"protocol":2,"instance":"uuid-orders","contract":contract}),
        ),
    )
    .await;
    let asks = json!([{"service":"orders","ref":"form","imports":{"dob":"date"},"exports":{"line":"string"},"required":true,"pages":["checkout.html"]},
        {"service":"gone","ref":"box","pages":["index.html"]}]);
    let _shop = add(&port, "shop", json!({"contract":{"service":"shop","asks":asks}})).await;
    let request = |(service, reference): (&str, &str), page: &str, chain: Value| json!({"protocol":2,"page":page,"requests":{(service):[{"id":"1","ref":reference,"imports":[],"attributes":{},"trail":chain}]}});
    for (fragment, page, chain) in [
        (("orders", "form"), "checkout.html", json!(["shop"])),
        (("orders", "form"), "checkout.html", json!(["shop"])),
        // The page does not embed it, or the client does not tell which page does.
        (("orders", "form"), "index.html", json!(["shop"])),
        (("orders", "form"), "made up", json!(["shop"])),
        (("orders", "form"), "", json!(["shop"])),
        (("orders", "form"), "made up", json!(["shop", "news/made up"])),
        (("orders", "form"), "checkout.html", json!([])),
        (("orders", "made up"), "checkout.html", json!(["shop"])),
        (("gone", "box"), "index.html", json!(["shop"])),
    ] {
        post(
            &port.url("/h/discovery/K/requestFragment"),
            &request(fragment, page, chain),
        )
        .await;
    }
    let mut browser = Browser::of(&gateway);
    browser.sign_in().await;
    let page = browser.get("/flows").await.text;
    let text: Vec<&str> = page
        .split(['<', '>', '\n'])
        .filter(|part| !part.trim().is_empty())
        .collect();
    let text = text.join("|");
    for part in [
        "checkout.html",
        "required",
        "dob",
        "date",
        "line",
        "Unknown pages",
        "#other",
        "100 % inactive",
        "100 % rendered",
        "failing",
        "working",
        "5 in all",
    ] {
        assert!(page.contains(part), "{part}: {text}");
    }
    assert!(!page.contains("made up"), "{text}");
    let of_page = |name: &str| {
        let row = page.split("<tr class=\"page\">").find(|row| row.contains(name))?;
        Some(row.split("</tr>").next()?.to_owned())
    };
    let row = of_page("checkout.html").expect("a row");
    assert!(
        row.contains("2 in all") && row.contains("100 % rendered"),
        "{row}"
    );
    let row = of_page("index.html").expect("a row");
    assert!(
        row.contains("1 in all") && row.contains("100 % inactive"),
        "{row}"
    );
    assert!(browser.get("/flows?only=trouble").await.text.contains("#box"));
    assert!(!browser.get("/flows?only=trouble").await.text.contains("#form"));
    assert!(browser.get("/service?name=orders").await.text.contains("#form"));
}
