//! The demo shop as its visitors see it, while its parts come and go.

use std::time::Duration;

use hydra_tests::{Answer, PATIENCE, Shop, Start, get, get_with_cookie, post_form, service, wait_for};

const ADDRESS: &str = "<span id=\"address\">Kouter 12, second floor</span>";

/// The page without the fragment, its fallback, and what the page makes of its exports.
fn rest(body: &str) -> (String, String) {
    let (before, after) = body
        .split_once("<div class=\"order\">")
        .expect("the place of the fragment");
    let (_, aside) = after.split_once("<aside").expect("the delivery box");
    let (_, after) = aside.split_once("</aside>").expect("its end");
    // It stands where the answer of its fragment is known.
    let style = "<link rel=\"stylesheet\" href=\"/orderService/order.css\">\n";
    (before.replace(style, ""), after.to_owned())
}

/// The address of the form in a page, as browsers resolve it.
fn form_of(page: &str) -> String {
    let address = page.split_once("action=\"?hydra-form=").expect("a form").1;
    let seal = address.split('"').next().expect("its end");
    format!("/checkout?hydra-form={seal}")
}

/// The number of the order in a page with the form.
fn number_of(page: &str) -> &str {
    let number = page.split_once("name=\"number\" value=\"").expect("a number").1;
    number.split('"').next().expect("its end")
}

/// Whether the fragment with the form is in the page.
fn has_form(page: &Answer) -> bool {
    page.body.contains(ADDRESS) && page.body.contains("class=\"form\" method=\"post\"")
}

#[test]
fn the_checkout_page_is_made_by_three_services() {
    let shop = Shop::open();
    let page = shop.checkout().unwrap();
    assert!(page.head.contains("content-type: text/html"), "{}", page.head);
    for part in [
        ADDRESS,
        "<span id=\"country\">BE</span>",
        "datetime=\"1990-05-17\"",
        "Goes well with it",
    ] {
        assert!(page.body.contains(part), "{part}\n{}", page.body);
    }
    assert!(!page.body.contains("Fallback info") && !page.body.contains("m:fragment"));
    let gateway = &shop.gateway.address;
    for file in [
        "/storefront/shop.css",
        "/storefront/header.css",
        "/orderService/order.css",
        "/recommendations/recommendations.css",
    ] {
        let file = get(gateway, file).unwrap();
        assert!(
            file.status == 200 && file.head.contains("content-type: text/css"),
            "{}",
            file.head
        );
    }
    assert!(
        get(gateway, "/product/mint")
            .unwrap()
            .body
            .contains("Garden Mint")
    );
    assert_eq!(get(gateway, "/product/none").unwrap().status, 404);
    assert_eq!(get(gateway, "/nothing").unwrap().status, 404);
}

