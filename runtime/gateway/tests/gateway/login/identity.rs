//! Services with logins of their own hear from the gateway who the visitor is.

use hydra_runtime_gateway::{PlainService, RoleMapping, ServiceLogin};
use hydra_runtime_wire::login::LoginKeys;

use super::*;

/// A service that tells the headers it gets, in the order of their names. `/kept` may be kept by caches.
async fn wiki() -> Running {
    let told = async |request: Asked| {
        let mut lines: Vec<String> = request
            .headers()
            .iter()
            .filter(|(name, _)| {
                ["user", "roles", "authorization"]
                    .iter()
                    .any(|part| name.as_str().contains(part))
            })
            .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
            .collect();
        lines.sort();
        let caching = match request.uri().path() {
            "/kept" => "public, max-age=600",
            _ => "no-store",
        };
        let kind = "text/html; charset=utf-8";
        (
            [("cache-control", caching), ("content-type", kind)],
            lines.join("\n"),
        )
    };
    service(Router::new().fallback(any(told))).await
}

fn by_headers(user: &str, roles: &str) -> ServiceLogin {
    ServiceLogin::Headers {
        user: user.into(),
        roles: roles.into(),
    }
}

/// A gateway before a wiki that hears of users in this way.
async fn before(site: &Site, wiki: &Running, login: ServiceLogin) -> Running {
    let mut config = site.config();
    config.roles = vec![RoleMapping {
        role: "ADMIN".into(),
        target: "wiki-admin".into(),
        services: vec!["w*i".into()],
    }];
    config.services = vec![PlainService {
        name: "wiki".into(),
        url: wiki.url(""),
        host: None,
        health: None,
        endpoints: vec!["/wiki/**".into()],
        fragments: [("kept".to_owned(), "/kept".to_owned())].into(),
        login: Some(login),
        ..PlainService::default()
    }];
    gateway_with(config).await
}

