//! Encrypts cookies for their way through the service of a page: between two calls of gateways, it can neither read nor change
//! them.
#![deny(clippy::disallowed_methods)]

use crate::{limits::KEPT_COOKIES_SECS, pins::random_secret, sealing::Sealing};

const PURPOSE: &str = "hydra cookies of plain services";

/// Encrypts cookies.
pub(crate) struct CookieSeal(Sealing);

/// In which direction cookies are on their way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// The visitor's, on their way to fragments.
    ToFragments,
    /// What fragments set, on its way to the visitor.
    ToVisitor,
}

impl Way {
    fn bound(self) -> &'static str {
        match self {
            Self::ToFragments => "to fragments",
            Self::ToVisitor => "to the visitor",
        }
    }
}

impl CookieSeal {
    /// The seal of an installation with this private key, which also opens what the second one closed. Without any, that of this
    /// process.
    pub(crate) fn of(private_key: Option<&str>, second: Option<&str>) -> Self {
        let secret = private_key.map_or_else(random_secret, str::to_owned);
        Self(Sealing::new(secret.as_bytes(), PURPOSE).with_second(second, PURPOSE))
    }

    /// Texts without line feeds, encrypted at the time `now`, in seconds since 1970. `None` only if the platform's cryptography
    /// fails.
    pub(super) fn close(&self, way: Way, lines: &[&str], now: u64) -> Option<String> {
        let mut text = now.saturating_add(KEPT_COOKIES_SECS).to_string();
        for line in lines {
            text.push('\n');
            text.push_str(line);
        }
        self.0.close(text.as_bytes(), way.bound())
    }

    /// The texts. `None`: a stranger wrote them, or they have been on their way for too long.
    pub(super) fn open(&self, way: Way, sealed: &str, now: u64) -> Option<Vec<String>> {
        let text = String::from_utf8(self.0.open(sealed, way.bound())?).ok()?;
        let mut lines = text.split('\n');
        let until: u64 = lines.next()?.parse().ok()?;
        (now <= until).then(|| lines.map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_come_back_on_their_own_way_and_in_time_only() {
        let seal = CookieSeal::of(Some("a secret of this test"), None);
        for lines in [&[][..], &["a=1"], &["a=1; b=2", "c=é"]] {
            let sealed = seal.close(Way::ToFragments, lines, 1_000).expect("sealed");
            let open = |way, now| seal.open(way, &sealed, now);
            assert_eq!(
                open(Way::ToFragments, 1_000 + KEPT_COOKIES_SECS).as_deref(),
                Some(&lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()[..])
            );
            assert_eq!(open(Way::ToFragments, 1_001 + KEPT_COOKIES_SECS), None);
            assert_eq!(open(Way::ToVisitor, 1_000), None);
            let other = CookieSeal::of(Some("another secret"), Some("a secret of this test"));
            assert!(other.open(Way::ToFragments, &sealed, 1_000).is_some());
            let stranger = CookieSeal::of(Some("another secret"), None);
            assert_eq!(stranger.open(Way::ToFragments, &sealed, 1_000), None);
        }
        for bad in ["", "x", "AAAA"] {
            assert_eq!(seal.open(Way::ToVisitor, bad, 0), None, "{bad}");
        }
    }
}
