//! Deferred and lazy fragments in a real browser.

mod accessible;
mod deferred;
mod hung;
mod later;
mod lazy;
mod login;
mod order;
mod owner;
mod phone;
mod policy;
mod preview;
mod round_trips;
mod siblings;
mod site;
mod text;
mod visit;
