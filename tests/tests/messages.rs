//! What users read where two sides do not fit, in the words of the real programs.

use std::{fs, path::Path, process::Command};

use hydra_tests::{
    Copy, PATIENCE, Running, Start, get, program, service, target_folder, wait_for, workspace,
};

/// Waits until the process has printed a line with all of `parts`, and gives that line.
fn line(process: &Running, parts: &[&str]) -> String {
    wait_for(&format!("a line with {parts:?}"), PATIENCE, || {
        let printed = process.printed();
        let mut lines = printed.lines();
        let found = lines.find(|line| parts.iter().all(|part| line.contains(part)));
        found.map(str::to_owned)
    })
}

/// With this public key, or with none set.
fn keyed(start: Start, key: &str) -> Running {
    let start = match key {
        "" => start,
        key => start.env("HYDRA_PUBLIC_KEY", key),
    };
    start.listening()
}

fn gateway(key: &str) -> Running {
    let start = Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg("127.0.0.1:0");
    keyed(start, key)
}

fn orders(gateway: &Running, key: &str) -> Running {
    keyed(service("order-service", &gateway.address), key)
}

const WRONG_AT_SERVICE: &str = "it belongs to no installation with the public key";
const WRONG_AT_GATEWAY: &str = "a call came with a public key that is not this installation's";

#[test]
fn a_wrong_public_key_is_named_on_both_sides() {
    for (at_gateway, at_service) in [
        ("shop-a", "shop-b"),
        // Each has the default where nothing is said.
        ("", "shop-b"),
        ("shop-a", ""),
        ("shop", "Shop"),
        ("shop", "schlüssel-50%"),
        ("shop", "shop?x"),
    ] {
        println!("`{at_gateway}` and `{at_service}`");
        let gateway = gateway(at_gateway);
        let service = orders(&gateway, at_service);
        let said = if at_service.is_empty() {
            "hydra"
        } else {
            at_service
        };
        let told = line(&service, &[WRONG_AT_SERVICE]);
        for part in [
            &format!("`{said}`"),
            "HYDRA_PUBLIC_KEY",
            "refuses this application",
            &gateway.address,
        ] {
            assert!(told.contains(part), "{part} in {told}");
        }
        let heard = line(&gateway, &[WRONG_AT_GATEWAY]);
        for part in [said, "gets 404", "`public_key`"] {
            assert!(heard.contains(part), "{part} in {heard}");
        }
    }
}

#[test]
fn with_one_public_key_neither_side_says_so() {
    for (at_gateway, at_service) in [
        ("", ""),
        ("", "hydra"),
        ("hydra", ""),
        ("schlüssel-50%", "schlüssel-50%"),
    ] {
        let gateway = gateway(at_gateway);
        let service = orders(&gateway, at_service);
        line(&service, &["registered at the gateway"]);
        assert!(
            !service.printed().contains(WRONG_AT_SERVICE),
            "{}",
            service.printed()
        );
        assert!(
            !gateway.printed().contains(WRONG_AT_GATEWAY),
            "{}",
            gateway.printed()
        );
    }
}

/// A copy of services of the shop under the names `{service}-{name}`.
fn copy(services: &[&str], name: &str) -> Copy {
    let copy = Copy::of_workspace(services);
    for service in services {
        copy.add(service, &workspace().join("fixtures/shop").join(service));
        let (old, new) = (
            format!("name = \"{service}\""),
            format!("name = \"{service}-{name}\""),
        );
        copy.change(&format!("{service}/Cargo.toml"), &old, &new);
    }
    copy
}

