//! The connection of an application to its gateway: registration, heartbeats, and fragments of other services.

mod channel;
mod client;
mod fragments;
mod gateways;
mod host;
mod overview_updates;
mod problems;
mod protocol_1;
mod state;
pub(crate) mod static_files;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, StatusCode};
use hydra_contract::Contract;
use hydra_runtime_net::channel::Handler;
use hydra_runtime_wire::{
    ActiveService, Affinity, Alive, MenuItem, Overview, RegistrationResponse, paths, registration,
};
use tokio::{
    sync::watch,
    time::{MissedTickBehavior, interval, sleep},
};

use self::{
    channel::{ChannelAttempt, Channels},
    client::{CallLimits, ClientError, GatewayAnswer},
    gateways::{GatewayRound, NextStep},
    host::reachable_host,
    problems::LoggedProblems,
    state::{RegistrationState, StepResult},
};
pub(crate) use self::{client::Client, fragments::GatewayFragments};
use crate::{
    limits::{GATEWAY_ANSWER_TIMEOUT, MAX_HEARTBEAT_ANSWER_BYTES, MAX_OVERVIEW_BYTES},
    overview::PublishedOverview,
    session::VisitorKeys,
    settings::Settings,
    user::ServiceKeys,
};

/// The intervals of the registration.
#[derive(Clone, Copy, Debug)]
struct Intervals {
    /// How often an application that is not registered tries to register.
    retry: Duration,
    /// How often a registered application sends a heartbeat.
    alive: Duration,
    /// How often it asks whether the overview changed. A registry notices a silent service within a quarter of a second
    /// after its limit; with this interval, pages show it within a second.
    overview: Duration,
    /// How long it stays at a gateway that is cut off from the registry, where all others are too, before it tries them
    /// again.
    cut_off: Duration,
}

/// The intervals of protocol section 3.
const INTERVALS: Intervals = Intervals {
    retry: Duration::from_secs(1),
    alive: Duration::from_secs(3),
    overview: Duration::from_millis(500),
    cut_off: Duration::from_secs(10),
};
/// The limits of a registration, whose answer holds the overview.
const REGISTRATION: CallLimits = CallLimits {
    time: GATEWAY_ANSWER_TIMEOUT,
    size: MAX_OVERVIEW_BYTES,
};
/// The limits of a heartbeat.
const ALIVE_ANSWER: CallLimits = CallLimits {
    time: GATEWAY_ANSWER_TIMEOUT,
    size: MAX_HEARTBEAT_ANSWER_BYTES,
};

/// What an application offers, for its registration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer {
    pub(crate) endpoints: Vec<String>,
    pub(crate) static_files: Vec<String>,
    pub(crate) menus: BTreeMap<String, Vec<MenuItem>>,
    pub(crate) version: i64,
    pub(crate) version_name: Option<String>,
    pub(crate) weight: Option<u32>,
    pub(crate) affinity: Option<Affinity>,
    pub(crate) contract: Contract,
}

impl Offer {
    /// Drops what a visitor would need a port for.
    fn keep_fragments_only(&mut self) {
        let (paths, files) = (self.endpoints.len(), self.static_files.len());
        if paths + files > 0 {
            tracing::warn!(
                paths,
                files,
                "the application listens nowhere: no visitor gets its pages and files, only its fragments"
            );
        }
        self.endpoints.clear();
        self.static_files.clear();
        self.menus.clear();
    }

    /// Adds a path. axum's `{*rest}` is the gateway's `**`.
    pub(crate) fn endpoint(&mut self, path: &str) {
        let path = match path.rfind("{*") {
            Some(start) if path.ends_with('}') => format!("{}**", &path[..start]),
            _ => path.to_owned(),
        };
        if !self.endpoints.contains(&path) {
            self.endpoints.push(path);
        }
    }
}

/// The places of the keys that a gateway gives to the application.
#[derive(Clone, Default)]
pub(crate) struct GivenKeys {
    /// Verify logins.
    pub(crate) login: Arc<ServiceKeys>,
    /// Sign the identities of visitors.
    pub(crate) visitor: VisitorKeys,
}

