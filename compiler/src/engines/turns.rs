//! What other engines know about the turn of a loop.

use super::tokens::{before, tokens};

/// The names of a loop there and here.
const TURNS: [(&str, &str); 22] = [
    ("counter0", "loop.index0"),
    ("counter", "loop.index"),
    ("revcounter0", "loop.length - loop.index"),
    ("revcounter", "loop.length - loop.index0"),
    ("revindex0", "loop.length - loop.index"),
    ("revindex", "loop.length - loop.index0"),
    ("rindex0", "loop.length - loop.index"),
    ("rindex", "loop.length - loop.index0"),
    ("remaining", "loop.length - loop.index"),
    ("iteration", "loop.index"),
    ("count", "loop.length"),
    ("size", "loop.length"),
    ("total", "loop.length"),
    ("even", "loop.index is even"),
    ("odd", "loop.index is odd"),
    ("has_next", "not loop.last"),
    ("hasNext", "not loop.last"),
    ("isFirst", "loop.first"),
    ("isLast", "loop.last"),
    ("is_first", "loop.first"),
    ("is_last", "loop.last"),
    ("velocityCount", "loop.index"),
];

/// The names that other engines give the turn of a loop.
const LOOPS: [&str; 5] = ["forloop", "loop", "$loop", "foreach", "$foreach"];

/// The name of the turn here: of `forloop.counter`, `loop.revindex` and the like. `None`: the name is Tera's own, or none of a loop.
pub(super) fn here(there: &str, member: &str) -> Option<String> {
    let own = ["index", "index0", "first", "last", "length"];
    if !LOOPS.contains(&there) {
        return None;
    }
    let counts_from_0 = matches!(there, "$loop" | "$foreach" | "foreach") && member == "index";
    let found = TURNS
        .iter()
        .find(|(name, _)| *name == member)
        .map(|(_, here)| *here);
    match found {
        _ if counts_from_0 => Some("loop.index0".to_owned()),
        Some(here) => Some(here.to_owned()),
        None => (own.contains(&member) && there != "loop").then(|| format!("loop.{member}")),
    }
}

/// An expression with Tera's names for the turns of loops. `None`: it has no others.
pub(super) fn written(expression: &str) -> Option<String> {
    let found = tokens(expression);
    let mut new = String::new();
    let mut changed = false;
    let mut at = 0;
    while let Some(token) = found.get(at) {
        let member = match found.get(at + 1..at + 3) {
            Some([dot, member]) if matches!(dot.text, "." | "->") => Some(member.text),
            _ => None,
        };
        let turn = member
            .filter(|_| !matches!(before(&found, at), Some("." | "->")))
            .and_then(|member| here(token.text, member));
        new.push_str(token.space);
        match turn {
            Some(turn) => {
                let is_alone = found.len() == 3 || !turn.contains(' ');
                new.push_str(&if is_alone { turn } else { format!("({turn})") });
                changed = true;
                at += 3;
            }
            None => {
                new.push_str(token.text);
                at += 1;
            }
        }
    }
    changed.then(|| new.trim().to_owned())
}

/// `loop.parent.index`, `forloop.parentloop.counter` and `loop.previtem`: what to do instead.
pub(super) fn idea(expression: &str) -> Option<&'static str> {
    let found = tokens(expression);
    let names: Vec<&str> = found.iter().map(|token| token.text).collect();
    let mut members = names.windows(3).filter_map(|three| match three {
        [owner, "." | "->", member] if LOOPS.contains(owner) => Some(*member),
        _ => None,
    });
    Some(match members.next()? {
        "parent" | "parentloop" | "depth" => {
            "keep it before the inner loop, `{% set outer = loop.index %}`, and print `{{ outer }}`"
        }
        "changed" => {
            "compare with what the turn before kept: `{% if x != before %}…{% endif %}{% set_global before = x %}`"
        }
        "previtem" | "prev" => {
            "reach into the list: `{{ list[loop.index0 - 1] }}` where `loop.first` is false"
        }
        "nextitem" | "next" => "reach into the list: `{{ list[loop.index] }}` where `loop.last` is false",
        "cycle" => "write `{{ \"odd\" if loop.index is odd else \"even\" }}`",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_have_tera_s_names() {
        for (text, expected) in [
            ("forloop.counter", "loop.index"),
            ("forloop.counter0 + 1", "loop.index0 + 1"),
            ("not forloop.first", "not loop.first"),
            ("loop.revindex", "loop.length - loop.index0"),
            ("loop.revindex == 1", "(loop.length - loop.index0) == 1"),
            ("$loop->index", "loop.index0"),
            ("$loop->iteration", "loop.index"),
            ("loop.index", ""),
            ("a.loop.count", ""),
            ("forloop", ""),
            ("", ""),
        ] {
            assert_eq!(written(text).unwrap_or_default(), expected, "{text}");
        }
        assert!(idea("forloop.parentloop.counter").is_some());
        assert!(idea("loop.index").is_none());
    }
}
