//! Following the overview.

use super::*;

async fn gateway_with_overview(
    services: Arc<Mutex<Option<(String, Value)>>>,
) -> (SocketAddr, mpsc::UnboundedReceiver<Option<String>>) {
    let (sender, calls) = mpsc::unbounded_channel();
    let overview = move |Query(query): Query<OverviewQuery>| {
        let known = query.hash.clone();
        sender.send(query.hash).unwrap();
        let said = services.lock().unwrap().clone();
        async move {
            match said {
                // It asks for the contract problems of this application, too.
                _ if query.service.as_deref() != Some("shop") => StatusCode::BAD_REQUEST.into_response(),
                None => StatusCode::NOT_FOUND.into_response(),
                Some((hash, _)) if known.as_ref() == Some(&hash) => {
                    Json(json!({"hash": hash})).into_response()
                }
                Some((hash, services)) => Json(json!({"hash": hash, "services": services})).into_response(),
            }
        }
    };
    let registered = json!({"protocol": 2, "publicKey": "", "roleMappings": {}, "hash": "h0",
        "services": [{"serviceName": "first", "activeServices": [{}]}]});
    let router = Router::new()
        .route("/h/discovery/hydra/registration", post(async || Json(registered)))
        .route("/h/discovery/hydra/alive", post(async || Json(true)))
        .route("/h/discovery/hydra/overview", get(overview));
    let listener = free().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, calls)
}

#[tokio::test]
async fn it_keeps_the_newest_overview() {
    let said = Arc::new(Mutex::new(Some(("h0".to_owned(), json!([])))));
    let (address, mut calls) = gateway_with_overview(said.clone()).await;
    let overview = PublishedOverview::new("shop", Vec::new(), []);
    let (_stop, _task) = start(service_with(address, overview.clone()));
    // It asks with the hash of the registration's answer, which told of the first.
    assert_eq!(calls.recv().await.unwrap().as_deref(), Some("h0"));
    assert!(overview.now().is_active("first"));
    let second = json!([{"serviceName": "second", "activeServices": [{}]}]);
    *said.lock().unwrap() = Some(("h1".to_owned(), second));
    while calls.recv().await.unwrap().as_deref() != Some("h1") {}
    let overview = overview.now();
    assert!(overview.is_active("second") && !overview.is_active("first") && overview.is_active("shop"));
}

#[tokio::test]
async fn a_gateway_without_overviews_is_asked_once_for_each_registration() {
    let (address, mut calls) = gateway_with_overview(Arc::default()).await;
    let overview = PublishedOverview::new("shop", Vec::new(), []);
    let mut service = service_with(address, overview.clone());
    assert_eq!(service.register().await, StepResult::Registered);
    let asked = tokio::time::timeout(Duration::from_millis(100), service.follow()).await;
    assert!(asked.is_err());
    assert!(calls.recv().await.is_some());
    assert!(calls.try_recv().is_err());
    assert!(overview.now().is_active("first"));
}