async fn visit(gateway: &Running, cookie: &str, more: &[(&str, &str)]) -> String {
    let mut request = Request::get(gateway.url("/wiki/x")).header("cookie", cookie);
    for (name, value) in more {
        request = request.header(*name, *value);
    }
    let answer = send(request.body(Body::empty()).expect("a request")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.text().to_owned()
}

async fn fragment(gateway: &Running, cookie: &str) -> Value {
    let batch = json!({"protocol": 2, "requests": {"wiki": [{"id": "a", "ref": "kept"}]}});
    let request = Request::post(gateway.url("/h/discovery/K/requestFragment"))
        .header("content-type", "application/json")
        .header("cookie", cookie)
        .body(Body::from(batch.to_string()));
    let answer = send(request.expect("a request")).await;
    answer.json()["fragments"][0].clone()
}

#[tokio::test]
async fn headers_say_who_the_visitor_is() {
    let (site, wiki) = (Site::new(), wiki().await);
    let gateway = before(&site, &wiki, by_headers("X-Remote-User", "X-Remote-Roles")).await;
    let (ann, bob) = (log_in(&gateway, "ann").await, log_in(&gateway, "bob").await);
    assert_eq!(
        visit(&gateway, &ann, &[]).await,
        "x-remote-roles: USER\nx-remote-user: ann"
    );
    assert_eq!(
        visit(&gateway, &bob, &[]).await,
        "x-remote-roles: wiki-admin\nx-remote-user: bob",
        "roles as the service calls them"
    );
    assert_eq!(visit(&gateway, "", &[]).await, "");
    form(&gateway, "/logout", "", &[("cookie", &bob)]).await;
    assert_eq!(visit(&gateway, &bob, &[]).await, "", "a login that has ended");
}

#[tokio::test]
async fn what_a_visitor_says_about_the_user_is_removed_in_every_spelling() {
    let (site, wiki) = (Site::new(), wiki().await);
    let gateway = before(&site, &wiki, by_headers("Wiki-User", "Wiki-Roles")).await;
    let ann = log_in(&gateway, "ann").await;
    for name in [
        "Wiki-User",
        "WIKI-USER",
        "wiki_user",
        "Wiki_User",
        "wiki.user",
        "wiki~user",
        "Wiki-Roles",
        "WIKI_ROLES",
        "wiki.roles",
        "X-Remote-User",
        "x_remote_user",
        "Remote_User",
    ] {
        let forged = [(name, "admin")];
        assert_eq!(visit(&gateway, "", &forged).await, "", "{name}");
        assert_eq!(
            visit(&gateway, &ann, &forged).await,
            "wiki-roles: USER\nwiki-user: ann",
            "{name}"
        );
        let twice = [
            (name, "admin"),
            (name, "root"),
            ("connection", "wiki-user, wiki-roles"),
        ];
        assert_eq!(
            visit(&gateway, &ann, &twice).await,
            "wiki-roles: USER\nwiki-user: ann",
            "{name}, and what the gateway sets is not removed for a visitor"
        );
    }
}

#[tokio::test]
async fn a_token_is_made_for_the_service_alone() {
    let (site, wiki) = (Site::new(), wiki().await);
    let login = ServiceLogin::Token {
        audience: Some("https://wiki.example".into()),
    };
    let gateway = before(&site, &wiki, login).await;
    let (ann, bob) = (log_in(&gateway, "ann").await, log_in(&gateway, "bob").await);
    let basic = [("authorization", "Basic YWRtaW46YWRtaW4=")];
    assert_eq!(
        visit(&gateway, "", &basic).await,
        "",
        "the visitor's own is removed"
    );
    let told = visit(&gateway, &bob, &basic).await;
    let token = told.strip_prefix("authorization: Bearer ").expect("a token");
    assert_eq!(
        told,
        visit(&gateway, &bob, &[]).await,
        "it is not signed each time"
    );
    assert_ne!(told, visit(&gateway, &ann, &[]).await);
    let claims = part(token, 1);
    for (name, expected) in [
        ("iss", json!("hydra/K")),
        ("aud", json!("https://wiki.example")),
        ("sub", json!("bob")),
        ("username", json!("bob")),
        ("roles", json!(["wiki-admin"])),
        ("sid", Value::Null),
        ("rev", Value::Null),
    ] {
        assert_eq!(claims[name], expected, "{name}");
    }
    let (issued, expires) = (claims["iat"].as_u64(), claims["exp"].as_u64());
    assert_eq!(
        expires.zip(issued).map(|(expires, issued)| expires - issued),
        Some(330)
    );
    let keys = get(&gateway.url("/.well-known/jwks.json")).await.json();
    assert_eq!(part(token, 0)["kid"], keys["keys"][0]["kid"]);
    let now = claims["iat"].as_u64().expect("a time") + 30;
    assert!(
        LoginKeys::of_set(&keys, "K").verify(token, now, 0).is_err(),
        "it is not a login"
    );
    assert_eq!(
        visit(&gateway, &format!("HYDRA-SSO={token}"), &[]).await,
        "",
        "nor one at the gateway"
    );
}

#[tokio::test]
async fn fragments_for_one_visitor_are_kept_for_no_other() {
    let (site, wiki) = (Site::new(), wiki().await);
    let gateway = before(&site, &wiki, by_headers("X-Remote-User", "X-Remote-Roles")).await;
    let (ann, bob) = (log_in(&gateway, "ann").await, log_in(&gateway, "bob").await);
    for (cookie, expected) in [
        (&*ann, "x-remote-roles: USER\nx-remote-user: ann"),
        (&bob, "x-remote-roles: wiki-admin\nx-remote-user: bob"),
        ("", ""),
        (&ann, "x-remote-roles: USER\nx-remote-user: ann"),
    ] {
        let fragment = fragment(&gateway, cookie).await;
        assert_eq!(
            (
                &fragment["renderedHTML"],
                &fragment["outcome"],
                &fragment["maxAge"]
            ),
            (&json!(expected), &json!("rendered"), &json!(0)),
            "the page may not keep it either"
        );
    }
}

#[tokio::test]
async fn services_that_register_get_the_names_of_roles() {
    let (site, wiki) = (Site::new(), wiki().await);
    let gateway = before(&site, &wiki, by_headers("X-Remote-User", "X-Remote-Roles")).await;
    let target = service(Router::new()).await;
    for (name, expected) in [("woki", json!({"ADMIN": "wiki-admin"})), ("shop", json!({}))] {
        let answer = register(&gateway, &said(name, &target, json!({}))).await;
        assert_eq!(answer["roleMappings"], expected, "{name}");
    }
}
