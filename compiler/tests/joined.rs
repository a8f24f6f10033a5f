//! What is taken out of a template, or put into it, never makes one of Tera's delimiters out of what stands beside it.

use hydra_compile::{Input, compile, source::Source};
use tera::{Context, Kwargs, State, Tera, Value};

/// The page as Tera renders it, with `[n]` for the fragment with that number.
fn rendered(text: &str) -> String {
    let text = &text.replace("<m:fragment ref", "<m:fragment service='s' ref");
    let input = Input {
        sources: vec![Source::new("page.html", "page.html", text)],
        templates: 1,
        ..Input::default()
    };
    let compiled = compile(&input);
    let Some(site) = compiled.site else {
        panic!("{text}: {:?}", compiled.problems);
    };
    let mut tera = Tera::default();
    tera.register_filter("__hydra", |number: usize, _: Kwargs, _: &State| {
        format!("[{number}]")
    });
    for name in ["menu", "is_there", "asset"] {
        tera.register_function(name, |_: Kwargs, _: &State| Value::none());
    }
    let templates = site.plan().templates.iter();
    let lowered: Vec<_> = templates.map(|found| (&found.name, &found.source)).collect();
    if let Err(error) = tera.add_raw_templates(lowered.iter().copied()) {
        panic!("{text}: {error}, {lowered:?}");
    }
    let mut context = Context::new();
    context.insert("a", "A");
    tera.render("page.html", &context)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn nothing_beside_a_tag_becomes_a_delimiter() {
    for (text, expected) in [
        ("{<m:fragment ref='f'/>", "{[0]"),
        ("{<m:fragment ref='f'/>{", "{[0]{"),
        ("{<m:fragment ref='f'/>% a", "{[0]% a"),
        ("<m:fragment ref='f'/>}", "[0]}"),
        ("<m:fragment ref='f'/>}}", "[0]}}"),
        ("{<m:fragment ref='f'/>}", "{[0]}"),
        ("{ <m:fragment ref='f'/>-}", "{ [0]-}"),
        ("%<m:fragment ref='f'/>}", "%[0]}"),
        ("{% if a %}{<m:fragment ref='f'/>{% endif %}", "{[0]"),
        ("{{ a }}{<m:fragment ref='f'/>{{ a }}", "A{[0]A"),
        ("{-<m:fragment ref='f'/>-}", "{-[0]-}"),
        // Attributes that are taken out.
        ("<b {m:ref='f'></b>", "<b {m:ref='f'></b>"),
        ("<b { m:ref='f'{></b>", "<b {{></b>"),
        ("<b { m:ref='f'% a></b>", "<b {% a></b>"),
        ("<b { m:ref='f'#></b>", "<b {#></b>"),
        ("<b { m:ref='f'{{ a }}></b>", "<b {A></b>"),
        ("<b { m:ref='f'{# c #}></b>", "<b {></b>"),
        ("<b { m:ref='f'{% if a %}{% endif %}></b>", "<b {></b>"),
        ("<b { m:ref='f'{%- if a %}{% endif %}></b>", "<b {></b>"),
        ("<b % m:ref='f'}></b>", "<b %}></b>"),
        ("<b } m:ref='f'}></b>", "<b }}></b>"),
        ("<b { m:ref='f' { m:exports='x'{></b>", "<b { {{></b>"),
        ("<b {\n m:ref='f'{></b>", "<b {{></b>"),
    ] {
        assert_eq!(rendered(text), expected, "{text}");
    }
}
