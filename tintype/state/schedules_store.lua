-- Schedules: names of keys, clocks, and the rules that several scripts share. ARGV[1] and ARGV[2] are the time of day and
-- the monotonic time; empty outside of tests. Fields of a schedule: owner, spec, created, due, run, token, number.
-- DUE has schedules without a run in progress by their due times, FREE those with one by the end of pause or lease, and
-- LEASED those without a run by the end of their leases.
local prefix = KEYS[1]
local ALL, DUE, FREE, LEASED, TOTALS = prefix .. 'all', prefix .. 'due', prefix .. 'free', prefix .. 'leased', prefix .. 'totals'
local MAX_STEP = 7.5 -- seconds; see now()
local BATCH = 100 -- expired leases that one script handles
local COLUMNS = {'id', 'owner', 'spec', 'created', 'due', 'run'}

local time = redis.call('TIME')
local wall = ARGV[1] ~= '' and tonumber(ARGV[1]) or time[1] + time[2] / 1000000

local function text(value)
    return string.format('%.6f', value)
end

local function key(id, name)
    return prefix .. 'schedule:' .. id .. (name and ':' .. name or '')
end

local function owned(owner)
    return prefix .. 'owner:' .. owner
end

-- Time of leases and pauses. A correction of the clock, or a failover to a server with another clock, moves it by
-- MAX_STEP at most and never back; while Redis is down, leases do not expire.
local current_time = tonumber(ARGV[2])
local function now()
    if current_time then
        return current_time
    end
    local last = redis.call('HMGET', TOTALS, 'wall', 'now')
    local last_wall, last_now = tonumber(last[1] or wall), tonumber(last[2] or wall)
    current_time = last_now + math.min(math.max(0, wall - last_wall), MAX_STEP)
    local has_work = redis.call('EXISTS', FREE, LEASED) > 0
    if not last[1] or wall < last_wall or (has_work and wall - last_wall > 0.5) then
        redis.call('HSET', TOTALS, 'wall', text(wall), 'now', text(current_time))
    end
    return current_time
end

local function field(id, name)
    return redis.call('HGET', key(id), name)
end

local function row(id)
    local values = redis.call('HMGET', key(id), unpack(COLUMNS))
    return values[1] and values or false
end

-- Puts a schedule into the index of its state: due '' is a paused one.
local function index(id)
    local values = redis.call('HMGET', key(id), 'due', 'run', 'token', 'until')
    local due, run, token, till = unpack(values)
    redis.call('ZREM', DUE, id)
    redis.call('ZREM', FREE, id)
    redis.call('ZREM', LEASED, id)
    if run ~= '' then
        redis.call('ZADD', FREE, till, id)
    elseif token ~= '' then
        redis.call('ZADD', LEASED, till, id)
    elseif due ~= '' then
        redis.call('ZADD', DUE, due, id)
    end
end

local function is_held(id, token)
    return token ~= '' and field(id, 'token') == token
end

local function claim(id, token, duration)
    redis.call('HSET', key(id), 'token', token, 'until', text(now() + duration))
    index(id)
    local run = field(id, 'run')
    return {row(id), run ~= '' and redis.call('HGET', key(id, 'runs'), run) or false}
end
