-- Deliveries of webhooks: their keys and changes; below jobs_store.lua, whose clocks they use. A script that ends a page
-- or a job stores its event here, so both happen or none.
-- States: 0 pending, 1 in an attempt, 2 delivered, 3 failed, 4 stopped. A receiver is an owner, a space and a host; its
-- next due time is in DUE, or in FAILING after a failed attempt. Times of attempts are of the time of day, and leases of
-- now().
local DELIVERIES = prefix .. 'deliveries:'
local DELIVERY_LEASES, DUE, FAILING = DELIVERIES .. 'leases', DELIVERIES .. 'due', DELIVERIES .. 'failing'
local ATTEMPTED, RUNNING_OF, STOPPED = DELIVERIES .. 'attempted', DELIVERIES .. 'running', DELIVERIES .. 'stopped'
local DELIVERIES_ENDED = DELIVERIES .. 'ended'
local DELIVERY_COLUMNS = {'id', 'event', 'url', 'subject', 'page', 'owner', 'data', 'state', 'attempts', 'created', 'due',
                          'ended', 'http_status', 'error', 'job'}

local function item(id)
    return DELIVERIES .. 'item:' .. id
end

local function delivery_row(id)
    local values = redis.call('HMGET', item(id), unpack(DELIVERY_COLUMNS))
    return values[1] and values or false
end

local function same_url(subject, url)
    return subject .. ' ' .. url
end

local function waiting_of(receiver)
    return DELIVERIES .. 'waiting:' .. receiver
end

-- The indexes of a delivery by number: all, of its owner, in its state, and both.
local function indexes(owner, state)
    local pending = state == '1' and '0' or state
    return {DELIVERIES .. 'all', DELIVERIES .. 'of:' .. owner, DELIVERIES .. 'in:' .. pending,
            DELIVERIES .. 'in:' .. pending .. ':' .. owner}
end

-- Puts the next due time of a receiver into the set of those that fail, or of the others.
local function schedule(receiver)
    local first = redis.call('ZRANGE', waiting_of(receiver), 0, 0, 'WITHSCORES')
    local failing = redis.call('HEXISTS', DELIVERIES .. 'failures', receiver) == 1
    local set, other = failing and FAILING or DUE, failing and DUE or FAILING
    redis.call('ZREM', other, receiver)
    if first[1] then
        redis.call('ZADD', set, first[2], receiver)
    else
        redis.call('ZREM', set, receiver)
    end
end

-- The member of "waiting" for a delivery; of several that are due at one time, the oldest is first.
local function ticket(id)
    return string.format('%016.0f', tonumber(redis.call('HGET', item(id), 'number'))) .. ' ' .. id
end

local function wait(id, receiver, due)
    redis.call('HSET', item(id), 'due', seconds(due))
    redis.call('ZADD', waiting_of(receiver), seconds(due), ticket(id))
    schedule(receiver)
end

local function set_state(id, state)
    local owner, number, before = unpack(redis.call('HMGET', item(id), 'owner', 'number', 'state'))
    local old = indexes(owner, before)
    redis.call('HSET', item(id), 'state', state)
    redis.call('ZREM', old[3], id)
    redis.call('ZREM', old[4], id)
    for _, index in ipairs(indexes(owner, state)) do
        redis.call('ZADD', index, number, id)
    end
end

-- Pending deliveries of one subject and URL, which a 410 stops.
local function siblings(subject, url)
    return DELIVERIES .. 'same:' .. same_url(subject, url)
end

-- Stores a delivery that is due now; "job" has the values from which the process builds its data, or ''.
local function add_delivery(id, event, url, subject, page, owner, host, data, job)
    if redis.call('EXISTS', item(id)) == 1 or redis.call('ZSCORE', STOPPED, same_url(subject, url)) then
        return
    end
    local receiver = owner .. ' ' .. host
    redis.call('HSET', item(id), 'id', id, 'event', event, 'url', url, 'subject', subject, 'page', page, 'owner', owner,
        'receiver', receiver, 'data', data, 'job', job, 'state', '0', 'attempts', 0, 'created', seconds(wall), 'ended', 0,
        'http_status', 0, 'error', '', 'number', redis.call('HINCRBY', TOTALS, 'deliveries', 1))
    set_state(id, '0')
    redis.call('SADD', siblings(subject, url), id)
    wait(id, receiver, wall)
end

-- Ends the lease of a delivery, if it has one.
local function end_attempt(id, receiver)
    if redis.call('ZREM', DELIVERY_LEASES, id) == 1 then
        add(RUNNING_OF, receiver, -1)
        add(DELIVERIES .. 'running-of', string.match(receiver, '^(%S*) '), -1)
    end
    redis.call('HDEL', item(id), 'token')
end

local function end_delivery(id, state)
    local subject, url = unpack(redis.call('HMGET', item(id), 'subject', 'url'))
    set_state(id, state)
    redis.call('HSET', item(id), 'ended', seconds(wall), 'due', 0)
    redis.call('SREM', siblings(subject, url), id)
    redis.call('ZADD', DELIVERIES_ENDED, seconds(wall), id)
end

local function wants(events, event)
    for _, each in ipairs(events) do
        if each == event then
            return true
        end
    end
    return false
end

-- Stores the event of a page that has ended, or of a job that has; replaces the function of jobs_store.lua.
record_event = function(job, number, state)
    local values, found = row(job), {}
    for index, name in ipairs(COLUMNS) do
        found[name] = values and values[index] or ''
    end
    if found.webhook == '' then
        return
    end
    local webhook = cjson.decode(found.webhook)
    local captured = number and state == '2' or not number and tonumber(found.captured) > 0
    local event = number and (captured and 'page.captured' or 'page.failed')
        or (captured and 'job.completed' or 'job.failed')
    if not wants(webhook.events, event) then
        return
    end
    local source = {job = found}
    if number then
        local _, _, _, url = record(job, number)
        source.page = {number, url, state, redis.call('HGET', part(job, 'work'), 'attempts:' .. number) or '0',
                       redis.call('HGET', part(job, 'results'), number) or ''}
    end
    local serial = redis.call('HINCRBY', TOTALS, 'deliveries', 1)
    local id = 'msg_' .. string.sub(redis.sha1hex(prefix .. job .. ' ' .. serial .. ' ' .. seconds(wall)), 1, 24)
    local host = string.match(webhook.url, '^%a+://([^/?]+)')
    add_delivery(id, event, webhook.url, job, number or 0, found.owner, host, '', cjson.encode(source))
end
