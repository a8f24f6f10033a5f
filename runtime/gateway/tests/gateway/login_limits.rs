//! The limits on requests hold for the pages of the login.

use http::{Request, StatusCode};
use hydra_runtime_gateway::{GatewayConfig, UserFile, UserRecord};

use crate::support::{Answer, Running, gateway_with, get, send};

/// A gateway with the user `ann` and these settings.
async fn gateway(settings: &str) -> (Running, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let users = folder.path().join("users.toml");
    let added = UserFile::new(users.clone()).change(|users| {
        let ann = UserRecord::with_password("correct horse").expect("good");
        users.insert("ann".to_owned(), ann);
        Ok(())
    });
    added.expect("written");
    let config = GatewayConfig {
        login_keys: Some(folder.path().join("keys").display().to_string()),
        login_users: Some(users),
        ..GatewayConfig::from_toml(settings).expect("good")
    };
    (gateway_with(config).await, folder)
}

async fn wrong_password(url: String) -> Answer {
    let request = Request::post(url)
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=ann&password=wrong".into());
    send(request.expect("a request")).await
}

#[tokio::test]
async fn a_rate_counts_all_of_them() {
    let (gateway, _folder) = gateway("rate = '4/h'").await;
    for (path, expected) in [
        ("/login", StatusCode::OK),
        ("/logout", StatusCode::OK),
        ("/.well-known/jwks.json", StatusCode::OK),
        ("/login?error", StatusCode::OK),
        ("/login", StatusCode::TOO_MANY_REQUESTS),
        ("/logout", StatusCode::TOO_MANY_REQUESTS),
        ("/.well-known/jwks.json", StatusCode::TOO_MANY_REQUESTS),
        ("/health", StatusCode::OK),
    ] {
        assert_eq!(get(&gateway.url(path)).await.status, expected, "{path}");
    }
    let answer = wrong_password(gateway.url("/login")).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(answer.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn attempts_that_wait_take_no_places_of_other_visitors() {
    let (gateway, _folder) = gateway("max_requests = 1\nmax_queue = 10\nqueue_timeout = '30s'").await;
    for _ in 0..3 {
        let answer = wrong_password(gateway.url("/login")).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
    }
    // These wait for half a second, and then for 1, 2 and 4 more.
    let waiting: Vec<_> = (0..4)
        .map(|_| tokio::spawn(wrong_password(gateway.url("/login"))))
        .collect();
    for _ in 0..5 {
        assert_eq!(get(&gateway.url("/login")).await.status, StatusCode::OK);
    }
    assert!(
        waiting.iter().any(|attempt| !attempt.is_finished()),
        "all of them are over"
    );
    for attempt in waiting {
        attempt.abort();
    }
}
