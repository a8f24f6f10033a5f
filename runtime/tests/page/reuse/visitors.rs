//! What is for one visitor, and what for all.

use super::*;

fn with_cookie(mut request: PageRequest, cookie: &'static str) -> PageRequest {
    request.visitor.caller.headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))]);
    request
}

fn with_session(mut request: PageRequest, service: &str) -> PageRequest {
    request.visitor.sessions = BTreeMap::from([(service.to_owned(), json!({"sealed": "x"}))]);
    request
}

#[tokio::test]
async fn what_is_for_one_visitor_is_never_shown_to_another() {
    let logged_in = |desk: &Desk| with_cookie(desk.request(), "HYDRA-SSO=token");
    let in_session = |desk: &Desk| with_session(desk.request(), "s");
    let known: [&dyn Fn(&Desk) -> PageRequest; 2] = [&logged_in, &in_session];
    for known in known {
        let (engine, mut desk) = (cached(), Desk::new());
        assert_eq!(desk.page(&engine, known(&desk), "for Ann").await, "[for Ann]");
        assert_eq!(desk.page(&engine, desk.request(), "for all").await, "[for all]");
        assert_eq!(desk.page(&engine, known(&desk), "for Bob").await, "[for Bob]");
        assert_eq!(desk.page(&engine, desk.request(), "new").await, "[for all]");
    }
}

#[tokio::test]
async fn an_answer_that_begins_a_session_is_never_kept() {
    let (engine, mut desk) = (cached(), Desk::new());
    let begin = |batch: Batch| {
        batch.part(ResolvedFragments {
            fragments: vec![ResolvedFragment {
                id: batch.id("f"),
                html: Some("for Ann".to_owned()),
                ..ResolvedFragment::default()
            }],
            sessions: BTreeMap::from([("s".to_owned(), json!(1))]),
            ..ResolvedFragments::default()
        });
    };
    assert_eq!(desk.page_with(&engine, desk.request(), begin).await, "[for Ann]");
    assert_eq!(desk.page(&engine, desk.request(), "new").await, "[new]");
}

#[tokio::test]
async fn the_session_of_another_service_reaches_no_owner_and_forbids_nothing() {
    let (engine, mut desk) = (cached(), Desk::new());
    let visitor = |desk: &Desk| with_session(desk.request(), "other");
    assert_eq!(desk.page(&engine, visitor(&desk), "F").await, "[F]");
    assert_eq!(desk.page(&engine, visitor(&desk), "new").await, "[F]");
}

#[tokio::test]
async fn visitors_on_other_versions_have_copies_of_their_own() {
    let (engine, mut desk) = (cached(), Desk::new());
    let old = |desk: &Desk| with_cookie(desk.request(), "HYDRA-VERSION=1");
    assert_eq!(desk.page(&engine, old(&desk), "old").await, "[old]");
    assert_eq!(desk.page(&engine, desk.request(), "new").await, "[new]");
    assert_eq!(desk.page(&engine, old(&desk), "newer").await, "[old]");
}
