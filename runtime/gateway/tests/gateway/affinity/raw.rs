//! An instance without a server library, which breaks connections and falls silent.

use std::sync::atomic::AtomicUsize;

use super::*;

/// What it counts and does.
#[derive(Default)]
pub(super) struct State {
    /// It answers nothing any more.
    pub(super) is_silent: AtomicBool,
    /// How many requests for `/once` it has read. It breaks the connection of the first one.
    pub(super) once: AtomicUsize,
    /// The same of those that were the first of their connection.
    pub(super) once_on_new: AtomicUsize,
    /// How many connections it has accepted.
    pub(super) connections: AtomicUsize,
    /// How many requests for `/wait` have come.
    held: AtomicUsize,
    gathered: Notify,
}

/// So many requests for `/wait` are answered together, so that there are as many connections.
pub(super) const GATHERED: usize = 12;

impl State {
    /// Holds a request for `/wait` until all of a group have come.
    async fn hold(&self, head: &str) {
        if head.starts_with("GET /wait ") {
            let gathered = self.gathered.notified();
            if (self.held.fetch_add(1, SeqCst) + 1).is_multiple_of(GATHERED) {
                self.gathered.notify_waiters();
            } else {
                gathered.await;
            }
        }
    }
}

pub(super) struct RawInstance {
    pub(super) running: Running,
    pub(super) state: Arc<State>,
}

/// Registers one of `shop` that answers its name.
pub(super) async fn raw_instance(gateway: &Running, name: &'static str) -> RawInstance {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let state = Arc::new(State::default());
    let of_connections = Arc::clone(&state);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            of_connections.connections.fetch_add(1, SeqCst);
            // Its connections outlive the listener.
            tokio::spawn(serve(stream, name, Arc::clone(&of_connections)));
        }
    });
    let running = Running::new(address, task);
    register(gateway, &words(&running, &json!({}))).await;
    RawInstance { running, state }
}

async fn serve(mut stream: TcpStream, name: &'static str, state: Arc<State>) {
    let mut count = 0;
    while let Some(head) = head(&mut stream).await {
        count += 1;
        if state.is_silent.load(SeqCst) {
            std::future::pending::<()>().await;
        }
        state.hold(&head).await;
        if head.starts_with("GET /once ") {
            state.once_on_new.fetch_add(usize::from(count == 1), SeqCst);
            if state.once.fetch_add(1, SeqCst) == 0 {
                return;
            }
        }
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{name}", name.len());
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

/// The head of a request without a body. `None`: the connection ends.
async fn head(stream: &mut TcpStream) -> Option<String> {
    let (mut head, mut buffer) = (Vec::new(), [0; 1_024]);
    while !head.ends_with(b"\r\n\r\n") {
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        head.extend_from_slice(&buffer[..read]);
    }
    String::from_utf8(head).ok()
}
