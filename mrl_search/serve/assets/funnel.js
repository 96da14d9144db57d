// The funnel as a funnel, the ranks as lines, the certificate as a badge.

import { count, h, ms, s } from "/assets/dom.js";

const WIDE = 360;

// left: what those are that the last stage leaves.
export function drawFunnel(place, documents, stages, left) {
  const levels = [documents, ...stages.map((stage) => stage.kept)];
  const tall = 62, top = 24, scale = Math.log(1 + levels[0]);
  const half = levels.map((n) => (WIDE / 2 - 62) * (0.17 + 0.83 * (Math.log(1 + n) / scale)));
  const middle = WIDE / 2, height = top + tall * stages.length + 26;
  const label = [`${count(documents)} documents`, ...stages.map((stage) => `${nameOf(stage)}: ${count(stage.kept)} kept in ${ms(stage.time_ms)}`)];
  const svg = s("svg", { viewBox: `0 0 ${WIDE} ${height}`, role: "img", "aria-label": `Funnel: ${label.join("; ")}` });
  svg.append(s("text", { x: middle, y: 15, "text-anchor": "middle", class: "count" }, `${count(documents)} documents`));
  stages.forEach((stage, i) => {
    const y = top + i * tall, end = y + tall, bend = y + tall * 0.55;
    const path = `M${middle - half[i]} ${y} C${middle - half[i]} ${bend} ${middle - half[i + 1]} ${bend} ${middle - half[i + 1]} ${end} `
      + `L${middle + half[i + 1]} ${end} C${middle + half[i + 1]} ${bend} ${middle + half[i]} ${bend} ${middle + half[i]} ${y} Z`;
    const shade = stages.length === 1 ? 2 : Math.round((i * 2) / (stages.length - 1));
    const last = i === stages.length - 1;
    svg.append(
      s("path", { d: path, class: `band f${shade}` }),
      last ? null : s("line", { x1: middle - half[i + 1], x2: middle + half[i + 1], y1: end, y2: end, class: "rule" }),
      s("text", { x: 2, y: y + tall * 0.55, class: "dim" }, nameOf(stage)),
      s("text", { x: WIDE - 2, y: y + tall * 0.55, "text-anchor": "end", class: "ms" }, ms(stage.time_ms)),
      s("text", { x: middle, y: last ? end + 18 : end - 10, "text-anchor": "middle", class: "count" }, `${count(stage.kept)} ${last ? left : "candidates"}`),
    );
  });
  place.replaceChildren(svg);
}

export const nameOf = ({ stage }) => (stage === "proof" ? "proof" : /^\d+:/.test(stage) ? `${stage.split(":")[0]} dims` : "with words");

export function drawBadge(place, result, prove) {
  if (result.certified === undefined) {
    place.replaceChildren(h("div", { class: "badge" }, "Words joined in: of both together nothing is proven."));
    return;
  }
  const sure = result.certified;
  const shield = s("svg", { viewBox: "0 0 20 22", width: 20, height: 22, "aria-hidden": "true" },
    s("path", { d: "M10 1l8 3v6c0 5-3.4 9-8 11-4.6-2-8-6-8-11V4z", fill: "none", stroke: "currentColor", "stroke-width": 1.8 }),
    s("path", { d: sure ? "M6 11l3 3 5-6" : "M10 6.5v5.5M10 15v.5", fill: "none", stroke: "currentColor", "stroke-width": 2, "stroke-linecap": "round" }));
  const told = sure ? "Certified: the exact best of all, ties included"
    : `Not proven: a document not compared could lie up to ${result.bound_gap?.toFixed(3) ?? "?"} above the last answer`;
  place.replaceChildren(h("div", { class: `badge${sure ? " sure" : ""}` }, shield, h("span", {}, told),
    prove ? h("button", { class: "quiet", type: "button", onclick: prove }, sure ? "Do not prove" : "Prove it") : null));
}

