//! `cargo demo`, without its build.

use std::time::Duration;

use hydra_tests::{PATIENCE, Start, ask, get, get_with_cookie, post_form, wait_for};

fn body(address: &str) -> Option<String> {
    get(address, "/checkout")
        .ok()
        .filter(|page| page.status == 200)
        .map(|page| page.body)
}

/// The address of the form on a page.
fn form_address(page: &str) -> String {
    let after = page
        .split("action=\"")
        .find(|part| part.starts_with("?hydra-form="));
    let address = after.and_then(|part| part.split('"').next());
    address.expect("a form").replace("&amp;", "&")
}

#[test]
fn the_demo_shows_the_shop_and_takes_all_its_processes_along() {
    for transport in [None, Some("--no-channel")] {
        shown_over(transport);
    }
}

/// Over channels, or with `--no-channel` by POST.
fn shown_over(transport: Option<&str>) {
    let mut demo = Start::program("hydra-demo")
        .arg("--no-build")
        .arg("--listen")
        .arg("127.0.0.1:0");
    if let Some(option) = transport {
        demo = demo.arg(option);
    }
    let mut demo = demo.start();
    let open = demo.line_with("The shop is open: ");
    let address = open.split(": ").nth(1).unwrap().to_owned();
    let has = |text: &'static str| move |address: &str| body(address).filter(|body| body.contains(text));
    assert!(has("checkout-form")(&address).is_some());

    for (user, sees_all) in [("ann", 403), ("bob", 200)] {
        let line = demo.line_with(&format!("name {user}, password "));
        let password = line
            .split("password ")
            .nth(1)
            .and_then(|rest| rest.split(' ').next());
        let form = format!("username={user}&password={}", password.unwrap());
        let cookie = post_form(&address, "/login", &form)
            .unwrap()
            .cookie("HYDRA-SSO")
            .expect("a login");
        let page = |path: &str| get_with_cookie(&address, path, &cookie).unwrap();
        let account = page("/account");
        assert!(account.body.contains("9000 Gent"), "{account:?}");
        assert!(
            page("/orders")
                .body
                .contains(&format!("<span id=\"user\">{user}</span>"))
        );
        assert_eq!(page("/orders/all").status, sees_all, "{user}");
        assert_eq!(
            account.body.contains("href=\"/orders/all\""),
            sees_all == 200,
            "{user}"
        );
    }
    let form = form_address(
        &get_with_cookie(&address, "/checkout", "basket=mint")
            .unwrap()
            .body,
    );
    demo.type_line("stop orderService");
    demo.line_with("orderService is stopped");
    wait_for("the fallback", Duration::from_secs(6), || {
        has("Fallback info")(&address)
    });
    demo.type_line("start orderService");
    demo.line_with("orderService is started");
    wait_for("the fragment", Duration::from_secs(2), || {
        has("checkout-form")(&address)
    });
    // A form that was open all the while is still understood.
    let sent = post_form(&address, &format!("/checkout{form}"), "zip=123").unwrap();
    assert!(
        sent.status == 422 && sent.body.contains("street-error"),
        "{sent:?}"
    );
    // What no service answers has a page of the shop.
    let lost = ask(&address, "GET", "/nothing", "text/html").unwrap();
    assert!(
        lost.status == 404 && lost.body.contains("<a href=\"/\">See all our teas</a>"),
        "{lost:?}"
    );
    demo.type_line("stop stranger");
    demo.line_with("there is no service `stranger`");

    let services: serde_json::Value =
        serde_json::from_str(&get(&address, "/_h/services").unwrap().body).expect("JSON");
    let ports = services
        .as_object()
        .unwrap()
        .values()
        .map(|instances| instances[0]["port"].as_u64().unwrap());
    let mut addresses: Vec<_> = ports.map(|port| format!("http://127.0.0.1:{port}")).collect();
    addresses.push(address);
    assert_eq!(addresses.len(), 4);
    assert!(demo.terminate().success());
    for address in addresses {
        wait_for("all processes end", PATIENCE, || {
            get(&address, "/").is_err().then_some(())
        });
    }
}