#[test]
fn a_visitor_orders_and_sees_what_is_wrong() {
    let shop = Shop::open();
    let gateway = &shop.gateway.address;
    let basket = "basket=mint.assam.mint";
    let page = get_with_cookie(gateway, "/checkout", basket).unwrap().body;
    let (form, number) = (form_of(&page), number_of(&page));

    let wrong = post_form(gateway, &form, &format!("number={number}&street=&zip=90")).unwrap();
    assert_eq!(wrong.status, 422, "{}", wrong.body);
    for part in [
        "<a href=\"#street\">Please fill in your street.</a>",
        "<a href=\"#zip\">A postal code has four digits, such as 9000.</a>",
        "<input aria-invalid=\"true\" aria-describedby=\"street-error\" autofocus id=\"street\"",
        "<input aria-invalid=\"true\" aria-describedby=\"zip-error\" id=\"zip\"",
        "value=\"90\"",
        "€ 22.20",
        ADDRESS,
    ] {
        assert!(wrong.body.contains(part), "{part}\n{}", wrong.body);
    }
    assert_eq!(wrong.body.matches("autofocus").count(), 1);
    // This request came without the basket.
    let usual = shop.checkout().unwrap().body;
    assert_eq!(rest(&wrong.body), rest(&usual), "the rest of the page stays");

    // A click that was a double click is one order.
    let thanks = format!("/thanks/{number}");
    for _ in 0..2 {
        let right = post_form(
            gateway,
            &form,
            &format!("number={number}&street=Kouter+12&zip=9000"),
        )
        .unwrap();
        assert_eq!(right.status, 303, "{}", right.body);
        assert!(
            right.head.contains(&format!("location: {thanks}\r\n")),
            "{}",
            right.head
        );
    }
    // What the visitor put into the basket meanwhile stays there, also when the page of thanks is shown again.
    let more = "basket=mint.assam.mint.oolong";
    let page = get_with_cookie(gateway, &thanks, more).unwrap();
    assert!(page.body.contains("Your teas for € 22.20"), "{}", page.body);
    assert_eq!(page.cookie("basket").as_deref(), Some("basket=oolong"));
    let taken = page.cookie("taken").expect("a cookie of the page");
    let again = get_with_cookie(gateway, &thanks, &format!("basket=mint; {taken}")).unwrap();
    assert_eq!(again.cookie("basket").as_deref(), Some("basket=mint"));

    let empty = get_with_cookie(gateway, "/checkout", "basket=").unwrap().body;
    assert!(
        empty.contains("id=\"nothing\"") && !empty.contains("<form class"),
        "{empty}"
    );
    let stale = post_form(gateway, &form, "number=1&street=Kouter+12&zip=9000").unwrap();
    assert!(
        stale.status == 422 && stale.body.contains("tabindex=\"-1\" autofocus"),
        "{}",
        stale.body
    );
}

#[test]
fn a_form_outlives_its_service_and_says_so_while_the_service_is_away() {
    const KEY: &str = "a private key for tests";
    let gateway = Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg("127.0.0.1:0");
    let gateway = gateway.env("HYDRA_PRIVATE_KEY", KEY).listening();
    let address = &gateway.address;
    let start = |program: &str| {
        service(program, address)
            .env("HYDRA_PRIVATE_KEY", KEY)
            .listening()
    };
    let _storefront = start("storefront");
    let mut orders = start("order-service");
    let page = wait_for("the form", PATIENCE, || {
        get(address, "/checkout").ok().filter(has_form)
    });
    let form = form_of(&page.body);
    let fields = format!("number={}&street=Kouter+12&zip=9000", number_of(&page.body));

    orders.terminate();
    let away = post_form(address, &form, &fields).unwrap();
    assert_eq!(away.status, 503, "{}", away.body);
    assert!(away.head.contains("retry-after"), "{}", away.head);
    assert!(away.body.contains("your form was not sent"), "{}", away.body);

    let _orders = start("order-service");
    let sent = || {
        let sent = post_form(address, &form, &fields).ok()?;
        (sent.status != 503).then_some(sent)
    };
    let sent = wait_for("the service that is back", PATIENCE, sent);
    assert_eq!(sent.status, 303, "{}", sent.body);
}

#[test]
fn a_lazy_fragment_is_had_through_the_gateway_at_the_address_in_the_page() {
    let shop = Shop::open();
    let gateway = &shop.gateway.address;
    let home = get(gateway, "/").unwrap().body;
    assert!(home.contains("New teas arrive every week") && !home.contains("New this week"));
    let after = |text: &str, start: &str| {
        let rest = text.split_once(start).expect("an attribute").1;
        rest.split('"').next().expect("its end").to_owned()
    };
    let fragment = get(gateway, &after(&home, "data-hydra-src=\"")).unwrap();
    assert_eq!(fragment.status, 200);
    assert!(
        fragment.head.contains("cache-control: private, no-store"),
        "{}",
        fragment.head
    );
    assert!(fragment.body.contains("New this week"), "{}", fragment.body);
    let script = get(gateway, &after(&home, "<script async src=\"")).unwrap();
    assert!(
        script.status == 200 && script.head.contains("content-type: text/javascript"),
        "{}",
        script.head
    );
    assert_eq!(
        get(gateway, "/storefront/_hydra/fragment?f=forged")
            .unwrap()
            .status,
        400
    );
}

