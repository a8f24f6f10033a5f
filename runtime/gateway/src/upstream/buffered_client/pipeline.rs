//! The requests of one page to one server, in one write over one connection (RFC 9112 section 9.3.2).
//!
//! A server answers requests in their order, and an answer does not say which request it belongs to. Therefore only the
//! requests of one batch, which are those of one page and one visitor, are ever in flight on a connection together. If the
//! server sends a different number of answers, no other visitor sees any of them: nothing of them is kept, and the connection
//! is used again only if the answers ended exactly with the last one.
//!
//! The calls of a batch are polled together, by the same task: in one turn each of them joins a line, then [`Pipelines::send`]
//! closes the lines, and from then on the first call that is polled in a turn moves its whole line on.

use std::{
    collections::HashMap,
    future::poll_fn,
    io,
    mem::{MaybeUninit, take},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    CallClient, CallError, Risk, Stream,
    reader::{AfterAnswer, Answer, Reader},
};
use crate::{
    limits::{ONE_BY_ONE_AFTER_CLOSE, READ_BUFFER_BYTES},
    registry::instance::PoolKey,
};

/// The lines of one batch.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pipelines(Arc<Mutex<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    all: Vec<Line>,
    /// Counts the turns in which the calls are polled.
    turn: u64,
}

/// The requests that go over one connection.
#[derive(Debug)]
struct Line {
    key: PoolKey,
    stage: Stage,
    /// The requests in their order.
    places: Vec<Place>,
    /// The turn in which the line was moved on. The other calls of that turn only look for their answers.
    moved_in: Option<u64>,
}

#[derive(Debug)]
enum Stage {
    /// Requests may join.
    Joining,
    /// The next poll sends the requests.
    Closed,
    Open(Box<Exchange>),
    /// No more answers come over the connection.
    Over,
}

/// One request of a line.
#[derive(Debug)]
struct Place {
    request: Vec<u8>,
    reader: Reader,
    /// The answer, once it is there.
    result: Option<Result<Answer, CallError>>,
    /// Whether a call waits for the answer.
    is_wanted: bool,
}

/// The requests and answers on their way.
struct Exchange {
    connection: Stream,
    requests: Vec<u8>,
    sent: usize,
    /// The place whose answer comes next.
    next: usize,
    /// Whether the last read left room in its buffer.
    was_short: bool,
}

/// How a line ends.
enum End {
    /// With the answer to its last request, after which the server keeps the connection.
    InStep,
    /// More bytes than the answers came.
    Surplus,
    /// The server closed the connection, or it can't be used any more.
    Closed,
    /// The server had closed the connection while it was idle.
    Untouched,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Exchange")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

/// The place of a call. Dropping it tells the line that no call waits for the answer.
struct Ticket<'p> {
    pipelines: &'p Pipelines,
    line: usize,
    place: usize,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.pipelines.lock().all.get_mut(self.line) {
            line.leave(self.place);
        }
    }
}

impl Pipelines {
    /// Ends a turn: closes the lines that requests have joined, whose calls send them in the next turn. Returns whether there
    /// were any.
    pub(crate) fn send(&self) -> bool {
        let mut any = false;
        let mut lines = self.lock();
        lines.turn += 1;
        for line in &mut lines.all {
            if matches!(line.stage, Stage::Joining) {
                line.stage = Stage::Closed;
                any = true;
            }
        }
        any
    }

    /// Makes a call together with the others of its batch; `reader` reads the answer. `None`: the caller has to make the call alone, because no
    /// connection is idle, no other call shares the line, or the line ended before this answer came.
    pub(super) async fn call(
        &self,
        calls: &CallClient,
        key: &PoolKey,
        request: Vec<u8>,
        reader: Reader,
    ) -> Option<Result<Answer, CallError>> {
        let ticket = self.join(key, request, reader);
        poll_fn(|cx| {
            let mut lines = self.lock();
            let turn = lines.turn;
            match lines.all.get_mut(ticket.line) {
                Some(line) => line.poll(ticket.place, turn, calls, cx),
                None => Poll::Ready(None),
            }
        })
        .await
    }

