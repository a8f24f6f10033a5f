//! Design section 5, sentence by sentence: pages over sources of fragments that the test controls.

mod as_tera;
mod circle;
mod differential;
mod handlers;
mod http;
mod local;
mod outcomes;
mod places;
mod plans;
mod streaming;
mod support;
mod waves;
