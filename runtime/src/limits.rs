//! The limits of this crate, with the reason for each. What an application may set is in [`crate::settings`] instead.

use std::time::Duration;

// ---- The plan and the templates of a page

/// How many steps the search for the possible owners of one plan's fragments takes. A plan that needs more has slots where
/// any service may be the owner, which is the careful answer.
pub(crate) const MAX_OWNER_SEARCH_STEPS: usize = 1 << 20;

/// How deep fragments, fallbacks and regions stand in each other. A template nests them as deep as it is written; the limit
/// ends a plan whose text contains itself.
pub(crate) const MAX_LIFTED_NESTING: usize = 64;

/// How deep a value of a template or of a peer nests. `serde_json` stops at the same depth, and the walk is recursive.
pub(crate) const MAX_VALUE_DEPTH: usize = 128;

/// How many fragments have counters of their own: those that the templates name first. All others share one, so that the
/// number of time series stays bounded.
pub(crate) const MAX_COUNTED_FRAGMENTS: usize = 1_000;

/// The longest plan of `hydra dev`. A plan is little longer than its templates.
#[cfg(all(debug_assertions, unix))]
pub(crate) const MAX_DEV_PLAN_BYTES: u64 = 256 << 20;

// ---- Fragments of other services

/// How many parts of a response may hold no answer that the page asked for. A source that sends nothing else is cut off.
pub(crate) const MAX_USELESS_PARTS: u32 = 64;

/// How many calls of one batch go to a gateway of protocol 1 at a time: one for each set of attributes.
pub(crate) const MAX_PROTOCOL_1_CALLS: usize = 16;

/// How much of a peer's reason reaches the log, in characters.
pub(crate) const MAX_PEER_REASON_CHARS: usize = 200;

/// The longest state of previews that a page shows. A gateway sends some 3,000 bytes at most.
pub(crate) const MAX_PREVIEW_STATE_BYTES: usize = 4 << 10;
/// The most previews that a page shows: so many does a gateway allow.
pub(crate) const MAX_SHOWN_PREVIEWS: usize = 8;
/// The longest cookie `HYDRA-VERSION` that is part of a cache key. A visitor with a longer one shares no answers.
pub(crate) const MAX_VERSIONS_COOKIE_BYTES: usize = 1 << 10;

// ---- Style sheets and scripts

/// How many style sheets and scripts one page links. Every fragment on it may name some.
pub(crate) const MAX_LINKED_ASSETS: usize = 256;

/// The longest `Link` header. Proxies refuse long headers, and preloading more than this delays the page.
pub(crate) const MAX_LINK_HEADER_BYTES: usize = 4 << 10;

/// The longest nonce of a content security policy. Policies use about 24 bytes.
pub(crate) const MAX_NONCE_BYTES: usize = 200;

// ---- Fragments that come after their page

/// How much JSON the address of a lazy fragment holds. Servers on the way may refuse addresses that are longer than the
/// encrypted text of this.
pub(crate) const MAX_LAZY_JSON_BYTES: usize = 4 << 10;

/// The longest encrypted text in an address: [`MAX_LAZY_JSON_BYTES`] with a nonce and a tag, in base64.
pub(crate) const MAX_LAZY_SEALED_BYTES: usize = (MAX_LAZY_JSON_BYTES + 64) / 3 * 4 + 4;

/// How long the address of a lazy fragment is good, in seconds: a page may stay open that long before the visitor scrolls
/// down.
pub(crate) const LAZY_ADDRESS_LIFE_SECONDS: u64 = 60 * 60;

/// How many bytes the copies of one deferred fragment for several slots take together. Of a larger fragment, the page sends
/// one copy, and its script puts it into all slots.
pub(crate) const MAX_DEFERRED_COPIES_BYTES: usize = 64 << 10;

/// How deep fallbacks in each other are searched for HTML that looks like a mark. Deeper ones are left to the script.
pub(crate) const MAX_SEARCHED_FALLBACKS: usize = 8;

/// How deep elements of raw text stand in each other where browsers may also read them as elements. Deeper HTML is sent as
/// text.
pub(crate) const MAX_RAW_TEXT_NESTING: usize = 4;

// ---- Requests and handlers

/// How many media ranges of one `Accept` header are read. Browsers send fewer than ten.
pub(crate) const MAX_MEDIA_RANGES: usize = 64;

/// How much of a fragment handler's error response reaches the log, in bytes.
pub(crate) const MAX_HANDLER_REASON_BYTES: usize = 500;

// ---- Forms

/// The most fields that a form may send, those with one name counted each.
pub(crate) const MAX_FORM_ENTRIES: usize = 1_000;

/// The longest name of a field of a form.
pub(crate) const MAX_FORM_NAME_BYTES: usize = 200;

/// The most fragments of one page that set cookies of the visitor at plain services.
pub(crate) const MAX_PAGE_COOKIES: usize = 32;

/// The longest text with the cookies of one fragment, encrypted: the head of an answer has room for a few of them.
pub(crate) const MAX_SEALED_COOKIES_BYTES: usize = 16 << 10;

/// The most files of one form that are kept outside memory.
#[cfg(feature = "upload")]
pub(crate) const MAX_LONG_FILES: usize = 100;

/// How much of each of these files is kept in memory.
#[cfg(feature = "upload")]
pub(crate) const UPLOAD_BEGINNING_BYTES: usize = 16 << 10;

