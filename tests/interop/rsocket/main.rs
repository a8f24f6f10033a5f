//! Both ends of connections with another implementation of RSocket: `interop NAME tcp|websocket COMMAND…`. The command is started as a
//! server and as a client, at once. In both cases each side answers requests of the other and checks what comes of its own.
//! `tests/interop/rsocket/run` starts this.

mod answers;
mod checks;

use std::{env, error::Error, io, process::Stdio, time::Duration};

use answers::Answers;
use checks::Checks;
use hydra_runtime_rsocket::{
    Config, Payload, Requester, Setup, Transport, connect, receive_setup,
    transport::{tcp, websocket},
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::TcpListener,
    process::{Child, Command},
    time::timeout,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// How long one part may take: a JVM starts, and 10 s are idle.
const WAIT: Duration = Duration::from_secs(90);

/// How the other implementation is started.
struct Peer {
    name: String,
    transport: String,
    command: Vec<String>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = env::args().skip(1);
    let (Some(name), Some(transport)) = (arguments.next(), arguments.next()) else {
        return Err("usage: interop NAME tcp|websocket COMMAND…".into());
    };
    let peer = Peer {
        name,
        transport,
        command: arguments.collect(),
    };
    let (as_server, as_client) =
        tokio::join!(timeout(WAIT, as_server(&peer)), timeout(WAIT, as_client(&peer)));
    println!(
        "{}",
        as_server.map_err(|_| format!("{} as a server: too late", peer.name))??
    );
    println!(
        "{}",
        as_client.map_err(|_| format!("{} as a client: too late", peer.name))??
    );
    Ok(())
}

fn config() -> Config {
    Config {
        keepalive_interval: Duration::from_secs(1),
        keepalive_lifetime: Duration::from_secs(9),
        ..Config::default()
    }
}

fn start(peer: &Peer, role: &str, port: u16) -> Outcome<Child> {
    let (program, arguments) = peer.command.split_first().ok_or("no command")?;
    let mut command = Command::new(program);
    command
        .args(arguments)
        .args([role, &peer.transport, &port.to_string()]);
    command.stdout(Stdio::piped()).kill_on_drop(true);
    Ok(command.spawn()?)
}

/// Prints what the process says, and waits for the line that says it listens.
async fn wait_until_listening(child: &mut Child) -> Outcome<()> {
    let mut lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
    while let Some(line) = lines.next_line().await? {
        if line == "listening" {
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return Ok(());
        }
    }
    Err("the process ended before it listened".into())
}

/// The other implementation is the server.
async fn as_server(peer: &Peer) -> Outcome<String> {
    let port = TcpListener::bind("127.0.0.1:0").await?.local_addr()?.port();
    let mut child = start(peer, "server", port)?;
    wait_until_listening(&mut child).await?;
    let answers = Answers::default();
    let setup = Setup {
        data_mime_type: "application/json".to_owned(),
        payload: Payload::from("setup").with_metadata("of Rust"),
        ..Setup::default()
    };
    let requester = if peer.transport == "tcp" {
        let transport = opened(|| tcp::connect(("127.0.0.1", port))).await?;
        connect(transport, setup, answers.clone(), config())?
    } else {
        let url = format!("ws://127.0.0.1:{port}/");
        let transport = opened(|| websocket::connect(&url)).await?;
        connect(transport, setup, answers.clone(), config())?
    };
    finish(peer, "server", &requester, &answers, child).await
}

/// A server may need a moment between saying that it listens and listening.
async fn opened<T>(open: impl AsyncFn() -> io::Result<T>) -> io::Result<T> {
    for _ in 0..100 {
        match open().await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {}
            opened => return opened,
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    open().await
}

/// The other implementation is the client.
async fn as_client(peer: &Peer) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let child = start(peer, "client", listener.local_addr()?.port())?;
    let (stream, _) = listener.accept().await?;
    stream.set_nodelay(true)?;
    let answers = Answers::default();
    let requester = if peer.transport == "tcp" {
        accept(tcp::Tcp::new(stream), &answers).await?
    } else {
        accept(websocket::accept(stream).await?, &answers).await?
    };
    finish(peer, "client", &requester, &answers, child).await
}

async fn accept(transport: impl Transport, answers: &Answers) -> Outcome<Requester> {
    let incoming = receive_setup(transport).await?;
    if &incoming.setup.payload.data[..] != b"setup" {
        return Err(format!("not the expected SETUP: {:?}", incoming.setup).into());
    }
    Ok(incoming.accept(answers.clone(), config()))
}

/// Checks, waits until the other side has checked as well, and closes.
async fn finish(
    peer: &Peer,
    role: &str,
    requester: &Requester,
    answers: &Answers,
    mut child: Child,
) -> Outcome<String> {
    let is_javascript = peer.name.contains("npm");
    let ours = Checks::new(requester, is_javascript).all().await;
    let ours = ours.map_err(|what| format!("{} as a {role} over {}: {what}", peer.name, peer.transport))?;
    let theirs = tokio::select! {
        theirs = answers.checked() => theirs,
        status = child.wait() => return Err(format!("{} as a {role} ended: {status:?}", peer.name).into()),
        reason = requester.closed() => return Err(format!("{} as a {role} closed: {reason}", peer.name).into()),
    };
    requester.close();
    requester.closed().await;
    let status = child.wait().await?;
    if !status.success() {
        return Err(format!("{} as a {role} ended with {status}", peer.name).into());
    }
    let (name, transport) = (&peer.name, &peer.transport);
    Ok(format!(
        "{name} as a {role} over {transport}: {ours} checks of ours hold, and {theirs} of its own"
    ))
}
