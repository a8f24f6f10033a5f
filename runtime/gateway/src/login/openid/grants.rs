//! Where the gateway keeps what it needs to ask the provider again whether a login still counts: in Redis, which all
//! gateways share, or in memory.

use std::{
    fmt::Write as _,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use aws_lc_rs::digest::{SHA256, digest};
use futures_util::future::{BoxFuture, FutureExt as _, ready};
use hydra_runtime_net::lru_cache::LruCache;

use crate::{
    GatewayConfig, call_keys,
    config::ConfigError,
    limits::{MAX_OPENID_GRANT_BYTES, OPENID_GRANTS_BYTES, OPENID_LOCK},
    login::redis_calls::{RedisCalls, scope},
    sealing::Sealing,
};

/// Keeps texts by the id of a login.
pub(super) trait Grants: Send + Sync + 'static {
    /// Keeps a text for `life`, instead of a former one.
    fn put<'a>(&'a self, sid: &'a str, text: &'a [u8], life: Duration) -> BoxFuture<'a, Result<(), String>>;

    /// The text of a login. `Ok(None)`: there is none.
    fn get<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>>;

    /// Forgets a login.
    fn remove<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), String>>;

    /// Whether this gateway may refresh a login now. Another one that got this does not end it before it is done, or for
    /// [`OPENID_LOCK`]: a refresh token may be used only once.
    fn lock<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<bool, String>>;

    /// Ends what [`Grants::lock`] began.
    fn unlock<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, ()>;
}

/// The place of the settings: Redis if the login keys are there, so that there is a key to seal with.
pub(super) fn of(config: &GatewayConfig) -> Result<Box<dyn Grants>, ConfigError> {
    let [private_key, second] = call_keys::private_keys(config);
    Ok(match (RedisCalls::of(config)?, private_key) {
        (Some(calls), Some(private_key)) => Box::new(RedisGrants {
            calls,
            scope: scope(config),
            seal: Sealing::new(private_key.as_bytes(), PURPOSE).with_second(second, PURPOSE),
            installation: config.public_key.clone(),
        }),
        _ => Box::new(MemoryGrants(Mutex::new(LruCache::new(OPENID_GRANTS_BYTES)))),
    })
}

/// What the seal of a login is for.
const PURPOSE: &str = "hydra openid grant";

/// For one gateway. The lock is held for one step, never across an await.
struct MemoryGrants(Mutex<LruCache<Arc<[u8]>>>);

impl Grants for MemoryGrants {
    fn put<'a>(&'a self, sid: &'a str, text: &'a [u8], life: Duration) -> BoxFuture<'a, Result<(), String>> {
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        grants.put(sid, text.into(), text.len(), Instant::now() + life);
        ready(Ok(())).boxed()
    }

    fn get<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        let mut grants = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = grants.get(sid, Instant::now()).map(|text| text.to_vec());
        ready(Ok(found)).boxed()
    }

    fn remove<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), String>> {
        self.put(sid, &[], Duration::ZERO)
    }

    /// The only gateway refreshes each login once at a time anyway.
    fn lock<'a>(&'a self, _: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        ready(Ok(true)).boxed()
    }

    fn unlock<'a>(&'a self, _: &'a str) -> BoxFuture<'a, ()> {
        ready(()).boxed()
    }
}

/// For all gateways of an installation. Redis sees neither a token nor the id of a login.
struct RedisGrants {
    calls: RedisCalls,
    scope: String,
    seal: Sealing,
    installation: String,
}

