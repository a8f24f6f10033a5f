//! Every limit of this crate, with its reason. A name ends in its unit, unless the type says it.

use std::time::Duration;

// Connections of visitors and services

/// The most connections where neither the settings nor the number of files allow fewer.
pub(crate) const MAX_CONNECTIONS: u64 = 65_536;
/// The fewest connections that a server holds, however few files it may open: below it no page with its files gets through.
pub(crate) const MIN_CONNECTIONS: u64 = 16;
/// Files that a process needs beside those of its connections: libraries, logs, the way to Redis.
pub(crate) const RESERVED_FILES: u64 = 64;
/// How many connections the system queues before the server accepts them.
pub(crate) const LISTEN_BACKLOG: i32 = 1024;
/// How long the server waits after an error of the system, such as too few files, before it accepts again.
pub(crate) const ACCEPT_RETRY_PAUSE: Duration = Duration::from_millis(50);
/// The smallest buffer of a connection that the settings allow: a smaller one does not hold the head of an ordinary request.
pub const MIN_CONNECTION_BUFFER_BYTES: usize = 32_000;
/// The buffer of a connection where the settings do not name one.
pub(crate) const DEFAULT_CONNECTION_BUFFER_BYTES: usize = 128 << 10;
/// The smallest half of a connection's buffer: hyper accepts no less.
pub(crate) const MIN_HALF_BUFFER_BYTES: usize = 8 << 10;
/// How long a connection may take nothing of an answer before it is closed, where the settings do not say.
pub(crate) const DEFAULT_STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a connection may take to send the head of a request, and how long it may be idle.
pub(crate) const DEFAULT_HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long idle connections may still begin a request after the server was told to stop, where the settings do not say: proxies
/// in front learn within this time that the server goes away.
pub(crate) const DEFAULT_STOP_GRACE: Duration = Duration::from_secs(5);
/// How long requests may take to end after the server was told to stop, where the settings do not say.
pub(crate) const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection must be idle before its buffers are freed. Most visitors request the files of a page before that.
pub(crate) const SLEEP_AFTER: Duration = Duration::from_secs(1);
/// How often connections are checked, at most and at least. The period is a quarter of the shortest timeout.
pub(crate) const CHECK_PERIOD: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(20)..=Duration::from_secs(5);
/// How long the server waits for a free place before it closes another idle connection.
pub(crate) const CAPACITY_WAIT: Duration = Duration::from_millis(50);
/// How many idle connections one search finds. The search looks at all connections, so it must not run for each new one.
pub(crate) const IDLE_SEARCH_COUNT: usize = 64;
/// How often a quiet HTTP/2 connection is asked whether its peer is still there.
pub(crate) const HTTP2_KEEP_ALIVE_PERIOD: Duration = Duration::from_secs(30);
/// The most requests at a time on one HTTP/2 connection (RFC 9113 section 6.5.2 advises no less than 100).
pub(crate) const MAX_HTTP2_STREAMS: u32 = 128;

/// How often the files of a certificate are looked at. They are small, and a renewal comes weeks before the end.
#[cfg(feature = "tls")]
pub(crate) const CERTIFICATE_CHECK_PERIOD: Duration = Duration::from_secs(1);
/// The largest file with a certificate or its key. A chain has a few KiB.
#[cfg(feature = "tls")]
pub(crate) const MAX_CERTIFICATE_BYTES: u64 = 1 << 20;
/// The longest header of the PROXY protocol that is read: addresses, and what some load balancers add (version 2 allows 64 KiB).
pub(crate) const MAX_PROXY_HEADER_BYTES: usize = 4 << 10;

// Operators

