//! Services start, start again after changes, and end; those that can't are told about.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering::SeqCst},
    thread,
};

use hydra_tests::{PATIENCE, ask, wait_for};

use crate::folder::{Folder, wait_for_page, wait_for_print};

/// What the page of the storefront has only if the order service answers.
const FORM: &str = "checkout-form";

#[test]
fn services_run_together_and_end_together() {
    let folder = Folder::new(&["storefront", "order-service"]);
    let mut hydra = folder.start().listening();
    wait_for_page(&hydra, "/checkout", FORM);
    for name in ["storefront", "order-service"] {
        assert_eq!(folder.processes(name).len(), 1, "{name}");
    }
    let mut second = folder.start().start();
    assert_eq!(second.ended().code(), Some(2));
    let holder = format!("process {} at {} holds it", hydra.id(), hydra.address);
    wait_for_print(&second, 0, &holder);

    assert!(hydra.terminate().success(), "{}", hydra.printed());
    for name in ["storefront", "order-service"] {
        assert_eq!(folder.processes(name), <[&str; 0]>::default(), "{name}");
    }
    // The folder is free again.
    let mut third = folder.start().listening();
    assert!(third.terminate().success());
}

#[test]
fn nothing_is_left_of_a_run_that_was_killed() {
    let folder = Folder::new(&["storefront", "order-service"]);
    // A process that the program of a service starts, and that does not end by itself when that program is gone.
    fs::rename(folder.path("built/order-service"), folder.path("built/inner")).expect("moved");
    folder.write_program(
        "order-service",
        "#!/bin/sh\n\"$(dirname \"$0\")/inner\" &\nwait\n",
    );
    let mut hydra = folder.start().listening();
    wait_for_page(&hydra, "/checkout", FORM);
    let former = ["storefront", "inner"].map(|name| folder.processes(name));
    assert!(former.iter().all(|found| found.len() == 1), "{former:?}");

    assert!(!hydra.kill().success());
    // Nothing holds the folder any more.
    let hydra = folder.start().listening();
    wait_for_page(&hydra, "/checkout", FORM);
    wait_for("the end of the former programs", PATIENCE, || {
        let now = ["storefront", "inner"].map(|name| folder.processes(name));
        (now.iter().all(|found| found.len() == 1) && now != former).then_some(())
    });
    drop(hydra);
    wait_for("the end of all programs", PATIENCE, || {
        let now = ["storefront", "inner"].map(|name| folder.processes(name));
        now.iter().all(Vec::is_empty).then_some(())
    });
}

#[test]
fn the_first_request_hears_that_services_are_being_built() {
    let folder = Folder::new(&["storefront"]);
    folder.write("built/storefront.waits", "");
    let hydra = folder.start().listening();
    for (accept, text) in [
        (
            "text/html",
            "<h1>One moment</h1><p>No service answers for this page yet. Being built or started: <b>storefront</b>.",
        ),
        (
            "*/*",
            "No service answers for this yet. Being built or started: storefront.\n",
        ),
    ] {
        let page = ask(&hydra.address, "GET", "/", accept).expect("an answer");
        assert_eq!(page.status, 503, "{}", page.body);
        assert!(page.body.contains(text), "{}", page.body);
    }
    fs::remove_file(folder.path("built/storefront.waits")).expect("removed");
    wait_for_page(&hydra, "/", "worth the wait");
}

