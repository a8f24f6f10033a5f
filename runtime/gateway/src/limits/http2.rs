//! The limits on HTTP/2 connections to services.

use std::time::Duration;

/// The most streams of one connection. A server may allow fewer.
pub(crate) const MAX_HTTP2_STREAMS: usize = 100;
/// How much of an answer may be on its way or wait for its visitor, for each stream.
pub(crate) const HTTP2_STREAM_WINDOW_BYTES: u32 = 128 << 10;
/// The same for one connection. All of its streams fit in, so that an answer that is not read holds up no other one.
pub(crate) const HTTP2_CONNECTION_WINDOW_BYTES: u32 = HTTP2_STREAM_WINDOW_BYTES * MAX_HTTP2_STREAMS as u32;
/// How much memory the frames of answers that wait for their visitors may take, beyond their bytes, for one connection; more ends it. The
/// library counts 256 bytes for each frame, less what it carries. The windows of all streams fit in with pieces of 32 bytes.
pub(crate) const HTTP2_SMALL_PIECES_BYTES: usize = (256 - 32) * (HTTP2_CONNECTION_WINDOW_BYTES as usize / 32);
/// The most streams that visitors have left and that are remembered, so that the rest of their answers is ignored; each for a second.
pub(crate) const MAX_HTTP2_LEFT_STREAMS: usize = 4_096;
/// After so many streams, a connection takes no further ones. It bounds what late answers of streams that visitors have left can cost.
pub(crate) const MAX_HTTP2_STREAMS_IN_ALL: usize = 100_000;
/// After so many data frames without data, a connection takes no further streams. The library ends it after 100.
pub(crate) const MAX_HTTP2_EMPTY_FRAMES: usize = 50;
/// How much of a request's body waits for the server, for each stream, beyond what the server allows.
pub(crate) const HTTP2_SEND_BUFFER_BYTES: usize = 64 << 10;
/// The most connections to one address of one thread. Beyond it, requests wait for a stream.
pub(crate) const MAX_HTTP2_CONNECTIONS: usize = 64;
/// How long a connection without streams stays open. Servers announce the end of theirs, so this may be longer than for HTTP/1.1.
pub(crate) const HTTP2_IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a connection is looked at: whether it was idle for too long, and whether its server still lives.
pub(crate) const HTTP2_LOOK_PERIOD: Duration = Duration::from_secs(5);
/// A server that sent nothing for this time, while answers are awaited, is pinged.
pub(crate) const HTTP2_FIRST_PING: Duration = Duration::from_secs(5);
/// While nothing but pongs comes, each pause between two pings is so many times the one before it. Servers end connections for pings that
/// come too often: gRPC's for Go at the third one within five minutes of its predecessor.
pub(crate) const HTTP2_PING_GROWTH: u32 = 8;
/// The longest pause between two pings.
pub(crate) const HTTP2_LAST_PING: Duration = Duration::from_secs(320);
/// A server must answer a ping in this time.
pub(crate) const HTTP2_PING_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a request that the server refused unprocessed is sent again before it counts as unsent.
pub(crate) const HTTP2_REPEATS: usize = 1;
/// How much of a request's body is kept until the answer begins, so that it can be sent again: a form.
pub(crate) const HTTP2_KEPT_BODY_BYTES: usize = 64 << 10;
/// The most interim answers before an answer. Servers send two at most.
pub(crate) const MAX_INTERIM_ANSWERS: usize = 32;
/// How many bytes of frames a server may send at once that belong to no answer: pings, settings, resets, empty data.
pub(crate) const MAX_HTTP2_OVERHEAD_BYTES: u64 = 1 << 20;
/// The same in each second after that: some 4,000 frames.
pub(crate) const HTTP2_OVERHEAD_BYTES_PER_SEC: u64 = 64 << 10;
/// For each so many bytes that the gateway sends, the server may send one byte of such frames more: windows grow with uploads.
pub(crate) const HTTP2_SENT_BYTES_PER_OVERHEAD_BYTE: u64 = 64;
/// For each frame of data that the gateway sends, the server may send so many bytes of them more: it opens two windows.
pub(crate) const HTTP2_OVERHEAD_BYTES_PER_DATA_FRAME: u64 = 32;
/// The most reasons why a service can't be reached that the log says between two healthy answers.
pub(crate) const MAX_TOLD_REASONS: usize = 8;
