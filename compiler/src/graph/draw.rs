//! Writes the graph in the languages of Mermaid and Graphviz.

use std::collections::BTreeSet;

use hydra_contract::Mode;

use super::{Graph, GraphFlow, GraphFragment};

/// How a language draws.
pub(super) struct GraphSyntax {
    head: &'static str,
    page: fn(&str, &str) -> String,
    fragment: fn(&str, &str) -> String,
    arrow: fn(&str, &str, &str) -> String,
    foot: &'static str,
}

/// Mermaid's flow charts.
pub(super) const MERMAID: GraphSyntax = GraphSyntax {
    head: "flowchart LR\n",
    page: |id, text| format!("    {id}[\"{}\"]\n", html(text)),
    fragment: |id, text| format!("    {id}([\"{}\"])\n", html(text)),
    arrow: |from, to, text| match text {
        "" => format!("    {from} --> {to}\n"),
        _ => format!("    {from} -->|\"{}\"| {to}\n", html(text)),
    },
    foot: "",
};

/// Graphviz.
pub(super) const DOT: GraphSyntax = GraphSyntax {
    head: "digraph site {\n    rankdir=LR;\n",
    page: |id, text| format!("    {id} [shape=box, label={}];\n", quoted(text)),
    fragment: |id, text| format!("    {id} [shape=ellipse, label={}];\n", quoted(text)),
    arrow: |from, to, text| format!("    {from} -> {to} [label={}];\n", quoted(text)),
    foot: "}\n",
};

/// A node for each page and each fragment, an arrow to each fragment with its imports, and one back with its exports.
pub(super) fn draw(graph: &Graph, syntax: &GraphSyntax) -> String {
    let names: Vec<String> = graph
        .pages
        .iter()
        .flat_map(|page| &page.fragments)
        .map(fragment_name)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect();
    let mut text = syntax.head.to_owned();
    for (index, page) in graph.pages.iter().enumerate() {
        text.push_str(&(syntax.page)(&format!("p{index}"), &page.template));
    }
    for (index, name) in names.iter().enumerate() {
        text.push_str(&(syntax.fragment)(&format!("f{index}"), name));
    }
    for (index, page) in graph.pages.iter().enumerate() {
        for fragment in &page.fragments {
            let page_id = format!("p{index}");
            let name = fragment_name(fragment);
            let fragment_id = format!("f{}", names.binary_search(&name).unwrap_or_default());
            let there = with_mode(flows(&fragment.imports), fragment.mode);
            text.push_str(&(syntax.arrow)(&page_id, &fragment_id, &there));
            if !fragment.exports.is_empty() {
                text.push_str(&(syntax.arrow)(&fragment_id, &page_id, &flows(&fragment.exports)));
            }
        }
    }
    text + syntax.foot
}

/// What flows to a fragment, and how it comes to the browser where that is not with the page.
fn with_mode(imports: String, mode: Mode) -> String {
    let mode = match mode {
        Mode::Inline => return imports,
        Mode::Deferred => "(deferred)",
        Mode::Lazy => "(lazy)",
    };
    format!("{imports} {mode}").trim_start().to_owned()
}

fn fragment_name(fragment: &GraphFragment) -> String {
    match &fragment.service {
        Some(service) => format!("{service}/{}", fragment.reference),
        None => fragment.reference.clone(),
    }
}

fn flows(flows: &[GraphFlow]) -> String {
    let one = |flow: &GraphFlow| match flow.from == flow.to {
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
