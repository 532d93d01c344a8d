-- Asks in turn for COUNT rules from number FIRST on, as rules_cell.py names them.
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "figures.lua")
local texts, at = {}, 0

function init(arguments)
    local first, count = tonumber(arguments[1]), tonumber(arguments[2])
    for number = first, first + count - 1 do
        local pair = math.floor(number / 2)
        wrk.headers["Host"] = string.format(({"d%d.example", "www.w%d.example", "t%d.example"})[pair % 3 + 1], pair)
        texts[#texts + 1] = wrk.format("GET", number % 2 == 1 and "/" or "/path/page")
    end
end

function request()
    at = at % #texts + 1
    return texts[at]
end
