//! This application towards its gateway: registering, staying registered, asking for fragments.

mod client;
mod contracts;
mod follow;
mod mood;
mod remote;
pub(crate) mod resources;
mod round;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use http::{HeaderMap, StatusCode, Uri};
use hydra_contract::Contract;
use hydra_runtime_wire::{ActiveService, Alive, MenuItem, RegistrationResponse, paths, registration};
use tokio::{
    net::lookup_host,
    sync::watch,
    time::{MissedTickBehavior, interval, sleep, timeout},
};

pub(crate) use self::{client::Client, remote::RemoteGateway};
use self::{
    client::{Answer, Bounds, ClientError},
    contracts::Told,
    mood::{Mood, Step},
    round::{Next, Round},
};
use crate::{overview::Board, settings::Settings};

/// The rhythm of the registration.
#[derive(Clone, Copy, Debug)]
struct Rhythm {
    /// How often an application that is not registered tries.
    retry: Duration,
    /// How often one that is registered says so.
    alive: Duration,
    /// How often it asks whether the overview changed. A registry notices silence within a quarter of a second after its
    /// limit; with this, pages show it within a second.
    overview: Duration,
    /// How long it stays where no gateway reaches the registry, before it looks again for one that does.
    cut_off: Duration,
}

/// The rhythm of protocol section 3.
const RHYTHM: Rhythm = Rhythm {
    retry: Duration::from_secs(1),
    alive: Duration::from_secs(3),
    overview: Duration::from_millis(500),
    cut_off: Duration::from_secs(10),
};
/// The bounds of the answer to a registration: the overview of a large installation is in it.
const REGISTRATION: Bounds = Bounds {
    time: Duration::from_secs(2),
    size: 16 << 20,
};
/// The bounds of the answer to an alive.
const ALIVE_ANSWER: Bounds = Bounds {
    time: Duration::from_secs(2),
    size: 1 << 10,
};

/// How long looking up the gateway's name may take.
const LOOK_UP: Duration = Duration::from_secs(1);

/// What an application tells its gateway about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer {
    pub(crate) endpoints: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) menus: BTreeMap<String, Vec<MenuItem>>,
    pub(crate) version: i64,
    pub(crate) weight: Option<u32>,
    pub(crate) contract: Contract,
}

