// Tabs, the theme, the key, and which index is looked at.

import { showIndexFacts, welcome } from "/assets/about.js";
import { address, note } from "/assets/address.js";
import { ask, canBeKey, hasKey, keep } from "/assets/api.js";
import { byId, h } from "/assets/dom.js";
import { problemOf } from "/assets/problem.js";
import { showIndex, start, useFunnel } from "/assets/search.js";
import { showTradeoffs } from "/assets/tradeoffs.js";
import { showDocuments } from "/assets/upload.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
let indexes = [], readOnly = true, current = null;

function select(tab) {
  for (const one of tabs) {
    const is = one === tab;
    one.setAttribute("aria-selected", String(is));
    one.tabIndex = is ? 0 : -1;
    byId(one.getAttribute("aria-controls")).hidden = !is;
  }
  if (tab.id === "tab-tradeoffs" && current) showTradeoffs(current, use);
}

function use(funnel) {
  select(byId("tab-search"));
  useFunnel(funnel);
  byId("query").focus();
}

function look(index) {
  current = index;
  note({ index: indexes.length > 1 ? index.name : "" });
  showIndexFacts(index);
  showDocuments(index, readOnly, refresh);
  showIndex(index, welcome(index));
  if (!byId("view-tradeoffs").hidden) showTradeoffs(index, use);
}

// After documents came into an index: its facts are new, what stands on the page stays.
async function refresh(name) {
  try {
    await read();
  } catch {
    return; // facts stay as old as they were: what came is told on its card
  }
  if (name !== current.name) return;
  current = named(name);
  showIndexFacts(current);
  showIndex(current, welcome(current));
}

const named = (name) => indexes.find((one) => one.name === name) ?? indexes[0];

async function read() {
  ({ indexes, read_only: readOnly } = await ask("/v1/indexes"));
}

async function begin() {
  const problem = byId("problem");
  try {
    await read();
    problem.hidden = true;
  } catch (error) {
    problem.hidden = false;
    problem.replaceChildren(...problemOf(error, begin));
    return;
  }
  const chooser = byId("indexes");
  chooser.replaceChildren(...indexes.map((one) => h("option", { value: one.name }, one.name)));
  byId("which").hidden = indexes.length < 2;
  look(named(current?.name ?? address().index));
  chooser.value = current.name;
}

function shade(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

byId("unscripted").remove();
shade(localStorage.getItem("mrl-search theme"));
byId("theme").addEventListener("click", () => {
  const dark = (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  localStorage.setItem("mrl-search theme", dark ? "light" : "dark");
  shade(dark ? "light" : "dark");
});
byId("indexes").addEventListener("change", (event) => look(named(event.target.value)));
for (const tab of tabs) tab.addEventListener("click", () => select(tab));
document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  const here = tabs.indexOf(document.activeElement), last = tabs.length - 1;
  const next = tabs[{ ArrowRight: here < last ? here + 1 : 0, ArrowLeft: here > 0 ? here - 1 : last, Home: 0, End: last }[event.key]];
  if (!next) return;
  event.preventDefault();
  select(next);
  next.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
  event.preventDefault();
  select(byId("tab-search"));
  byId("query").focus();
});
function doubtKey(reason) {
  byId("key-wrong").hidden = !reason;
  byId("key-wrong").textContent = reason;
}

document.addEventListener("key-needed", ({ detail: error }) => {
  doubtKey(error.status !== 401 ? error.message : hasKey() ? "The server does not know the key it was sent." : "");
  if (!byId("key-asked").open) byId("key-asked").showModal();
});
byId("key-asked").querySelector("form").addEventListener("submit", (event) => {
  const key = byId("key").value.trim();
  if (!canBeKey(key)) {
    event.preventDefault();
    return doubtKey("This cannot be a key: one has letters, digits and signs of ASCII, and no blanks.");
  }
  keep(key);
  begin();
});
byId("key-asked").addEventListener("close", () => { byId("key").value = ""; });
// a file that misses the drop zone must not replace the page
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

start();
begin();
if (!matchMedia("(pointer: coarse)").matches) byId("query").focus();
