//! Every limit of the gateway, with its reason: on peers, on memory, and on time. A name ends in its unit, unless the type says it.
//!
//! Limits of the protocol, such as the length of names, are those of `hydra_runtime_wire::limits`; limits on connections of visitors
//! and on bodies of calls are those of `hydra_runtime_net::limits`.

mod forms;
mod http2;
mod openid;

use std::time::Duration;

pub(crate) use forms::*;
pub(crate) use http2::*;
pub(crate) use openid::*;

// Metrics

/// The most services with labels of their own in the metrics of fragments.
pub(crate) const MAX_MEASURED_SERVICES: usize = 1_000;
/// The most fragments of one service with labels of their own.
pub(crate) const MAX_MEASURED_REFS: usize = 200;
/// The most pages and fragments whose requests for one fragment are told apart. Peers write their names.
pub(crate) const MAX_FLOWS_PER_FRAGMENT: usize = 100;
/// The most pages of one service whose requests for one fragment are told apart.
pub(crate) const MAX_PAGES_PER_FLOW: usize = 100;
/// The same for all fragments together. Each flow takes about 600 bytes.
pub(crate) const MAX_FLOWS: usize = 10_000;
/// How often the totals of flows are kept. What operators see as recent is what was counted since the last totals but one, so
/// in the last one or two of these periods.
pub(crate) const FLOW_PERIOD: Duration = Duration::from_secs(15);

// The operators' page

/// How long an operator stays signed in: a working day.
pub(crate) const OPERATORS_SESSION_SECS: u64 = 8 * 60 * 60;
/// How many sessions that operators ended are remembered until their time is over. Few people sign out so often.
pub(crate) const MAX_ENDED_SESSIONS: usize = 1_000;
/// The most browsers at a time whose page is kept up to date.
pub(crate) const MAX_WATCHERS: usize = 32;
/// How often a page with rates and requests under way is made again.
pub(crate) const WATCH_PERIOD: Duration = Duration::from_secs(2);
/// How often a gateway looks whether its registry has changed, for browsers that watch it.
pub(crate) const WATCH_CHANGE_PERIOD: Duration = Duration::from_millis(250);
/// A browser that does not take an update for this long is dropped.
pub(crate) const WATCHER_STALL: Duration = Duration::from_secs(20);
/// How long one connection with updates lasts. Browsers connect again.
pub(crate) const MAX_WATCH: Duration = Duration::from_secs(600);
/// The rows of a list on one page. More are on further pages.
pub(crate) const PAGE_ROWS: usize = 50;
/// The most problems that are listed. All are counted.
pub(crate) const MAX_LISTED_PROBLEMS: usize = 2_000;
/// The most edges of the graph that contracts declare which are shown.
pub(crate) const MAX_DECLARED_FLOWS: usize = 10_000;
/// The most names that a cell of a table shows. The others are counted.
pub(crate) const MAX_NAMES_IN_CELL: usize = 12;
/// The longest text for which operators can search.
pub(crate) const MAX_SEARCH_CHARS: usize = 200;
/// The longest path on which a sign-in goes on.
pub(crate) const MAX_PLACE_BYTES: usize = 2_000;

// Registrations and the registry

