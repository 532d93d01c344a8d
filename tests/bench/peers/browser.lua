-- A browser's request. With the argument "hit" it sends back the cookie that the first answer set, with "close" it asks
-- for the end of the connection.
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "figures.lua")
local text = nil

local function make()
    text = wrk.format("GET", "/")
end

local function remember(status, headers, body)
    local cookie = headers["Set-Cookie"] or headers["set-cookie"]
    if cookie and not wrk.headers["Cookie"] then
        wrk.headers["Cookie"] = cookie:match("^[^;]+")
        make()
    end
end

function init(arguments)
    wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    wrk.headers["Accept-Language"] = "en-US,en;q=0.5"
    wrk.headers["Accept-Encoding"] = "gzip, deflate, br"
    if arguments[1] == "close" then
        wrk.headers["Connection"] = "close"
    end
    make()
    if arguments[1] == "hit" then
        response = remember
    end
end

function request()
    return text
end
