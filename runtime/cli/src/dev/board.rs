//! The state of each service that `hydra dev` runs, which open pages in browsers follow.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::Serialize;
use tokio::{sync::watch, time::timeout};
use uuid::Uuid;

/// The longest report that browsers get.
const MAX_REPORT_BYTES: usize = 64 * 1024;

/// What all parts of `hydra dev` know of the services. Clones share it.
#[derive(Clone, Debug)]
pub(super) struct Board(Arc<watch::Sender<Shown>>);

/// The services at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shown {
    /// Names this run, so that pages of a former one are loaded again.
    pub(super) run: String,
    /// Counts the changes of what pages show.
    pub(super) pages: u64,
    /// Counts the changes of style sheets.
    pub(super) styles: u64,
    services: BTreeMap<String, ServiceState>,
    /// Whether the process stops.
    pub(super) is_over: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ServiceState {
    phase: Phase,
    /// Whether its change is being checked or built.
    is_building: bool,
    report: Option<String>,
}

/// Whether a service answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Off,
    /// It stops, or starts.
    Starting,
    On,
}

/// The state as the script in browsers reads it.
#[derive(Serialize)]
struct Event<'s> {
    run: &'s str,
    pages: u64,
    styles: u64,
    problems: Vec<Problem<'s>>,
    /// The services that are being built or started.
    busy: Vec<&'s str>,
}

#[derive(Serialize)]
struct Problem<'s> {
    service: &'s str,
    text: &'s str,
}

impl Shown {
    /// The state as JSON.
    pub(super) fn json(&self) -> String {
        let problems = self.services.iter().filter_map(|(name, service)| {
            let text = service.report.as_deref()?;
            Some(Problem { service: name, text })
        });
        let event = Event {
            run: &self.run,
            pages: self.pages,
            styles: self.styles,
            problems: problems.collect(),
            busy: self.names(|service| service.is_building || service.phase == Phase::Starting),
        };
        // Texts and numbers alone can't fail to be written.
        serde_json::to_string(&event).unwrap_or_default()
    }

    /// The services that do not answer yet, and are being built or started.
    pub(super) fn awaited(&self) -> Vec<&str> {
        self.names(|service| {
            service.phase != Phase::On && (service.is_building || service.phase == Phase::Starting)
        })
    }

    fn is_starting(&self) -> bool {
        self.phases().any(|phase| phase == Phase::Starting)
    }

    fn phases(&self) -> impl Iterator<Item = Phase> {
        self.services.values().map(|service| service.phase)
    }

    fn names(&self, is_meant: impl Fn(&ServiceState) -> bool) -> Vec<&str> {
        let services = self.services.iter().filter(|(_, service)| is_meant(service));
        services.map(|(name, _)| name.as_str()).collect()
    }
}

impl Board {
    /// A board of services that do not run yet: each is going to be built.
    pub(super) fn new<N: Into<String>>(names: impl IntoIterator<Item = N>) -> Self {
        let first = ServiceState {
            is_building: true,
            ..ServiceState::default()
        };
        let services = names.into_iter().map(|name| (name.into(), first.clone()));
        Self(Arc::new(watch::Sender::new(Shown {
            run: Uuid::new_v4().to_string(),
            services: services.collect(),
            ..Shown::default()
        })))
    }

    /// The state, and later ones as they come.
    pub(super) fn watch(&self) -> watch::Receiver<Shown> {
        self.0.subscribe()
    }

    /// A change of the service is being checked and built. Its former program may run meanwhile.
    pub(super) fn building(&self, name: &str) {
        self.change(name, |service| service.is_building = true);
    }

    /// The service stops or starts, so that requests wait.
    pub(super) fn starting(&self, name: &str) {
        self.change(name, |service| {
            *service = ServiceState {
                phase: Phase::Starting,
                ..service.clone()
            }
        });
    }

    /// The service answers, and browsers see something new.
    pub(super) fn renewed(&self, name: &str) {
        self.change(name, |service| {
            *service = ServiceState {
                phase: Phase::On,
                ..ServiceState::default()
            }
        });
        self.new_pages();
    }

    /// The change of the service is done, and browsers see nothing new.
    pub(super) fn unchanged(&self, name: &str) {
        self.change(name, |service| {
            service.is_building = false;
            service.report = None;
        });
    }