/// The longest body of a registration. Members that the gateway does not know count here, and nowhere else.
pub(crate) const MAX_REGISTRATION_BYTES: usize = 2 << 20;
/// The longest body of a heartbeat: a name and a UUID.
pub(crate) const MAX_HEARTBEAT_BYTES: usize = 1024;
/// An instance is inactive after this long without a heartbeat. Services send one every 3 s.
pub(crate) const INACTIVE_AFTER_MS: u64 = 5_000;
/// An instance is forgotten after this long without a heartbeat. Until then its paths answer 503 and not 404.
pub(crate) const FORGOTTEN_AFTER_MS: u64 = 600_000;
/// The most instances in the registry.
pub(crate) const MAX_INSTANCES: usize = 50_000;
/// The most paths of all instances together.
pub(crate) const MAX_PATHS: usize = 1_000_000;
/// One service may have all instances and all paths divided by this.
pub(crate) const SERVICE_SHARE_DIVISOR: usize = 10;
/// A service with no more instances than this is small: the registry keeps some room for small services.
pub(crate) const SMALL_SERVICE_INSTANCES: usize = 100;
/// The same for paths.
pub(crate) const SMALL_SERVICE_PATHS: usize = 1_000;
/// The same for memory.
pub(crate) const SMALL_SERVICE_BYTES: usize = 1 << 20;
/// The longest registration as JSON, without unknown members, where the settings do not say.
pub(crate) const DEFAULT_INSTANCE_LIMIT_BYTES: usize = 256 << 10;
/// The memory of all instances of one service, where the settings do not say.
pub(crate) const DEFAULT_SERVICE_LIMIT_BYTES: usize = 32 << 20;
/// The memory of all instances, where the settings do not say.
pub(crate) const DEFAULT_REGISTRY_LIMIT_BYTES: usize = 256 << 20;
/// The smallest of these limits that the settings may name: an ordinary service does not fit in less.
pub(crate) const MIN_REGISTRY_LIMIT_BYTES: usize = 16 << 10;
/// The shortest private key that is accepted.
pub(crate) const MIN_PRIVATE_KEY_BYTES: usize = 16;
/// The shortest token of operators that is accepted.
pub(crate) const MIN_ADMIN_TOKEN_BYTES: usize = 16;
/// How often the log says that a call came with a wrong public key. A service with a wrong setting tries each second, and strangers
/// may try as often as they like.
pub(crate) const WRONG_KEY_LOG_PERIOD_MS: u64 = 60_000;
/// How often the log reports the refused calls of one service at one address. A refused service tries again every second.
pub(crate) const REFUSAL_LOG_PERIOD_MS: u64 = 60_000;
/// For how many services and addresses the log remembers that. Beyond it, it reports only that there are more.
pub(crate) const MAX_REMEMBERED_REFUSALS: usize = 256;
/// How much is kept of the body of a call that lacks its signature: enough to find the service's name.
pub(crate) const MAX_UNSIGNED_BODY_BYTES: usize = 16 << 10;

// Contracts

/// The most problems that one service is told. More of them have the same cause.
pub(crate) const MAX_CONTRACT_PROBLEMS: usize = 50;
/// The most contracts of one service that are compared with others': while a service is renewed, its instances state several.
pub(crate) const MAX_COMPARED_CONTRACTS: usize = 50;
/// The most comparisons for one contract: of what other services ask of it, and as many of what it asks of other services.
pub(crate) const MAX_CONTRACT_COMPARISONS: usize = 20_000;

// Snapshots and versions

/// How often the gateway looks for silent instances, and asks the store for changes.
pub(crate) const REFRESH_PERIOD: Duration = Duration::from_millis(250);
/// A gateway that did not refresh for longer than this was paused: its machine slept, or has too much to do. The time does not count
/// as silence of instances.
pub(crate) const PAUSED_AFTER_MS: u64 = 1_000;
/// A snapshot with more paths than this is built outside of the threads that serve.
pub(crate) const LARGE_SNAPSHOT_PATHS: usize = 2_000;
/// How long a browser keeps the cookie of its set of versions: 30 days.
pub(crate) const VERSION_COOKIE_LIFE_SECS: u32 = 2_592_000;

// Visitors that stay with one instance

/// How often a gateway without a private key looks whether the gateways have agreed on a key for pins.
pub(crate) const PIN_KEY_PERIOD: Duration = Duration::from_millis(250);
/// How long after its start a gateway without Redis lets pins wait for their instances. Those register again within two
/// seconds.
pub(crate) const PIN_WAIT: Duration = Duration::from_secs(5);
/// How often a request that waits looks for its instance.
pub(crate) const PIN_WAIT_PERIOD: Duration = Duration::from_millis(25);
/// The most requests that wait. Others are answered at once.
pub(crate) const MAX_PIN_WAITERS: usize = 1_000;
/// New visitors go where the fewest pins came back in the last one or two of these periods.
pub(crate) const COMEBACK_PERIOD_MS: u64 = 120_000;
/// In so many bits per instance and period, each pin that comes back sets one: 2 KiB, whose number of set bits grows with the
/// number of pins up to some 100,000.
pub(crate) const COMEBACK_BITS: usize = 16_384;
/// The most cookies of one name whose signatures a request costs. Browsers send one.
pub(crate) const MAX_PIN_COOKIES: usize = 4;
/// How many pins are remembered whose signatures were right: visitors who have them are not checked again. A few hundred bytes each.
pub(crate) const VERIFIED_PINS: usize = 1_024;
/// How many moves of visitors are remembered, in 8 bytes each.
pub(crate) const REMEMBERED_MOVES: usize = 4_096;
/// After so many requests in a row that ran out of time, the instance is probed.
pub(crate) const LATE_IN_A_ROW: u32 = 3;

