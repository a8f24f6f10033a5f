//! What a build script states about its site: `hydra_compile::Build::new("templates").contracts("contracts")`.
#![deny(clippy::disallowed_methods)]

use syn::{
    Expr, ExprCall, ExprLit, ExprMethodCall, Lit,
    visit::{self, Visit},
};

use crate::input::Options;

/// What a build script states, with paths relative to the folder of its crate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct BuildScript {
    /// The folder of templates.
    pub(super) templates: String,
    /// The folder of contracts.
    pub(super) contracts: Option<String>,
    /// The folder with the Rust files.
    pub(super) rust: Option<String>,
    /// The settings file.
    pub(super) settings: Option<String>,
    /// The service, and what the application adds to Tera.
    pub(super) options: Options,
}

/// Reads a build script. `None`: it is not Rust, or has no `Build::new("…")` with a text. Values that are not texts are left out.
#[must_use]
pub(super) fn read(text: &str) -> Option<BuildScript> {
    let file = syn::parse_file(text).ok()?;
    let mut reader = Reader::default();
    reader.visit_file(&file);
    let templates = reader.templates?;
    Some(BuildScript {
        templates,
        ..reader.script
    })
}

#[derive(Default)]
struct Reader {
    templates: Option<String>,
    script: BuildScript,
}

impl<'a> Visit<'a> for Reader {
    fn visit_expr_call(&mut self, call: &'a ExprCall) {
        if let Expr::Path(path) = &*call.func
            && let [.., build, new] = &path.path.segments.iter().collect::<Vec<_>>()[..]
            && build.ident == "Build"
            && new.ident == "new"
            && let Some(folder) = call.args.first().and_then(text_of)
        {
            self.templates.get_or_insert(folder);
        }
        visit::visit_expr_call(self, call);
    }

    fn visit_expr_method_call(&mut self, call: &'a ExprMethodCall) {
        // A chain is visited from its end.
        visit::visit_expr_method_call(self, call);
        let Some(value) = call.args.first() else { return };
        let script = &mut self.script;
        let options = &mut script.options;
        match call.method.to_string().as_str() {
            "contracts" => script.contracts = text_of(value),
            "settings" => script.settings = text_of(value),
            "source_folder" => script.rust = text_of(value),
            "service" => options.service = text_of(value),
            "functions" => options.functions.extend(texts_of(value)),
            "filters" => options.filters.extend(texts_of(value)),
            "tests" => options.tests.extend(texts_of(value)),
            _ => {}
        }
    }
}

fn text_of(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text), ..
        }) => Some(text.value()),
        Expr::Reference(reference) => text_of(&reference.expr),
        _ => None,
    }
}

fn texts_of(value: &Expr) -> Vec<String> {
    match value {
        Expr::Array(array) => array.elems.iter().filter_map(text_of).collect(),
        Expr::Reference(reference) => texts_of(&reference.expr),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_script_names_its_folders() {
        let plain = BuildScript {
            templates: "templates".to_owned(),
            ..BuildScript::default()
        };
        let full = BuildScript {
            templates: "pages".to_owned(),
            contracts: Some("../contracts".to_owned()),
            rust: Some("app".to_owned()),
            settings: Some("site.toml".to_owned()),
            options: Options {
                service: Some("shop".to_owned()),
                functions: vec!["price".to_owned()],
                filters: vec!["minutes".to_owned(), "euros".to_owned()],
                tests: vec!["new".to_owned()],
            },
        };
        for (text, expected) in [
            ("fn main() { hydra_compile::Build::new(\"templates\").run_or_exit(); }", Some(&plain)),
            ("use hydra_compile::Build; fn main() { let b = Build::new(\"templates\"); b.run().unwrap(); }", Some(&plain)),
            (
                "fn main() { hydra_compile::Build::new(\"pages\").service(\"shop\").contracts(\"../contracts\")
                   .settings(\"site.toml\").source_folder(\"app\").functions([\"price\"]).filters(&[\"minutes\", \"euros\"])
                   .tests([\"new\", NAME]).run_or_exit(); }",
                Some(&full),
            ),
            // What is not a text is not known.
            ("fn main() { hydra_compile::Build::new(folder()).run_or_exit(); }", None),
            ("fn main() { cc::Build::new().file(\"a.c\"); }", None),
            ("fn main() {", None),
            ("", None),
        ] {
            assert_eq!(read(text).as_ref(), expected, "{text}");
        }
    }
}
