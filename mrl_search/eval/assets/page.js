"use strict";
// What stands on the page: one collection at a time, chosen at its top.
const COLLECTIONS = JSON.parse(document.getElementById("data").textContent);
const by = (id) => document.getElementById(id);
const percent = (share) => (100 * share).toFixed(1) + " %";
const COSTS = {
  "p50 ms": (row) => row.cost.latency_ms_p50,
  "p99 ms": (row) => row.cost.latency_ms_p99,
  "queries a second": (row) => row.cost.queries_per_second,
  "multiply-adds": (row) => row.cost.macs_per_query,
  "RAM bytes a document": (row) => row.cost.ram_bytes_per_document,
  "disk bytes a document": (row) => row.cost.disk_bytes_per_document,
  "cost of a month": (row) => monthly(row),
};
const MORE_IS_BETTER = "queries a second";
let now = COLLECTIONS[0], prices = { ...now.prices };

function monthly(row) {
  if (!row.dim) return NaN; // BM25 counts postings, which do not grow as vectors do
  const cost = row.cost, milliseconds = cost.latency_ms_mean + (prices.documents - now.documents) * row.ms_per_document;
  const cores = (milliseconds * prices.queries_per_second) / 1000 / prices.load;
  const ram = cost.ram_bytes + prices.documents * cost.ram_bytes_per_document, disk = prices.documents * cost.disk_bytes_per_document;
  return (prices.replicas * (ram * prices.ram + disk * prices.disk)) / 2 ** 30 + cores * prices.core;
}

const grower = (one) => [one.encoder, one.rotation === "none" ? "" : one.rotation].filter(Boolean).join(" · ");

// a colour for each encoder and rotation, or for each encoder where those are too many
function look(row) {
  const all = (name) => [...new Set(now.rows.map(name))];
  const hue = all(grower).length <= PALETTE.length ? grower : (one) => one.encoder;
  return {
    colour: PALETTE[all(hue).indexOf(hue(row)) % PALETTE.length],
    shape: SHAPES[all((one) => one.rotation).indexOf(row.rotation) % SHAPES.length],
    hollow: row.exact,
  };
}

const named = (row) => [row.encoder, row.rotation === "none" ? "" : row.rotation, row.dtype === "float32" ? "" : row.dtype, row.prefix === "Flat" ? "" : row.prefix, row.funnel].filter(Boolean).join(" · ");
const usable = (measure, cost) => now.rows.filter((row) => measure in row.mean && COSTS[cost](row) > 0);

function front(rows, measure, cost) {
  const worth = MORE_IS_BETTER === cost ? (row) => -COSTS[cost](row) : COSTS[cost];
  const order = [...rows].sort((a, b) => worth(a) - worth(b) || b.mean[measure] - a.mean[measure]);
  let best = -Infinity;
  return order.filter((row) => row.mean[measure] > best && ((best = row.mean[measure]), true));
}

function drawPareto() {
  const measure = by("quality").value, cost = by("cost").value, rows = usable(measure, cost);
  if (!rows.length) return by("pareto").replaceChildren("No row has both.");
  const free = now.rows.filter((row) => measure in row.mean && COSTS[cost](row) === 0).length;
  by("free").textContent = free ? `${free} rows need no ${cost}, which has no place on this axis; they are left out.` : "";
  const best = front(rows, measure, cost);
  const shown = by("front-only").checked ? best : rows;
  const unit = cost === "cost of a month" ? `${prices.currency} a month, ${prices.documents.toLocaleString("en")} documents` : cost;
  const drawn = chart(by("pareto"), shown.map(COSTS[cost]), shown.map((row) => row.mean[measure]), [unit, measure], { logX: true });
  if (best.length > 1) line(drawn, best.map((row) => [COSTS[cost](row), row.mean[measure]]), { class: "front", "stroke-width": 1.5 });
  for (const row of shown) {
    const tell = () => describe(row, measure, cost, unit);
    mark(drawn, [COSTS[cost](row), row.mean[measure]], look(row), tell, `${named(row)}: ${measure} ${row.mean[measure].toFixed(4)}`);
  }
  fill(by("front"), ["row", measure, "95 %", unit, "kept"], best.map((row) => [named(row), row.mean[measure].toFixed(4), interval(row, measure), short(COSTS[cost](row)), row.kept ? percent(row.kept.share) : "–"]));
}

const interval = (row, measure) => `[${row.interval[measure].map((value) => value.toFixed(3)).join(", ")}]`;

function describe(row, measure, cost, unit) {
  const place = by("chosen");
  place.replaceChildren();
  element("strong", {}, place, named(row));
  const words = [`${measure} ${row.mean[measure].toFixed(4)} ${interval(row, measure)}`, `${short(COSTS[cost](row))} ${unit}`];
  if (row.kept) words.push(`${percent(row.kept.share)} of full width${row.verdict === "–" ? "" : ` (${row.verdict})`}`);
  element("div", {}, place, words.join(" · "));
  element("code", {}, place, now.command);
}

