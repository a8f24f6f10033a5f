//! The life of one service, on a thread of its own: check, build, start, and again after each change.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use anstream::adapter::strip_str;
use hydra_compile::read::SitePaths;
use hydra_contract::Plan;

use super::{
    board::Board,
    build::{self, Built},
    change::Change,
    find::CratePlace,
    group::Group,
    guard::Guard,
    link::{self, Link},
    output::{self, Tag, Tail},
    surroundings::Surroundings,
};
use crate::serve::compile::{Checked, CrateChecker};

/// How often a service is looked at that may end.
const LOOK: Duration = Duration::from_millis(200);
/// How often one is looked at that starts.
const START_LOOK: Duration = Duration::from_millis(20);
/// How long a service may take until it listens.
const LISTEN: Duration = Duration::from_secs(30);
/// How long it may take then until it is registered at the gateway.
const REGISTER: Duration = Duration::from_secs(15);
/// How long it may take to end once it is told to.
const END: Duration = Duration::from_secs(3);
/// What a service prints before its address.
const LISTENING: &str = "listening on ";

/// A service and what it needs.
pub(super) struct Service {
    pub(super) place: CratePlace,
    pub(super) tag: Tag,
    pub(super) board: Board,
    pub(super) surroundings: Arc<Surroundings>,
    /// Held while cargo builds: builds of one workspace would only wait for each other.
    pub(super) building: Arc<Mutex<()>>,
    pub(super) guard: Guard,
    pub(super) orders: Orders,
    pub(super) checker: CrateChecker,
    /// Gives the program the plan of changed templates. `None`: each change needs a build.
    pub(super) link: Option<Link>,
    /// The plan that the program was given, which it loses when it ends.
    pub(super) plan: Option<Arc<Plan>>,
    /// The change that could not be checked or built. Until it is, the program that runs lacks what it depends on.
    pub(super) failed: Option<Change>,
}

/// What the thread of a service is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Change(Change),
    Stop,
}

/// The orders that are not done yet.
pub(super) struct Orders {
    pub(super) receiver: Receiver<Order>,
    change: Option<Change>,
    is_over: bool,
}

/// Why a service does not run, or runs in a former version.
struct Failure {
    /// For the terminal too.
    what: String,
    /// What was shown on the terminal already: the lines of the compiler, of cargo or of the program.
    said: String,
}

/// A program that runs.
struct Running {
    group: Group,
    program: Program,
    /// `None`: that is not known.
    site: Option<BuiltSite>,
    said: Tail,
    address: Arc<Mutex<Option<String>>>,
}

/// What the check before a build said of the templates that went into the program.
#[derive(Clone)]
struct BuiltSite {
    /// Stands for what the program depends on, beside the texts of its templates.
    interface: u64,
    plan: Arc<Plan>,
}

/// One version of the program of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Program {
    path: PathBuf,
    /// When it was written. `None`: the system does not tell.
    written: Option<SystemTime>,
}

/// How a change was made ready.
enum Made {
    /// The program that runs has the plan of the changed templates.
    Given,
    /// A program was built with these templates.
    Program(Program, Option<BuiltSite>),
    /// Another change makes this one pointless.
    Unwanted,
}

impl Orders {
    pub(super) fn new(receiver: Receiver<Order>) -> Self {
        Self {
            receiver,
            change: None,
            is_over: false,
        }
    }

    fn take_in(&mut self, order: Order) {
        match order {
            Order::Change(change) => self.change = self.change.max(Some(change)),
            Order::Stop => self.is_over = true,
        }
    }

    /// Whether what is being done is not wanted any more: the service stops, or is to be checked anew.
    fn interrupt(&mut self) -> bool {
        while let Ok(order) = self.receiver.try_recv() {
            self.take_in(order);
        }
        self.is_over || self.change >= Some(Change::Templates)
    }

    /// Waits for the next change, but not longer than `limit`.
    fn next(&mut self, limit: Duration) -> Option<Change> {
        if self.change.is_none() && !self.is_over {
            match self.receiver.recv_timeout(limit) {
                Ok(order) => self.take_in(order),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.is_over = true,
            }
        }
        self.interrupt();
        self.change.take().filter(|_| !self.is_over)
    }
}

