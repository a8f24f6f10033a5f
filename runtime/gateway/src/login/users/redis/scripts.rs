//! What changes users in Redis, in one step each, and the records for it.

use super::{
    Opener,
    known::{Known, Part},
};

/// How many changes the log has. A gateway that missed more reads all users.
pub(super) const LOGGED: usize = 1_000;

/// Replaces records and removes users, if the users are still those that were read. `KEYS`: the hash, the revision, the log; `ARGV`: the
/// revision that was read, the next one, the length of the log, how many users are removed, their names, and names with records.
pub(super) const CHANGE: &str = "\
local known = redis.call('GET', KEYS[2]) or ''
if known ~= ARGV[1] then return 0 end
local removed = tonumber(ARGV[4])
for i = 5, removed + 4 do
  redis.call('HDEL', KEYS[1], ARGV[i])
  redis.call('RPUSH', KEYS[3], ARGV[2] .. ' ' .. ARGV[i])
end
for i = removed + 5, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1])
  redis.call('RPUSH', KEYS[3], ARGV[2] .. ' ' .. ARGV[i])
end
redis.call('LTRIM', KEYS[3], -tonumber(ARGV[3]), -1)
redis.call('SET', KEYS[2], ARGV[2])
return 1";

/// Replaces records that are still those that were read. `KEYS`: the hash; `ARGV`: names with former and new records.
pub(super) const RESEAL: &str = "\
local done = 0
for i = 1, #ARGV, 3 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 2])
    done = done + 1
  end
end
return done";

/// Adds records of users that are not there. `KEYS`: the hash; `ARGV`: names with records.
pub(super) const PUT_BACK: &str = "\
local done = 0
for i = 1, #ARGV, 2 do done = done + redis.call('HSETNX', KEYS[1], ARGV[i], ARGV[i + 1]) end
return done";

/// Replaces the revision, in the epoch of the present one or a new one, and forgets the log. `KEYS`: the revision, the log; `ARGV`: a new
/// epoch, the rest of the revision.
pub(super) const RENEW: &str = "\
local known = redis.call('GET', KEYS[1]) or ''
local epoch = string.match(known, '^[^.]+') or ARGV[1]
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], epoch .. '.' .. ARGV[2])
return epoch";

/// The names of users with their sealed records.
///
/// # Errors
/// The platform's cryptography fails.
pub(super) fn sealed(
    opener: &Opener,
    known: &Known,
    names: Vec<String>,
) -> Result<Vec<(String, String)>, String> {
    let pairs = names.into_iter().filter_map(|name| {
        let user = known.get(&name)?;
        let sealed = opener.closed(&name, &user.record);
        Some(sealed.map(|sealed| (name, sealed)))
    });
    pairs.collect()
}

/// The names of users whose records were not sealed with the first private key, with those records and new ones.
pub(super) fn resealed(opener: &Opener, part: Part) -> Vec<(String, String, String)> {
    let pairs = part.into_iter().filter_map(|(name, former)| {
        let (name, former) = (String::from_utf8(name).ok()?, String::from_utf8(former?).ok()?);
        if opener.seal.is_current(&former, &opener.bound(&name)) {
            return None;
        }
        let record = opener.opened(&name, &former)?;
        let sealed = opener.closed(&name, &record).ok()?;
        Some((name, former, sealed))
    });
    pairs.collect()
}
