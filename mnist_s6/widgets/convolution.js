// Convolution, step by step: a window slides over a small image, products and their sum build up.

import { KEYS, ValueError, captioned, fixed, h, range, row } from "./base.js";
import { sign } from "./numbers.js";
import { colourOf, limitOf } from "./pictures.js";
import { play } from "./playing.js";
import { padded } from "./resample.js";
import { replace } from "./sideways.js";
import { staged } from "./stage.js";
import { slide, under } from "./windows.js";

const NUMBER = /^[+-]?([0-9]+[.]?[0-9]*|[.][0-9]+)([/]([0-9]+[.]?[0-9]*|[.][0-9]+))?$/;
const KERNELS = {
  "as by hand": "1 -1; 2 0",
  "upper edge": "-1 -1 -1; 0 0 0; 1 1 1",
  "left edge": "-1 0 1; -1 0 1; -1 0 1",
  blur: "1/9 1/9 1/9; 1/9 1/9 1/9; 1/9 1/9 1/9",
  sharpen: "0 -1 0; -1 5 -1; 0 -1 0",
};

/** The number that a person has typed, as in -2, 0.5 or 1/9. */
function typedNumber(word) {
  const [above, below = 1] = NUMBER.test(word) ? word.split("/").map(Number) : [NaN];
  if (Math.abs(above / below) <= 1000) return above / below;
  throw new ValueError(`“${word}” is no number from −1000 to 1000; write numbers as 2, -1, 0.5 or 1/9, `
    + "with a space between them and a semicolon after each row");
}

/** A kernel { shape, data } from what was typed; as Python reads it. */
export function parseKernel(text) {
  const lines = text.replaceAll("−", "-").split(/[;\n]/).map(line => line.match(/[^ \t]+/g) ?? []);
  const rows = lines.filter(line => line.length).map(line => line.map(typedNumber));
  if (!rows.length) throw new ValueError("the kernel is empty; write a number, or rows as in 1 -1; 2 0");
  const columns = rows[0].length;
  const odd = rows.findIndex(line => line.length !== columns);
  if (odd > 0) {
    throw new ValueError(`row 1 of the kernel has ${columns} numbers, row ${odd + 1} has ${rows[odd].length}; `
      + "expected as many in each row");
  }
  if (Math.max(columns, rows.length) > 7) {
    throw new ValueError(`the kernel has ${rows.length}×${columns} numbers; expected at most 7×7`);
  }
  return { shape: [rows.length, columns], data: rows.flat() };
}

/** A number with at most two decimals and a true minus; as Python writes it. */
export const short = value => String(Number(fixed(value, 2)) + 0).replace("-", "−");

const factor = value => (value < 0 ? `(${short(value)})` : short(value));

/** All that there is to see at a place, which counts from 1, after some products. */
export function stepAt(image, kernel, { stride, padding, place, products }) {
  const output = slide(image, kernel, { stride, padding });
  if (!output) return null;
  const at = Math.min(place, output.data.length);
  const [y, x] = [Math.floor((at - 1) / output.shape[1]), (at - 1) % output.shape[1]];
  const corner = [stride * y, stride * x];
  const around = padded(image, padding);
  const window = under(around, kernel.shape, ...corner);
  const done = Math.min(products, window.length);
  const sum = window.slice(0, done).reduce((total, value, i) => total + value * kernel.data[i], 0);
  return { around, output, at, row: y, column: x, corner, window, done, sum };
}

/** The step in words; as Python says it. */
export function stepWords(image, kernel, how) {
  const [[rows, columns], [height, width]] = [kernel.shape, image.shape];
  const step = stepAt(image, kernel, how);
  if (!step) {
    return `A kernel of ${rows}×${columns} doesn't fit into ${height}×${width} pixels with a padding of `
      + `${how.padding}; choose a smaller kernel, a larger padding or another image.`;
  }
  const { output, window, done } = step;
  const terms = window.slice(0, done).map((value, i) => `${short(value)}·${factor(kernel.data[i])}`).join(" + ");
  const paper = whose => `${done > 9 ? `${whose} ${done} products sum to` : `${terms} =`} ${short(step.sum)}`;
  const after = `, after ${done} of ${window.length} products: ${paper("these")} so far`;
  const far = done < window.length ? after : `: ${paper("its")}`;
  return `Place ${step.at} of ${output.data.length}, row ${step.row} and column ${step.column}${far}; `
    + `a kernel of ${rows}×${columns} with a stride of ${how.stride} and a padding of ${how.padding} `
    + `finds ${output.shape.join("×")} places in ${height}×${width} pixels.`;
}

