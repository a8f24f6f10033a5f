//! The teas, as a fragment that pages of other services show.

use hydra_runtime::fragment;

#[cfg(test)]
mod tests;

hydra_runtime::app!();

/// The list of teas. Ann gets one more.
#[fragment("list")]
async fn list(imports: fragments::ListImports) -> fragments::List {
    let mut teas = vec!["Sencha".to_owned(), "Assam".to_owned()];
    if imports.customer == "Ann" {
        teas.push("Jasmine".to_owned());
    }
    fragments::List {
        count: teas.len() as i64,
        teas,
    }
}

fn app() -> App {
    App::new("teas").fragment(list)
}

#[tokio::main]
async fn main() -> hydra_runtime::Result<()> {
    app().serve().await
}
