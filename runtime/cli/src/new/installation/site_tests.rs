use hydra_runtime::{
    serde_json::json,
    testing::{self, TestApp},
};

use super::app;

#[tokio::test]
async fn the_page_shows_the_teas_and_how_many_there_are() -> testing::Result {
    let page = TestApp::new(app())?
        .get("/")
        .fragment("teas", "list", "<li>Mint</li>", json!({"count": 1}))
        .await?;
    assert_eq!(page.status(), 200);
    assert_eq!(page.text("h1")?, "Hello, Ann!");
    assert_eq!(page.text("li")?, "Mint");
    assert_eq!(page.text("#count")?, "We have 1 teas.");
    assert_eq!(page.imports("teas", "list")?, json!({"customer": "Ann"}));
    Ok(())
}

#[tokio::test]
async fn while_the_teas_are_away_the_page_says_so() -> testing::Result {
    let page = TestApp::new(app())?.get("/").away("teas", "list").await?;
    assert_eq!(page.status(), 200);
    assert_eq!(page.text("#no-teas")?, "No teas today.");
    assert!(page.select("#count")?.is_empty());
    Ok(())
}
