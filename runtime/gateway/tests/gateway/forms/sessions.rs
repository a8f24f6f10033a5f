//! The session of a form's owner, which the service of the page keeps.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::StatusCode;
use hydra_runtime_wire::forms::session::OwnerSession;
use serde_json::{Value, json};

use super::{Site, answer_of, config, invalid, target};

const VISITOR: (&str, &str) = ("cookie", "HYDRA-SESSION=v");

fn done(session: &Value) -> Value {
    json!({"outcome": "done", "ref": "checkout", "action": "place", "to": "/thanks", "session": session})
}

/// A site whose owner takes sessions in actions.
async fn site(answer: Value) -> Site {
    let answer = move || -> Response { answer_of(200, &answer) };
    Site::with_contract(config(), answer, json!({"actionSessions": true})).await
}

fn session_in(seen: &super::Seen) -> Option<OwnerSession> {
    seen.headers
        .get("hydra-session")
        .and_then(OwnerSession::from_header)
}

fn of_orders(session: Option<Value>) -> OwnerSession {
    OwnerSession {
        service: "orders".to_owned(),
        session,
    }
}

#[tokio::test]
async fn the_owner_gets_its_session_from_the_page_and_the_page_what_the_owner_changed() {
    let site = site(done(&json!({"sealed": "new"}))).await;
    let forged = of_orders(Some(json!("forged"))).to_header().expect("short");
    let forged = ("hydra-session", forged.to_str().expect("text"));
    let answered = site.post(&target(), &[VISITOR, forged]).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    let [owner] = &site.seen_by_owner()[..] else {
        panic!("one form")
    };
    assert_eq!(
        session_in(owner),
        Some(of_orders(Some(json!({"sealed": "kept"}))))
    );
    assert_eq!(
        owner.header("cookie"),
        None,
        "the visitor's sessions stay with the page"
    );
    let pages = site.seen_by_page();
    let asked: Vec<_> = pages.iter().map(session_in).collect();
    let changed = of_orders(Some(json!({"sealed": "new"})));
    assert_eq!(asked, [Some(of_orders(None)), Some(changed)]);
    assert!(
        pages
            .iter()
            .all(|page| page.method == "GET" && page.body.is_empty())
    );
}

#[tokio::test]
async fn a_new_visitor_gets_the_cookie_of_the_page() {
    let mut answer = invalid();
    answer["session"] = json!({"sealed": "new"});
    for (answer, status) in [(done(&json!({"sealed": "new"})), 303), (answer, 422)] {
        let site = site(answer).await;
        let answered = site.post(&target(), &[]).await;
        assert_eq!(answered.status, status);
        let cookies = answered.headers.get_all("set-cookie").iter();
        let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().expect("text")).collect();
        assert!(cookies.contains(&"HYDRA-SESSION=begun; Path=/"), "{cookies:?}");
        let [owner] = &site.seen_by_owner()[..] else {
            panic!("one form")
        };
        assert_eq!(session_in(owner), None, "there is none yet");
        let pages = site.seen_by_page();
        assert_eq!(
            session_in(&pages[0]),
            Some(of_orders(Some(json!({"sealed": "new"}))))
        );
        // The page that shows the form again is that of the same visitor.
        let again: Vec<_> = pages[1..].iter().map(|page| page.header("cookie")).collect();
        let expected = if status == 422 {
            vec![Some("HYDRA-SESSION=begun")]
        } else {
            vec![]
        };
        assert_eq!(again, expected);
    }
}

#[tokio::test]
async fn no_form_is_sent_without_the_session_that_belongs_to_it() {
    let site = site(done(&Value::Null)).await;
    for path in ["/no-place", "/gone"] {
        let answered = site.post(&target().replace("/pay", path), &[VISITOR]).await;
        assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        assert!(answered.text().contains("your form was not sent"), "{path}");
    }
    assert!(site.seen_by_owner().is_empty());
}

#[tokio::test]
async fn owners_without_sessions_in_actions_cost_the_page_nothing() {
    let answer = || Json(done(&Value::Null)).into_response();
    let site = Site::with(config(), answer).await;
    let answered = site.post(&target(), &[VISITOR]).await;
    assert_eq!(answered.status, StatusCode::SEE_OTHER);
    assert!(site.seen_by_page().is_empty());
    assert_eq!(session_in(&site.seen_by_owner()[0]), None);
}
