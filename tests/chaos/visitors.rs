//! Visitors, who look at every page that they get.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use hydra_tests::get;

use crate::{
    page::{Seen, look},
    world::{Well, World},
};

/// The pause between two requests of one visitor: the load is bounded.
const PAUSE: Duration = Duration::from_millis(20);

/// What they have seen.
#[derive(Clone, Default)]
pub(crate) struct Diary {
    pub(crate) pages: Arc<AtomicU64>,
    /// Requests that failed, and whose gateway or service was disturbed meanwhile.
    pub(crate) excused: Arc<AtomicU64>,
    wrong: Arc<Mutex<Vec<String>>>,
    number: Arc<AtomicU64>,
}

impl Diary {
    pub(crate) fn wrong(&self) -> Vec<String> {
        self.wrong.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What a visitor may ask, and on whom the answer depends.
#[derive(Clone)]
struct Way {
    address: String,
    path: &'static str,
    services: Vec<&'static str>,
    gateway: Well,
    instances: Vec<(&'static str, Well)>,
}

/// Starts `count` visitors, who go on until `stop`.
pub(crate) fn visit(
    world: &World,
    count: usize,
    diary: &Diary,
    stop: &Arc<AtomicBool>,
) -> Vec<JoinHandle<()>> {
    let instances: Vec<_> = world
        .services
        .iter()
        .map(|service| (service.kind, service.well.clone()))
        .collect();
    let mut ways = Vec::new();
    for gateway in &world.gateways {
        let pages: &[(&str, &[&str])] = match gateway.kind {
            "serve" => &[("/?nonce=", &["old", "new", "plain"])],
            _ => &[("/old/", &["old"]), ("/plain/", &["plain"])],
        };
        for (path, services) in pages {
            ways.push(Way {
                address: gateway.address(),
                path,
                services: services.to_vec(),
                gateway: gateway.well.clone(),
                instances: instances.clone(),
            });
        }
    }
    let start = |at: usize| {
        let (mut ways, diary, stop) = (ways.clone(), diary.clone(), Arc::clone(stop));
        let by = at % ways.len();
        ways.rotate_left(by);
        thread::spawn(move || {
            for way in ways.iter().cycle() {
                if stop.load(SeqCst) {
                    break;
                }
                go(way, &diary);
                thread::sleep(PAUSE);
            }
        })
    };
    (0..count).map(start).collect()
}

fn go(way: &Way, diary: &Diary) {
    let start = Instant::now();
    // A gateway that is known to be away is none that a visitor is sent to.
    if !way.gateway.was(start) {
        return;
    }
    let nonce = format!("n{:016}", diary.number.fetch_add(1, SeqCst));
    let answer = get(&way.address, &format!("{}{nonce}", way.path));
    let problem = match &answer {
        Ok(answer) if answer.status == 200 => match look(&shown(&answer.body), &nonce, &way.services) {
            Seen::Whole => None,
            Seen::Without(services) => Some((format!("without {services:?}"), services, false)),
            Seen::Cut => Some(("cut".to_owned(), way.services.clone(), false)),
            Seen::Mixed => Some((format!("mixed: {}", answer.body), Vec::new(), true)),
        },
        Ok(answer) => Some((format!("{}", answer.status), way.services.clone(), false)),
        Err(error) => Some((error.to_string(), way.services.clone(), false)),
    };
    diary.pages.fetch_add(1, SeqCst);
    let Some((what, services, is_never_right)) = problem else {
        return;
    };
    let is_owed = |service: &&'static str| {
        let own = || way.instances.iter().filter(|(kind, _)| kind == service);
        // Fragments of these are asked for by POST: what a process that is killed was asked is not asked again.
        let is_safe = way.path != "/?nonce=" || *service == "plain";
        own().any(|(_, well)| well.was(start))
            && (is_safe || !own().any(|(_, well)| well.was_killed_since(start)))
    };
    if is_never_right || (way.gateway.was(start) && services.iter().any(is_owed)) {
        let line = format!(
            "{}{}{nonce} after {:?}: {what}",
            way.address,
            way.path,
            start.elapsed()
        );
        eprintln!("{line}");
        if let Ok(said) = get(&way.address, "/_h/services") {
            let registry = said.head.lines().find(|line| line.starts_with("hydra-registry"));
            let ports: Vec<&str> = said
                .body
                .split("\"port\":")
                .skip(1)
                .filter_map(|rest| rest.split(',').next())
                .collect();
            eprintln!("  it says {registry:?}, and knows {ports:?}");
        }
        diary
            .wrong
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(line);
    } else {
        diary.excused.fetch_add(1, SeqCst);
    }
}

/// The page with the order form as the other fragments are: its country is the visitor's number.
fn shown(body: &str) -> String {
    let form = body
        .split_once("<section class=\"checkout-form\"")
        .and_then(|(before, rest)| {
            let (form, after) = rest.split_once("</section>")?;
            let (_, country) = form.split_once("id=\"country\">")?;
            let (nonce, _) = country.split_once('<')?;
            Some(format!("{before}[new {nonce}]{after}"))
        });
    form.unwrap_or_else(|| body.to_owned())
}