/// How much of each of these files is written or read at a time.
#[cfg(feature = "upload")]
pub(crate) const UPLOAD_WRITE_BYTES: usize = 128 << 10;

/// How much of a form with files is read at a time.
#[cfg(feature = "upload")]
pub(crate) const UPLOAD_PIECE_BYTES: usize = 64 << 10;

/// How many bytes of these files must arrive in a second so that the time for the form does not run meanwhile.
pub(crate) const LEAST_UPLOAD_BYTES_PER_SECOND: u64 = 10_000;

/// The default of the setting `form_body`: the most bytes of a form beside its long files.
pub(crate) const DEFAULT_FORM_BODY: usize = 2_000_000;

/// The default of the setting `action_timeout`: how long an action may take, the arrival of the form included.
pub(crate) const DEFAULT_ACTION_TIMEOUT: Duration = Duration::from_secs(30);

// ---- The application and its gateway

/// How many gateways an application knows.
pub(crate) const MAX_GATEWAYS: usize = 16;

/// How long connecting to a gateway takes at most. The next gateway is tried after that.
pub(crate) const GATEWAY_CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a connection to a gateway may stay idle, which is shorter than servers keep theirs.
pub(crate) const GATEWAY_IDLE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long looking up the host name of a gateway takes at most.
pub(crate) const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a gateway takes to answer a registration, a heartbeat or a request for the overview.
pub(crate) const GATEWAY_ANSWER_TIMEOUT: Duration = Duration::from_secs(2);

/// How long an application waits until it asks a gateway again for a channel that it did not open, although it takes channels: something
/// between both may not pass WebSockets on.
pub(crate) const CHANNEL_RETRY: Duration = Duration::from_secs(60);

/// The largest answer to a registration, in bytes. It holds the overview, which is large in a large installation.
pub(crate) const MAX_OVERVIEW_BYTES: usize = 16 << 20;

/// The largest answer to a heartbeat, in bytes.
pub(crate) const MAX_HEARTBEAT_ANSWER_BYTES: usize = 1 << 10;

/// How much of a gateway's error response reaches the log, in characters.
pub(crate) const MAX_GATEWAY_REASON_CHARS: usize = 300;

/// The time for a batch of fragments whose page has no deadline.
pub(crate) const DEFAULT_BATCH_TIMEOUT: Duration = Duration::from_secs(10);

/// How many bytes of a registration describe the fragments that pages ask for. Gateways refuse a registration of 2 MiB.
pub(crate) const MAX_ASKS_BYTES: usize = 1 << 20;

/// How deep folders of static files are followed, because links may form a circle.
pub(crate) const MAX_FOLDER_DEPTH: usize = 16;

// ---- The overview

/// How long a service that went away is remembered, as in the gateway (protocol section 3).
pub(crate) const GONE_SERVICE_LIFE: Duration = Duration::from_secs(600);

/// How many services that went away are remembered.
pub(crate) const MAX_GONE_SERVICES: usize = 1000;

/// How many links one service may have in one menu.
pub(crate) const MAX_MENU_LINKS: usize = 200;

// ---- Sessions

/// How large the session of one service may be, in bytes of JSON.
pub const MAX_SESSION_BYTES: usize = 8 << 10;

/// How long the sessions of a visitor are kept after their last use.
pub const SESSION_IDLE_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How large a sealed session is at most, in bytes. The seal is base64 with a signature, and larger than the session.
pub(crate) const MAX_SEALED_SESSION_BYTES: usize = 2 * MAX_SESSION_BYTES;

/// How many services may have a session of one visitor.
pub(crate) const MAX_SESSION_SERVICES: usize = 32;

/// How many bytes of sessions are kept in memory. Beyond that, the visitors who were away longest are forgotten.
pub(crate) const MAX_SESSION_MEMORY_BYTES: usize = 64 << 20;

/// How long a seal is valid, in seconds. Stores forget sessions much earlier; this limits how long a copy is of use.
pub(crate) const SEAL_LIFE_SECONDS: u64 = 24 * 60 * 60;

/// How much the clocks of two instances of a service may differ, in seconds.
pub(crate) const MAX_CLOCK_SKEW_SECONDS: u64 = 60;

/// How long Redis takes to connect or to answer at most: a page waits for it.
#[cfg(feature = "redis")]
pub(crate) const SESSION_REDIS_TIMEOUT: Duration = Duration::from_millis(300);

/// How long a Redis that failed is not asked again. Pages go on without sessions meanwhile, and do not wait.
#[cfg(feature = "redis")]
pub(crate) const SESSION_REDIS_PAUSE: Duration = Duration::from_secs(1);

// ---- Settings and logs

/// The longest duration in a setting. A page that takes longer is a mistake in the number.
pub(crate) const MAX_SETTING_DURATION: Duration = Duration::from_secs(600);

/// How many lines one place in the code logs in a second.
pub(crate) const MAX_LINES_PER_SECOND: usize = 10;

// ---- Tests of an application

/// The largest response that a test reads, in bytes.
#[cfg(feature = "testing")]
pub(crate) const MAX_TEST_RESPONSE_BYTES: usize = 64 << 20;

/// How much HTML an error of a test shows, in characters.
#[cfg(feature = "testing")]
pub(crate) const MAX_SHOWN_HTML_CHARS: usize = 2_000;
