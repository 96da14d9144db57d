// Documents dropped on the page, read in it, sent some at a time.

import { insist } from "/assets/api.js";
import { byId, count, h, plural, s } from "/assets/dom.js";

const AT_A_TIME = 32; // of which a CPU encodes some tens a second: progress should move

export function showDocuments(index, readOnly, changed) {
  const view = byId("view-documents");
  const without = index.encoder.startsWith("precomputed") && "This index was built from vectors alone; it takes documents from the command line, with their vectors.";
  if (readOnly || without) {
    view.replaceChildren(h("div", { class: "card welcome" }, h("h2", {}, "Nothing can be added here"), h("p", {}, without || "This server only reads.")));
    return;
  }
  const input = h("input", { type: "file", multiple: true, accept: ".jsonl,.ndjson,.json,.txt", class: "unseen", id: "files", tabindex: -1 });
  const transfers = h("div", { class: "transfers", "aria-live": "polite" });
  const take = (files) => [...files].reduce((before, file) => before.then(() => send(file, index, transfers, changed)), Promise.resolve());
  const drop = h("div", { class: "drop" },
    s("svg", { viewBox: "0 0 48 48", width: 46, height: 46, "aria-hidden": "true" }, s("path", { d: "M24 32V10m0 0-9 9m9-9 9 9M8 32v6a3 3 0 0 0 3 3h26a3 3 0 0 0 3-3v-6", fill: "none", stroke: "currentColor", "stroke-width": 2.6, "stroke-linecap": "round", "stroke-linejoin": "round" })),
    h("h2", {}, "Drop files here"),
    h("p", {}, `JSON lines with id, title and text (anything else is metadata), a JSON array of such objects, or plain text with one document a line. They go into ${index.name}; one with an id that is there takes its place.`),
    h("button", { class: "main", type: "button", onclick: () => input.click() }, "Choose files"), input);
  input.addEventListener("change", () => { take(input.files); input.value = ""; });
  for (const [name, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.toggle("over", over); });
  }
  drop.addEventListener("drop", (event) => take(event.dataTransfer.files));
  view.replaceChildren(h("div", { class: "lead" }, h("h2", {}, "Add documents")), drop, transfers);
}

async function send(file, index, transfers, changed) {
  const stop = new AbortController(), bar = h("progress", { max: 1, value: 0, "aria-label": `Progress of ${file.name}` });
  const state = h("span", {}, "reading…"), cancel = h("button", { class: "quiet", type: "button", onclick: () => stop.abort() }, "Stop");
  const card = h("div", { class: "card transfer" }, h("div", { class: "row" }, h("strong", {}, file.name), state), bar, h("div", { class: "actions" }, cancel));
  transfers.prepend(card);
  const { documents, faults } = await read(file);
  let done = 0;
  const began = performance.now();
  bar.max = Math.max(1, documents.length);
  const pending = [];
  for (let start = 0; start < documents.length; start += AT_A_TIME) pending.push(documents.slice(start, start + AT_A_TIME));
  try {
    for (let some = pending.shift(); some; some = pending.shift()) {
      state.textContent = `${count(done)} of ${count(documents.length)}${rate(done, began)}`;
      try {
        await insist("/v1/documents", { body: { index: index.name, documents: some }, signal: stop.signal });
      } catch (error) {
        if (![413, 422].includes(error.status)) throw error;
        if (some.length === 1) faults.push(`${some[0].id}: ${error.message.replace(/^documents?[ .]0: /, "")}`);
        else pending.unshift(some.slice(0, some.length >> 1), some.slice(some.length >> 1)); // one of them is to blame
        continue;
      }
      done += some.length;
      bar.value = done;
    }
    state.textContent = `${plural(done, "document")} written${faults.length ? `, ${count(faults.length)} left out` : ""}`;
    bar.value = bar.max;
  } catch (error) {
    state.textContent = `stopped after ${plural(done, "document")}`;
    if (error.name !== "AbortError") card.append(h("p", { class: "problem", role: "alert" }, h("span", {}, error.message)));
  }
  cancel.remove();
  if (faults.length) card.append(h("details", {}, h("summary", {}, `What was left out (${count(faults.length)})`), h("ul", {}, ...faults.slice(0, 50).map((fault) => h("li", {}, fault)))));
  if (done) changed();
}

const rate = (done, began) => (done ? `, ${count(Math.round((1000 * done) / (performance.now() - began)))} a second` : "");

async function read(file) {
  const text = await file.text(), documents = [], faults = [], seen = new Map();
  const put = (fields, where) => {
    const { _id, id, title, text: body, metadata, ...rest } = fields;
    const name = _id ?? id;
    if (typeof name !== "string" && typeof name !== "number") return faults.push(`${where}: no id`);
    if (!String(title ?? "").trim() && !String(body ?? "").trim()) return faults.push(`${where}: neither title nor text`);
    const document = { id: String(name), title: String(title ?? ""), text: String(body ?? ""), metadata: { ...rest, ...metadata } };
    if (seen.has(document.id)) documents[seen.get(document.id)] = document; // the last one counts
    else seen.set(document.id, documents.push(document) - 1);
  };
  if (/\.json$/i.test(file.name) && text.trimStart().startsWith("[")) {
    try {
      JSON.parse(text).forEach((one, place) => put(Object(one), `item ${place + 1}`));
    } catch {
      faults.push(`${file.name} is not JSON`);
    }
    return { documents, faults };
  }
  const isText = /\.txt$/i.test(file.name);
  text.split(/\r?\n/).forEach((line, place) => {
    if (!line.trim()) return;
    if (isText) return put({ id: `${file.name}:${place + 1}`, text: line.trim() }, `line ${place + 1}`);
    let fields = null;
    try {
      fields = JSON.parse(line);
    } catch { /* told below */ }
    if (fields && typeof fields === "object" && !Array.isArray(fields)) put(fields, `line ${place + 1}`);
    else faults.push(`line ${place + 1}: not a JSON object`);
  });
  return { documents, faults };
}
