"use strict";
// Drawing: scales, axes and marks as inline SVG, at the width that is there.
const PALETTE = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8c6d31", "#7b61c4"];
const SHAPES = ["circle", "square", "triangle", "diamond", "cross"];
const PLACES = { left: 56, right: 16, top: 28, bottom: 44 };

function element(name, attributes, parent, text) {
  const svg = ["svg", "g", "path", "line", "text", "title"].includes(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  if (parent) parent.append(made);
  return made;
}

function shape(kind, x, y, r) {
  const at = (dx, dy) => `${(x + dx * r).toFixed(1)} ${(y + dy * r).toFixed(1)}`;
  if (kind === "square") return `M${at(-1, -1)}L${at(1, -1)}L${at(1, 1)}L${at(-1, 1)}Z`;
  if (kind === "triangle") return `M${at(0, -1.2)}L${at(1.1, 0.9)}L${at(-1.1, 0.9)}Z`;
  if (kind === "diamond") return `M${at(0, -1.3)}L${at(1.3, 0)}L${at(0, 1.3)}L${at(-1.3, 0)}Z`;
  if (kind === "cross") return `M${at(-1, -1)}L${at(1, 1)}M${at(-1, 1)}L${at(1, -1)}`;
  return `M${at(-1, 0)}A${r} ${r} 0 1 0 ${at(1, 0)}A${r} ${r} 0 1 0 ${at(-1, 0)}Z`;
}

function short(value) {
  if (value === 0) return "0";
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]])
    if (Math.abs(value) >= size) return +(value / size).toPrecision(3) + letter;
  return String(+value.toPrecision(3));
}

// Some five round values from low or just below to high or just above
function even(low, high) {
  const rough = (high - low) / 5, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((one) => one * power >= rough) * power;
  const count = Math.ceil(high / step) - Math.floor(low / step);
  return Array.from({ length: count + 1 }, (_, place) => +((Math.floor(low / step) + place) * step).toPrecision(12));
}

// {at, ticks} of an axis from low to high over `room` pixels, logarithmic or not
function scale(values, room, logarithmic, ticks) {
  let low = Math.min(...values), high = Math.max(...values);
  if (logarithmic) {
    [low, high] = [Math.log10(low), Math.log10(high)];
    if (high - low < 0.05) [low, high] = [low - 0.2, high + 0.2];
    const margin = 0.04 * (high - low);
    [low, high] = [low - margin, high + margin];
    if (!ticks && high - low < 0.5) ticks = even(10 ** low, 10 ** high);
    if (!ticks) {
      const steps = high - low > 2.5 ? [1] : high - low > 1.5 ? [1, 3] : [1, 1.5, 2, 3, 5, 7];
      ticks = [];
      for (let power = Math.floor(low); power <= high; power++) for (const step of steps) ticks.push(step * 10 ** power);
    }
    const at = (value) => ((Math.log10(value) - low) / (high - low)) * room;
    return { at, ticks: ticks.filter((tick) => at(tick) >= 0 && at(tick) <= room) };
  }
  if (high - low < 1e-9) [low, high] = [low - 0.01, high + 0.01];
  const found = even(low, high);
  [low, high] = [found[0], found[found.length - 1]];
  return { at: (value) => ((value - low) / (high - low)) * room, ticks: found };
}

// An empty chart in `place`: {svg, x, y} with x and y from values to pixels
function chart(place, xs, ys, names, options) {
  place.replaceChildren();
  const width = Math.max(280, place.clientWidth), height = options.height || Math.min(420, Math.max(260, width * 0.5));
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "group", "aria-label": `${names[1]} by ${names[0]}` }, place);
  const across = scale(xs, width - PLACES.left - PLACES.right, options.logX, options.ticksX);
  const up = scale(ys, height - PLACES.top - PLACES.bottom, options.logY);
  const x = (value) => PLACES.left + across.at(value), y = (value) => height - PLACES.bottom - up.at(value);
  for (const tick of up.ticks) {
    element("line", { class: "grid", x1: PLACES.left, x2: width - PLACES.right, y1: y(tick), y2: y(tick) }, svg);
    element("text", { x: PLACES.left - 6, y: y(tick) + 4, "text-anchor": "end" }, svg, options.logY ? short(tick) : +tick.toFixed(4));
  }
  let last = -Infinity;
  for (const tick of across.ticks) {
    element("line", { class: "grid", x1: x(tick), x2: x(tick), y1: height - PLACES.bottom, y2: height - PLACES.bottom + 5 }, svg);
    if (x(tick) - last < 38) continue;
    last = x(tick);
    element("text", { x: x(tick), y: height - PLACES.bottom + 18, "text-anchor": "middle" }, svg, short(tick));
  }
  element("text", { x: (PLACES.left + width - PLACES.right) / 2, y: height - 6, "text-anchor": "middle" }, svg, names[0]);
  element("text", { x: 4, y: 13, "text-anchor": "start" }, svg, names[1]);
  return { svg, x, y };
}

function line(drawn, points, attributes) {
  const path = points.map(([x, y], place) => `${place ? "L" : "M"}${drawn.x(x).toFixed(1)} ${drawn.y(y).toFixed(1)}`).join("");
  return element("path", { d: path, fill: "none", "stroke-width": 2, ...attributes }, drawn.svg);
}

function mark(drawn, [x, y], look, tell, label) {
  const made = element("path", { d: shape(look.shape, drawn.x(x), drawn.y(y), 5.5), class: "mark", stroke: look.colour, tabindex: 0, role: "img", "aria-label": label }, drawn.svg);
  made.setAttribute("fill", look.hollow ? "var(--paper)" : look.colour);
  for (const event of ["mouseenter", "focus", "click"]) made.addEventListener(event, tell);
  return made;
}
