//! Redis, gateways and services, and how each of them is.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use hydra_tests::{Running, Start, get, wait_for};
use tempfile::TempDir;

use crate::proxy::Proxy;

/// So long after all gateways know it, an instance counts as one that can be relied on: breakers have closed by then.
const SETTLING: Duration = Duration::from_secs(6);
/// How long a start may take on a machine that has much to do.
const START: Duration = Duration::from_secs(60);
const PAGE: &str = "<html m:attributes=\"nonce: string, dob: date, basket: list<any>\"><body>\
    <m:fragment service=\"old\" ref=\"f\" imports=\"nonce\">[old -]</m:fragment>\
    <m:fragment service=\"orderService\" ref=\"checkout\" imports=\"nonce as country, dob, basket\">[new -]</m:fragment>\
    <m:fragment service=\"plain\" ref=\"f\" imports=\"nonce\">[plain -]</m:fragment>\
    </body></html>\n";

/// A process that can end, hang and start again.
pub(crate) struct Part {
    /// The service, `gateway` or `redis`.
    pub(crate) kind: &'static str,
    pub(crate) port: u16,
    start: Box<dyn Fn() -> Start + Send>,
    running: Option<Running>,
    is_stopped: bool,
    pub(crate) well: Well,
}

/// Since when a part can be relied on, as all threads see it. `None`: it can't.
#[derive(Clone, Default)]
pub(crate) struct Well {
    since: Arc<Mutex<Option<Instant>>>,
    killed: Arc<Mutex<Option<Instant>>>,
}

impl Well {
    fn set(&self, since: Option<Instant>) {
        *self.since.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }

    fn set_killed(&self, moment: Instant) {
        *self.killed.lock().unwrap_or_else(PoisonError::into_inner) = Some(moment);
    }

    /// Whether it was killed since `start`: what it was asked then and may not be asked twice is lost.
    pub(crate) fn was_killed_since(&self, start: Instant) -> bool {
        let killed = *self.killed.lock().unwrap_or_else(PoisonError::into_inner);
        killed.is_some_and(|killed| killed >= start)
    }

    /// Whether it could be relied on all the time from `start` until now.
    pub(crate) fn was(&self, start: Instant) -> bool {
        let since = *self.since.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since <= start)
    }
}

impl Part {
    fn new(kind: &'static str, port: u16, start: impl Fn() -> Start + Send + 'static) -> Self {
        let start = Box::new(start);
        let mut part = Self {
            kind,
            port,
            start,
            running: None,
            is_stopped: false,
            well: Well::default(),
        };
        part.start();
        part
    }

    pub(crate) fn start(&mut self) {
        let start = (self.start)();
        self.running = Some(if self.kind == "redis" {
            start.start()
        } else {
            start.listening()
        });
    }

    /// Whether it is there and does not hang.
    pub(crate) fn is_running(&self) -> bool {
        self.running.is_some() && !self.is_stopped
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) {
        self.well.set(None);
        // Until it has ended, whatever it is asked counts as asked before its end.
        self.well.set_killed(Instant::now() + START);
        self.running = None;
        self.well.set_killed(Instant::now());
    }

    /// `STOP` or `CONT`.
    pub(crate) fn signal(&mut self, name: &str) {
        self.well.set(None);
        self.is_stopped = name == "STOP";
        if let Some(running) = &self.running {
            let pid = running.id().to_string();
            let sent = Command::new("kill").args([format!("-{name}"), pid]).status();
            assert!(sent.expect("kill runs").success());
        }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// All of them.
pub(crate) struct World {
    pub(crate) redis: Part,
    /// The first three are gateways, the last is `hydra serve` with its own.
    pub(crate) gateways: Vec<Part>,
    /// The ways of the gateways to Redis.
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) services: Vec<Part>,
    /// Since when all gateways know each service.
    known: Vec<Option<Instant>>,
    _folder: TempDir,
}

/// A port that is free now.
fn free() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("bound").port()
}

