//! The parts of a gateway that its modules use while they answer requests: settings of routes, error pages, keys, cookies.

use http::{HeaderValue, uri::PathAndQuery};
use hydra_runtime_net::observe::ActionMeasures;
use hydra_runtime_wire::forms::sent::SentCookies;
use serde_json::Value;

use crate::{
    Gateway,
    channels::Channels,
    dispatch::{cache::FragmentCache, single_calls::SingleCalls},
    edge::{cross_site::CrossSitePaths, error_pages::ErrorPages, response_headers::ResponseHeaders},
    login::{Identities, Logins},
    measures::FragmentMeasures,
    operators::Guard,
    page_limits::Limits,
    plain_cookies::{CookieSeal, PlainCookies},
    proxy::PlainForms,
    registry::instance::RegistrationRules,
    route_rules::RouteRules,
    routing::{previews::PreviewKey, version_cookie::VersionCookies},
};

impl Gateway {
    /// The settings of single routes.
    pub(crate) fn route_rules(&self) -> &RouteRules {
        &self.shared.settings.limits.rules
    }

    /// The limits on requests.
    pub(crate) fn limits(&self) -> &Limits {
        &self.shared.settings.limits
    }

    /// The paths that take requests of other sites.
    pub(crate) fn cross_site_paths(&self) -> &CrossSitePaths {
        &self.shared.settings.cross_site
    }

    /// The paths to which forms of plain services are sent.
    pub(crate) fn plain_forms(&self) -> &PlainForms {
        &self.shared.settings.plain_forms
    }

    /// The cookies that visitors keep for plain services.
    pub(crate) fn plain_cookies(&self) -> &PlainCookies {
        &self.shared.settings.plain_cookies
    }

    /// Encrypts the cookies of plain services.
    pub(crate) fn cookie_seal(&self) -> &CookieSeal {
        &self.shared.core.cookie_seal
    }

    /// Makes and checks the cookies of visitors who have just sent a form.
    pub(crate) fn sent_cookies(&self) -> &SentCookies {
        &self.shared.core.sent_cookies
    }

    /// The pages for visitors whom no service answers.
    pub(crate) fn error_pages(&self) -> &ErrorPages {
        &self.shared.settings.error_pages
    }

    /// The fragments that are kept for several visitors.
    pub(crate) fn cache(&self) -> &FragmentCache {
        &self.shared.core.cache
    }

    /// The fragments of protocol 1 services that are requested alone.
    pub(crate) fn single_calls(&self) -> &SingleCalls {
        &self.shared.core.single_calls
    }

    /// The path at which services answer requests for fragments.
    pub(crate) fn fragments_path(&self) -> &PathAndQuery {
        &self.shared.core.fragments_path
    }

    /// The path at which services take forms.
    pub(crate) fn action_path(&self) -> &PathAndQuery {
        &self.shared.core.action_path
    }

    /// The channels of services that end here.
    pub(crate) fn channels(&self) -> &Channels {
        &self.shared.core.channels
    }

    pub(crate) fn version_cookies(&self) -> &VersionCookies {
        &self.shared.core.versions
    }

    /// Signs and checks links to previews. `None`: there are none, because there is no private key.
    pub(crate) fn preview_key(&self) -> Option<&PreviewKey> {
        self.shared.core.previews.as_ref()
    }

    /// The login of visitors. `None`: this gateway issues no logins.
    pub(crate) fn logins(&self) -> Option<&Logins> {
        self.shared.core.logins.as_ref()
    }

    /// What is added to responses for visitors that lack it.
    #[must_use]
    pub fn response_headers(&self) -> &ResponseHeaders {
        &self.shared.settings.response_headers
    }

    /// Decides who is an operator.
    pub(crate) fn operators(&self) -> &Guard {
        &self.shared.core.operators
    }

    /// How plain services hear who the visitor is.
    pub(crate) fn identities(&self) -> &Identities {
        &self.shared.settings.identities
    }

    /// The keys that verify the login tokens of another issuer.
    pub(crate) fn external_login_keys(&self) -> &Value {
        &self.shared.settings.external_login_keys
    }

    /// Whether the configuration has a service of this name.
    pub(crate) fn is_configured(&self, name: &str) -> bool {
        self.shared
            .settings
            .configured_services
            .iter()
            .any(|local| *local.instance.service == *name)
    }

    /// The name of this gateway in the requests that it passes on.
    pub(crate) fn mark(&self) -> &HeaderValue {
        &self.shared.core.mark
    }

    /// The metrics of forms.
    pub(crate) fn action_measures(&self) -> &ActionMeasures {
        &self.shared.core.action_measures
    }

    /// The metrics of fragments.
    pub(crate) fn fragment_measures(&self) -> &FragmentMeasures {
        &self.shared.core.fragment_measures
    }

    pub(crate) fn rules(&self) -> RegistrationRules {
        RegistrationRules {
            allow_hosts: self.config().allow_hosts.clone(),
            gateway_addresses: self.shared.core.gateway_addresses.get().cloned(),
            limits: self.config().limits(),
        }
    }
}