/// A time up to a fifth shorter or longer, so that the services of a gateway that was away do not all come at once.
fn spread(time: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2);
    time.mul_f64(0.8 + 0.4 * f64::from(random) / f64::from(u32::MAX))
}

/// Registers an application and keeps it registered.
pub struct Registration {
    client: Arc<Client>,
    host: Option<String>,
    alive: Alive,
    body: ActiveService,
    public_key: String,
    registration: String,
    alive_path: String,
    overview_path: String,
    /// The place of the newest overview.
    overview: PublishedOverview,
    /// The places of the keys that the gateway gives.
    keys: GivenKeys,
    /// The hash of that overview.
    hash: Option<String>,
    /// The contract problems that were logged.
    logged_problems: LoggedProblems,
    /// Whether the application may register at a gateway of protocol 1, whose calls are not signed.
    allow_unsigned: bool,
    /// Whether the gateway that took the last registration is cut off from the registry that it shares with others.
    is_cut_off: bool,
    intervals: Intervals,
    /// Whether to open a channel where a gateway takes one.
    channel: bool,
    channel_path: String,
    channels: Channels,
    /// Answers the gateway's calls over the channel.
    calls: Arc<dyn Handler>,
    /// Whether the application listens nowhere.
    without_port: bool,
    /// How long requests over the channel may take to end once the application stops.
    stop_timeout: Duration,
    /// Whether a gateway has taken a registration.
    registered: Arc<AtomicBool>,
}

impl Registration {
    pub(crate) fn new(
        client: Arc<Client>,
        mut offer: Offer,
        settings: &Settings,
        overview: PublishedOverview,
        keys: GivenKeys,
        calls: Arc<dyn Handler>,
    ) -> Self {
        let instance = uuid::Uuid::new_v4().to_string();
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let path = |route| paths::of(route, &settings.public_key);
        if settings.without_port {
            offer.keep_fragments_only();
        }
        Self {
            client,
            host: settings.host.clone(),
            alive: Alive {
                name: settings.name.clone(),
                instance: Some(instance.clone()),
            },
            body: ActiveService {
                web_protocol: "http".to_owned(),
                name: Some(settings.name.clone()),
                version: offer.version,
                active_since: i64::try_from(since.as_millis()).unwrap_or_default(),
                endpoints: offer.endpoints,
                static_resources: offer.static_files,
                menu_items: offer.menus,
                protocol: Some(2),
                instance: Some(instance),
                version_name: settings.version_name.clone().or(offer.version_name),
                weight: offer.weight,
                affinity: offer.affinity,
                contract: Some(problems::within_limit(offer.contract)),
                ..ActiveService::default()
            },
            public_key: settings.public_key.clone(),
            registration: path(paths::REGISTRATION),
            alive_path: path(paths::ALIVE),
            overview_path: problems::overview_path(&path(paths::OVERVIEW), &settings.name),
            overview,
            keys,
            hash: None,
            logged_problems: LoggedProblems::default(),
            allow_unsigned: settings.allow_unsigned,
            is_cut_off: false,
            intervals: INTERVALS,
            channel: settings.channel,
            channel_path: path(paths::CHANNEL),
            channels: Channels::default(),
            calls,
            without_port: settings.without_port,
            stop_timeout: settings.limits.stop_timeout,
            registered: Arc::default(),
        }
    }

