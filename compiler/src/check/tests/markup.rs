//! What the markup around fragments makes of them, and what it needs itself.

use super::*;

const TAG: &str = "<m:fragment service='a' ref='a'>-</m:fragment>";

#[test]
fn a_fragment_where_html_has_text_is_reported() {
    for (text, expected) in [
        (format!("<textarea>{TAG}</textarea>"), 1),
        (format!("<TextArea rows=2>{TAG} and {TAG}</TextArea>"), 2),
        (format!("<title>{TAG}</title>"), 1),
        (format!("<script>let a = `{TAG}`</script>"), 1),
        (format!("<script><!-- <script>{TAG}</script> --></script>"), 1),
        (format!("<style>{TAG}</style>"), 1),
        (format!("<iframe>{TAG}</iframe>"), 1),
        (format!("<noframes>{TAG}</noframes>"), 1),
        (format!("<xmp>{TAG}</xmp>"), 1),
        (format!("<plaintext>{TAG}"), 1),
        (format!("<textarea>{TAG}"), 1),
        (format!("<svg><![CDATA[{TAG}]]></svg>"), 1),
        (format!("<input value=\"{TAG}\">"), 1),
        (format!("<p title=\"{{{{ 1 }}}} {TAG}\">"), 1),
        ("<textarea><m:fragment/></textarea>".to_owned(), 1),
        (
            "<textarea>{% if true %}<M:FRAGMENT\n ref='a'/>{% endif %}</textarea>".to_owned(),
            1,
        ),
        (
            "<h-y xmlns:h=x></h-y><textarea><h:fragment></textarea>".to_owned(),
            0,
        ),
        (format!("<textarea>{{% raw %}}{TAG}{{% endraw %}}</textarea>"), 0),
        (format!("<textarea>{{# {TAG} #}}</textarea>"), 0),
        (format!("<textarea>{{{{ \"{TAG}\" }}}}</textarea>"), 0),
        (
            "<textarea>&lt;m:fragment> m:fragment <m:fragments></textarea>".to_owned(),
            0,
        ),
        (format!("<textarea></textarea>{TAG}<title>x</title>{TAG}"), 0),
        (format!("<!-- {TAG} --><!DOCTYPE html><? {TAG}"), 0),
        (format!("<svg><title>{TAG}</title></svg>"), 0),
        (format!("<noscript>{TAG}</noscript><template>{TAG}</template>"), 0),
        (format!("<p title=\"never closed>{TAG}"), 0),
    ] {
        assert_eq!(
            codes(&text, Severity::Warning),
            vec!["fragment-as-text"; expected],
            "{text}"
        );
    }
}

#[test]
fn a_file_of_another_service_is_reported_where_the_markup_links_it() {
    for (text, expected) in [
        ("<link rel=stylesheet href=/orders/a.css>", 1),
        ("<LINK HREF='/orders/css/a.css?v=1' REL='preload StyleSheet'>", 1),
        (
            "<link rel=\"modulepreload\" href=\" /orders/{{ 'a' }}.js \" media=print>",
            1,
        ),
        ("<script defer src=\"/orders/a.js\"></script>", 1),
        ("<script type=module src=\"/billing/a.js\"></script>", 1),
        (
            "<style>@import '/orders/a.css'; @import url(/orders/b.css);\n@import url(\"/billing/c.css\") print;</style>",
            3,
        ),
        (
            "{% if true %}<link rel=stylesheet href='/orders/a.css'>{% endif %}",
            1,
        ),
        ("<p m:ref='p'><link rel=stylesheet href='/orders/a.css'></p>", 1),
        (
            "<link rel=stylesheet href=/own/a.css><script src=/own/a.js></script>",
            0,
        ),
        (
            "<link rel=stylesheet href=/css/a.css><script src=/orders></script>",
            0,
        ),
        (
            "<link rel=stylesheet href=//orders/a.css><link rel=stylesheet href=orders/a.css>",
            0,
        ),
        ("<link rel=stylesheet href=https://cdn.example/orders/a.css>", 0),
        (
            "<link rel=icon href=/orders/a.svg><link rel=canonical href=/orders/a>",
            0,
        ),
        ("<a href=/orders/a.css>a</a><img src=/orders/a.png alt=a>", 0),
        ("<!-- <link rel=stylesheet href=/orders/a.css> -->", 0),
        ("{# <link rel=stylesheet href=/orders/a.css> #}", 0),
        ("<textarea><link rel=stylesheet href=/orders/a.css></textarea>", 0),
        ("<script>'<link rel=stylesheet href=/orders/a.css>'</script>", 0),
        (
            "<style>/* @import '/orders/a.css'; */ p { color: red }</style>",
            0,
        ),
        ("<style>/* @import '/orders/a.css'; </style>", 0),
        ("<style>/**/@IMPORT\n'/orders/a.css';@import</style>", 1),
        ("<link rel=stylesheet href=/own/a.css href=/orders/a.css>", 0),
    ] {
        let around = Around {
            contracts: vec![
                ("orders", r#"{"service":"orders","fragments":{"a":{}}}"#),
                ("billing", r#"{"service":"billing","fragments":{"a":{}}}"#),
                ("own", r#"{"service":"own","fragments":{}}"#),
            ],
            contracts_given: true,
            options: Options {
                service: Some("own".to_owned()),
                ..Options::default()
            },
            ..Around::default()
        };
        let (_, problems) = problems_of(&[("page.html", text)], &around);
        let codes: Vec<_> = problems.iter().map(|problem| problem.code.name()).collect();
        assert_eq!(codes, vec!["file-of-another-service"; expected], "{text}");
    }
}

#[test]
fn a_site_without_a_name_knows_other_services_by_its_tags() {
    let link = "<link rel=stylesheet href=/a/a.css><link rel=stylesheet href=/own/a.css>";
    let around = Around {
        contracts: vec![("own", r#"{"service":"own","fragments":{}}"#)],
        ..Around::default()
    };
    for (text, expected) in [(format!("{link}{TAG}"), 1), (link.to_owned(), 0)] {
        let (_, problems) = problems_of(&[("page.html", &text)], &around);
        let found = problems
            .iter()
            .filter(|problem| problem.code == Code::FileOfAnotherService);
        assert_eq!(found.count(), expected, "{text}");
    }
}

#[test]
fn the_help_says_what_the_other_service_writes() {
    for (text, expected) in [
        (
            "<link rel=stylesheet href=/a/css/a.css>",
            "`m:styles=\"css/a.css\"`",
        ),
        ("<script src='/a/a.js'></script>", "`m:scripts=\"a.js\"`"),
        ("<script src='/a/code'></script>", "`m:scripts=\"code\"`"),
        ("<link rel=modulepreload href=/a/a.mjs>", "`m:scripts=\"a.mjs\"`"),
        ("<style>@import '/a/a.css';</style>", "`m:styles=\"a.css\"`"),
        ("<link rel=stylesheet href='/a/{{ 1 }}.css'>", "`m:styles`"),
    ] {
        let (_, problems) = problems_of(&[("page.html", &format!("{text}{TAG}"))], &Around::default());
        let problem = problems
            .iter()
            .find(|problem| problem.code == Code::FileOfAnotherService);
        let help = problem
            .and_then(|problem| problem.help.as_deref())
            .unwrap_or_default();
        assert!(help.contains(expected), "{text}: {help}");
    }
}
