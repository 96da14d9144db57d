// The search box, its answers, and what the sliders change.

import { address, note } from "/assets/address.js";
import { ask } from "/assets/api.js";
import { byId, count, h, inParts, ms, plural, soon } from "/assets/dom.js";
import { drawBadge, drawFlow, drawFunnel } from "/assets/funnel.js";
import { problemOf } from "/assets/problem.js";

const state = { index: null, touched: false, prove: false, funnel: null };
const exact = new Map(); // what the full search found: one query is compared with it many times
let running = null, comparing = null, serial = 0, open = null;

const box = byId("query"), list = byId("answers"), width = byId("width"), candidates = byId("candidates"), k = byId("k");

export function showIndex(index, welcome) {
  Object.assign(state, { index, touched: false, prove: false, funnel: null });
  exact.clear();
  const [shortest, longest] = [index.dims[0], index.dims.at(-1)];
  Object.assign(width, { min: shortest, max: longest, step: Math.max(1, Math.round((longest - shortest) / 64)) });
  byId("width-row").hidden = byId("candidates-row").hidden = shortest === longest;
  candidates.min = 0;
  candidates.max = 100;
  candidates.step = 0.25;
  back();
  byId("welcome").replaceChildren(...welcome);
  run();
}

export function useFunnel(text) {
  const stages = text.split(",").map((stage) => stage.split(":").map(Number));
  state.touched = true;
  state.funnel = text;
  setSliders(stages);
  run();
}

function back() {
  state.touched = false;
  state.funnel = null;
  setSliders(state.index.funnel.split(",").map((stage) => stage.split(":").map(Number)));
}

function setSliders(stages) {
  k.value = stages.at(-1)[1];
  width.value = stages.at(-1)[0];
  candidates.value = toPlace(stages[0][1]);
  tell();
}

// Candidates on a scale where each step multiplies: 10 differs from 20 as 1,000 from 2,000.
const most = () => Math.max(20, Math.min(5000, state.index.documents));
const fromPlace = (place) => Math.max(Number(k.value), Math.min(most(), Number((10 * (most() / 10) ** (place / 100)).toPrecision(2))));
const toPlace = (n) => (100 * Math.log(Math.max(n, 10) / 10)) / Math.log(most() / 10);

function funnelText() {
  if (state.funnel) return state.funnel;
  const [first, last] = [state.index.dims[0], Number(width.value)];
  const answers = Number(k.value);
  if (last <= first) return `${first}:${answers}`;
  return `${first}:${fromPlace(Number(candidates.value))},${last}:${answers}`;
}

function tell() {
  byId("width-told").textContent = `${width.value} dims`;
  byId("candidates-told").textContent = count(fromPlace(Number(candidates.value)));
  byId("k-told").textContent = k.value;
  byId("own").hidden = !state.touched;
}

async function run() {
  const query = box.value.trim(), mine = ++serial;
  running?.abort();
  comparing?.abort();
  note({ query });
  if (!query || !state.index) return clear();
  if (state.index.encoder.startsWith("precomputed")) return fail(new Error("This index was built from vectors alone: it can be searched with vectors over the API, not with words."));
  running = new AbortController();
  const wait = setTimeout(() => busy(true), 120);
  list.classList.add("stale");
  if (!list.children.length) list.replaceChildren(...[0, 1, 2].map(() => h("li", { class: "skeleton" })));
  byId("welcome").hidden = byId("problem").hidden = true;
  try {
    const body = { index: state.index.name, query, explain: true };
    if (state.touched) body.funnel = funnelText();
    else body.k = Number(k.value);
    const words = byId("words").value;
    if (words) body.hybrid = words === "rrf" ? words : Number(words);
    else if (state.prove) body.guarantee = "exact";
    const told = await ask("/v1/search", { body, signal: running.signal });
    if (mine !== serial) return;
    show(told, query);
    comparing = new AbortController();
    compare(told, query, mine);
  } catch (error) {
    if (error.name !== "AbortError" && mine === serial) fail(error);
  } finally {
    clearTimeout(wait);
    if (mine === serial) busy(false);
  }
}

const busy = (on) => byId("busy").classList.toggle("on", on);

function clear() {
  busy(false);
  list.replaceChildren();
  list.classList.remove("stale");
  byId("summary").textContent = "";
  byId("how").hidden = byId("problem").hidden = true;
  byId("welcome").hidden = false;
}

function fail(error) {
  busy(false);
  list.replaceChildren();
  byId("how").hidden = true;
  byId("summary").textContent = "";
  const problem = byId("problem");
  problem.hidden = false;
  problem.replaceChildren(...problemOf(error, run));
}

function show(told, query) {
  const result = told.results[0], time = total(result);
  byId("problem").hidden = true;
  byId("how").hidden = false;
  byId("summary").replaceChildren(`${plural(result.answers.length, "answer")} of ${plural(told.documents, "document")} in ${ms(time)}, and ${ms(told.encode_ms)} for encoding `,
    h("button", { class: "down", type: "button", onclick: () => byId("how").scrollIntoView({ behavior: "smooth" }) }, "How?"));
  list.classList.remove("stale");
  list.replaceChildren(...result.answers.map((answer) => card(answer, result, query)));
  if (!result.answers.length) list.replaceChildren(h("li", { class: "nothing" }, "Nothing was found."));
  const walked = told.funnel.split(",").length, fused = result.certified === undefined;
  const funnel = fused ? result.stages.slice(0, walked) : result.stages;
  drawFunnel(byId("funnel"), told.documents, funnel, fused ? `found by vectors, ${result.answers.length} kept with words` : "answers");
  const provable = told.funnel.split(",").at(-1).startsWith(`${state.index.dims.at(-1)}:`);
  drawBadge(byId("badge"), result, provable || state.prove ? () => { state.prove = !state.prove; run(); } : null);
  drawFlow(byId("flow"), { answers: result.answers, stages: fused ? [...funnel, result.stages.at(-1)] : funnel }, light);
  byId("latency").textContent = ms(time);
  byId("latency-told").replaceChildren(told.funnel.length > 16 ? "this funnel" : inParts(told.funnel));
}

