-- SPDX-License-Identifier: Apache-2.0
-- wrk's side of test_wrk.py: asks, and with the argument "stay" sends back the persistence cookie of
-- the first answer and counts the answers that come from another server than that one's.
threads = {}

function setup(thread)
    table.insert(threads, thread)
end

function init(arguments)
    stays = arguments[1] == "stay"
    home, moved = nil, 0
    text = wrk.format("GET", "/")
end

function request()
    return text
end

function response(status, headers, body)
    if not stays then
        return
    end
    if not home then
        local cookie = headers["Set-Cookie"]
        if cookie then
            home = body
            wrk.headers["Cookie"] = cookie:match("^[^;]+")
            text = wrk.format("GET", "/")
            -- Requests without the cookie are still under way: one for each connection of a thread.
            grace = 32
        end
    elseif grace > 0 then
        grace = grace - 1
    elseif body ~= home then
        moved = moved + 1
    end
end

function done(summary, latency, requests)
    local moved, homeless = 0, 0
    for _, thread in ipairs(threads) do
        moved = moved + thread:get("moved")
        if not thread:get("home") then
            homeless = homeless + 1
        end
    end
    local errors = summary.errors
    io.write(string.format('\n{"requests": %d, "moved": %d, "homeless": %d, "connect": %d, "read": %d, ' ..
        '"write": %d, "timeout": %d, "status": %d}\n', summary.requests, moved, homeless, errors.connect,
        errors.read, errors.write, errors.timeout, errors.status))
end
