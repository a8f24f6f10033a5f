//! An application whose pages hold fragments of its own, which the test lets go, fail and count.

use std::{
    net::TcpListener,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

use hydra_runtime::{
    App, Fragment, Page, ScriptNonce,
    app::{fragment_response, page_response},
    axum::{
        self, Extension,
        extract::{Request, State},
        http::{
            StatusCode,
            header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
        },
        middleware::{self, Next},
        response::{IntoResponse, Response},
        routing::get,
    },
    serde::Serialize,
    settings::Partial,
};
use serde_json::{Value, json};
use tokio::sync::watch;

/// How long a fragment takes that is to come after its page, whatever the machine has to do.
const LATER: Duration = Duration::from_millis(100);

/// A fragment: `{{ n | __hydra }}` in the page is the n-th.
#[derive(Clone, Default)]
pub(crate) struct Part {
    pub(crate) mode: &'static str,
    pub(crate) fallback: String,
    pub(crate) html: String,
    pub(crate) styles: Vec<&'static str>,
    pub(crate) scripts: Vec<&'static str>,
    /// It waits for [`Site::let_go`].
    pub(crate) is_held: bool,
    /// How long it takes.
    pub(crate) takes: Duration,
}

impl Part {
    /// The fragment with this HTML. Its fallback says `wait`.
    pub(crate) fn new(mode: &'static str, html: &str) -> Self {
        Self {
            mode,
            fallback: "<i>wait</i>".to_owned(),
            html: html.to_owned(),
            takes: if mode == "deferred" { LATER } else { Duration::ZERO },
            ..Self::default()
        }
    }
}

/// What a site is made of.
#[derive(Default)]
pub(crate) struct Plan {
    pub(crate) page: String,
    pub(crate) parts: Vec<Part>,
    /// The content security policy. Where it names the nonce `n0nce`, the page bears it.
    pub(crate) policy: &'static str,
    /// How long the text waits for deferred fragments, in the words of the setting. None where empty.
    pub(crate) grace: &'static str,
    /// Path, type, text and delay of files.
    pub(crate) files: Vec<(&'static str, &'static str, String, Duration)>,
}

/// A site that is served until the test ends.
pub(crate) struct Site {
    pub(crate) address: String,
    control: Arc<Control>,
}

struct Control {
    plan: Plan,
    asked: Mutex<Vec<usize>>,
    /// The paths that the browser asked for, in that order.
    paths: Mutex<Vec<String>>,
    fails: AtomicBool,
    may_go: watch::Sender<bool>,
}

impl Site {
    pub(crate) fn let_go(&self) {
        self.control.may_go.send_replace(true);
    }

    /// From now on all fragments fail, or none.
    pub(crate) fn fail(&self, fails: bool) {
        self.control.fails.store(fails, SeqCst);
    }

    /// How often the n-th fragment was asked for.
    pub(crate) fn asked(&self, n: usize) -> usize {
        let asked = self.control.asked.lock().expect("no thread panicked");
        asked.iter().filter(|&&other| other == n).count()
    }

    /// The paths that the browser asked for, in that order. A browser's own wish for an icon is none.
    pub(crate) fn paths(&self) -> Vec<String> {
        let paths = self.control.paths.lock().expect("no thread panicked");
        paths
            .iter()
            .filter(|path| *path != "/favicon.ico")
            .cloned()
            .collect()
    }
}

/// The page with a head, and `body` in its body.
pub(crate) fn page(body: &str) -> String {
    format!("<!doctype html>\n<html lang=\"en\"><head><title>Page</title></head><body>{body}</body></html>")
}

/// Notes what the browser asks for. It asks for all fragments of a page that come with it by that page alone.
async fn note(State(control): State<Arc<Control>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    control.paths.lock().expect("no thread panicked").push(path);
    next.run(request).await
}

const REFS: [&str; 8] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"];

#[derive(Serialize)]
#[serde(crate = "hydra_runtime::serde")]
struct Shown<const N: usize> {
    html: String,
}

impl<const N: usize> Fragment for Shown<N> {
    type Imports = ();

    const REF: &'static str = REFS[N];
    const EXPORTS: &'static [&'static str] = &[];
}

