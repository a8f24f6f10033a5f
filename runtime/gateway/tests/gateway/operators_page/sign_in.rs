//! Who may read and change: with the token, or as a user with the role, on all gateways of one Redis.

use futures_util::future::join_all;
use http::header::AUTHORIZATION;
use hydra_runtime_gateway::{Secret, UserFile, UserRecord};
use hydra_runtime_net::{redis_link::servers::Server, server::Peer};

use super::*;
use crate::support::{Answer, post_text, until};

const PASSWORD: &str = "correct horse";

/// The settings of a gateway with a user who is an operator, and one who is not.
fn with_users(folder: &tempfile::TempDir) -> GatewayConfig {
    let users = UserFile::new(folder.path().join("users.toml"));
    let record = |role: &str| UserRecord {
        roles: vec![role.into()],
        ..UserRecord::with_password(PASSWORD).expect("good")
    };
    let added = users.change(|users| {
        users.insert("olga".into(), record("HYDRA-OPERATOR"));
        users.insert("ann".into(), record("ADMIN"));
        Ok(())
    });
    added.expect("written");
    GatewayConfig {
        admin_token: None,
        login_keys: Some(folder.path().join("keys").display().to_string()),
        login_users: Some(folder.path().join("users.toml")),
        ..config()
    }
}

/// The statuses of a page and of a call of the API, for a browser and a program.
async fn statuses(browser: &Browser, token: Option<&str>) -> [u16; 4] {
    let mut statuses = [0; 4];
    for (status, (method, path)) in statuses.iter_mut().zip([
        ("GET", "/"),
        ("GET", "/api/services"),
        ("GET", "/api/weights"),
        ("POST", "/api/drain"),
    ]) {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header("host", HOST).header(COOKIE, &browser.cookie);
        if method == "POST" {
            request = request.header("sec-fetch-site", "same-origin");
        }
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = Body::from("{\"target\":\"nothing\"}");
        *status = browser
            .send(request.body(body).expect("a request"))
            .await
            .status
            .as_u16();
    }
    statuses
}

async fn as_user(browser: &Browser, name: &str, password: &str) -> Got {
    let fields = [("username", name), ("password", password), ("place", "/routes")];
    browser.post("/sign-in", &fields).await
}

#[tokio::test]
async fn only_operators_read_and_change() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = GatewayConfig {
        admin_token: None,
        ..config()
    };
    for (case, settings, token, expected) in [
        (
            "nothing is set: all may read",
            open.clone(),
            None,
            [200, 200, 200, 403],
        ),
        ("no token", config(), None, [303, 401, 401, 401]),
        (
            "a wrong token",
            config(),
            Some("the-token-of-a-stranger"),
            [303, 401, 401, 401],
        ),
        ("the token", config(), Some(TOKEN), [303, 200, 200, 404]),
        (
            "users, and no login",
            with_users(&folder),
            None,
            [303, 401, 401, 401],
        ),
        (
            "users, and the token of other settings",
            with_users(&folder),
            Some(TOKEN),
            [303, 401, 401, 401],
        ),
    ] {
        let gateway = Gateway::new(settings).expect("a good configuration");
        let browser = Browser::of(&gateway);
        assert_eq!(statuses(&browser, token).await, expected, "{case}");
        for path in ["/ready", "/metrics"] {
            let status = browser.get(path).await.status.as_u16();
            assert!(![303, 401, 403].contains(&status), "{case}: {path} {status}");
        }
    }
}

#[tokio::test]
async fn a_user_with_the_role_signs_in_with_name_and_password() {
    let folder = tempfile::tempdir().expect("a folder");
    let gateway = Gateway::new(with_users(&folder)).expect("a good configuration");
    let mut browser = Browser::of(&gateway);
    for (name, password, words) in [
        ("olga", "wrong", "The name or the password is wrong."),
        ("zoe", PASSWORD, "The name or the password is wrong."),
        ("ann", PASSWORD, "does not have the role HYDRA-OPERATOR"),
    ] {
        let got = as_user(&browser, name, password).await;
        assert_eq!(
            (got.status, got.header("set-cookie")),
            (StatusCode::FORBIDDEN, ""),
            "{name}"
        );
        assert!(got.text.contains(words), "{name}: {}", got.text);
    }
    let got = as_user(&browser, "olga", PASSWORD).await;
    assert_eq!(
        (got.status, got.header("location")),
        (StatusCode::SEE_OTHER, "/routes")
    );
    let cookie = got.header("set-cookie");
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"),
        "{cookie}"
    );
    browser.cookie = cookie.split(';').next().expect("a pair").to_owned();
    assert_eq!(statuses(&browser, None).await, [200, 200, 200, 404]);
    // A change of her record ends her session.
    let users = UserFile::new(folder.path().join("users.toml"));
    let keeping = gateway.clone();
    let keeping = tokio::spawn(async move { keeping.run_maintenance().await });
    let changed = users.change(|users| {
        users.get_mut("olga").expect("there").roles = vec!["ADMIN".into()];
        Ok(())
    });
    changed.expect("written");
    until("the session has ended", async || {
        statuses(&browser, None).await == [303, 401, 401, 401]
    })
    .await;
    keeping.abort();
}

fn cookie_of(answer: &Answer, name: &str) -> Option<String> {
    let all = answer.headers.get_all("set-cookie").iter();
    let mut texts = all.map(|value| value.to_str().expect("ASCII"));
    let set = texts.find(|text| text.starts_with(&format!("{name}=")))?;
    set.split(';').next().map(str::to_owned)
}

