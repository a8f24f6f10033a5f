//! A change of the private key: pins of the former key count, and are signed with the current one.

use super::*;

fn with_keys(current: &str, second: Option<&str>) -> GatewayConfig {
    GatewayConfig {
        private_key: Some(Secret::new(current.to_owned())),
        second_private_key: second.map(|key| Secret::new(key.to_owned())),
        ..config(None)
    }
}

const OLD: &str = "the private key of before";
const NEW: &str = "the private key from now on";

/// An instance `a`, the cookie of a visitor of it under the former key, and a gateway with both keys.
async fn changed() -> (Gateway, Running, Instance, String) {
    let (_before, running) = start(with_keys(OLD, None)).await;
    let a = instance(&running, "a", json!({})).await;
    let (cookie, _) = visitors(&running, 1).await.remove(0);
    running.stop().await;
    let (gateway, running) = start(with_keys(NEW, Some(OLD))).await;
    register(&running, &a.said).await;
    (gateway, running, a, cookie)
}

/// Whether two cookies have the same name and the same random bits.
fn is_of_same_visitor(one: &str, other: &str) -> bool {
    let beginning = "HYDRA-AT-00000000=".len() + 16;
    one[..beginning] == other[..beginning]
}

#[tokio::test]
async fn point_2_pins_of_the_former_key_count_and_are_signed_anew() {
    let (_gateway, running, a, cookie) = changed().await;
    let _b = instance(&running, "b", json!({})).await;
    for path in ["/shop/app.css", "/public", "/same"] {
        let answer = visit(&running, path, &cookie).await;
        assert_eq!(pin(&answer), None, "{path}");
    }
    let answer = visit(&running, "/", &cookie).await;
    let new = pin(&answer).expect("it is signed anew");
    assert_eq!(answer.text(), "a");
    assert!(new != cookie && is_of_same_visitor(&new, &cookie));
    let again = visit(&running, "/", &new).await;
    assert_eq!((again.text(), pin(&again)), ("a", None));
    running.stop().await;
    let (_after, running) = start(with_keys(NEW, None)).await;
    register(&running, &a.said).await;
    let kept = visit(&running, "/", &new).await;
    assert_eq!((kept.text(), pin(&kept)), ("a", None));
    let of_former = visit(&running, "/", &cookie).await;
    let other = pin(&of_former).expect("the former key has ended");
    assert!(!is_of_same_visitor(&other, &cookie));
}

#[tokio::test]
async fn point_3_a_late_answer_writes_no_pin_of_the_former_key_back() {
    let (gateway, running, a, cookie) = changed().await;
    let late = || tokio::spawn(visit_url(running.url("/wait"), cookie.clone()));
    let first = late();
    a.switches.waits.notified().await;
    let _b = instance(&running, "b", json!({})).await;
    a.switches.go_on.notify_one();
    let answer = first.await.expect("an answer");
    let expected = ("a", None);
    assert_eq!(
        (answer.text(), pin(&answer)),
        expected,
        "instances changed meanwhile"
    );
    let second = late();
    a.switches.waits.notified().await;
    let target = a.running.address.to_string();
    drain(&gateway, &target, Some(0)).await;
    let moved = visit(&running, "/", &cookie).await;
    assert!(moved.text() == "b" && pin(&moved).is_some());
    a.switches.go_on.notify_one();
    let answer = second.await.expect("an answer");
    assert_eq!((answer.text(), pin(&answer)), expected, "the instance is drained");
    gateway
        .steer(SteeringRequest::EndDrain { target })
        .await
        .expect("ended");
    let third = visit(&running, "/", &cookie).await;
    assert_eq!(
        (third.text(), pin(&third)),
        expected,
        "the visitor has left the instance"
    );
}
