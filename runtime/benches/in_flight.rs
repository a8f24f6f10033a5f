//! Pages that wait for slow fragments, over real sockets: when the first byte leaves, when the last one does, and what a
//! page in flight holds. The site is a process of its own, so that its memory is its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use axum::Router;
use hydra_contract::{Insertion, InsertionKind, PLAN_FORMAT, Plan, Slot, Template, TemplatePosition, Text};
use hydra_runtime::{
    page::{Engine, Options, PageRequest, PageVisitor},
    server,
};
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::Runtime,
    sync::watch,
    task::JoinSet,
};

const SLOTS: usize = 5;
/// How long a slow fragment takes in the first part, and in the second one.
const SLOW: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(1_200)];
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some([first, second]) = arguments
        .strip_suffix(&["serve".to_owned()])
        .and_then(|rest| rest.last_chunk())
    {
        return serve(first.parse()?, second.parse()?);
    }
    // `cargo test` only looks whether it works.
    let (rounds, in_flight) = if arguments.iter().any(|argument| argument == "--bench") {
        (40, 1_000)
    } else {
        (2, 20)
    };
    let [first, second] = SLOW.map(fragments);
    let site = Process::start(first?, second?)?;
    let runtime = Runtime::new()?;
    for side_by_side in [1, 20, 100] {
        runtime.block_on(times(site.address, side_by_side, rounds))?;
    }
    runtime.block_on(memory(&site, in_flight))
}

/// Five slow fragments on each page: `side_by_side` visitors, each with one page after the other.
async fn times(site: SocketAddr, side_by_side: usize, rounds: usize) -> Result<(), Failure> {
    let mut visitors = JoinSet::new();
    for _ in 0..side_by_side {
        visitors.spawn(async move {
            let mut seen = Vec::new();
            for _ in 0..rounds {
                seen.push(visit(site, "/five").await?);
            }
            Ok::<_, Failure>(seen)
        });
    }
    let (mut firsts, mut lasts) = (Vec::new(), Vec::new());
    for seen in visitors.join_all().await {
        for (first, last) in seen? {
            firsts.push(first);
            lasts.push(last);
        }
    }
    println!(
        "{side_by_side} at once, five fragments of {:?}: first byte {}; all {}",
        SLOW[0],
        shown(firsts),
        shown(lasts)
    );
    Ok(())
}

fn shown(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    let at = |share: usize| {
        times
            .get(times.len() * share / 100)
            .copied()
            .unwrap_or_default()
            .as_secs_f64()
            * 1_000.0
    };
    format!("{:.2} ms (99 of 100 within {:.2})", at(50), at(99))
}

/// One page: when its first and its last byte came, counted from the request.
async fn visit(site: SocketAddr, path: &str) -> Result<(Duration, Duration), Failure> {
    let mut stream = TcpStream::connect(site).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: site\r\nconnection: close\r\n\r\n");
    let asked = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    let mut page = Vec::with_capacity(32 << 10);
    stream.read_buf(&mut page).await?;
    let first = asked.elapsed();
    stream.read_to_end(&mut page).await?;
    let fragments = String::from_utf8_lossy(&page).matches("<section>").count();
    if fragments != SLOTS {
        return Err(
            format!("a page with {fragments} of {SLOTS} fragments: is this machine too busy?").into(),
        );
    }
    Ok((first, asked.elapsed()))
}

/// Many pages that each wait for one slow fragment of five.
async fn memory(site: &Process, in_flight: usize) -> Result<(), Failure> {
    // What is made once, and what the allocator keeps, is there after one turn.
    let before = site.memory()?;
    let mut visitors = JoinSet::new();
    for number in 0..in_flight {
        let address = site.address;
        visitors.spawn(async move { visit(address, "/one").await });
        if number % 20 == 19 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    // All have asked, and none is answered before the slow fragment.
    tokio::time::sleep(SLOW[1] / 2).await;
    let (held, open) = (site.memory()?.saturating_sub(before), visitors.len());
    let done = std::iter::from_fn(|| visitors.try_join_next()).count();
    println!(
        "{} pages in flight: {held} KiB more than at rest, {:.1} KiB each",
        open - done,
        held as f64 / (open - done).max(1) as f64
    );
    let seen = visitors.join_all().await;
    let short: Vec<_> = seen.iter().filter_map(|seen| seen.as_ref().err()).collect();
    if let Some(first) = short.first() {
        println!("{} of them were not whole, the first one: {first}", short.len());
    }
    Ok(())
}

/// A server of fragments that take so long, in a thread of its own. `/fast` takes no time.
fn fragments(delay: Duration) -> Result<u16, Failure> {
    // Its queue is long enough for all pages at once.
    let listener = server::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let port = listener.local_addr()?.port();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener).expect("a listener");
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, delay));
            }
        });
    });
    Ok(port)
}

