//! What a visitor's text can do where a service sends more than its answer: never reach another visitor.
//!
//! HTTP/1.1 answers have no ids. What a service sends only after the moment for which a connection rests can still be
//! taken for the next answer: the service here measures what it does, and counts such an attempt as too late.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use hydra_runtime_gateway::{Gateway, GatewayConfig, PlainService};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{self, Runtime},
};

/// Visitors' requests in all.
const REQUESTS: usize = 100_000;
/// The services of one kind of attack: after the first attack a service's connections are not used again.
const SERVICES: usize = 50;
const VISITORS: usize = 8;
const ATTACKS: usize = 3;
/// A connection rests for 5 ms: what the service has sent by then is found.
const IN_TIME: Duration = Duration::from_micros(4_500);
const PATIENCE: Duration = Duration::from_secs(60);

/// How a service answers a visitor whose name begins with `evil`.
#[derive(Clone, Copy, Debug)]
enum Attack {
    /// The answer's length is too short. The rest, which the visitor wrote, comes so much later.
    Short(Duration),
    /// It answers twice.
    Twice,
}

#[derive(Clone, Copy, Debug)]
enum Way {
    Fragment,
    Page,
}

fn attacks() -> [Attack; 4] {
    let short = |ms| Attack::Short(Duration::from_millis(ms));
    [short(0), short(1), short(3), Attack::Twice]
}

/// One service of the table.
#[derive(Clone)]
struct Service {
    number: usize,
    attack: Attack,
    /// Attacks whose bytes all left in time.
    in_time: Arc<AtomicUsize>,
    late: Arc<AtomicUsize>,
}

impl Service {
    fn of(number: usize, attack: Attack) -> Self {
        let [in_time, late] = [(); 2].map(|()| Arc::default());
        Self {
            number,
            attack,
            in_time,
            late,
        }
    }

    async fn run(self, listener: TcpListener) {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = stream.set_nodelay(true);
            tokio::spawn(self.clone().serve(stream));
        }
    }

    async fn serve(self, mut stream: TcpStream) -> Option<()> {
        let mut buffer = vec![0; 8_192];
        loop {
            let head = read_head(&mut stream, &mut buffer).await?;
            let visitor = head.split_once("u=")?.1.split([' ', '&']).next()?.to_owned();
            let answer =
                |body: &str| format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let own = answer(&format!("[{visitor}]"));
            if !visitor.starts_with("evil") {
                stream.write_all(own.as_bytes()).await.ok()?;
                continue;
            }
            let started = Instant::now();
            let stolen = answer(&format!("[stolen by {visitor}]"));
            match self.attack {
                Attack::Twice => stream.write_all([own, stolen].concat().as_bytes()).await.ok()?,
                Attack::Short(pause) => {
                    stream.write_all(own.as_bytes()).await.ok()?;
                    tokio::time::sleep(pause).await;
                    stream.write_all(stolen.as_bytes()).await.ok()?;
                }
            }
            let which = if started.elapsed() < IN_TIME {
                &self.in_time
            } else {
                &self.late
            };
            which.fetch_add(1, SeqCst);
        }
    }
}

async fn read_head(stream: &mut TcpStream, buffer: &mut [u8]) -> Option<String> {
    let mut length = 0;
    while !buffer[..length].ends_with(b"\r\n\r\n") {
        match stream.read(&mut buffer[length..]).await {
            Ok(count) if count > 0 => length += count,
            _ => return None,
        }
    }
    String::from_utf8(buffer[..length].to_vec()).ok()
}

/// Asks the gateway over a kept connection, and gives the body of the answer.
async fn ask(stream: &mut TcpStream, way: Way, service: usize, visitor: &str) -> String {
    let request = match way {
        Way::Page => format!("GET /x{service}?u={visitor} HTTP/1.1\r\nhost: h\r\n\r\n"),
        Way::Fragment => {
            let body = format!(
                r#"{{"protocol":2,"requests":{{"s{service}":[{{"id":"a","ref":"f","imports":["u"],"attributes":{{"u":"{visitor}"}}}}]}}}}"#
            );
            let length = body.len();
            format!(
                "POST /h/discovery/K/requestFragment HTTP/1.1\r\nhost: h\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n{body}"
            )
        }
    };
    stream.write_all(request.as_bytes()).await.expect("a gateway");
    let (mut answer, mut buffer) = (String::new(), [0; 4_096]);
    loop {
        let count = stream.read(&mut buffer).await.expect("a gateway");
        assert!(count > 0, "the gateway closed the connection after {answer:?}");
        answer += std::str::from_utf8(&buffer[..count]).expect("UTF-8");
        let Some((head, body)) = answer.split_once("\r\n\r\n") else {
            continue;
        };
        let length = head.to_ascii_lowercase();
        let length = length.split_once("content-length: ").expect("a length").1;
        let length: usize = length
            .split("\r\n")
            .next()
            .expect("a line")
            .parse()
            .expect("a number");
        if body.len() >= length {
            return body.to_owned();
        }
    }
}

