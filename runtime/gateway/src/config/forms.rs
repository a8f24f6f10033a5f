//! The settings of forms.
#![deny(clippy::disallowed_methods)]

use http::StatusCode;
use hydra_runtime_wire::{cookies, lines, routes::pattern};
use url::Url;

use super::{ConfigError, GatewayConfig, PlainService};
use crate::limits::{MAX_FORM_ADDRESSES, MAX_KEPT_COOKIE_NAME_BYTES, MAX_KEPT_COOKIES};

impl PlainService {
    /// The status with which the service shows a form again.
    pub(crate) fn shows_again_with(&self) -> StatusCode {
        let stated = self.invalid.and_then(|status| StatusCode::from_u16(status).ok());
        stated.unwrap_or(StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// What is wrong with its forms.
    fn wrong_form(&self) -> Option<String> {
        if !matches!(self.invalid, None | Some(200 | 400 | 422)) {
            return Some("`invalid` must be 200, 400 or 422".to_owned());
        }
        if let Some(reason) = self.wrong_cookies() {
            return Some(reason);
        }
        if self.forms.values().map(Vec::len).sum::<usize>() > MAX_FORM_ADDRESSES {
            return Some(format!("its forms have more than {MAX_FORM_ADDRESSES} paths"));
        }
        let unknown = self.forms.keys().find(|name| !self.fragments.contains_key(*name));
        if let Some(name) = unknown {
            let name = lines::cut(name);
            return Some(format!("`forms.{name}`: `fragments` has no `{name}`"));
        }
        let mut paths = self
            .forms
            .iter()
            .flat_map(|(name, paths)| paths.iter().map(move |path| (name, path)));
        paths.find_map(|(name, path)| {
            let bad = pattern::parse(path).err()?;
            Some(format!(
                "`forms.{}`: `{}`: {bad}",
                lines::cut(name),
                lines::cut(path)
            ))
        })
    }
}

impl PlainService {
    /// What is wrong with the names of its cookies.
    fn wrong_cookies(&self) -> Option<String> {
        if self.cookies.len() > MAX_KEPT_COOKIES {
            return Some(format!("`cookies` has more than {MAX_KEPT_COOKIES} names"));
        }
        let bad = self.cookies.iter().find(|name| !is_cookie_name(name))?;
        Some(format!(
            "`cookies`: `{}` is not the name of a cookie: write it like `sessionid`, in at most {MAX_KEPT_COOKIE_NAME_BYTES} letters, \
             digits and signs, and not beginning with `HYDRA-`",
            lines::cut(bad)
        ))
    }
}

/// Whether a text is the name of a cookie (RFC 6265 section 4.1.1) that is not one of Hydra's own.
fn is_cookie_name(text: &str) -> bool {
    let is_sign = |byte: u8| b"!#$%&'*+-.^_`|~".contains(&byte);
    (1..=MAX_KEPT_COOKIE_NAME_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || is_sign(byte))
        && !text
            .get(..cookies::OURS.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(cookies::OURS))
}

/// Checks the settings.
pub(super) fn check(config: &GatewayConfig) -> Result<(), ConfigError> {
    for service in &config.services {
        if let Some(reason) = service.wrong_form() {
            let name = service.name.clone();
            return Err(ConfigError::Service { name, reason });
        }
    }
    let hosts = &config.redirect_hosts;
    if hosts.len() > MAX_FORM_ADDRESSES {
        let reason = format!("at most {MAX_FORM_ADDRESSES} hosts");
        return Err(ConfigError::RedirectHosts(reason));
    }
    match hosts.iter().find(|host| host_of(host).is_none()) {
        Some(host) => Err(ConfigError::RedirectHosts(format!(
            "`{}` is not a host: write it like `pay.example` or `pay.example:8443`",
            lines::cut(host)
        ))),
        None => Ok(()),
    }
}

/// Whether an address is at one of these hosts.
pub(crate) fn is_listed(url: &Url, hosts: &[String]) -> bool {
    let mut hosts = hosts.iter().filter_map(|host| host_of(host));
    hosts.any(|listed| url.host() == listed.host() && url.port() == listed.port())
}

/// A host with or without a port, as the address of its root.
fn host_of(text: &str) -> Option<Url> {
    let is_host = !text.contains(['/', '\\', '@', '?', '#', '*']);
    let url = Url::parse(&format!("https://{text}/")).ok()?;
    (is_host && url.has_host()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_hosts_and_nothing_else() {
        for (text, expected) in [
            ("pay.example", true),
            ("pay.example:8443", true),
            ("localhost:9000", true),
            ("[::1]", true),
            ("", false),
            ("https://pay.example", false),
            ("pay.example/", false),
            ("user@pay.example", false),
            ("pay.example?x", false),
            ("pay.example#x", false),
            ("*.example", false),
            ("pay.example:x", false),
            ("pay example", false),
        ] {
            let config = GatewayConfig {
                redirect_hosts: vec!["good.example".to_owned(), text.to_owned()],
                ..GatewayConfig::default()
            };
            assert_eq!(check(&config).is_ok(), expected, "{text}");
        }
        let config = GatewayConfig {
            redirect_hosts: vec!["good.example".to_owned(); MAX_FORM_ADDRESSES + 1],
            ..GatewayConfig::default()
        };
        assert!(check(&config).is_err());
    }
    #[test]
    fn forms_of_plain_services_name_a_fragment_and_paths() {
        for (forms, expected) in [
            ("forms = {}", None),
            (
                "forms = { banner = ['/subscribe', '/subscribe/{id}'] }\ninvalid = 200",
                None,
            ),
            (
                "forms = { other = ['/subscribe'] }",
                Some("`fragments` has no `other`"),
            ),
            ("forms = { banner = ['subscribe'] }", Some("`subscribe`")),
            ("forms = { banner = ['/a/**/b'] }", Some("`/a/**/b`")),
            ("cookies = ['sessionid', 'csrftoken', '__Host-x']", None),
            (
                "cookies = ['session id']",
                Some("`session id` is not the name of a cookie"),
            ),
            ("cookies = ['']", Some("`` is not the name")),
            ("cookies = ['a=b']", Some("`a=b` is not")),
            ("cookies = ['hydra-sso']", Some("`hydra-sso` is not")),
            ("cookies = ['é']", Some("`é` is not")),
            (
                "cookies = ['a','b','c','d','e','f','g','h','i','j','k','l','m','n','o','p','q']",
                Some("more than 16 names"),
            ),
            ("invalid = 303", Some("`invalid` must be 200, 400 or 422")),
        ] {
            let text = format!(
                "[[service]]\nname = 'a'\nurl = 'http://a'\nfragments = {{ banner = '/b' }}\n{forms}"
            );
            let config = GatewayConfig::from_toml(&text).expect("TOML");
            let error = check(&config).err().map(|error| error.to_string());
            match expected {
                Some(expected) => assert!(
                    error.as_ref().is_some_and(|error| error.contains(expected)),
                    "{forms}: {error:?}"
                ),
                None => assert_eq!(error, None, "{forms}"),
            }
        }
    }
}
