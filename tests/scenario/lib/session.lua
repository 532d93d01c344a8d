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
            -- The other connections' requests without it are still under way, and nothing tells
            -- their answers apart: between one and two seconds do not count.
            settled = os.time() + 2
        end
    elseif settled then
        if os.time() >= settled then
            settled = nil
        end
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
