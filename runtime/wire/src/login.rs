//! Login tokens: what the cookie `HYDRA-SSO` holds (protocol section 5). Tokens are issued and verified here, without
//! clocks, files or sockets.
#![deny(clippy::disallowed_methods)]

mod binding;
mod claims;
mod key_pair;
mod key_set;
mod verified;

pub use binding::binding;
pub use claims::{CLAIMS, Login, is_role};
pub use key_pair::LoginKeyPair;
pub use key_set::{BadLogin, LoginKeys, kid};
pub use verified::VerifiedLogins;

/// The issuer of login tokens, which clients of protocol 1 check.
pub const ISSUER: &str = "hydra";
