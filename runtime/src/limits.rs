//! The limits of this crate, with the reason for each. What an application may set is in [`crate::settings`] instead.

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

// ---- Fragments of other services

/// How many parts of a response may hold no answer that the page asked for. A source that sends nothing else is cut off.
pub(crate) const MAX_USELESS_PARTS: u32 = 64;

/// How much of a peer's reason reaches the log, in characters.
pub(crate) const MAX_PEER_REASON_CHARS: usize = 200;

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
