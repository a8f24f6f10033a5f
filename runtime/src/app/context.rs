//! What the handlers of an application and the layers around them share.

use std::{collections::BTreeSet, sync::Arc};

use axum::routing::MethodRouter;
use http::{HeaderMap, header::COOKIE};
use hydra_contract::Contract;
use hydra_runtime_net::{
    fragment_source::{Caller, FragmentSource},
    observe::{self, Observer},
    proxies::TrustedProxies,
};
use hydra_runtime_wire::{Attributes, cookies, signing::Signer};

use super::{current_engine::CurrentEngine, forms::Actions};
use crate::{
    fragment_source::LocalFragments,
    overview::PublishedOverview,
    page::PageVisitor,
    session::{RequestSessions, SessionManager, Sessions},
    user::ServiceKeys,
};

/// What pages and fragments are rendered with.
pub(crate) struct RenderContext {
    pub(crate) engine: CurrentEngine,
    pub(crate) local: Arc<dyn LocalFragments>,
    pub(crate) actions: Actions,
    pub(crate) source: Option<Arc<dyn FragmentSource>>,
    /// The handler of the error page.
    pub(crate) error_page: Option<MethodRouter>,
    /// The fragments that the templates offer.
    pub(crate) offers: BTreeSet<String>,
    pub(crate) contract: Contract,
    pub(crate) overview: PublishedOverview,
    pub(crate) sessions: Arc<SessionManager>,
    /// The keys with which logins are verified.
    pub(crate) keys: Arc<ServiceKeys>,
    pub(crate) proxies: TrustedProxies,
    /// Gives requests their ids, and counts them.
    pub(crate) observer: Observer,
    /// The name of this service.
    pub(crate) service: Arc<str>,
    /// Checks what gateways sign. `None`: they sign nothing.
    pub(crate) signer: Option<Arc<Signer>>,
}

impl RenderContext {
    /// The `attributes` that the fragment imports by its contract, or all without a contract. The others are not
    /// counted as dropped, because a page of protocol 1 sends all of its attributes.
    pub(crate) fn contracted(&self, reference: &str, attributes: Attributes) -> Attributes {
        let Some(contract) = self.contract.fragments.get(reference) else {
            return attributes;
        };
        let named = attributes.into_iter();
        named
            .filter(|(name, _)| contract.imports.contains_key(name.as_str()))
            .collect()
    }

    /// Whether a fragment of `owner`, or of this service, may begin a session of the visitor.
    pub(super) fn may_begin_sessions(&self, owner: Option<&str>) -> bool {
        match owner {
            None => self.contract.may_begin_sessions(),
            Some(service) => self.source.is_some() && self.overview.now().may_begin_sessions(service),
        }
    }

    /// The visitor with the `headers` that other services may see, and with `sessions`.
    pub(crate) fn visitor(
        &self,
        headers: HeaderMap,
        sessions: Sessions,
        request_sessions: Arc<RequestSessions>,
    ) -> PageVisitor {
        PageVisitor {
            caller: Caller {
                headers,
                record: observe::current(),
                ..Caller::default()
            },
            local: Some(self.local.clone()),
            source: self.source.clone(),
            sessions,
            on_sessions: Some(Box::new(move |changed| request_sessions.keep(changed))),
            cookie_owners: self.overview.now().cookie_owners().clone(),
        }
    }
}

/// The headers of a visitor's request that go along with requests for fragments.
pub(crate) fn travelling(headers: &HeaderMap) -> HeaderMap {
    let cookies = cookies::to_gateway(headers);
    cookies.map(|value| (COOKIE, value)).into_iter().collect()
}