function drawLegend() {
  by("legend").replaceChildren();
  for (const group of groups(now.rows, grower)) {
    const how = look(group[0]), span = element("span", {}, by("legend"));
    const svg = element("svg", { viewBox: "0 0 14 14" }, span);
    element("path", { d: shape(how.shape, 7, 7, 5), fill: how.colour, stroke: how.colour, "stroke-width": 2 }, svg);
    span.append(grower(group[0]));
  }
  element("span", {}, by("legend"), "hollow: exact search; filled: funnels");
}

function drawWidths() {
  const measure = by("quality").value, rows = now.rows.filter((row) => row.exact && row.dim && measure in row.mean);
  const widths = [...new Set(rows.map((row) => row.dim))].sort((a, b) => a - b);
  if (!rows.length) return by("widths").replaceChildren("No exact rows.");
  const drawn = chart(by("widths"), widths, rows.flatMap((row) => row.interval[measure]), ["dims", measure], { logX: true, ticksX: widths });
  for (const group of groups(rows, (row) => `${grower(row)} ${row.dtype}`)) {
    const how = look(group[0]), points = group.sort((a, b) => a.dim - b.dim);
    line(drawn, points.map((row) => [row.dim, row.mean[measure]]), { stroke: how.colour });
    for (const row of points) {
      line(drawn, row.interval[measure].map((value) => [row.dim, value]), { stroke: how.colour, "stroke-width": 1 });
      mark(drawn, [row.dim, row.mean[measure]], how, () => describe(row, measure, "p50 ms", "p50 ms"), `${named(row)}: ${row.mean[measure].toFixed(4)}`);
    }
  }
}

function groups(rows, key) {
  const found = new Map();
  for (const row of rows) found.set(key(row), [...(found.get(key(row)) || []), row]);
  return [...found.values()];
}

function drawGrowth() {
  by("growth-section").hidden = !now.growth.length;
  if (!now.growth.length) return;
  const told = now.growth.filter((one) => grower(one) === by("growing").selectedOptions[0].textContent);
  const measure = by("quality").value, curves = told.map((one) => [one, one.curves.find((curve) => curve.measure === measure)]).filter(([, curve]) => curve);
  const counts = now.growth[0].documents, most = counts[counts.length - 1], beyond = [10 * most, 100 * most];
  const widths = told.map((one) => one.dim).sort((a, b) => b - a);
  const values = curves.flatMap(([, curve]) => [...curve.mean, ...curve.expected.flatMap((some) => [some.low, some.high])]);
  const drawn = chart(by("growth"), [...counts, ...beyond], values, ["documents", measure], { logX: true });
  const tint = (one) => PALETTE[widths.indexOf(one.dim) % PALETTE.length];
  for (const [one, curve] of curves) {
    const end = [most, curve.mean[curve.mean.length - 1]];
    line(drawn, counts.map((count, place) => [count, curve.mean[place]]), { stroke: tint(one) });
    line(drawn, [end, ...beyond.map((count, place) => [count, curve.expected[place].value])], { stroke: tint(one), "stroke-dasharray": "3 4" });
    beyond.forEach((count, place) => line(drawn, [[count, curve.expected[place].low], [count, curve.expected[place].high]], { stroke: tint(one), "stroke-width": 1 }));
    element("text", { x: drawn.x(end[0]) + 4, y: drawn.y(end[1]) - 6, style: `fill:${tint(one)}` }, drawn.svg, one.dim);
  }
  const counted = told.filter((one) => one.needed.some((count) => count));
  const below = chart(by("needed"), counts, counted.flatMap((one) => one.needed.filter(Boolean)), ["documents", "candidates"], { logX: true, logY: true, height: 260 });
  for (const one of counted) {
    const points = counts.map((count, place) => [count, one.needed[place]]).filter(([, value]) => value);
    line(below, points, { stroke: tint(one) });
    const [x, y] = points[points.length - 1];
    element("text", { x: below.x(x) - 4, y: below.y(y) - 6, "text-anchor": "end", style: `fill:${tint(one)}` }, below.svg, one.dim);
  }
}

function drawQueries() {
  const measure = by("quality").value, pair = ["first", "second"].map((id) => now.rows[by(id).value]);
  by("queries").replaceChildren();
  if (!pair.every((row) => row && measure in row.per_query)) return (by("tally").textContent = `One of them is not deep enough for ${measure}.`);
  const [before, after] = pair.map((row) => row.per_query[measure]);
  const changes = now.queries.map((query, place) => ({ query, before: before[place], after: after[place] }));
  by("textless").hidden = now.queries.some((one) => one.text);
  const won = changes.filter((one) => one.after > one.before), lost = changes.filter((one) => one.after < one.before);
  by("tally").textContent = `${measure}: ${won.length} queries better, ${lost.length} worse, ${changes.length - won.length - lost.length} the same. The largest changes:`;
  for (const [some, word, sign] of [[won, "better", "+"], [lost, "worse", "−"]]) {
    if (some.length) element("h3", {}, by("queries"), word);
    some.sort((a, b) => Math.abs(b.after - b.before) - Math.abs(a.after - a.before));
    for (const one of some.slice(0, 10)) {
      const block = element("div", { class: "query" }, by("queries"));
      element("span", { class: word }, block, `${sign}${Math.abs(one.after - one.before).toFixed(3)} `);
      block.append(one.query.text || one.query.id);
      element("div", { class: "answers" }, block, `${one.before.toFixed(3)} → ${one.after.toFixed(3)}${one.query.relevant.length ? "; relevant: " + one.query.relevant.join(" · ") : ""}`);
    }
  }
}

