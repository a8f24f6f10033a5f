//! A page, and a fragment that pages of other services can show too.

use hydra_runtime::{Page, fragment};
use serde::Serialize;

#[cfg(test)]
mod tests;

hydra_runtime::app!();

/// The name of this service.
const NAME: &str = "@service@";

/// The page of this service.
#[derive(Page, Serialize)]
#[page(template = "index.html", path = "/@service@")]
struct Home {
    title: String,
}

async fn home() -> Home {
    Home {
        title: format!("Welcome to {NAME}"),
    }
}

/// What is new.
#[fragment("latest")]
async fn latest() -> fragments::Latest {
    fragments::Latest {
        headline: "Hello, world".to_owned(),
    }
}

fn app() -> App {
    App::new(NAME).page(home).fragment(latest)
}

#[tokio::main]
async fn main() -> hydra_runtime::Result<()> {
    app().serve().await
}