/// How many requests may wait until their spans are sent. Each takes some hundred bytes, and more with fragments.
#[cfg(feature = "otlp")]
pub(crate) const MAX_QUEUED_REQUESTS_WITH_SPANS: usize = 4_096;
/// After so many spans no more are put into one message.
#[cfg(feature = "otlp")]
pub(crate) const MAX_SPANS_PER_EXPORT: usize = 512;
/// How long spans are collected for one message.
#[cfg(feature = "otlp")]
pub(crate) const SPAN_EXPORT_PERIOD: Duration = Duration::from_secs(1);
/// How long the collector may take to accept a message, and half of how long the end of the process waits for the last one.
#[cfg(feature = "otlp")]
pub(crate) const SPAN_EXPORT_TIMEOUT: Duration = Duration::from_secs(2);

/// How often recorded durations are sorted into their buckets: until then, each takes 8 bytes.
#[cfg(feature = "admin")]
pub(crate) const METRICS_TIDY_PERIOD: Duration = Duration::from_secs(2);

/// The most services with labels of their own in the metrics of requests. All others share one.
pub(crate) const MAX_COUNTED_SERVICES: usize = 1_000;
/// The longest id of a request that is taken over.
pub(crate) const MAX_REQUEST_ID_BYTES: usize = 128;
/// The longest `tracestate` that is passed on. The standard asks for 512 at least.
pub(crate) const MAX_TRACE_STATE_BYTES: usize = 1024;
/// The most members of a `tracestate` (W3C Trace Context section 3.3.1.1).
pub(crate) const MAX_TRACE_STATE_MEMBERS: usize = 32;
/// The most fragments that `Server-Timing` names: more would not fit into the buffers of common proxies.
pub(crate) const MAX_TIMED_FRAGMENTS: usize = 50;
/// How long a link for developers is valid at most.
pub(crate) const MAX_DEBUG_LIFE: Duration = Duration::from_secs(7 * 24 * 60 * 60);
/// The most fragments of one request that its line in the access log names.
pub(crate) const MAX_RECORDED_FRAGMENTS: usize = 200;

// Logs

/// How many lines wait for the thread that writes them.
pub(crate) const MAX_QUEUED_LINES: usize = 1_024;
/// What a line in the queue takes beside its text, in bytes.
pub(crate) const QUEUED_LINE_OVERHEAD_BYTES: usize = 256;
/// How many bytes the lines in the queue take together.
pub(crate) const MAX_QUEUED_BYTES: usize = MAX_QUEUED_LINES * QUEUED_LINE_OVERHEAD_BYTES;
/// How long the end of the program waits until all lines are written.
pub const LAST_LINES_TIMEOUT: Duration = Duration::from_secs(1);
/// How many lines are written together at most.
pub(crate) const MAX_LINES_PER_FLUSH: usize = 256;

// Requests

/// The longest host with its port: a name of DNS, a colon and five digits.
pub(crate) const MAX_HOST_BYTES: usize = 253 + 6;
/// The most hops of proxies that are read, from the right. More of them were written by a visitor.
pub(crate) const MAX_PROXY_HOPS: usize = 32;

// Bodies of calls for fragments

/// The longest request for a batch of fragments.
pub const MAX_BATCH_BYTES: usize = 4 << 20;
/// The longest part of a batch that a gateway sends to a service: the gateway adds names and deadlines.
pub const MAX_CALL_BYTES: usize = 2 * MAX_BATCH_BYTES;
/// The most fragments of one batch.
pub const MAX_BATCH_FRAGMENTS: usize = 2_000;
/// The part of a gateway's answer that its fragments use first come, first served, on top of [`ANSWER_BYTES_PER_FRAGMENT`] for
/// each. It is as large as the longest answer of one service.
pub const ANSWER_SHARED_BYTES: usize = 4 << 20;
/// What each fragment may take of a gateway's answer in any case, however much the others take.
pub const ANSWER_BYTES_PER_FRAGMENT: usize = 64 << 10;
/// How long the body of a call may take to arrive. Services are on fast networks.
pub(crate) const BODY_TIMEOUT: Duration = Duration::from_secs(5);
/// How much of a refused body is read all the same, so that its sender gets to see the answer.
pub(crate) const MAX_DISCARDED_BYTES: usize = 32 << 20;
/// How long a refused body is read. Clients of protocol 1 wait for 2 s at most.
pub(crate) const DISCARD_TIMEOUT: Duration = Duration::from_secs(1);
/// The longest reason that an answer repeats. A wrong value is part of the reason, and may be as long as the body.
pub(crate) const MAX_REASON_CHARS: usize = 300;

