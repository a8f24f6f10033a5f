//! How connections begin (section Connection Establishment).

use std::{
    future::poll_fn,
    io,
    task::{Poll, ready},
};

use tokio::time::{Instant, timeout};

use super::{Responder, driver::Driver, requester::Requester, shared::Shared};
use crate::{
    config::Config,
    frame::{Body, ErrorCode, Failure, Frame, Setup},
    limits::{LAST_WORDS_TIMEOUT, MAX_ERROR_BYTES, MAX_FRAME_BYTES, SETUP_TIMEOUT},
    machine::{Machine, first_frame},
    transport::{Transport, TransportError},
};

/// Why a connection did not begin.
#[derive(Debug, thiserror::Error)]
pub enum SetupFailed {
    /// The client's first frame did not arrive in time.
    #[error("no SETUP arrived in time")]
    Timeout,
    /// The connection ended before.
    #[error("the connection ended before SETUP")]
    Lost,
    /// The transport failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The first frame was not a SETUP that this crate supports. The client was told.
    #[error("the client was refused: {0}")]
    Refused(Failure),
    /// The SETUP that is to be sent is longer than a frame.
    #[error("the SETUP is longer than a frame")]
    TooLong,
    /// A MIME type of the SETUP that is to be sent is longer than 255 bytes.
    #[error("a MIME type of the SETUP is longer than 255 bytes")]
    MimeType,
}

/// Begins a connection as its client, in a task of the current tokio runtime. `config` replaces the keepalive times in `setup`.
///
/// The protocol has no answer to a SETUP that is accepted: a refusal ends the connection, and with it all requests.
///
/// # Errors
/// [`SetupFailed::TooLong`] or [`SetupFailed::MimeType`] if the SETUP does not fit into its frame.
pub fn connect(
    transport: impl Transport,
    setup: Setup,
    responder: impl Responder,
    config: Config,
) -> Result<Requester, SetupFailed> {
    if setup.metadata_mime_type.len() > 255 || setup.data_mime_type.len() > 255 {
        return Err(SetupFailed::MimeType);
    }
    let body = Body::Setup(Box::new(setup.clone()));
    if (Frame { stream_id: 0, body }).encoded_bytes() > MAX_FRAME_BYTES {
        return Err(SetupFailed::TooLong);
    }
    let channel_credit = config.channel_credit.max(1);
    let machine = Machine::client(setup, config, Instant::now().into_std());
    Ok(start(transport, machine, responder, channel_credit, true))
}

fn start(
    transport: impl Transport,
    machine: Machine,
    responder: impl Responder,
    channel_credit: u32,
    closes: bool,
) -> Requester {
    let shared = Shared::new(machine);
    tokio::spawn(Driver::new(transport, shared.clone(), responder, channel_credit).run());
    Requester::new(shared, closes)
}

/// A connection whose client has sent a SETUP, about which the server decides. Dropping it closes the transport without an answer.
#[derive(Debug)]
pub struct Incoming<T> {
    /// What the client states.
    pub setup: Setup,
    transport: T,
}

/// Waits for a client's SETUP, at most [`SETUP_TIMEOUT`].
///
/// # Errors
/// [`SetupFailed`]. A client that was refused has been told why.
pub async fn receive_setup<T: Transport>(mut transport: T) -> Result<Incoming<T>, SetupFailed> {
    let first = timeout(SETUP_TIMEOUT, poll_fn(|cx| transport.poll_receive(cx))).await;
    let refusal = match first.map_err(|_| SetupFailed::Timeout)? {
        None => return Err(SetupFailed::Lost),
        Some(Err(TransportError::Io(error))) => return Err(error.into()),
        Some(Err(TransportError::Protocol(message))) => {
            error_frame(&Failure::new(ErrorCode::INVALID_SETUP, message))
        }
        Some(Ok(frame)) => match first_frame(frame) {
            Ok(setup) => return Ok(Incoming { setup, transport }),
            Err(refusal) => refusal,
        },
    };
    say_goodbye(&mut transport, &refusal).await;
    Err(SetupFailed::Refused(match refusal.body {
        Body::Error { code, data } => Failure::received(code, &data),
        _ => Failure::new(ErrorCode::INVALID_SETUP, ""),
    }))
}

impl<T: Transport> Incoming<T> {
    /// Accepts the SETUP, and runs the connection in a task of the current tokio runtime.
    pub fn accept(self, responder: impl Responder, config: Config) -> Requester {
        let channel_credit = config.channel_credit.max(1);
        let machine = Machine::server(config, Instant::now().into_std());
        start(self.transport, machine, responder, channel_credit, false)
    }

    /// Refuses the SETUP. The code is INVALID_SETUP, UNSUPPORTED_SETUP or REJECTED_SETUP.
    pub async fn refuse(mut self, failure: &Failure) {
        say_goodbye(&mut self.transport, &error_frame(failure)).await;
    }
}

fn error_frame(failure: &Failure) -> Frame {
    let message: String = failure.message.chars().take(MAX_ERROR_BYTES / 4).collect();
    Frame {
        stream_id: 0,
        body: Body::Error {
            code: failure.code,
            data: message.into(),
        },
    }
}

/// Sends a last frame and closes, within a bounded time.
async fn say_goodbye(transport: &mut impl Transport, frame: &Frame) {
    let mut is_sent = false;
    let goodbye = poll_fn(|cx| -> Poll<io::Result<()>> {
        if !is_sent {
            ready!(transport.poll_ready(cx))?;
            transport.send(frame)?;
            is_sent = true;
        }
        transport.poll_close(cx)
    });
    let _ = timeout(LAST_WORDS_TIMEOUT, goodbye).await;
}