// Previews

/// The most services that one visitor previews at a time. Each request checks their signatures.
pub(crate) const MAX_PREVIEWS: usize = 8;
/// The longest token of a preview: the longest names of a service and a version take some 280 bytes.
pub(crate) const MAX_PREVIEW_TOKEN_BYTES: usize = 320;
/// The shortest and the longest time for which a link to a preview is valid: a second, and a week.
pub(crate) const PREVIEW_LIFE_SECS: std::ops::RangeInclusive<u64> = 1..=7 * 24 * 60 * 60;
/// The most versions that are named to an operator who named one that does not run.
pub(crate) const MAX_NAMED_VERSIONS: usize = 10;
/// The most versions of one service with a stated weight. Few run at a time.
pub(crate) const MAX_STATED_VERSIONS: usize = 100;
/// The longest text of all that operators changed at run time. Each gateway keeps it, and each snapshot reads it.
pub(crate) const MAX_STEERING_BYTES: usize = 256 << 10;

/// The longest body of an operator's change: the weights of one service.
pub(crate) const MAX_CHANGE_BYTES: usize = 64 << 10;
/// The most instances that are named to an operator whose words mean several.
pub(crate) const MAX_NAMED_INSTANCES: usize = 10;
/// The same text with its seal.
pub(crate) const MAX_SEALED_STEERING_BYTES: usize = MAX_STEERING_BYTES + 100;

// Calls for fragments

/// The longest time for a batch of fragments: clients of protocol 1 give up after 2 s.
pub(crate) const MAX_BATCH_DURATION: Duration = Duration::from_millis(1_900);
/// The most calls of one batch at a time to one service. A page with a hundred different fragments must not open a hundred
/// connections at once, and a slow service must not hold the others back.
pub(crate) const MAX_CONCURRENT_CALLS_PER_SERVICE: usize = 64;
/// The most calls of one batch that are polled together whenever one of them can go on.
pub(crate) const MAX_CALLS_AT_ONCE: usize = 8;
/// The most calls for fragments at a time to one instance from this gateway.
pub(crate) const MAX_CALLS_PER_INSTANCE: usize = 1_024;
/// The most of those calls for one calling address: pages that call each other in a circle leave room for others.
pub(crate) const MAX_CALLS_PER_CALLER: usize = MAX_CALLS_PER_INSTANCE / 4;
/// With more calling addresses than this, those without calls are forgotten.
pub(crate) const MAX_REMEMBERED_CALLERS: usize = 64;
/// The longest answer of one call to a service.
pub(crate) const MAX_ANSWER_BYTES: usize = 4 << 20;
/// The longest answer to a client of protocol 1, which can't read a longer one.
pub(crate) const MAX_PROTOCOL_1_ANSWER_BYTES: usize = 256 << 10;
/// The most fragments of a protocol 1 service that one batch requests in calls of their own, because a call for several
/// of them failed or they failed alone before.
pub(crate) const MAX_SINGLE_CALLS_PER_BATCH: usize = 16;
/// How many of those calls remain for fragments that may be good, while others are known to fail.
pub(crate) const SINGLE_CALLS_FOR_NEW_FAILURES: usize = 8;
/// The most of those calls to one service within [`SINGLE_CALL_PERIOD_SECS`], if it gets few requests.
pub(crate) const MAX_SINGLE_CALLS_PER_PERIOD: usize = 16;
/// For a service that gets many requests: one of those calls for this many fragments.
pub(crate) const FRAGMENTS_PER_SINGLE_CALL: usize = 10;
/// The time over which those calls are counted.
pub(crate) const SINGLE_CALL_PERIOD_SECS: u64 = 10;
/// The most services for which they are counted one by one. All others share one count.
pub(crate) const MAX_COUNTED_SERVICES: usize = 1_000;
/// How long a fragment that failed alone is kept apart from others.
pub(crate) const FAILED_ALONE_REMEMBERED_MS: u64 = 60_000;
/// The most of these fragments.
pub(crate) const MAX_FAILED_ALONE: usize = 1_000;
/// What surrounds the parts of an answer to a batch: braces and names of members.
pub(crate) const ANSWER_FRAME_BYTES: usize = 1 << 10;
/// The most content codings on top of each other in an answer of a plain HTTP service. Each may inflate the one before.
pub(crate) const MAX_CONTENT_CODINGS: usize = 3;
/// The memory of the cache for fragments of plain HTTP services.
pub(crate) const MAX_FRAGMENT_CACHE_BYTES: usize = 16 << 20;

