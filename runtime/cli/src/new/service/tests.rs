use hydra_runtime::testing::{self, TestApp};

use super::{NAME, app, fragments};

#[tokio::test]
async fn the_page_shows_what_is_new() -> testing::Result {
    let app = TestApp::new(app())?;
    let page = app.get("/@service@").await?;
    assert_eq!(page.status(), 200);
    assert_eq!(page.text("h1")?, format!("Welcome to {NAME}"));
    assert_eq!(page.text("h2")?, "Hello, world");
    Ok(())
}

#[tokio::test]
async fn other_pages_can_show_what_is_new() -> testing::Result {
    let app = TestApp::new(app())?;
    let imports = fragments::LatestImports {};
    let fragment = app.call::<fragments::Latest>(imports).await?;
    assert_eq!(fragment.text("section > h2")?, "Hello, world");
    Ok(())
}