#[test]
fn a_crate_without_app_is_told_to_call_it() {
    const CALL: &str = "hydra_runtime::app!();\n";
    let copy = copy(&["storefront", "order-service", "recommendations"], "without-app");
    // Pages alone, fragments alone, and both; and a call that is none.
    copy.change("storefront/src/main.rs", CALL, "");
    copy.change("order-service/src/main.rs", CALL, "// hydra_runtime::app!();\n");
    copy.change(
        "recommendations/src/main.rs",
        CALL,
        "/// Needs `hydra_runtime::app!()`.\n",
    );
    for pages in [
        "mod orders;\n",
        "        .page(orders::orders)\n        .page(orders::all_orders)\n",
    ] {
        copy.change("order-service/src/main.rs", pages, "");
    }
    let output = copy.build(&["--workspace", "--keep-going", "--message-format=json"]);
    assert!(!output.status.success());
    for package in ["storefront", "order-service", "recommendations"] {
        let said = String::from_utf8_lossy(&output.stdout);
        let messages: Vec<String> = said
            .lines()
            .filter(|line| {
                line.contains(&format!("{package}-without-app")) && line.contains("compiler-message")
            })
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .filter_map(|line| line["message"]["rendered"].as_str().map(str::to_owned))
            .collect();
        let told: Vec<_> = messages
            .iter()
            .filter(|message| message.contains("this crate does not call `hydra_runtime::app!();`"))
            .collect();
        assert_eq!(told.len(), 1, "{package}: {messages:#?}");
        for part in [
            "write it once, at the top of src/main.rs",
            &format!("--> {package}/src/"),
        ] {
            assert!(told[0].contains(part), "{part} in {}", told[0]);
        }
    }
}

/// `hydra-compile` with these arguments: whether it is content, and what it says.
fn hydra_compile(folder: &Path, arguments: &[&str]) -> (bool, String) {
    let mut command = Command::new(program("hydra-compile"));
    let output = command
        .current_dir(folder)
        .args(arguments)
        .output()
        .expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, text).expect("written");
}

#[test]
fn the_help_of_an_unknown_service_names_a_command_that_mends_it() {
    for name in ["warehouse", "my-stock", "Lager"] {
        let folder = tempfile::tempdir().expect("a folder");
        let page = format!("<m:fragment service=\"{name}\" ref=\"stock\">No stock</m:fragment>");
        write(folder.path(), "page/templates/index.html", &page);
        write(
            folder.path(),
            "page/contracts/none.json",
            r#"{"service":"none","fragments":{}}"#,
        );
        write(
            folder.path(),
            "owner/templates/stock.html",
            "<p m:ref=\"stock\">All sold</p>",
        );
        let (site, owner) = (folder.path().join("page"), folder.path().join("owner"));
        let check = ["check", "--contracts", "contracts", "templates"];
        let (is_good, said) = hydra_compile(&site, &check);
        assert!(!is_good && said.contains("unknown-service"), "{said}");
        // The report breaks its lines where the terminal ends.
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        let command = said
            .split('`')
            .find(|part| part.starts_with("hydra-compile contract"))
            .unwrap_or_else(|| panic!("no command in {said}"));
        // As a user would paste it, in the folder where the owner's templates are.
        let (command, file) = command.split_once(" > ").expect("a file to write");
        let arguments: Vec<_> = command.split(' ').skip(1).collect();
        let (is_good, contract) = hydra_compile(&owner, &arguments);
        assert!(is_good, "{contract}");
        write(&site, &format!("contracts/{file}"), &contract);
        let (is_good, said) = hydra_compile(&site, &check);
        assert!(is_good, "{said}");
    }
}

#[test]
fn the_graph_shows_how_each_fragment_comes() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = "<html m:attributes=\"dob: date\">\n\
        <m:fragment service=\"a\" ref=\"now\">-</m:fragment>\n\
        <m:fragment service=\"a\" ref=\"said\" mode=\"inline\">-</m:fragment>\n\
        <m:fragment service=\"a\" ref=\"soon\" mode=\"deferred\" imports=\"dob\">-</m:fragment>\n\
        <m:fragment service=\"a\" ref=\"near\" mode=\"lazy\">-</m:fragment></html>";
    write(folder.path(), "templates/index.html", page);
    for (format, parts) in [
        ("mermaid", ["-->|\"dob (deferred)\"|", "-->|\"(lazy)\"|"]),
        ("dot", ["\"dob (deferred)\"", "\"(lazy)\""]),
        ("json", ["\"mode\": \"deferred\"", "\"mode\": \"lazy\""]),
    ] {
        let (is_good, said) = hydra_compile(folder.path(), &["graph", "--format", format, "templates"]);
        assert!(is_good, "{said}");
        for part in parts {
            assert_eq!(said.matches(part).count(), 1, "{part} in {said}");
        }
        let inline = if format == "json" { 2 } else { 0 };
        assert_eq!(said.matches("inline").count(), inline, "{said}");
    }
}

