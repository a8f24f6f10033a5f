//! The provider is asked again whether a login counts, before its token is renewed.

use std::time::SystemTime;

use axum::{Router, routing::any};
use hydra_runtime_wire::signing::seconds;
use tokio::{net::TcpListener, task::JoinHandle};

use super::*;
use crate::config::PlainService;

/// A site with a service, and a login whose token has lived for most of its time.
struct Late {
    site: Site,
    double: Double,
    cookie: String,
    service: JoinHandle<()>,
}

impl Drop for Late {
    fn drop(&mut self) {
        self.service.abort();
    }
}

impl Late {
    async fn new(double: Double) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let told = async |headers: HeaderMap| match headers.get(COOKIE) {
            Some(cookie) => cookie.to_str().expect("ASCII").to_owned(),
            None => "nothing".to_owned(),
        };
        let service = tokio::spawn(async move {
            let router = Router::new().fallback(any(told));
            axum::serve(listener, router).await.expect("it serves");
        });
        let site = Site::with(&double, |config| {
            config.services = vec![PlainService {
                name: "shop".into(),
                url,
                host: None,
                health: None,
                endpoints: vec!["/**".into()],
                fragments: std::collections::BTreeMap::new(),
                login: None,
                ..PlainService::default()
            }];
        });
        let answer = site.come_back(&double, "/login").await;
        let token = answer.login().expect("a login");
        let token = token.trim_start_matches("HYDRA-SSO=");
        let now = seconds(SystemTime::now());
        let known = site.logins().login_of(token, now).expect("it counts");
        let late = Login {
            expires: now + 60,
            since: now - 1_740,
            ..(*known).clone()
        };
        // What the provider said is as old as the token.
        let openid = site
            .logins()
            .desk
            .as_ref()
            .and_then(|desk| desk.openid.as_ref())
            .expect("a provider");
        openid.refreshes.age(&late.sid, 1_740).await;
        let token = site.logins().issue(&late, now).expect("a key");
        Self {
            site,
            double,
            cookie: format!("HYDRA-SSO={token}"),
            service,
        }
    }

    async fn visit(&self) -> Answer {
        self.site.get("/orders", &self.cookie).await
    }

    fn roles(&self, cookie: &str) -> Option<Vec<String>> {
        let token = cookie.trim_start_matches("HYDRA-SSO=");
        let login = self.site.logins().login_of(token, seconds(SystemTime::now()))?;
        Some(login.roles.clone())
    }
}

#[tokio::test]
async fn a_login_is_renewed_while_the_provider_says_that_it_counts() {
    let late = Late::new(Double::start().await).await;
    let before = late.double.calls();
    let answers = futures_util::future::join_all((0..8).map(|_| late.visit())).await;
    for answer in &answers {
        assert_eq!(answer.text, late.cookie, "requests go on");
        let renewed = answer.login().expect("renewed");
        assert_eq!(late.roles(&renewed), Some(vec!["CLERK".to_owned()]));
    }
    assert_eq!(late.double.calls(), before + 1, "the refresh token is used once");
    assert!(
        late.visit().await.login().is_some(),
        "another request with the former token"
    );
    assert_eq!(late.double.calls(), before + 1);
}

#[tokio::test]
async fn other_groups_become_other_roles() {
    for (fault, expected) in [
        (Fault::OtherGroups, "ADMIN"),
        (Fault::SilentRefresh, "FROM-USERINFO"),
    ] {
        let late = Late::new(Double::start().await).await;
        late.double.set(fault);
        let renewed = late.visit().await.login().expect("renewed");
        assert_eq!(late.roles(&renewed), Some(vec![expected.to_owned()]), "{fault:?}");
    }
}

#[tokio::test]
async fn a_user_who_is_gone_loses_access_with_the_refresh() {
    let late = Late::new(Double::start().await).await;
    late.double.set(Fault::Gone);
    let answer = late.visit().await;
    assert_eq!(answer.login().as_deref(), Some("HYDRA-SSO="), "the cookie ends");
    assert_eq!(late.roles(&late.cookie), None, "and so does the login, at once");
    assert_eq!(late.visit().await.text, "nothing");
}

#[tokio::test]
async fn a_provider_that_says_nothing_ends_no_login_and_renews_none() {
    for fault in [
        Fault::Busy,
        Fault::Html,
        Fault::WrongClient,
        Fault::OtherKey,
        Fault::SilentRefresh,
    ] {
        let late = Late::new(Double::start().await).await;
        late.double.set(fault);
        late.double.tell_of("8");
        let answer = late.visit().await;
        assert_eq!(
            (answer.text, answer.headers.get(SET_COOKIE)),
            (late.cookie.clone(), None),
            "{fault:?}"
        );
        assert!(late.roles(&late.cookie).is_some(), "{fault:?}");
    }
}

#[tokio::test]
async fn a_slow_provider_holds_a_page_up_for_a_second_at_most() {
    let late = Late::new(Double::start().await).await;
    late.double.set(Fault::Slow);
    let answer = late.visit().await;
    assert_eq!(
        (answer.text, answer.headers.get(SET_COOKIE)),
        (late.cookie.clone(), None)
    );
}