// Reaching instances

/// How many instances a request or call tries before it fails. Instances that can't be reached are soon left alone.
pub(crate) const MAX_INSTANCES_TRIED: usize = 256;
/// With less time left than this, a failure to connect says nothing about the instance.
pub(crate) const MIN_FAIR_CONNECT_TIME: Duration = Duration::from_millis(20);
/// How many failures in a row open the circuit breaker of an instance.
pub(crate) const BREAKER_FAILURES: u32 = 3;
/// The time until the next probe while the breaker is closed.
pub(crate) const BREAKER_FIRST_PAUSE_MS: u64 = 500;
/// The time until the next probe once the breaker is open.
pub(crate) const BREAKER_OPEN_PAUSE_MS: u64 = 1_000;
/// After this many failures the instance has been away for about a minute, and probes become rare.
pub(crate) const BREAKER_MANY_FAILURES: u32 = 60;
/// The time between rare probes.
pub(crate) const BREAKER_RARE_PAUSE_MS: u64 = 5_000;
/// How often the gateway looks for instances that are due for a probe.
pub(crate) const PROBE_PERIOD: Duration = Duration::from_millis(100);
/// The most probes at a time.
pub(crate) const MAX_CONCURRENT_PROBES: usize = 64;
/// How often the health of a configured service is asked for.
pub(crate) const HEALTH_CHECK_PERIOD: Duration = Duration::from_secs(1);
/// How long the answer to a health check may take.
pub(crate) const HEALTH_CHECK_TIMEOUT: Duration = Duration::from_secs(1);
/// The most addresses of one host name that are tried.
pub(crate) const MAX_ADDRESSES_PER_NAME: usize = 8;
/// How long connecting to a service may take, where the settings do not say.
pub(crate) const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the gateway waits after the certificate authorities could not be read, before it reads them again.
pub(crate) const AUTHORITIES_RETRY_PAUSE: Duration = Duration::from_secs(5);

// Requests of visitors, and answers of services

/// How long a service may take until the head of its answer, where the settings do not say.
pub(crate) const DEFAULT_RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);
/// How fast a visitor must send the body of a request, where the settings do not say.
pub(crate) const DEFAULT_UPLOAD_BYTES_PER_SEC: u64 = 1_024;
/// The rate of an upload is taken over this many steps.
pub(crate) const UPLOAD_RATE_STEPS: usize = 6;
/// One of those steps: together they make half a minute, in which a mobile connection may stand still for a while.
pub(crate) const UPLOAD_RATE_STEP: Duration = Duration::from_secs(5);
/// The most links that are kept of all early hints of one answer.
pub(crate) const MAX_HINT_LINKS: usize = 32;
/// The most bytes of those links together.
pub(crate) const MAX_HINT_BYTES: usize = 8 << 10;
/// The most bytes of chunk extensions and trailers of one body.
pub(crate) const MAX_CHUNK_EXTRA_BYTES: usize = 16 << 10;
/// The most digits of the size of a chunk: those of a 64-bit number.
pub(crate) const MAX_CHUNK_SIZE_DIGITS: u8 = 16;

