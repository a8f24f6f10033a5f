//! hydra
fn main() {}
