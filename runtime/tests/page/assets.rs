//! "A fragment may name its style sheets and scripts; the page links each once, in the head where it is still open, with
//! `preload` in the `Link` header."

use std::{fs, sync::Arc, time::Duration};

use axum::{Router, body::Body, response::Response, routing::get};
use futures_util::{FutureExt, future::BoxFuture};
use http::header::LINK;
use hydra_compile::{
    Compiled, compile,
    read::{self, InputPaths, Progress},
};
use hydra_contract::{Insertion, Plan};
use hydra_runtime::{
    page::{Engine, FragmentCall},
    wire::{Asset, AssetKind, Outcome, ResolvedFragment},
};
use serde_json::json;
use tera::Context;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

use crate::{
    plans::{SiteExt, hole, plan, slot},
    support::{Batch, Locals, Log, echo, engine_with, piece, request, source, text},
};

const PAGE: &str = "<html><head><title>t</title></head><body>{{ 0 | __hydra }}|{{ 1 | __hydra }}</body>";
const STYLE_A: &str = "<link rel=\"stylesheet\" href=\"/s/a.css\">\n";
const SCRIPT_A: &str = "<script src=\"/s/a.js\" defer></script>\n";

fn page_of(page: &str, sites: impl IntoIterator<Item = Insertion>, flush_after: Duration) -> Engine {
    let templates = [
        ("page.html", page),
        ("#1/page.html", "{{ a }}"),
        ("#2/page.html", "fallback"),
    ];
    engine_with(plan(&templates, sites), |options| {
        options.flush_after = flush_after
    })
}

/// The head waits for all fragments.
fn patient(page: &str) -> Engine {
    page_of(page, [slot("s/f"), slot("s/g")], Duration::from_secs(60))
}

/// The head leaves at once.
fn hasty(page: &str) -> Engine {
    page_of(page, [slot("s/f"), slot("s/g")], Duration::ZERO)
}

fn assets(of: &[&str]) -> Vec<Asset> {
    of.iter()
        .map(|href| Asset {
            kind: if href.contains(".js") {
                AssetKind::Script
            } else {
                AssetKind::Style
            },
            href: (*href).to_owned(),
        })
        .collect()
}

fn answer(batch: &Batch, reference: &str, html: &str, of: &[&str]) {
    batch.send(ResolvedFragment {
        id: batch.id(reference),
        html: Some(html.to_owned()),
        assets: assets(of),
        ..ResolvedFragment::default()
    });
}

/// The response where both fragments, in this order, give this HTML and need these.
async fn page(engine: &Engine, answers: [(&str, &str, &[&str]); 2]) -> Response {
    let (source, mut batches) = source();
    let engine = engine.clone();
    let page = tokio::spawn(async move { engine.page(request(Context::new(), Some(source))).await });
    let batch = batches.recv().await.unwrap();
    for (reference, html, of) in answers {
        answer(&batch, reference, html, of);
    }
    page.await.unwrap()
}

fn link(response: &Response) -> &str {
    response
        .headers()
        .get(LINK)
        .map_or("", |link| link.to_str().unwrap())
}

#[tokio::test]
async fn what_is_known_before_the_head_leaves_is_linked_there_and_in_the_header() {
    let both = [
        ("f", "F", &["/s/a.css", "/s/a.js"][..]),
        ("g", "G", &["/s/a.css", "https://cdn.example/b.js?x=1&y=2"][..]),
    ];
    let response = page(&patient(PAGE), both).await;
    assert_eq!(
        link(&response),
        "</s/a.css>; rel=preload; as=style, </s/a.js>; rel=preload; as=script, \
         <https://cdn.example/b.js?x=1&y=2>; rel=preload; as=script"
    );
    let last = "<script src=\"https://cdn.example/b.js?x=1&amp;y=2\" defer></script>\n";
    assert_eq!(
        text(response).await,
        format!("<html><head><title>t</title>{STYLE_A}{SCRIPT_A}{last}</head><body>F|G</body>")
    );
}

#[tokio::test]
async fn what_comes_later_is_linked_once_just_before_the_first_fragment_that_needs_it() {
    let engine = hasty(PAGE);
    let (source, mut batches) = source();
    let response = engine.page(request(Context::new(), Some(source))).await;
    assert_eq!(link(&response), "");
    let mut body: Body = response.into_body();
    let head = piece(&mut body).await;
    assert_eq!(head.as_deref(), Some("<html><head><title>t</title></head><body>"));
    let batch = batches.recv().await.unwrap();
    // The second in the document comes first.
    answer(&batch, "g", "G", &["/s/a.css", "/s/a.js"]);
    answer(&batch, "f", "F", &["/s/a.css"]);
    let mut rest = String::new();
    while let Some(piece) = piece(&mut body).await {
        rest.push_str(&piece);
    }
    assert_eq!(rest, format!("{STYLE_A}F|{SCRIPT_A}G</body>"));
}

