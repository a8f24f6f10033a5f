//! Finds out whether an expression prints a part of the page unchanged, or makes a value of it.
//!
//! While Tera renders, a fragment is a marker. It is right where it is printed whole, and wrong where an expression looks at it.
#![deny(clippy::disallowed_methods)]

use crate::{
    expression_names::{WHOLE_CONTEXT, words},
    source::Span,
};

/// The name under which a component has what stands between the tags of its call.
pub(super) const BODY: &str = "body";

/// Whether an expression is `super()`, and nothing else is done with it.
pub(super) fn is_super(expression: &str) -> bool {
    let called = without_safe(expression)
        .strip_prefix("super")
        .map(str::trim_start);
    let inside = called.and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
    inside.is_some_and(|inside| inside.trim().is_empty())
}

/// Whether an expression is one call of a component, `<card />`, and nothing else is done with it.
pub(super) fn is_call(expression: &str) -> bool {
    let expression = without_safe(expression);
    if !expression.starts_with('<') {
        return false;
    }
    let (mut depth, mut quote) = (0_usize, None);
    for (at, byte) in expression.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'{' | b'[' | b'(') => depth += 1,
            (None, b'}' | b']' | b')') => depth = depth.saturating_sub(1),
            (None, b'/') if depth == 0 && expression[at..].starts_with("/>") => {
                return at + 2 == expression.len();
            }
            _ => {}
        }
    }
    false
}

/// Whether a printed expression in a component leaves the body as it is: it does not use it, or prints it alone.
pub(super) fn prints_body(text: &str, expression: Span) -> bool {
    if !uses_body(text, expression) {
        return true;
    }
    let shown = without_safe(text.get(expression.range()).unwrap_or_default());
    let Some(rest) = shown.strip_prefix(BODY).map(str::trim) else {
        return false;
    };
    let default = rest
        .strip_prefix('|')
        .and_then(|rest| rest.trim_start().strip_prefix("default"));
    let arguments = default.and_then(|rest| rest.trim_start().strip_prefix('(')?.strip_suffix(')'));
    rest.is_empty()
        || arguments
            .is_some_and(|arguments| !arguments.contains(['(', ')', '|']) && !arguments.contains(BODY))
}

/// Whether a condition in a component does no more with the body than to find out whether there is one.
pub(super) fn asks_for_body(text: &str, condition: Span) -> bool {
    let (start, end) = (condition.start as usize, condition.end as usize);
    words(text, condition).iter().all(|(name, place)| {
        let before = text.get(start..place.start as usize).unwrap_or_default();
        let behind = text.get(place.end as usize..end).unwrap_or_default();
        match *name {
            BODY => stands_alone(before, behind),
            name => name != WHOLE_CONTEXT,
        }
    })
}

/// Whether a name between these texts is a condition by itself.
fn stands_alone(before: &str, behind: &str) -> bool {
    let last = before.split_ascii_whitespace().next_back();
    let mut words = behind.split_ascii_whitespace();
    let first = match words.next() {
        Some("is") => match words.next() {
            Some("defined" | "undefined") => words.next(),
            Some("not") if matches!(words.next(), Some("defined" | "undefined")) => words.next(),
            _ => return false,
        },
        first => first,
    };
    last.is_none_or(|word| matches!(word, "and" | "or" | "not"))
        && first.is_none_or(|word| matches!(word, "and" | "or"))
}

/// Whether an expression uses the body of its component, or the whole context with it.
pub(super) fn uses_body(text: &str, expression: Span) -> bool {
    words(text, expression)
        .iter()
        .any(|(name, _)| matches!(*name, BODY | WHOLE_CONTEXT))
}

/// An expression without white space around it and without `| safe` at its end.
fn without_safe(expression: &str) -> &str {
    let mut expression = expression.trim();
    while let Some(rest) = expression.strip_suffix("safe") {
        let Some(rest) = rest.trim_end().strip_suffix('|') else {
            break;
        };
        expression = rest.trim_end();
    }
    expression
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn super_alone_is_told_from_what_is_made_of_it() {
        for (expression, alone) in [
            ("super()", true),
            (" super ( ) ", true),
            ("super() | safe", true),
            ("super()|safe | safe", true),
            ("super() | upper", false),
            ("super() ~ 'a'", false),
            ("(super())", false),
            ("super() if a else b", false),
            ("superb()", false),
            ("f(x=super())", false),
        ] {
            assert_eq!(is_super(expression), alone, "{expression}");
        }
    }

    #[test]
    fn a_call_alone_is_told_from_what_is_made_of_it() {
        for (expression, alone) in [
            ("<card />", true),
            ("<card/> | safe", true),
            ("<ui.card a={b / c} d='/>' />", true),
            ("<card a={<icon />} />", true),
            ("<card /> | upper", false),
            ("<card /> ~ <card />", false),
            ("a < b", false),
            ("<card a='", false),
        ] {
            assert_eq!(is_call(expression), alone, "{expression}");
        }
    }

    #[test]
    fn a_body_is_printed_or_looked_at() {
        for (expression, printed, asked) in [
            ("body", true, true),
            ("a", true, true),
            ("'body'", true, true),
            ("body | safe", true, false),
            ("body | default(value='')", true, false),
            ("body | default(value=body | upper)", false, false),
            ("body | truncate(length=5)", false, false),
            ("body ~ a", false, false),
            ("body.length", false, false),
            ("body[0]", false, false),
            ("not body and a", false, true),
            ("a == 1 or body", false, true),
            ("body is defined", false, true),
            ("body is not undefined or a", false, true),
            ("body is containing('a')", false, false),
            ("body == 'a'", false, false),
            ("a in body", false, false),
            ("__tera_context", false, false),
        ] {
            let span = Span::new(0, expression.len());
            assert_eq!(prints_body(expression, span), printed, "{expression}");
            assert_eq!(asks_for_body(expression, span), asked, "{expression}");
        }
    }
}
