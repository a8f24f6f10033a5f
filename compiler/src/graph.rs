//! The graph of a site: which page embeds which fragment of which service, and which attributes cross between them.
#![deny(clippy::disallowed_methods)]

mod draw;

use hydra_contract::Mode;
use serde::Serialize;

/// All pages of a site.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Graph {
    /// The pages, sorted by template.
    pub pages: Vec<GraphPage>,
}

/// One page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GraphPage {
    /// Its template.
    pub template: String,
    /// The attributes of the page itself.
    pub attributes: Vec<String>,
    /// Its fragments, in document order.
    pub fragments: Vec<GraphFragment>,
}

/// One `<m:fragment>` of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GraphFragment {
    /// The line of its tag, from 1.
    pub line: u32,
    /// The column of its tag in characters, from 1.
    pub column: u32,
    /// The service that owns it. `None`: this one. An expression stands as it is written.
    pub service: Option<String>,
    /// Its name. An expression stands as it is written.
    #[serde(rename = "ref")]
    pub reference: String,
    /// Whether an expression gives the service.
    #[serde(skip)]
    pub any_service: bool,
    /// Whether an expression gives the name.
    #[serde(skip)]
    pub any_reference: bool,
    /// What the page hands over.
    pub imports: Vec<GraphFlow>,
    /// What the fragment hands back.
    pub exports: Vec<GraphFlow>,
    /// When and how it comes to the browser.
    pub mode: Mode,
    /// Whether the tag has content for the case that the fragment can't be had.
    pub fallback: bool,
    /// 0 where no other fragment's export is needed; else one more than the highest of those that are.
    pub wave: u32,
}

/// An attribute that crosses, under its name on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GraphFlow {
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
        GraphFormat::Mermaid => draw::draw(graph, &draw::MERMAID),
        GraphFormat::Dot => draw::draw(graph, &draw::DOT),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(from: &str, to: &str) -> GraphFlow {
        GraphFlow {
            from: from.into(),
            to: to.into(),
        }
    }

    fn shop() -> Graph {
        let checkout = GraphFragment {
            line: 2,
            column: 5,
            service: Some("orderService".into()),
            reference: "checkout".into(),
            any_service: false,
            any_reference: false,
            imports: vec![flow("dob", "dob"), flow("countryOrigin", "country")],
            exports: vec![flow("addressLine2", "address")],
            mode: Mode::Lazy,
            fallback: true,
            wave: 0,
        };
        let own = GraphFragment {
            line: 9,
            column: 1,
            reference: "{{ \"x\" }}".into(),
            ..GraphFragment::default()
        };
        let attributes = vec!["countryOrigin".into(), "dob".into()];
        Graph {
            pages: vec![GraphPage {
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
                 "exports": [{"from": "addressLine2", "to": "address"}], "mode": "lazy", "fallback": true, "wave": 0},
                {"line": 9, "column": 1, "service": null, "ref": "{{ \"x\" }}",
                 "imports": [], "exports": [], "mode": "inline", "fallback": false, "wave": 0},
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
    p0 -->|\"dob, countryOrigin as country (lazy)\"| f0
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
            text.contains("p0 -> f0 [label=\"dob, countryOrigin as country (lazy)\"];"),
            "{text}"
        );
    }
}