// Connections to services

/// How long a body with `Expect: 100-continue` waits for the service to want it. Many services never say so, and clients do not wait
/// much longer either (RFC 9110 section 10.1.1).
pub(crate) const EXPECT_CONTINUE_WAIT: Duration = Duration::from_secs(1);
/// How long an idle connection may be reused: common servers close theirs after 5 s.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// How long an idle connection rests before it is reused, so that bytes which a service sends late, beyond its answer, are found
/// before they could be taken for the next answer.
pub(crate) const IDLE_REST: Duration = Duration::from_millis(5);
/// With this many idle connections, the oldest is reused although it rested for less.
pub(crate) const CROWDED_IDLE_CONNECTIONS: usize = 64;
/// The most idle connections to one address.
pub(crate) const MAX_IDLE_CONNECTIONS: usize = 512;
/// The same while it is unknown whether the service keeps its connections open.
pub(crate) const MAX_UNPROVEN_CONNECTIONS: usize = 80;
/// A service that closes its connections after each answer has done so by then.
pub(crate) const PROVEN_AFTER: Duration = Duration::from_millis(250);
/// After a service closed an idle connection, its connections are not used for requests that could be lost for this long.
pub(crate) const DISTRUST_AFTER_CLOSE: Duration = Duration::from_secs(10);
/// How long the gateway remembers whether an address without calls keeps its connections open.
pub(crate) const ADDRESS_REMEMBERED: Duration = Duration::from_secs(600);
/// How long connections to an address are not reused after surplus bytes came from it.
pub(crate) const DISTRUST_AFTER_SURPLUS: Duration = Duration::from_secs(60);
/// How long requests are sent one by one to a server that closed a connection with requests under way.
pub(crate) const ONE_BY_ONE_AFTER_CLOSE: Duration = Duration::from_secs(60);
/// The most reads of one check of an encrypted connection: a service may send TLS tickets all the time.
pub(crate) const MAX_TLS_READS_PER_CHECK: usize = 4;
/// The most headers of an answer.
pub(crate) const MAX_ANSWER_HEADERS: usize = 100;
/// The longest body of a request that is gathered before it is sent: forms, and calls of scripts.
pub(crate) const MAX_DIRECT_BODY_BYTES: u64 = 16 << 10;
/// How much of the first answer over a connection is read at once. Later reads bring as much as the answer before, up to the next limit.
pub(crate) const FIRST_READ_BYTES: usize = 8 << 10;
/// The longest head of an answer, and the size of the buffer that reads its body ahead. A visitor who does not read can hold
/// twice this (one piece read ahead, one on its way) and half of a connection's buffer.
pub(crate) const MAX_ANSWER_HEAD_BYTES: usize = 32 << 10;
/// How much of an answer is read at once. The buffer lies on the stack, so that a waiting call holds none.
pub(crate) const READ_BUFFER_BYTES: usize = 16 << 10;
/// The most memory that is reserved for a body before its bytes arrive: a stated length may be wrong.
pub(crate) const MAX_RESERVED_BODY_BYTES: usize = 64 << 10;

// Error pages

/// The most files in the folder of error pages.
pub(crate) const MAX_ERROR_PAGE_FILES: usize = 1_000;
/// The largest file in that folder.
pub(crate) const MAX_ERROR_PAGE_BYTES: u64 = 1 << 20;
/// How deep its folders are followed.
pub(crate) const MAX_ERROR_PAGE_FOLDER_DEPTH: usize = 8;

// Redis

