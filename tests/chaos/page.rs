//! What a page shows, and whose.

/// The result of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// All that was asked for, and nothing else.
    Whole,
    /// These services have fallbacks in their places.
    Without(Vec<&'static str>),
    /// Something that another visitor asked for.
    Mixed,
    /// The end is missing.
    Cut,
}

/// Looks at a page for the visitor `nonce`, which should show these services, each as `[service nonce]`, or its fallback
/// `[service -]`, and end with `</html>`.
pub(crate) fn look(body: &str, nonce: &str, services: &[&'static str]) -> Seen {
    if nonces(body).any(|found| found != nonce) {
        return Seen::Mixed;
    }
    if !body.trim_end().ends_with("</html>") {
        return Seen::Cut;
    }
    let shows = |service: &str, what: &str| body.matches(&format!("[{service} {what}]")).count();
    let mut without = Vec::new();
    for service in services {
        match (shows(service, nonce), shows(service, "-")) {
            (1, 0) => {}
            (0, 1) => without.push(*service),
            _ => return Seen::Mixed,
        }
    }
    let places = body.matches('[').count();
    match (places == services.len(), without.is_empty()) {
        (false, _) => Seen::Mixed,
        (true, true) => Seen::Whole,
        (true, false) => Seen::Without(without),
    }
}

/// All that looks like a visitor's number: `n` and 16 digits.
fn nonces(body: &str) -> impl Iterator<Item = &str> {
    let starts = body.match_indices('n').map(|(at, _)| at);
    starts.filter_map(|at| {
        let nonce = body.get(at..at + 17)?;
        nonce[1..]
            .bytes()
            .all(|byte| byte.is_ascii_digit())
            .then_some(nonce)
    })
}

#[test]
fn mixed_and_cut_pages_are_told_from_whole_ones() {
    const OWN: &str = "n0000000000000001";
    for (body, expected) in [
        (
            "[old n0000000000000001] [new n0000000000000001]</html>\n",
            Seen::Whole,
        ),
        (
            "[old -] [new n0000000000000001]</html>",
            Seen::Without(vec!["old"]),
        ),
        ("[old -] [new -]</html>", Seen::Without(vec!["old", "new"])),
        (
            "[old n0000000000000002] [new n0000000000000001]</html>",
            Seen::Mixed,
        ),
        (
            "[old n0000000000000001] [new n0000000000000001] n0000000000000002</html>",
            Seen::Mixed,
        ),
        (
            "[old n0000000000000001] [old n0000000000000001] [new n0000000000000001]</html>",
            Seen::Mixed,
        ),
        (
            "[new n0000000000000001] [plain n0000000000000001]</html>",
            Seen::Mixed,
        ),
        ("[old n0000000000000001]</html>", Seen::Mixed),
        (
            "[old n0000000000000001] [new n0000000000000001] [plain n0000000000000001]</html>",
            Seen::Mixed,
        ),
        ("[old n0000000000000001] [new n00000", Seen::Cut),
        ("", Seen::Cut),
    ] {
        assert_eq!(look(body, OWN, &["old", "new"]), expected, "{body}");
    }
}