    fn join(&self, key: &PoolKey, request: Vec<u8>, reader: Reader) -> Ticket<'_> {
        let lines = &mut self.lock().all;
        let joining = |line: &Line| line.key == *key && matches!(line.stage, Stage::Joining);
        let line = lines.iter().position(joining).unwrap_or_else(|| {
            lines.push(Line {
                key: key.clone(),
                stage: Stage::Joining,
                places: Vec::new(),
                moved_in: None,
            });
            lines.len() - 1
        });
        let places = &mut lines[line].places;
        places.push(Place {
            request,
            reader,
            result: None,
            is_wanted: true,
        });
        Ticket {
            pipelines: self,
            line,
            place: places.len() - 1,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    fn poll(
        &mut self,
        place: usize,
        turn: u64,
        calls: &CallClient,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Answer, CallError>>> {
        if matches!(self.stage, Stage::Closed) {
            self.stage = self.open(calls);
        }
        if self.moved_in.replace(turn) != Some(turn)
            && let Stage::Open(exchange) = &mut self.stage
            && let Poll::Ready(end) = exchange.poll(&mut self.places, cx)
        {
            self.end(end, calls);
        }
        let result = self.places.get_mut(place).and_then(|place| place.result.take());
        match (result, &self.stage) {
            (None, Stage::Joining | Stage::Closed | Stage::Open(_)) => Poll::Pending,
            (result, _) => Poll::Ready(result),
        }
    }

    /// Takes a connection for the requests.
    fn open(&mut self, calls: &CallClient) -> Stage {
        // One request is cheaper alone.
        if self.places.len() < 2 || calls.closed_early.holds(&self.key) {
            return Stage::Over;
        }
        let Some(connection) = calls.idle.take(&self.key, Risk::Delay) else {
            return Stage::Over;
        };
        Stage::Open(Box::new(Exchange {
            connection,
            requests: self
                .places
                .iter_mut()
                .flat_map(|place| take(&mut place.request))
                .collect(),
            sent: 0,
            next: 0,
            was_short: false,
        }))
    }

    fn end(&mut self, end: End, calls: &CallClient) {
        let Stage::Open(exchange) = std::mem::replace(&mut self.stage, Stage::Over) else {
            return;
        };
        match end {
            End::InStep => {
                let Exchange {
                    mut connection,
                    was_short,
                    ..
                } = *exchange;
                let state = was_short.then(|| connection.state_after_short_read()).flatten();
                let state = state.unwrap_or_else(|| connection.check());
                calls.idle.keep_checked(&self.key, connection, state);
            }
            End::Surplus => calls.idle.found_surplus(&self.key),
            // As after a single call: the other connections have been idle for longer.
            End::Untouched => calls.idle.forget(&self.key),
            End::Closed if exchange.next < self.places.len() => calls.closed_early.add(&self.key),
            End::Closed => {}
        }
    }

    /// No call waits for the answer of `place` any more.
    fn leave(&mut self, place: usize) {
        if let Some(place) = self.places.get_mut(place) {
            place.is_wanted = false;
        }
        if self.places.iter().all(|place| !place.is_wanted) {
            // No call takes what still comes, so that the connection must end.
            self.stage = Stage::Over;
        }
    }
}

impl Exchange {
    /// Ready once no more answers come.
    fn poll(&mut self, places: &mut [Place], cx: &mut Context<'_>) -> Poll<End> {
        let sent = self.poll_send(cx);
        match (self.poll_answers(places, cx), sent) {
            (Poll::Pending, Poll::Ready(Err(error))) => Poll::Ready(self.broken(places, Some(&error))),
            (polled, _) => polled,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.requests.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.connection).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        Pin::new(&mut self.connection).poll_flush(cx)
    }

    fn poll_answers(&mut self, places: &mut [Place], cx: &mut Context<'_>) -> Poll<End> {
        loop {
            let mut space = [const { MaybeUninit::uninit() }; READ_BUFFER_BYTES];
            let mut buffer = ReadBuf::uninit(&mut space);
            match ready!(Pin::new(&mut self.connection).poll_read(cx, &mut buffer)) {
                Err(error) => return Poll::Ready(self.broken(places, Some(&error))),
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(self.broken(places, None)),
                Ok(()) => self.was_short = buffer.remaining() > 0,
            }
            if let Some(end) = self.take(buffer.filled(), places) {
                return Poll::Ready(end);
            }
        }
    }

    /// Reads bytes, which may hold several answers. `None`: more are to come.
    fn take(&mut self, mut bytes: &[u8], places: &mut [Place]) -> Option<End> {
        while let Some(place) = places.get_mut(self.next) {
            match place.reader.take(bytes) {
                Ok(false) => return None,
                Ok(true) => bytes = &bytes[bytes.len() - place.reader.take_rest().min(bytes.len())..],
                Err(bad) => {
                    place.fail(bad.to_string());
                    self.next += 1;
                    return Some(End::Closed);
                }
            }
            self.next += 1;
            // An answer can arrive before the whole request was sent.
            let is_whole = self.sent == self.requests.len();
            match place.finish() {
                AfterAnswer::Stays if is_whole || self.next < places.len() => {}
                _ => return Some(End::Closed),
            }
            if bytes.is_empty() && self.next < places.len() {
                return None;
            }
        }
        Some(if bytes.is_empty() {
            End::InStep
        } else {
            End::Surplus
        })
    }

    /// The connection has ended, without an error or with one.
    fn broken(&mut self, places: &mut [Place], error: Option<&io::Error>) -> End {
        let Some(place) = places.get_mut(self.next) else {
            return End::Closed;
        };
        if place.reader.is_untouched() {
            return if self.next == 0 {
                End::Untouched
            } else {
                End::Closed
            };
        }
        match error {
            Some(error) => place.fail(format!("the connection broke: {error}")),
            // An answer without a length ends with its connection.
            None => _ = place.finish(),
        }
        self.next += 1;
        End::Closed
    }
}

impl Place {
    /// The answer is complete, or nothing more comes of it.
    fn finish(&mut self) -> AfterAnswer {
        let status = self.reader.status();
        let reader = std::mem::replace(&mut self.reader, Reader::new(&[], 0));
        match reader.finish() {
            Ok((answer, after)) => {
                let may_keep = false;
                self.result = Some(Ok(Answer { may_keep, ..answer }));
                after
            }
            Err(bad) => {
                let reason = bad.to_string();
                self.result = Some(Err(CallError::Broken { reason, status }));
                AfterAnswer::Closes
            }
        }
    }

    fn fail(&mut self, reason: String) {
        let status = self.reader.status();
        self.result = Some(Err(CallError::Broken { reason, status }));
    }
}

/// The addresses whose servers closed a connection with requests under way, as those do that close after each answer.
#[derive(Debug, Default)]
pub(super) struct ClosedEarly(Mutex<HashMap<PoolKey, Instant>>);

impl ClosedEarly {
    fn add(&self, key: &PoolKey) {
        let now = Instant::now();
        let mut until = self.lock();
        until.retain(|_, end| *end > now);
        until.insert(key.clone(), now + ONE_BY_ONE_AFTER_CLOSE);
    }

    fn holds(&self, key: &PoolKey) -> bool {
        self.lock().get(key).is_some_and(|end| *end > Instant::now())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<PoolKey, Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
