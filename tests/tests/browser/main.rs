//! Deferred and lazy fragments in a real browser.

mod accessible;
mod deferred;
mod later;
mod lazy;
mod policy;
mod site;
