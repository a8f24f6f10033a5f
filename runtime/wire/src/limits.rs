//! Every limit of the protocol, with its reason. A name ends in its unit, unless the type says it.

use std::time::Duration;

// Registrations

/// The longest name of a version: a commit of 256 bits in hexadecimal digits.
pub const MAX_VERSION_NAME_BYTES: usize = 64;
/// The longest id of an instance: a UUID has 36 bytes.
pub const MAX_INSTANCE_ID_BYTES: usize = 64;
/// The longest public key of an installation. The key is a segment of each path of the protocol.
pub const MAX_PUBLIC_KEY_BYTES: usize = 200;
/// The longest name of a host, as DNS limits it (RFC 1035 section 2.3.4).
pub const MAX_HOST_NAME_BYTES: usize = 253;
/// The most endpoints, static resources, menu items, or fragments of a contract, of one registration. It bounds the time of a
/// check, and is far above what a real service has.
pub const MAX_REGISTRATION_ENTRIES: usize = 10_000;
/// The most patterns of one service with text and a `*` in one segment. Each costs time in every look-up beside it.
pub const MAX_GLOB_PATTERNS: usize = 100;
/// The longest pattern. The keys of patterns are kept in memory for each route.
pub const MAX_PATTERN_BYTES: usize = 1024;
/// The most segments of a pattern. It bounds the depth of the tree of patterns.
pub const MAX_PATTERN_SEGMENTS: usize = 32;
/// How much of a path that is not routed is sent back to its service.
pub(crate) const MAX_ECHOED_PATH_CHARS: usize = 200;
/// The longest list of sockets that is kept, as JSON. Values take many times as much in memory.
pub(crate) const MAX_SOCKETS_BYTES: usize = 1 << 10;

// Requests and answers

/// The most segments of a request's path that are compared one by one. No pattern has more than [`MAX_PATTERN_SEGMENTS`].
pub(crate) const MAX_REQUEST_SEGMENTS: usize = 64;
/// How deep fragments may nest, over services. Each level adds the time of one call to the page.
pub const MAX_CALL_CHAIN_DEPTH: usize = 8;
/// The most characters of one step of a call chain that an error message shows: a peer wrote the step.
pub(crate) const MAX_STEP_CHARS: usize = 80;
/// The most style sheets and scripts that one fragment may name. A page links all of them.
pub const MAX_ASSETS_PER_FRAGMENT: usize = 32;
/// The longest address of a style sheet or script.
pub(crate) const MAX_ASSET_ADDRESS_BYTES: usize = 1_000;
/// The longest freshness of a response that is believed. A wrong header must not keep an old fragment for ever.
pub(crate) const MAX_FRESHNESS: Duration = Duration::from_secs(24 * 3600);

// Forms

/// The longest seal of a form. It is a part of the address to which browsers post, and servers bound addresses at 8 KiB.
#[cfg(feature = "signing")]
pub const MAX_FORM_SEAL_BYTES: usize = 4 << 10;
/// The longest form that goes over a channel: in base64, it fits into what services take.
#[cfg(feature = "signing")]
pub const MAX_CHANNEL_FORM_BYTES: usize = 4 << 20;
/// The longest header about a fragment that has its answer already. Servers bound the head of a request at 64 KiB or less.
#[cfg(feature = "signing")]
pub const MAX_FORM_HEADER_BYTES: usize = 16 << 10;
/// The length of the marker that a page shows in place of an answered fragment: 128 random bits.
#[cfg(feature = "signing")]
pub(crate) const MAX_FORM_MARKER_CHARS: usize = 32;
/// For so many seconds after a form was sent, its visitor gets no kept copies of fragments.
#[cfg(feature = "signing")]
pub(crate) const SENT_COOKIE_SECS: u64 = 10;
/// The longest id of an element to which a form leads its visitor.
#[cfg(feature = "signing")]
pub(crate) const MAX_FORM_ANCHOR_BYTES: usize = 100;
/// The most forms of one page, and of one fragment in it, whose addresses get the query of the page.
#[cfg(feature = "signing")]
pub(crate) const MAX_RETRIED_FORMS: usize = 100;

// Signatures

/// The longest life of a signature: a call takes far less.
#[cfg(feature = "signing")]
pub(crate) const SIGNATURE_LIFE_SECS: u64 = 30;
/// How much the clocks of two machines may differ.
#[cfg(feature = "signing")]
pub(crate) const MAX_CLOCK_SKEW_SECS: u64 = 30;
/// The longest id of a signature. Those of Hydra have 36 characters.
#[cfg(feature = "signing")]
pub(crate) const MAX_SIGNATURE_ID_BYTES: usize = 100;
/// The most signatures that one generation remembers. Beyond it, the older generation is given up early, so that a flood of
/// signed calls does not fill the memory.
#[cfg(feature = "signing")]
pub(crate) const MAX_REMEMBERED_SIGNATURES: usize = 200_000;

// Logins

/// The longest login token. Browsers keep cookies of 4 KiB with their names, and real proxies bound the head of a
/// request at 8 KiB.
#[cfg(feature = "signing")]
pub const MAX_LOGIN_TOKEN_BYTES: usize = 3_400;
/// How much earlier than now a login token says that it was issued: Java's library accepts no token from the future.
#[cfg(feature = "signing")]
pub const LOGIN_ISSUED_EARLIER_SECS: u64 = 30;
/// The most keys of a set that are kept. An installation has two or three at a time.
#[cfg(feature = "signing")]
pub const MAX_LOGIN_KEYS: usize = 16;
/// The memory for one generation of verified tokens: about 4,000 visitors with tokens of 1 KB.
#[cfg(feature = "signing")]
pub(crate) const MAX_VERIFIED_BYTES: usize = 8 << 20;

// Logs

/// How many lines one call or page may log. A page with a thousand slots whose owner is away must not fill the disk.
pub const MAX_LOG_LINES: usize = 20;
/// The most characters of a peer's name or reason that a log line shows.
pub(crate) const MAX_LOGGED_CHARS: usize = 200;
