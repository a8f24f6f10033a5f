//! A service of the chaos test that uses no library of Hydra: a plain web server, or one that speaks protocol 1.
//!
//! `CHAOS_KIND` is `plain` or `old`, `CHAOS_LISTEN` its address, `CHAOS_GATEWAYS` where it registers, with commas between.

use std::{
    env,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// How long a gateway may take for an answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// What makes a page so long that it can be cut off.
const PADDING: usize = 20_000;

fn main() -> io::Result<()> {
    let setting = |name: &str| env::var(name).unwrap_or_default();
    let kind: &'static str = setting("CHAOS_KIND").leak();
    let listener = TcpListener::bind(setting("CHAOS_LISTEN"))?;
    let address = listener.local_addr()?;
    println!("listening on http://{address}");
    if kind == "old" {
        let gateways: Vec<String> = setting("CHAOS_GATEWAYS").split(',').map(str::to_owned).collect();
        thread::spawn(move || stay_registered(kind, address.port(), &gateways));
    }
    for stream in listener.incoming().flatten() {
        // A visitor who goes away ends no more than this thread.
        thread::spawn(move || serve(kind, &stream));
    }
    Ok(())
}

/// Registers, and says that it is there, as protocol 1 has it.
fn stay_registered(kind: &str, port: u16, gateways: &[String]) {
    let registration = json!({"webProtocol":"http","host":"127.0.0.1","port":port,"socketPort":0,"name":kind,"version":0,
        "activeSince":1,"awakening":null,"endpoints":[format!("/{kind}/{{nonce}}")],"sockets":[],"staticResources":[],
        "menuItems":{}})
    .to_string();
    for gateway in gateways.iter().cycle() {
        while let Ok(200) = call(gateway, "registration", &registration) {
            let mut said = Ok(200);
            while let Ok(200) = said {
                thread::sleep(Duration::from_secs(3));
                said = call(gateway, "alive", kind);
            }
            if said.is_err() {
                break;
            }
        }
        thread::sleep(Duration::from_millis(200));
    }
}

fn call(gateway: &str, what: &str, body: &str) -> io::Result<u16> {
    let mut stream = TcpStream::connect(gateway.trim_start_matches("http://"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let length = body.len();
    write!(
        stream,
        "POST /h/discovery/hydra/{what} HTTP/1.0\r\nhost: gateway\r\ncontent-length: {length}\r\n\r\n{body}"
    )?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

fn serve(kind: &str, stream: &TcpStream) -> io::Result<()> {
    let mut requests = BufReader::new(stream);
    loop {
        let (mut line, mut length) = (String::new(), 0);
        if requests.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let target = line.split(' ').nth(1).unwrap_or_default().to_owned();
        line.clear();
        while requests.read_line(&mut line)? > 2 {
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            line.clear();
        }
        let mut body = vec![0; length];
        requests.read_exact(&mut body)?;
        let (media, answer) = answer(kind, &target, &body);
        let length = answer.len();
        let mut stream = stream;
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: {media}\r\ncontent-length: {length}\r\n\r\n{answer}"
        )?;
    }
}

fn answer(kind: &str, target: &str, body: &[u8]) -> (&'static str, String) {
    if target.ends_with("/requestFragment") {
        let batch: Value = serde_json::from_slice(body).unwrap_or_default();
        let html = fragment(kind, batch["attributes"]["nonce"].as_str().unwrap_or_default());
        let items = batch["requests"].as_array().into_iter().flatten();
        let rendered: Vec<_> = items
            .map(|item| json!({"id": item["id"], "renderedHTML": html}))
            .collect();
        return ("application/json", json!(rendered).to_string());
    }
    if let Some((_, nonce)) = target.split_once("?nonce=") {
        return ("text/html", fragment(kind, nonce));
    }
    let nonce = target.rsplit('/').next().unwrap_or_default();
    let padding = "x".repeat(PADDING);
    (
        "text/html",
        format!("{}{padding}{}", fragment(kind, nonce), "</html>"),
    )
}

fn fragment(kind: &str, nonce: &str) -> String {
    format!("[{kind} {nonce}]")
}
