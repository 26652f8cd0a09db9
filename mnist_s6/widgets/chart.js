// A chart of lines and bars, as an SVG that takes the colour of the text around it.

import { captioned, clamp, h } from "./base.js";

export const BLUE = "#0072B2"; // Okabe and Ito's: everyone can tell them apart
export const ORANGE = "#E69F00";

/** Axes with a title and labels; draw on it with `line` and `bars`, and show its `figure`. */
export class Chart {
  constructor({ title, xlabel, ylabel, x, y, xticks = [], yticks = [], log = false, width = 330, height = 200 }) {
    Object.assign(this, { x, y, log, width, height });
    const [left, right, top, bottom] = [46, width - 14, 8, height - 34]; // room for half of a label at the end
    Object.assign(this, { left, right, top, bottom });
    const text = (words, at) => h("text", { "text-anchor": "middle", ...at }, String(words).replace(/^-/, "−"));
    const middle = (top + bottom) / 2;
    this.svg = h(
      "svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img", "aria-label": title },
      xticks.map(value => text(value, { x: this.across(value), y: bottom + 14 })),
      yticks.map(value => [
        text(value, { x: left - 5, y: this.up(value) + 4, "text-anchor": "end" }),
        h("line", { x1: left, x2: right, y1: this.up(value), y2: this.up(value), stroke: "#8885" }),
      ]).flat(),
      h("path", { d: `M${left},${top}V${bottom}H${right}`, fill: "none", stroke: "currentColor" }),
      text(xlabel, { x: (left + right) / 2, y: height - 4 }),
      text(ylabel, { x: 12, y: middle, transform: `rotate(-90 12 ${middle})` }),
    );
    this.figure = captioned(title, this.svg);
  }

  /** The place of a value on the horizontal axis. */
  across(value) {
    return this.left + ((value - this.x[0]) / (this.x[1] - this.x[0])) * (this.right - this.left);
  }

  /** The place of a value on the vertical axis; values outside it are moved to its ends. */
  up(value) {
    const scale = this.log ? v => Math.log(Math.max(v, 1e-12)) : v => v;
    const [low, high] = this.y.map(scale);
    const share = (scale(value) - low) / (high - low);
    return this.bottom - clamp(share, 0, 1) * (this.bottom - this.top);
  }

  /** A line through points [x, y], told apart by its dashes and marks ("circle", "square" or none) too. */
  line(points, { color, dash = null, mark = null, width = 2 }) {
    const places = points.map(([x, y]) => [this.across(x), this.up(y)]);
    const all = places.map(place => place.join()).join(" ");
    const look = { fill: "none", stroke: color, "stroke-width": width, "stroke-dasharray": dash };
    this.svg.append(h("polyline", { points: all, ...look }));
    for (const [x, y] of places) {
      if (mark === "circle") this.svg.append(h("circle", { cx: x, cy: y, r: 3, fill: color }));
      if (mark === "square") this.svg.append(h("rect", { x: x - 3, y: y - 3, width: 6, height: 6, fill: color }));
    }
    return this;
  }

  /** A pale band between the points [x, low] and [x, high] of each [x, low, high]. */
  band(points, { color }) {
    const there = ([x, y]) => `${this.across(x)},${this.up(y)}`;
    const lows = points.map(([x, low]) => there([x, low]));
    const highs = points.map(([x, , high]) => there([x, high]));
    this.svg.append(h("path", { d: `M${[...lows, ...highs.reverse()].join("L")}Z`, fill: color, opacity: 0.2 }));
    return this;
  }

  /** Bars of `heights` side by side from `x[0]` to `x[1]`: filled, or an outline. */
  bars(heights, [from, to], { color, filled = true }) {
    const step = (to - from) / heights.length;
    const tops = heights.map((v, i) => `V${this.up(v)}H${this.across(from + (i + 1) * step)}`).join("");
    const look = filled ? { fill: color } : { fill: "none", stroke: color, "stroke-width": 2 };
    this.svg.append(h("path", { d: `M${this.across(from)},${this.bottom}${tops}V${this.bottom}Z`, ...look }));
    return this;
  }

  /** A box of words below: pairs of a colour, or a sign, and its meaning. */
  legend(pairs) {
    const swatch = color => h("span", { class: "s6-swatch", style: { background: color } });
    this.figure.append(h("p", { class: "s6-note" }, pairs.flatMap(([color, words]) => [swatch(color), ` ${words} `])));
    return this;
  }
}
