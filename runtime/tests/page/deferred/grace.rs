//! The time for which text waits, so that deferred fragments come in their places.

use super::*;

/// With a grace: on a clock that moves on when nothing else can.
fn with_grace(templates: &[(&str, &str)], sites: impl IntoIterator<Item = Insertion>) -> Engine {
    engine_with(plan(templates, sites), |options| {
        after_page(options);
        options.deferred_grace = Duration::from_millis(10);
    })
}

#[tokio::test(start_paused = true)]
async fn what_comes_within_the_grace_stands_in_its_place_and_what_comes_later_follows() {
    for (first, second, expected) in [
        (
            Some("<b>A</b>"),
            Some("B"),
            "<body><p><b>A</b></p><p>B</p>\n</body></html>\n",
        ),
        // A fallback that stays needs no marks.
        (
            None,
            Some("B"),
            "<body><p>wait, Ann</p><p>B</p>\n</body></html>\n",
        ),
        // What does not close what it opens follows in any case.
        (
            Some("<b>A"),
            None,
            "<body><p><?start name=\"hydra-0\">wait, Ann<?end name=\"hydra-0\"></p><p></p>\
             <template for=\"hydra-0\"><b>A</template>\n\n</body></html>\n",
        ),
    ] {
        let engine = with_grace(
            TWO,
            [deferred("s/a").fallback("#1/page.html", "name"), deferred("s/b")],
        );
        let (source, mut batches) = source();
        let page =
            tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
        let batch = batches.recv().await.unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
        for (reference, html) in [("a", first), ("b", second)] {
            match html {
                Some(html) => batch.give(reference, html, json!({})),
                None => fail(&batch, reference),
            }
        }
        assert_eq!(unnamed(&without_script(&page.await.unwrap())), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_head_does_not_wait_for_the_grace() {
    let engine = with_grace(
        TWO,
        [deferred("s/a").fallback("#1/page.html", "name"), deferred("s/b")],
    );
    let (source, mut batches) = source();
    let start = tokio::time::Instant::now();
    let mut body = engine.page(request(context(), Some(source))).await.into_body();
    let head = piece(&mut body).await.map(|text| without_script(&text));
    assert_eq!(head.as_deref(), Some("<body><p>"));
    assert!(start.elapsed() < Duration::from_millis(5));
    let batch = batches.recv().await.unwrap();
    // The second is there in time, and waits behind the first.
    batch.give("b", "B", json!({}));
    let rest = unnamed(&piece(&mut body).await.unwrap());
    assert_eq!(
        rest,
        "<?start name=\"hydra-0\">wait, Ann<?end name=\"hydra-0\"></p><p>B</p>"
    );
    assert!(start.elapsed() >= Duration::from_millis(10));
    batch.give("a", "A", json!({}));
    let end = piece(&mut body).await.map(|text| unnamed(&text));
    assert_eq!(
        end.as_deref(),
        Some("<template for=\"hydra-0\">A</template>\n\n</body></html>\n")
    );
}
