//! The channel of an application to its gateway (protocol section 7): it replaces heartbeats, the pool of connections, and questions for
//! changes of the overview.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use futures_util::{
    FutureExt as _,
    future::BoxFuture,
    stream::{BoxStream, StreamExt as _},
};
use http::Method;
use hydra_runtime_net::{
    bodies::read_json,
    channel::{
        self, ChannelConfig, ChannelRequest, ConnectError, Handler, LEAVING, Link, LinkError, OVERVIEW,
        REGISTRATION, Refusal, RefusalKind,
    },
    limits::MAX_SERVICE_PAYLOAD_BYTES,
};
use hydra_runtime_wire::{
    ChannelSetup, Overview, RegistrationResponse,
    signing::{Call, GATEWAY, Signatures, Signer, headers_of},
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, timeout},
};

use super::{REGISTRATION as REGISTRATION_LIMITS, Registration, state::StepResult};
use crate::limits::{CHANNEL_RETRY, GATEWAY_ANSWER_TIMEOUT};

/// The value of the member `registry` while the gateway does not reach the shared registry.
const AWAY: &str = "away";

/// What became of an attempt to register over a channel.
pub(super) enum ChannelAttempt {
    Done(StepResult),
    /// The gateway opens no channel for this application, for this reason.
    None(String),
}

/// The channels of an application.
#[derive(Default)]
pub(super) struct Channels {
    /// The open one.
    pub(super) open: Option<Arc<dyn Link>>,
    /// The one that the application is about to leave. It stays open until there is another one, for requests in flight.
    former: Option<Arc<dyn Link>>,
    /// When a channel may be tried again at each gateway that opened none.
    retry_at: Vec<Option<Instant>>,
    /// Whether the gateway says that it takes channels.
    pub(super) is_offered: bool,
}

impl Channels {
    /// Whether a channel should be tried at the gateway with this index, of `count`.
    fn is_due(&self, index: usize, count: usize, now: Instant) -> bool {
        let retry_at = self.retry_at.get(index % count.max(1)).copied().flatten();
        retry_at.is_none_or(|at| at <= now)
    }

    /// Closes the channel that was left, as soon as its requests in flight have ended.
    pub(super) fn close_former(&mut self) {
        if let Some(former) = self.former.take() {
            former.close();
        }
    }

    fn failed(&mut self, index: usize, count: usize, now: Instant) {
        self.retry_at.resize(count.max(1), None);
        self.retry_at[index % count.max(1)] = Some(now + CHANNEL_RETRY);
    }
}

/// Answers the calls of a gateway, once it has proved that it is one.
struct Gate {
    calls: Arc<dyn Handler>,
    proved: watch::Receiver<bool>,
}

impl Gate {
    async fn open(&self) -> Result<(), Refusal> {
        let mut proved = self.proved.clone();
        let is_open = proved.wait_for(|proved| *proved).await.is_ok();
        let refusal = || Refusal::new(RefusalKind::Rejected, "the gateway has not proved its identity");
        is_open.then_some(()).ok_or_else(refusal)
    }
}

impl Handler for Gate {
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<bytes::Bytes, Refusal>> {
        async move {
            self.open().await?;
            self.calls.answer(request).await
        }
        .boxed()
    }

    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<bytes::Bytes, Refusal>> {
        self.calls.follow(request)
    }

    fn told(&self, request: ChannelRequest) -> BoxFuture<'_, ()> {
        self.calls.told(request)
    }
}

/// What a gateway must sign to prove its identity.
struct Challenge<'a> {
    signer: Arc<Signer>,
    /// The id of the token in the SETUP.
    id: &'a str,
    service: &'a str,
    path: &'a str,
}

