// What `tune` found: recall against time, and the fastest funnel that keeps as much as one asks for.

import { ask } from "/assets/api.js";
import { byId, bytes, count, h, inParts, ms, s } from "/assets/dom.js";
import { problemOf } from "/assets/problem.js";

const TALL = 420, LEFT = 48, BOTTOM = 44, TOP = 16, RIGHT = 16;
const told = new Map(); // index → tuning, or null
let shown = { aim: 0.95, ram: null, picked: null };

export async function showTradeoffs(index, use) {
  const view = byId("view-tradeoffs");
  if (!told.has(index.name)) {
    try {
      told.set(index.name, index.has_tuning ? await ask(`/v1/indexes/${encodeURIComponent(index.name)}/tuning`) : null);
    } catch (error) {
      view.replaceChildren(h("div", { class: "problem", role: "alert" }, ...problemOf(error, () => showTradeoffs(index, use))));
      return;
    }
  }
  draw(view, index, told.get(index.name), use);
}

function opener(view, index, use) {
  const input = h("input", { type: "file", accept: ".json,application/json", class: "unseen", id: "tuning-file", tabindex: -1 });
  input.addEventListener("change", async () => {
    const tuning = await input.files[0].text().then(JSON.parse).catch(() => null);
    input.value = "";
    view.querySelector(":scope > .problem")?.remove();
    if (!isTuning(tuning)) {
      view.prepend(h("p", { class: "problem", role: "alert" }, h("span", {}, "That file is not what ", h("code", {}, "mrl-search tune --json"), " prints.")));
      return;
    }
    told.set(index.name, tuning);
    draw(view, index, tuning, use);
  });
  return [h("button", { class: "quiet other", type: "button", onclick: () => input.click() }, "Open a tuning…"), input];
}

// All that is drawn must be there: what is kept is drawn again whenever somebody comes back.
function isTuning(tuning) {
  const are = (from, ...numbers) => numbers.every((one) => Number.isFinite(one) && one >= from);
  return Array.isArray(tuning?.points) && tuning.points.length > 0 && are(1, tuning.k, tuning.asked, tuning.documents) && are(0, tuning.target ?? 0)
    && tuning.points.every((one) => /^\d+:\d+(,\d+:\d+)*$/.test(one?.funnel) && typeof one.prefix === "string" && are(0, one.probes ?? 0)
      && are(0, one.recall?.value, one.recall?.low, one.recall?.high, one.ram_bytes_per_document) && one.recall.value <= 1 && are(1e-9, one.latency_ms_p50, one.latency_ms_p95));
}

// Whether the index walks it as it is. Full width needs no prefix index; a prefix index has one width.
function isOwn(point, index) {
  const width = Number(point.funnel.split(":")[0]);
  return width === index.dims.at(-1) || (point.prefix === index.prefix && width === index.dims[0]);
}

function draw(view, index, tuning, use) {
  if (!tuning) {
    view.replaceChildren(h("div", { class: "card welcome" }, h("h2", {}, "No tuning to show yet"),
      h("p", {}, "Find out what recall costs in time and memory, then serve the result or open it here:"),
      h("code", {}, `mrl-search tune ${index.name} --json > tuning.json`),
      h("code", {}, `mrl-search serve ${index.name} --tuning tuning.json`),
      h("div", { class: "actions" }, ...opener(view, index, use))));
    return;
  }
  const points = tuning.points.map((point, place) => ({ ...point, place, own: isOwn(point, index) })).sort((a, b) => a.latency_ms_p50 - b.latency_ms_p50);
  shown = { aim: tuning.target ?? 0.95, ram: Math.max(...points.map((one) => one.ram_bytes_per_document)), picked: null };
  const chart = h("figure", { class: "card scatter" }), aside = h("aside", { class: "card" });
  const aim = slider("Recall to keep", 0.5, 1, 0.005, shown.aim, (value) => value.toFixed(3), (value) => { shown.aim = value; shown.picked = null; refresh(); });
  const rams = points.map((one) => one.ram_bytes_per_document);
  const ram = Math.min(...rams) === Math.max(...rams) ? null
    : slider("RAM a document, at most", Math.floor(Math.min(...rams)), Math.ceil(Math.max(...rams)), 1, Math.ceil(Math.max(...rams)), (value) => `${count(value)} bytes`, (value) => { shown.ram = value; shown.picked = null; refresh(); });
  const details = h("div", { "aria-live": "polite" });
  aside.append(h("h2", {}, "What do you need?"), h("div", { class: "sliders" }, aim, ram), details);

  function refresh(focus) {
    const meets = (one) => one.recall.value >= shown.aim && one.ram_bytes_per_document <= shown.ram + 0.5;
    const best = points.find(meets);
    const picked = points.find((one) => one.place === shown.picked) ?? best;
    chart.replaceChildren(scatter(points, meets, picked, (one) => { shown.picked = one.place; refresh(true); }),
      h("figcaption", { class: "note" }, `Each dot is a funnel, measured by ${count(tuning.asked)} ${tuning.source === "documents" ? "documents in place of queries" : "queries"} for ${tuning.k} answers; larger dots take more RAM. Left and up is better.`));
    if (focus) chart.querySelector(".point.best")?.focus();
    details.replaceChildren(...(picked ? card(picked, picked === best, index, use) : [h("p", { class: "note" }, "No funnel that was measured keeps so much within that.")]));
  }
  refresh();
  view.replaceChildren(h("div", { class: "lead" }, h("div", {}, h("h2", {}, "What recall costs"),
    h("p", {}, `Funnels over ${count(tuning.documents)} documents, from fast to accurate. Say what you need; the fastest that keeps it is lit.`)), ...opener(view, index, use)),
  h("div", { class: "explorer" }, chart, aside));
}

