//! Compares the fragments that pages use with the contracts of their owners, by the rules of the compiler's contract checks, for
//! services that were built apart and meet at the gateway.

use serde::{Deserialize, Serialize};

use crate::{
    FragmentContract, FragmentUse, Type,
    limits::{MAX_PAGES_PER_PROBLEM, MAX_PROBLEMS_PER_USE, MAX_SHOWN_NAME_CHARS},
};

/// A use of a fragment by live pages that the contract of the live owner does not allow.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ContractProblem {
    /// The service whose pages use the fragment.
    pub asker: String,
    /// Its templates that use the fragment, and only the first of them where there are many.
    pub pages: Vec<String>,
    /// The service that owns the fragment.
    pub service: String,
    /// The fragment.
    #[serde(rename = "ref")]
    pub reference: String,
    /// The import or export in question. `None`: the fragment as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// What is wrong.
    pub reason: String,
    /// What to do about it, on either side.
    pub mend: String,
}

/// The problems of one use of a fragment by the pages of `asker`. `owner` is the contract of that fragment, or `None` where the
/// service has no such fragment. Long names are cut, and there are at most 20 problems.
#[must_use]
pub fn unmet(asker: &str, ask: &FragmentUse, owner: Option<&FragmentContract>) -> Vec<ContractProblem> {
    let problem = |(attribute, reason, mend): Finding| ContractProblem {
        asker: cut(asker),
        pages: ask
            .pages
            .iter()
            .take(MAX_PAGES_PER_PROBLEM)
            .map(|page| cut(page))
            .collect(),
        service: cut(&ask.service),
        reference: cut(&ask.reference),
        attribute: attribute.map(cut),
        reason,
        mend,
    };
    let Some(owner) = owner else {
        let name = cut(&ask.reference);
        return vec![problem((
            None,
            format!("`{}` has no fragment `{name}`", cut(&ask.service)),
            format!("offer `{name}` (again), or take the tag off the pages"),
        ))];
    };
    let found = missing_imports(ask, owner)
        .chain(wrong_imports(ask, owner))
        .chain(wrong_exports(ask, owner));
    found.take(MAX_PROBLEMS_PER_USE).map(problem).collect()
}

/// An attribute, what is wrong with it, and what to do.
type Finding<'a> = (Option<&'a str>, String, String);

fn missing_imports<'a>(
    ask: &'a FragmentUse,
    owner: &'a FragmentContract,
) -> impl Iterator<Item = Finding<'a>> {
    let needed = owner
        .imports
        .iter()
        .filter(|(name, import)| import.default.is_none() && !ask.imports.contains_key(*name));
    needed.map(|(name, import)| {
        let short = cut(name);
        let reason = format!(
            "the fragment needs the import `{short}` ({}), which the pages do not pass",
            import.ty
        );
        let mend = format!("name `{short}` in the tag's `imports`, or give the import a default");
        (Some(name.as_str()), reason, mend)
    })
}

fn wrong_imports<'a>(ask: &'a FragmentUse, owner: &'a FragmentContract) -> impl Iterator<Item = Finding<'a>> {
    ask.imports.iter().filter_map(|(name, ty)| {
        let short = cut(name);
        match owner.imports.get(name) {
            None => {
                let reason = format!("the pages pass `{short}`, which the fragment does not import");
                let mend = format!("import `{short}` (again), or take it out of the tag's `imports`");
                Some((Some(name.as_str()), reason, mend))
            }
            Some(import) if ty.fits(&import.ty) => None,
            Some(import) => Some((
                Some(name.as_str()),
                misfit("pass", &short, ty, &import.ty),
                one_type(&short),
            )),
        }
    })
}

fn wrong_exports<'a>(ask: &'a FragmentUse, owner: &'a FragmentContract) -> impl Iterator<Item = Finding<'a>> {
    ask.exports.iter().filter_map(|(name, ty)| {
        let short = cut(name);
        match owner.exports.get(name) {
            None => {
                let reason = format!("the pages use `{short}`, which the fragment does not export");
                let mend = format!("export `{short}` (again), or take it out of the tag's `exports`");
                Some((Some(name.as_str()), reason, mend))
            }
            Some(given) if given.fits(ty) => None,
            Some(given) => Some((
                Some(name.as_str()),
                misfit("expect", &short, ty, given),
                one_type(&short),
            )),
        }
    })
}

