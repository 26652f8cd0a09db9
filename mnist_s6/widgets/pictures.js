// Pictures of numbers: maps in colours, thumbnails, bars.

import { clamp, h, percent, range } from "./base.js";

const CIVIDIS = [[0, 34, 78], [59, 73, 109], [124, 123, 120], [188, 175, 111], [254, 232, 56]];
const SIGNED = range(256).map(n => {
  const place = (n / 255) * 4;
  const below = Math.min(3, Math.floor(place));
  return CIVIDIS[below].map((from, c) => from + (place - below) * (CIVIDIS[below + 1][c] - from));
});

const byte = value => clamp(Math.round(value), 0, 255);

/** The colour [red, green, blue] of a value between −limit, dark blue, and limit, light yellow. */
export const colourOf = (value, limit) => SIGNED[byte((value / limit + 1) * 127.5)];

/** A colour as a canvas stores it: four bytes in one number. */
const packed = ([red, green, blue]) => ((255 << 24) | (byte(blue) << 16) | (byte(green) << 8) | byte(red)) >>> 0;
const COLOURS = Uint32Array.from(SIGNED, packed);
const GREYS = Uint32Array.from(range(256), grey => packed([grey, grey, grey]));

/** The largest distance from zero, as the limit of a colour scale; never 0. */
export const limitOf = data => data.reduce((top, v) => (Number.isFinite(v) ? Math.max(top, Math.abs(v)) : top), 0) || 1;

/** The rows and columns [top, left, bottom, right] of map `index` where maps lie side by side, `across` in a row. */
export function tileOf(index, across, height, width) {
  const [top, left] = [Math.floor(index / across) * (height + 1), (index % across) * (width + 1)];
  return [top, left, top + height, left + width];
}

/** Paint maps { shape: [count, height, width], data } side by side: by `limit` in colours, without it grey, 0 to 1. */
function paint(canvas, { shape, data }, limit, across) {
  const [count, height, width] = shape;
  const wide = across * (width + 1) - 1;
  canvas.width = wide;
  canvas.height = Math.ceil(count / across) * (height + 1) - 1;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let index = 0, n = 0; index < count; index++) {
    const [top, left] = tileOf(index, across, height, width);
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++, n++) {
        const value = data[n];
        if (Number.isNaN(value)) continue;
        pixels[y * wide + x] = limit ? COLOURS[byte((value / limit + 1) * 127.5)] : GREYS[byte(255 * value)];
      }
    }
  }
  pen.putImageData(image, 0, 0);
}

/** A canvas with a caption above, and frames around some of its pixels; `pick(row, column)` hears clicks. */
export class Picture {
  constructor(caption = "", pick = null) {
    this.canvas = h("canvas", { role: "img", class: pick ? "s6-pick" : null });
    this.box = h("div", { class: "s6-box" }, this.canvas);
    this.caption = h("figcaption");
    this.figure = h("figure", {}, this.caption, this.box);
    this.name(caption);
    if (pick) this.canvas.addEventListener("click", event => pick(...this.place(event)));
  }

  /** The row and column of an event. */
  place({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const along = (at, size, count) => clamp(Math.floor((at / size) * count), 0, count - 1);
    return [along(clientY - top, height, this.canvas.height), along(clientX - left, width, this.canvas.width)];
  }

  /** Write the caption, which is also what a screen reader reads. */
  name(caption) {
    this.caption.textContent = caption;
    this.canvas.setAttribute("aria-label", caption.replaceAll("\n", ", "));
  }

  /** Show one map (height, width) or several (count, height, width), `size` pixels wide at most. */
  show({ shape, data }, { limit = 0, size = 140, caption, across } = {}) {
    const maps = shape.length === 3 ? shape : [1, ...shape];
    this.across = across ?? Math.ceil(Math.sqrt(maps[0]));
    this.shape = maps;
    paint(this.canvas, { shape: maps, data }, limit, this.across);
    this.box.style.width = `${size}px`;
    if (caption !== undefined) this.name(caption);
  }

  /** Put a frame around each box [top, left, bottom, right]; it may reach outside. */
  mark(...boxes) {
    this.box.replaceChildren(this.canvas, ...boxes.filter(Boolean).map(([top, left, bottom, right]) => {
      const { width, height } = this.canvas;
      const share = (part, whole) => `${(100 * part) / whole}%`;
      const style = { top: share(top, height), left: share(left, width),
        height: share(bottom - top, height), width: share(right - left, width) };
      return h("div", { class: "s6-frame", style });
    }));
  }
}

/** A small image; it needs a `name` for a screen reader only where no words around it tell what it is. */
export function thumbnail(image, name = "") {
  const picture = new Picture(name);
  picture.show(image);
  if (!name) picture.canvas.setAttribute("role", "presentation");
  return picture.canvas;
}

/** The probability of each digit as a bar; the best one is hatched and bold. */
export class Bars {
  constructor() {
    this.figure = h("div");
  }

  /** Show probabilities; `roles` are words beside some digits, as in { 3: "label" }. */
  show(shares, roles = {}) {
    const best = shares.indexOf(Math.max(...shares));
    this.figure.replaceChildren(...Array.from(shares, (share, digit) => h(
      "div", { class: digit === best ? "s6-bar s6-best" : "s6-bar" },
      h("span", {}, digit),
      h("span", { class: "s6-track" }, h("i", { style: { width: `${100 * share}%` } })),
      h("span", {}, percent(share)),
      h("span", {}, roles[digit] ?? ""),
    )));
  }
}
