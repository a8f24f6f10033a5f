//! What handlers of pages take from the path, compared with the paths of their pages: each case with all that is said.

use hydra_compile::{Input, compile, problem::Problem, source::Source};

/// Checks a page with this path. Its handler takes `argument`, and its crate also has `types`. Returns a line for each report: the
/// marked place, the message, the label and the help.
fn said(path: &str, argument: &str, types: &str) -> Vec<String> {
    let rust = format!(
        "#[derive(Page, Serialize)]\n#[page(template = \"a.html\", path = \"{path}\")]\nstruct Product {{ title: String }}\n{types}\n\
         async fn product(State(db): State<Db>, {argument}) -> Result<Product, Failure> {{ db.find() }}\n\
         fn app() -> App {{ App::new(\"shop\").page(product).with_state(Db) }}\n"
    );
    all(&rust)
}

fn all(rust: &str) -> Vec<String> {
    let sources = vec![
        Source::new("a.html", "a.html", "{{ title }}"),
        Source::new("main.rs", "src/main.rs", rust),
    ];
    let problems = compile(&Input {
        sources,
        templates: 1,
        ..Input::default()
    })
    .problems;
    let line = |problem: &Problem| {
        let labels = problem.labels.iter().map(|label| {
            let span = label.location.span;
            format!(
                "{} <- {}",
                &rust[span.start as usize..span.end as usize],
                label.text
            )
        });
        let labels: Vec<_> = labels.collect();
        let help = problem.help.as_deref().unwrap_or_default();
        format!(
            "{}: {}; {}; {help}",
            problem.code.name(),
            problem.message,
            labels.join(", ")
        )
    };
    problems.iter().map(line).collect()
}

const KEY: &str = "#[derive(Deserialize)]\nstruct Key { slug: String }";

#[test]
fn a_handler_that_takes_other_values_than_the_path_has_is_told() {
    for (path, argument, types, expected) in [
        (
            "/product/{id}",
            "Path((id, size)): Path<(u32, String)>",
            "",
            "path-mismatch: `product` takes 2 values from the path of its page, which has one value; Path<(u32, String)> <- takes 2 values, \
             \"/product/{id}\" <- the path of `Product`; take `Path<String>` for `id`, or another type of one value",
        ),
        (
            "/products",
            "Path(id): Path<u32>",
            "",
            "path-mismatch: `product` takes one value from the path of its page, which has no value; Path<u32> <- takes one value, \
             \"/products\" <- the path of `Product`; take no `Path`, or name a part of the path in braces, as in `/product/{id}`",
        ),
        (
            "/product/{id}/{*rest}",
            "id: axum::extract::Path<String>",
            "",
            "path-mismatch: `product` takes one value from the path of its page, which has 2 values; axum::extract::Path<String> <- takes one \
             value, \"/product/{id}/{*rest}\" <- the path of `Product`; take `Path<(String, String)>` for `id` and `rest`, or other types",
        ),
        (
            "/product/{id}",
            "Path(key): Path<Key>",
            KEY,
            "path-mismatch: `product` takes `slug` from the path of its page, which does not name it; \"/product/{id}\" <- the path of `Product`, \
             Path<Key> <- has the field `slug`; write `\"/product/{slug}\"`, or name the field `id`",
        ),
        (
            "/product",
            "Path(key): Path<Key>",
            KEY,
            "path-mismatch: `product` takes `slug` from the path of its page, which does not name it; \"/product\" <- the path of `Product`, \
             Path<Key> <- has the field `slug`; name a part of the path `{slug}`, or take the field out of the struct",
        ),
        (
            "/product/{id}/{size}",
            "Path(key): Path<Key>",
            "#[derive(Clone, serde::Deserialize)]\n#[serde(rename_all = \"camelCase\")]\nstruct Key { id: u32, shoe_size: u8 }",
            "path-mismatch: `product` takes `shoeSize` from the path of its page, which does not name it; \"/product/{id}/{size}\" <- the path of `Product`, \
             Path<Key> <- has the field `shoeSize`; write `\"/product/{id}/{shoeSize}\"`, or name the field `size`",
        ),
        (
            "/product/{id}/{size}",
            "Path(id): Path<Id>",
            "#[derive(Deserialize)]\nstruct Id(u32);",
            "path-mismatch: `product` takes one value from the path of its page, which has 2 values; Path<Id> <- takes one value, \
             \"/product/{id}/{size}\" <- the path of `Product`; take `Path<(String, String)>` for `id` and `size`, or other types",
        ),
    ] {
        assert_eq!(said(path, argument, types), [expected], "{path} {argument}");
    }
}