/// How long Redis may take to connect, or to answer one call. A slower Redis counts as away.
pub(crate) const REDIS_TIMEOUT: Duration = Duration::from_millis(500);
/// The longest prefix of the names of keys in Redis. Each key holds it.
pub(crate) const MAX_REDIS_PREFIX_BYTES: usize = 100;
/// A gateway that did not call Redis for longer than this is cut off from it. Gateways call four times a second.
pub(crate) const CUT_OFF_AFTER_MS: u64 = 1_000;
/// How long instances count as active that were last heard by a gateway which is cut off: their silence may be that of their
/// gateway.
pub(crate) const KEPT_AFTER_CUT_OFF_MS: u64 = 30_000;
/// For this long after Redis was away, instances that it lacks count as registered: other gateways are about to write them.
pub(crate) const RECONNECT_GRACE_MS: u64 = 1_500;
/// How often the registry is read again while Redis changes meanwhile.
pub(crate) const MAX_READ_ROUNDS: usize = 10;
/// How often a change of an operator is tried while other gateways make changes.
pub(crate) const MAX_STEER_ROUNDS: usize = 10;
/// The most records of one fetch, so that no call to Redis takes long.
pub(crate) const MAX_RECORDS_PER_FETCH: usize = 250;
/// A fetch with at least this many bytes takes no further record.
pub(crate) const FETCH_BYTES: usize = 512 << 10;

// Limits on requests

/// How many requests wait for a place, where the settings do not say.
pub(crate) const DEFAULT_MAX_QUEUE: usize = 1_000;
/// How long they wait, where the settings do not say. Visitors wait longer for nothing.
pub(crate) const DEFAULT_QUEUE_TIMEOUT: Duration = Duration::from_secs(1);
/// The most client addresses that one rate remembers: about 3 MB.
pub(crate) const MAX_RATE_ADDRESSES: usize = 65_536;
/// Over how many locks they are spread.
pub(crate) const RATE_SHARDS: usize = 16;
/// The shortest content that is compressed: below it, the headers of a coding weigh more than it saves.
pub(crate) const MIN_COMPRESSED_BYTES: u64 = 1_024;
/// The most `[[route]]` entries.
pub(crate) const MAX_ROUTE_RULES: usize = 10_000;

// Listening

/// The most certificates of one port. A client that names its host makes the gateway compare the name with each of them.
pub(crate) const MAX_CERTIFICATES: usize = 100;
/// The most ports of one gateway. Each is asked for new connections in turn.
pub(crate) const MAX_LISTENERS: usize = 64;

// What the operator sets

/// The limits of the registry that the operator sets, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegistryLimits {
    /// One registration, as JSON without unknown members.
    pub(crate) instance: usize,
    /// All instances of one service, in memory.
    pub(crate) service: usize,
    /// All instances, in memory.
    pub(crate) all: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self {
            instance: DEFAULT_INSTANCE_LIMIT_BYTES,
            service: DEFAULT_SERVICE_LIMIT_BYTES,
            all: DEFAULT_REGISTRY_LIMIT_BYTES,
        }
    }
}

// Logins