impl World {
    /// Starts all, and waits until every gateway knows every service.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ports = [(); 12].map(|()| free());
        let (redis_port, ports) = (ports[0], &ports[1..]);
        let redis = Part::new("redis", redis_port, move || redis(redis_port));
        wait_for("Redis lets clients in", START, || {
            std::net::TcpStream::connect(("127.0.0.1", redis_port)).ok()
        });
        let config = configuration(folder.path(), &ports[9..]);
        let proxies: Vec<Proxy> = (0..4).map(|_| Proxy::to(redis_port)).collect();
        let gateways: Vec<Part> = (0..4)
            .map(|n| gateway(n, ports[n], &config, folder.path(), &proxies[n]))
            .collect();
        let urls: Vec<String> = gateways[..3].iter().map(Part::address).collect();
        let kinds = ["old", "old", "old", "new", "new", "plain", "plain"];
        let services: Vec<Part> = kinds
            .iter()
            .zip(&ports[4..])
            .map(|(kind, port)| service(kind, *port, urls.join(",")))
            .collect();
        let mut world = Self {
            redis,
            gateways,
            proxies,
            known: vec![None; services.len()],
            services,
            _folder: folder,
        };
        wait_for("everybody is well", START, || {
            world.look();
            let parts = world.gateways.iter().chain(&world.services);
            parts
                .into_iter()
                .all(|part| part.well.was(Instant::now()))
                .then_some(())
        });
        world
    }

    /// Finds out who can be relied on by now: services that all running gateways know for some time, and gateways that
    /// know all services that could be relied on.
    pub(crate) fn look(&mut self) {
        let said: Vec<Option<String>> = self.gateways.iter().map(services_of).collect();
        for (service, known) in self.services.iter().zip(&mut self.known) {
            let running = self
                .gateways
                .iter()
                .zip(&said)
                .filter(|(gateway, _)| gateway.is_running());
            let port = format!("\"port\":{},", service.port);
            let is_known = service.is_running()
                && running
                    .into_iter()
                    .all(|(_, said)| said.as_ref().is_some_and(|said| said.contains(&port)));
            *known = if is_known {
                known.or(Some(Instant::now()))
            } else {
                None
            };
            let is_new = !service.well.was(Instant::now());
            if is_new && known.is_some_and(|since| since.elapsed() >= SETTLING) {
                service.well.set(Some(Instant::now()));
            }
        }
        for (gateway, said) in self.gateways.iter().zip(&said) {
            let Some(said) = said else { continue };
            let good = self
                .services
                .iter()
                .filter(|service| service.well.was(Instant::now()));
            let knows_all = good
                .into_iter()
                .all(|service| said.contains(&format!("\"port\":{},", service.port)));
            if knows_all && !gateway.well.was(Instant::now()) {
                gateway.well.set(Some(Instant::now()));
            }
        }
    }

    /// A service that was disturbed has to settle anew.
    pub(crate) fn disturb(&mut self, service: usize) {
        self.known[service] = None;
    }

    /// Whether one more of these can be done without.
    pub(crate) fn has_another(parts: &[Part], at: usize) -> bool {
        let others = parts
            .iter()
            .enumerate()
            .filter(|(other, part)| *other != at && part.kind == parts[at].kind);
        others.into_iter().any(|(_, part)| part.well.was(Instant::now()))
    }
}

fn services_of(gateway: &Part) -> Option<String> {
    if !gateway.is_running() {
        return None;
    }
    get(&gateway.address(), "/_h/services")
        .ok()
        .map(|answer| answer.body)
}

fn redis(port: u16) -> Start {
    let mut command = Command::new("redis-server");
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
    Start::command(command)
}

/// What gateways are told of the plain services, and the folder of `hydra serve`.
fn configuration(folder: &Path, plain: &[u16]) -> String {
    let of = |port: &u16| {
        format!(
            "[[service]]\nname = 'plain'\nurl = 'http://127.0.0.1:{port}'\nendpoints = ['/plain/{{nonce}}']\n\
             fragments = {{ f = '/f' }}\n"
        )
    };
    let services: String = plain.iter().map(of).collect();
    let config = format!("{services}[serve]\nfragment_timeout = 8000\n");
    let site = folder.join("site");
    fs::create_dir(&site).expect("a folder");
    for (name, text) in [
        ("hydra.toml", &*config),
        ("site/index.html", PAGE),
        ("site/index.toml", "dob = '1990-01-01'\nbasket = []\n"),
    ] {
        fs::write(folder.join(name), text).expect("written");
    }
    folder.join("hydra.toml").display().to_string()
}

fn gateway(number: usize, port: u16, config: &str, folder: &Path, proxy: &Proxy) -> Part {
    let (config, site) = (config.to_owned(), folder.join("site").display().to_string());
    let redis = format!("redis://{}", proxy.address);
    let kind = if number == 3 { "serve" } else { "gateway" };
    Part::new(kind, port, move || {
        let program = Start::program("hydra").arg(kind);
        let program = match kind {
            "serve" => program.arg(&site).arg("--with-gateway"),
            _ => program,
        };
        let listen = format!("127.0.0.1:{port}");
        program
            .arg("--listen")
            .arg(&listen)
            .arg("--config")
            .arg(&config)
            .env("HYDRA_REDIS", &redis)
    })
}

fn service(kind: &'static str, port: u16, gateways: String) -> Part {
    Part::new(kind, port, move || {
        let listen = format!("127.0.0.1:{port}");
        if kind == "new" {
            return Start::program("order-service")
                .env("HYDRA_LISTEN", &listen)
                .env("HYDRA_GATEWAY", &gateways);
        }
        Start::command(Command::new(env!("CARGO_BIN_EXE_chaos-service")))
            .env("CHAOS_KIND", kind)
            .env("CHAOS_LISTEN", &listen)
            .env("CHAOS_GATEWAYS", &gateways)
    })
}