    /// Whether a gateway has taken a registration, as a value that changes with it.
    #[cfg(feature = "admin")]
    pub(crate) fn registered(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.registered)
    }

    /// Why no gateway would take the registration. `None`: gateways take it.
    pub(crate) fn refusal(&self) -> Option<String> {
        registration::refusal(self.body.clone())
    }

    /// Keeps the application registered, which listens on `bound`, until `stopped` holds `true`.
    pub async fn run(mut self, bound: SocketAddr, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            () = self.keep_registered(bound) => {}
            // Without a sender, the application has ended.
            _ = stopped.wait_for(|stop| *stop) => {}
        }
        self.leave_channel().await;
    }

    async fn keep_registered(&mut self, bound: SocketAddr) {
        self.body.port = if self.without_port { 0 } else { bound.port() };
        let (mut state, mut gateways) = (
            RegistrationState::default(),
            GatewayRound::new(self.client.count()),
        );
        loop {
            let index = self.client.index();
            self.body.host = match &self.host {
                Some(host) => host.clone(),
                None => reachable_host(bound.ip(), self.client.gateway()).await,
            };
            let step = self.register().await;
            self.log(state.after(&step), &step);
            self.leave(index, &step);
            let stay_for = match gateways.tried(&step, self.is_cut_off) {
                NextStep::Stay => Duration::ZERO,
                NextStep::StayForAWhile => self.intervals.cut_off,
                NextStep::NextGateway => {
                    self.client.leave(index);
                    continue;
                }
                NextStep::AgainNow => continue,
                NextStep::AgainLater => {
                    sleep(spread(self.intervals.retry)).await;
                    continue;
                }
            };
            let since = Instant::now();
            let step = match self.channels.open.clone() {
                Some(link) => self.stay_on(link, stay_for).await,
                None => tokio::select! {
                    step = self.stay(stay_for) => step,
                    never = self.follow() => match never {},
                },
            };
            self.log(state.after(&step), &step);
            self.leave(index, &step);
            gateways.left(&step);
            // A gateway that registers the application and then hangs up at once must not get one registration after another.
            let hung_up = matches!(step, StepResult::Away(_) | StepResult::Moved);
            if hung_up && since.elapsed() < self.intervals.retry {
                sleep(spread(self.intervals.retry)).await;
            }
        }
    }

    /// Switches to the next gateway where this one can't be reached, or is cut off from the registry.
    fn leave(&self, index: usize, step: &StepResult) {
        if matches!(step, StepResult::Away(_) | StepResult::CutOff | StepResult::Moved) {
            self.client.leave(index);
        }
    }

    async fn register(&mut self) -> StepResult {
        let index = self.client.index();
        if self.wants_channel() {
            match self.register_over_channel().await {
                ChannelAttempt::Done(step) => return step,
                ChannelAttempt::None(reason) if self.without_port => return StepResult::Refused(reason),
                ChannelAttempt::None(_) => {}
            }
        }
        // Each registration would keep the application registered for 5 s, so that another call finds out whether
        // there is another gateway now. A gateway of protocol 1 does not know it.
        if self.client.is_at_protocol_1() && !self.allow_unsigned {
            match self
                .client
                .get::<Overview>(&self.overview_path, REGISTRATION)
                .await
            {
                Ok(_) => {}
                Err(ClientError::Unreached(reason)) => return StepResult::Away(reason),
                Err(_) => return self.decline(index),
            }
        }
        let answer = self
            .client
            .ask::<RegistrationResponse>(&self.registration, &self.body, HeaderMap::new(), REGISTRATION)
            .await;
        match answer {
            Ok(GatewayAnswer {
                body: answer,
                is_cut_off,
            }) => {
                let speaks_1 = answer.protocol.is_none_or(|protocol| protocol < 2);
                let is_news = self.client.found_protocol_1(index, speaks_1);
                if speaks_1 && !self.allow_unsigned {
                    return self.decline(index);
                }
                if speaks_1 && is_news {
                    self.log_protocol_1();
                }
                self.channels.is_offered = answer.channels.is_some_and(|count| count > 0);
                self.accepted(answer, is_cut_off)
            }
            // A gateway gives no reason where the key is wrong, so that a stranger can't tell whether the installation
            // exists.
            Err(ClientError::Status(StatusCode::NOT_FOUND, reason)) if reason.trim().is_empty() => {
                StepResult::Refused(self.wrong_key())
            }
            Err(ClientError::Status(status, reason)) if !status.is_server_error() => {
                StepResult::Refused(format!("{status} {reason}"))
            }
            Err(error) => StepResult::Away(error.to_string()),
        }
    }

    /// Takes in the answer to a registration.
    fn accepted(&mut self, answer: RegistrationResponse, is_cut_off: bool) -> StepResult {
        self.is_cut_off = is_cut_off;
        for left_out in answer.left_out.unwrap_or_default() {
            let (path, reason) = (left_out.path, left_out.reason);
            tracing::warn!(
                path,
                reason,
                "the gateway does not route a path of this application"
            );
        }
        self.logged_problems
            .report(answer.contract_problems.unwrap_or_default());
        self.keys.login.update(answer.keys, answer.role_mappings);
        self.keys.visitor.update(answer.visitor_keys);
        // An answer that is too long for a channel has neither hash nor services: the application requests them next.
        let is_shortened = self.channels.open.is_some() && answer.hash.is_none();
        if !is_shortened {
            self.overview.update(answer.services, Instant::now());
        }
        self.hash = answer.hash;
        // Requests in flight end on the former channel, which then closes.
        self.channels.close_former();
        self.registered.store(true, Relaxed);
        StepResult::Registered
    }

    /// The gateway speaks protocol 1, and the application does not stay. The next attempt is made at the next gateway.
    fn decline(&self, index: usize) -> StepResult {
        self.client.leave(index);
        StepResult::Declined
    }

    fn log_protocol_1(&self) {
        tracing::warn!(
            gateway = %self.client.gateway(),
            "the gateway speaks protocol 1: exports, sessions and signatures do not cross, and it changes nothing in the \
             overview between registrations. Calls for fragments are taken without a signature"
        );
    }

    fn wrong_key(&self) -> String {
        format!(
            "404 Not Found: it belongs to no installation with the public key `{}`. Set `public_key` (HYDRA_PUBLIC_KEY) as the \
             gateway has it, and look whether `gateway` names a gateway",
            self.public_key
        )
    }

    /// Sends heartbeats until the gateway has forgotten the application, can't be reached, or, after `stay_for`, is cut
    /// off from the registry while there are other gateways.
    async fn stay(&self, stay_for: Duration) -> StepResult {
        let since = Instant::now();
        let mut ticks = interval(self.intervals.alive);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            match self.heartbeat().await {
                Ok(answer) if answer.is_cut_off && self.client.count() > 1 && since.elapsed() >= stay_for => {
                    let gateway = self.client.gateway();
                    tracing::info!(%gateway, "the gateway does not reach its registry: going to another one");
                    return StepResult::CutOff;
                }
                Ok(_) if self.channels.is_offered && self.wants_channel() => return StepResult::ChannelDue,
                Ok(_) => {}
                Err(ClientError::Status(StatusCode::NOT_FOUND, _)) => return StepResult::Forgotten,
                Err(error) => return StepResult::Away(error.to_string()),
            }
        }
    }

    async fn heartbeat(&self) -> Result<GatewayAnswer<bool>, ClientError> {
        if !self.client.is_at_protocol_1() {
            let (path, body) = (&self.alive_path, &self.alive);
            return self.client.ask(path, body, HeaderMap::new(), ALIVE_ANSWER).await;
        }
        let said = self
            .client
            .post_text(&self.alive_path, &self.alive.name, ALIVE_ANSWER)
            .await;
        said.map(|()| GatewayAnswer {
            body: true,
            is_cut_off: false,
        })
    }

    /// How the application is registered, for the log.
    fn way(&self) -> &'static str {
        if self.channels.open.is_some() {
            "over a channel"
        } else {
            "by POST"
        }
    }

    fn log(&self, change: Option<&RegistrationState>, step: &StepResult) {
        let gateway = self.client.gateway();
        match change {
            None => {}
            Some(RegistrationState::Registered) => {
                tracing::info!(%gateway, way = self.way(), "registered at the gateway");
            }
            Some(RegistrationState::Forgotten) => {
                tracing::info!(%gateway, "the gateway has forgotten this application: registering again")
            }
            Some(RegistrationState::Refused(reason)) => {
                tracing::error!(%gateway, reason, "the gateway refuses this application; trying again every second");
            }
            Some(RegistrationState::Declined) => {
                tracing::error!(
                    "a gateway speaks protocol 1, whose calls are not signed: this application does not register there. Set \
                     `allow_unsigned = true` (HYDRA_ALLOW_UNSIGNED) in the application's settings if only gateways and \
                     services reach its port"
                );
            }
            Some(RegistrationState::New | RegistrationState::Away) => {
                let reason = if let StepResult::Away(reason) = step {
                    reason
                } else {
                    ""
                };
                tracing::warn!(%gateway, reason, "the gateway is away; trying again every second");
            }
        }
    }
}
