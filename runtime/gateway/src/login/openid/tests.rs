//! Logins at a provider that does all that the standard says, or one thing wrong.

mod bad_answers;
mod provider;
mod refresh;

use axum::{
    body::{Body, to_bytes},
    response::Response,
};
use http::{
    HeaderMap, Request, StatusCode,
    header::{COOKIE, HOST, LOCATION, SET_COOKIE},
};
use tower::ServiceExt as _;
use url::Url;

use super::*;
use provider::{Double, Fault};

const SITE: &str = "http://127.0.0.1:8081";

/// A gateway whose visitors log in at the double.
struct Site {
    gateway: crate::Gateway,
    _folder: tempfile::TempDir,
}

impl Site {
    fn new(double: &Double) -> Self {
        Self::with(double, |_| ())
    }

    fn with(double: &Double, change: impl FnOnce(&mut GatewayConfig)) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut config = GatewayConfig {
            login_keys: Some(folder.path().join("keys").display().to_string()),
            openid: Some(OpenIdProvider {
                client_secret: Some(Secret::new("the client's password".into())),
                name: "Shop ID".into(),
                ..OpenIdProvider::new(&double.issuer, "hydra")
            }),
            ..GatewayConfig::default()
        };
        change(&mut config);
        let gateway = crate::Gateway::new(config).expect("a good configuration");
        Self {
            gateway,
            _folder: folder,
        }
    }

    async fn request(&self, request: http::request::Builder, body: &str) -> Answer {
        let request = request
            .header(HOST, "127.0.0.1:8081")
            .body(Body::from(body.to_owned()));
        let response = self.gateway.router().oneshot(request.expect("a request"));
        Answer::of(response.await.expect("a response")).await
    }

    async fn get(&self, path: &str, cookies: &str) -> Answer {
        self.request(Request::get(path).header(COOKIE, cookies), "").await
    }

    /// The visitor's way to the provider: its address, and the cookie of the browser.
    async fn begin(&self, path: &str) -> (Url, String) {
        let answer = self.get(path, "").await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        let cookie = answer.cookie("HYDRA-OPENID").expect("a cookie");
        (Url::parse(answer.location()).expect("an address"), cookie)
    }

    /// Comes back from the provider with the code that the double gives.
    async fn come_back(&self, double: &Double, path: &str) -> Answer {
        let (to, cookie) = self.begin(path).await;
        self.get(&double.agree(&to), &cookie).await
    }

    fn logins(&self) -> &crate::login::Logins {
        self.gateway.logins().expect("logins")
    }
}

/// A response, and its whole text.
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.expect("a body");
        Self {
            status: parts.status,
            headers: parts.headers,
            text: String::from_utf8(body.to_vec()).expect("UTF-8"),
        }
    }

    fn location(&self) -> &str {
        self.headers[LOCATION].to_str().expect("ASCII")
    }

    /// The pair of a cookie that the response sets.
    fn cookie(&self, name: &str) -> Option<String> {
        let set = self.headers.get_all(SET_COOKIE).iter();
        let mut set = set.filter_map(|value| value.to_str().ok()?.split(';').next());
        set.find(|pair| pair.starts_with(&format!("{name}=")))
            .map(str::to_owned)
    }

    fn login(&self) -> Option<String> {
        self.cookie("HYDRA-SSO")
    }
}

fn parameter(url: &Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    let found = pairs.find(|(key, _)| key == name);
    found
        .unwrap_or_else(|| panic!("{url} has no {name}"))
        .1
        .into_owned()
}

#[tokio::test]
async fn a_visitor_logs_in_at_the_provider_and_returns_to_the_page() {
    let double = Double::start().await;
    let site = Site::new(&double);
    let (to, cookie) = site.begin("/login?next=/orders%3Fpage%3D2").await;
    assert!(
        to.as_str().starts_with(&format!("{}/auth?", double.issuer)),
        "{to}"
    );
    for (name, expected) in [
        ("response_type", "code"),
        ("client_id", "hydra"),
        ("redirect_uri", &format!("{SITE}/_h/login")),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(parameter(&to, name), expected);
    }
    let answer = site.get(&double.agree(&to), &cookie).await;
    assert_eq!(
        (answer.status, answer.location()),
        (StatusCode::SEE_OTHER, "/orders?page=2")
    );
    assert_eq!(answer.cookie("HYDRA-SESSION").as_deref(), Some("HYDRA-SESSION="));
    let token = answer.login().expect("a login");
    let token = token.trim_start_matches("HYDRA-SSO=");
    let now = hydra_runtime_wire::signing::seconds(std::time::SystemTime::now());
    let login = site.logins().login_of(token, now).expect("it counts");
    assert_eq!(
        (&*login.username, &*login.roles),
        ("ann", &["CLERK".to_owned()][..])
    );
    assert_eq!(login.metadata["email"], "ann@shop.example");
    let page = site.get("/login", &format!("HYDRA-SSO={token}")).await;
    assert!(
        page.status == StatusCode::OK && page.text.contains("You are logged in as ann"),
        "no circle: {}",
        page.text
    );
}

