//! Visitors stay with one instance where the application says so.

use hydra_runtime_gateway::{Gateway, GatewayConfig};
use tokio::net::TcpListener;

use super::*;
use crate::Affinity;

async fn get_of(url: &str) -> http::Response<hyper::body::Incoming> {
    let executor = hyper_util::rt::TokioExecutor::new();
    let client = hyper_util::client::legacy::Client::builder(executor).build_http::<Body>();
    let request = Request::get(url).body(Body::empty()).unwrap();
    client.request(request).await.unwrap()
}

#[tokio::test]
async fn what_an_application_says_of_its_visitors_reaches_the_gateway_with_its_registration() {
    for (stated, expected) in [
        (None, false),
        (Some(Affinity::None), false),
        (Some(Affinity::Visitor), true),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let gateway = listener.local_addr().unwrap();
        let serving = Gateway::new(GatewayConfig::default()).unwrap();
        tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
        let settings = Partial::default()
            .gateway(format!("http://{gateway}"))
            .listen("127.0.0.1:0");
        let app = app().settings(settings).route("/mine", get(async || "mine"));
        let app = match stated {
            None => app,
            Some(affinity) => app.affinity(affinity),
        };
        let running = tokio::spawn(app.serve_until(std::future::pending()));
        // Until the application has registered, nobody answers the path.
        let mut answer = get_of(&format!("http://{gateway}/mine")).await;
        while answer.status() != StatusCode::OK {
            assert!(!running.is_finished(), "it serves");
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            answer = get_of(&format!("http://{gateway}/mine")).await;
        }
        let set = answer.headers().get_all(header::SET_COOKIE).iter();
        let pins = set.filter(|set| set.as_bytes().starts_with(b"HYDRA-AT-")).count();
        assert_eq!(pins > 0, expected, "{stated:?}");
        running.abort();
    }
}