const total = (result) => result.stages.reduce((sum, stage) => sum + stage.time_ms, 0);

async function compare(told, query, mine) {
  const wanted = told.results[0].answers.length, key = `${query}\n${told.documents}\n${k.value}`;
  if (!exact.has(key)) {
    byId("full").textContent = byId("overlap").textContent = "…";
    await new Promise((done) => setTimeout(done, 250)); // while somebody types, the full search need not run
    if (mine !== serial) return;
    try {
      const body = { index: state.index.name, query, funnel: `${state.index.dims.at(-1)}:${k.value}`, explain: true, texts: false };
      const found = await ask("/v1/search", { body, signal: comparing.signal });
      if (exact.size > 200) exact.clear();
      exact.set(key, { ids: new Set(found.results[0].answers.map((one) => one.id)), time: total(found.results[0]) });
    } catch (error) {
      if (mine === serial && error.name !== "AbortError") byId("full").textContent = byId("overlap").textContent = "–";
      return;
    }
    if (mine !== serial) return;
  }
  const { ids, time } = exact.get(key);
  const same = told.results[0].answers.filter((one) => ids.has(one.id)).length;
  byId("full").textContent = ms(time);
  byId("overlap").textContent = `${same} of ${Math.max(wanted, ids.size)}`;
  byId("gauge").style.width = `${(100 * same) / Math.max(1, wanted, ids.size)}%`;
}

function card(answer, result, query) {
  const fused = result.certified === undefined; // whose scores are no cosines: the meter is of the best one's
  const first = result.stages[0].ranks.find((one) => one.id === answer.id)?.rank;
  const moved = result.stages.length > 1 && first !== undefined ? first - answer.rank : 0;
  const facts = Object.entries(answer.metadata ?? {}).slice(0, 6);
  const title = answer.title && answer.title !== answer.id ? answer.title : "";
  const item = h("li", { class: "answer", tabindex: 0, "aria-expanded": "false", "data-id": answer.id },
    h("span", { class: "rank", "aria-hidden": "true" }, String(answer.rank)),
    h("h3", { dir: "auto" }, ...marked(title || answer.id, query)),
    h("div", { class: "side" }, h("span", { class: "score", title: fused ? "of vectors and words together" : "cosine with the query" }, answer.score.toFixed(4)), meter(fused ? answer.score / result.answers[0].score : answer.score)),
    answer.text ? h("p", { class: "text", dir: "auto" }, ...marked(answer.text.slice(0, 20000), query)) : null,
    h("div", { class: "facts" },
      moved > 0 ? h("span", { class: "move rose" }, `▲ ${count(moved)} since the shortlist`) : null,
      moved < 0 ? h("span", { class: "move fell" }, `▼ ${count(-moved)} since the shortlist`) : null,
      h("span", { dir: "auto" }, `id ${answer.id}`),
      ...facts.map(([name, value]) => h("span", { dir: "auto" }, `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`))));
  const toggle = () => {
    if (String(getSelection())) return; // somebody copies a text
    item.setAttribute("aria-expanded", String(item.getAttribute("aria-expanded") !== "true"));
  };
  item.addEventListener("click", toggle);
  item.addEventListener("keydown", (event) => event.key === "Enter" && toggle());
  for (const [name, id] of [["mouseenter", answer.id], ["focus", answer.id], ["mouseleave", null], ["blur", null]]) item.addEventListener(name, () => light(id));
  return item;
}

function meter(score) {
  const fill = h("i");
  fill.style.width = `${Math.max(0, Math.min(1, score)) * 100}%`;
  return h("div", { class: "meter", "aria-hidden": "true" }, fill);
}

// The text with the query's words marked, as text nodes and <mark> elements.
function marked(text, query) {
  const words = [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]{4,}/gu) ?? [])].slice(0, 20);
  if (!words.length) return [text];
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${words.join("|")})(?![\\p{L}\\p{N}])`, "giu");
  return text.split(pattern).map((part, i) => (i % 2 ? h("mark", {}, part) : part));
}

function light(id) {
  if (open === id) return;
  open = id;
  for (const one of list.children) one.classList.toggle("lit", id !== null && one.dataset.id === id);
  for (const one of byId("flow").querySelectorAll("g")) one.classList.toggle("on", id !== null && one.dataset.id === id);
}

function move(event) {
  const all = [...list.querySelectorAll(".answer")], here = all.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined || !all.length || (here < 0 && document.activeElement !== box)) return;
  event.preventDefault();
  if (here + step < 0) box.focus();
  else all[Math.min(all.length - 1, here + step)].focus();
}

export function start() {
  const typed = soon(110, run), slid = soon(40, run);
  box.addEventListener("input", typed);
  byId("ask").addEventListener("submit", (event) => { event.preventDefault(); run(); });
  byId("words").addEventListener("change", run);
  for (const slider of [width, candidates, k]) {
    slider.addEventListener("input", () => {
      state.touched = state.touched || slider !== k;
      state.funnel = null;
      if (width.value !== width.max) state.prove = false; // a proof compares full vectors
      tell();
      slid();
    });
  }
  byId("own").addEventListener("click", () => { back(); run(); });
  byId("view-search").addEventListener("keydown", move);
  box.value = address().query;
}
