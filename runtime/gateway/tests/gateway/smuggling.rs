//! Requests and answers that two readers may read differently (RFC 9112 section 11.2): the gateway refuses each, or
//! passes on what has one meaning only.

mod bodies;
mod heads;
mod http2;
mod recorder;
mod responses;
mod visitor;