#[tokio::test]
async fn the_login_of_the_site_opens_the_page_and_services_never_get_what_does() {
    let folder = tempfile::tempdir().expect("a folder");
    let (gateway, port) = start(with_users(&folder)).await;
    let log_in = async |name: &str| {
        let form = format!("username={name}&password=correct+horse");
        post_text(&port.url("/login"), "application/x-www-form-urlencoded", form).await
    };
    let olga = log_in("olga").await;
    let (login, operator) = (
        cookie_of(&olga, "HYDRA-SSO").expect("a login"),
        cookie_of(&olga, "HYDRA-OPERATOR").expect("an operator"),
    );
    let mut browser = Browser::of(&gateway);
    // What services see opens nothing, also under the other name.
    for cookie in [
        login.clone(),
        login.replace("HYDRA-SSO", "HYDRA-OPERATOR"),
        String::new(),
    ] {
        browser.cookie = cookie;
        assert_eq!(statuses(&browser, None).await, [303, 401, 401, 401]);
    }
    let bearer = login.trim_start_matches("HYDRA-SSO=").to_owned();
    assert_eq!(statuses(&browser, Some(&bearer)).await, [303, 401, 401, 401]);
    browser.cookie = operator.clone();
    assert_eq!(statuses(&browser, None).await, [200, 200, 200, 404]);
    // And the operator's cookie is no login.
    let told = service(
        Router::new().fallback(axum::routing::any(async |headers: http::HeaderMap| {
            let cookies = headers.get_all(COOKIE).iter();
            let texts: Vec<_> = cookies.map(|value| value.to_str().expect("ASCII")).collect();
            texts.join("; ")
        })),
    )
    .await;
    register(&port, &said("shop", &told, json!({"endpoints": ["/told"]}))).await;
    let both = format!("{login}; {operator}; a=b");
    for (cookie, expected) in [
        (both, format!("{login}; a=b")),
        (operator.replace("HYDRA-OPERATOR", "HYDRA-SSO"), String::new()),
    ] {
        let request = Request::get(port.url("/told")).header(COOKIE, cookie);
        let got = crate::support::send(request.body(Body::empty()).expect("a request")).await;
        assert_eq!(got.text(), expected);
    }
    let ann = log_in("ann").await;
    assert_eq!(cookie_of(&ann, "HYDRA-OPERATOR"), None, "she lacks the role");
    // The logout of the site ends the operator's session, too.
    let request = Request::post(port.url("/logout")).header(COOKIE, &login);
    crate::support::send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(statuses(&browser, None).await, [303, 401, 401, 401]);
}

#[tokio::test]
async fn guesses_of_the_token_must_wait() {
    let gateway = Gateway::new(config()).expect("a good configuration");
    let browser = Browser::of(&gateway);
    let send = async |mut request: Request<Body>, address: [u8; 4]| {
        request.extensions_mut().insert(Peer(address.into()));
        browser.send(request).await.status.as_u16()
    };
    let own = [
        ("origin", "http://127.0.0.1:8082"),
        ("sec-fetch-site", "same-origin"),
    ];
    let form = |token: &str| browser.form("/sign-in", &[("token", token), ("place", "/")], &own);
    let call = |token: &str| {
        let request = Request::get("/api/services").header("host", HOST);
        let request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        request.body(Body::empty()).expect("a request")
    };
    let guesses = (0..100).map(|n| {
        let (guess, is_form) = (format!("the-token-number-{n}"), n % 2 == 0);
        let request = if is_form { form(&guess) } else { call(&guess) };
        send(request, [192, 0, 2, 7])
    });
    let statuses = join_all(guesses).await;
    let later = statuses.iter().filter(|status| **status == 429).count();
    assert!(later > 50, "{statuses:?}");
    assert!(
        !statuses.contains(&200) && !statuses.contains(&303),
        "{statuses:?}"
    );
    // Elsewhere no attempt waits.
    assert_eq!(send(form(TOKEN), [192, 0, 2, 8]).await, 303);
    assert_eq!(send(call(TOKEN), [192, 0, 2, 8]).await, 200);
}

#[tokio::test]
async fn a_sign_out_ends_the_session_at_all_gateways_of_one_redis() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::at(folder.path());
    let gateways = [(); 2].map(|()| {
        let settings = GatewayConfig {
            private_key: Some(Secret::new("the private key of the tests".into())),
            redis: Some(Secret::new(server.url.clone())),
            ..config()
        };
        Gateway::new(settings).expect("a good configuration")
    });
    let [mut one, mut other] = gateways.each_ref().map(Browser::of);
    one.sign_in().await;
    other.cookie.clone_from(&one.cookie);
    for browser in [&one, &other] {
        assert_eq!(statuses(browser, None).await[0], 200);
    }
    until("Redis is there", async || {
        server.ask::<String>(redis::cmd("PING")).await.is_ok()
    })
    .await;
    let key = one.get("/").await.field("key");
    assert_eq!(
        one.post("/sign-out", &[("key", &key)]).await.status,
        StatusCode::SEE_OTHER
    );
    for browser in [&one, &other] {
        assert_eq!(statuses(browser, None).await, [303, 401, 401, 401]);
    }
    // While Redis is away, a new session opens, and ends here at least.
    server.kill();
    one.sign_in().await;
    assert_eq!(statuses(&one, None).await[0], 200);
    let key = one.get("/").await.field("key");
    one.post("/sign-out", &[("key", &key)]).await;
    assert_eq!(statuses(&one, None).await[0], 303);
}
