//! Design section 5, sentence by sentence: pages over sources of fragments that the test controls.

mod assets;
mod differential;
mod http;
mod local;
mod outcomes;
mod plans;
mod reuse;
mod streaming;
mod support;
mod waves;
