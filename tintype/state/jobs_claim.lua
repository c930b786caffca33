-- Claims a page. ARGV: limits of running pages of a node, of an owner and of a host, pause of a host, duration of the
-- lease, its token, number of lost workers with which a page fails, its result then, examined jobs of an owner, and the
-- node.
-- Returns the pages that lost their workers (number, workers, state), and the claimed one or nothing.
local total, per_owner, per_host, pause, duration, token, max_lost, lost_result, examined, node = unpack(ARGV, 3)
total, per_owner, per_host, pause, duration, max_lost, examined = tonumber(total), tonumber(per_owner),
    tonumber(per_host), tonumber(pause), tonumber(duration), tonumber(max_lost), tonumber(examined)
local EXAMINED_OWNERS, EXAMINED_HOSTS, HOST_CHUNK = 64, 1024, 32
local current = now()

local function return_lost()
    local lost = {}
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', LEASES, '-inf', seconds(current), 'LIMIT', 0, BATCH)) do
        local job, number = split(name)
        if state_of(job, number) == '1' then
            local workers = redis.call('HINCRBY', part(job, 'work'), 'lost:' .. number, 1)
            local state = workers >= max_lost and '3' or '0'
            leave(job, number, state, state == '3' and lost_result or '', current)
            lost[#lost + 1] = {job, number, workers, state_of(job, number)}
        else
            end_lease(job, number) -- the operator's Redis has evicted the job
        end
    end
    return lost
end

local function end_pauses()
    for _, name in ipairs(redis.call('ZRANGEBYSCORE', DELAYED, '-inf', seconds(current), 'LIMIT', 0, BATCH)) do
        local job, number = split(name)
        redis.call('ZREM', DELAYED, name)
        if state_of(job, number) == '0' then
            redis.call('HINCRBY', part(job), 'delayed', -1)
            enqueue(job, field(job, 'owner'), number)
        end
    end
end

local function is_paused(host)
    local started = pause > 0 and redis.call('ZSCORE', STARTS, host)
    return started and tonumber(started) > current - pause
end

-- The first page of a job whose host is below its limit, and the host.
local function first_page(job)
    for start = 0, EXAMINED_HOSTS - 1, HOST_CHUNK do
        local heads = redis.call('ZRANGE', part(job, 'hosts'), start, start + HOST_CHUNK - 1, 'WITHSCORES')
        for index = 1, #heads, 2 do
            local host = heads[index]
            if tonumber(redis.call('HGET', HOSTS, host) or 0) < per_host and not is_paused(host) then
                return heads[index + 1], host
            end
        end
        if #heads < 2 * HOST_CHUNK then
            return nil
        end
    end
end

-- The first page that may begin, of the owner's job whose turn is next; jobs without one lose their turn to others.
local function find(owner)
    local name = open_jobs(owner)
    local rotate = redis.call('ZCARD', name) > examined
    for _, job in ipairs(redis.call('ZRANGE', name, 0, examined - 1)) do
        local number, host = first_page(job)
        if number or rotate then
            redis.call('ZADD', name, next_turn(), job)
        end
        if number then
            return job, number, host
        end
        if redis.call('EXISTS', part(job)) == 0 then
            close(job, owner)
        end
    end
end

local function start(job, owner, number, host)
    dequeue(job, owner, number, host)
    local name = member(job, number)
    redis.call('ZADD', LEASES, seconds(current + duration), name)
    redis.call('HSET', RUNNING, name, host .. ' ' .. node .. ' ' .. owner)
    redis.call('SETRANGE', part(job, 'states'), number - 1, '1')
    redis.call('HSET', part(job, 'work'), 'token:' .. number, token)
    local attempt = redis.call('HINCRBY', part(job, 'work'), 'attempts:' .. number, 1)
    redis.call('HINCRBY', part(job), 'running', 1)
    count_queued(job, owner, -1)
    redis.call('HINCRBY', HOSTS, host, 1)
    redis.call('HINCRBY', NODES, node, 1)
    redis.call('HINCRBY', OWNER_RUNNING, owner, 1)
    if pause > 0 then
        redis.call('ZADD', STARTS, seconds(current), host)
        redis.call('ZREMRANGEBYSCORE', STARTS, '-inf', seconds(current - pause))
    end
    if tonumber(field(job, 'started')) == 0 then
        redis.call('HSET', part(job), 'started', seconds(wall))
    end
    rank(owner, next_turn())
    local _, options, _, url = record(job, number)
    return {job, number, attempt, owner, field(job, 'stores'), url, redis.call('HGET', part(job, 'pages'), 'options:' .. options),
        field(job, 'retried') or '0'}
end

local function claim()
    if tonumber(redis.call('HGET', NODES, node) or 0) >= total then
        return false
    end
    local owners = redis.call('ZRANGE', OWNERS, 0, EXAMINED_OWNERS - 1, 'WITHSCORES')
    local rotate = redis.call('ZCARD', OWNERS) > EXAMINED_OWNERS
    for index = 1, #owners, 2 do
        local owner = owners[index]
        if math.floor(tonumber(owners[index + 1]) / TURNS) >= per_owner then
            return false
        end
        local job, number, host = find(owner)
        if job then
            return start(job, owner, number, host)
        end
        if rotate then
            rank(owner, next_turn())
        end
    end
    return false
end

local lost = return_lost()
end_pauses()
if total > 0 and redis.call('EXISTS', WAITING) == 1 then
    redis.pcall('HSET', TOTALS, 'claimed', seconds(wall)) -- without memory there is a claim nevertheless
end
return {lost, claim()}
