// Tabs, the theme, the key, and which index is looked at.

import { showIndexFacts, welcome } from "/assets/about.js";
import { ask, hasKey, keep } from "/assets/api.js";
import { byId, h } from "/assets/dom.js";
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
  showIndexFacts(index);
  showDocuments(index, readOnly, refresh);
  showIndex(index, welcome(index));
  if (!byId("view-tradeoffs").hidden) showTradeoffs(index, use);
}

// After documents came: facts are new, what stands on the page stays.
async function refresh() {
  await read();
  current = indexes.find((one) => one.name === current.name) ?? indexes[0];
  showIndexFacts(current);
  showIndex(current, welcome(current));
}

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
    problem.replaceChildren(h("span", {}, error.message), h("button", { class: "quiet", type: "button", onclick: begin }, "Try again"));
    return;
  }
  const chooser = byId("indexes");
  chooser.replaceChildren(...indexes.map((one) => h("option", { value: one.name }, one.name)));
  byId("which").hidden = indexes.length < 2;
  look(indexes[0]);
}

function shade(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
}

shade(localStorage.getItem("mrl-search theme"));
byId("theme").addEventListener("click", () => {
  const dark = (document.documentElement.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  localStorage.setItem("mrl-search theme", dark ? "light" : "dark");
  shade(dark ? "light" : "dark");
});
byId("indexes").addEventListener("change", (event) => look(indexes.find((one) => one.name === event.target.value)));
for (const tab of tabs) tab.addEventListener("click", () => select(tab));
document.querySelector("[role=tablist]").addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (step === undefined) return;
  const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];
  select(next);
  next.focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
  event.preventDefault();
  select(byId("tab-search"));
  byId("query").focus();
});
document.addEventListener("key-needed", () => {
  byId("key-wrong").hidden = !hasKey();
  if (!byId("key-asked").open) byId("key-asked").showModal();
});
byId("key-asked").addEventListener("close", () => {
  if (!byId("key").value) return;
  keep(byId("key").value.trim());
  byId("key").value = "";
  begin();
});
// a file that misses the drop zone must not replace the page
for (const name of ["dragover", "drop"]) addEventListener(name, (event) => event.preventDefault());

start();
begin();
if (!matchMedia("(pointer: coarse)").matches) byId("query").focus();
