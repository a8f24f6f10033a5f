//! Deferred and lazy fragments in a real browser.

mod deferred;
mod later;
mod lazy;
mod policy;
mod site;
