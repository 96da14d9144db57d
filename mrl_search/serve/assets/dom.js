// Elements made of names, attributes and children. Strings become text nodes: nothing is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const h = (name, attributes = {}, ...children) => filled(document.createElement(name), attributes, children);
export const s = (name, attributes = {}, ...children) => filled(document.createElementNS(SVG, name), attributes, children);
export const byId = (id) => document.getElementById(id);

const WHOLE = new Intl.NumberFormat("en");
export const count = (n) => WHOLE.format(n);
export const plural = (n, word) => `${count(n)} ${word}${n === 1 ? "" : "s"}`;

// A funnel that breaks between its stages, not within a number.
export function inParts(funnel) {
  const parts = document.createDocumentFragment();
  funnel.split(",").forEach((stage, i) => parts.append(...(i ? [",", document.createElement("wbr")] : []), stage));
  return parts;
}

export function ms(time) {
  if (time < 0.095) return `${time.toFixed(3)} ms`;
  if (time < 9.95) return `${time.toFixed(2)} ms`;
  return time < 995 ? `${Math.round(time)} ms` : `${(time / 1000).toFixed(1)} s`;
}

export function bytes(n) {
  for (const unit of ["bytes", "KiB", "MiB", "GiB"]) {
    if (n < 1024 || unit === "GiB") return `${n < 10 && unit !== "bytes" ? n.toFixed(1) : Math.round(n)} ${unit}`;
    n /= 1024;
  }
  return "";
}

// What is done once after the last of several calls; the newest arguments count.
export function soon(delay, work) {
  let timer = 0;
  return (...given) => {
    clearTimeout(timer);
    timer = setTimeout(() => work(...given), delay);
  };
}