/// How long a new login key is published before it signs. Services of protocol 2 learn of it with their next heartbeat,
/// which comes every 3 s, and may have to try for a while.
pub(crate) const LOGIN_KEY_LEAD_SECS: u64 = 60;
/// The longest file with a login key. The document of an RSA key of 4,096 bits has 2.4 KB in base64.
pub(crate) const MAX_LOGIN_KEY_BYTES: u64 = 16 << 10;
/// The most files with login keys. Retired keys are removed, so that there are two or three.
pub(crate) const MAX_LOGIN_KEY_FILES: usize = 100;
/// How often a gateway reads keys and users again, so that a user who was removed loses access within a minute.
pub(crate) const LOGIN_REFRESH_PERIOD: Duration = Duration::from_secs(5);
/// The shortest life of a key, so that a wrong unit does not fill the folder.
pub(crate) const MIN_LOGIN_KEY_LIFE: Duration = Duration::from_secs(3_600);
/// The shortest time after which an idle visitor is logged out: tokens are renewed after half of it.
pub(crate) const MIN_LOGIN_IDLE: Duration = Duration::from_secs(60);
/// The longest life of a login.
pub(crate) const MAX_LOGIN_LIFE: Duration = Duration::from_secs(366 * 24 * 3_600);
/// The longest file with users: about 100,000 of them.
pub(crate) const MAX_USER_FILE_BYTES: u64 = 32 << 20;
/// The most users in Redis. Each gateway keeps all of them in memory, which takes about 500 bytes for a user with one role.
pub(crate) const MAX_USERS_IN_REDIS: usize = 200_000;
/// The memory for the sealed records of all of them.
pub(crate) const MAX_USERS_IN_REDIS_BYTES: usize = 256 << 20;
/// The longest sealed record: a thousand roles and a thousand members of metadata fit in.
pub(crate) const MAX_USER_RECORD_BYTES: usize = 2 << 20;
/// How many users one call to Redis reads or writes.
pub(crate) const USERS_PART: usize = 250;
/// If users were not read from Redis for this long, logins are not renewed: a user may have been removed.
pub(crate) const USERS_DOUBTFUL_AFTER: Duration = Duration::from_secs(60);
/// The longest name of a user.
pub(crate) const MAX_USERNAME_BYTES: usize = 200;
/// The longest password. Hashing a longer one would cost more than it protects.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1_024;
/// The shortest password that is accepted for a new user (NIST SP 800-63B section 5.1.1).
pub(crate) const MIN_PASSWORD_CHARS: usize = 8;
/// The most roles of a user, and members of a user's metadata.
pub(crate) const MAX_USER_ENTRIES: usize = 1_000;
/// The most headers of `response_headers`.
pub(crate) const MAX_RESPONSE_HEADERS: usize = 50;
/// The longest value of one of them: a content security policy can be long.
pub(crate) const MAX_RESPONSE_HEADER_BYTES: usize = 4 << 10;
/// The longest form of a login: a name, a password and an address, each percent-encoded.
pub(crate) const MAX_LOGIN_FORM_BYTES: usize = 16 << 10;
/// How many logins may wait until a password can be hashed. Beyond it, they get 503.
pub(crate) const MAX_WAITING_LOGINS: usize = 200;
/// The longest delay of a login. If it would have to wait longer, it gets 429.
pub(crate) const MAX_LOGIN_DELAY_MS: u64 = 10_000;
/// After this time without a failure, failed logins are forgotten.
pub(crate) const FAILED_LOGINS_FORGOTTEN_MS: u64 = 15 * 60 * 1_000;
/// The most pairs of account and address, and addresses, of failed logins that are remembered: about 10 MB.
pub(crate) const MAX_FAILED_LOGINS: usize = 100_000;
/// The longest address to which a visitor returns after the login.
pub(crate) const MAX_NEXT_BYTES: usize = 2_000;
/// How long the gateway remembers where a visitor wanted to go, as clients of protocol 1 do.
pub(crate) const NEXT_LIFE_SECS: u64 = 240;
/// The longest template of the login page.
pub(crate) const MAX_LOGIN_PAGE_BYTES: u64 = 256 << 10;
/// How much the clocks of two gateways may differ.
pub(crate) const CLOCK_SKEW_SECS: u64 = 30;
/// The most logins that were ended before their time and are remembered. They are forgotten when they would have ended.
pub(crate) const MAX_ENDED_LOGINS: usize = 200_000;
/// The longest file of ended logins.
pub(crate) const MAX_ENDED_FILE_BYTES: u64 = 64 << 20;
/// How long a token lives that tells a plain service who the visitor is. It is renewed after half of it.
pub(crate) const SERVICE_TOKEN_SECS: u64 = 300;
/// The memory for tokens that were signed again for services of protocol 1, or made for plain services.
pub(crate) const RESIGNED_TOKENS_BYTES: usize = 4 << 20;

// Channels

/// How often the leases of instances with a channel are renewed. They end after [`INACTIVE_AFTER_MS`], if this gateway ends.
pub(crate) const LEASE_PERIOD: Duration = Duration::from_secs(2);
/// The most leases that are renewed in one step, which Redis does as a whole.
pub(crate) const MAX_LEASES_PER_RENEWAL: usize = 500;
/// How often the stream of overviews looks whether login keys were replaced. Other changes are told at once.
pub(crate) const OVERVIEW_LOOK_PERIOD: Duration = Duration::from_secs(5);
/// The shortest time between two overviews for one service: while many services start, each change would be an overview of all for
/// each of them.
pub(crate) const OVERVIEW_PAUSE: Duration = Duration::from_millis(200);
/// How long a gateway that stops waits until a service has moved its channel to another gateway.
pub(crate) const CHANNEL_MOVE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long the requests in flight on a channel may then take: longer than any batch.
pub(crate) const CHANNEL_CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
