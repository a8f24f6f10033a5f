//! An application whose templates the compiler made a plan of, in tests as its authors would write them.

mod forms;
mod page_forms;
mod shop;

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use super::*;
use crate::settings::Partial;
use shop::{Greeting, GreetingImports, app, whoami};

fn shop() -> TestApp {
    TestApp::new(app()).expect("it starts")
}

/// The error of a request, without the place in this file.
fn said<T: fmt::Debug>(result: Result<T>) -> String {
    let text = result.expect_err("an error").to_string();
    let (place, text) = text.split_once(": ").expect("a place");
    assert!(place.contains("src/testing/tests"), "{place}");
    text.to_owned()
}

fn order() -> Value {
    json!({"zip": "9000", "line2": "Kouter 12"})
}

#[tokio::test]
async fn a_page_has_the_fragments_that_the_test_gives_and_their_exports() -> Result {
    let page = shop()
        .get("/checkout/Ann?x=1")
        .fragment("orders", "form", "<form id=f><input name=zip></form>", order())
        .fragment("more", "teas", "<ul><li>Sencha</li><li>Assam</li></ul>", ())
        .fragment("weather", "today", "<b>sun</b>", json!({}))
        .await?;
    assert_eq!(page.status(), 200);
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    assert_eq!(page.text("h1")?, "Checkout of Ann");
    assert_eq!(page.one("#f > input")?.attribute("name")?, "zip");
    assert_eq!(page.text("#address")?, "Kouter 12, 9000");
    assert_eq!(page.text("ul > li:first-child")?, "Sencha");
    assert!(page.html().contains("Hello, Ann"), "{}", page.html());
    assert_eq!(page.text("b")?, "sun");
    for absent in ["#no-form", "#no-address", "#no-greeting", "#no-teas"] {
        assert!(page.select(absent)?.is_empty(), "{absent}");
    }
    assert_eq!(page.text("#no-news")?, "-", "the browser asks for it");

    assert_eq!(
        page.imports("orders", "form")?,
        json!({"country": "BE", "name": "Ann"})
    );
    assert_eq!(page.imports("shop", "greeting")?, json!({"who": "Ann"}));
    assert_eq!(page.imports("weather", "today")?, json!({"who": "Ann"}));
    let asked = page.asked().iter();
    let mut asked: Vec<_> = asked
        .map(|ask| format!("{}/{}", ask.service, ask.reference))
        .collect();
    asked.sort();
    assert_eq!(
        asked,
        ["more/teas", "orders/form", "shop/greeting", "weather/today"]
    );
    Ok(())
}

#[tokio::test]
async fn a_fragment_that_is_not_given_is_away() -> Result {
    let shop = shop();
    for page in [
        shop.get("/checkout/Ann").await?,
        shop.get("/checkout/Ann")
            .away("orders", "form")
            .away("more", "teas")
            .await?,
    ] {
        assert_eq!(page.status(), 200);
        for fallback in ["#no-form", "#no-address", "#no-teas"] {
            assert_eq!(page.select(fallback)?.len(), 1, "{fallback}");
        }
    }
    Ok(())
}

