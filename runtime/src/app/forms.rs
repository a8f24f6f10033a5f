//! The forms of an application: their addresses for templates, and the handlers of their actions.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use axum::routing::MethodRouter;
use hydra_contract::{Contract, PagePlan};
use hydra_runtime_wire::{
    Attributes,
    forms::{FORM_PARAMETER, page_form, sent::SentCookies, without_seal},
};
use serde_json::Value;

use super::running_actions::RunningActions;
use crate::{
    form::{FormLimits, FormSealer, FormState, SealedForm, TemplateForms},
    overview::PublishedOverview,
    session::{RequestSessions, SessionManager},
    settings::Settings,
    user::ServiceKeys,
};

/// The forms of fragments and pages, for their templates.
pub(crate) struct Forms {
    /// `None` only where the platform's cryptography fails.
    sealer: Option<FormSealer>,
    /// By `ref`.
    fragments: BTreeMap<String, TemplateForms>,
    /// By template.
    pages: BTreeMap<String, TemplateForms>,
}

impl Forms {
    /// The forms of a contract and of pages. `fields`: what the handlers take, by `ref` and action.
    pub(crate) fn new<'f>(
        settings: &Settings,
        contract: &Contract,
        pages: &[PagePlan],
        fields: impl Iterator<Item = ((&'f str, &'f str), &'f [&'f str])>,
    ) -> Self {
        let of_contract = contract.fragments.iter();
        let forms = of_contract.filter_map(|(reference, fragment)| {
            Some((reference.clone(), TemplateForms::of(&fragment.actions)?))
        });
        let mut fragments: BTreeMap<_, _> = forms.collect();
        let forms = pages
            .iter()
            .filter_map(|page| Some((page.template.clone(), TemplateForms::of(&page.forms)?)));
        let mut pages: BTreeMap<_, _> = forms.collect();
        for ((reference, action), fields) in fields {
            let of_fragment = fragments.get_mut(reference);
            let of_pages = pages
                .values_mut()
                .filter(|forms| reference.is_empty() && forms.has(action));
            of_fragment
                .into_iter()
                .chain(of_pages)
                .for_each(|forms| forms.add(fields));
        }
        let sealer = FormSealer::new(
            settings.private_key.as_deref(),
            &settings.name,
            &settings.public_key,
        );
        Self {
            sealer: sealer.map(|sealer| sealer.with_second(settings.second_private_key.as_deref())),
            fragments,
            pages,
        }
    }

    /// The value `form` for the template of a page. `query`: that of the page's address. `None`: the page has no form.
    pub(crate) fn of_page(
        &self,
        template: &str,
        query: Option<&str>,
        sent: Option<&FormState>,
    ) -> Option<Value> {
        let forms = self.pages.get(template)?;
        // A quotation mark would end the attribute where a template does not escape.
        let query = query
            .and_then(without_seal)
            .map(|query| query.replace('"', "%22"));
        let before = query.map(|query| format!("{query}&")).unwrap_or_default();
        let address = |action: &String| format!("?{before}{FORM_PARAMETER}={}", page_form(action));
        let actions = forms.actions.iter();
        let addresses = actions.map(|action| (action.as_str(), address(action)));
        Some(forms.value(&addresses.collect(), sent))
    }

    /// Whether the template of a page has the form of this action.
    pub(crate) fn has_page_form(&self, template: &str, action: &str) -> bool {
        self.pages.get(template).is_some_and(|forms| forms.has(action))
    }

    /// The value `form` for the template of a fragment with these imports, as the page sent them. `None`: the fragment has no
    /// form.
    ///
    /// # Errors
    /// Why the forms have no addresses.
    pub(crate) fn value(
        &self,
        reference: &str,
        imports: &Attributes,
        sent: Option<&FormState>,
    ) -> Option<Result<Value, String>> {
        let forms = self.fragments.get(reference)?;
        let address = |action: &String| -> Result<String, String> {
            let seal = self.seal(&SealedForm {
                reference: reference.to_owned(),
                action: action.clone(),
                imports: imports.clone(),
            })?;
            Ok(format!("?{FORM_PARAMETER}={seal}"))
        };
        let addresses = forms
            .actions
            .iter()
            .map(|action| Ok((action.as_str(), address(action)?)));
        let addresses: Result<BTreeMap<_, _>, String> = addresses.collect();
        Some(addresses.map(|addresses| forms.value(&addresses, sent)))
    }

    /// The seal of a form.
    ///
    /// # Errors
    /// Why it has none.
    pub(crate) fn seal(&self, form: &SealedForm) -> Result<String, String> {
        let sealer = self.sealer.as_ref().ok_or("the platform's cryptography failed")?;
        sealer.seal(form).map_err(|error| error.to_string())
    }
}

/// The handlers of the actions, and what they need.
pub(crate) struct Actions {
    /// By the names of the fragment and the action.
    pub(crate) routes: BTreeMap<(&'static str, &'static str), MethodRouter>,
    pub(crate) forms: Arc<Forms>,
    pub(crate) overview: PublishedOverview,
    pub(crate) sessions: Arc<SessionManager>,
    pub(crate) keys: Arc<ServiceKeys>,
    pub(crate) sent_cookies: SentCookies,
    pub(crate) limits: FormLimits,
    pub(crate) running: RunningActions,
}

impl Actions {
    /// The sessions of a form that comes through a gateway, which knows this service's `session`.
    pub(crate) fn sessions_of_gateway(&self, session: Option<Value>) -> Arc<RequestSessions> {
        self.sessions.request_of_page(session, false, SystemTime::now())
    }

    /// What a seal says. `None`: this service did not make it, or with another key.
    pub(super) fn open(&self, seal: &str) -> Option<SealedForm> {
        self.forms.sealer.as_ref()?.open(seal)
    }
}