// Caches

/// The most entries of one cache. It bounds the book-keeping of many small entries.
pub(crate) const MAX_CACHE_ENTRIES: usize = 65_536;
/// How many entries that were used meanwhile one new entry moves, so that others are dropped in their place. It bounds the
/// time for which a cache is locked.
pub(crate) const MAX_MOVES_PER_EVICTION: usize = 64;
/// What an entry takes beside its key and its value, roughly.
pub(crate) const CACHE_ENTRY_OVERHEAD_BYTES: usize = 256;
/// What a JSON value takes beside its text, roughly.
pub(crate) const JSON_VALUE_OVERHEAD_BYTES: usize = 64;
/// One entry may take the whole cache divided by this: one large fragment must not displace all others.
pub(crate) const CACHE_ENTRY_SHARE_DIVISOR: usize = 4;

// Redis

/// The most servers in one address of Redis.
#[cfg(feature = "redis")]
pub(crate) const MAX_REDIS_SERVERS: usize = 100;

// The channel

/// The longest payload of a channel, metadata included, that a gateway takes: the longest request of a service, and the longest answer
/// of one.
pub const MAX_CHANNEL_PAYLOAD_BYTES: usize = MAX_BATCH_BYTES + CHANNEL_METADATA_ROOM_BYTES;
/// The longest payload that a service takes: the longest call of a gateway, and the longest answer to
/// [`MAX_CHANNEL_FRAGMENTS`] fragments.
pub const MAX_SERVICE_PAYLOAD_BYTES: usize = MAX_CALL_BYTES + CHANNEL_METADATA_ROOM_BYTES;
/// The most fragments that a page requests over a channel at once. The answer to more could be longer than a payload, so that
/// they are requested by POST.
pub const MAX_CHANNEL_FRAGMENTS: usize = (MAX_CALL_BYTES - ANSWER_SHARED_BYTES) / ANSWER_BYTES_PER_FRAGMENT;
/// What a payload may have beside its body: the route, the headers and the form of the answer.
const CHANNEL_METADATA_ROOM_BYTES: usize = 64 << 10;
/// The longest headers of one request over a channel. Those of a visitor are cookies of 4 KB each.
pub(crate) const MAX_CHANNEL_HEADER_BYTES: usize = 32 << 10;
/// The longest data of a SETUP: a key, a name and a UUID.
pub(crate) const MAX_CHANNEL_SETUP_BYTES: usize = 4 << 10;
/// The most requests of the peer that one end of a channel answers at once. Each may hold a payload.
pub(crate) const MAX_CHANNEL_REQUESTS: usize = 1_024;
/// The most bytes of unfinished payloads of one channel. Payloads beyond a frame come in fragments, which may arrive interleaved.
pub(crate) const MAX_CHANNEL_PARTIAL_BYTES: usize = 16 << 20;
/// A channel's end sends KEEPALIVE so often, a gateway only if it heard nothing.
pub(crate) const CHANNEL_KEEPALIVE_PERIOD: Duration = Duration::from_secs(1);
/// Silence that ends a channel, and so also how long its peer may read nothing.
pub(crate) const CHANNEL_LIFETIME: Duration = Duration::from_secs(5);
/// How many items of a stream the peer may send ahead: one that is read, and the newest.
pub(crate) const CHANNEL_STREAM_CREDIT: u32 = 2;
/// The most forms of fragments that have metrics of their own. The others are counted together.
pub(crate) const MAX_MEASURED_ACTIONS: usize = 2_000;