function drawMatrix() {
  const told = now.significance, rows = told.rows.map((place) => now.rows[place]);
  by("tests").textContent = `${told.measure}: the row less the column. p of the paired randomisation test, after Holm's correction over all ${(rows.length * (rows.length - 1)) / 2} pairs; = where the two are as good within ± ${told.margin} (TOST, p < .05).`;
  const table = by("matrix");
  table.replaceChildren();
  const head = element("tr", {}, element("thead", {}, table));
  element("th", {}, head, "");
  rows.forEach((row) => element("th", { class: "turned" }, head, named(row)));
  const body = element("tbody", {}, table);
  rows.forEach((row, i) => {
    const tr = element("tr", {}, body);
    breakable(element("th", { class: "left" }, tr), named(row));
    rows.forEach((_, j) => {
      if (i === j) return element("td", {}, tr, "");
      const [difference, p, equal] = told.pairs[i][j];
      const words = (p < 0.05 ? (difference > 0 ? "+" : "−") + Math.abs(difference).toFixed(3) : "") + (equal ? " =" : "");
      element("td", { class: p < 0.05 ? (difference > 0 ? "better" : "worse") : "", title: `${difference.toFixed(4)}, p ${p.toFixed(4)}` }, tr, words || "·");
    });
  });
}

function fill(table, heads, lines) {
  table.replaceChildren();
  const head = element("tr", {}, element("thead", {}, table)), body = element("tbody", {}, table);
  heads.forEach((text) => element("th", {}, head, text));
  for (const cells of lines) {
    const row = element("tr", {}, body);
    breakable(element("td", {}, row), cells[0]);
    cells.slice(1).forEach((text) => element("td", {}, row, text));
  }
}

// text that may be broken after its commas: a funnel is one long word
function breakable(place, text) {
  text.split(",").forEach((part, i) => place.append(...(i ? [",", element("wbr")] : []), part));
}

function options(select, names, chosen) {
  select.replaceChildren();
  names.forEach((name, place) => element("option", { value: place }, select, name));
  select.value = chosen;
}

function choose() {
  now = COLLECTIONS[by("collection").value];
  by("about").textContent = `${now.dataset} (${now.split}): ${now.documents.toLocaleString("en")} documents, ${now.judged.toLocaleString("en")} queries.`;
  by("notes").replaceChildren();
  now.notes.forEach((note) => element("li", {}, by("notes"), note));
  by("quality").replaceChildren();
  now.measures.forEach((name) => element("option", {}, by("quality"), name));
  options(by("first"), now.rows.map(named), Math.max(Math.min(1, now.rows.length - 1), now.rows.findIndex((row) => !row.exact)));
  options(by("second"), now.rows.map(named), 0);
  options(by("growing"), [...new Set(now.growth.map(grower))], 0);
  by("made").textContent = `Made by: ${now.command}. Commit ${now.provenance.commit}, ${now.provenance.machine}.`;
  drawLegend();
  drawMatrix();
  fill(by("rows"), ["row", ...now.measures, "kept", "test", "RAM B/doc", "disk B/doc", "p50 ms", "p95 ms", "p99 ms"], now.rows.map((row) => [named(row), ...now.measures.map((name) => (name in row.mean ? row.mean[name].toFixed(4) : "–")), row.kept ? percent(row.kept.share) : "–", row.verdict, short(row.cost.ram_bytes_per_document), short(row.cost.disk_bytes_per_document), ...["p50", "p95", "p99"].map((which) => row.cost["latency_ms_" + which].toFixed(2))]));
  draw();
}

function draw() {
  drawPareto();
  drawWidths();
  drawGrowth();
  drawQueries();
}

options(by("collection"), COLLECTIONS.map((one) => `${one.dataset} (${one.split}), ${one.documents.toLocaleString("en")} documents, ${one.rows.length} rows of ${[...new Set(one.rows.map((row) => row.encoder))].join(", ")}`), 0);
Object.keys(COSTS).forEach((name) => element("option", {}, by("cost"), name));
for (const [key, value] of Object.entries(prices)) {
  if (typeof value !== "number") continue;
  const input = element("input", { type: "number", step: "any", min: 0, value }, element("label", {}, by("prices"), key.replaceAll("_", " ") + " "));
  input.addEventListener("input", () => +input.value > 0 && ((prices[key] = +input.value), drawPareto()));
}
by("collection").addEventListener("change", choose);
for (const id of ["quality", "cost", "front-only"]) by(id).addEventListener("change", draw);
for (const id of ["first", "second"]) by(id).addEventListener("change", drawQueries);
by("growing").addEventListener("change", drawGrowth);
choose();
let width = document.body.clientWidth;
new ResizeObserver(() => document.body.clientWidth !== width && ((width = document.body.clientWidth), draw())).observe(document.body);
