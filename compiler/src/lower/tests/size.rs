//! How much text comes out of pages whose parts repeat what they need.

use super::*;

/// Each part that waits for an export repeats the `set`s that it needs, and names what it takes: with the square of the page.
#[test]
fn parts_that_repeat_too_much_are_refused_once() {
    let many = |one: &dyn Fn(usize) -> String| (0..2_000).map(one).collect::<String>();
    let exports: String = (0..900).map(|n| format!("x{n}, ")).collect();
    let give = format!("<m:fragment ref='f' exports='{exports}x'/>");
    let chain = format!(
        "{{% set a0 = x %}}{}",
        many(&|n| format!("{{% set a{} = a{n} %}}", n + 1))
    );
    let text = "long ".repeat(20_000);
    let capture = format!("{{% set a %}}{text}{{{{ x }}}}{{% endset %}}");
    for (what, page) in [
        ("chain", format!("{chain}{}", many(&|_| "{{ a2000 }}".into()))),
        (
            "growing chain",
            many(&|n| format!("{{% set a{n} = x{} ~ a{} %}}", n % 900, n.saturating_sub(1)))
                + &many(&|n| format!("{{{{ a{n} }}}}")),
        ),
        ("capture", format!("{capture}{}", many(&|_| "{{ a }}".into()))),
        (
            "condition",
            format!("{capture}{}", many(&|_| "{% if a %}b{% endif %}".into())),
        ),
        (
            "fallback",
            format!(
                "{capture}{}",
                many(&|_| "<m:fragment ref='g'>{{ a }}</m:fragment>".into())
            ),
        ),
        ("everything", many(&|_| "{{ __tera_context }}".into())),
        (
            "include",
            format!("{capture}{}", many(&|_| "{% include 'q' %}".into())),
        ),
    ] {
        let page = format!("{give}{page}");
        let files = [("p", page.as_str()), ("q", "{{ a }}")];
        let (plan, problems) = plan(&files);
        let codes: Vec<_> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, [Code::TooDeep], "{what}");
        let bytes: usize = plan.templates.iter().map(|template| template.source.len()).sum();
        let room = MAX_LOWERED_BYTES + MAX_LOWERED_TIMES * page.len();
        assert!(bytes <= room + 2 * page.len(), "{what}: {bytes}");
        assert_eq!(
            refused_in(&files),
            problems,
            "{what}: a check says the same as a build"
        );
    }
}

#[test]
fn large_pages_that_repeat_little_are_lowered() {
    let offers = format!(
        "{}<m:fragment ref='h'/>{}",
        "<b m:ref='a'>".repeat(16),
        "</b>".repeat(16)
    );
    for page in [
        "<m:fragment ref=a />".repeat(5_000),
        "<m:fragment ref='a' exports='x'/>{% set y = x %}{{ y }}{% if y %}{{ y }}{% endif %}".to_owned(),
        format!("<m:fragment ref='a' exports='x'/>{}", "{{ x }}".repeat(5_000)),
        format!(
            "<m:fragment ref='a' exports='x'/>{{% set y = x %}}{}",
            "{{ y }}".repeat(5_000)
        ),
        offers.repeat(100),
    ] {
        let files = [("p", page.as_str())];
        assert_eq!(plan(&files).1, []);
        assert_eq!(refused_in(&files), []);
    }
}

fn refused_in(files: &[(&str, &str)]) -> Vec<Problem> {
    let mut sources: Vec<_> = files
        .iter()
        .map(|(name, text)| Source::new(*name, *name, *text))
        .collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    let (site, _) = Site::parse(&sources, &BTreeSet::new());
    refused(&site)
}
