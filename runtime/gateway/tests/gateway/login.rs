//! The login of visitors: pages, cookies, tokens.

mod identity;
mod open;
mod protocol_1;
mod users_in_redis;

use std::path::Path;

use axum::{Router, body::Body, extract::Request as Asked, response::IntoResponse, routing::any};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, Request, StatusCode, header::SET_COOKIE};
use hydra_runtime_gateway::{GatewayConfig, KeyRecord, LoginKeyStore, UserFile, UserRecord};
use serde_json::{Value, json};

use crate::support::{
    Answer, Running, gateway_with, get, post_text, register, said, send, send_heartbeats, service, until,
};

const PASSWORD: &str = "correct horse";

/// A folder with the users `ann` and `bob`, and the settings of a gateway with them.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    users: UserFile,
}

impl Site {
    /// Makes the second key, and lets it sign at once: otherwise it would do so after a minute.
    async fn rotate(&self, keys: &LoginKeyStore) -> KeyRecord {
        let made = keys.rotate().await.expect("a key");
        let file = self.folder().join("keys/2.key");
        let text = std::fs::read_to_string(&file).expect("the key");
        let (later, now) = (
            format!("\"signsFrom\":{}", made.signs_from),
            format!("\"signsFrom\":{}", made.created),
        );
        std::fs::write(&file, text.replace(&later, &now)).expect("written");
        made
    }

    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let users = UserFile::new(folder.path().join("users.toml"));
        let record = |role: &str| UserRecord {
            roles: vec![role.into()],
            ..UserRecord::with_password(PASSWORD).expect("good")
        };
        let added = users.change(|users| {
            users.insert("ann".into(), record("USER"));
            users.insert("bob".into(), record("ADMIN"));
            Ok(())
        });
        added.expect("written");
        Self { folder, users }
    }

    pub(crate) fn config(&self) -> GatewayConfig {
        let path = |name: &str| self.folder.path().join(name);
        GatewayConfig {
            public_key: "K".into(),
            login_keys: Some(path("keys").display().to_string()),
            login_users: Some(path("users.toml")),
            ..GatewayConfig::default()
        }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A service that tells what it gets, and redirects to the login from `/secret`.
async fn shop(gateway: &Running, more: Value) -> Running {
    let told = async |request: Asked| {
        let headers = request.headers();
        let cookies: Vec<_> = headers
            .get_all("cookie")
            .iter()
            .map(|value| value.to_str().expect("ASCII"))
            .collect();
        if request.uri().path() == "/secret" {
            return (StatusCode::FOUND, [("location", "/login")]).into_response();
        }
        cookies.join("; ").into_response()
    };
    let shop = service(Router::new().fallback(any(told))).await;
    let mut said = said("shop", &shop, json!({"endpoints": ["/", "/secret", "/orders"]}));
    for (name, value) in more.as_object().expect("an object") {
        said[name] = value.clone();
    }
    register(gateway, &said).await;
    shop
}

fn cookies(answer: &Answer) -> Vec<String> {
    let all = answer.headers.get_all(SET_COOKIE).iter();
    all.map(|value| value.to_str().expect("ASCII").to_owned())
        .collect()
}

/// The pair of a cookie that an answer sets.
fn pair(answer: &Answer, name: &str) -> Option<String> {
    let set = cookies(answer)
        .into_iter()
        .find(|cookie| cookie.starts_with(&format!("{name}=")))?;
    set.split(';').next().map(str::to_owned)
}

async fn form(gateway: &Running, path: &str, body: &str, headers: &[(&'static str, &str)]) -> Answer {
    let mut request =
        Request::post(gateway.url(path)).header("content-type", "application/x-www-form-urlencoded");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(request.body(Body::from(body.to_owned())).expect("a request")).await
}

async fn with_cookie(gateway: &Running, path: &str, cookie: &str) -> Answer {
    send(
        Request::get(gateway.url(path))
            .header("cookie", cookie)
            .body(Body::empty())
            .expect("a request"),
    )
    .await
}

/// Logs a user in. Returns the cookie.
async fn log_in(gateway: &Running, username: &str) -> String {
    let body = format!("username={username}&password=correct+horse");
    let answer = form(gateway, "/login", &body, &[]).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    pair(&answer, "HYDRA-SSO").expect("a login")
}

fn part(cookie: &str, nth: usize) -> Value {
    let part = cookie
        .trim_start_matches("HYDRA-SSO=")
        .split('.')
        .nth(nth)
        .expect("a part");
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64")).expect("JSON")
}

#[tokio::test]
async fn a_login_reaches_services_until_the_logout_and_survives_a_restart() {
    let site = Site::new();
    let gateway = gateway_with(site.config()).await;
    let _shop = shop(&gateway, json!({})).await;
    send_heartbeats(gateway.address, &["shop"]);
    let answer = form(
        &gateway,
        "/login",
        "username=ann&password=correct+horse&next=%2Forders%3Fpage%3D2",
        &[],
    )
    .await;
    assert_eq!(
        (answer.status, &answer.headers["location"]),
        (StatusCode::SEE_OTHER, &"/orders?page=2".parse().expect("a value"))
    );
    assert_eq!(answer.headers["cache-control"], "no-store");
    let set = cookies(&answer);
    assert!(
        set[0].starts_with("HYDRA-SSO=ey")
            && set[0].ends_with("; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax"),
        "{set:?}"
    );
    assert_eq!(
        set[1], "HYDRA-SESSION=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
        "sessions end at login"
    );
    let login = pair(&answer, "HYDRA-SSO").expect("a login");
    let claims = part(&login, 1);
    assert_eq!(
        (&claims["username"], &claims["roles"], &claims["aud"]),
        (&json!("ann"), &json!(["USER"]), &json!("K"))
    );
    assert_eq!(claims["userId"], Value::Null);

    let cookie = format!("a=b; {login}; HYDRA-SESSION=x");
    assert_eq!(with_cookie(&gateway, "/orders", &cookie).await.text(), cookie);
    drop(gateway);
    let gateway = gateway_with(site.config()).await;
    let _shop = shop(&gateway, json!({})).await;
    send_heartbeats(gateway.address, &["shop"]);
    assert_eq!(
        with_cookie(&gateway, "/orders", &cookie).await.text(),
        cookie,
        "after a restart"
    );
    let page = with_cookie(&gateway, "/logout", &login).await;
    assert!(
        page.text().contains("You are logged in as ann"),
        "{}",
        page.text()
    );
    assert!(
        with_cookie(&gateway, "/login", &login)
            .await
            .text()
            .contains("You are logged in as ann")
    );

    let out = form(&gateway, "/logout", "", &[("cookie", &login)]).await;
    assert_eq!(
        (out.status, &out.headers["location"]),
        (StatusCode::SEE_OTHER, &"/".parse().expect("a value"))
    );
    for name in ["HYDRA-SSO", "HYDRA-SESSION"] {
        assert_eq!(pair(&out, name), Some(format!("{name}=")));
    }
    assert_eq!(
        with_cookie(&gateway, "/orders", &cookie).await.text(),
        "a=b; HYDRA-SESSION=x",
        "a copy of the token"
    );
    drop(gateway);
    let gateway = gateway_with(site.config()).await;
    let _shop = shop(&gateway, json!({})).await;
    send_heartbeats(gateway.address, &["shop"]);
    assert_eq!(
        with_cookie(&gateway, "/orders", &login).await.text(),
        "",
        "a logout survives a restart too"
    );
}

#[tokio::test]
async fn a_logout_ends_this_device_or_all_of_the_user() {
    let site = Site::new();
    let gateway = gateway_with(site.config()).await;
    let _shop = shop(&gateway, json!({})).await;
    send_heartbeats(gateway.address, &["shop"]);
    let (first, second, third) = (
        log_in(&gateway, "ann").await,
        log_in(&gateway, "ann").await,
        log_in(&gateway, "ann").await,
    );
    let bob = log_in(&gateway, "bob").await;
    let is_in = async |login: &str| with_cookie(&gateway, "/", login).await.text() == login;
    form(&gateway, "/logout", "", &[("cookie", &first)]).await;
    assert_eq!((is_in(&first).await, is_in(&second).await), (false, true));
    form(&gateway, "/logout", "devices=all", &[("cookie", &second)]).await;
    assert_eq!(
        (is_in(&second).await, is_in(&third).await, is_in(&bob).await),
        (false, false, true)
    );
    let again = log_in(&gateway, "ann").await;
    assert!(is_in(&again).await, "a login in the same second counts");
}

#[tokio::test]
async fn nothing_tells_an_unknown_user_from_a_wrong_password() {
    let site = Site::new();
    let gateway = gateway_with(site.config()).await;
    let mut answers = Vec::new();
    for body in [
        "username=ann&password=wrong",
        "username=stranger&password=wrong",
        "username=&password=",
        "username=ann%00&password=correct+horse",
        "username=ANN&password=correct+horse",
        "password=correct+horse",
        "",
    ] {
        let answer = form(&gateway, "/login", body, &[]).await;
        let mut headers: HeaderMap = answer.headers.clone();
        for name in ["date", "x-request-id", "traceparent"] {
            headers.remove(name);
        }
        answers.push((answer.status, headers, answer.body.clone()));
    }
    assert_eq!(answers[0].0, StatusCode::SEE_OTHER);
    assert_eq!(answers[0].1["location"], "/login?error");
    for answer in &answers[1..] {
        assert_eq!(answer, &answers[0]);
    }
    let page = get(&gateway.url("/login?error")).await;
    assert!(
        page.text()
            .contains("<p role=\"alert\">The name or the password is wrong.</p>"),
        "{}",
        page.text()
    );
    let kept = form(
        &gateway,
        "/login",
        "username=ann&password=no&next=%2Forders%3Fa%3D1%262",
        &[],
    )
    .await;
    assert_eq!(
        kept.headers["location"],
        "/login?error&next=%2Forders%3Fa%3D1%262"
    );
}

#[tokio::test]
async fn many_wrong_passwords_are_delayed_and_lock_no_other_visitor_out() {
    let site = Site::new();
    let gateway = gateway_with(GatewayConfig {
        trusted_proxies: hydra_runtime_gateway::TrustedProxies::parse(["127.0.0.1"]).expect("an address"),
        ..site.config()
    })
    .await;
    let from = |address: &'static str| [("x-forwarded-for", address)];
    let many = (0..30).map(|_| {
        Box::pin(async {
            let answer = form(
                &gateway,
                "/login",
                "username=ann&password=wrong",
                &from("192.0.2.1"),
            )
            .await;
            (answer.status == StatusCode::TOO_MANY_REQUESTS)
                .then_some(answer)
                .ok_or(())
        })
    });
    let (delayed, _) = futures_util::future::select_ok(many)
        .await
        .expect("one of them is told to wait");
    let seconds: u64 = delayed.headers["retry-after"]
        .to_str()
        .expect("ASCII")
        .parse()
        .expect("a number");
    assert!(seconds > 10, "{seconds}");
    assert!(
        delayed
            .text()
            .contains(&format!("try again in {seconds} seconds")),
        "{}",
        delayed.text()
    );
    let own = form(
        &gateway,
        "/login",
        "username=ann&password=correct+horse",
        &from("192.0.2.2"),
    )
    .await;
    assert!(pair(&own, "HYDRA-SSO").is_some(), "Ann herself, elsewhere");
}

#[tokio::test]
async fn tokens_that_do_not_count_never_reach_a_service() {
    let site = Site::new();
    let gateway = gateway_with(site.config()).await;
    let _shop = shop(&gateway, json!({})).await;
    send_heartbeats(gateway.address, &["shop"]);
    let good = log_in(&gateway, "ann").await;
    let signature = good.rsplit('.').next().expect("a signature");
    let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#);
    let claims = good.split('.').nth(1).expect("claims");
    for (case, cookie, expected) in [
        ("rubbish", "HYDRA-SSO=rubbish; a=b".to_owned(), "a=b".to_owned()),
        ("empty", "HYDRA-SSO=; a=b".to_owned(), "a=b".to_owned()),
        ("cut", good[..good.len() - 3].to_owned(), String::new()),
        ("alg none", format!("HYDRA-SSO={none}.{claims}."), String::new()),
        (
            "alg none with a signature",
            format!("HYDRA-SSO={none}.{claims}.{signature}"),
            String::new(),
        ),
        (
            "a wrong one before the right one",
            format!("HYDRA-SSO=x; {good}"),
            good.clone(),
        ),
        (
            "a wrong one after the right one",
            format!("{good}; HYDRA-SSO=x; a=b"),
            format!("a=b; {good}"),
        ),
        ("two right ones", format!("{good}; {good}"), good.clone()),
        (
            "another name",
            format!("XHYDRA-SSO=x; {good}"),
            format!("XHYDRA-SSO=x; {good}"),
        ),
    ] {
        assert_eq!(
            with_cookie(&gateway, "/", &cookie).await.text(),
            expected,
            "{case}"
        );
    }
}

#[tokio::test]
async fn a_user_who_was_removed_or_changed_loses_access() {
    let site = Site::new();
    let gateway = gateway_with(site.config()).await;
    let (ann, bob) = (log_in(&gateway, "ann").await, log_in(&gateway, "bob").await);
    let is_in = async |login: &str| {
        let page = with_cookie(&gateway, "/logout", login).await;
        page.text().contains("You are logged in as")
    };
    assert!(is_in(&ann).await && is_in(&bob).await);
    let roles = site.users.change(|users| {
        users.get_mut("ann").ok_or("no ann")?.roles = vec!["GUEST".into()];
        Ok(())
    });
    roles.expect("written");
    until("ann's login has ended", async || !is_in(&ann).await).await;
    assert!(is_in(&bob).await, "others stay");
    let again = log_in(&gateway, "ann").await;
    assert_eq!(part(&again, 1)["roles"], json!(["GUEST"]));
    site.users
        .change(|users| Ok(users.remove("bob")))
        .expect("written");
    until("bob's login has ended", async || !is_in(&bob).await).await;
    let gone = form(&gateway, "/login", "username=bob&password=correct+horse", &[]).await;
    assert_eq!(gone.headers["location"], "/login?error");
}

#[tokio::test]
async fn the_visitor_returns_to_the_page_that_needed_the_login() {
    let site = Site::new();
    let gateway = gateway_with(site.config()).await;
    let _shop = shop(&gateway, json!({})).await;
    send_heartbeats(gateway.address, &["shop"]);
    let asked = get(&gateway.url("/secret?id=7")).await;
    assert_eq!(asked.headers["location"], "/login");
    let next = pair(&asked, "HYDRA-NEXT").expect("it is remembered");
    let set = cookies(&asked);
    assert!(
        set.iter()
            .any(|cookie| cookie.ends_with("; Path=/login; Max-Age=240; HttpOnly; SameSite=Lax")),
        "{set:?}"
    );
    // The client of protocol 1 left an old path, too.
    let cookie = format!("Referer=/old; {next}");
    let page = with_cookie(&gateway, "/login", &cookie).await;
    assert!(
        page.text().contains("name=\"next\" value=\"/secret?id=7\""),
        "{}",
        page.text()
    );
    let body = "username=ann&password=correct+horse";
    for (case, body, cookie, expected) in [
        ("remembered", body.to_owned(), cookie.as_str(), "/secret?id=7"),
        ("left by protocol 1", body.to_owned(), "Referer=/old", "/old"),
        (
            "in the form",
            format!("{body}&next=/form"),
            cookie.as_str(),
            "/form",
        ),
        ("another site in the form", format!("{body}&next=//evil"), "", "/"),
        (
            "a backslash in the form",
            format!("{body}&next=/%5Cevil"),
            "",
            "/",
        ),
        (
            "a control character in the form",
            format!("{body}&next=/%09/evil"),
            "",
            "/",
        ),
        (
            "a new line in the form",
            format!("{body}&next=/%0d%0aset-cookie:x=y"),
            "",
            "/set-cookie:x=y",
        ),
        (
            "another site left by protocol 1",
            body.to_owned(),
            "Referer=https://evil/",
            "/",
        ),
        ("the logout", format!("{body}&next=/logout"), "", "/"),
        ("nothing", body.to_owned(), "", "/"),
    ] {
        let answer = form(&gateway, "/login", &body, &[("cookie", cookie)]).await;
        assert_eq!(answer.headers["location"], expected, "{case}");
        assert_eq!(
            pair(&answer, "HYDRA-NEXT").as_deref(),
            Some("HYDRA-NEXT="),
            "{case}: it is forgotten"
        );
    }
    for (case, referer, expected) in [
        ("a page of this site", gateway.url("/orders?a=b"), "/orders?a=b"),
        ("another site", "http://evil.example/orders".to_owned(), ""),
    ] {
        let request = Request::get(gateway.url("/login"))
            .header("referer", referer)
            .body(Body::empty());
        let page = send(request.expect("a request")).await;
        assert!(
            page.text()
                .contains(&format!("name=\"next\" value=\"{expected}\"")),
            "{case}: {}",
            page.text()
        );
    }
    // Only navigations are remembered: the cookie of a script would lead the visitor astray.
    let script = Request::get(gateway.url("/secret"))
        .header("sec-fetch-mode", "cors")
        .body(Body::empty());
    assert_eq!(pair(&send(script.expect("a request")).await, "HYDRA-NEXT"), None);
}

#[tokio::test]
async fn forms_of_other_sites_are_refused() {
    let site = Site::new();
    let gateway = gateway_with(GatewayConfig {
        cross_site: vec!["/orders".into()],
        ..site.config()
    })
    .await;
    let _shop = shop(&gateway, json!({})).await;
    send_heartbeats(gateway.address, &["shop"]);
    let login = log_in(&gateway, "ann").await;
    let own = format!("http://{}", gateway.address);
    let body = "username=ann&password=correct+horse";
    for (case, headers, is_in) in [
        ("our page", vec![("sec-fetch-site", "same-origin")], true),
        ("our origin", vec![("origin", own.as_str())], true),
        ("another site", vec![("sec-fetch-site", "cross-site")], false),
        ("another origin", vec![("origin", "http://evil.example")], false),
        ("no origin", vec![("origin", "null")], false),
    ] {
        let answer = form(&gateway, "/login", body, &headers).await;
        assert_eq!(pair(&answer, "HYDRA-SSO").is_some(), is_in, "{case}");
        assert_eq!(answer.status == StatusCode::FORBIDDEN, !is_in, "{case}");
    }
    let evil = ("origin", "http://evil.example");
    let out = form(&gateway, "/logout", "", &[("cookie", &login), evil]).await;
    assert_eq!(out.status, StatusCode::FORBIDDEN);
    for (case, path, headers, status) in [
        (
            "with a login",
            "/",
            vec![("cookie", login.as_str()), evil],
            StatusCode::FORBIDDEN,
        ),
        ("without one", "/", vec![evil], StatusCode::OK),
        (
            "an exception",
            "/orders",
            vec![("cookie", login.as_str()), evil],
            StatusCode::OK,
        ),
        (
            "of this site",
            "/",
            vec![("cookie", login.as_str()), ("origin", own.as_str())],
            StatusCode::OK,
        ),
    ] {
        assert_eq!(form(&gateway, path, "", &headers).await.status, status, "{case}");
    }
}

#[tokio::test]
async fn a_rotation_logs_no_visitor_out_and_protocol_1_keeps_its_key() {
    let site = Site::new();
    let keys = LoginKeyStore::of(&site.config()).expect("a folder");
    let gateway = gateway_with(site.config()).await;
    let _shop = shop(&gateway, json!({})).await;
    let old = log_in(&gateway, "ann").await;
    let made = site.rotate(&keys).await;
    let new_kid = made.pair().expect("a key").kid().to_owned();
    let newest = std::sync::Mutex::new(String::new());
    until("the new key signs", async || {
        let login = log_in(&gateway, "ann").await;
        let is_new = part(&login, 0)["kid"] == new_kid.as_str();
        *newest.lock().expect("not poisoned") = login;
        is_new
    })
    .await;
    let new = newest.into_inner().expect("not poisoned");
    // The service is still there.
    let alive = gateway.url("/h/discovery/K/alive");
    assert_eq!(
        post_text(&alive, "text/plain", "shop").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        with_cookie(&gateway, "/", &old).await.text(),
        old,
        "the former token still counts"
    );
    // The service has the former key until it registers again: it gets the same login, signed with that.
    let seen = with_cookie(&gateway, "/", &new).await.text().to_owned();
    assert_eq!(part(&seen, 0)["kid"], part(&old, 0)["kid"]);
    for claim in ["sid", "username", "roles", "exp", "auth_time"] {
        assert_eq!(part(&seen, 1)[claim], part(&new, 1)[claim], "{claim}");
    }
    assert_eq!(
        with_cookie(&gateway, "/", &new).await.text(),
        seen,
        "it is signed once"
    );
    let _shop = shop(&gateway, json!({})).await;
    until("it has the new key", async || {
        with_cookie(&gateway, "/", &new).await.text() == new
    })
    .await;
}

#[tokio::test]
async fn what_the_pages_answer() {
    let site = Site::new();
    let gateway = gateway_with(site.config()).await;
    let page = get(&gateway.url("/login")).await;
    assert_eq!(
        (page.status, &page.headers["content-type"]),
        (
            StatusCode::OK,
            &"text/html; charset=utf-8".parse().expect("a value")
        )
    );
    for (name, part) in [
        ("cache-control", "no-store"),
        ("content-security-policy", "frame-ancestors 'none'"),
        ("content-security-policy", "form-action 'self'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
    ] {
        assert!(
            page.headers[name].to_str().expect("ASCII").contains(part),
            "{name}"
        );
    }
    assert!(
        get(&gateway.url("/logout"))
            .await
            .text()
            .contains("You are not logged in.")
    );
    let answer = async |method: &str, path: &str, kind: &str, body: String| {
        let request = Request::builder()
            .method(method)
            .uri(gateway.url(path))
            .header("content-type", kind);
        send(request.body(Body::from(body)).expect("a request"))
            .await
            .status
    };
    let form = "application/x-www-form-urlencoded";
    for (case, status, expected) in [
        (
            "HEAD",
            answer("HEAD", "/login", form, String::new()).await,
            StatusCode::OK,
        ),
        (
            "PUT",
            answer("PUT", "/login", form, String::new()).await,
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            "DELETE",
            answer("DELETE", "/logout", form, String::new()).await,
            StatusCode::METHOD_NOT_ALLOWED,
        ),
        (
            "JSON",
            answer("POST", "/login", "application/json", "{}".into()).await,
            StatusCode::BAD_REQUEST,
        ),
        (
            "plain text",
            answer("POST", "/login", "text/plain", "username=ann".into()).await,
            StatusCode::BAD_REQUEST,
        ),
        (
            "a long form",
            answer("POST", "/login", form, "x".repeat(20_000)).await,
            StatusCode::BAD_REQUEST,
        ),
        (
            "another path",
            answer("GET", "/login/x", form, String::new()).await,
            StatusCode::NOT_FOUND,
        ),
    ] {
        assert_eq!(status, expected, "{case}");
    }
}

#[tokio::test]
async fn without_users_there_is_no_login_page() {
    let site = Site::new();
    let gateway = gateway_with(GatewayConfig {
        login_users: None,
        ..site.config()
    })
    .await;
    for path in ["/login", "/logout"] {
        assert_eq!(
            get(&gateway.url(path)).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}
