//! Asks the owner of a lazy fragment: this service, or another.

use std::{future::poll_fn, sync::Arc};

use hydra_runtime_net::source::{Caller, FragmentSource};
use hydra_runtime_wire::{FragmentRequest, Outcome};

use crate::page::{
    Engine,
    after_page::Asked,
    answer::Answer,
    fetch::{
        Sessions,
        batch::Batch,
        call::FragmentCall,
        sent_batch::{Event, Wave},
    },
    report::reason::Why,
};
use crate::source::LocalFragments;

/// What a browser asked for, and on whose behalf.
pub(super) struct Ask<'a> {
    pub(super) engine: &'a Engine,
    pub(super) asked: Asked,
    pub(super) caller: Caller,
    pub(super) local: Option<Arc<dyn LocalFragments>>,
    pub(super) source: Option<Arc<dyn FragmentSource>>,
}

impl Ask<'_> {
    /// What the owner answers. Sessions that change are in `sessions`, also where the answer does not come in time.
    pub(super) async fn owner(&self, sessions: &mut Sessions) -> Answer {
        match (&self.asked.service, &self.source) {
            (None, _) => self.own(sessions).await,
            (Some(service), Some(source)) => self.of_other(service, &**source, sessions).await,
            (Some(_), None) => Answer::failed(Outcome::Inactive, Why::NoGateway),
        }
    }

    async fn own(&self, sessions: &mut Sessions) -> Answer {
        let call = FragmentCall {
            id: String::new(),
            reference: self.asked.reference.clone(),
            imports: self.asked.imports.clone(),
            exports: Vec::new(),
            sessions: sessions.current.clone(),
            caller: self.caller.clone(),
            local: self.local.clone(),
            source: self.source.clone(),
        };
        let answer = self.engine.fragment(call).await;
        for (owner, session) in answer.sessions {
            sessions.set(owner, session);
        }
        answer.fragment.into()
    }

    async fn of_other(&self, service: &str, source: &dyn FragmentSource, sessions: &mut Sessions) -> Answer {
        let asked = &self.asked;
        let item = FragmentRequest {
            service: service.to_owned(),
            reference: asked.reference.clone(),
            imports: Some(asked.imports.keys().cloned().collect()),
            attributes: Some(asked.imports.clone()),
            trail: self.caller.trail.clone(),
            ..FragmentRequest::default()
        };
        let mut batch = Batch::default();
        batch.add(0, self.caller.budget, item);
        let mut wave = Wave::send(batch, source, &sessions.current, &self.caller);
        loop {
            let (answers, part) = match poll_fn(|cx| wave.poll(cx)).await {
                Event::Part(answers, part) => (answers, part),
                Event::End(reason) => return Answer::failed(Outcome::Failed, reason),
            };
            for (owner, session) in part.sessions.into_iter().filter(|(owner, _)| owner == service) {
                sessions.set(owner, session);
            }
            if let Some((_, answer)) = answers.into_iter().next() {
                return answer;
            }
        }
    }
}