#[test]
fn what_fits_and_what_can_not_be_told_is_left_alone() {
    for (path, argument, types) in [
        ("/product/{id}", "Path(id): Path<u32>", ""),
        (
            "/product/{id}/{size}",
            "Path((id, size)): Path<(u32, String)>",
            "",
        ),
        ("/product/{slug}", "Path(key): Path<Key>", KEY),
        // A struct may take fewer than the path has.
        ("/product/{slug}/{page}", "Path(key): Path<Key>", KEY),
        ("/product/{id}", "Path(all): Path<HashMap<String, String>>", ""),
        ("/product/{id}", "Path(all): Path<Vec<(String, String)>>", ""),
        ("/product/{id}", "Path(()): Path<()>", ""),
        ("/product", "id: Option<Path<u32>>", ""),
        ("/product/{id}", "Query(page): Query<(u32, u32)>", ""),
        ("/product/{id}", "Path(key): Path<other::Key>", KEY),
        (
            "/product/{id}",
            "Path(key): Path<Key>",
            "struct Key { slug: String }",
        ),
        (
            "/product/{id}",
            "Path(key): Path<Key>",
            "#[derive(Deserialize)]\nstruct Key { #[serde(rename = \"id\")] slug: String, size: Option<u8>, #[serde(default)] page: u32 }",
        ),
        (
            "/product/{id}",
            "Path(key): Path<Key>",
            "#[derive(Deserialize)]\nstruct Key { #[serde(flatten)] inner: Inner, slug: String }",
        ),
        (
            "/product/{id}",
            "Path(key): Path<Key>",
            "#[derive(Deserialize)]\n#[serde(try_from = \"String\")]\nstruct Key { slug: String }",
        ),
        (
            "/product/{id}",
            "Path(key): Path<Key>",
            "#[derive(Deserialize)]\n#[serde(default)]\nstruct Key { slug: String }",
        ),
        (
            "/product/{id}",
            "Path(key): Path<Key>",
            "#[derive(Deserialize)]\nstruct Key { #[serde(alias = \"id\")] slug: String }",
        ),
        (
            "/product/{id}",
            "Path(key): Path<Key>",
            "#[derive(Deserialize)]\nstruct Key { #[cfg(test)] slug: String }",
        ),
        (
            "/product/{id}",
            "Path(key): Path<a::Key>",
            "mod a { #[derive(Deserialize)] pub struct Key { slug: String } }\nmod b { pub struct Key; }",
        ),
        ("/product/{id}", "Path(key): Path<Key>", "type Key = (u32, u32);"),
    ] {
        assert_eq!(
            said(path, argument, types),
            Vec::<String>::new(),
            "{path} {argument} {types}"
        );
    }
}

#[test]
fn only_handlers_that_pages_are_given_are_compared() {
    let page = "#[derive(Page, Serialize)]\n#[page(template = \"a.html\", path = \"/product/{id}\")]\nstruct Product { title: String }\n";
    for (rest, count) in [
        (
            "async fn product(Path(id): Path<(u32, u32)>) -> Product {}\nfn app() { App::new(\"x\").page(product) }",
            1,
        ),
        (
            "mod shop { pub async fn product(Path(id): Path<(u32, u32)>) -> Product {} }\nfn app() { App::new(\"x\").page(shop::product) }",
            1,
        ),
        (
            "async fn product(Path(id): Path<(u32, u32)>) -> (StatusCode, Product) {}\nfn app() { App::new(\"x\").page(product) }",
            1,
        ),
        (
            "async fn product(Path(id): Path<(u32, u32)>) -> Product {}\nfn app() { App::new(\"x\").route(\"/a/{b}/{c}\", get(product)) }",
            0,
        ),
        (
            "async fn product(Path(id): Path<(u32, u32)>) -> impl IntoResponse {}\nfn app() { App::new(\"x\").page(product) }",
            0,
        ),
        (
            "#[cfg(test)]\nasync fn product(Path(id): Path<(u32, u32)>) -> Product {}\nfn app() { App::new(\"x\").page(product) }",
            0,
        ),
    ] {
        assert_eq!(all(&format!("{page}{rest}")).len(), count, "{rest}");
    }
}
