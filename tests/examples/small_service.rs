//! A service with one page, whose program the test `dev` looks at: `cargo run -p hydra-tests --example small_service` runs it.

use hydra_runtime::App;

const PLAN: &str = r#"{"format": 4, "templates": [{"name": "index.html", "source": "<h1>Small</h1>"}], "sites": [], "pages": [],
    "contract": {"service": ""}, "offers": {}}"#;

#[tokio::main(flavor = "current_thread")]
async fn main() -> hydra_runtime::Result<()> {
    App::<()>::with_plan("small", PLAN).serve().await
}