#[test]
fn an_offered_fragment_without_its_handler_is_a_warning_at_the_start() {
    const TOLD: &str = "a fragment is offered and has no handler";
    let copy = copy(&["order-service", "recommendations"], "without-handlers");
    copy.change("order-service/src/main.rs", "        .fragment(checkout)\n", "");
    copy.change(
        "recommendations/src/main.rs",
        "        .fragment(also_bought)\n",
        "",
    );
    let output = copy.build(&["--workspace"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let start = |name: &str| {
        let path = target_folder().join("debug").join(name);
        let mut command = Command::new(path);
        command
            .env("HYDRA_LISTEN", "127.0.0.1:0")
            .env_remove("HYDRA_GATEWAY");
        Start::command(command).listening()
    };
    for (name, missing, others) in [
        ("order-service-without-handlers", "checkout", vec![]),
        (
            "recommendations-without-handlers",
            "also-bought",
            vec!["new-arrivals"],
        ),
    ] {
        let service = start(name);
        let told = line(&service, &[TOLD]);
        for part in ["WARN", missing, "`App::fragment`"] {
            assert!(told.contains(part), "{part} in {told}");
        }
        // It is a warning: the rest of the application works.
        assert!(get(&service.address, "/").is_ok());
        assert_eq!(service.printed().matches(TOLD).count(), 1);
        for other in others {
            assert!(!told.contains(other), "{told}");
        }
    }
    // With all handlers nothing is said: a storefront's header needs none.
    for name in ["storefront", "order-service", "recommendations"] {
        let service = Start::program(name)
            .env("HYDRA_LISTEN", "127.0.0.1:0")
            .listening();
        assert!(get(&service.address, "/").is_ok());
        assert!(!service.printed().contains(TOLD), "{}", service.printed());
    }
}

#[test]
fn an_application_beyond_this_machine_without_a_key_does_not_start_and_says_what_to_do() {
    for listen in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8080"] {
        let mut service = Start::program("storefront").env("HYDRA_LISTEN", listen).start();
        assert!(!service.ended().success(), "{listen}");
        let said = line(&service, &["beyond this machine, without a private key"]);
        for part in [
            listen,
            "`private_key`",
            "HYDRA_PRIVATE_KEY",
            "`allow_unsigned = true`",
            "HYDRA_ALLOW_UNSIGNED",
        ] {
            assert!(said.contains(part), "{part} in {said}");
        }
        assert!(
            !service.printed().contains("listening on"),
            "{}",
            service.printed()
        );
    }
    // No machine has this address: with the setting, or a key, that alone is in the way.
    for (name, value) in [
        ("HYDRA_ALLOW_UNSIGNED", "true"),
        ("HYDRA_PRIVATE_KEY", "a private key for tests"),
    ] {
        let mut service = Start::program("storefront")
            .env("HYDRA_LISTEN", "192.0.2.1:8080")
            .env(name, value)
            .start();
        assert!(!service.ended().success(), "{name}");
        line(&service, &["this machine has no address 192.0.2.1"]);
    }
    let mut service = Start::program("storefront")
        .env("HYDRA_LISTEN", "127.0.0.1:0")
        .env("HYDRA_ALLOW_UNSIGNED", "maybe")
        .start();
    assert!(!service.ended().success());
    line(&service, &["HYDRA_ALLOW_UNSIGNED", "neither `true` nor `false`"]);
}