impl RedisGrants {
    fn name(&self, kind: &str, sid: &str) -> String {
        let mut name = format!("{}:{kind}:", self.scope);
        for byte in digest(&SHA256, sid.as_bytes()).as_ref().iter().take(16) {
            // Writing to a text cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        name
    }

    fn bound(&self, sid: &str) -> String {
        // A public key contains no zero byte.
        format!("{}\0{sid}", self.installation)
    }
}

impl Grants for RedisGrants {
    fn put<'a>(&'a self, sid: &'a str, text: &'a [u8], life: Duration) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let sealed = self.seal.close(text, &self.bound(sid));
            let sealed = sealed.ok_or("the platform's cryptography can't seal a login")?;
            let mut command = redis::cmd("SET");
            command.arg(self.name("openid", sid)).arg(sealed);
            command.arg("PX").arg(life.as_millis().max(1) as u64);
            self.calls.call(command).await
        }
        .boxed()
    }

    fn get<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, String>> {
        async move {
            let mut command = redis::cmd("GETRANGE");
            let most = 2 * MAX_OPENID_GRANT_BYTES;
            command.arg(self.name("openid", sid)).arg(0).arg(most);
            let found: Vec<u8> = self.calls.call(command).await?;
            let sealed = std::str::from_utf8(&found).ok();
            Ok(sealed.and_then(|sealed| self.seal.open(sealed, &self.bound(sid))))
        }
        .boxed()
    }

    fn remove<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<(), String>> {
        let mut command = redis::cmd("DEL");
        command.arg(self.name("openid", sid));
        async move { self.calls.call::<u64>(command).await.map(drop) }.boxed()
    }

    fn lock<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, Result<bool, String>> {
        let mut command = redis::cmd("SET");
        command.arg(self.name("openid-lock", sid)).arg("1").arg("NX");
        command.arg("PX").arg(OPENID_LOCK.as_millis() as u64);
        async move {
            let done: Option<String> = self.calls.call(command).await?;
            Ok(done.is_some())
        }
        .boxed()
    }

    fn unlock<'a>(&'a self, sid: &'a str) -> BoxFuture<'a, ()> {
        let mut command = redis::cmd("DEL");
        command.arg(self.name("openid-lock", sid));
        async move {
            // Otherwise it ends by itself.
            let _ = self.calls.call::<u64>(command).await;
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use hydra_runtime_net::redis_link::servers::{Server, until};

    use super::*;
    use crate::config::Secret;

    async fn keep(grants: &dyn Grants) {
        let life = Duration::from_secs(60);
        assert_eq!(grants.get("a").await, Ok(None));
        grants.put("a", b"secret", life).await.expect("kept");
        grants.put("b", b"other", life).await.expect("kept");
        assert_eq!(grants.get("a").await, Ok(Some(b"secret".to_vec())));
        grants.put("a", b"next", life).await.expect("kept");
        assert_eq!(grants.get("a").await, Ok(Some(b"next".to_vec())));
        grants.remove("a").await.expect("removed");
        assert_eq!(grants.get("a").await, Ok(None));
        assert_eq!(grants.get("b").await, Ok(Some(b"other".to_vec())));
        assert_eq!(grants.lock("a").await, Ok(true));
        grants.unlock("a").await;
        assert_eq!(grants.lock("a").await, Ok(true));
    }

    #[tokio::test]
    async fn grants_are_kept_in_memory() {
        keep(&*of(&GatewayConfig::default()).expect("good")).await;
    }

    #[tokio::test]
    async fn gateways_share_grants_that_redis_can_not_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::at(folder.path());
        until("Redis is there", async || {
            server.ask::<String>(redis::cmd("PING")).await.is_ok()
        })
        .await;
        let config = |private_key: &str| GatewayConfig {
            redis: Some(Secret::new(server.url.clone())),
            private_key: Some(Secret::new(private_key.to_owned())),
            ..GatewayConfig::default()
        };
        let (one, other) = (
            of(&config("the key of this test")).expect("good"),
            of(&config("the key of this test")).expect("good"),
        );
        keep(&*one).await;
        assert_eq!(one.lock("b").await.and(other.lock("b").await), Ok(false));
        one.unlock("b").await;
        assert_eq!(other.lock("b").await, Ok(true));
        assert_eq!(other.get("b").await, Ok(Some(b"other".to_vec())));
        let stranger = of(&config("another key of this test")).expect("good");
        assert_eq!(stranger.get("b").await, Ok(None), "sealed with another key");
    }
}