impl<const N: usize> IntoResponse for Shown<N> {
    fn into_response(self) -> Response {
        fragment_response(&self)
    }
}

async fn part<const N: usize>(State(control): State<Arc<Control>>) -> Result<Shown<N>, StatusCode> {
    control.asked.lock().expect("no thread panicked").push(N);
    if control.fails.load(SeqCst) {
        return Err(StatusCode::INTERNAL_SERVER_ERROR);
    }
    let part = control.plan.parts.get(N).ok_or(StatusCode::NOT_FOUND)?;
    if part.is_held {
        // The sender lives as long as the application.
        let _ = control.may_go.subscribe().wait_for(|may_go| *may_go).await;
    } else if !part.takes.is_zero() {
        tokio::time::sleep(part.takes).await;
    }
    Ok(Shown {
        html: part.html.clone(),
    })
}

#[derive(Serialize)]
#[serde(crate = "hydra_runtime::serde")]
struct Home {}

impl Page for Home {
    const TEMPLATE: &'static str = "home.html";
}

async fn home(State(control): State<Arc<Control>>) -> Response {
    let policy = control.plan.policy;
    let page = page_response(&Home {});
    match policy {
        "" => page,
        _ if policy.contains("n0nce") => {
            let nonce = ScriptNonce::try_new("n0nce").expect("a nonce");
            (Extension(nonce), [(CONTENT_SECURITY_POLICY, policy)], page).into_response()
        }
        _ => ([(CONTENT_SECURITY_POLICY, policy)], page).into_response(),
    }
}

impl Plan {
    fn json(&self) -> String {
        let place = json!({"file": "home.html", "line": 1, "column": 1});
        let mut templates = vec![json!({"name": "home.html", "source": self.page})];
        let (mut sites, mut fragments, mut offers) = (Vec::new(), json!({}), json!({}));
        for (n, part) in self.parts.iter().enumerate() {
            let (name, fallback) = (format!("#{n}/home.html"), format!("#f{n}/home.html"));
            templates.push(json!({"name": name, "source": "{{ html | safe }}"}));
            templates.push(json!({"name": fallback, "source": part.fallback}));
            sites.push(json!({"place": place, "gives": [], "slot": {
                "service": {"fixed": ""}, "ref": {"fixed": REFS[n]}, "mode": part.mode, "timeout": 60_000,
                "fallback": {"template": fallback, "captures": []},
            }}));
            fragments[REFS[n]] =
                json!({"styles": part.styles, "scripts": part.scripts, "provides": ["html"]});
            offers[REFS[n]] = Value::String(name);
        }
        json!({
            "format": hydra_contract::PLAN_FORMAT, "templates": templates, "sites": sites,
            "pages": [{"template": "home.html", "exports": []}],
            "contract": {"service": "", "fragments": fragments}, "offers": offers,
        })
        .to_string()
    }

    /// Serves it.
    pub(crate) fn serve(self) -> Site {
        let settings = Partial::default()
            .deferred_grace(if self.grace.is_empty() { "0" } else { self.grace })
            .page_deadline("60s")
            .listen("127.0.0.1:0");
        let mut app = App::with_plan("shop", self.json())
            .settings(settings)
            .route("/", get(home));
        for (path, kind, text, delay) in self.files.clone() {
            let file = move || async move {
                tokio::time::sleep(delay).await;
                ([(CONTENT_TYPE, kind)], text)
            };
            app = app.route(path, get(file));
        }
        let count = self.parts.len();
        let control = Arc::new(Control {
            plan: self,
            asked: Mutex::default(),
            paths: Mutex::default(),
            fails: AtomicBool::default(),
            may_go: watch::Sender::new(false),
        });
        macro_rules! parts {
            ($($n:literal)*) => { $(if $n < count { app = app.fragment(part::<$n>); })* };
        }
        parts!(0 1 2 3 4 5 6 7);
        let router = app
            .with_state(control.clone())
            .into_router()
            .expect("an application")
            .layer(middleware::from_fn_with_state(control.clone(), note));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("a listener for tokio");
        let address = listener.local_addr().expect("an address");
        thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().expect("a runtime");
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener)?;
                axum::serve(listener, router).await
            })
        });
        Site {
            address: format!("http://{address}/"),
            control,
        }
    }
}
