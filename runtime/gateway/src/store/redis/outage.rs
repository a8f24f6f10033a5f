//! What happens when Redis is away: the gateway goes on with its mirror, and tells operators why.
#![deny(clippy::disallowed_methods)]

use std::sync::PoisonError;

use redis::RedisError;

use super::{RedisStore, link::is_closed};

impl RedisStore {
    /// Records that Redis could not be reached: the gateway goes on with its mirror, and
    /// [`Store::outage`](super::Store::outage) tells operators why.
    pub(super) fn record_outage(&self, error: &RedisError) {
        self.link.close();
        let kind = describe(error, &self.prefix);
        let now = format!("{kind}: this is what was last known");
        let mut outage = self.outage.lock().unwrap_or_else(PoisonError::into_inner);
        // An error that only says the connection is closed does not tell why. The reason is recorded by the call that
        // closed the connection, or by the next attempt to connect.
        if outage.is_some() && is_closed(error) {
            return;
        }
        let before = outage.replace(now);
        if before != *outage {
            tracing::error!(%error, "{kind}: the gateway goes on with what it knows");
        }
        if before.is_none() {
            metrics::counter!("hydra_redis_lost_total").increment(1);
        }
        metrics::gauge!("hydra_redis_up").set(0.0);
    }

    /// Records that Redis was reached.
    pub(super) fn clear_outage(&self) {
        if self
            .outage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
            .is_some()
        {
            tracing::info!("Redis is reachable");
            metrics::gauge!("hydra_redis_up").set(1.0);
        }
    }
}

/// Describes an error of Redis, and the permission that is missing if Redis refuses one. `prefix` is the prefix of
/// all keys and channels.
fn describe(error: &RedisError, prefix: &str) -> String {
    if is_closed(error) {
        return "There is no connection to Redis".to_owned();
    }
    of(error.code(), &error.to_string(), prefix)
}

fn of(code: Option<&str>, text: &str, prefix: &str) -> String {
    // Before Redis 7, and for permissions also later, an error inside of a script has another code.
    let says = |code_of: &str| {
        code == Some(code_of) || (code == Some("ERR") && text.contains(&format!("{code_of} ")))
    };
    let is_refused = says("NOPERM") || text.contains("The user executing the script can't");
    if is_refused {
        return format!(
            "Redis refuses its user a permission: {} is missing",
            permission(text, prefix)
        );
    }
    let kind = match () {
        () if says("OOM") => "Redis is full",
        () if says("READONLY") => "Redis is a read-only replica",
        () if says("NOAUTH") => "Redis wants a password",
        () if says("WRONGPASS") || text.contains("AuthenticationFailed") => {
            "Redis refuses the user or the password"
        }
        () if text.contains("peer certificate") => "Redis shows a certificate that is not trusted",
        () if says("LOADING") => "Redis is loading its data",
        () => "Redis is away",
    };
    kind.to_owned()
}

/// The missing permission as `ACL SETUSER` writes it. Redis does not name the commands in scripts.
fn permission(text: &str, prefix: &str) -> String {
    if text.contains("channel") {
        format!("&{prefix}*")
    } else if text.contains("keys") {
        format!("~{prefix}*")
    } else if let Some((_, command)) = text.split_once("run the '")
        && let Some((command, _)) = command.split_once('\'')
    {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '|');
        format!(
            "+{}",
            command
                .chars()
                .filter(|c| is_plain(*c))
                .take(50)
                .collect::<String>()
        )
    } else {
        "one of +@read +@write +@pubsub +time".to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_names_what_is_missing() {
        let script = "The user executing the script can't";
        for (code, text, expected) in [
            (
                "NOPERM",
                "this user has no permissions to access one of the keys used as arguments",
                "~hydra*",
            ),
            (
                "NOPERM",
                "this user has no permissions to access one of the channels used as arguments",
                "&hydra*",
            ),
            (
                "NOPERM",
                "this user has no permissions to run the 'evalsha' command",
                "+evalsha",
            ),
            (
                "NOPERM",
                "User a has no permissions to run the 'client|setinfo' command",
                "+client|setinfo",
            ),
            (
                "ERR",
                &format!("{script} access at least one of the keys mentioned in the command"),
                "~hydra*",
            ),
            (
                "ERR",
                &format!("{script} publish to the channel mentioned in the command"),
                "&hydra*",
            ),
            (
                "ERR",
                &format!("{script} run this command or subcommand"),
                "+@read +@write",
            ),
        ] {
            let described = of(Some(code), text, "hydra");
            let names_it = described.starts_with("Redis refuses") && described.contains(expected);
            assert!(names_it, "{text}: {described}");
        }
    }

    #[test]
    fn every_other_trouble_has_its_words() {
        for (code, text, expected) in [
            (Some("OOM"), "command not allowed", "Redis is full"),
            (
                Some("ERR"),
                "Error running script: OOM command not allowed",
                "Redis is full",
            ),
            (
                Some("READONLY"),
                "You can't write",
                "Redis is a read-only replica",
            ),
            (
                Some("ERR"),
                "script: READONLY You can't write",
                "Redis is a read-only replica",
            ),
            (
                Some("NOAUTH"),
                "Authentication required.",
                "Redis wants a password",
            ),
            (
                Some("WRONGPASS"),
                "invalid username-password pair",
                "Redis refuses the user or the password",
            ),
            (
                Some("LOADING"),
                "Redis is loading the dataset in memory",
                "Redis is loading its data",
            ),
            (
                None,
                "invalid peer certificate: UnknownIssuer",
                "Redis shows a certificate that is not trusted",
            ),
            (None, "connection refused", "Redis is away"),
        ] {
            assert_eq!(of(code, text, "hydra"), expected, "{text}");
        }
    }
}