/// Sends the visitors of one service there, and the attacks among them. Gives the answers that are not the visitor's own.
async fn visit(gateway: std::net::SocketAddr, way: Way, service: usize, requests: usize) -> Vec<String> {
    let done = Arc::new(AtomicUsize::new(0));
    let connect = async move || TcpStream::connect(gateway).await.expect("a gateway");
    let visitor = |number: usize| {
        let done = Arc::clone(&done);
        tokio::spawn(async move {
            let (mut stream, mut wrong) = (connect().await, Vec::new());
            while done.fetch_add(1, SeqCst) < requests {
                let name = format!("v{number}-{}", done.load(SeqCst));
                let body = ask(&mut stream, way, service, &name).await;
                if !body.contains(&format!("[{name}]")) {
                    wrong.push(body);
                }
            }
            wrong
        })
    };
    let visitors: Vec<_> = (0..VISITORS).map(visitor).collect();
    while done.load(SeqCst) < requests / 2 {
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
    let attacks = (0..ATTACKS).map(|nth| {
        tokio::spawn(async move { ask(&mut connect().await, way, service, &format!("evil{nth}")).await })
    });
    for attack in attacks.collect::<Vec<_>>() {
        attack.await.expect("an answer");
    }
    let mut wrong = Vec::new();
    for visitor in visitors {
        wrong.extend(visitor.await.expect("a visitor"));
    }
    wrong
}

/// A runtime of its own thread, as gateways have them.
fn thread_of_its_own() -> runtime::Handle {
    let runtime: Runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let handle = runtime.handle().clone();
    std::thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
    handle
}

fn configured(port: u16, service: usize) -> PlainService {
    PlainService {
        name: format!("s{service}"),
        url: format!("http://127.0.0.1:{port}"),
        host: None,
        health: None,
        endpoints: vec![format!("/x{service}")],
        fragments: [("f".to_owned(), "/f".to_owned())].into(),
        login: None,
        ..PlainService::default()
    }
}

#[tokio::test]
async fn what_one_visitor_makes_a_service_send_too_much_reaches_no_other() {
    let table: Vec<(Attack, Way)> = attacks()
        .into_iter()
        .flat_map(|attack| [(attack, Way::Fragment), (attack, Way::Page)])
        .collect();
    let (served, gateways) = (thread_of_its_own(), thread_of_its_own());
    let (mut config, mut services) = (
        GatewayConfig {
            public_key: "K".into(),
            ..GatewayConfig::default()
        },
        Vec::new(),
    );
    for (nth, (attack, _)) in table
        .iter()
        .flat_map(|row| std::iter::repeat_n(row, SERVICES))
        .enumerate()
    {
        let service = Service::of(nth, *attack);
        let bound = service.clone();
        let port = served.spawn(async move {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let port = listener.local_addr().expect("an address").port();
            tokio::spawn(bound.run(listener));
            port
        });
        config.services.push(configured(port.await.expect("a port"), nth));
        services.push(service);
    }
    let listening = gateways.spawn(async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let gateway = Gateway::new(config).expect("a good configuration");
        tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
        address
    });
    let address = listening.await.expect("a gateway");
    let requests = REQUESTS / (table.len() * SERVICES);
    let mut in_time = 0;
    for (service, (attack, way)) in services
        .iter()
        .zip(table.iter().flat_map(|row| std::iter::repeat_n(row, SERVICES)))
    {
        let visit = visit(address, *way, service.number, requests);
        let wrong = tokio::time::timeout(PATIENCE, visit).await.expect("in time");
        let late = service.late.load(SeqCst);
        // A service that was late may have reached as many visitors as there were late attacks.
        assert!(
            wrong.len() <= late && wrong.iter().all(|body| body.contains("stolen")),
            "{attack:?}, {way:?}: {late} attacks were too late, and these answers are wrong: {wrong:?}"
        );
        in_time += service.in_time.load(SeqCst);
    }
    assert!(in_time > 0, "on this machine no attack was in time");
}
