//! What the earlier parts of a template say about a later one: the value that a `case` compares, the macros that there are, and the
//! blocks of Handlebars and Go that are open.

use super::{
    Meant,
    components::{self, Macro, is_name},
    handlebars::{argument, item, word},
    keywords::range,
    tokens::{split, text_at, tokens},
};
use crate::{delimiters::first_word, slips::PartKind, within::Within};

/// How many blocks in each other are remembered.
const MOST_OPEN: usize = 64;
/// How many macros are remembered.
const MOST_MACROS: usize = 256;

/// What the parts before one say.
#[derive(Default)]
pub(super) struct Context<'t> {
    macros: Vec<Macro<'t>>,
    modules: Vec<&'t str>,
    open: Vec<Open<'t>>,
}

/// A block that is open.
enum Open<'t> {
    /// `{% case a %}` or `{% switch a %}`: its value, and whether it has no `when` yet.
    Case {
        word: &'t str,
        value: &'t str,
        is_fresh: bool,
    },
    /// `{{#each a}}` or `{{ range .A }}`: what its items are called here.
    Loop(String),
    /// Any other block of Handlebars or Go.
    Block(&'t str),
}

impl<'t> Context<'t> {
    /// What a part was meant to be, where an earlier part tells. The part counts for those behind it.
    pub(super) fn meant(&mut self, kind: PartKind, inside: &'t str) -> Option<Meant> {
        match kind {
            PartKind::Statement => self.statement(inside),
            PartKind::Print => self.print(inside),
        }
    }

    fn statement(&mut self, inside: &'t str) -> Option<Meant> {
        let word = first_word(inside);
        let rest = inside.within(word.len()..).trim();
        match word {
            "macro" => self.define(Macro {
                called: first_word(rest),
                name: first_word(rest),
                parameters: components::parameters(rest),
            }),
            "from" => components::imported(rest)
                .into_iter()
                .for_each(|found| self.define(found)),
            "import" if self.modules.len() < MOST_MACROS => self.modules.extend(components::module(rest)),
            "case" | "when" if self.is_in_case(word) && !rest.is_empty() => return self.when(word, rest),
            "default" | "otherwise" if rest.is_empty() && self.case().is_some() => {
                return no_statement(word, "write `{% else %}`".to_owned());
            }
            "case" | "switch" if !rest.is_empty() && self.open.len() < MOST_OPEN => {
                let (value, is_fresh) = (rest, true);
                self.open.push(Open::Case {
                    word,
                    value,
                    is_fresh,
                });
                let help = format!(
                    "write `{{% if {value} == 1 %}}…{{% elif {value} == 2 %}}…{{% else %}}…{{% endif %}}`, with the values of its cases"
                );
                return no_statement(word, help);
            }
            "endcase" | "endswitch" if self.case().is_some() => {
                self.open.pop();
                return no_statement(word, "write `{% endif %}`".to_owned());
            }
            _ => {}
        }
        None
    }

    fn define(&mut self, found: Macro<'t>) {
        if self.macros.len() < MOST_MACROS {
            self.macros.push(found);
        }
    }

    /// The word, the value and the state of the case that is open.
    fn case(&mut self) -> Option<(&'t str, &'t str, &mut bool)> {
        match self.open.last_mut()? {
            Open::Case {
                word,
                value,
                is_fresh,
            } => Some((*word, *value, is_fresh)),
            _ => None,
        }
    }

    /// Whether a word begins a case of the statement that is open: `case` in a `switch`, and `when` in either.
    fn is_in_case(&mut self, word: &str) -> bool {
        self.case()
            .is_some_and(|(open, ..)| word == "when" || open == "switch")
    }

    /// `when 'a'` and `case 'a'`
    fn when(&mut self, word: &str, rest: &str) -> Option<Meant> {
        let (open, value, is_fresh) = self.case()?;
        let keyword = if std::mem::take(is_fresh) { "if" } else { "elif" };
        let rest = rest.trim_end_matches(':').trim_end().replace(" or ", ", ");
        let sign = match split(&tokens(&rest), ",").len() {
            1 => format!("== {rest}"),
            _ => format!("in [{rest}]"),
        };
        let first = match keyword {
            "if" => format!(", which takes the place of its `{open}`, too"),
            _ => String::new(),
        };
        no_statement(word, format!("write `{{% {keyword} {value} {sign} %}}`{first}"))
    }

    fn print(&mut self, inside: &'t str) -> Option<Meant> {
        if let Some(meant) = self.of_macro(inside) {
            return Some(meant);
        }
        if let Some(rest) = inside
            .strip_prefix('#')
            .filter(|rest| !rest.starts_with(['>', '*']))
        {
            let (name, given) = (word(rest), argument(rest));
            return self.begin(match name {
                "each" => Open::Loop(item(given).to_owned()),
                name => Open::Block(name),
            });
        }
        if let Some(name) = inside.strip_prefix('/').filter(|name| is_name(word(name))) {
            return self.close(word(name), "Tera has no `{{/…}}`");
        }
        match word(inside) {
            "range" if argument(inside).starts_with(['.', '$']) => {
                let header = range(argument(inside));
                let item = header.trim_start_matches("for ").split(' ').next();
                self.begin(Open::Loop(item.unwrap_or("item").to_owned()))
            }
            name @ ("if" | "with" | "block" | "define") if !argument(inside).is_empty() => {
                self.begin(Open::Block(name))
            }
            "end" if inside.trim() == "end" => self.close("end", "Tera's ends are named"),
            _ => self.of_item(inside),
        }
    }

    fn begin(&mut self, open: Open<'t>) -> Option<Meant> {
        if self.open.len() < MOST_OPEN {
            self.open.push(open);
        }
        None
    }