impl Challenge<'_> {
    fn is_met_by(&self, answer: &RegistrationResponse) -> bool {
        let proofs = [&answer.proof, &answer.second_proof];
        let headers = headers_of(proofs.into_iter().flatten().map(String::as_str));
        let proof = Call {
            to: self.service,
            method: &Method::GET,
            path: self.path,
            body: self.id.as_bytes(),
        };
        let signed = self.signer.check(&headers, proof, SystemTime::now());
        signed.is_ok_and(|signed| signed.issuer == GATEWAY)
    }
}

impl Registration {
    /// Whether to open a channel at the gateway in use.
    pub(super) fn wants_channel(&self) -> bool {
        let (index, count) = (self.client.index(), self.client.count());
        self.without_port || (self.channel && self.channels.is_due(index, count, Instant::now()))
    }

    /// Opens a channel, and registers over it.
    pub(super) async fn register_over_channel(&mut self) -> ChannelAttempt {
        let (index, count) = (self.client.index(), self.client.count());
        let attempt = self.open_channel().await;
        if let ChannelAttempt::None(reason) = &attempt {
            self.channels.failed(index, count, Instant::now());
            let gateway = self.client.gateway();
            tracing::debug!(%gateway, reason, "no channel: the gateway is called by POST");
        }
        attempt
    }

    async fn open_channel(&mut self) -> ChannelAttempt {
        let setup = ChannelSetup {
            key: self.public_key.clone(),
            protocol: 2,
            service: self.alive.name.clone(),
            instance: self.alive.instance.clone().unwrap_or_default(),
        };
        // Texts can always be written as JSON.
        let data = serde_json::to_vec(&setup).unwrap_or_default();
        let call = Call {
            to: GATEWAY,
            method: &Method::GET,
            path: &self.channel_path,
            body: &data,
        };
        let signatures = self.client.signatures(call);
        let tokens: Vec<_> = signatures.iter().flat_map(Signatures::tokens).collect();
        let challenge = self.client.signer().zip(signatures.as_ref());
        let challenge = challenge.map(|(signer, signatures)| Challenge {
            signer,
            id: signatures.id(),
            service: &setup.service,
            path: &self.channel_path,
        });
        let (proved, gate) = watch::channel(challenge.is_none());
        let gate = Arc::new(Gate {
            calls: self.calls.clone(),
            proved: gate,
        });
        let until = tokio::time::Instant::now() + GATEWAY_ANSWER_TIMEOUT;
        let config = ChannelConfig::new(MAX_SERVICE_PAYLOAD_BYTES);
        let gateway = self.client.gateway();
        let opened = channel::connect(
            gateway,
            &self.channel_path,
            data.clone(),
            &tokens,
            gate,
            (config, until),
        );
        let link = match opened.await {
            Ok(link) => link,
            Err(ConnectError::Away(reason)) => return ChannelAttempt::Done(StepResult::Away(reason)),
            Err(ConnectError::Refused(reason)) => return ChannelAttempt::None(reason),
        };
        let answer = match self.ask_to_register(&link).await {
            Ok(answer) => answer,
            Err(reason) => {
                link.close();
                return ChannelAttempt::None(reason);
            }
        };
        if challenge.is_some_and(|challenge| !challenge.is_met_by(&answer)) {
            let reason = "the gateway can't prove that it has the installation's private key".to_owned();
            link.close();
            return ChannelAttempt::Done(StepResult::Refused(reason));
        }
        proved.send_replace(true);
        self.client.use_link(Some(link.clone()));
        self.channels.open = Some(link);
        let is_cut_off = answer.registry.as_deref() == Some(AWAY);
        ChannelAttempt::Done(self.accepted(answer, is_cut_off))
    }

