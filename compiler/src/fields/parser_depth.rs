//! How deep the Rust parser would call itself for a file. It has no bound of its own, so that a file could exhaust the stack.
//!
//! Functions of the parser call themselves for a group in brackets, for a sign before a value, for a type inside of a type, and
//! for a method of a value; what they make is dropped and visited as deep. None of these takes less than one token, and none goes
//! on behind a `;`, or a `,` that separates values or types. So the tokens since the last such separator, with those before the
//! groups around them, are as many calls as there can be.
#![deny(clippy::disallowed_methods)]

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::limits::MAX_RUST_TOKEN_DEPTH;

/// What a group in brackets counts, in tokens: the parser goes through many functions to get into one.
const TOKENS_OF_GROUP: usize = 16;

/// The words behind which `!` negates a value, or is a type. Behind other words it calls a macro, whose tokens are not parsed.
const NO_MACROS: [&str; 14] = [
    "as", "become", "box", "break", "const", "else", "if", "impl", "in", "match", "mut", "return", "while",
    "yield",
];

/// Whether a file is too deep to be parsed.
pub(super) fn is_too_deep(file: TokenStream) -> bool {
    !fits(file, 0, true)
}

/// `depth`: how many tokens count already. `parsed`: whether the tokens are, which those of macros are not.
fn fits(tokens: TokenStream, depth: usize, parsed: bool) -> bool {
    let mut run = Run::new(depth, parsed);
    let mut rest = tokens.into_iter().peekable();
    while let Some(token) = rest.next() {
        let fits_inside = match &token {
            TokenTree::Group(group) => {
                let inside = parsed && !matches!(run.before, Before::Macro | Before::NamedMacro);
                fits(group.stream(), run.depth + TOKENS_OF_GROUP, inside)
            }
            _ => true,
        };
        run.add(&token, rest.peek());
        if !fits_inside || run.depth > MAX_RUST_TOKEN_DEPTH {
            return false;
        }
    }
    true
}

/// Tokens of one group, one after the other.
struct Run {
    /// Where the group begins.
    start: usize,
    /// The tokens that count so far.
    depth: usize,
    parsed: bool,
    /// How many counted at each `<` that is open. A comparison is never closed, which does no harm.
    open: Vec<usize>,
    /// Whether the arguments of a closure are open.
    in_pipes: bool,
    before: Before,
}

/// What stands right before a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Other,
    /// A word behind which `!` calls a macro.
    Name,
    /// The name of a macro and `!`.
    Macro,
    /// The same with the name that the macro defines, as in `macro_rules! name`.
    NamedMacro,
    /// The `'` of a lifetime.
    Quote,
    /// The `#` or `#!` of an attribute.
    Hash,
    /// The `-` or `=` of an arrow.
    Arrow,
}

impl Run {
    fn new(start: usize, parsed: bool) -> Self {
        Self {
            start,
            depth: start,
            parsed,
            open: Vec::new(),
            in_pipes: false,
            before: Before::Other,
        }
    }

    fn add(&mut self, token: &TokenTree, next: Option<&TokenTree>) {
        if !self.parsed {
            return;
        }
        let before = std::mem::replace(&mut self.before, Before::Other);
        match token {
            TokenTree::Punct(sign) => match sign.as_char() {
                ';' => self.end(),
                ',' if !self.in_pipes => self.depth = self.open.last().copied().unwrap_or(self.start),
                // Attributes of one value are read one after the other.
                '#' => self.before = Before::Hash,
                '!' if before == Before::Hash => self.before = Before::Hash,
                '!' if before == Before::Name => self.sign(Before::Macro),
                '<' => {
                    self.sign(Before::Other);
                    self.open.push(self.depth);
                }
                '>' if before != Before::Arrow => {
                    self.open.pop();
                    self.sign(Before::Other);
                }
                '|' => {
                    self.in_pipes = !self.in_pipes;
                    self.sign(Before::Other);
                }
                '-' | '=' => self.sign(Before::Arrow),
                '\'' => self.sign(Before::Quote),
                _ => self.sign(Before::Other),
            },
            TokenTree::Ident(_) if before == Before::Macro => self.sign(Before::NamedMacro),
            TokenTree::Ident(_) if before == Before::Quote => self.sign(Before::Other),
            TokenTree::Ident(name) => match NO_MACROS.iter().any(|word| name == word) {
                true => self.sign(Before::Other),
                false => self.sign(Before::Name),
            },
            TokenTree::Group(_) if before == Before::Hash => {}
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace && ends_behind(next) => {
                self.end()
            }
            TokenTree::Group(_) | TokenTree::Literal(_) => self.sign(Before::Other),
        }
    }

    fn sign(&mut self, before: Before) {
        self.depth += 1;
        self.before = before;
    }

    fn end(&mut self) {
        self.depth = self.start;
        self.open.clear();
        self.in_pipes = false;
    }
}

/// Whether a block ends all that it is a part of. A sign and some words go on with it.
fn ends_behind(next: Option<&TokenTree>) -> bool {
    match next {
        Some(TokenTree::Punct(sign)) => sign.as_char() == '#',
        Some(TokenTree::Ident(word)) => word != "as" && word != "else" && word != "in",
        _ => true,
    }
}
