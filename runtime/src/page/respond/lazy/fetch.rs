//! Asks the owner of a lazy fragment: this service, or another.

use std::{future::poll_fn, sync::Arc};

use hydra_runtime_net::fragment_source::{Caller, FragmentSource};
use hydra_runtime_wire::{FragmentRequest, Outcome};

use crate::{
    fragment_source::LocalFragments,
    page::{
        Engine,
        after_page::LazyFragment,
        answer::Answer,
        fetch::{
            batch::Batch,
            call::FragmentCall,
            sent_batch::{BatchEvent, SentBatch},
            sessions::VisitorSessions,
        },
        report::reason::ReasonKind,
    },
};

/// A lazy fragment that a browser asks for, on behalf of its visitor.
pub(super) struct LazyFetch<'a> {
    pub(super) engine: &'a Engine,
    pub(super) fragment: LazyFragment,
    pub(super) caller: Caller,
    pub(super) local: Option<Arc<dyn LocalFragments>>,
    pub(super) source: Option<Arc<dyn FragmentSource>>,
}

impl LazyFetch<'_> {
    /// The answer of the owner. Changed sessions are in `sessions`, also where the answer does not come in time.
    pub(super) async fn ask_owner(&self, sessions: &mut VisitorSessions) -> Answer {
        match (&self.fragment.service, &self.source) {
            (None, _) => self.ask_this_service(sessions).await,
            (Some(service), Some(source)) => self.ask_other(service, &**source, sessions).await,
            (Some(_), None) => Answer::failed(Outcome::Inactive, ReasonKind::NoGateway),
        }
    }

    async fn ask_this_service(&self, sessions: &mut VisitorSessions) -> Answer {
        let call = FragmentCall {
            id: String::new(),
            reference: self.fragment.reference.clone(),
            imports: self.fragment.imports.clone(),
            exports: Vec::new(),
            sessions: sessions.current.clone(),
            form: None,
            caller: self.caller.clone(),
            local: self.local.clone(),
            source: self.source.clone(),
        };
        let answer = self.engine.fragment(call).await;
        for (owner, session) in answer.sessions {
            sessions.set(owner, session);
        }
        sessions.add_cookies(answer.cookies);
        answer.fragment.into()
    }

    async fn ask_other(
        &self,
        service: &str,
        source: &dyn FragmentSource,
        sessions: &mut VisitorSessions,
    ) -> Answer {
        let fragment = &self.fragment;
        let item = FragmentRequest {
            service: service.to_owned(),
            reference: fragment.reference.clone(),
            imports: Some(fragment.imports.keys().cloned().collect()),
            attributes: Some(fragment.imports.clone()),
            call_chain: self.caller.call_chain.clone(),
            ..FragmentRequest::default()
        };
        let mut batch = Batch::new();
        batch.add(0, self.caller.budget, item);
        let mut sent = SentBatch::send(batch, source, &sessions.current, self.caller.clone());
        loop {
            let (answers, part) = match poll_fn(|cx| sent.poll(cx)).await {
                BatchEvent::Part(answers, part) => (answers, part),
                BatchEvent::End(reason) => return Answer::failed(Outcome::Failed, reason),
            };
            for (owner, session) in part.sessions.into_iter().filter(|(owner, _)| owner == service) {
                sessions.set(owner, session);
            }
            sessions.add_cookies(part.cookies);
            if let Some((_, answer)) = answers.into_iter().next() {
                return answer;
            }
        }
    }
}
