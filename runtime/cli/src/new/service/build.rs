//! Checks the templates, and makes the types that the handlers use.

fn main() {
    hydra_compile::Build::new("templates")
        .service("@service@")
        .run_or_exit();
}