    /// Registers over an open channel. An error is the reason in words.
    async fn ask_to_register(&self, link: &Arc<dyn Link>) -> Result<RegistrationResponse, String> {
        let body = serde_json::to_vec(&self.body).map_err(|error| error.to_string())?;
        let asking = link.request(ChannelRequest::new(REGISTRATION, body));
        match timeout(GATEWAY_ANSWER_TIMEOUT, asking).await {
            Ok(Ok(answer)) => read_json(&answer),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("no answer within {GATEWAY_ANSWER_TIMEOUT:?}")),
        }
    }

    /// Stays registered over a channel, until it ends, the gateway asks to move, or is cut off from the registry while there
    /// are other gateways.
    pub(super) async fn stay_on(&mut self, link: Arc<dyn Link>, stay_for: Duration) -> StepResult {
        let since = Instant::now();
        let mut overviews = link.follow(ChannelRequest::new(OVERVIEW, "{}"));
        let mut ticks = interval(self.intervals.overview);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let step = loop {
            let came = tokio::select! {
                came = overviews.next() => came,
                end = link.closed() => break StepResult::Away(format!("the channel has ended: {end}")),
                _ = ticks.tick() => {
                    self.overview.expire(Instant::now());
                    if self.is_cut_off && self.client.count() > 1 && since.elapsed() >= stay_for {
                        break StepResult::CutOff;
                    }
                    continue;
                }
            };
            match came {
                None => break StepResult::Moved,
                Some(Err(LinkError::Lost(reason))) => break StepResult::Away(reason),
                Some(Err(error)) => break StepResult::Away(error.to_string()),
                Some(Ok(overview)) => {
                    if let Err(reason) = self.overview_came(&overview, &link).await {
                        break StepResult::Away(reason);
                    }
                }
            }
        };
        self.client.use_link(None);
        self.channels.open = None;
        self.channels.close_former();
        if matches!(step, StepResult::Moved | StepResult::CutOff) && self.client.count() > 1 {
            self.channels.former = Some(link);
        } else {
            link.close();
        }
        step
    }

    /// Takes in an overview. An error is the reason why the application must register again.
    async fn overview_came(&mut self, overview: &[u8], link: &Arc<dyn Link>) -> Result<(), String> {
        let overview: Overview = read_json(overview)?;
        self.is_cut_off = overview.registry.as_deref() == Some(AWAY);
        let is_new = self.hash.as_ref() != Some(&overview.hash);
        let mut came = overview;
        if came.services.is_none() && is_new {
            // It is too long for a channel.
            let got = self
                .client
                .get::<Overview>(&self.overview_path, REGISTRATION_LIMITS);
            let again = came.again;
            came = got.await.map_err(|error| error.to_string())?;
            came.again = again;
        }
        if let Some(services) = came.services {
            self.overview.update(services, Instant::now());
            self.logged_problems.report(came.contract_problems);
        }
        self.hash = Some(came.hash);
        if came.again {
            let answer = self.ask_to_register(link).await?;
            let is_cut_off = answer.registry.as_deref() == Some(AWAY);
            self.accepted(answer, is_cut_off);
        }
        Ok(())
    }

    /// Tells the gateway that the application stops, so that it gets no new requests, and waits until those in flight have ended.
    pub(super) async fn leave_channel(&mut self) {
        self.client.use_link(None);
        self.channels.close_former();
        let Some(link) = self.channels.open.take() else {
            return;
        };
        let leaving = async {
            link.tell(ChannelRequest::new(LEAVING, "")).await;
            link.close();
            link.closed().await
        };
        let _ = timeout(self.stop_timeout, leaving).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_without_channels_is_asked_again_after_a_while_and_the_others_at_once() {
        let (start, mut channels) = (Instant::now(), Channels::default());
        assert!(channels.is_due(0, 2, start) && channels.is_due(1, 2, start));
        channels.failed(3, 2, start);
        for (index, after, expected) in [
            (0, Duration::ZERO, true),
            (1, Duration::ZERO, false),
            (3, Duration::ZERO, false),
            (1, CHANNEL_RETRY - Duration::from_millis(1), false),
            (1, CHANNEL_RETRY, true),
        ] {
            let found = channels.is_due(index, 2, start + after);
            assert_eq!(found, expected, "{index} after {after:?}");
        }
    }
}
