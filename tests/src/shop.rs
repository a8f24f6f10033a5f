//! The demo shop, each part a process of its own.

use crate::{Answer, PATIENCE, Running, Start, get, wait_for, workspace};

/// The gateway and the three services.
pub struct Shop {
    /// The gateway.
    pub gateway: Running,
    /// `storefront`: the pages.
    pub storefront: Running,
    /// `orderService`: the order form.
    pub orders: Running,
    /// `recommendations`.
    pub recommendations: Running,
}

/// A service of the shop, to be started.
#[must_use]
pub fn service(name: &str, gateway: &str) -> Start {
    Start::program(name)
        .env("HYDRA_LISTEN", "127.0.0.1:0")
        .env("HYDRA_GATEWAY", gateway)
}

impl Shop {
    /// Starts all of it, and waits until the checkout page is complete.
    #[must_use]
    pub fn open() -> Self {
        let gateway = Start::program("hydra")
            .folder(&workspace().join("fixtures/shop/demo"))
            .arg("gateway")
            .arg("--config")
            .arg("hydra.toml")
            .arg("--listen")
            .arg("127.0.0.1:0")
            .listening();
        let address = gateway.address.clone();
        let shop = Self {
            storefront: service("storefront", &address).listening(),
            orders: service("order-service", &address).listening(),
            recommendations: service("recommendations", &address).listening(),
            gateway,
        };
        wait_for("the whole checkout page", PATIENCE, || {
            shop.checkout().filter(is_whole)
        });
        shop
    }

    /// The checkout page as visitors see it, if it is there.
    #[must_use]
    pub fn checkout(&self) -> Option<Answer> {
        get(&self.gateway.address, "/checkout")
            .ok()
            .filter(|answer| answer.status == 200)
    }
}

/// Whether both fragments of the checkout page are there, and the menu knows all services.
fn is_whole(answer: &Answer) -> bool {
    let has = |text| answer.body.contains(text);
    has("class=\"checkout-form\"") && has("class=\"recommendations\"") && has("<a href=\"/new\">New teas</a>")
}