fn misfit(verb: &str, name: &str, page: &Type, owner: &Type) -> String {
    format!("the pages {verb} `{name}` as {page}, and the fragment says {owner}")
}

fn one_type(name: &str) -> String {
    format!("give `{name}` one type on both sides, and build the side that changes again")
}

fn cut(text: &str) -> String {
    text.chars().take(MAX_SHOWN_NAME_CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask() -> FragmentUse {
        serde_json::from_str(
            r#"{"service":"orders","ref":"checkout","imports":{"dob":"date","note":"any"},
                "exports":{"line":"string","total":"number"},"pages":["a.html","b.html"]}"#,
        )
        .expect("an ask")
    }

    fn contract(json: &str) -> FragmentContract {
        serde_json::from_str(json).expect("a contract")
    }

    /// The attributes of the problems, each with a part of its reason.
    fn check(owner: &str, expected: &[(&str, &str)]) {
        let found = unmet("shop", &ask(), Some(&contract(owner)));
        let names: Vec<_> = found
            .iter()
            .map(|one| one.attribute.as_deref().unwrap_or(""))
            .collect();
        assert_eq!(
            names,
            expected.iter().map(|(name, _)| *name).collect::<Vec<_>>(),
            "{found:?}"
        );
        for (problem, (_, part)) in found.iter().zip(expected) {
            assert!(problem.reason.contains(part), "{}", problem.reason);
            assert!(!problem.mend.is_empty());
            assert_eq!(
                (problem.asker.as_str(), problem.service.as_str()),
                ("shop", "orders")
            );
            assert_eq!(
                (problem.reference.as_str(), &problem.pages),
                ("checkout", &ask().pages)
            );
        }
    }

    const GOOD_EXPORTS: &str = r#""exports":{"line":"string","total":"integer","more":"date"}"#;

    #[test]
    fn a_promise_that_is_kept_or_widened_is_no_problem() {
        let imports =
            r#""imports":{"dob":{"type":"date"},"note":{},"later":{"type":"string","default":"x"}}"#;
        check(&format!("{{{imports},{GOOD_EXPORTS}}}"), &[]);
    }

    #[test]
    fn a_fragment_that_is_gone_is_one_problem() {
        let found = unmet("shop", &ask(), None);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].attribute, None);
        assert!(found[0].reason.contains("`orders` has no fragment `checkout`"));
    }

    #[test]
    fn a_new_required_import_is_missing() {
        let imports = r#""imports":{"dob":{"type":"date"},"note":{},"user":{"type":"string"}}"#;
        check(
            &format!("{{{imports},{GOOD_EXPORTS}}}"),
            &[("user", "needs the import `user` (string)")],
        );
    }

    #[test]
    fn an_import_that_is_gone_or_has_another_type_is_named() {
        let imports = r#""imports":{"dob":{"type":"datetime"}}"#;
        let expected = [
            ("dob", "pass `dob` as date, and the fragment says datetime"),
            ("note", "does not import"),
        ];
        check(&format!("{{{imports},{GOOD_EXPORTS}}}"), &expected);
    }

    #[test]
    fn an_export_that_is_gone_or_has_another_type_is_named() {
        let owner = r#"{"imports":{"dob":{},"note":{}},"exports":{"total":"string"}}"#;
        let expected = [
            ("line", "does not export"),
            ("total", "expect `total` as number, and the fragment says string"),
        ];
        check(owner, &expected);
    }

    #[test]
    fn hostile_names_give_short_and_few_problems() {
        let long = "x".repeat(1 << 16);
        let mut ask = FragmentUse {
            service: long.clone(),
            reference: long.clone(),
            ..FragmentUse::default()
        };
        ask.pages = vec![long.clone(); 1_000];
        ask.exports = (0..1_000).map(|n| (format!("{long}{n}"), Type::Any)).collect();
        let found = unmet(&long, &ask, Some(&FragmentContract::default()));
        assert_eq!(found.len(), MAX_PROBLEMS_PER_USE);
        let size = serde_json::to_string(&found).expect("JSON").len();
        assert!(size < MAX_PROBLEMS_PER_USE * 5_000, "{size}");
        assert!(
            serde_json::to_string(&unmet(&long, &ask, None))
                .expect("JSON")
                .len()
                < 5_000
        );
    }
}