#[test]
fn a_service_that_stops_leaves_its_fallback_and_nothing_else_changes_until_it_is_back() {
    let mut shop = Shop::open();
    let whole = shop.checkout().unwrap().body;
    shop.orders.terminate();
    let limit = Duration::from_secs(6);
    let poor = wait_for("the fallback", limit, || {
        shop.checkout().filter(|page| page.body.contains("Fallback info"))
    });
    assert_eq!(rest(&poor.body), rest(&whole));
    assert!(
        poor.body.contains("id=\"no-address\"") && !poor.body.contains(ADDRESS),
        "{}",
        poor.body
    );
    shop.orders = service("order-service", &shop.gateway.address).listening();
    let back = || shop.checkout().filter(has_form);
    let back = wait_for("the fragment is back", Duration::from_secs(2), back);
    assert_eq!(rest(&back.body), rest(&whole));
}

#[test]
fn a_gateway_that_starts_again_knows_all_services_within_seconds() {
    let mut shop = Shop::open();
    let whole = shop.checkout().unwrap().body;
    let address = shop.gateway.address.clone();
    shop.gateway.terminate();
    wait_for("the gateway is away", PATIENCE, || {
        get(&address, "/health").is_err().then_some(())
    });
    let listen = address.trim_start_matches("http://");
    shop.gateway = Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg(listen)
        .listening();
    let limit = Duration::from_secs(8);
    wait_for("all services again", limit, || {
        shop.checkout()
            .filter(|page| has_form(page) && rest(&page.body) == rest(&whole))
    });
}

#[test]
fn with_a_private_key_only_services_that_have_it_take_part() {
    const KEY: &str = "a private key for tests";
    let gateway = Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg("127.0.0.1:0");
    let gateway = gateway.env("HYDRA_PRIVATE_KEY", KEY).listening();
    let address = &gateway.address;
    let _storefront = service("storefront", address)
        .env("HYDRA_PRIVATE_KEY", KEY)
        .listening();
    let _recommendations = service("recommendations", address)
        .env("HYDRA_PRIVATE_KEY", KEY)
        .listening();
    let orders = service("order-service", address).listening();
    let page = || {
        get(address, "/checkout")
            .ok()
            .filter(|page| page.body.contains("Goes well with it"))
    };
    let page = wait_for("the fragment of a service that signs", PATIENCE, page);
    let refused = || {
        orders
            .printed()
            .contains("refuses this application")
            .then_some(())
    };
    wait_for("the service that does not sign is refused", PATIENCE, refused);
    assert!(page.body.contains("Fallback info"), "{}", page.body);
    assert!(!gateway.printed().contains(KEY) && !orders.printed().contains(KEY));
}

#[test]
fn each_service_has_a_key_of_its_own_and_a_leaked_one_opens_no_other_name() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("hydra.toml");
    let text = "private_key = 'the key of the gateways'\n[keys]\nstorefront = 'the key of the storefront'\n\
                orderService = ['the next key of the orders', 'the key of the orders']\n";
    std::fs::write(&config, text).unwrap();
    let gateway = Start::program("hydra").arg("gateway").arg("--config");
    let gateway = gateway.arg(&config.display().to_string());
    let gateway = gateway.arg("--listen").arg("127.0.0.1:0").listening();
    let address = &gateway.address;
    let start = |program: &str, key: &str| service(program, address).env("HYDRA_PRIVATE_KEY", key);
    let _storefront = start("storefront", "the key of the storefront").listening();
    // It has not got its next key yet.
    let _orders = start("order-service", "the key of the orders").listening();
    let thief = start("recommendations", "the key of the orders").listening();
    let page = || {
        let page = get(address, "/checkout").ok()?;
        page.body.contains(ADDRESS).then_some(page)
    };
    let page = wait_for("the fragment of a service with its own key", PATIENCE, page);
    let refused = || {
        let printed = thief.printed();
        printed.contains("refuses this application").then_some(())
    };
    wait_for("the key of another service is refused", PATIENCE, refused);
    assert!(!page.body.contains("Goes well with it"), "{}", page.body);
    drop(thief);
    let _recommendations = start("recommendations", "the key of the gateways").listening();
    wait_for("a service with the common key", PATIENCE, || {
        get(address, "/checkout")
            .ok()
            .filter(|page| page.body.contains("Goes well with it"))
    });
}

