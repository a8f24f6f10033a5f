//! Visitors who have just sent a form: kept copies of fragments are not for them (protocol section 9).

use std::time::SystemTime;

use http::HeaderMap;
use hydra_runtime_wire::{
    cookies::{SENT, values},
    signing::seconds,
};

use crate::{Gateway, edge::headers::remove_cookies};

impl Gateway {
    /// Whether the visitor with these request headers has just sent a form.
    pub(crate) fn has_sent_form(&self, headers: &HeaderMap) -> bool {
        has_some(headers) && self.sent_cookies().are_valid(headers, seconds(SystemTime::now()))
    }

    /// Removes cookies that say so and don't count. Who gets these headers need not check them.
    pub fn check_sent_cookie(&self, headers: &mut HeaderMap) {
        if has_some(headers) && !self.has_sent_form(headers) {
            remove_cookies(headers, SENT);
        }
    }
}

fn has_some(headers: &HeaderMap) -> bool {
    values(headers, SENT).next().is_some()
}
