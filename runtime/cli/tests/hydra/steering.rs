//! `hydra weights` and `hydra drain` change what a running gateway does.

use std::process::Command;

use axum::{Router, routing::get as on_get};
use hydra_runtime_gateway::{Gateway, GatewayConfig, Secret};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::watch};

use crate::support::{Running, get, register, said, service};

const TOKEN: &str = "the-token-of-the-operators";

/// A gateway, and where it answers operators.
async fn start() -> (Running, Running) {
    let config = GatewayConfig {
        public_key: "K".into(),
        admin_token: Some(Secret::new(TOKEN.to_owned())),
        ..GatewayConfig::default()
    };
    let gateway = Gateway::new(config).expect("a good configuration");
    let listeners = [
        TcpListener::bind("127.0.0.1:0").await.expect("a free port"),
        TcpListener::bind("127.0.0.1:0").await.expect("a free port"),
    ];
    let addresses = listeners
        .each_ref()
        .map(|one| one.local_addr().expect("an address"));
    let [public, operators] = listeners;
    let (stop, stopping) = watch::channel(false);
    let admin = gateway.admin(None, stopping);
    let serving = tokio::spawn(async move { gateway.serve(public, std::future::pending()).await });
    let operating = tokio::spawn(async move {
        admin.serve(operators, std::future::pending()).await;
        drop(stop);
    });
    (
        Running::new(addresses[0], serving),
        Running::new(addresses[1], operating),
    )
}

/// Runs `hydra`, and returns its status, standard output and standard error.
async fn hydra(operators: &Running, token: Option<&str>, args: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hydra"));
    command
        .args(args)
        .env_remove("HYDRA_ADMIN_TOKEN")
        .env("HYDRA_ADMIN", operators.url(""));
    if let Some(token) = token {
        command.env("HYDRA_ADMIN_TOKEN", token);
    }
    let run = tokio::task::spawn_blocking(move || command.output())
        .await
        .expect("it runs");
    let run = run.expect("the program starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (
        run.status.code().expect("a status"),
        text(run.stdout),
        text(run.stderr),
    )
}

async fn version(gateway: &Running, name: &'static str, number: i64) -> Running {
    let target = service(Router::new().route("/v", on_get(async move || name))).await;
    let more = json!({"protocol":2,"instance":format!("uuid-{name}"),"version":number,"versionName":name,"endpoints":["/v"]});
    register(gateway, &said("orderService", &target, more)).await;
    target
}

#[tokio::test]
async fn operators_share_visitors_and_drain_instances_from_the_command_line() {
    let (gateway, operators) = start().await;
    let _services = [version(&gateway, "1", 1).await, version(&gateway, "2", 2).await];
    let weights = ["weights", "orderService", "v2=10", "v1=90"];
    let (status, table, error) = hydra(&operators, Some(TOKEN), &weights).await;
    let expected = "SERVICE       VERSION  SHARE   INSTANCES  STATE\n\
                    orderService  1        90.0 %  1          open\n\
                    orderService  2        10.0 %  1          open\n";
    assert_eq!((status, &*table, &*error), (0, expected, ""));
    for args in [&["weights"][..], &["weights", "orderService"]] {
        let (status, shown, _) = hydra(&operators, Some(TOKEN), args).await;
        assert_eq!((status, &*shown), (0, expected));
        let (status, shown, error) = hydra(&operators, None, args).await;
        assert_eq!((status, &*shown), (2, ""), "reading needs the token too");
        assert!(error.contains("`admin_token`"), "{error}");
    }
    let (status, text, _) = hydra(
        &operators,
        Some(TOKEN),
        &["weights", "orderService", "2=1", "1=0", "--json"],
    )
    .await;
    let state: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (status, &state["service"]["versions"][0]["closed"]),
        (0, &json!(true))
    );
    assert_eq!(get(&gateway.url("/v")).await.text(), "2");

    let (status, table, _) = hydra(&operators, Some(TOKEN), &["weights", "orderService", "--clear"]).await;
    assert!(status == 0 && table.contains("50.0 %"), "{table}");
    let (status, table, _) = hydra(&operators, Some(TOKEN), &["drain", "uuid-2"]).await;
    assert!(status == 0 && table.contains("drained"), "{table}");
    assert_eq!(get(&gateway.url("/v")).await.text(), "1");
    let (status, table, _) = hydra(&operators, Some(TOKEN), &["drain", "orderService"]).await;
    assert!(
        status == 0 && table.contains("no visitor gets this service"),
        "{table}"
    );
    assert_eq!(get(&gateway.url("/v")).await.status, 503);
    for target in ["uuid-2", "orderService"] {
        let (status, table, _) = hydra(&operators, Some(TOKEN), &["drain", target, "--end"]).await;
        assert_eq!(status, 0, "{table}");
    }
    let (_, table, _) = hydra(&operators, Some(TOKEN), &["weights"]).await;
    assert!(!table.contains("drained"), "{table}");
}

#[tokio::test]
async fn a_change_that_is_not_made_says_why() {
    let (gateway, operators) = start().await;
    let _service = version(&gateway, "1", 1).await;
    let wrong = "the-token-of-another-gateway";
    for (token, args, said) in [
        (None, &["weights", "orderService", "1=5"][..], "`admin_token`"),
        (Some(wrong), &["drain", "orderService"], "`admin_token`"),
        (
            Some(TOKEN),
            &["weights", "ordreService", "1=5"],
            "no service `ordreService` is registered",
        ),
        (
            Some(TOKEN),
            &["weights", "ordreService"],
            "no service `ordreService` is active",
        ),
        (
            Some(TOKEN),
            &["weights", "orderService", "1"],
            "such as `2.4.1=10`",
        ),
        (
            Some(TOKEN),
            &["weights", "orderService", "1=x"],
            "not a whole number",
        ),
        (
            Some(TOKEN),
            &["weights", "orderService", "1=5", "1=6"],
            "named twice",
        ),
        (
            Some(TOKEN),
            &["weights", "orderService", "a b=5"],
            "not a version's name",
        ),
        (
            Some(TOKEN),
            &["weights", "orderService", "1=5", "--clear"],
            "cannot be used with",
        ),
        (Some(TOKEN), &["weights", "--clear"], "required"),
        (Some(TOKEN), &["drain", "nothing"], "neither a registered service"),
    ] {
        let (status, out, error) = hydra(&operators, token, args).await;
        assert_eq!((status, &*out), (2, ""), "{args:?}");
        assert!(error.contains(said), "{args:?}: {error}");
        assert!(!error.contains(wrong) && !error.contains(TOKEN), "{error}");
    }
    let (_, table, _) = hydra(&operators, Some(TOKEN), &["weights"]).await;
    assert!(table.contains("100.0 %"), "{table}");
}