#[tokio::test]
async fn a_head_that_waits_for_an_export_takes_links_as_long_as_it_does() {
    let page = "<head><title>{{ 1 | __hydra }}</title></head>{{ 0 | __hydra }}";
    let sites = [slot("s/f").exports("a"), hole("#1/page.html", "a", "")];
    let engine = page_of(page, sites, Duration::ZERO);
    let (source, mut batches) = source();
    let mut body = engine
        .page(request(Context::new(), Some(source)))
        .await
        .into_body();
    assert_eq!(piece(&mut body).await.as_deref(), Some("<head><title>"));
    let batch = batches.recv().await.unwrap();
    batch.send(ResolvedFragment {
        id: batch.id("f"),
        html: Some("F".to_owned()),
        exports: json!({"a": "</head>"}).as_object().cloned().unwrap(),
        assets: assets(&["/s/a.css"]),
        ..ResolvedFragment::default()
    });
    let rest = piece(&mut body).await.unwrap();
    assert_eq!(rest, format!("&lt;/head&gt;</title>{STYLE_A}</head>F"));
}

#[tokio::test]
async fn a_page_without_a_head_links_before_the_fragment_and_in_the_header() {
    for start in ["<p>", "<body><!-- </head> -->", "<script>'</head>'</script>"] {
        let engine = patient(&format!("{start}{{{{ 0 | __hydra }}}}|{{{{ 1 | __hydra }}}}"));
        let both = [("f", "<i></head></i>", &[][..]), ("g", "G", &["/s/a.css"][..])];
        let response = page(&engine, both).await;
        assert_eq!(link(&response), "</s/a.css>; rel=preload; as=style");
        assert_eq!(text(response).await, format!("{start}<i></head></i>|{STYLE_A}G"));
    }
}

#[tokio::test]
async fn addresses_that_no_page_may_link_cost_only_themselves() {
    let bad = [
        "javascript:alert(1)",
        "//evil.example/a.css",
        "http://evil.example/a.js",
        "/a\"><script>alert(1)</script>",
        "/a\nset-cookie: x=1",
        "/a b.css",
        "",
    ];
    let response = page(&patient(PAGE), [("f", "F", &bad[..]), ("g", "G", &["/s/a.css"])]).await;
    assert_eq!(link(&response), "</s/a.css>; rel=preload; as=style");
    let expected = format!("<html><head><title>t</title>{STYLE_A}</head><body>F|G</body>");
    assert_eq!(text(response).await, expected);
}

#[tokio::test]
async fn ten_thousand_assets_are_a_few_links_and_a_short_header() {
    let many: Vec<String> = (0..10_000).map(|n| format!("/s/{n}.css")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let response = page(&patient(PAGE), [("f", "F", &many[..]), ("g", "G", &many[..])]).await;
    assert!(link(&response).len() < 8 << 10);
    let text = text(response).await;
    assert_eq!(text.matches("<link").count(), 32);
    assert!(text.ends_with("</head><body>F|G</body>"));
}

#[tokio::test]
async fn a_fragment_that_is_not_shown_links_nothing() {
    let sites = [slot("s/f").fallback("#2/page.html", ""), slot("s/g")];
    let engine = page_of(PAGE, sites, Duration::from_secs(60));
    let (source, mut batches) = source();
    let page = tokio::spawn(async move { engine.page(request(Context::new(), Some(source))).await });
    let batch = batches.recv().await.unwrap();
    batch.send(ResolvedFragment {
        id: batch.id("f"),
        outcome: Outcome::Failed,
        assets: assets(&["/s/a.css"]),
        ..ResolvedFragment::default()
    });
    answer(&batch, "g", "G", &[]);
    let response = page.await.unwrap();
    assert_eq!(link(&response), "");
    assert_eq!(
        text(response).await,
        "<html><head><title>t</title></head><body>fallback|G</body>"
    );
}

#[tokio::test]
async fn a_cached_copy_brings_its_style_sheets() {
    let sites = [slot("s/f").cache(3_600_000), slot("s/g").cache(3_600_000)];
    let engine = page_of(PAGE, sites, Duration::from_secs(60));
    page(&engine, [("f", "F", &["/s/a.css"][..]), ("g", "G", &[])]).await;
    let (source, _batches) = source();
    let response = engine.page(request(Context::new(), Some(source))).await;
    assert_eq!(link(&response), "</s/a.css>; rel=preload; as=style");
    assert!(text(response).await.contains(STYLE_A));
}

/// The plan of one template, as the compiler makes it.
fn compiled(template: &str) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("page.html"), template).unwrap();
    let places = InputPaths {
        templates: vec![folder.path().to_owned()],
        contracts: None,
        rust: None,
    };
    let input = read::read(&places, hydra_compile::Options::default(), &Progress::default()).unwrap();
    let Compiled { problems, site } = compile(&input);
    site.unwrap_or_else(|| panic!("{problems:?}")).plan().clone()
}

