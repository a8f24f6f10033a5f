//! The limits on forms of fragments, and on cookies of plain services.

use std::time::Duration;

/// The longest form of a fragment, where the settings do not say: some photos. Owners have limits of their own.
pub(crate) const DEFAULT_FORM_BYTES: usize = 16_000_000;
/// How long a visitor may take to send the form of a plain service again, in seconds.
pub(crate) const FORM_PAGE_SECS: u32 = 3_600;
/// How long the HTML with which a plain service answers a form may take, in whole. What takes longer is passed on as it comes.
pub(crate) const FORM_HTML_TIMEOUT: Duration = Duration::from_secs(5);
/// The most hosts in `redirect_hosts`, and the most paths of the forms of one plain service.
pub(crate) const MAX_FORM_ADDRESSES: usize = 1_000;
/// The most cookies that one plain service may have of its visitors: frameworks need two or three.
pub(crate) const MAX_KEPT_COOKIES: usize = 16;
/// The longest name of one of them, without the prefix.
pub(crate) const MAX_KEPT_COOKIE_NAME_BYTES: usize = 64;
/// The most bytes of cookies of one visitor for one plain service, and the most that a request for a page hands on for all of them.
/// Browsers keep 4 KiB of each.
pub(crate) const MAX_KEPT_COOKIES_BYTES: usize = 8 << 10;
/// The most cookies that one answer of a plain service sets. Further ones are dropped.
pub(crate) const MAX_SET_COOKIES: usize = 2 * MAX_KEPT_COOKIES;
/// The most fragments of one page that set cookies. Pages send no more.
pub(crate) const MAX_COOKIE_FRAGMENTS: usize = 32;
/// How long encrypted cookies are on their way between a gateway and the service of a page, in seconds: longer than any page takes.
pub(crate) const KEPT_COOKIES_SECS: u64 = 120;