#[test]
fn a_service_that_fails_is_told_about_and_others_live_on() {
    let folder = Folder::new(&["storefront", "order-service"]);
    folder.write("built/order-service.fails", "error: this does not build\n");
    let hydra = folder.start().listening();
    wait_for_page(&hydra, "/checkout", "Fallback info");
    wait_for_print(&hydra, 0, "order-service | error: this does not build");
    wait_for_print(
        &hydra,
        0,
        "order-service | the build failed: the service is away until this is mended",
    );

    // It ends at its start.
    fs::remove_file(folder.path("built/order-service.fails")).expect("removed");
    folder.write_program("order-service", "#!/bin/sh\necho 'no database' >&2\nexit 7\n");
    folder.change("shop/order-service/src/main.rs", "//! ", "//! Now ");
    wait_for_print(&hydra, 0, "order-service | no database");
    wait_for_print(
        &hydra,
        0,
        "the program ended at its start (exit status: 7): the service is away",
    );

    folder.build("order-service");
    folder.change("shop/order-service/src/main.rs", "//! Now ", "//! ");
    wait_for_page(&hydra, "/checkout", FORM);

    // A template with an error: the former program stays.
    let before = hydra.printed().len();
    let template = "shop/order-service/templates/checkout.html";
    let text = fs::read_to_string(folder.path(template)).expect("a template");
    folder.write(
        template,
        &format!("{text}<m:fragment ref=\"none\" exports=\"a,,\">"),
    );
    wait_for_print(
        &hydra,
        before,
        "the templates have errors: the former program stays",
    );
    wait_for_page(&hydra, "/checkout", FORM);

    // It ends by itself.
    let [id] = &folder.processes("order-service")[..] else {
        panic!("{:?}", folder.processes("order-service"))
    };
    let killed = std::process::Command::new("sh")
        .args(["-c", "kill -KILL $0", id])
        .status();
    assert!(killed.expect("kill runs").success());
    wait_for_print(
        &hydra,
        before,
        "the program has ended (signal: 9 (SIGKILL)): the service is away",
    );
    wait_for_page(&hydra, "/checkout", "Fallback info");
    folder.write(template, &text);
    wait_for_page(&hydra, "/checkout", FORM);
}

#[test]
fn only_the_changed_service_starts_again_and_its_pages_wait_for_it() {
    let folder = Folder::new(&["storefront", "order-service"]);
    let hydra = folder.start().listening();
    wait_for_page(&hydra, "/checkout", FORM);
    let others = folder.processes("order-service");
    let is_over = AtomicBool::new(false);
    let address = hydra.address.clone();
    let visit = || {
        let mut count = 0;
        while !is_over.load(SeqCst) {
            let page = ask(&address, "GET", "/", "text/html").expect("an answer");
            assert_eq!(page.status, 200, "{}", page.body);
            assert!(page.body.contains("/_h/dev.js"), "{}", page.body);
            count += 1;
        }
        count
    };
    thread::scope(|scope| {
        let visitor = scope.spawn(visit);
        for _ in 0..3 {
            let (former, before) = (folder.processes("storefront"), hydra.printed().len());
            assert_eq!(former.len(), 1, "{former:?}");
            folder.build("storefront");
            fs::copy(
                folder.path("shop/storefront/build.rs"),
                folder.path("shop/storefront/src/copy.rs"),
            )
            .expect("copied");
            wait_for_print(&hydra, before, "listening on");
            wait_for("another process", PATIENCE, || {
                let now = folder.processes("storefront");
                (now.len() == 1 && now != former).then_some(())
            });
        }
        is_over.store(true, SeqCst);
        assert!(visitor.join().expect("the visitor") > 0);
    });
    assert_eq!(folder.processes("order-service"), others);

    // What leads to the same program starts nothing.
    let before = hydra.printed().len();
    folder.change("shop/storefront/src/main.rs", "//! ", "//! Now ");
    wait_for_print(&hydra, before, "the program is the same");
    // A file that comes is one that the service lists at its start.
    let before = hydra.printed().len();
    folder.write("shop/storefront/static/new.css", "b { color: red }");
    wait_for_print(&hydra, before, "listening on");
    wait_for_page(&hydra, "/storefront/new.css", "color: red");
}