    /// The end of the block that is open.
    fn close(&mut self, name: &str, message: &str) -> Option<Meant> {
        let open = self.open.pop_if(|open| match open {
            Open::Case { .. } => false,
            Open::Loop(_) => matches!(name, "each" | "end"),
            Open::Block(open) => matches!(name, "end") || *open == name,
        })?;
        let help = match open {
            Open::Loop(_) => "write `{% endfor %}`",
            Open::Block("with") if name == "with" => {
                "remove it: what `{% set %}` sets counts to the end of its block"
            }
            Open::Block("if" | "unless" | "with") => "write `{% endif %}`",
            Open::Block("block" | "define") => "write `{% endblock %}`",
            _ => return None,
        };
        Meant::new(message, help)
    }

    /// `this.name` of Handlebars and `.Name` of Go in a loop.
    fn of_item(&self, inside: &str) -> Option<Meant> {
        let item = self.open.iter().rev().find_map(|open| match open {
            Open::Loop(item) => Some(Some(item)),
            Open::Block("with" | "define") => Some(None),
            _ => None,
        })??;
        let member = inside
            .strip_prefix("this")
            .or_else(|| inside.strip_prefix('.').map(|_| inside))?;
        let member = if inside == "." { "" } else { member };
        let name = member.strip_prefix('.');
        let is_member = member.is_empty() || name.is_some_and(|path| path.split('.').all(is_name));
        let message = match inside.starts_with('.') {
            true => "names begin without a dot",
            false => "`this` means nothing here",
        };
        let help = format!("write `{{{{ {item}{member} }}}}`: the loop names its items `{item}`");
        Meant::new(message, help).filter(|_| is_member)
    }

    /// `field("a")`, `forms.field("a")` and `_self.field("a")` of Jinja, Twig and Tera 1.
    fn of_macro(&self, inside: &str) -> Option<Meant> {
        let (module, name, given) = components::called(inside)?;
        let known = self.macros.iter().rev().find(|known| known.called == name);
        let is_macro = match module {
            None => known.is_some(),
            Some(module) => {
                module == "_self" || self.modules.contains(&module) || text_at(&tokens(inside), 1) == "::"
            }
        };
        let (name, parameters) = known.map_or((name, &[] as &[&str]), |known| {
            (known.name, known.parameters.as_slice())
        });
        let call = components::call(name, &given, parameters);
        Meant::new(
            "Tera 2 has components instead of macros",
            format!("write `{{{{ {call} }}}}`, with the names of the component's arguments"),
        )
        .filter(|_| is_macro)
    }
}

fn no_statement(word: &str, help: String) -> Option<Meant> {
    Meant::new(format!("Tera has no statement `{word}`"), help)
}

#[cfg(test)]
mod tests {
    use super::{super::in_tera, MOST_OPEN};
    use crate::source::SourceId;

    fn helps(text: &str) -> Vec<String> {
        let problems = in_tera(SourceId(0), text);
        let helps = problems.into_iter().filter_map(|problem| problem.help);
        helps.map(std::borrow::Cow::into_owned).collect()
    }

    #[test]
    fn an_earlier_part_tells_what_a_later_one_means() {
        for (text, expected) in [
            (
                "{% case a.b %}{% when 1 %}x{% endcase %}",
                "write `{% if a.b == 1 %}`, which takes the place of its `case`, too",
            ),
            (
                "{% case a %}{% when 1 or 2 %}x{% endcase %}",
                "write `{% if a in [1, 2] %}`, which takes the place of its `case`, too",
            ),
            (
                "{% switch a %}{% case 'x' %}y{% default %}z{% endswitch %}",
                "write `{% if a == 'x' %}`, which takes the place of its `switch`, too",
            ),
            (
                "{% switch a %}{% case 'x' %}y{% default %}z{% endswitch %}",
                "write `{% else %}`",
            ),
            ("{% case a %}{% when 1 %}x{% endcase %}", "write `{% endif %}`"),
            (
                "{{#each as as |a|}}{{#if a}}{{this.b}}{{/if}}{{/each}}",
                "write `{{ a.b }}`: the loop names its items `a`",
            ),
            (
                "{{#each as}}{{this}}{{/each}}",
                "write `{{ item }}`: the loop names its items `item`",
            ),
            (
                "{{ range $i, $x := .Xs }}{{ .Name }}{{ end }}",
                "write `{{ x.Name }}`: the loop names its items `x`",
            ),
            ("{{ range .Xs }}{{ . }}{{ end }}", "write `{% endfor %}`"),
            ("{{ if .A }}x{{ end }}", "write `{% endif %}`"),
            ("{{ define \"a\" }}x{{ end }}", "write `{% endblock %}`"),
        ] {
            let found = helps(text);
            assert!(found.iter().any(|help| help == expected), "{text}: {found:#?}");
        }
    }

    #[test]
    fn a_name_belongs_to_the_innermost_block() {
        for text in [
            "{{#each as}}{{#with b}}{{this.c}}{{/with}}{{/each}}",
            "{{#each as}}x{{/each}}{{this.c}}",
            "{{ range .As }}{{ with .B }}{{ .C }}{{ end }}{{ end }}",
        ] {
            let found = helps(text);
            assert!(
                !found.iter().any(|help| help.contains("the loop names its items")),
                "{text}: {found:#?}"
            );
        }
    }

    #[test]
    fn blocks_without_end_are_bounded() {
        let text = "{{#each as}}{% case a %}".repeat(20 * MOST_OPEN) + "{{this.b}}{% endcase %}{{/each}}";
        assert!(!helps(&text).is_empty());
    }
}
