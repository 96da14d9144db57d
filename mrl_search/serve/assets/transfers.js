// Files on their way into an index, some documents at a time. Their cards stay, whichever index is looked at.

import { insist, Refused } from "/assets/api.js";
import { bytes, count, h, plural } from "/assets/dom.js";
import { problemOf } from "/assets/problem.js";
import { records } from "/assets/records.js";

const AT_A_TIME = 32; // of which a CPU encodes some tens a second: progress should move
const AT_A_TIME_BYTES = 4 * 2 ** 20; // of a file; a server takes 16 MiB
const LISTED = 50;

export const transfers = h("div", { class: "transfers", "aria-live": "polite" });
let before = Promise.resolve();

// One file after another. changed: called with the index's name when documents came into it.
export function take(files, index, changed) {
  const all = [...files].map((file) => transfer(file, index));
  transfers.prepend(...all.map((one) => one.card));
  for (const one of all) {
    before = before.then(() => send(one));
    before.then(() => one.done && changed(index));
  }
}

function transfer(file, index) {
  const stop = new AbortController();
  const bar = h("progress", { max: Math.max(1, file.size), value: 0, "aria-label": `Progress of ${file.name}` });
  const state = h("span", {}, "waits for those before it"), again = h("p", { class: "note", hidden: true });
  const cancel = h("div", { class: "actions" }, h("button", { class: "quiet", type: "button", onclick: () => { stop.abort(); state.textContent = "stops…"; } }, "Stop"));
  const card = h("div", { class: "card transfer" },
    h("div", { class: "row" }, h("div", {}, h("strong", {}, file.name), h("small", { class: "note" }, ` into ${index}`)), state), bar, again, cancel);
  return { file, index, stop: stop.signal, bar, state, again, cancel, card, done: 0, leftOut: 0, faults: [] };
}

async function send(one) {
  const began = performance.now();
  const tell = (end) => {
    one.bar.value = end;
    one.again.hidden = true;
    one.state.textContent = `${plural(one.done, "document")}, ${bytes(end)} of ${bytes(one.file.size)}${one.done ? `, ${count(Math.round((1000 * one.done) / (performance.now() - began)))} a second` : ""}`;
  };
  try {
    one.stop.throwIfAborted();
    tell(0);
    for await (const { some, end } of batches(one)) {
      if (some.length) await write(some, one);
      tell(end);
    }
    one.state.textContent = `${plural(one.done, "document")} written${one.leftOut ? `, ${count(one.leftOut)} left out` : ""}`;
    one.bar.value = one.bar.max;
  } catch (error) {
    one.state.textContent = `stopped after ${plural(one.done, "document")}`;
    if (error.name !== "AbortError") one.card.append(h("div", { class: "problem", role: "alert" }, ...problemOf(error instanceof Refused ? error : unread(error))));
  }
  one.again.hidden = true;
  one.cancel.remove();
  if (one.leftOut) one.card.append(h("details", {}, h("summary", {}, `What was left out (${count(one.leftOut)})`), h("ul", {}, ...one.faults.map((fault) => h("li", {}, fault)))));
}

// Browsers say of a folder no more than that it cannot be read, each in its own words.
const unread = (error) => new Error(`It cannot be read: a folder, or a file that has changed or gone (${error.message})`);

// Documents that go together, none where many lines make none. One with an id that is among them begins the next: of
// two the later one counts.
async function* batches(one) {
  let some = [], ids = new Set(), start = 0, last = 0;
  for await (const { where, end, document, fault } of records(one.file, one.stop)) {
    one.stop.throwIfAborted();
    if (fault) leaveOut(one, where, fault);
    if (some.length === AT_A_TIME || ids.has(document?.id) || end - start > AT_A_TIME_BYTES) {
      yield { some, end: last };
      [some, ids, start] = [[], new Set(), last];
    }
    last = end;
    if (fault) continue;
    some.push({ where, document });
    ids.add(document.id);
  }
  if (some.length) yield { some, end: last };
}

function leaveOut(one, where, fault) {
  one.leftOut++;
  if (one.faults.length < LISTED) one.faults.push(`${where}: ${fault}`);
}

// Of several that the server refuses each half is sent alone, until it is known which one is to blame.
async function write(some, one) {
  const again = (error) => {
    one.again.hidden = false;
    one.again.textContent = `It is tried again. ${error.message}`;
  };
  try {
    await insist("/v1/documents", { body: { index: one.index, documents: some.map(({ document }) => document) }, signal: one.stop }, again);
    one.done += some.length;
  } catch (error) {
    if (![413, 422].includes(error.status) && error.code !== "json_invalid") throw error;
    if (some.length === 1) return leaveOut(one, some[0].where, error.message.replace(/^documents?[ .]0: /, ""));
    const half = some.length >> 1;
    await write(some.slice(0, half), one);
    await write(some.slice(half), one);
  }
}
