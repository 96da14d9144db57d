// What went wrong, and what can be done: enter another key where this one is not enough, or try once more.

import { h } from "/assets/dom.js";

export function problemOf(error, again) {
  const action = (name, act) => h("button", { class: "quiet", type: "button", onclick: act }, name);
  return [h("span", {}, error.message),
    error.status === 401 || error.code === "scope_missing" ? action("Use another key", () => document.dispatchEvent(new CustomEvent("key-needed", { detail: error }))) : null,
    again ? action("Try again", again) : null].filter(Boolean);
}
