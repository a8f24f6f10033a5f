-- The shared registry. Each call is one atomic step, by the clock of Redis alone: gateways' clocks may differ.
-- KEYS: 1 route hash, 2 records by id, 3 active ids by time last heard, 4 inactive ids likewise, 5 claim counter
-- ARGV: 1 channel, 2 silence until inactive, 3 silence until forgotten, 4 operation, 5... its arguments
-- Gives: the route hash before and after, and the ids that the operation knew.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local channel, inactive_after, forgotten_after = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local operation = ARGV[4]
local before = redis.call('GET', KEYS[1]) or ''
local changed, known = false, {}

local function heard(id)
  redis.call('ZADD', KEYS[3], now, id)
  if redis.call('ZREM', KEYS[4], id) == 1 then changed = true end
end

if operation == 'register' then
  local id, record, claim = ARGV[5], ARGV[6], tonumber(ARGV[7])
  if redis.call('HGET', KEYS[2], id) ~= record or not redis.call('ZSCORE', KEYS[3], id) then changed = true end
  redis.call('HSET', KEYS[2], id, record)
  heard(id)
  -- After a loss of data the counter starts again: it must not give out claims that are older than known ones.
  if claim > tonumber(redis.call('GET', KEYS[5]) or '0') then redis.call('SET', KEYS[5], ARGV[7]) end
elseif operation == 'alive' then
  for i = 5, #ARGV do
    if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 1 then
      heard(ARGV[i])
      known[#known + 1] = ARGV[i]
    end
  end
elseif operation == 'lost' then
  if redis.call('ZREM', KEYS[3], ARGV[5]) == 1 then
    redis.call('ZADD', KEYS[4], now, ARGV[5])
    changed = true
  end
elseif operation == 'sweep' or operation == 'open' then
  -- A Redis that takes no writes, since it is full or a replica, is away. This changes nothing, and needs room.
  if operation == 'open' then redis.call('SET', KEYS[5], redis.call('GET', KEYS[5]) or '0') end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. (now - inactive_after))) do
    redis.call('ZADD', KEYS[4], redis.call('ZSCORE', KEYS[3], id), id)
    redis.call('ZREM', KEYS[3], id)
    changed = true
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. (now - forgotten_after))) do
    redis.call('ZREM', KEYS[4], id)
    redis.call('HDEL', KEYS[2], id)
    changed = true
  end
end

local after = before
if changed then
  after = redis.sha1hex(before .. time[1] .. '.' .. time[2] .. operation)
  redis.call('SET', KEYS[1], after)
  redis.call('PUBLISH', channel, after)
end
-- Nothing outlives the gateways: what nobody touches runs out.
if changed or operation == 'alive' or operation == 'open' then
  for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, forgotten_after * 2) end
end
if operation == 'load' then
  return {before, redis.call('HGETALL', KEYS[2]), redis.call('ZRANGE', KEYS[3], 0, -1)}
end
return {before, after, known}
