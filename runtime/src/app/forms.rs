//! The forms of an application: their addresses for templates, and the handlers of their actions.

use std::{collections::BTreeMap, sync::Arc, time::SystemTime};

use axum::routing::MethodRouter;
use hydra_contract::Contract;
use hydra_runtime_wire::{
    Attributes,
    forms::{FORM_PARAMETER, sent::SentCookies},
};
use serde_json::Value;

use super::running_actions::RunningActions;
use crate::{
    form::{FormLimits, FormSealer, FormState, FragmentForms, SealedForm},
    overview::PublishedOverview,
    session::{RequestSessions, SessionManager},
    settings::Settings,
    user::ServiceKeys,
};

/// The forms of the fragments, for their templates.
pub(crate) struct Forms {
    /// `None` only where the platform's cryptography fails.
    sealer: Option<FormSealer>,
    /// By `ref`.
    fragments: BTreeMap<String, FragmentForms>,
}

impl Forms {
    /// The forms of a contract. `fields`: what the handlers take, by `ref`.
    pub(crate) fn new<'f>(
        settings: &Settings,
        contract: &Contract,
        fields: impl Iterator<Item = (&'f str, &'f [&'f str])>,
    ) -> Self {
        let of_contract = contract.fragments.iter();
        let forms = of_contract
            .filter_map(|(reference, fragment)| Some((reference.clone(), FragmentForms::of(fragment)?)));
        let mut fragments: BTreeMap<_, _> = forms.collect();
        for (reference, fields) in fields {
            if let Some(forms) = fragments.get_mut(reference) {
                forms.add(fields);
            }
        }
        let sealer = FormSealer::new(
            settings.private_key.as_deref(),
            &settings.name,
            &settings.public_key,
        );
        Self {
            sealer: sealer.map(|sealer| sealer.with_second(settings.second_private_key.as_deref())),
            fragments,
        }
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
