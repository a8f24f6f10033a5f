-- The shared registry. Each call is one atomic step, by the clock of Redis alone: gateways' clocks may differ.
-- KEYS: 1 route hash, 2 records by id, 3 active ids by time last heard, 4 inactive ids likewise, 5 claim counter,
--       6 the stamp of each record, 7 the generation of this data, 8 the gateway that heard each id last,
--       9 gateways by the time of their last call, and as `back <gateway>` by the time of their return,
--       10 what operators changed
-- ARGV: 1 channel, 2 silence until inactive, 3 silence until forgotten, 4 the calling gateway,
--       5 silence after which a gateway counts as cut off, 6 how long instances of such a gateway are kept,
--       7 operation, 8... its arguments
-- Returns: the route hash before and after, the generation, and what the operation knew.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local channel, inactive_after, forgotten_after = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local gateway, cut_off_after, kept_for = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local operation = ARGV[7]
local moment = time[1] .. '.' .. time[2]
local before = redis.call('GET', KEYS[1]) or ''
local changed, known = false, {}
-- Stands in KEYS[8] for a gateway whose name was lost with the data.
local LOST = 'lost'

if operation == 'fetch' then
  -- 8 the longest record to send, 9... ids
  local records, longest = {}, tonumber(ARGV[8])
  for i = 9, #ARGV do
    local fits = redis.call('HSTRLEN', KEYS[2], ARGV[i]) <= longest
    records[i - 8] = fits and redis.call('HGET', KEYS[2], ARGV[i])
  end
  return records
end

-- Each data set has another generation: a gateway that finds a new one knows that the data it knew was lost.
local generation = redis.call('GET', KEYS[7])
if not generation then
  generation = redis.sha1hex(moment .. gateway)
  redis.call('SET', KEYS[7], generation)
end
-- What operators changed, after its stamp. A text that is too long is not sent: no gateway wrote it.
local function steering(longest)
  local length = redis.call('STRLEN', KEYS[10])
  if length == 0 then return '', false end
  if length > longest then return 'too long ' .. length, false end
  local text = redis.call('GET', KEYS[10])
  return redis.sha1hex(text), text
end
if operation == 'list' then
  -- 8 the longest text to send
  local stamp, text = steering(tonumber(ARGV[8]))
  return {before, generation, redis.call('HGETALL', KEYS[6]), redis.call('ZRANGE', KEYS[3], 0, -1), stamp, text}
end
local previous = redis.call('ZSCORE', KEYS[9], gateway)
if previous and now - tonumber(previous) > cut_off_after then redis.call('ZADD', KEYS[9], now, 'back ' .. gateway) end
-- This is also the write that fails where Redis is full or a replica: such a Redis counts as away.
redis.call('ZADD', KEYS[9], now, gateway)

local function heard(id)
  redis.call('ZADD', KEYS[3], now, id)
  redis.call('HSET', KEYS[8], id, gateway)
  if redis.call('ZREM', KEYS[4], id) == 1 then changed = true end
end

local function write(id, record, claim)
  local stamp = moment .. ':' .. #record
  redis.call('HSET', KEYS[2], id, record)
  redis.call('HSET', KEYS[6], id, stamp)
  -- After a loss of data the counter starts again: it must not give out claims that are older than known ones.
  if tonumber(claim) > tonumber(redis.call('GET', KEYS[5]) or '0') then redis.call('SET', KEYS[5], claim) end
  changed = true
end

local function forget(id)
  redis.call('ZREM', KEYS[3], id)
  redis.call('ZREM', KEYS[4], id)
  for _, key in ipairs({KEYS[2], KEYS[6], KEYS[8]}) do redis.call('HDEL', key, id) end
  changed = true
end

