use std::{path::Path, time::Duration};

use super::{users::User, *};

const NOW: u64 = 2_000_000_000;

fn logins(folder: &Path) -> Logins {
    let users = folder.join("users.toml");
    let record = UserRecord {
        roles: vec!["USER".into()],
        ..UserRecord::with_password("correct horse").expect("good")
    };
    let added = UserFile::new(users.clone()).change(|known| {
        known.insert("ann".into(), record);
        Ok(())
    });
    added.expect("written");
    let config = GatewayConfig {
        login_keys: Some(folder.join("keys").display().to_string()),
        login_users: Some(users),
        login_idle: Duration::from_secs(1_000),
        login_max: Duration::from_secs(5_000),
        ..GatewayConfig::default()
    };
    Logins::new(&config).expect("good").expect("there are keys")
}

async fn ann(logins: &Logins) -> User {
    let desk = logins.desk.as_ref().expect("there are users");
    desk.users
        .as_ref()
        .expect("a file")
        .find("ann")
        .await
        .expect("read")
        .expect("there")
}

fn begin(logins: &Logins, user: &User, now: u64) -> Option<(Login, String)> {
    logins.begin(&user.name, now, |sid, since, end| user.login(sid, since, end))
}

/// A store may hold any time, and a login may begin after it.
#[tokio::test]
async fn a_login_of_any_time_has_an_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let logins = logins(folder.path());
    for (since, now, end) in [
        (NOW, NOW, NOW + 1_000),
        (u64::MAX, NOW, NOW + 1_000),
        (NOW, u64::MAX, NOW + 5_000),
        (u64::MAX, u64::MAX, u64::MAX),
    ] {
        assert_eq!(logins.end(since, now), end, "{since} {now}");
    }
}

#[tokio::test]
async fn a_login_is_renewed_while_the_visitor_is_active_up_to_its_maximum() {
    let folder = tempfile::tempdir().expect("a folder");
    let logins = logins(folder.path());
    let (login, mut token) = begin(&logins, &ann(&logins).await, NOW).expect("a key");
    assert_eq!((login.since, login.expires), (NOW, NOW + 1_000));
    let mut renewals = Vec::new();
    for now in (NOW..NOW + 6_000).step_by(100) {
        let Some(known) = logins.login_of(&token, now) else {
            break;
        };
        assert_eq!(
            (&known.sid, known.since),
            (&login.sid, NOW),
            "it stays the same login"
        );
        if let Some((renewed, life)) = logins.renewed(&known, now) {
            renewals.push((now - NOW, life));
            token = renewed;
        }
    }
    let expected = [
        (600, 1_000),
        (1_200, 1_000),
        (1_800, 1_000),
        (2_400, 1_000),
        (3_000, 1_000),
        (3_600, 1_000),
        (4_200, 800),
    ];
    assert_eq!(renewals, expected);
    assert!(logins.login_of(&token, NOW + 4_999).is_some());
    assert!(logins.login_of(&token, NOW + 5_000).is_none(), "the maximum");
    let idle = begin(&logins, &ann(&logins).await, NOW).expect("a key").1;
    assert!(logins.login_of(&idle, NOW + 999).is_some() && logins.login_of(&idle, NOW + 1_000).is_none());
}

#[tokio::test]
async fn each_login_has_an_id_of_its_own_and_ends_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let logins = logins(folder.path());
    let user = ann(&logins).await;
    let ((first, token), (second, other)) = (
        begin(&logins, &user, NOW).expect("a key"),
        begin(&logins, &user, NOW).expect("a key"),
    );
    assert_ne!(first.sid, second.sid, "no one can prepare the id of a login");
    let ending = Ending::One {
        sid: first.sid.clone(),
        until: NOW + 5_000,
    };
    logins.finish(ending, NOW).await;
    assert!(logins.login_of(&token, NOW).is_none() && logins.login_of(&other, NOW).is_some());
    let (renewed, _) = logins.renewed(&second, NOW + 900).expect("it is due");
    assert!(logins.login_of(&renewed, NOW + 900).is_some());
    let ending = Ending::One {
        sid: second.sid,
        until: NOW + 5_000,
    };
    logins.finish(ending, NOW + 900).await;
    assert!(
        logins.login_of(&renewed, NOW + 900).is_none(),
        "renewed tokens end with it"
    );
}

