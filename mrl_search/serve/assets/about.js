// What an index says of itself.

import { byId, bytes, count, h, inParts, ms, plural, s } from "/assets/dom.js";

export function showIndexFacts(index) {
  const sizes = { float32: 4, bfloat16: 2, int8: 1 }, longest = index.dims.at(-1);
  const stat = (value, name, small) => h("div", { class: `card stat${small ? " small" : ""}` }, h("strong", {}, value), h("span", {}, name));
  const tuned = index.tuned;
  const promises = [...(index.has_bounds ? ["exact"] : []), ...index.calibrations.map((one) => `${one.recall} of ${one.k}`)];
  byId("view-index").replaceChildren(
    h("div", { class: "lead" }, h("div", {}, h("h2", {}, index.name), h("p", {}, "Every embedding is stored once in full, and its first coordinates a second time, small and fast."))),
    h("div", { class: "card dolls" }, dolls(index.dims)),
    h("div", { class: "stats" },
      stat(count(index.documents), index.deleted_rows ? `documents, and ${plural(index.deleted_rows, "deleted row")}` : "documents"),
      stat(bytes(index.ram_bytes), "of RAM for the prefix index"),
      stat(bytes(index.documents * longest * sizes[index.dtype]), `of full vectors on disk, ${index.dtype}`),
      stat(String(index.segments), index.segments === 1 ? "segment" : "segments"),
      stat(index.encoder, "encoder", true), stat(index.prefix, "prefix index", true), stat(index.rotation ?? "none", "rotation", true),
      stat(inParts(index.funnel), "funnel", true), stat(index.searched_on, "searched on", true), stat(promises.join(", ") || "none yet", "guarantees", true),
      tuned ? stat(`${tuned.recall.toFixed(4)}`, `recall@${tuned.k} as tuned, median ${ms(tuned.latency_ms_p50)}`) : null));
}

// One doll in another: the widths, each as long as its share of the whole, but never so that a label is covered.
function dolls(dims) {
  const rise = Math.min(0.6, 2 / dims.length), room = Math.min(2.9, 17.5 / dims.length); // rem; of a phone's 18
  let nested = null;
  dims.forEach((dim, i) => {
    const shade = dims.length === 1 ? 2 : Math.round((3 * (dims.length - 1 - i)) / (dims.length - 1));
    const outer = dims[i + 1], one = h("span", { class: `f${shade}` }, nested, outer || dims.length > 5 ? String(dim) : `${dim} dims`);
    const around = i + 2 < dims.length || dims.length > 5 ? room : 5.2; // what the next one's label takes
    one.style.paddingRight = room < 2.9 ? "0.2rem" : "0.5rem";
    one.style.minWidth = `${room * (i + 1)}rem`;
    one.style.width = outer ? `min(${(100 * dim) / outer}%, 100% - ${around}rem)` : "100%";
    one.style.inset = outer ? `${rise}rem auto ${rise}rem 0` : "0";
    nested = one;
  });
  return h("div", { class: "nest", role: "img", "aria-label": `Widths: ${dims.join(", ")} dims` }, nested);
}

export function welcome(index) {
  const nested = s("svg", { viewBox: "0 0 240 120", "aria-hidden": "true" },
    ...[[100, 0], [72, 1], [46, 2], [24, 3]].map(([size, shade]) => s("path", { class: `band f${shade}`, d: doll(120, 114, size) })));
  return [nested, h("h2", {}, `Ask ${index.name}`),
    h("p", {}, `${count(index.documents)} documents. A query is compared by ${index.dims[0]} of its ${index.dims.at(-1)} coordinates first, and the best of what that finds by more: you will see which stage kept what.`)];
}

// A nesting doll that stands on (x, y): a head on a body.
function doll(x, y, tall) {
  const w = tall * 0.36, head = tall * 0.27;
  return `M${x - w} ${y} C${x - w * 1.35} ${y - tall * 0.5} ${x - w} ${y - tall * 0.62} ${x - head * 0.86} ${y - tall * 0.66} `
    + `C${x - head * 1.25} ${y - tall * 1.1} ${x + head * 1.25} ${y - tall * 1.1} ${x + head * 0.86} ${y - tall * 0.66} `
    + `C${x + w} ${y - tall * 0.62} ${x + w * 1.35} ${y - tall * 0.5} ${x + w} ${y} Z`;
}