async fn answer(mut stream: TcpStream, delay: Duration) -> std::io::Result<()> {
    let html = format!("<section>{}</section>", "x".repeat(1_000));
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{html}", html.len());
    stream.set_nodelay(true)?;
    let mut request = Vec::new();
    while stream.read_buf(&mut request).await? > 0 {
        if request.ends_with(b"\r\n\r\n") {
            if !request.starts_with(b"GET /fast") {
                tokio::time::sleep(delay).await;
            }
            stream.write_all(answer.as_bytes()).await?;
            request.clear();
        }
    }
    Ok(())
}

/// The site as a process of its own.
struct Process {
    child: Child,
    address: SocketAddr,
}

impl Process {
    fn start(first: u16, second: u16) -> Result<Self, Failure> {
        let ports = [first, second].map(|port| port.to_string());
        let mut child = Command::new(std::env::current_exe()?)
            .args(ports)
            .arg("serve")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut line = String::new();
        let out = child.stdout.take().ok_or("no output")?;
        BufReader::new(out).read_line(&mut line)?;
        let address = line.trim().parse()?;
        Ok(Self { child, address })
    }

    /// Its memory, in KiB.
    fn memory(&self) -> Result<usize, Failure> {
        let text = fs::read_to_string(format!("/proc/{}/smaps_rollup", self.child.id()))?;
        let line = text.lines().find(|line| line.starts_with("Pss:"));
        let number = line
            .and_then(|line| line.split_whitespace().nth(1))
            .ok_or("no Pss")?;
        Ok(number.parse()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; either way it is waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The site: `/five` has five slow fragments of the first service, `/one` has one of the second and four fast ones.
fn serve(first: u16, second: u16) -> Result<(), Failure> {
    let service = |name: &str, port: u16| {
        let kinds =
            (0..SLOTS).flat_map(|slot| ["slow", "fast"].map(|kind| format!("{kind}{slot}='/{kind}/{slot}'")));
        let fragments = Vec::from_iter(kinds).join(",");
        format!("[[service]]\nname='{name}'\nurl='http://127.0.0.1:{port}'\nfragments={{{fragments}}}\n")
    };
    let config = GatewayConfig::from_toml(&(service("first", first) + &service("second", second)))?;
    let gateway = Gateway::new(config)?;
    let mut options = Options::new("site");
    options.fragment_timeout = SLOW[1] + Duration::from_millis(600);
    let engine = Engine::new(plan(), options, |_| ())?;
    let listener = server::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    println!("{}", listener.local_addr()?);
    let (_stop, stopped) = watch::channel(false);
    let routes = || {
        let (engine, source) = (engine.clone(), gateway.worker().source());
        Router::new()
            .fallback(async move |uri: http::Uri| {
                let request = PageRequest {
                    template: format!("{}.html", uri.path().trim_start_matches('/')),
                    visitor: PageVisitor {
                        source: Some(source.clone()),
                        ..PageVisitor::default()
                    },
                    ..PageRequest::default()
                };
                engine.page(request).await
            })
            .into()
    };
    Ok(server::run(
        vec![listener.into()],
        2,
        routes,
        &stopped,
        server::ConnectionLimits::default(),
    )?)
}

fn plan() -> Plan {
    let text =
        "<p class=\"text\">All work is done beside the street where Ann and Bob have their shop.</p>\n";
    let page = |name: &str, first_site: usize| {
        let mut source = String::from("<!doctype html>\n");
        for part in 0..SLOTS {
            source.push_str(&text.repeat(44));
            source.push_str(&format!("{{{{ {} | __hydra }}}}\n", first_site + part));
        }
        Template {
            name: name.to_owned(),
            source,
            origin: None,
        }
    };
    // The same fragment twice on a page would be asked for once.
    let site = |service: &str, kind: &str, slot: usize| Insertion {
        place: TemplatePosition::default(),
        gives: Vec::new(),
        kind: InsertionKind::Slot(Box::new(Slot {
            service: Text::Fixed(service.to_owned()),
            reference: Text::Fixed(format!("{kind}{slot}")),
            ..Slot::default()
        })),
    };
    let five = (0..SLOTS).map(|slot| site("first", "slow", slot));
    // The fast ones come from elsewhere: a service has a bound of calls under way, and the slow ones nearly reach it.
    let one = (0..SLOTS).map(|slot| match slot {
        2 => site("second", "slow", slot),
        _ => site("first", "fast", slot),
    });
    Plan {
        format: PLAN_FORMAT,
        templates: vec![page("five.html", 0), page("one.html", SLOTS)],
        sites: five.chain(one).collect(),
        ..Plan::default()
    }
}
