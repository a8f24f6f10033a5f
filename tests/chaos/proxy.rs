//! A way to Redis that can be cut.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU8, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// How the way is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    /// Connections are closed, and so are new ones.
    Closed,
    /// Nothing passes, and neither side is told.
    Silent,
}

/// Passes on what comes, or not. It ends with the test's process.
pub(crate) struct Proxy {
    pub(crate) address: SocketAddr,
    way: Arc<AtomicU8>,
}

impl Proxy {
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let way = Arc::new(AtomicU8::new(Way::Open as u8));
        let seen = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                if seen.load(SeqCst) == Way::Closed as u8 {
                    continue;
                }
                // One that finds no Redis is closed.
                thread::spawn(move || pass(client, port, &seen));
            }
        });
        Self { address, way }
    }

    pub(crate) fn set(&self, way: Way) {
        self.way.store(way as u8, SeqCst);
    }
}

fn pass(client: TcpStream, port: u16, way: &Arc<AtomicU8>) -> io::Result<()> {
    let server = TcpStream::connect(("127.0.0.1", port))?;
    let (from, to, back) = (client.try_clone()?, server.try_clone()?, Arc::clone(way));
    thread::spawn(move || copy(server, client, &back));
    copy(from, to, way)
}

/// Until one side ends, or the way is closed.
fn copy(mut from: TcpStream, mut to: TcpStream, way: &AtomicU8) -> io::Result<()> {
    from.set_read_timeout(Some(Duration::from_millis(50)))?;
    let mut bytes = [0; 16 << 10];
    let done = loop {
        let now = way.load(SeqCst);
        if now == Way::Closed as u8 {
            break Ok(());
        }
        if now == Way::Silent as u8 {
            thread::sleep(Duration::from_millis(20));
            continue;
        }
        match from.read(&mut bytes) {
            Ok(0) => break Ok(()),
            Ok(count) => to.write_all(&bytes[..count])?,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => break Err(error),
        }
    };
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
    done
}
