-- A well-behaved client's connection: a request, the answer, and a pause of one to four milliseconds.
local here = debug.getinfo(1, "S").source:match("^@(.*/)")
dofile(here .. "figures.lua")

function delay()
    return math.random(1, 4)
end
