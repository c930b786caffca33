-- Jobs: names of keys, clocks, and the changes of pages that several scripts share. ARGV[1] and ARGV[2] are the time of
-- day and the monotonic time; empty outside of tests.
-- States of pages: 0 queued, 1 running, 2 captured, 3 failed, 4 cancelled; one character each in "states".
-- A claim costs the same for ten and for ten thousand queued pages: "hosts" of a job has the first queued page of each
-- host, and every page has the number of the next one of its host in its record or, once it came back, in "work".
local prefix = KEYS[1]
local ALL, ENDED, WAITING = prefix .. 'all', prefix .. 'ended', prefix .. 'waiting'
local OWNERS, OWNER_QUEUED, OWNER_RUNNING = prefix .. 'owners', prefix .. 'owner-queued', prefix .. 'owner-running'
local LEASES, RUNNING, DELAYED = prefix .. 'leases', prefix .. 'running', prefix .. 'delayed'
local HOSTS, STARTS, TOTALS = prefix .. 'hosts', prefix .. 'starts', prefix .. 'totals'
local NODES = prefix .. 'nodes'
local PARTS = {'', ':pages', ':states', ':hosts', ':work', ':results'}
local COUNTERS = {['0'] = 'queued', ['1'] = 'running', ['2'] = 'captured', ['3'] = 'failed', ['4'] = 'dropped'}
local COLUMNS = {'id', 'owner', 'name', 'stores', 'created', 'started', 'ended', 'cancelled', 'fingerprint',
                 'webhook', 'sitemap', 'queued', 'running', 'captured', 'failed', 'dropped'}
local BATCH = 100 -- expired leases and pauses that one script handles
local CHUNK = 500 -- arguments of one command
local MAX_STEP = 7.5 -- seconds; see now()
local ENDED_LIFETIME = 400 * 86400 -- seconds that an ended job lives if no process deletes it
local TURNS = 1099511627776 -- 2^40: a score of OWNERS is running pages * TURNS + turn

local time = redis.call('TIME')
local wall = ARGV[1] ~= '' and tonumber(ARGV[1]) or time[1] + time[2] / 1000000

local function seconds(value)
    return string.format('%.6f', value)
end

local function part(job, name)
    return prefix .. 'job:' .. job .. (name and ':' .. name or '')
end

local function open_jobs(owner)
    return prefix .. 'open:' .. owner
end

local function member(job, number)
    return job .. ' ' .. number
end

local function split(text)
    return string.match(text, '^(%S+) (.*)$')
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
    local has_work = redis.call('EXISTS', WAITING, LEASES, prefix .. 'deliveries:leases') > 0
    if not last[1] or wall < last_wall or (has_work and wall - last_wall > 0.5) then
        redis.call('HSET', TOTALS, 'wall', seconds(wall), 'now', seconds(current_time))
    end
    return current_time
end

local function row(job)
    local values = redis.call('HMGET', part(job), unpack(COLUMNS))
    return values[1] and values or false
end

local function field(job, name)
    return redis.call('HGET', part(job), name)
end

local function state_of(job, number)
    return redis.call('GETRANGE', part(job, 'states'), number - 1, number - 1)
end

-- Number of the next page of the host, index of the options, host and URL.
local function record(job, number)
    local text = redis.call('HGET', part(job, 'pages'), number)
    return string.match(text or '', '^(%d+) (%d+) (%S+) (.*)$')
end

local function add(hash, name, amount)
    if redis.call('HINCRBY', hash, name, amount) <= 0 then
        redis.call('HDEL', hash, name)
    end
end

local function next_turn()
    return redis.call('HINCRBY', TOTALS, 'turn', 1)
end

-- Puts an owner into the order of claims: fewest running pages, then the least recent turn.
local function rank(owner, turn)
    if redis.call('EXISTS', open_jobs(owner)) == 0 then
        redis.call('ZREM', OWNERS, owner)
        return
    end
    local score = tonumber(redis.call('ZSCORE', OWNERS, owner) or false)
    turn = turn or (score and score % TURNS) or next_turn()
    local running = tonumber(redis.call('HGET', OWNER_RUNNING, owner) or 0)
    redis.call('ZADD', OWNERS, string.format('%.0f', running * TURNS + turn), owner)
end

local function open(job, owner)
    if not redis.call('ZSCORE', open_jobs(owner), job) then
        redis.call('ZADD', open_jobs(owner), next_turn(), job)
        rank(owner)
    end
end

local function close(job, owner)
    redis.call('ZREM', open_jobs(owner), job)
    rank(owner)
end

-- Makes a queued page the first one of its host.
local function enqueue(job, owner, number)
    local _, _, host = record(job, number)
    local head = redis.call('ZSCORE', part(job, 'hosts'), host)
    redis.call('HSET', part(job, 'work'), 'next:' .. number, head or 0)
    redis.call('ZADD', part(job, 'hosts'), number, host)
    open(job, owner)
end

