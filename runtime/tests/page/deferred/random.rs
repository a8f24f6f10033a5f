//! Pages with all modes and random answers: the visitor sees the same page, whatever the mode.

use proptest::prelude::*;

use super::*;

/// What a fragment does: its HTML, or nothing.
type Given = Option<String>;

/// A page of four fragments: one in a condition that waits for an export, one in the fallback of another, two in a loop.
fn page_of_all(modes: [Mode; 4]) -> Engine {
    let [a, b, c, d] = modes;
    engine(
        &[
            (
                "page.html",
                "<body>{{ 0 | __hydra }}|{{ 4 | __hydra }}|{{ 5 | __hydra }}|{% for i in [1, 2] %}\
                 {{ 3 | __hydra }}{% endfor %}</body>",
            ),
            ("#1/page.html", "(no a{{ 1 | __hydra }})"),
            ("#2/page.html", "{% if x %}{{ x }}{{ 2 | __hydra }}{% endif %}"),
            ("#3/page.html", "(no d {{ i }})"),
        ],
        [
            slot("s/a").fallback("#1/page.html", "").mode(a),
            slot("s/b").mode(b),
            slot("s/c").imports("x").mode(c),
            slot("s/d").imports("i").fallback("#3/page.html", "i").mode(d),
            slot("s/x").exports("x"),
            hole("#2/page.html", "x", ""),
        ],
    )
}

fn shown(modes: [Mode; 4], given: &[Given; 5], picks: &[prop::sample::Index]) -> String {
    let engine = page_of_all(modes);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    runtime.block_on(async {
        let (source, mut batches) = source();
        let page =
            tokio::spawn(async move { text(engine.page(request(context(), Some(source))).await).await });
        let mut picks = picks.iter().cycle();
        while let Some(batch) = batches.recv().await {
            let mut open = batch.items();
            while !open.is_empty() {
                let item = open.swap_remove(picks.next().unwrap().index(open.len()));
                let attributes = item.attributes.clone().unwrap_or_default();
                let html = match item.reference.as_str() {
                    "a" => &given[0],
                    "b" => &given[1],
                    "c" => &given[2],
                    "d" if attributes["i"] == 1 => &given[3],
                    "d" => &given[4],
                    _ => &Some("x".to_owned()),
                };
                batch.send(ResolvedFragment {
                    id: item.id.clone(),
                    outcome: if html.is_some() {
                        Outcome::Rendered
                    } else {
                        Outcome::Failed
                    },
                    html: html.clone(),
                    exports: json!({"x": "<x>"}).as_object().cloned().unwrap(),
                    ..ResolvedFragment::default()
                });
                tokio::task::yield_now().await;
            }
        }
        page.await.unwrap()
    })
}

fn mode() -> impl Strategy<Value = Mode> {
    prop_oneof![Just(Mode::Inline), Just(Mode::Deferred)]
}

fn given() -> impl Strategy<Value = Given> {
    proptest::option::of("<[a-z]{1,3}>(&amp;)?(</template>|<!-- )?")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_the_browser_puts_in_place_is_the_page_that_has_all_in_place_at_once(
        modes in [mode(), mode(), mode(), mode()],
        given in [given(), given(), given(), given(), given()],
        picks in prop::collection::vec(any::<prop::sample::Index>(), 10),
    ) {
        let at_once = shown([Mode::Inline; 4], &given, &picks);
        prop_assert!(!at_once.contains("hydra"), "{}", at_once);
        prop_assert_eq!(put_in_place(&shown(modes, &given, &picks)), at_once);
    }
}