#[tokio::test]
async fn what_an_element_names_is_linked_by_the_pages_that_embed_it() {
    let template = "<html><head></head><body><m:fragment ref=\"own\">-</m:fragment>\
                    <p m:ref=\"own\" m:styles=\"css/a.css, /theme.css\" m:scripts=\"a.js\">x</p></body>";
    let engine = engine_with(compiled(template), |options| {
        options.flush_after = Duration::from_secs(60)
    });
    let mut request = request(Context::new(), None);
    request.visitor.local = Locals::default().with("own", echo).arc();
    assert_eq!(
        text(engine.page(request).await).await,
        "<html><head><link rel=\"stylesheet\" href=\"/storefront/css/a.css\">\n\
         <link rel=\"stylesheet\" href=\"/theme.css\">\n\
         <script src=\"/storefront/a.js\" defer></script>\n\
         </head><body><p>x</p><p>x</p></body>"
    );
}

#[tokio::test]
async fn a_fragment_hands_on_what_the_fragments_in_it_need() {
    let template = "<p m:ref=\"own\" m:styles=\"a.css\">{% raw %}</head>{% endraw %}\
                    <m:fragment service=\"s\" ref=\"f\">-</m:fragment></p>";
    let engine = engine_with(compiled(template), |_| ());
    let (source, mut batches) = source();
    let call = FragmentCall {
        reference: "own".to_owned(),
        local: Locals::default().with("own", echo).arc(),
        source: Some(Arc::new(source)),
        ..FragmentCall::default()
    };
    let fragment = tokio::spawn(async move { engine.fragment(call).await.fragment });
    answer(
        &batches.recv().await.unwrap(),
        "f",
        "F",
        &["/s/a.css", "javascript:x"],
    );
    let fragment = fragment.await.unwrap();
    assert_eq!(fragment.html.as_deref(), Some("<p></head>F</p>"));
    assert_eq!(fragment.assets, assets(&["/storefront/a.css", "/s/a.css"]));
}

#[tokio::test]
async fn what_a_fragment_needs_beyond_the_bound_is_logged_and_what_it_needs_twice_takes_no_room() {
    let template = "<p m:ref=\"own\" m:styles=\"a.css\"><m:fragment service=\"s\" ref=\"f\">-</m:fragment>\
                    <m:fragment service=\"s\" ref=\"g\">-</m:fragment></p>";
    let first: Vec<String> = (0..30).map(|n| format!("/s/{n}.css")).collect();
    let mut first: Vec<&str> = first.iter().map(String::as_str).collect();
    first.push("/storefront/a.css");
    for (second, count) in [
        (&["/s/0.css", "/s/x.css"][..], 0),
        (&["/s/x.css", "/s/y.css", "/s/z.css"], 2),
    ] {
        let log = Log::start();
        let engine = engine_with(compiled(template), |_| ());
        let (source, mut batches) = source();
        let call = FragmentCall {
            reference: "own".to_owned(),
            local: Locals::default().with("own", echo).arc(),
            source: Some(Arc::new(source)),
            ..FragmentCall::default()
        };
        let owner = async {
            let batch = batches.recv().await.unwrap();
            answer(&batch, "f", "F", &first);
            answer(&batch, "g", "G", second);
        };
        let (answer, ()) = futures_util::join!(engine.fragment(call), owner);
        let assets = answer.fragment.assets;
        assert_eq!((assets.len(), assets[31].href.as_str()), (32, "/s/x.css"));
        let line = format!("ref=\"own\" count={count}");
        assert_eq!(log.text().contains(&line), count > 0, "{}", log.text());
    }
}

#[tokio::test]
async fn over_a_real_socket_header_and_head_say_the_same() {
    let (engine, (source, mut batches)) = (patient(PAGE), source());
    let handler = move || -> BoxFuture<'static, Response> {
        let (engine, source) = (engine.clone(), source.clone());
        async move { engine.page(request(Context::new(), Some(source))).await }.boxed()
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/", get(handler));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let mut stream = TcpStream::connect(address).await.unwrap();
    let call = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(call).await.unwrap();
    let batch = batches.recv().await.unwrap();
    answer(&batch, "f", "F", &["/s/a.css"]);
    answer(&batch, "g", "G", &["/s/a.css", "/x\r\nset-cookie: x=1"]);
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(
        text.contains("\r\nlink: </s/a.css>; rel=preload; as=style\r\n"),
        "{text}"
    );
    assert!(!text.contains("set-cookie"), "{text}");
    assert!(
        text.ends_with(&format!("</title>{STYLE_A}</head><body>F|G</body>")),
        "{text}"
    );
}