-- Takes the first page of a host from the queue.
local function dequeue(job, owner, number, host)
    local following = redis.call('HGET', part(job, 'work'), 'next:' .. number)
    if following then
        redis.call('HDEL', part(job, 'work'), 'next:' .. number)
    else
        following = record(job, number)
    end
    if tonumber(following) > 0 then
        redis.call('ZADD', part(job, 'hosts'), following, host)
    elseif redis.call('ZREM', part(job, 'hosts'), host) == 1 and redis.call('EXISTS', part(job, 'hosts')) == 0 then
        close(job, owner)
    end
end

-- Changes the numbers of queued pages of a job, of its owner and of all.
local function count_queued(job, owner, amount)
    local queued = redis.call('HINCRBY', part(job), 'queued', amount)
    add(OWNER_QUEUED, owner, amount)
    add(TOTALS, 'queued', amount)
    if queued > 0 then
        redis.call('ZADD', WAITING, field(job, 'created'), job)
    else
        redis.call('ZREM', WAITING, job)
    end
end

-- Stores the event of a page or a job that has ended; deliveries_store.lua replaces it in the scripts that end them.
local record_event = function() end

-- Records the end of a job whose last page has ended; returns whether it has.
local function end_if_done(job)
    local counts = redis.call('HMGET', part(job), 'queued', 'running')
    if tonumber(counts[1]) > 0 or tonumber(counts[2]) > 0 then
        return false
    end
    redis.call('HSET', part(job), 'ended', seconds(wall))
    redis.call('ZADD', ENDED, seconds(wall), job)
    record_event(job)
    for _, name in ipairs(PARTS) do
        redis.call('EXPIRE', part(job) .. name, ENDED_LIFETIME)
    end
    return true
end

local function keep(job)
    redis.call('ZREM', ENDED, job)
    for _, name in ipairs(PARTS) do
        redis.call('PERSIST', part(job) .. name)
    end
end

-- Ends a lease, so that host, node and owner do not count it. The first write of a script may be this one: a Redis that is
-- out of memory then permits the others.
local function end_lease(job, number)
    local name = member(job, number)
    redis.call('ZREM', LEASES, name)
    local held = redis.call('HGET', RUNNING, name)
    if held then
        local host, node, owner = string.match(held, '^(%S+) (%S+) (.*)$')
        redis.call('HDEL', RUNNING, name)
        add(HOSTS, host, -1)
        add(NODES, node, -1)
        add(OWNER_RUNNING, owner, -1)
        rank(owner)
    end
end

local function holds(job, number, token)
    return state_of(job, number) == '1' and redis.call('HGET', part(job, 'work'), 'token:' .. number) == token
end

-- Gives a running page its next state, with its result or ''. A queued page waits until "due"; with a cancelled job it
-- is cancelled, too. Returns whether the job has ended.
local function leave(job, number, state, result, due)
    end_lease(job, number)
    local owner, cancelled = unpack(redis.call('HMGET', part(job), 'owner', 'cancelled'))
    if state == '0' and cancelled == '1' then
        state = '4'
    end
    redis.call('HDEL', part(job, 'work'), 'token:' .. number)
    redis.call('SETRANGE', part(job, 'states'), number - 1, state)
    redis.call('HINCRBY', part(job), 'running', -1)
    if result == '' then
        redis.call('HDEL', part(job, 'results'), number)
    else
        redis.call('HSET', part(job, 'results'), number, result)
    end
    if state ~= '0' then
        redis.call('HINCRBY', part(job), COUNTERS[state], 1)
        if state == '2' or state == '3' then
            record_event(job, number, state)
        end
        return end_if_done(job)
    end
    count_queued(job, owner, 1)
    if due > now() then
        redis.call('ZADD', DELAYED, seconds(due), member(job, number))
        redis.call('HINCRBY', part(job), 'delayed', 1)
    else
        enqueue(job, owner, number)
    end
    return false
end

-- Removes the pages with a state from an index of pages.
local function remove_members(job, states, state, index)
    local names = {}
    for number in string.gmatch(states, '()' .. state) do
        names[#names + 1] = member(job, number)
        if #names == CHUNK then
            redis.call('ZREM', index, unpack(names))
            names = {}
        end
    end
    if #names > 0 then
        redis.call('ZREM', index, unpack(names))
    end
end

-- Deletes a job, and frees the hosts of its running pages; returns whether it existed.
local function forget(job)
    local owner = field(job, 'owner')
    if not owner then
        return false
    end
    redis.call('ZREM', ALL, job)
    redis.call('ZREM', prefix .. 'owner:' .. owner, job)
    redis.call('ZREM', ENDED, job)
    local states = redis.call('GET', part(job, 'states')) or ''
    for number in string.gmatch(states, '()1') do
        end_lease(job, number)
    end
    if tonumber(field(job, 'delayed') or 0) > 0 then
        remove_members(job, states, '0', DELAYED)
    end
    count_queued(job, owner, 0 - tonumber(field(job, 'queued')))
    close(job, owner)
    for _, name in ipairs(PARTS) do
        redis.call('UNLINK', part(job) .. name)
    end
    return true
end
