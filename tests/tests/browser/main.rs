//! Deferred and lazy fragments, forms and logins in a real browser.

mod accessible;
mod deferred;
mod hung;
mod later;
mod lazy;
mod login;
mod order;
mod owner;
mod page_form;
mod phone;
mod plain_form;
mod policy;
mod preview;
mod round_trips;
mod siblings;
mod site;
mod text;
mod visit;