function slider(name, min, max, step, value, show, moved) {
  const output = h("output", {}, show(value));
  const input = h("input", { type: "range", min, max, step, value, id: `slider ${name}`.replace(/\W+/g, "-") });
  input.addEventListener("input", () => { output.textContent = show(Number(input.value)); moved(Number(input.value)); });
  return h("label", { for: input.id }, name, " ", output, input);
}

function card(point, isBest, index, use) {
  const [low, high] = [point.recall.low, point.recall.high];
  const told = [["Funnel", inParts(point.funnel)], ["Recall", point.recall.value.toFixed(4)], ["95 % sure", `${low.toFixed(4)} to ${high.toFixed(4)}`],
    ["Median", ms(point.latency_ms_p50)], ["19 of 20", ms(point.latency_ms_p95)], ["Prefix index", point.prefix],
    ["Cells looked into", point.probes === null ? "all" : count(point.probes)], ["RAM a document", bytes(point.ram_bytes_per_document)]];
  return [h("h3", { class: "note" }, isBest ? "The fastest that keeps it" : "Picked"),
    h("dl", { class: "told" }, ...told.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    h("div", { class: "actions" }, point.own ? h("button", { class: "main", type: "button", onclick: () => use(point.funnel) }, "Search with it")
      : h("p", { class: "note" }, "It needs an index built with ", h("code", {}, `--dims ${point.funnel.split(":")[0]},${index.dims.at(-1)} --prefix ${point.prefix}`), "."))];
}

function scatter(points, meets, picked, pick) {
  const WIDE = innerWidth < 640 ? 370 : 720; // so that letters are as large on a phone
  const times = points.map((one) => one.latency_ms_p50), recalls = points.map((one) => one.recall.value);
  const [fast, slow] = [Math.min(...times) / 1.25, Math.max(...times) * 1.25], low = Math.max(0, Math.min(...recalls, shown.aim) - 0.02);
  const x = (time) => LEFT + ((WIDE - LEFT - RIGHT) * Math.log(time / fast)) / Math.log(slow / fast);
  const y = (recall) => TOP + ((TALL - TOP - BOTTOM) * (1.005 - recall)) / (1.005 - low);
  const most = Math.max(...points.map((one) => one.ram_bytes_per_document));
  const svg = s("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, role: "group", "aria-label": "Recall against median time" });
  const step = [0.01, 0.02, 0.05, 0.1, 0.2].find((one) => (1 - low) / one <= 6) ?? 0.25;
  for (let recall = 1; recall >= low; recall -= step) svg.append(s("line", { class: "grid", x1: LEFT, x2: WIDE - RIGHT, y1: y(recall), y2: y(recall) }), s("text", { x: LEFT - 8, y: y(recall) + 4, "text-anchor": "end" }, recall.toFixed(2)));
  for (let i = 0; i < (WIDE > 400 ? 5 : 3); i++) {
    const time = fast * (slow / fast) ** ((i + 0.5) / (WIDE > 400 ? 5 : 3));
    svg.append(s("text", { x: x(time), y: TALL - BOTTOM + 20, "text-anchor": "middle" }, ms(time)));
  }
  svg.append(s("text", { x: WIDE - RIGHT, y: TALL - 4, "text-anchor": "end" }, "median time of a query →"), s("text", { x: LEFT + 6, y: TOP + 4 }, "↑ recall"));
  let best = -1;
  const front = points.filter((one) => one.recall.value > best && ((best = one.recall.value), true));
  svg.append(s("path", { class: "front", d: front.map((one, i) => `${i ? "L" : "M"}${x(one.latency_ms_p50)} ${y(one.recall.value)}`).join(" ") }),
    s("line", { class: "aim", x1: LEFT, x2: WIDE - RIGHT, y1: y(shown.aim), y2: y(shown.aim) }));
  const radius = (one) => 5 + 7 * Math.sqrt(one.ram_bytes_per_document / most);
  let ring = null;
  for (const one of points) {
    const chosen = one === picked;
    svg.append(s("circle", {
      class: `point${chosen ? " best" : meets(one) ? "" : " off"}`, cx: x(one.latency_ms_p50), cy: y(one.recall.value), r: radius(one),
      tabindex: 0, role: "button", "aria-pressed": String(chosen), "aria-label": `${one.funnel}: recall ${one.recall.value.toFixed(3)}, ${ms(one.latency_ms_p50)}`,
      onclick: () => pick(one), onkeydown: (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), pick(one)),
    }, s("title", {}, `${one.funnel}, ${one.prefix}`)));
    if (chosen) ring = s("circle", { class: "ring", cx: x(one.latency_ms_p50), cy: y(one.recall.value), r: radius(one) });
  }
  if (ring) svg.append(ring); // last: dots that lie on it would hide it
  return svg;
}
