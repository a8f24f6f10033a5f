//! Which instance new visitors get, versions, and previews.

use std::collections::BTreeMap;

use super::*;

fn counted(known: &[Known]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for (_, name) in known {
        *counts.entry(&**name).or_default() += 1;
    }
    counts
}

#[tokio::test]
async fn point_5_new_visitors_fill_up_a_new_instance_that_gets_at_most_twice_its_even_share() {
    let (_gateway, running) = start(config(None)).await;
    let _a = instance(&running, "a", json!({})).await;
    let _b = instance(&running, "b", json!({})).await;
    let known = visitors(&running, 20).await;
    // Two visitors are taken for one if one bit of 16,384 is the same for both.
    let counts = counted(&known);
    assert!(
        counts.values().all(|count| (9..=11).contains(count)),
        "{counts:?}"
    );
    // They come back.
    assert_eq!(moved(&[&running], &known, &["/"]).await, 0);
    let _c = instance(&running, "c", json!({})).await;
    let next = visitors(&running, 12).await;
    assert_eq!(counted(&next).get("c"), Some(&8), "{:?}", counted(&next));
}

#[tokio::test]
async fn point_6_a_pin_goes_before_the_version_and_ends_where_an_operator_closes_it() {
    let (gateway, running) = start(config(None)).await;
    let _one = instance(&running, "one", json!({"versionName":"1"})).await;
    let known = visitors(&running, 10).await;
    let newest = json!({"versionName":"2","version":2,"awakening":"NEWEST_VERSION_WINS"});
    let _two = instance(&running, "two", newest).await;
    let paths = ["/", "/shop/app.css", "/shop/socket"];
    assert_eq!(
        moved(&[&running], &known, &paths).await,
        0,
        "the newest version gets new visitors"
    );
    assert_eq!(get(&running.url("/")).await.text(), "two");
    for list in [&[("1", 1), ("2", 99)][..], &[("2", 1)], &[("1", 0)]] {
        weights(&gateway, list).await;
        assert_eq!(moved(&[&running], &known, &paths).await, 0, "{list:?}");
    }
    weights(&gateway, &[("1", 0), ("2", 1)]).await;
    let moved = moved(&[&running], &known, &paths).await;
    assert_eq!(moved, paths.len() * known.len());
    let answer = visit(&running, "/", &known[0].0).await;
    let new = pin(&answer).expect("a new pin");
    assert_eq!(new[..34], known[0].0[..34], "the random bits stay");
    let again = visit(&running, "/", &new).await;
    assert_eq!((again.text(), pin(&again)), ("two", None));
}

#[tokio::test]
async fn point_6_who_is_pinned_to_a_closed_version_stays_although_no_other_visitor_gets_the_service() {
    let (gateway, running) = start(config(None)).await;
    let _one = instance(&running, "one", json!({})).await;
    let known = visitors(&running, 2).await;
    weights(&gateway, &[("1", 0)]).await;
    assert_eq!(moved_alone(&running, &known).await, 0);
    let other = get(&running.url("/")).await;
    assert_eq!(
        (other.status, pin(&other)),
        (StatusCode::SERVICE_UNAVAILABLE, None)
    );
}

async fn moved_alone(running: &Running, known: &[Known]) -> usize {
    let mut moved = 0;
    for (cookie, name) in known {
        moved += usize::from(visit(running, "/", cookie).await.text() != name);
    }
    moved
}

#[tokio::test]
async fn point_6_a_preview_neither_reads_nor_writes_the_pin_of_its_service() {
    let (gateway, running) = start(config(None)).await;
    let _one = instance(&running, "one", json!({"versionName":"1"})).await;
    let _two = instance(&running, "two", json!({"versionName":"2"})).await;
    let _three = instance(&running, "three", json!({"versionName":"2"})).await;
    weights(&gateway, &[("1", 1), ("2", 0)]).await;
    let known = visitors(&running, 1).await;
    let token = gateway.preview_token("shop@2", std::time::Duration::from_secs(60));
    let preview = format!("HYDRA-PREVIEW={}", token.expect("a token").token);
    let both = format!("{}; {preview}", known[0].0);
    let first = visit(&running, "/", &both).await;
    assert!(["two", "three"].contains(&first.text()), "{}", first.text());
    for path in ["/", "/shop/app.css", "/go"] {
        for cookies in [&both, &preview] {
            let seen = visit(&running, path, cookies).await;
            assert_eq!((seen.text(), pin(&seen)), (first.text(), None), "{path}");
        }
    }
    assert_eq!(
        moved_alone(&running, &known).await,
        0,
        "afterwards the pin is there again"
    );
}

#[tokio::test]
async fn a_path_that_the_pinned_instance_lacks_is_answered_elsewhere_and_the_pin_stays() {
    let (_gateway, running) = start(config(None)).await;
    let _old = instance(&running, "old", json!({"endpoints":["/"]})).await;
    let known = visitors(&running, 2).await;
    let _one = instance(&running, "one", json!({})).await;
    let _two = instance(&running, "two", json!({})).await;
    for (cookie, _) in &known {
        let first = visit(&running, "/go", cookie).await;
        assert!(first.text() != "old" && pin(&first).is_none());
        for _ in 0..4 {
            let again = visit(&running, "/go", cookie).await;
            assert_eq!(
                (again.text(), pin(&again)),
                (first.text(), None),
                "always the same one"
            );
        }
    }
    assert_eq!(moved(&[&running], &known, &["/"]).await, 0);
}
