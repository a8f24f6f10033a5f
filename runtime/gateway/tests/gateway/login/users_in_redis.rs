//! Users in Redis, which several gateways share.

use hydra_runtime_gateway::{Secret, UserStore};
use hydra_runtime_net::redis_link::servers::Server;

use super::*;

fn config(server: &Server) -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        private_key: Some(Secret::new("the private key of this test".into())),
        allow_unsigned: true,
        redis: Some(Secret::new(server.url.clone())),
        login_keys: Some("redis".into()),
        login_users: Some("redis".into()),
        ..GatewayConfig::default()
    }
}

async fn change(store: &UserStore, role: Option<&str>) {
    let changed = store.change(|users| {
        match role {
            None => drop(users.remove("ann")),
            Some(role) => {
                let known = users.remove("ann");
                let record = known.unwrap_or_else(|| UserRecord::with_password(PASSWORD).expect("good"));
                let roles = vec![role.to_owned()];
                users.insert("ann".into(), UserRecord { roles, ..record });
            }
        }
        Ok(())
    });
    changed.await.expect("written");
}

async fn is_in(gateway: &Running, cookie: &str) -> bool {
    with_cookie(gateway, "/logout", cookie)
        .await
        .text()
        .contains("logged in as ann")
}

#[tokio::test]
async fn a_user_in_redis_logs_in_at_one_gateway_and_loses_access_at_all() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    until("Redis is there", async || {
        server.ask::<String>(redis::cmd("PING")).await.is_ok()
    })
    .await;
    let store = UserStore::of(&config(&server)).expect("good");
    change(&store, Some("USER")).await;
    let (one, other) = (
        gateway_with(config(&server)).await,
        gateway_with(config(&server)).await,
    );
    let body = "username=ann&password=correct+horse";
    let log_in = async || {
        let answer = form(&one, "/login", body, &[]).await;
        pair(&answer, "HYDRA-SSO")
    };
    until("the gateway has read users and keys", async || {
        log_in().await.is_some()
    })
    .await;
    let login = log_in().await.expect("a login");
    until("the other gateway knows the keys", async || {
        is_in(&other, &login).await
    })
    .await;
    change(&store, Some("ADMIN")).await;
    for gateway in [&one, &other] {
        until("the login has ended", async || !is_in(gateway, &login).await).await;
    }
    until("the change is known", async || {
        let login = log_in().await.expect("a login");
        part(&login, 1)["roles"] == json!(["ADMIN"])
    })
    .await;
    let login = log_in().await.expect("a login");
    change(&store, None).await;
    for gateway in [&one, &other] {
        until("the login has ended", async || !is_in(gateway, &login).await).await;
    }
    assert_eq!(log_in().await, None);
}
