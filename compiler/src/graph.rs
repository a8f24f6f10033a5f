//! Which page embeds which fragment of which service, and the data that flows.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use serde::Serialize;

/// All pages of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// The pages, sorted by template.
    pub pages: Vec<Page>,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Page {
    /// Its template.
    pub template: String,
    /// The attributes that the page has of its own.
    pub attributes: Vec<String>,
    /// Its fragments, in document order.
    pub fragments: Vec<Fragment>,
}

/// One `<m:fragment>` of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fragment {
    /// The line of its tag, from 1.
    pub line: u32,
    /// The column of its tag in characters, from 1.
    pub column: u32,
    /// The service that owns it. `None`: this one. An expression stands as it is written.
    pub service: Option<String>,
    /// Its name. An expression stands as it is written.
    #[serde(rename = "ref")]
    pub reference: String,
    /// What the page hands over.
    pub imports: Vec<Flow>,
    /// What the fragment hands back.
    pub exports: Vec<Flow>,
    /// Whether the tag has content for the case that the fragment can't be had.
    pub fallback: bool,
    /// 0 where no other fragment's export is needed; else one more than the highest of those that are.
    pub wave: u32,
}

/// An attribute that crosses, under its name on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The name where it comes from.
    pub from: String,
    /// The name where it goes to.
    pub to: String,
}

/// A form of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphFormat {
    /// A Mermaid flow chart, as Markdown pages show it.
    Mermaid,
    /// Graphviz.
    Dot,
    /// JSON, with all that is known.
    Json,
}

/// The graph as text.
#[must_use]
pub fn render(graph: &Graph, format: GraphFormat) -> String {
    match format {
        GraphFormat::Json => {
            // Strings and numbers alone can't fail to be written.
            serde_json::to_string_pretty(graph).unwrap_or_default() + "\n"
        }
        GraphFormat::Mermaid => drawing(graph, &MERMAID),
        GraphFormat::Dot => drawing(graph, &DOT),
    }
}

/// How a language draws.
struct Pen {
    head: &'static str,
    page: fn(&str, &str) -> String,
    fragment: fn(&str, &str) -> String,
    arrow: fn(&str, &str, &str) -> String,
    foot: &'static str,
}

const MERMAID: Pen = Pen {
    head: "flowchart LR\n",
    page: |id, text| format!("    {id}[\"{}\"]\n", html(text)),
    fragment: |id, text| format!("    {id}([\"{}\"])\n", html(text)),
    arrow: |from, to, text| match text {
        "" => format!("    {from} --> {to}\n"),
        _ => format!("    {from} -->|\"{}\"| {to}\n", html(text)),
    },
    foot: "",
};

const DOT: Pen = Pen {
    head: "digraph site {\n    rankdir=LR;\n",
    page: |id, text| format!("    {id} [shape=box, label={}];\n", quoted(text)),
    fragment: |id, text| format!("    {id} [shape=ellipse, label={}];\n", quoted(text)),
    arrow: |from, to, text| format!("    {from} -> {to} [label={}];\n", quoted(text)),
    foot: "}\n",
};

/// A node for each page and each fragment, an arrow to each fragment with its imports, and one back with its exports.
fn drawing(graph: &Graph, pen: &Pen) -> String {
    let names: Vec<String> = graph
        .pages
        .iter()
        .flat_map(|page| &page.fragments)
        .map(fragment_name)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut text = pen.head.to_owned();
    for (index, page) in graph.pages.iter().enumerate() {
        text.push_str(&(pen.page)(&format!("p{index}"), &page.template));
    }
    for (index, name) in names.iter().enumerate() {
        text.push_str(&(pen.fragment)(&format!("f{index}"), name));
    }
    for (index, page) in graph.pages.iter().enumerate() {
        for fragment in &page.fragments {
            let page_id = format!("p{index}");
            let name = fragment_name(fragment);
            let fragment_id = format!("f{}", names.binary_search(&name).unwrap_or_default());
            text.push_str(&(pen.arrow)(&page_id, &fragment_id, &flows(&fragment.imports)));
            if !fragment.exports.is_empty() {
                text.push_str(&(pen.arrow)(&fragment_id, &page_id, &flows(&fragment.exports)));
            }
        }
    }
    text + pen.foot
}

fn fragment_name(fragment: &Fragment) -> String {
    match &fragment.service {
        Some(service) => format!("{service}/{}", fragment.reference),
        None => fragment.reference.clone(),
    }
}

fn flows(flows: &[Flow]) -> String {
    let one = |flow: &Flow| match flow.from == flow.to {
        true => flow.from.clone(),
        false => format!("{} as {}", flow.from, flow.to),
    };
    flows.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Mermaid reads character references in quoted text.
fn html(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        match character {
            '"' | '#' | '&' | '<' | '>' | '{' | '}' | '|' | '\n' | '\r' => {
                out.push_str(&format!("#{};", character as u32));
            }
            _ => out.push(character),
        }
    }
    out
}

fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
        .replace('\r', "");
    format!("\"{escaped}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(from: &str, to: &str) -> Flow {
        Flow {
            from: from.into(),
            to: to.into(),
        }
    }

    fn shop() -> Graph {
        let checkout = Fragment {
            line: 2,
            column: 5,
            service: Some("orderService".into()),
            reference: "checkout".into(),
            imports: vec![flow("dob", "dob"), flow("countryOrigin", "country")],
            exports: vec![flow("addressLine2", "address")],
            fallback: true,
            wave: 0,
        };
        let own = Fragment {
            line: 9,
            column: 1,
            reference: "{{ \"x\" }}".into(),
            ..Fragment::default()
        };
        let attributes = vec!["countryOrigin".into(), "dob".into()];
        Graph {
            pages: vec![Page {
                template: "checkout.html".into(),
                attributes,
                fragments: vec![checkout, own],
            }],
        }
    }

    #[test]
    fn json_has_exactly_these_members() {
        let expected = serde_json::json!({"pages": [{
            "template": "checkout.html",
            "attributes": ["countryOrigin", "dob"],
            "fragments": [
                {"line": 2, "column": 5, "service": "orderService", "ref": "checkout",
                 "imports": [{"from": "dob", "to": "dob"}, {"from": "countryOrigin", "to": "country"}],
                 "exports": [{"from": "addressLine2", "to": "address"}], "fallback": true, "wave": 0},
                {"line": 9, "column": 1, "service": null, "ref": "{{ \"x\" }}",
                 "imports": [], "exports": [], "fallback": false, "wave": 0},
            ],
        }]});
        let text = render(&shop(), GraphFormat::Json);
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).expect("JSON"),
            expected
        );
    }

    #[test]
    fn mermaid_draws_what_flows_both_ways() {
        let expected = "flowchart LR
    p0[\"checkout.html\"]
    f0([\"orderService/checkout\"])
    f1([\"#123;#123; #34;x#34; #125;#125;\"])
    p0 -->|\"dob, countryOrigin as country\"| f0
    f0 -->|\"addressLine2 as address\"| p0
    p0 --> f1
";
        assert_eq!(render(&shop(), GraphFormat::Mermaid), expected);
    }

    #[test]
    fn dot_quotes_what_templates_write() {
        let text = render(&shop(), GraphFormat::Dot);
        assert!(
            text.starts_with("digraph site {\n") && text.ends_with("}\n"),
            "{text}"
        );
        assert!(
            text.contains(r#"f1 [shape=ellipse, label="{{ \"x\" }}"];"#),
            "{text}"
        );
        assert!(
            text.contains("p0 -> f0 [label=\"dob, countryOrigin as country\"];"),
            "{text}"
        );
    }
}
