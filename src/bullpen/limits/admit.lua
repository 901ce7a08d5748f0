-- One request at every level, in one step and on this server's clock: checks all, then takes from all or from none.
-- The arithmetic is that of bullpen.limits.gcra; every number is whole and below 2^53, where a double is exact.
--
-- KEYS  a bucket for each charge, then a sorted set of leases for each cap
-- ARGV  how many charges; 1 to take without asking; the lease's id; its length in microseconds;
--       for each charge: grain, capacity, need and take in ticks, per, burst block and excess block in microseconds;
--       for each cap: how many at most
-- Gives now; 1 when admitted; for each charge: backlog, reason (0 to 3), microseconds of penalty left;
--       for each cap: places used, 1 when it was full
--
-- A bucket is four doubles: backlog in ticks; when that was so; since when it has not been empty; a penalty's end.

local FIELDS, LAYOUT = 7, '<dddd'
local BURST, EXCESS, BLOCKED = 1, 2, 3
local MOST = 9007199254740992

local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local charges, forced = tonumber(ARGV[1]), ARGV[2] == '1'
local caps = #KEYS - charges
local levels, answer, admitted = {}, { now, 1 }, true

local function read(packed, grain)
  if not packed then return 0, now, 0 end
  local backlog, seen, since, blocked = struct.unpack(LAYOUT, packed)
  backlog = math.max(0, backlog - math.max(0, now - seen) * grain)
  return backlog, backlog > 0 and math.min(since, now) or now, blocked
end

local function save(key, level)
  local ends = math.max(now + level.backlog / level.grain, level.blocked)
  if ends <= now then return redis.call('DEL', key) end
  local packed = struct.pack(LAYOUT, level.backlog, now, level.since, level.blocked)
  return redis.call('SET', key, packed, 'PX', string.format('%.0f', math.ceil((ends - now) / 1000) + 1))
end

local packed = charges > 0 and redis.call('MGET', unpack(KEYS, 1, charges)) or {}
for i = 1, charges do
  local at = 4 + (i - 1) * FIELDS
  local level = { grain = tonumber(ARGV[at + 1]), take = tonumber(ARGV[at + 4]), reason = 0 }
  level.backlog, level.since, level.blocked = read(packed[i], level.grain)
  if not forced then
    if level.blocked > now then
      level.reason = BLOCKED
    elseif level.backlog + ARGV[at + 3] > tonumber(ARGV[at + 2]) then
      level.reason = now - level.since >= tonumber(ARGV[at + 5]) and EXCESS or BURST
    end
  end
  admitted = admitted and level.reason == 0
  levels[i] = level
end

local used, full = {}, {}
for i = 1, caps do
  used[i] = redis.call('ZCOUNT', KEYS[charges + i], '(' .. string.format('%.0f', now), '+inf')
  full[i] = used[i] >= tonumber(ARGV[4 + charges * FIELDS + i])
  admitted = admitted and not full[i]
end

for i = 1, charges do
  local level, at = levels[i], 4 + (i - 1) * FIELDS
  if admitted then
    level.backlog = math.min(MOST, math.max(0, level.backlog + level.take))
    save(KEYS[i], level)
  elseif level.reason == BURST or level.reason == EXCESS then
    local penalty = tonumber(ARGV[at + 5 + level.reason])
    if penalty > 0 then
      level.blocked = now + penalty
      save(KEYS[i], level)
    end
  end
  answer[#answer + 1] = level.backlog
  answer[#answer + 1] = level.reason
  answer[#answer + 1] = math.max(0, level.blocked - now)
end

for i = 1, caps do
  local key = KEYS[charges + i]
  if admitted then
    local lasting = tonumber(ARGV[4])
    redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now))
    redis.call('ZADD', key, string.format('%.0f', now + lasting), ARGV[3])
    -- A longer lease may be in there already, and must not go with the key.
    local last = redis.call('ZRANGE', key, -1, -1, 'WITHSCORES')[2]
    redis.call('PEXPIRE', key, string.format('%.0f', math.ceil((last - now) / 1000) + 1))
    used[i] = used[i] + 1
  end
  answer[#answer + 1] = used[i]
  answer[#answer + 1] = full[i] and 1 or 0
end

answer[2] = admitted and 1 or 0
return answer