impl Offer {
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

/// Registers an application and keeps it registered.
pub struct Service {
    client: Arc<Client>,
    host: Option<String>,
    alive: Alive,
    body: ActiveService,
    public_key: String,
    registration: String,
    alive_path: String,
    overview_path: String,
    /// Where the newest overview goes.
    board: Board,
    /// The route hash that belongs to it.
    hash: Option<String>,
    /// The contract problems that the log has.
    told: Told,
    /// Whether the gateway that took the last registration is cut off from the registry that it shares with others.
    is_cut_off: bool,
    rhythm: Rhythm,
}

impl Service {
    pub(crate) fn new(client: Arc<Client>, offer: Offer, settings: &Settings, board: Board) -> Self {
        let instance = uuid::Uuid::new_v4().to_string();
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let path = |route| paths::of(route, &settings.public_key);
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
                static_resources: offer.resources,
                menu_items: offer.menus,
                protocol: Some(2),
                instance: Some(instance),
                weight: offer.weight,
                contract: Some(contracts::bounded(offer.contract)),
                ..ActiveService::default()
            },
            public_key: settings.public_key.clone(),
            registration: path(paths::REGISTRATION),
            alive_path: path(paths::ALIVE),
            overview_path: contracts::overview_path(&path(paths::OVERVIEW), &settings.name),
            board,
            hash: None,
            told: Told::default(),
            is_cut_off: false,
            rhythm: RHYTHM,
        }
    }

    /// Why no gateway would take the registration as it is.
    pub(crate) fn refusal(&self) -> Option<String> {
        registration::refusal(self.body.clone())
    }

    /// Registers the application, which listens on `bound`, again and again until `stopped` holds `true`.
    pub async fn run(mut self, bound: SocketAddr, mut stopped: watch::Receiver<bool>) {
        tokio::select! {
            () = self.keep_registered(bound) => {}
            // A sender that is gone can't say stop any more: the application has ended.
            _ = stopped.wait_for(|stop| *stop) => {}
        }
    }

    async fn keep_registered(&mut self, bound: SocketAddr) {
        self.body.port = bound.port();
        let (mut mood, mut round) = (Mood::default(), Round::new(self.client.count()));
        loop {
            let turn = self.client.turn();
            self.body.host = match &self.host {
                Some(host) => host.clone(),
                None => own_host(bound.ip(), self.client.gateway()).await,
            };
            let step = self.register().await;
            self.log(mood.after(&step), &step);
            self.leave(turn, &step);
            let patience = match round.tried(&step, self.is_cut_off) {
                Next::Stay => Duration::ZERO,
                Next::StayAWhile => self.rhythm.cut_off,
                Next::GoOn => {
                    self.client.leave(turn);
                    continue;
                }
                Next::Again => continue,
                Next::AgainLater => {
                    sleep(self.rhythm.retry).await;
                    continue;
                }
            };
            let step = tokio::select! {
                step = self.stay(patience) => step,
                never = self.follow() => match never {},
            };
            self.log(mood.after(&step), &step);
            self.leave(turn, &step);
            round.left(&step);
        }
    }

    /// Goes on to the next gateway where this one can't be reached, or does not reach the registry.
    fn leave(&self, turn: usize, step: &Step) {
        if matches!(step, Step::Away(_) | Step::CutOff) {
            self.client.leave(turn);
        }
    }

    async fn register(&mut self) -> Step {
        let answer = self
            .client
            .ask::<RegistrationResponse>(&self.registration, &self.body, HeaderMap::new(), REGISTRATION)
            .await;
        match answer {
            Ok(Answer {
                body: answer,
                is_cut_off,
            }) => {
                self.is_cut_off = is_cut_off;
                for left_out in answer.left_out.unwrap_or_default() {
                    let (path, reason) = (left_out.path, left_out.reason);
                    tracing::warn!(
                        path,
                        reason,
                        "the gateway does not route a path of this application"
                    );
                }
                self.told.news(answer.contract_problems.unwrap_or_default());
                self.board.learn(answer.services, Instant::now());
                self.hash = answer.hash;
                Step::Registered
            }
            // A wrong key is told to nobody: the gateway gives no reason.
            Err(ClientError::Status(StatusCode::NOT_FOUND, reason)) if reason.trim().is_empty() => {
                Step::Refused(self.wrong_key())
            }
            Err(ClientError::Status(status, reason)) if !status.is_server_error() => {
                Step::Refused(format!("{status} {reason}"))
            }
            Err(error) => Step::Away(error.to_string()),
        }
    }

    fn wrong_key(&self) -> String {
        format!(
            "404 Not Found: it belongs to no installation with the public key `{}`. Set `public_key` (HYDRA_PUBLIC_KEY) as the \
             gateway has it, and look whether `gateway` names a gateway",
            self.public_key
        )
    }

    /// Says that the application is there until the gateway does not know it any more, is away, or, after `patience`, is
    /// cut off from the registry while there are others.
    async fn stay(&self, patience: Duration) -> Step {
        let since = Instant::now();
        let mut ticks = interval(self.rhythm.alive);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.tick().await;
        loop {
            ticks.tick().await;
            match self
                .client
                .ask::<bool>(&self.alive_path, &self.alive, HeaderMap::new(), ALIVE_ANSWER)
                .await
            {
                Ok(answer) if answer.is_cut_off && self.client.count() > 1 && since.elapsed() >= patience => {
                    let gateway = self.client.gateway();
                    tracing::info!(%gateway, "the gateway does not reach its registry: going to another one");
                    return Step::CutOff;
                }
                Ok(_) => {}
                Err(ClientError::Status(StatusCode::NOT_FOUND, _)) => return Step::Forgotten,
                Err(error) => return Step::Away(error.to_string()),
            }
        }
    }

    fn log(&self, news: Option<&Mood>, step: &Step) {
        let gateway = self.client.gateway();
        match news {
            None => {}
            Some(Mood::Registered) => tracing::info!(%gateway, "registered at the gateway"),
            Some(Mood::Forgotten) => {
                tracing::info!(%gateway, "the gateway has forgotten this application: registering again")
            }
            Some(Mood::Refused(reason)) => {
                tracing::error!(%gateway, reason, "the gateway refuses this application; trying again every second");
            }
            Some(Mood::New | Mood::Away) => {
                let reason = if let Step::Away(reason) = step { reason } else { "" };
                tracing::warn!(%gateway, reason, "the gateway is away; trying again every second");
            }
        }
    }
}

/// The host at which the gateway reaches an application that listens on `ip`. On all interfaces: that of the one
/// towards the gateway.
async fn own_host(ip: IpAddr, gateway: &Uri) -> String {
    if !ip.is_unspecified() {
        return ip.to_string();
    }
    let towards = towards(ip, gateway).await;
    towards.unwrap_or(IpAddr::from([127, 0, 0, 1])).to_string()
}

async fn towards(ip: IpAddr, gateway: &Uri) -> Option<IpAddr> {
    // A URL has the address of IPv6 in brackets, a look-up wants it without.
    let host = gateway.host()?.trim_start_matches('[').trim_end_matches(']');
    let looked_up = lookup_host((host, gateway.port_u16().unwrap_or(80)));
    let found = timeout(LOOK_UP, looked_up).await.ok()?.ok()?;
    // Who listens on all of IPv6 is there with IPv4 as well, but not the other way round.
    found
        .filter(|gateway| ip.is_ipv6() || gateway.is_ipv4())
        .find_map(begin_of_way)
}

/// The own address from which `there` is reached.
fn begin_of_way(there: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = match there {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting a datagram socket sends nothing: it only asks the system for the way.
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect(there).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
