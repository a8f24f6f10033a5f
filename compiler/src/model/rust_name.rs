//! The name of an attribute in Rust: `postalZip` and `postal-zip` are the field `postal_zip`.
#![deny(clippy::disallowed_methods)]

/// Words that can be a name with `r#` before it.
const KEYWORDS: [&str; 47] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "do", "dyn", "else",
    "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "static", "struct", "trait",
    "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while",
];

/// Words that can't be a name at all.
const NEVER: [&str; 4] = ["crate", "self", "super", "_"];

/// The field for an attribute, without what makes a keyword a name. Two names with the same one can't be told apart in Rust.
#[must_use]
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len() + 4);
    let mut before = '_';
    let mut letters = name.chars().peekable();
    while let Some(letter) = letters.next() {
        let letter = if letter == '-' { '_' } else { letter };
        let inside = before.is_ascii_lowercase() || before.is_ascii_digit();
        // `XMLHttp` is `xml_http`: the last of a row of capitals begins the next word.
        let last_of_row =
            before.is_ascii_uppercase() && letters.peek().is_some_and(|next| next.is_ascii_lowercase());
        if letter.is_ascii_uppercase() && (inside || last_of_row) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
        before = letter;
    }
    snake
}

/// The field for an attribute, as Rust code spells it: `type` is `r#type`, `self` is `self_`.
#[must_use]
pub(crate) fn rust_name(name: &str) -> String {
    let snake = snake_case(name);
    if NEVER.contains(&snake.as_str()) {
        format!("{snake}_")
    } else if KEYWORDS.contains(&snake.as_str()) {
        format!("r#{snake}")
    } else {
        snake
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_fields() {
        for (name, field) in [
            ("address", "address"),
            ("postalZip", "postal_zip"),
            ("postal_zip", "postal_zip"),
            ("postal-zip", "postal_zip"),
            ("addressLine2", "address_line2"),
            ("PostalZip", "postal_zip"),
            ("XMLHttp", "xml_http"),
            ("userID", "user_id"),
            ("line2B", "line2_b"),
            ("_private", "_private"),
            ("type", "r#type"),
            ("Type", "r#type"),
            ("self", "self_"),
            ("crate", "crate_"),
        ] {
            assert_eq!(rust_name(name), field, "{name}");
        }
    }
}