/** Numbers { shape, data } as a table: grey if `limit` is 0, coloured otherwise; `look(n)` gives a cell's class. */
function grid(caption, { shape, data }, limit, look = () => "", pick = null) {
  const top = limitOf(data);
  const cell = (value, n) => {
    const filled = Number.isFinite(value);
    const colour = limit ? colourOf(value, limit) : [0, 0, 0].fill(Math.round((255 * Math.max(0, value)) / top));
    const light = limit ? value > -0.1 * limit : value > 0.5 * top;
    const style = filled ? { background: `rgb(${colour})`, color: light ? "black" : "white" } : {};
    return h("td", { style, class: look(n), onclick: pick && (() => pick(n)) }, filled ? short(value) : "");
  };
  const cells = Array.from(data, cell);
  const lines = range(shape[0]).map(y => h("tr", {}, cells.slice(y * shape[1], (y + 1) * shape[1])));
  const size = shape[1] > 8 ? "s6-grid" : "s6-grid s6-large";
  const table = h("table", { class: size, "aria-label": caption }, h("tbody", {}, lines));
  return captioned(caption, h("div", { class: "s6-scroll" }, table));
}

/** A field to type the kernel in. */
function kernelField(stage) {
  const field = h("input", { type: "text", size: 24, spellcheck: "false", [KEYS]: "true" });
  const show = () => field.value === stage.model.get("kernel") || (field.value = stage.model.get("kernel"));
  field.addEventListener("input", () => stage.put({ kernel: field.value }));
  stage.listen("change:kernel", show);
  show();
  stage.controls.append(h("label", { class: "s6-control" }, h("span", { class: "s6-label" }, "kernel"), field));
  return field;
}

const explorer = staged("convolution, step by step", (stage, model) => {
  const images = model.get("images");
  let now = null;
  stage.choice("image", "image", images.map(({ name }, i) => [i, name]));
  const field = kernelField(stage);
  for (const [name, kernel] of Object.entries(KERNELS)) stage.button(name, () => stage.put({ kernel }));
  stage.slider("stride", "stride", { min: 1, max: 3 });
  stage.slider("padding", "padding", { max: 3 });
  const place = stage.slider("place", "place", { min: 1, max: 400 });
  const products = stage.slider("products", "products", { min: 1, max: 49 });
  const first = () => ({ place: 1, products: model.get("slowly") ? 1 : 49 });
  const next = () => {
    if (!now || (now.at >= now.output.data.length && now.done === now.window.length)) return null;
    if (!model.get("slowly")) return now.done < now.window.length ? { products: 49 } : { place: now.at + 1 };
    return now.done < now.window.length ? { products: now.done + 1 } : { place: now.at + 1, products: 1 };
  };
  stage.button("start again", () => stage.put(first()));
  stage.button("step", () => stage.put(next() ?? first()));
  play(stage, () => {
    const values = next();
    if (values) stage.put(values);
    return values !== null;
  }, 600, () => now && next() === null && stage.put(first()));
  stage.check("slowly", "one product at a time");

  function load(about) {
    const { shape, data } = images[about.image];
    try {
      return { image: { shape, data }, kernel: parseKernel(about.kernel) };
    } catch (error) {
      if (!(error instanceof ValueError)) throw error;
      return { problem: error.message }; // what a person has typed is no fault of the program
    }
  }
  function draw({ image, kernel, problem }, how) {
    now = problem ? null : stepAt(image, kernel, how);
    field.setAttribute("aria-invalid", String(!now));
    stage.say(problem ? `This kernel can't be used: ${problem}.` : stepWords(image, kernel, how));
    replace(stage.view, ...(now ? [tables(image, kernel, how)] : []));
    if (!now) return;
    place.limit(now.output.data.length);
    products.limit(now.window.length);
  }
  function tables(image, kernel, { padding }) {
    const { around, output, at, corner: [top, left], window, done, sum } = now;
    const [across, [height, width]] = [around.shape[1], image.shape];
    const within = (y, x, [t, l], [rows, columns]) => y >= t && y < t + rows && x >= l && x < l + columns;
    const look = n => {
      const [y, x] = [Math.floor(n / across), n % across];
      const frame = within(y, x, [top, left], kernel.shape) ? "s6-under" : "";
      return within(y, x, [padding, padding], [height, width]) ? frame : `${frame} s6-pad`;
    };
    const multiplied = window.map((value, i) => (i < done ? value * kernel.data[i] : NaN));
    const known = Array.from(output.data, (value, n) => (n < at - 1 ? value : n === at - 1 ? sum : NaN));
    const pick = n => stage.put({ place: n + 1, products: 49 });
    return row(
      grid("the image, with the window", around, 0, look),
      sign("×"),
      grid("the kernel", kernel, limitOf(kernel.data), n => (n === done - 1 ? "s6-under" : "")),
      sign("="),
      grid(`products, their sum: ${short(sum)}`, { shape: kernel.shape, data: multiplied }, limitOf(multiplied)),
      sign("→"),
      grid("the output so far", { shape: output.shape, data: known }, limitOf(output.data),
        n => (n === at - 1 ? "s6-under s6-pick" : "s6-pick"), pick),
    );
  }
  stage.update(["image", "kernel", "stride", "padding", "place", "products"], load, draw);
});

export default explorer;
