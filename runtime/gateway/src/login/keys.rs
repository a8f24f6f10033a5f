//! The keys that sign login tokens: where they are kept, and when they change.

mod folder;
mod keeper;
mod record;
mod redis;
mod ring;

pub(crate) use folder::KeyFolder;
pub(crate) use keeper::{KeyKeeper, KeyStore};
pub use record::KeyRecord;
pub(crate) use redis::{RedisKeys, RedisKeysConfig};
pub(crate) use ring::{KeyRing, is_key_needed, next};