#[test]
fn a_changed_template_needs_no_build_if_the_program_depends_on_nothing_else() {
    let folder = Folder::new(&["storefront"]);
    let hydra = folder.start().listening();
    wait_for_page(&hydra, "/", "worth the wait");
    let former = folder.processes("storefront");
    // Cargo can't build any more, and is not needed.
    folder.write("built/storefront.fails", "error: this does not build\n");
    let template = "shop/storefront/templates/index.html";
    folder.change(template, "worth the wait", "worth a journey");
    wait_for_page(&hydra, "/", "worth a journey");
    assert_eq!(folder.processes("storefront"), former);

    // A program that starts again gets the template again.
    let before = hydra.printed().len();
    folder.write("shop/storefront/static/new.css", "b { color: red }");
    wait_for_print(&hydra, before, "listening on");
    wait_for_page(&hydra, "/storefront/new.css", "color: red");
    wait_for_page(&hydra, "/", "worth a journey");
    assert_ne!(folder.processes("storefront"), former);

    // While a change of Rust can't be built, templates are not given past it.
    let before = hydra.printed().len();
    let report = "the build failed: the former program stays until this is mended";
    folder.change("shop/storefront/src/main.rs", "//! ", "//! Now ");
    wait_for_print(&hydra, before, report);
    let before = hydra.printed().len();
    folder.change(template, "worth a journey", "worth a trip");
    wait_for_print(&hydra, before, report);
    wait_for_page(&hydra, "/", "worth a journey");
    fs::remove_file(folder.path("built/storefront.fails")).expect("removed");
    folder.change("shop/storefront/src/main.rs", "//! Now ", "//! ");
    // The program that was built is the former one.
    wait_for_page(&hydra, "/", "worth the wait");
    folder.write("built/storefront.fails", "error: this does not build\n");
    folder.change(template, "worth a trip", "worth a journey");
    wait_for_page(&hydra, "/", "worth a journey");

    // Another fragment on a page has other bindings.
    let before = hydra.printed().len();
    let fragment = "<m:fragment service=\"recommendations\" ref=\"new-arrivals\">none</m:fragment>";
    let head = "<section class=\"hero\">";
    folder.change(template, head, &format!("{fragment}{head}"));
    wait_for_print(&hydra, before, report);
    wait_for_page(&hydra, "/", "worth a journey");
}

#[test]
fn folders_without_a_service_and_folders_of_templates_elsewhere_are_refused() {
    let folder = Folder::new(&["storefront"]);
    fs::create_dir_all(folder.path("none/deep/deeper")).expect("made");
    fs::create_dir_all(folder.path("pages")).expect("made");
    folder.write("pages/index.html", "<h1>x</h1>");
    for (name, more, text) in [
        ("none", &[][..], "there is no service in"),
        ("gone", &[], "No such file or directory"),
        (
            "pages",
            &["--gateway", "http://127.0.0.1:1"],
            "is a folder of templates",
        ),
        (
            "shop",
            &["--gateway", "gateway:80"],
            "write it like `http://127.0.0.1:8081`",
        ),
        ("broken", &[], "cargo can't read"),
    ] {
        let mut start = crate::folder::start(&folder.path(name)).env("CARGO", "/bin/false");
        for argument in more {
            start = start.arg(argument);
        }
        if name == "broken" {
            fs::create_dir_all(folder.path(name)).expect("made");
            folder.write("broken/Cargo.toml", "");
        }
        if name == "shop" {
            start = start.env("CARGO", &folder.path("built/cargo").display().to_string());
        }
        let mut hydra = start.start();
        assert_eq!(hydra.ended().code(), Some(2), "{name}");
        wait_for_print(&hydra, 0, text);
    }
}

#[test]
fn services_register_at_a_gateway_that_runs_already() {
    let gateway = hydra_tests::Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg("127.0.0.1:0")
        .listening();
    let folder = Folder::new(&["storefront", "order-service"]);
    let mut hydra = folder.start().arg("--gateway").arg(&gateway.address).start();
    wait_for_page(&gateway, "/checkout", FORM);
    assert!(hydra.terminate().success(), "{}", hydra.printed());
    assert_eq!(folder.processes("storefront"), <[&str; 0]>::default());
}
