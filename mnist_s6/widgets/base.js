// What every explorer is made of: elements, words, numbers.

export const KEYS = "data-lm-suppress-shortcuts"; // without it JupyterLab takes an element's keys for itself

/** An error that Python would call a ValueError. */
export class ValueError extends Error {
  name = "ValueError";
}

/** One that it would call a FloatingPointError. */
export class FloatingPointError extends Error {
  name = "FloatingPointError";
}

/** An element: h("p", { class: "s6-note", onclick: act }, "text", child); a child may be what has a `figure`. */
export function h(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "circle", "rect", "text", "polyline"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().map(child => child.figure ?? child));
  return element;
}

/** The arrow keys as steps [right, down]. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A row of elements that wraps where there is no room. */
export const row = (...children) => h("div", { class: "s6-row" }, ...children);

/** Elements under a caption. */
export const captioned = (caption, ...children) => h("figure", {}, h("figcaption", {}, caption), ...children);

/** A value moved to the nearer end, if it lies outside. */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The whole numbers from 0 to count − 1. */
export const range = count => Array.from({ length: count }, (_, n) => n);

/** A number as Python writes it, which rounds a half to the even neighbour; JavaScript rounds it up. */
export function fixed(value, digits) {
  if (!Number.isInteger(value * 2 ** (digits + 1))) return value.toFixed(digits);
  const [below, rest] = [Math.floor(value * 10 ** digits), (value * 10 ** digits) % 1];
  return ((below + (Math.abs(rest) === 0.5 ? Math.abs(below % 2) : 0)) / 10 ** digits).toFixed(digits);
}

/** A number for people: a true minus, and none before zero. */
export const number = (value, digits = 3) => (Number(fixed(value, digits)) + 0).toFixed(digits).replace("-", "−");

/** A share as Python writes `f"{share:.1%}"`. */
export const percent = (share, digits = 1) => `${fixed(100 * share, digits)}%`;

/** As in "1, 2 and 3". */
export const listed = items => new Intl.ListFormat("en-GB").format(items.map(String));

/** A count for people: "10,000". */
export const grouped = count => count.toLocaleString("en-US");

/** "a 3", "an 8". */
export const withArticle = digit => `${digit === 8 ? "an" : "a"} ${digit}`;

/** The bytes of a trait, which arrives as a DataView. */
export const bytes = view => (view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array());

/** Float32 values out of bytes that may begin anywhere. */
export const floats = view => new Float32Array(bytes(view).slice().buffer);