// Answers from stage to stage. ranks: id → place, of each stage. Beyond the last answer places are squeezed.
export function drawFlow(place, result, light) {
  const stages = result.stages;
  const answers = result.answers.slice(0, 20), shown = answers.length, row = 19, top = 30;
  if (stages.length < 2 || !shown) {
    place.replaceChildren(h("p", { class: "note" }, "One stage alone ranks here: nothing can rise or fall."));
    return;
  }
  const worst = Math.max(...stages.flatMap((stage) => stage.ranks.map((one) => one.rank)), shown + 1);
  const y = (rank) => top + row * (rank <= shown ? rank - 0.5 : shown + 0.4 + 4 * (Math.log(rank / shown) / Math.log(Math.max(worst / shown, 2))));
  const x = (i) => 34 + (i * (WIDE - 68)) / (stages.length - 1);
  const height = y(worst) + 14;
  const svg = s("svg", { viewBox: `0 0 ${WIDE} ${height}`, role: "img", "aria-label": "Ranks of the answers from stage to stage" });
  const rankAt = stages.map((stage) => new Map(stage.ranks.map((one) => [one.id, one.rank])));
  stages.forEach((stage, i) => svg.append(s("text", { x: x(i), y: 12, "text-anchor": i === 0 ? "start" : i === stages.length - 1 ? "end" : "middle", class: "head", dx: i === 0 ? -32 : i === stages.length - 1 ? 32 : 0 }, nameOf(stage))));
  const final = new Set(result.answers.map((one) => one.id));
  stages.slice(0, -1).forEach((stage, i) => {
    for (const { id, rank } of stage.ranks) {
      if (final.has(id) || rank > shown || rankAt[i + 1].has(id)) continue;
      const across = x(i + 1) - x(i);
      svg.append(s("path", { class: "line out", d: `M${x(i)} ${y(rank)} C${x(i) + across * 0.3} ${y(rank)} ${x(i) + across * 0.35} ${y(rank) + row} ${x(i) + across * 0.42} ${Math.min(y(rank) + 2.2 * row, height)}` }));
    }
  });
  const told = []; // where a rank is written already; what would lie on it is left out
  for (const { id, title } of answers) {
    const ranks = rankAt.map((one) => one.get(id)), first = ranks[0], last = ranks.at(-1);
    const way = first === undefined || last === undefined || first === last ? "" : first > last ? "rose" : "fell";
    const group = s("g", { class: way, "data-id": id, onmouseenter: () => light(id), onmouseleave: () => light(null) },
      s("title", {}, `${title || id}: ${ranks.map((rank) => rank ?? "–").join(" → ")}`));
    for (let i = 0; i + 1 < ranks.length; i++) {
      if (ranks[i] === undefined || ranks[i + 1] === undefined) continue;
      const [a, b, from, to] = [x(i), x(i + 1), y(ranks[i]), y(ranks[i + 1])], mid = (a + b) / 2;
      group.append(s("path", { class: `line ${way}`, d: `M${a} ${from} C${mid} ${from} ${mid} ${to} ${b} ${to}` }));
    }
    ranks.forEach((rank, i) => rank !== undefined && group.append(s("circle", { class: "dot", cx: x(i), cy: y(rank), r: 3.5 })));
    if (first !== undefined && !told.some((at) => Math.abs(at - y(first)) < 11)) {
      told.push(y(first));
      group.append(s("text", { x: x(0) - 9, y: y(first) + 4, "text-anchor": "end" }, String(first)));
    }
    if (last !== undefined) group.append(s("text", { x: x(stages.length - 1) + 9, y: y(last) + 4 }, String(last)));
    svg.append(group);
  }
  place.replaceChildren(svg, h("div", { class: "legend" }, h("span", { class: "rose" }, h("i"), "rose"), h("span", { class: "fell" }, h("i"), "fell, or fell out"), h("span", {}, h("i"), "stayed")));
}
