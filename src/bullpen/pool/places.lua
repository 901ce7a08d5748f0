-- Places of one agent type: gives back, keeps, and takes, in one step and on this server's clock.
--
-- Replicas that want a place stand in line. One that gets a place goes to the end of it, so they take turns; one that has
-- not asked for `silence` is taken for gone.
--
-- KEYS  the leases, by when they end; those who want one, by since when; the same, by when they asked last
-- ARGV  how many places there are; a lease's length and the silence in milliseconds; this replica's name;
--       how many places it wants; the number of its next lease; how many leases it gives back; those; those it keeps
-- Gives how many it was given; their names are `name:number`, from the number of its next lease on

local leases, since, asked = KEYS[1], KEYS[2], KEYS[3]
local most, lasting, silence = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local name, wanted, number, back = ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6]), tonumber(ARGV[7])
local clock = redis.call('TIME')
local micros = clock[1] * 1000000 + clock[2]
local now = math.floor(micros / 1000)

local function whole(value) return string.format('%.0f', value) end

redis.call('ZREMRANGEBYSCORE', leases, '-inf', whole(now))
-- What lies further ahead than it can was written before the clock was set back.
redis.call('ZREMRANGEBYSCORE', leases, '(' .. whole(now + lasting), '+inf')
for i = 8, 7 + back do redis.call('ZREM', leases, ARGV[i]) end
for i = 8 + back, #ARGV do redis.call('ZADD', leases, whole(now + lasting), ARGV[i]) end

for _, range in ipairs({ { '-inf', whole(now - silence) }, { '(' .. whole(now), '+inf' } }) do
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', asked, range[1], range[2])) do
    redis.call('ZREM', asked, gone)
    redis.call('ZREM', since, gone)
  end
end

local granted = 0
if wanted > 0 then
  redis.call('ZADD', since, 'NX', whole(micros), name)
  redis.call('ZADD', asked, whole(now), name)
  local before = redis.call('ZRANK', since, name)
  local others = redis.call('ZCARD', since) - 1
  granted = math.max(0, math.min(wanted, most - redis.call('ZCARD', leases) - before))
  if others > 0 then granted = math.min(granted, 1) end
  for i = 0, granted - 1 do
    redis.call('ZADD', leases, whole(now + lasting), name .. ':' .. whole(number + i))
  end
  if granted > 0 then redis.call('ZADD', since, whole(micros), name) end
end
if granted >= wanted then
  redis.call('ZREM', since, name)
  redis.call('ZREM', asked, name)
end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, whole(2 * lasting)) end
return granted