#[test]
fn without_a_gateway_a_service_shows_its_pages_with_fallbacks() {
    let storefront = Start::program("storefront")
        .env("HYDRA_LISTEN", "127.0.0.1:0")
        .listening();
    let page = get(&storefront.address, "/checkout").unwrap();
    assert_eq!(page.status, 200);
    assert!(
        page.body.contains("Fallback info") && page.body.contains("id=\"no-address\""),
        "{}",
        page.body
    );
    assert_eq!(
        get(&storefront.address, "/storefront/shop.css").unwrap().status,
        200
    );
}

#[test]
fn a_service_waits_for_its_gateway() {
    let gateway = Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg("127.0.0.1:0")
        .listening();
    let address = gateway.address.clone();
    drop(gateway);
    let mut storefront = service("storefront", &address).listening();
    let away = |storefront: &hydra_tests::Running| {
        storefront.printed().contains("the gateway is away").then_some(())
    };
    wait_for("the service says that the gateway is away", PATIENCE, || {
        away(&storefront)
    });
    let listen = address.trim_start_matches("http://");
    let gateway = Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg(listen)
        .listening();
    let page = || get(&gateway.address, "/").ok().filter(|page| page.status == 200);
    wait_for("the page", PATIENCE, page);
    // It did not say it for every try.
    assert_eq!(storefront.printed().matches("the gateway is away").count(), 1);
    assert!(storefront.terminate().success());
}

#[test]
fn a_taken_port_is_said_in_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap().to_string();
    let port = listen.rsplit(':').next().unwrap();
    let service = Start::program("storefront").env("HYDRA_LISTEN", &listen);
    let gateway = Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg(&listen);
    for start in [service, gateway] {
        let mut process = start.start();
        assert!(!process.ended().success());
        let said = || process.printed().contains(port).then(|| process.printed());
        let said = wait_for("its last words", PATIENCE, said);
        assert!(said.contains("taken") || said.contains("in use"), "{said}");
    }
}

#[test]
fn the_menu_follows_what_is_alive() {
    const LINK: &str = "<a href=\"/new\">New teas</a>";
    const AWAY: &str = "<span class=\"away\">New teas</span>";
    let mut shop = Shop::open();
    let gateway = shop.gateway.address.clone();
    let home = || get(&gateway, "/").ok().filter(|page| page.status == 200);
    let before = home().unwrap().body;
    assert!(before.contains(LINK) && !before.contains(AWAY), "{before}");
    let page = get(&gateway, "/new").unwrap();
    assert!(
        page.status == 200 && page.body.contains("New this week") && page.body.contains("href=\"/checkout\""),
        "{}",
        page.body
    );
    shop.recommendations.terminate();
    let greyed = wait_for("the link is greyed out", Duration::from_secs(6), || {
        home().filter(|page| page.body.contains(AWAY))
    });
    assert!(!greyed.body.contains(LINK), "{}", greyed.body);
    shop.recommendations = service("recommendations", &gateway).listening();
    wait_for("the link is back", Duration::from_secs(2), || {
        home().filter(|page| page.body.contains(LINK) && !page.body.contains(AWAY))
    });
}