#[tokio::test]
async fn a_token_is_signed_again_once_for_another_key() {
    let folder = tempfile::tempdir().expect("a folder");
    let logins = logins(folder.path());
    let (login, token) = begin(&logins, &ann(&logins).await, NOW).expect("a key");
    let key = LoginKeyPair::generate().expect("a key");
    let signed = logins.signed_with(&key, &token, &login, NOW).expect("signed");
    let keys = LoginKeys::of_set(&serde_json::json!({"keys": [key.jwk()]}), &logins.audience);
    assert_eq!(keys.verify(&signed, NOW, 0), Ok(login.clone()));
    let again = logins.signed_with(&key, &token, &login, NOW + 1).expect("signed");
    assert!(Arc::ptr_eq(&signed, &again));
}

#[tokio::test]
async fn pages_in_the_same_process_renew_a_login_as_services_do() {
    let folder = tempfile::tempdir().expect("a folder");
    // This writes the users and the first key.
    let logins = logins(folder.path());
    let now = seconds(SystemTime::now());
    let (login, fresh) = begin(&logins, &ann(&logins).await, now).expect("a key");
    let late = Login {
        expires: now + 60,
        since: now - 940,
        ..login
    };
    let late = logins.issue(&late, now).expect("a key");
    let gateway = Gateway::new(GatewayConfig {
        login_keys: Some(folder.path().join("keys").display().to_string()),
        login_users: Some(folder.path().join("users.toml")),
        ..GatewayConfig::default()
    });
    let gateway = gateway.expect("a good configuration");
    let changed = format!("{late}x");
    for (case, token, caching, is_renewed) in [
        ("a login that is due", &late, "", true),
        ("one that has just begun", &fresh, "", false),
        ("a forged one", &changed, "", false),
        (
            "a page that shared caches keep",
            &late,
            "public, max-age=60",
            false,
        ),
        ("one that may be kept for a while", &late, "max-age=60", false),
        ("one that must be asked for again", &late, "no-cache", true),
        ("a private one", &late, "private, max-age=60", true),
        ("not modified", &late, "304", false),
    ] {
        let request = http::Request::get("/")
            .header("host", "127.0.0.1")
            .header("cookie", format!("HYDRA-SSO={token}"));
        let (request, ()) = request.body(()).expect("a request").into_parts();
        let mut response = Response::new(axum::body::Body::empty());
        if caching == "304" {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
        } else if !caching.is_empty() {
            response
                .headers_mut()
                .insert(CACHE_CONTROL, HeaderValue::from_static(caching));
        }
        gateway.visit_of(&request).end(&mut response).await;
        let set = response.headers().get(http::header::SET_COOKIE);
        let set = set.map(|value| value.to_str().expect("ASCII").to_owned());
        assert_eq!(set.is_some(), is_renewed, "{case}: {set:?}");
        let Some(set) = set else { continue };
        let mut caching = response.headers().get_all(CACHE_CONTROL).iter();
        assert!(
            caching.any(|value| value.to_str().is_ok_and(|value| value.contains("private"))),
            "{case}: no shared cache keeps the cookie"
        );
        let token = set
            .trim_start_matches("HYDRA-SSO=")
            .split(';')
            .next()
            .expect("a token");
        let renewed = gateway.logins().and_then(|logins| logins.login_of(token, now));
        let renewed = renewed.expect("a login");
        assert!(
            renewed.expires > now + 60 && renewed.username == "ann",
            "{renewed:?}"
        );
    }
    let (request, ()) = http::Request::get("/").body(()).expect("a request").into_parts();
    let mut response = Response::new(axum::body::Body::empty());
    gateway.visit_of(&request).end(&mut response).await;
    assert!(response.headers().is_empty(), "no login");
}

#[tokio::test]
async fn an_ended_login_is_remembered_until_its_last_token_has_ended() {
    let folder = tempfile::tempdir().expect("a folder");
    let logins = logins(folder.path());
    let (login, token) = begin(&logins, &ann(&logins).await, NOW).expect("a key");
    let ends = |now: u64| logins.last_token_ends(&login, now);
    assert_eq!(ends(NOW), NOW + 1_000 + CLOCK_SKEW_SECS);
    assert_eq!(
        ends(NOW + 4_900),
        NOW + 5_000,
        "no token lives longer than the login"
    );
    // Another gateway renews the token at the moment of the logout.
    let renewed = logins.renewed(&login, NOW + 900).expect("it is due").0;
    logins.end_one(&login, NOW + 900).await;
    for now in (NOW + 900..NOW + 3_000).step_by(100) {
        logins.add_endings(Vec::new(), now);
        for token in [&token, &renewed] {
            assert!(logins.login_of(token, now).is_none(), "{now}");
        }
    }
}
