-- A browser's request. With the argument "hit" it sends back the cookie that the first answer set.
local cookie = nil
local keeps = false

function init(arguments)
    keeps = arguments[1] == "hit"
    wrk.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
    wrk.headers["Accept"] = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
    wrk.headers["Accept-Language"] = "en-US,en;q=0.5"
    wrk.headers["Accept-Encoding"] = "gzip, deflate, br"
end

function request()
    return wrk.format("GET", "/")
end

function response(status, headers, body)
    if keeps and not cookie and headers["Set-Cookie"] then
        cookie = headers["Set-Cookie"]:match("^[^;]+")
        wrk.headers["Cookie"] = cookie
        response = nil -- wrk is faster when it need not show the answers
    end
end
