//! The language server as an editor meets it: JSON-RPC in, JSON-RPC out, over the pipes of a process. What both sides say is kept as
//! text in `snapshots`, with `ROOT` for the folder of the workspace.

mod bad_input;
mod driver;
mod sessions;
