// Where files are dropped that become documents.

import { byId, h, s } from "/assets/dom.js";
import { take, transfers } from "/assets/transfers.js";

export function showDocuments(index, readOnly, changed) {
  const without = index.encoder.startsWith("precomputed") && "This index was built from vectors alone; it takes documents from the command line, with their vectors.";
  const offered = readOnly || without
    ? [h("div", { class: "card welcome" }, h("h2", {}, "Nothing can be added here"), h("p", {}, without || "This server only reads."))]
    : [h("div", { class: "lead" }, h("h2", {}, "Add documents")), dropZone(index.name, changed)];
  byId("view-documents").replaceChildren(...offered, transfers);
}

function dropZone(name, changed) {
  const input = h("input", { type: "file", multiple: true, accept: ".jsonl,.ndjson,.json,.txt", class: "unseen", id: "files", tabindex: -1 });
  const drop = h("div", { class: "drop" },
    s("svg", { viewBox: "0 0 48 48", width: 46, height: 46, "aria-hidden": "true" }, s("path", { d: "M24 32V10m0 0-9 9m9-9 9 9M8 32v6a3 3 0 0 0 3 3h26a3 3 0 0 0 3-3v-6", fill: "none", stroke: "currentColor", "stroke-width": 2.6, "stroke-linecap": "round", "stroke-linejoin": "round" })),
    h("h2", {}, "Drop files here"),
    h("p", {}, `JSON lines with id, title and text (anything else is metadata), a JSON array of such objects, or plain text with one document a line. They go into ${name}; one with an id that is there takes its place, and of several with one id the last one counts.`),
    h("button", { class: "main", type: "button", onclick: () => input.click() }, "Choose files"), input);
  input.addEventListener("change", () => { take(input.files, name, changed); input.value = ""; });
  for (const [kind, over] of [["dragenter", true], ["dragover", true], ["dragleave", false], ["drop", false]]) {
    drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.toggle("over", over); });
  }
  drop.addEventListener("drop", (event) => take(event.dataTransfer.files, name, changed));
  return drop;
}
