//! The script: its nonce, where it stands, and what is left to it.

use super::*;

#[tokio::test]
async fn the_script_bears_the_nonce_of_the_page() {
    let engine = two();
    let (source, _batches) = source();
    let mut request = request(context(), Some(source));
    request.script_nonce = ScriptNonce::try_new("r4nd0m").ok();
    let mut body = engine.page(request).await.into_body();
    let page = piece(&mut body).await.unwrap();
    assert!(page.contains("\" nonce=\"r4nd0m\"></script>"), "{page}");
}

#[tokio::test]
async fn the_script_stands_before_all_that_could_put_it_elsewhere() {
    let deferred = || deferred("s/f");
    let script = "<script>\n";
    for (page, sites, expected) in [
        (
            "<!doctype html><html><head><base href='/x/'></head>{{ 0 | __hydra }}",
            vec![deferred()],
            format!("<!doctype html><html><head>{script}<base href='/x/'></head>"),
        ),
        (
            "<!doctype html><title>t</title>{{ 1 | __hydra }}{{ 0 | __hydra }}",
            vec![deferred(), slot("s/inline")],
            format!("<!doctype html>{script}<title>t</title>"),
        ),
        // The fragment may hold anything.
        (
            "<!doctype html>{{ 1 | __hydra }}<head>{{ 0 | __hydra }}",
            vec![deferred(), slot("s/inline")],
            format!("<!doctype html>{script}"),
        ),
        // Whether it is needed is known only when the export is there.
        (
            "<head></head>{{ 1 | __hydra }}{{ 2 | __hydra }}",
            vec![
                deferred(),
                slot("s/inline").exports("x"),
                hole("#2/page.html", "x", ""),
            ],
            format!("<head>{script}</head>"),
        ),
        (
            "<head></head>{{ 0 | __hydra }}",
            vec![slot("s/inline")],
            "<head></head>".to_owned(),
        ),
    ] {
        let templates = [("page.html", page), ("#2/page.html", "{{ x }}{{ 0 | __hydra }}")];
        let (source, mut batches) = source();
        let engine = engine(&templates, sites);
        let mut body = engine.page(request(context(), Some(source))).await.into_body();
        let batch = batches.recv().await.unwrap();
        let piece = piece(&mut body).await.unwrap();
        let shown = match piece.split_once("<script async") {
            None => piece,
            Some((before, after)) => {
                let (_, after) = after.split_once("</script>\n").unwrap();
                format!("{before}{script}{after}")
            }
        };
        assert!(shown.starts_with(&expected), "{page}\n{shown}");
        drop(batch);
    }
}

#[tokio::test]
async fn html_in_a_fallback_that_may_hide_the_place_leaves_it_to_the_script() {
    for (inner, attribute) in [
        ("<i>plain</i>", "for"),
        ("<?end>", "data-hydra-for"),
        ("x<?start name=\"y\">", "data-hydra-for"),
    ] {
        let templates = [
            ("page.html", "<p>{{ 0 | __hydra }}</p>"),
            ("#1/page.html", "({{ 1 | __hydra }})"),
        ];
        let engine = engine(
            &templates,
            [deferred("s/f").fallback("#1/page.html", ""), slot("s/g")],
        );
        let (source, mut batches) = source();
        let page =
            tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
        let batch = batches.recv().await.unwrap();
        batch.give("g", inner, json!({}));
        tokio::task::yield_now().await;
        batch.give("f", "F", json!({}));
        let page = unnamed(&page.await.unwrap());
        assert!(
            page.contains(&format!("<template {attribute}=\"hydra-0\">F<")),
            "{page}"
        );
    }
}