    /// The change of the service failed. `is_on`: a program of it answers all the same.
    pub(super) fn failed(&self, name: &str, is_on: bool, report: &str) {
        let report = cut(report);
        self.change(name, |service| {
            *service = ServiceState {
                phase: if is_on { Phase::On } else { Phase::Off },
                is_building: false,
                report: Some(report.to_owned()),
            }
        });
    }

    /// A file that pages link has changed.
    pub(super) fn new_pages(&self) {
        self.0.send_modify(|shown| shown.pages += 1);
    }

    /// A style sheet has changed.
    pub(super) fn new_styles(&self) {
        self.0.send_modify(|shown| shown.styles += 1);
    }

    /// The process stops: nothing waits any more.
    pub(super) fn end(&self) {
        self.0.send_modify(|shown| shown.is_over = true);
    }

    /// Waits until no service is between two programs, but not longer than `limit`. Returns the state.
    pub(super) async fn settled(&self, limit: Duration) -> Shown {
        let mut states = self.watch();
        let settled = states.wait_for(|shown| shown.is_over || !shown.is_starting());
        let _ = timeout(limit, settled).await;
        self.0.borrow().clone()
    }

    /// Whether a program stopped or came since the state `shown`.
    pub(super) fn has_moved_since(&self, shown: &Shown) -> bool {
        let now = self.0.borrow();
        now.pages != shown.pages || now.phases().ne(shown.phases())
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut ServiceState)) {
        self.0.send_if_modified(|shown| {
            let Some(service) = shown.services.get_mut(name) else {
                return false;
            };
            let former = service.clone();
            change(service);
            *service != former
        });
    }
}

/// The start of a report that is too long for a browser.
fn cut(report: &str) -> &str {
    let mut end = report.len().min(MAX_REPORT_BYTES);
    while !report.is_char_boundary(end) {
        end -= 1;
    }
    report.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use serde_json::{Value, json};

    use super::*;

    fn shown(board: &Board) -> Value {
        let mut event: Value = serde_json::from_str(&board.watch().borrow().json()).expect("JSON");
        event["run"].take();
        event
    }

    #[test]
    fn a_report_stays_until_the_service_is_mended() {
        let board = Board::new(["blog", "shop"]);
        let busy = |names: &[&str], problems: Value, pages: u64| json!({"run": null, "pages": pages, "styles": 0, "problems": problems, "busy": names});
        let problem = json!([{"service": "shop", "text": "no"}]);
        assert_eq!(shown(&board), busy(&["blog", "shop"], json!([]), 0));
        board.renewed("blog");
        assert_eq!(shown(&board), busy(&["shop"], json!([]), 1));
        assert_eq!(board.watch().borrow().awaited(), ["shop"]);
        board.failed("shop", false, "no");
        assert_eq!(shown(&board), busy(&[], problem.clone(), 1));
        board.building("shop");
        assert_eq!(shown(&board), busy(&["shop"], problem.clone(), 1));
        board.starting("shop");
        assert_eq!(shown(&board), busy(&["shop"], problem, 1));
        board.renewed("shop");
        assert_eq!(shown(&board), busy(&[], json!([]), 2));
        board.building("shop");
        assert_eq!(
            board.watch().borrow().awaited(),
            <[&str; 0]>::default(),
            "the former one answers"
        );
        board.unchanged("shop");
        board.building("unknown");
        assert_eq!(shown(&board), busy(&[], json!([]), 2));
    }

    #[test]
    fn long_reports_are_cut_at_a_character() {
        let text = "é".repeat(MAX_REPORT_BYTES);
        assert_eq!(cut(&text).len(), MAX_REPORT_BYTES);
        assert_eq!(cut(&format!("x{text}")).len(), MAX_REPORT_BYTES - 1);
        assert_eq!(cut("short"), "short");
    }

    #[tokio::test]
    async fn requests_wait_for_services_between_two_programs_only() {
        let board = Board::new(["shop"]);
        let limit = Duration::from_secs(1000);
        for (is_waiting, change) in [
            (false, Board::building as fn(&Board, &str)),
            (true, Board::starting),
            (false, Board::renewed),
            (false, Board::building),
            (true, Board::starting),
        ] {
            change(&board, "shop");
            assert_eq!(board.settled(limit).now_or_never().is_none(), is_waiting);
        }
        let (state, ()) = tokio::join!(board.settled(limit), async { board.renewed("shop") });
        assert_eq!(state.pages, 2);
        board.starting("shop");
        assert!(!board.settled(Duration::ZERO).await.is_over, "the limit counts");
        board.end();
        assert!(board.settled(limit).await.is_over);
    }
}
