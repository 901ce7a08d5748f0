-- The circuit breakers of all replicas, on this server's clock: bullpen.resilience.breaker is the same machine.
--
-- KEYS  a hash of the circuits that are not closed; a mark, written each time, so that a server that may not be
--       written never seems to be there; then the window of each model that something is said of, a hash
-- ARGV  failures, ratio, window, slice of it, opening, successes, lease (times in milliseconds);
--       for each model: its name; successes and failures to count; the probe that has come back and its outcome; the
--       name of a probe that asks to go out (the three are empty when there is none)
-- Gives how many probes may go out; then for each circuit that is not closed: its model, milliseconds since it opened,
--       probes that went well, the probe that is out, milliseconds until that one loses its place

local HEAD, FIELDS, FORGOTTEN = 7, 6, 86400000
local FAILURES, RATIO, SUCCESSES = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[6])
local WINDOW, SLICE, OPENING, LEASE = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[7])

local circuits = KEYS[1]
local clock = redis.call('TIME')
local now = clock[1] * 1000 + clock[2] / 1000
local function whole(number) return string.format('%.0f', number) end

local function read(model)
  local packed = redis.call('HGET', circuits, model)
  return packed and cmsgpack.unpack(packed)
end

local function save(model, circuit)
  redis.call('HSET', circuits, model, cmsgpack.pack(circuit))
end

local function opened() return { opened = now, successes = 0, probe = '', ends = 0 } end

local function counted(window, successes, failures)
  local present, oldest = math.floor(now / SLICE), math.floor(now / SLICE) - math.floor(WINDOW / SLICE + 0.5)
  if successes > 0 then redis.call('HINCRBY', window, whole(present) .. ':s', successes) end
  if failures > 0 then redis.call('HINCRBY', window, whole(present) .. ':f', failures) end
  redis.call('PEXPIRE', window, whole(WINDOW))
  local fields, totals = redis.call('HGETALL', window), { s = 0, f = 0 }
  for i = 1, #fields, 2 do
    local slot, kind = string.match(fields[i], '^(%d+):(%a)$')
    slot = tonumber(slot)
    if slot <= oldest or slot > present then
      redis.call('HDEL', window, fields[i])
    else
      totals[kind] = totals[kind] + fields[i + 1]
    end
  end
  return totals.f, totals.s + totals.f
end

local function count(model, window, successes, failures)
  if successes + failures == 0 or read(model) then return end
  local failed, calls = counted(window, successes, failures)
  if failures > 0 and failed >= FAILURES and failed >= RATIO * calls then save(model, opened()) end
end

local function settle(model, window, probe, outcome)
  local circuit = read(model)
  if probe == '' or not circuit or circuit.probe ~= probe then return end
  if outcome == 'failure' then return save(model, opened()) end
  circuit.probe, circuit.ends = '', 0
  if outcome == 'success' then circuit.successes = circuit.successes + 1 end
  if circuit.successes < SUCCESSES then return save(model, circuit) end
  redis.call('HDEL', circuits, model)
  redis.call('DEL', window)
end

local function lend(model, probe)
  local circuit = probe ~= '' and read(model)
  if not circuit or now < circuit.opened + OPENING then return 0 end
  if circuit.probe ~= '' and now < circuit.ends then return 0 end
  circuit.probe, circuit.ends = probe, now + LEASE
  save(model, circuit)
  return 1
end

redis.call('SET', KEYS[2], 1, 'PX', FORGOTTEN)
local lent = 0
for i = 3, #KEYS do
  local at = HEAD + (i - 3) * FIELDS
  local model = ARGV[at + 1]
  count(model, KEYS[i], tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]))
  settle(model, KEYS[i], ARGV[at + 4], ARGV[at + 5])
  lent = lent + lend(model, ARGV[at + 6])
end

local answer, stored = { lent }, redis.call('HGETALL', circuits)
for i = 1, #stored, 2 do
  local circuit = cmsgpack.unpack(stored[i + 1])
  local age = math.max(0, now - circuit.opened)
  if age > FORGOTTEN then
    redis.call('HDEL', circuits, stored[i])
  else
    for _, each in ipairs({ stored[i], age, circuit.successes, circuit.probe, math.max(0, circuit.ends - now) }) do
      answer[#answer + 1] = each
    end
  end
end
return answer
