//! The application under test: a page, a fragment and a route.

use std::collections::BTreeMap;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use hydra_compile::{
    Input, KnownContract, compile,
    source::{Source, SourceId},
};
use serde::Deserialize;
use serde_json::json;

use super::super::*;
use crate::{
    Page, User,
    app::{Fragment, ImportsRejection, Route, fragment_response, imports, page_response},
};

const CHECKOUT: &str = r#"<!doctype html><title>Checkout</title><h1>Checkout of {{ customer }}</h1>
<m:fragment service="orders" ref="form" imports="country, customer as name" exports="zip, line2 as address" cache="30s" stale="1h">
  <p id="no-form">no form</p>
</m:fragment>
{% if address %}<p id="address">{{ address }}, {{ zip }}</p>{% else %}<p id="no-address">unknown</p>{% endif %}
<m:fragment ref="greeting" imports="customer as who"><p id="no-greeting">-</p></m:fragment>
<m:fragment service="more" ref="teas" mode="deferred"><p id="no-teas">-</p></m:fragment>
<m:fragment service="more" ref="news" mode="lazy"><p id="no-news">-</p></m:fragment>"#;

const GREETING: &str = r#"<tr m:ref="greeting" m:imports="who: string" m:exports="loud: string, since: date" m:attributes="words: string">
<td>{{ words }} {{ who }}</td><td><m:fragment service="weather" ref="today" imports="who">dry</m:fragment></td></tr>"#;

/// The plan of the two templates.
fn plan() -> String {
    let contracts = [
        json!({"service": "orders", "fragments": {"form": {"imports": {"country": "string", "name": "string"}, "exports": {"zip": "string", "line2": "string"}}}}),
        json!({"service": "more", "fragments": {"teas": {}, "news": {}}}),
        json!({"service": "weather", "fragments": {"today": {"imports": {"who": "string"}}}}),
    ];
    let known = |contract: serde_json::Value| {
        let contract: hydra_contract::Contract = serde_json::from_value(contract).expect("a contract");
        let source = SourceId(2);
        (contract.service.clone(), KnownContract { source, contract })
    };
    let input = Input {
        sources: vec![
            Source::new("checkout.html", "templates/checkout.html", CHECKOUT),
            Source::new("greeting.html", "templates/greeting.html", GREETING),
            Source::new("contracts.json", "contracts.json", ""),
        ],
        templates: 2,
        contracts: BTreeMap::from(contracts.map(known)),
        contracts_given: true,
        ..Input::default()
    };
    let compiled = compile(&input);
    let site = compiled.site.unwrap_or_else(|| panic!("{:?}", compiled.problems));
    serde_json::to_string(site.plan()).expect("JSON")
}

#[derive(Serialize)]
struct Checkout {
    customer: String,
    country: &'static str,
}

impl Page for Checkout {
    const TEMPLATE: &'static str = "checkout.html";
}

impl Route for Checkout {
    const PATH: &'static str = "/checkout/{customer}";
}

impl IntoResponse for Checkout {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

async fn checkout(path: axum::extract::Path<String>) -> std::result::Result<Checkout, StatusCode> {
    match path.as_str() {
        "unknown" => Err(StatusCode::NOT_FOUND),
        customer => Ok(Checkout {
            customer: customer.to_owned(),
            country: "BE",
        }),
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct GreetingImports {
    pub(super) who: String,
}

impl<S: Sync> FromRequestParts<S> for GreetingImports {
    type Rejection = ImportsRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> std::result::Result<Self, ImportsRejection> {
        imports(parts)
    }
}

#[derive(Serialize)]
pub(super) struct Greeting {
    words: &'static str,
    loud: String,
    since: &'static str,
}

impl Fragment for Greeting {
    const REF: &'static str = "greeting";
    type Imports = GreetingImports;
    const EXPORTS: &'static [&'static str] = &["loud", "since"];
}

impl IntoResponse for Greeting {
    fn into_response(self) -> Response {
        fragment_response(&self)
    }
}

async fn greeting(
    user: Option<User>,
    imports: GreetingImports,
) -> std::result::Result<Greeting, (StatusCode, &'static str)> {
    match imports.who.as_str() {
        "stranger" => Err((StatusCode::FORBIDDEN, "not for strangers")),
        who => Ok(Greeting {
            words: if user.is_some() { "Welcome back," } else { "Hello," },
            loud: who.to_uppercase(),
            since: if who == "Dora" { "yesterday" } else { "2026-01-31" },
        }),
    }
}

pub(super) async fn whoami(user: User) -> String {
    format!(
        "{} {:?} {:?} {:?}",
        user.name(),
        user.id(),
        user.roles(),
        user.metadata("city")
    )
}

pub(super) fn app() -> App {
    App::with_plan("shop", plan())
        .page(checkout)
        .fragment(greeting)
        .route("/whoami", axum::routing::get(whoami))
        .route("/image", axum::routing::get(async || vec![0xff, 0xfe]))
}
