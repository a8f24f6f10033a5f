//! Templates that are half saved, and services that do not end when they are told to or that end at their start.

use std::fs;

use hydra_tests::{PATIENCE, wait_for};

use crate::folder::{Folder, wait_for_page, wait_for_print};

const TEMPLATE: &str = "shop/storefront/templates/index.html";

#[test]
fn a_template_that_is_half_saved_costs_no_page() {
    let folder = Folder::new(&["storefront"]);
    let hydra = folder.start().listening();
    wait_for_page(&hydra, "/", "worth the wait");
    let text = fs::read_to_string(folder.path(TEMPLATE)).expect("a template");
    let (half, _) = text.split_once("worth the wait").expect("its text");

    let before = hydra.printed().len();
    folder.write(TEMPLATE, &format!("{half}{{% if"));
    wait_for_print(
        &hydra,
        before,
        "the templates have errors: the former program stays",
    );
    wait_for_page(&hydra, "/", "worth the wait");
    folder.write(TEMPLATE, &text.replace("worth the wait", "worth a journey"));
    wait_for_page(&hydra, "/", "worth a journey");
}

#[test]
fn a_service_that_keeps_its_port_is_killed_before_the_next_one_starts() {
    let folder = Folder::new(&["storefront"]);
    fs::rename(folder.path("built/storefront"), folder.path("built/inner")).expect("moved");
    let script = |note: &str| {
        format!("#!/bin/sh\n# {note}\ntrap '' TERM\n\"$(dirname \"$0\")/inner\" &\nwait\nwait\n")
    };
    folder.write_program("storefront", &script("first"));
    let hydra = folder.start().listening();
    wait_for_page(&hydra, "/", "worth the wait");
    let former = folder.processes("inner");
    folder.write_program("storefront", &script("second"));
    folder.change("shop/storefront/src/main.rs", "//! ", "//! Now ");
    wait_for("another process, and only that", PATIENCE, || {
        let now = folder.processes("inner");
        (now.len() == 1 && now != former).then_some(())
    });
    wait_for_page(&hydra, "/", "worth the wait");
}

#[test]
fn a_service_that_panics_at_its_start_is_told_about() {
    let folder = Folder::new(&["storefront"]);
    folder.write_program(
        "storefront",
        "#!/bin/sh\necho \"thread 'main' panicked at src/main.rs:3:5:\" >&2\necho 'no price list' >&2\nexit 101\n",
    );
    let hydra = folder.start().listening();
    wait_for_print(&hydra, 0, "storefront | no price list");
    wait_for_print(&hydra, 0, "the program ended at its start (exit status: 101)");
    let before = hydra.printed().len();
    folder.build("storefront");
    folder.change("shop/storefront/src/main.rs", "//! ", "//! Now ");
    wait_for_page(&hydra, "/", "worth the wait");
    assert!(
        !hydra.printed()[before..].contains("panicked"),
        "{}",
        hydra.printed()
    );
}