#[tokio::test]
async fn several_tabs_log_in_at_the_same_time() {
    let double = Double::start().await;
    let site = Site::new(&double);
    let (first, cookie) = site.begin("/login?next=/a").await;
    let answer = site.get("/login?next=/b", &cookie).await;
    assert_eq!(
        answer.cookie("HYDRA-OPENID").as_deref(),
        Some(&*cookie),
        "one secret"
    );
    let second = Url::parse(answer.location()).expect("an address");
    assert_ne!(parameter(&first, "nonce"), parameter(&second, "nonce"));
    let answer = site.get(&double.agree(&second), &cookie).await;
    assert_eq!(answer.location(), "/b");
    assert_eq!(site.get(&double.agree(&first), &cookie).await.location(), "/a");
}

#[tokio::test]
async fn passwords_and_a_provider_stand_on_one_page() {
    let double = Double::start().await;
    let users = tempfile::tempdir().expect("a folder");
    let site = Site::with(&double, |config| {
        config.login_users = Some(users.path().join("users.toml"));
    });
    let page = site.get("/login?next=/orders", "").await;
    let link = "href=\"/login?with=provider&amp;next=%2Forders\"";
    assert!(
        page.text.contains(link)
            && page.text.contains("Log in with Shop ID")
            && page.text.contains("name=\"password\""),
        "{}",
        page.text
    );
    let answer = site.come_back(&double, "/login?with=provider&next=/orders").await;
    assert_eq!(answer.location(), "/orders");
    let without = Site::new(&double);
    let answer = without
        .request(Request::post("/login"), "username=ann&password=x")
        .await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_logout_leads_to_the_provider_unless_the_settings_forbid_it() {
    let double = Double::start().await;
    for is_wanted in [true, false] {
        let site = Site::with(&double, |config| {
            config.openid.as_mut().expect("a provider").logout = is_wanted;
        });
        let login = site.come_back(&double, "/login").await.login().expect("a login");
        let out = site
            .request(Request::post("/logout").header(COOKIE, &login), "")
            .await;
        assert_eq!(out.login().as_deref(), Some("HYDRA-SSO="));
        let address = format!(
            "{}/end?client_id=hydra&post_logout_redirect_uri=http%3A%2F%2F127.0.0.1%3A8081%2F",
            double.issuer
        );
        if is_wanted {
            assert_eq!(
                (out.status, out.headers["refresh"].to_str().expect("ASCII")),
                (StatusCode::OK, &*format!("0; url={address}"))
            );
            assert!(out.text.contains(&address.replace('&', "&amp;")), "{}", out.text);
        } else {
            assert_eq!((out.status, out.location()), (StatusCode::SEE_OTHER, "/"));
        }
        let page = site.get("/logout", &login).await;
        assert!(page.text.contains("You are not logged in"), "{}", page.text);
    }
}

#[tokio::test]
async fn a_client_without_a_password_and_one_with_it_in_the_form() {
    let double = Double::start().await;
    let public = Site::with(&double, |config| {
        config.openid.as_mut().expect("a provider").client_secret = None;
    });
    double.set(Fault::PublicClient);
    assert!(public.come_back(&double, "/login").await.login().is_some());
    double.set(Fault::SecretInForm);
    assert!(
        Site::new(&double)
            .come_back(&double, "/login")
            .await
            .login()
            .is_some()
    );
}

#[tokio::test]
async fn another_provider_in_the_settings_ends_the_logins_at_the_former_one() {
    let double = Double::start().await;
    let site = Site::new(&double);
    let login = site.come_back(&double, "/login").await.login().expect("a login");
    let path = site._folder.path().join("keys").display().to_string();
    let same = Site::with(&double, |config| config.login_keys = Some(path.clone()));
    assert!(
        same.get("/logout", &login)
            .await
            .text
            .contains("logged in as ann")
    );
    let other = Site::with(&double, |config| {
        config.login_keys = Some(path);
        config.openid.as_mut().expect("a provider").client_id = "other".into();
    });
    assert!(
        other
            .get("/logout", &login)
            .await
            .text
            .contains("You are not logged in")
    );
}
