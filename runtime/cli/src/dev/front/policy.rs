//! Lets the script into pages whose Content-Security-Policy would block it.
#![deny(clippy::disallowed_methods)]

/// A policy that admits one script, by its address and its nonce, and one address to connect to. All else stays as strict as it was.
pub(super) fn admitting(policy: &str, script: &str, nonce: &str, events: &str) -> String {
    // Policies with commas between them all hold.
    let one = |policy: &str| {
        let mut directives: Vec<Directive> = policy.split(';').map(Directive::of).collect();
        for (names, admit) in [
            (
                &["script-src-elem", "script-src", "default-src"][..],
                &(|directive: &Directive| directive.admits_script(script, nonce))
                    as &dyn Fn(&Directive) -> String,
            ),
            (&["connect-src", "default-src"], &|_| events.to_owned()),
        ] {
            let place = names
                .iter()
                .find_map(|name| directives.iter().position(|one| one.is(name)));
            if let Some(directive) = place.and_then(|place| directives.get_mut(place)) {
                let more = admit(directive);
                directive.add(&more);
            }
        }
        let texts: Vec<&str> = directives.iter().map(|directive| directive.0.as_str()).collect();
        texts.join(";")
    };
    policy.split(',').map(one).collect::<Vec<_>>().join(",")
}

/// A directive as it is written.
struct Directive(String);

impl Directive {
    fn of(text: &str) -> Self {
        Self(text.to_owned())
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    fn is(&self, name: &str) -> bool {
        self.words()
            .next()
            .is_some_and(|word| word.eq_ignore_ascii_case(name))
    }

    /// What admits a script: its nonce if addresses do not count, else its address, beside which `'unsafe-inline'` goes on to count.
    fn admits_script(&self, script: &str, nonce: &str) -> String {
        match self
            .words()
            .any(|word| word.eq_ignore_ascii_case("'strict-dynamic'"))
        {
            true => format!("'nonce-{nonce}'"),
            false => script.to_owned(),
        }
    }

    /// Adds a source. Beside another one, `'none'` does not count.
    fn add(&mut self, source: &str) {
        if !self.words().any(|word| word == source) {
            self.0.push(' ');
            self.0.push_str(source);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_and_its_events_are_admitted_and_nothing_else() {
        for (policy, expected) in [
            ("", ""),
            ("img-src *", "img-src *"),
            ("default-src 'none'", "default-src 'none' /s /e"),
            (
                "script-src 'self'; object-src 'none'",
                "script-src 'self' /s; object-src 'none'",
            ),
            (
                "Default-Src 'self'; SCRIPT-SRC 'nonce-x' 'strict-dynamic'",
                "Default-Src 'self' /e; SCRIPT-SRC 'nonce-x' 'strict-dynamic' 'nonce-n'",
            ),
            (
                "script-src 'none'; script-src-elem 'unsafe-inline'; connect-src 'none'",
                "script-src 'none'; script-src-elem 'unsafe-inline' /s; connect-src 'none' /e",
            ),
            (
                "script-src 'self', script-src *",
                "script-src 'self' /s, script-src * /s",
            ),
        ] {
            assert_eq!(admitting(policy, "/s", "n", "/e"), expected, "{policy}");
        }
    }
}