-- Whether silence says nothing about an instance: the gateway that heard it last is cut off from this Redis, or hung, or
-- has just come back, so that the instance had no time yet to be heard.
local function is_cut_off(id, heard_at)
  if now - heard_at > kept_for then return false end
  local last = redis.call('HGET', KEYS[8], id)
  if not last then return false end
  if last == LOST then return true end
  local sign, back = redis.call('ZSCORE', KEYS[9], last), redis.call('ZSCORE', KEYS[9], 'back ' .. last)
  local is_away = sign and now - tonumber(sign) > cut_off_after
  return is_away or (back and now - tonumber(back) <= inactive_after)
end

if operation == 'register' then
  local id, record = ARGV[8], ARGV[9]
  for i = 11, #ARGV do forget(ARGV[i]) end
  local is_same = redis.call('HGET', KEYS[2], id) == record and redis.call('HEXISTS', KEYS[6], id) == 1
  if not is_same then write(id, record, ARGV[10]) end
  if not redis.call('ZSCORE', KEYS[3], id) then changed = true end
  heard(id)
  known = {redis.call('HGET', KEYS[6], id)}
elseif operation == 'remember_active' or operation == 'remember_inactive' then
  -- An instance of lost data that does not speak to the caller. One that was inactive stays so: its routes answer 503
  -- until it speaks or is forgotten. One that was active may speak to a gateway that is away, too.
  local id = ARGV[8]
  if redis.call('HEXISTS', KEYS[6], id) == 0 then
    write(id, ARGV[9], ARGV[10])
    if operation == 'remember_active' then
      redis.call('ZADD', KEYS[3], now, id)
      redis.call('HSET', KEYS[8], id, LOST)
    else
      redis.call('ZADD', KEYS[4], now, id)
    end
  end
elseif operation == 'alive' then
  for i = 8, #ARGV do
    if redis.call('HEXISTS', KEYS[2], ARGV[i]) == 1 and redis.call('HEXISTS', KEYS[6], ARGV[i]) == 1 then
      heard(ARGV[i])
      known[#known + 1] = ARGV[i]
    end
  end
elseif operation == 'steer' then
  -- 8 the longest text, 9 the stamp of the text to replace, 10 the new text
  if steering(tonumber(ARGV[8])) == ARGV[9] then
    redis.call('SET', KEYS[10], ARGV[10])
    changed = true
    known = {redis.sha1hex(ARGV[10])}
  end
elseif operation == 'lost' then
  -- 8 the id, 9 if stated the stamp of the record that is lost: a newer one is of an instance that has come back.
  local is_meant = (ARGV[9] or '') == '' or redis.call('HGET', KEYS[6], ARGV[8]) == ARGV[9]
  if is_meant then
    known = {ARGV[8]}
    if redis.call('ZREM', KEYS[3], ARGV[8]) == 1 then
      redis.call('ZADD', KEYS[4], now, ARGV[8])
      changed = true
    end
  end
elseif operation == 'sweep' or operation == 'open' then
  local late = redis.call('ZRANGEBYSCORE', KEYS[3], '-inf', '(' .. (now - inactive_after), 'WITHSCORES')
  for i = 1, #late, 2 do
    if not is_cut_off(late[i], tonumber(late[i + 1])) then
      redis.call('ZADD', KEYS[4], late[i + 1], late[i])
      redis.call('ZREM', KEYS[3], late[i])
      changed = true
    end
  end
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', '(' .. (now - forgotten_after))) do
    forget(id)
  end
  redis.call('ZREMRANGEBYSCORE', KEYS[9], '-inf', '(' .. (now - 2 * kept_for))
end

local after = before
if changed then
  after = redis.sha1hex(before .. moment .. operation)
  redis.call('SET', KEYS[1], after)
  -- Who changed something, and when.
  redis.call('PUBLISH', channel, gateway .. ' ' .. moment)
end
-- Nothing outlives the gateways but what operators changed: everything else expires when no gateway uses it.
if changed or operation == 'alive' or operation == 'open' then
  for i = 1, 9 do redis.call('PEXPIRE', KEYS[i], forgotten_after * 2) end
end
return {before, after, generation, known}