/// The tags' `cache` and `stale` would show a test what another one gave.
#[tokio::test]
async fn each_request_asks_for_its_fragments() -> Result {
    let shop = shop();
    for zip in ["1000", "9000"] {
        let exports = json!({"zip": zip, "line2": "Kouter"});
        let page = shop
            .get("/checkout/Ann")
            .fragment("orders", "form", "x", exports)
            .await?;
        assert_eq!(page.text("#address")?, format!("Kouter, {zip}"));
    }
    assert_eq!(
        shop.get("/checkout/Ann")
            .away("orders", "form")
            .await?
            .text("#no-form")?,
        "no form"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_at_the_same_time_have_fragments_of_their_own() -> Result {
    let shop = shop();
    let visits = (0..20).map(|number| {
        let form = format!("<form>{number}</form>");
        shop.get("/checkout/Ann")
            .fragment("orders", "form", form, order())
            .into_future()
    });
    for (number, page) in futures_util::future::try_join_all(visits)
        .await?
        .iter()
        .enumerate()
    {
        assert_eq!(page.text("form")?, number.to_string());
        assert_eq!(page.asked().len(), 4);
    }
    Ok(())
}

#[tokio::test]
async fn a_response_that_is_no_page_has_its_status() -> Result {
    let page = shop().get("/checkout/unknown").await?;
    assert_eq!((page.status(), page.asked().len()), (StatusCode::NOT_FOUND, 0));
    assert_eq!(page.text("h1")?, "Not Found");
    let request = http::Request::delete("/checkout/Ann")
        .body(Body::empty())
        .expect("a request");
    assert_eq!(
        shop().request(request).await?.status(),
        StatusCode::METHOD_NOT_ALLOWED
    );
    let json = shop()
        .get("/nowhere")
        .header("accept", "application/json")
        .await?;
    assert_eq!(json.html(), r#"{"error":"Not Found","status":404}"#);
    assert!(
        said(shop().get("/image").await).starts_with("`GET /image` has no complete response: invalid utf-8")
    );
    Ok(())
}

#[tokio::test]
async fn a_fragment_of_the_application_has_html_exports_and_an_outcome() -> Result {
    let shop = shop();
    let ann = || GreetingImports {
        who: "Ann".to_owned(),
    };
    let fragment = shop
        .call::<Greeting>(ann())
        .fragment("weather", "today", "<b>sun</b>", ())
        .await?;
    assert_eq!((fragment.outcome(), fragment.reason()), (Outcome::Rendered, None));
    assert_eq!(fragment.text("tr > td:first-child")?, "Hello, Ann");
    assert_eq!(fragment.text("td > b")?, "sun");
    assert_eq!(fragment.export::<String>("loud")?, "ANN");
    assert_eq!(fragment.export::<crate::Date>("since")?.to_string(), "2026-01-31");
    assert_eq!(fragment.exports(), json!({"loud": "ANN", "since": "2026-01-31"}));
    assert_eq!(fragment.imports("weather", "today")?, json!({"who": "Ann"}));
    assert_eq!(fragment.asked().len(), 1, "not itself");

    let stranger = GreetingImports {
        who: "stranger".to_owned(),
    };
    let fragment = shop.call::<Greeting>(stranger).await?;
    assert_eq!(fragment.outcome(), Outcome::Refused);
    let reason = "its handler answered 403 Forbidden: not for strangers";
    assert_eq!((fragment.reason(), fragment.html()), (Some(reason), ""));
    assert_eq!(
        said(fragment.one("tr")),
        format!(
            "no elements of the fragment `greeting`, refused: {reason} match `tr` instead of one. It has no HTML"
        )
    );
    assert_eq!(
        said(fragment.export::<String>("loud")),
        format!("the fragment `greeting` gave no export `loud`: it was not rendered, since {reason}")
    );
    Ok(())
}

#[tokio::test]
async fn a_user_is_logged_in_for_one_request() -> Result {
    let shop = shop();
    let ann = || {
        TestUser::new("ann")
            .role("ADMIN")
            .role("CLERK")
            .id(7)
            .metadata("city", "Gent")
    };
    let page = shop
        .get("/whoami")
        .header("cookie", "theme=dark")
        .user(ann())
        .await?;
    assert_eq!(page.html(), r#"ann Some(7) ["ADMIN", "CLERK"] Some("Gent")"#);
    let page = shop.get("/whoami").await?;
    assert_eq!(
        (page.status(), &page.headers()["location"]),
        (
            StatusCode::FOUND,
            &"/login?next=/whoami".parse().expect("a header")
        )
    );
    let imports = || GreetingImports {
        who: "Ann".to_owned(),
    };
    let fragment = shop.call::<Greeting>(imports()).user(ann()).await?;
    assert_eq!(fragment.text("td:first-child")?, "Welcome back, Ann");
    assert_eq!(
        shop.call::<Greeting>(imports()).await?.text("td:first-child")?,
        "Hello, Ann"
    );
    let page = shop.get("/checkout/Ann").user(ann()).await?;
    assert!(page.html().contains("Welcome back, Ann"), "{}", page.html());
    Ok(())
}

/// The program sets them for its gateway, and a test reaches nothing.
#[tokio::test]
async fn settings_that_reach_out_of_the_test_do_not_count() -> Result {
    let settings = Partial::default()
        .name("store")
        .gateway("http://127.0.0.1:9")
        .private_key("a private key for tests")
        .session_redis("redis://127.0.0.1:9")
        .otlp_endpoint("http://127.0.0.1:9")
        .fragment_cache("1MB")
        .listen("0.0.0.0:1");
    let page = TestApp::new(app().settings(settings))?
        .get("/checkout/Ann")
        .await?;
    assert_eq!(page.imports("store", "greeting")?, json!({"who": "Ann"}));
    Ok(())
}

#[tokio::test]
async fn what_a_test_gives_has_to_fit_the_tags() {
    let shop = shop();
    let get = || shop.get("/checkout/Ann");
    for (request, expected) in [
        (
            get().fragment("orders", "from", "x", ()),
            "`GET /checkout/Ann` does not ask for the fragment `orders/from`, which the test gives it: it asks for `more/teas`, \
             `orders/form`, `shop/greeting` and `weather/today`. Did you mean `orders/form`?",
        ),
        (
            get().away("basket", "items"),
            "`GET /checkout/Ann` does not ask for the fragment `basket/items`, which the test gives it: it asks for `more/teas`, \
             `orders/form`, `shop/greeting` and `weather/today`",
        ),
        (
            shop.get("/checkout/unknown").away("orders", "form"),
            "`GET /checkout/unknown` does not ask for the fragment `orders/form`, which the test gives it: it asks for no fragment",
        ),
        (
            get().fragment("more", "news", "x", ()),
            "`GET /checkout/Ann` does not ask for the fragment `more/news`, which the test gives it: its tag is lazy, so that the browser \
             asks for it later",
        ),
        (
            get().fragment("shop", "greeting", "x", ()),
            "`shop/greeting` is a fragment of the application under test, which renders it with its own handler: a test gives fragments of \
             other services only",
        ),
        (
            get().away("self", "greeting"),
            "`shop/greeting` is a fragment of the application under test, which renders it with its own handler: a test gives fragments of \
             other services only",
        ),
        (
            get().away("orders", "form").fragment("orders", "form", "x", ()),
            "the test gives the fragment `orders/form` twice: one answer serves all tags that show it",
        ),
        (
            get().fragment("orders", "form", "x", json!({"zipp": "9000"})),
            "no tag takes the export `zipp` of `orders/form`: did you mean `zip`?",
        ),
        (
            get().fragment("orders", "form", "x", json!({"address": "x"})),
            "no tag takes the export `address` of `orders/form`: tags take `line2` and `zip`",
        ),
        (
            get().fragment("more", "teas", "x", json!({"count": 1})),
            "no tag takes the export `count` of `more/teas`: tags take none of its exports",
        ),
        (
            get().fragment("orders", "form", "x", json!({"zip": 9000})),
            "the export `zip` of `orders/form` is of type `integer` instead of `string`: it is another one in the contract",
        ),
        (
            get().fragment("orders", "form", "x", json!(["zip"])),
            "the exports of `orders/form` are not an object: write them as `json!({\"postalCode\": \"9000\"})`, or `()` for none",
        ),
        (
            get().fragment("orders", "form", "x", BTreeMap::from([((1, 2), "9000")])),
            "the exports of `orders/form` can't be serialised (key must be a string): write them as \
             `json!({\"postalCode\": \"9000\"})`, or `()` for none",
        ),
        (
            shop.get("checkout"),
            "`checkout` is not a path on the site: write one like `/articles/1?page=2`",
        ),
        (
            shop.get("/a b"),
            "`/a b` is not a path on the site: write one like `/articles/1?page=2`",
        ),
        (
            get().header("x y", "1"),
            "`x y` can't be a header with this value: invalid HTTP header name",
        ),
        (
            get().header("x", "1\n2").header("y", "3"),
            "`x` can't be a header with this value: failed to parse header value",
        ),
    ] {
        assert_eq!(said(request.await), expected);
    }
    let request = shop
        .call::<Greeting>(GreetingImports {
            who: "Ann".to_owned(),
        })
        .away("orders", "form");
    assert_eq!(
        said(request.await),
        "the fragment `greeting` does not ask for the fragment `orders/form`, which the test gives it: it asks for `weather/today`"
    );
}

#[tokio::test]
async fn what_a_test_asks_of_a_response_has_to_be_there() -> Result {
    let page = shop().get("/checkout/Ann").await?;
    for (found, expected) in [
        (
            page.imports("orders", "from"),
            "`GET /checkout/Ann` did not ask for the fragment `orders/from`: it asked for `more/teas`, `orders/form`, `shop/greeting` and \
             `weather/today`",
        ),
        (
            page.text("p[").map(Value::from),
            "`p[` is not a CSS selector: write one like `main > h1.title`, `#total` or `input[name=zip]`",
        ),
    ] {
        assert_eq!(said(found), expected);
    }
    let text = said(page.text("h2"));
    assert!(
        text.starts_with(
            "no elements of the response to `GET /checkout/Ann`, 200 OK match `h2` instead of one:\n<!doctype"
        ),
        "{text}"
    );

    let dora = GreetingImports {
        who: "Dora".to_owned(),
    };
    assert_eq!(
        said(shop().call::<Greeting>(dora).await),
        "the export `since` of `greeting` is a `string` that is not a `date`: it is another one in the contract"
    );
    let ann = GreetingImports {
        who: "Ann".to_owned(),
    };
    let fragment = shop().call::<Greeting>(ann).await?;
    assert_eq!(
        said(fragment.export::<String>("loudly")),
        "the fragment `greeting` gave no export `loudly`: it gave `loud` and `since`"
    );
    let text = said(fragment.export::<u32>("loud"));
    assert!(
        text.starts_with("the export `loud` of the fragment `greeting` can't be read as `u32`: invalid type"),
        "{text}"
    );
    Ok(())
}

#[test]
fn an_application_that_would_not_start_is_an_error() {
    let error = TestApp::new(app().route("/checkout/{x}", axum::routing::get(whoami)));
    assert!(
        said(error).starts_with(
            "the application does not start: the page `Checkout` (`checkout.html`) and the route"
        )
    );
    let wrong = Partial::default().page_deadline("soon");
    assert!(
        said(TestApp::new(app().settings(wrong))).contains("the setting `page_deadline` of the application")
    );
}

#[test]
fn requests_and_responses_can_move_between_threads() {
    fn is_send<T: Send>() {}
    is_send::<TestApp>();
    is_send::<TestPage>();
    is_send::<TestFragment>();
    is_send::<Error>();
}
