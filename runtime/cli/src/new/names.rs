//! Which names an installation and a service can have.
#![deny(clippy::disallowed_methods)]

use hydra_contract::service_name;

/// The longest name of a new service. The lines that name it stay as rustfmt writes them.
const MAX_NEW_SERVICE_BYTES: usize = 30;

/// The names that no package can have: words of Rust, folders of Cargo's, and crates that the service is built with.
#[rustfmt::skip]
const NO_PACKAGES: [&str; 64] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn", "else", "enum", "extern",
    "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv",
    "pub", "ref", "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use",
    "virtual", "where", "while", "yield",
    "alloc", "build", "core", "deps", "examples", "incremental", "std", "test",
    "hydra-compile", "hydra-runtime", "serde", "tera", "tokio",
];

/// The names whose path `/{name}` belongs to the gateway.
const PATHS_OF_GATEWAYS: [&str; 5] = ["_h", "h", "health", "login", "logout"];

/// The names of a new service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServiceNames {
    /// In templates and at the gateway.
    pub(super) service: String,
    /// Of its package and its folder.
    pub(super) package: String,
}

/// Checks the name of an installation, which is that of its folder. An error is a sentence.
pub(super) fn check_installation(name: &str) -> Result<(), String> {
    service_name::check(name)
        .map_err(|reason| format!("`{}` can't be the name of an installation: {reason}", shown(name)))
}

impl ServiceNames {
    /// The names of the service `name`. An error is a sentence that says what to write.
    pub(super) fn of(name: &str) -> Result<Self, String> {
        let refused = |reason: &str| {
            Err(format!(
                "`{}` can't be the name of a new service: {reason}",
                shown(name)
            ))
        };
        if let Err(reason) = service_name::check(name) {
            return refused(&reason.to_string());
        }
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(is_plain) {
            return refused(
                "it is also that of a Cargo package and its program. Write ASCII letters, digits, `-` and `_`, and begin with a letter",
            );
        }
        if name.len() > MAX_NEW_SERVICE_BYTES {
            return refused(&format!("it is longer than {MAX_NEW_SERVICE_BYTES} bytes"));
        }
        if PATHS_OF_GATEWAYS.contains(&name) {
            return refused(&format!("the path `/{name}` belongs to the gateway"));
        }
        let package = package(name);
        if NO_PACKAGES.contains(&package.as_str()) {
            return refused("Cargo or Rust gives it another meaning");
        }
        let service = name.to_owned();
        Ok(Self { service, package })
    }
}

/// The name of the package: `orderService` becomes `order-service`, since rustc warns of capitals in names of crates.
fn package(service: &str) -> String {
    let mut package = String::with_capacity(service.len() + 4);
    let mut before = '-';
    for c in service.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            package.push('-');
        }
        package.push(c.to_ascii_lowercase());
        before = c;
    }
    package
}

/// A name as an error shows it: bounded, and without what a terminal would obey.
fn shown(name: &str) -> String {
    name.chars().take(100).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_and_its_package_have_names() {
        for (service, package) in [
            ("blog", "blog"),
            ("orderService", "order-service"),
            ("Shop", "shop"),
            ("my-shop", "my-shop"),
            ("my_shop", "my_shop"),
            ("a1B", "a1-b"),
            ("API", "api"),
        ] {
            let names = ServiceNames::of(service).expect("a name");
            assert_eq!((&*names.service, &*names.package), (service, package));
        }
    }

    #[test]
    fn a_name_that_cannot_be_used_is_told_with_the_reason() {
        let long = "x".repeat(31);
        for (name, reason) in [
            ("", "`name` is missing"),
            (" ", "`name` is missing"),
            ("a/b", "holds '/'"),
            ("..", "means something else"),
            ("self", "means something else"),
            ("a\u{1b}[2J", "holds '\\u{1b}'"),
            ("{{ x }}", "holds '{'"),
            ("my blog", "Write ASCII letters"),
            ("café", "Write ASCII letters"),
            ("1st", "begin with a letter"),
            ("-x", "begin with a letter"),
            ("a.b", "Write ASCII letters"),
            (long.as_str(), "longer than 30 bytes"),
            ("login", "`/login` belongs to the gateway"),
            ("fn", "another meaning"),
            ("Async", "another meaning"),
            ("tokio", "another meaning"),
            ("hydraRuntime", "another meaning"),
            ("test", "another meaning"),
        ] {
            let error = ServiceNames::of(name).expect_err(name);
            assert!(error.contains(reason) && !error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn an_installation_is_called_as_services_are() {
        for name in ["shop", "my shop", "Café", "3"] {
            assert_eq!(check_installation(name), Ok(()));
        }
        for name in [
            "",
            "a/b",
            "../x",
            ".",
            "a\"b",
            "a\\b",
            "a`b",
            "{{a}}",
            "\n",
            &"x".repeat(101),
        ] {
            let error = check_installation(name).expect_err(name);
            assert!(
                error.contains("can't be the name of an installation: "),
                "{error}"
            );
        }
    }

    #[test]
    fn names_that_are_taken_are_sorted_within_their_groups_and_named_once() {
        let mut names = NO_PACKAGES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), NO_PACKAGES.len());
    }
}
