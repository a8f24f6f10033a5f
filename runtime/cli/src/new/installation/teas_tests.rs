use hydra_runtime::testing::{self, TestApp};

use super::{app, fragments};

#[tokio::test]
async fn each_customer_has_a_list_of_teas() -> testing::Result {
    let teas = TestApp::new(app())?;
    for (customer, expected) in [("Ann", 3), ("Bob", 2)] {
        let imports = fragments::ListImports {
            customer: customer.to_owned(),
        };
        let fragment = teas.call::<fragments::List>(imports).await?;
        assert_eq!(fragment.text("h2")?, format!("Teas for {customer}"));
        assert_eq!(fragment.select("li")?.len(), expected);
        assert_eq!(fragment.export::<usize>("count")?, expected);
    }
    Ok(())
}
