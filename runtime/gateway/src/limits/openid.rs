//! The limits on logins at an OpenID provider.

use std::time::Duration;

/// How long one call to an OpenID provider may take, connecting included.
pub(crate) const OPENID_CALL_TIMEOUT: Duration = Duration::from_secs(5);
/// How long all calls of one login may take together. A visitor waits for them.
pub(crate) const OPENID_LOGIN_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer of an OpenID provider. A token with 200 groups has about 10 KB.
pub(crate) const MAX_OPENID_ANSWER_BYTES: usize = 256 << 10;
/// The longest token of an OpenID provider.
pub(crate) const MAX_OPENID_TOKEN_BYTES: usize = 64 << 10;
/// The longest code of an OpenID provider, and the longest `state` that is read.
pub(crate) const MAX_OPENID_PARAMETER_BYTES: usize = 8 << 10;
/// The most keys of an OpenID provider that are kept.
pub(crate) const MAX_OPENID_KEYS: usize = 64;
/// The most visitors who return from the provider at a time. Beyond it, they get 503.
pub(crate) const MAX_OPENID_LOGINS: usize = 64;
/// How long a visitor may take at the provider.
pub(crate) const OPENID_STATE_SECS: u64 = 600;
/// How long what a provider says about itself, and its keys, are used before they are read again.
pub(crate) const OPENID_REREAD: Duration = Duration::from_secs(3_600);
/// How long after a failure a provider is not asked again what it says about itself.
pub(crate) const OPENID_RETRY_PAUSE: Duration = Duration::from_secs(2);
/// How often keys are read again because a token names an unknown one: strangers can't make such a token, but a wrong
/// provider can.
pub(crate) const OPENID_KEYS_PAUSE: Duration = Duration::from_secs(10);
/// How long a response waits until the provider has said whether the login still counts.
pub(crate) const OPENID_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 4 } else { 1 });
/// How long no login is refreshed after the provider did not answer. It doubles with each further failure.
pub(crate) const OPENID_FIRST_PAUSE: Duration = Duration::from_secs(2);
/// The longest of these pauses: short beside the second half of the shortest token, in which it is refreshed.
pub(crate) const OPENID_LONGEST_PAUSE: Duration = Duration::from_secs(15);
/// The most logins that are refreshed at a time. Others are refreshed with a later request.
pub(crate) const MAX_OPENID_REFRESHES: usize = 200;
/// The memory for the refresh tokens of logins, at a gateway without Redis: about 10,000 logins.
pub(crate) const OPENID_GRANTS_BYTES: usize = 32 << 20;
/// The longest record of a login at the provider.
pub(crate) const MAX_OPENID_GRANT_BYTES: usize = 32 << 10;
/// How long a gateway may take to refresh a login. Then another one may try.
pub(crate) const OPENID_LOCK: Duration = Duration::from_secs(20);
