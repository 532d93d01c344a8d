-- What each script's run ends with: one line of JSON for peers.py.
function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format('\n{"requests": %d, "seconds": %f, "p50": %f, "p99": %f, "errors": %d}\n',
        summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
        errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
