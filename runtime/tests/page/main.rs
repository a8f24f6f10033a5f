//! Design section 5, sentence by sentence: pages over sources of fragments that the test controls.

mod as_tera;
mod assets;
mod browser;
mod circle;
mod contract;
mod deferred;
mod differential;
mod fallbacks;
mod flow;
mod handlers;
mod http;
mod lazy;
mod local;
mod logged;
mod once;
mod outcomes;
mod places;
mod plans;
mod prefilled;
mod promised;
mod reuse;
mod streaming;
mod support;
mod waves;