impl Running {
    /// Where it listens, once it said so: `http://host:port`.
    fn address(&self) -> Option<String> {
        // The lock is held for a moment.
        self.address
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Program {
    fn of(path: PathBuf) -> Self {
        let written = path.metadata().and_then(|found| found.modified()).ok();
        Self { path, written }
    }
}

impl Service {
    /// Keeps the service up to date until it is told to stop.
    pub(super) fn run(mut self) {
        let mut running = None;
        self.renew(&mut running, Change::Build);
        while !self.orders.is_over {
            if let Some(change) = self.orders.next(LOOK) {
                self.renew(&mut running, change);
            }
            self.look(&mut running);
        }
        if let Some(mut last) = running {
            last.group.stop(END);
        }
    }

    /// Tells that the program has ended by itself.
    fn look(&mut self, running: &mut Option<Running>) {
        let Some(status) = running.as_mut().and_then(|one| one.group.ended()) else {
            return;
        };
        let said = running.take().map(|ended| ended.said.text()).unwrap_or_default();
        let what = format!("the program has ended ({status})");
        self.fail(running, &Failure { what, said });
    }

    /// Does what a change needs.
    fn renew(&mut self, running: &mut Option<Running>, change: Change) {
        let name = self.place.name.clone();
        let change = match change {
            Change::Restart => change,
            _ => self.failed.map_or(change, |failed| change.max(failed)),
        };
        let (program, site) = match (change, running.as_ref()) {
            (Change::Restart, Some(running)) => (running.program.clone(), running.site.clone()),
            _ => {
                self.board.building(&name);
                let made = self.made(running.as_ref(), change);
                match &made {
                    Ok(Made::Given | Made::Program(..)) => self.failed = None,
                    Ok(Made::Unwanted) => {}
                    Err(_) => self.failed = Some(change),
                }
                match made {
                    Ok(Made::Program(program, site)) => (program, site),
                    Ok(Made::Given) => {
                        self.tag.say("the changed templates are used, without a build");
                        return self.board.renewed(&name);
                    }
                    Ok(Made::Unwanted) => return self.orders.take_in(Order::Change(change)),
                    Err(failure) => return self.fail(running, &failure),
                }
            }
        };
        let must_start = matches!(change, Change::Restart | Change::Settings) || self.plan.is_some();
        if let Some(running) = running
            .as_mut()
            .filter(|one| !must_start && one.program == program)
        {
            running.site = site;
            self.tag.say("the program is the same: nothing to start");
            return self.board.unchanged(&name);
        }
        if change != Change::Restart {
            // The program has these templates in it.
            self.plan = None;
        }
        self.board.starting(&name);
        if let Some(mut last) = running.take() {
            last.group.stop(END);
        }
        match self.started(program, site) {
            Ok(Some(started)) => {
                *running = Some(started);
                self.board.renewed(&name);
                // It was started again although there is a problem, which is told again.
                self.orders.change = self.orders.change.max(self.failed);
            }
            Ok(None) => self.orders.take_in(Order::Change(change)),
            Err(failure) => self.fail(running, &failure),
        }
    }

    fn fail(&self, running: &Option<Running>, Failure { what, said }: &Failure) {
        let said = strip_str(said).to_string();
        let report = format!("{what}\n\n{}", said.trim_matches('\n'));
        self.board
            .failed(&self.place.name, running.is_some(), report.trim_end());
        let state = match running.is_some() {
            true => "the former program stays until this is mended",
            false => "the service is away until this is mended",
        };
        self.tag.say(&format!("{what}: {state}"));
    }

    /// Checks the templates, and builds the program if the one that runs can't render them.
    fn made(&mut self, running: Option<&Running>, change: Change) -> Result<Made, Failure> {
        let checked = self.check()?;
        if self.orders.interrupt() {
            return Ok(Made::Unwanted);
        }
        let warnings = checked.as_ref().map(|checked| checked.warnings.clone());
        let site = checked.map(|checked| BuiltSite {
            interface: checked.interface,
            plan: Arc::new(checked.plan),
        });
        let runs = running.and_then(|running| running.site.as_ref());
        let is_same = |site: &&BuiltSite| runs.is_some_and(|runs| runs.interface == site.interface);
        if let Some(site) = site
            .as_ref()
            .filter(|site| change == Change::Templates && is_same(site))
        {
            self.tag.say(&warnings.unwrap_or_default());
            if self.give(&site.plan) {
                return Ok(Made::Given);
            }
        }
        let building = Arc::clone(&self.building);
        // A thread that panicked while it built leaves nothing behind that matters.
        let _turn = building.lock().unwrap_or_else(PoisonError::into_inner);
        match build::build(&self.place, &self.tag, &self.guard, || self.orders.interrupt()) {
            Built::Program(path) => Ok(Made::Program(Program::of(path), site)),
            Built::Stopped => Ok(Made::Unwanted),
            Built::Failed(said) => Err(Failure {
                what: "the build failed".to_owned(),
                said,
            }),
        }
    }

    /// Checks the templates, which takes less time than cargo. `None`: the build script names no folder, so that only cargo can do it.
    fn check(&mut self) -> Result<Option<Checked>, Failure> {
        if SitePaths::of_crate(&self.place.folder).is_none() {
            return Ok(None);
        }
        self.checker.check().map(Some).map_err(|report| {
            self.tag.say(&report);
            Failure {
                what: "the templates have errors".to_owned(),
                said: report,
            }
        })
    }

    /// Gives the program that runs a plan. Returns whether its pages are made with it.
    fn give(&mut self, plan: &Arc<Plan>) -> bool {
        let Some(link) = &mut self.link else { return false };
        match link.give(plan) {
            Ok(()) => {
                self.plan = Some(plan.clone());
                true
            }
            Err(error) => {
                self.tag.say(&format!(
                    "the program that runs does not take the changed templates: {error}"
                ));
                false
            }
        }
    }

    /// Gives a program that was started again the plan that the former process had. If it does not take it, it is built.
    fn give_again(&mut self) {
        if let Some(plan) = self.plan.take()
            && !self.give(&plan)
        {
            self.orders.take_in(Order::Change(Change::Build));
        }
    }

    /// Starts the program, and waits until visitors can reach it. `None`: it is not wanted any more.
    fn started(&mut self, program: Program, site: Option<BuiltSite>) -> Result<Option<Running>, Failure> {
        if let Some(link) = &mut self.link {
            link.reset(site.as_ref().map(|site| site.plan.clone()));
        }
        let mut running = self.start(program, site)?;
        let (begun, mut listens_since) = (Instant::now(), None);
        let what = loop {
            if let Some(status) = running.group.ended() {
                break format!("the program ended at its start ({status})");
            }
            if self.orders.interrupt() {
                running.group.stop(END);
                return Ok(None);
            }
            match running.address() {
                Some(address) if self.surroundings.is_registered(&address) => {
                    self.give_again();
                    return Ok(Some(running));
                }
                Some(address) => {
                    let since = *listens_since.get_or_insert_with(Instant::now);
                    if since.elapsed() > REGISTER {
                        break format!(
                            "the program listens on {address}, but has not registered at the gateway {} within {} s",
                            self.surroundings.gateway,
                            REGISTER.as_secs()
                        );
                    }
                }
                None if begun.elapsed() > LISTEN => {
                    break format!(
                        "the program does not listen after {} s: it must call `App::serve`, which prints the address",
                        LISTEN.as_secs()
                    );
                }
                None => {}
            }
            thread::sleep(START_LOOK);
        };
        running.group.stop(END);
        let said = running.said.text();
        Err(Failure { what, said })
    }

    fn start(&self, program: Program, site: Option<BuiltSite>) -> Result<Running, Failure> {
        let mut command = Command::new(&program.path);
        self.surroundings.apply(&mut command);
        if let Some(link) = &self.link {
            command.env(link::SOCKET, link.path());
        }
        command
            .current_dir(working_folder(&self.place.folder))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut group = Group::start(&mut command, &self.guard).map_err(|error| Failure {
            what: format!("`{}` can't be started: {error}", program.path.display()),
            said: String::new(),
        })?;
        let (said, address) = (Tail::default(), Arc::<Mutex<Option<String>>>::default());
        if let Some(stdout) = group.stdout() {
            let (tag, said, address) = (self.tag.clone(), said.clone(), Arc::clone(&address));
            thread::spawn(move || {
                output::forward(stdout, &tag, |line| {
                    if let Some(at) = line.strip_prefix(LISTENING) {
                        let mut address = address.lock().unwrap_or_else(PoisonError::into_inner);
                        address.get_or_insert_with(|| at.to_owned());
                    }
                    said.push(line);
                });
            });
        }
        if let Some(stderr) = group.stderr() {
            let (tag, said) = (self.tag.clone(), said.clone());
            thread::spawn(move || output::forward(stderr, &tag, |line| said.push(line)));
        }
        Ok(Running {
            group,
            program,
            site,
            said,
            address,
        })
    }
}

/// The system takes no empty path.
fn working_folder(folder: &Path) -> &Path {
    match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn the_largest_change_is_done_and_only_a_check_interrupts() {
        let (sender, receiver) = mpsc::channel();
        let mut orders = Orders::new(receiver);
        let send = |change| sender.send(Order::Change(change)).expect("it is there");
        assert_eq!(orders.next(Duration::ZERO), None);
        send(Change::Restart);
        assert!(!orders.interrupt());
        send(Change::Settings);
        send(Change::Templates);
        assert!(orders.interrupt());
        assert_eq!(orders.next(Duration::ZERO), Some(Change::Settings));
        assert!(!orders.interrupt());
        send(Change::Build);
        sender.send(Order::Stop).expect("it is there");
        assert_eq!(orders.next(Duration::ZERO), None);
        assert!(orders.interrupt() && orders.is_over);
    }

    #[test]
    fn a_service_without_anyone_who_orders_stops() {
        let (sender, receiver) = mpsc::channel();
        let mut orders = Orders::new(receiver);
        drop(sender);
        assert_eq!((orders.next(LOOK), orders.is_over), (None, true));
    }
}
