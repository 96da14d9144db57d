// Requests to the server this page came from, and what it refuses.

const KEY = "mrl-search key";
const PATIENCE_MS = 300_000; // a server that is begun anew opens its indexes first

export class Refused extends Error {
  constructor(status, code, message, retryMs) {
    super(message);
    Object.assign(this, { status, code, retryMs });
  }
}

export const hasKey = () => sessionStorage.getItem(KEY) !== null;
export const keep = (key) => sessionStorage.setItem(KEY, key);
export const canBeKey = (text) => /^[!-~]+$/.test(text); // browsers send no header of other characters

export async function ask(path, { body, method = body ? "POST" : "GET", signal } = {}) {
  const headers = {};
  const key = sessionStorage.getItem(KEY);
  if (key) headers.authorization = `Bearer ${key}`;
  if (body) headers["content-type"] = "application/json";
  let answer;
  try {
    answer = await fetch(path, { method, headers, body: body && JSON.stringify(body), signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "unreachable", "The server does not answer. Is it still running?", 1000);
  }
  const told = await answer.json().catch(() => null);
  if (answer.ok && told) return told;
  const { message = answer.statusText, code = "unknown" } = told?.error ?? {};
  if (answer.status === 401) document.dispatchEvent(new CustomEvent("key-needed", { detail: { status: 401 } }));
  throw new Refused(answer.status, code, message, Number(answer.headers.get("retry-after-ms")) || 1000);
}

// Asks again while the server is busy or away, for five minutes; again is called with the reason, signal ends it.
export async function insist(path, told, again) {
  const until = performance.now() + PATIENCE_MS;
  for (let tries = 1; ; tries++) {
    try {
      return await ask(path, told);
    } catch (error) {
      if (!(error instanceof Refused) || ![0, 408, 429, 503, 504].includes(error.status) || performance.now() > until) throw error;
      again(error);
      await pause(Math.min(8000, error.retryMs * tries), told.signal);
    }
  }
}

function pause(delay, signal) {
  return new Promise((done, stop) => {
    setTimeout(done, delay);
    signal.addEventListener("abort", () => stop(signal.reason), { once: true });
  });
}
