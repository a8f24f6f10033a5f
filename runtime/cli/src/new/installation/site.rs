//! The pages.

use hydra_runtime::Page;
use serde::Serialize;

#[cfg(test)]
mod tests;

hydra_runtime::app!();

/// The page `/`.
#[derive(Page, Serialize)]
#[page(template = "index.html", path = "/")]
struct Home {
    name: String,
}

async fn home() -> Home {
    Home {
        name: "Ann".to_owned(),
    }
}

fn app() -> App {
    App::new("site").page(home)
}

#[tokio::main]
async fn main() -> hydra_runtime::Result<()> {
    app().serve().await
}
