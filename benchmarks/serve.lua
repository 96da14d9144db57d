-- What wrk sends: the bodies of a file ($BODIES, one a line) in turn, from one ($FIRST) on; after each answer a pause of
-- $PAUSE ms on average.
local pause, requests, at, threads = tonumber(os.getenv("PAUSE")), {}, tonumber(os.getenv("FIRST")), {}

function setup(thread) threads[#threads + 1] = thread end

function init()
  good, refused, other = 0, 0, 0
  for body in io.lines(os.getenv("BODIES")) do
    requests[#requests + 1] = wrk.format("POST", "/v1/search", { ["Content-Type"] = "application/json" }, body)
  end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function response(status)
  if status == 200 then good = good + 1 elseif status == 429 then refused = refused + 1 else other = other + 1 end
end

if pause > 0 then function delay() return math.random(0, 2 * pause) end end

function done(summary, latency)
  local sums = { good = 0, refused = 0, other = 0 }
  for _, thread in ipairs(threads) do
    for name in pairs(sums) do sums[name] = sums[name] + thread:get(name) end
  end
  io.write(string.format('{"good": %d, "refused": %d, "other": %d, "failed": %d, "seconds": %.3f, "p50": %.2f, "p99": %.2f}\n',
    sums.good, sums.refused, sums.other, summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
