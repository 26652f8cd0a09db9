// How far a value sees: a small stack of layers, each of which averages what is in its window.

import { bytes, h, range, row } from "./base.js";
import { imagesOf } from "./images.js";
import { Picture } from "./pictures.js";
import { staged } from "./stage.js";
import { headedTable } from "./tables.js";
import { placesIn, receptiveField, slide, windowOf } from "./windows.js";

const DEEPEST = 6;
const CHOICES = { kernel: [1, 2, 3, 4, 5, 6, 7], stride: [1, 2, 3], padding: [0, 1, 2, 3] };
const PARTS = Object.keys(CHOICES);

/** The rows and columns of each layer's values, beginning with the image's; it ends with 0 where nothing is left. */
export function sidesOf(stack, side) {
  const sides = [side];
  for (const layer of stack) if (sides.at(-1) > 0) sides.push(placesIn(sides.at(-1), layer));
  return sides;
}

/** The value that is meant, moved to where there is one. */
export function nearest(sides, { layer, row, column }) {
  const deep = Math.min(layer, sides.length - 1);
  const last = sides[deep] - 1;
  return { layer: deep, row: Math.min(row, last), column: Math.min(column, last) };
}

/** What the value sees, in words; as Python says it. */
export function sight(stack, side, value) {
  const sides = sidesOf(stack, side);
  const missing = sides.indexOf(0);
  if (missing > 0) {
    const [{ kernel, padding }, before] = [stack[missing - 1], sides[missing - 1]];
    return `Layer ${missing} has no values: its window of ${kernel}×${kernel} doesn't fit into ${before}×${before} `
      + `with a padding of ${padding}; choose a smaller kernel or stride before it, a larger padding, or fewer layers.`;
  }
  const { layer, row: y, column: x } = nearest(sides, value);
  const field = receptiveField(stack.slice(0, layer));
  const [top, left, bottom, right] = windowOf(field, y, x);
  const inside = (from, to) => Math.max(0, Math.min(to, side) - Math.max(from, 0));
  const outside = field.size ** 2 - inside(top, bottom) * inside(left, right);
  const words = `The value at row ${y}, column ${x} of layer ${layer}, one of ${sides[layer]}×${sides[layer]}, sees `
    + `${field.size}×${field.size} pixels, rows ${top} to ${bottom - 1} and columns ${left} to ${right - 1}`
    + (outside ? `, ${outside} of them outside the image` : "")
    + `; its neighbours see ${field.step} further; after layer ${stack.length}, ${sides.at(-1)}×${sides.at(-1)} `
    + `values are left, and each sees ${receptiveField(stack).size}×${receptiveField(stack).size}.`;
  return words.replaceAll("-", "−");
}

/** A table with a row for each layer: lists to choose from, and what comes of them. */
function layerTable(stage) {
  const rows = range(DEEPEST).map(i => [i + 1, ...PARTS.map(part => {
    const select = stage.choice(`${part}_${i + 1}`, part, CHOICES[part].map(n => [n, String(n)]));
    select.setAttribute("aria-label", `${part} of layer ${i + 1}`);
    select.parentElement.remove(); // its column's head is its label
    return h("td", {}, select);
  }), h("td"), h("td")]);
  const look = { class: "s6-stack", "aria-label": "the layers" };
  const element = headedTable(["layer", ...PARTS, "values", "sees"], rows, look);
  const show = (stack, sides) => rows.forEach((cells, i) => {
    const [values, sees] = [sides[i + 1] || 0, receptiveField(stack.slice(0, i + 1)).size];
    cells.at(-2).parentElement.hidden = i >= stack.length;
    cells.at(-2).textContent = values ? `${values}×${values}` : "none";
    cells.at(-1).textContent = values ? `${sees}×${sees}` : "–";
  });
  return { element, show };
}

const explorer = staged("how far a value sees", (stage, model) => {
  stage.slider("depth", "layers", { min: 1, max: DEEPEST });
  const sliders = {
    layer: stage.slider("layer", "look at layer", { min: 1, max: DEEPEST }),
    row: stage.slider("row", "row", { max: 27 }),
    column: stage.slider("column", "column", { max: 27 }),
  };
  const table = layerTable(stage);
  const pictures = range(DEEPEST + 1).map(pictureOf);
  const [image, ...maps] = pictures;
  const sights = [row(image, h("div", { class: "s6-wide" }, table.element)), row(...maps)];
  stage.view.append(h("div", { class: "s6-sights" }, sights));

  /** The picture of a layer's values: the one under the pointer is looked at. */
  function pictureOf(layer) {
    const look = (y, x) => {
      const before = ["layer", "row", "column"].map(name => model.get(name));
      if ([layer, y, x].some((value, i) => value !== before[i])) stage.put({ layer, row: y, column: x });
    };
    const picture = new Picture("", layer ? look : null);
    const hover = event => event.pointerType !== "touch" && look(...picture.place(event)); // a finger may scroll
    if (layer) picture.canvas.addEventListener("pointermove", hover);
    return picture;
  }
  function load(about) {
    const layer = i => Object.fromEntries(PARTS.map(name => [name, about[`${name}_${i + 1}`]]));
    const stack = range(about.depth).map(layer);
    const pixels = bytes(about.image);
    const maps = [imagesOf(pixels, [Math.sqrt(pixels.length), Math.sqrt(pixels.length)])(0)];
    for (const { kernel, ...how } of stack) {
      const average = new Float64Array(kernel * kernel).fill(1 / kernel ** 2);
      if (maps.at(-1)) maps.push(slide(maps.at(-1), { shape: [kernel, kernel], data: average }, how));
    }
    return { stack, maps, sides: sidesOf(stack, maps[0].shape[0]) };
  }
  function draw({ stack, maps, sides }, wanted) {
    const value = nearest(sides.filter(Boolean), wanted);
    sliders.layer.limit(stack.length);
    sliders.row.limit(sides[value.layer]);
    sliders.column.limit(sides[value.layer]);
    table.show(stack, sides);
    pictures.forEach((picture, layer) => {
      picture.figure.hidden = !maps[layer];
      if (!maps[layer]) return;
      const side = sides[layer];
      const caption = layer ? `layer ${layer}, ${side}×${side}` : `the image, ${side}×${side}`;
      picture.show(maps[layer], { size: layer ? Math.max(70, 6 * side) : 224, caption });
      const field = receptiveField(stack.slice(layer, value.layer));
      picture.mark(layer <= value.layer && windowOf(field, value.row, value.column));
    });
    stage.say(sight(stack, sides[0], wanted));
  }
  const names = range(DEEPEST).flatMap(i => PARTS.map(part => `${part}_${i + 1}`));
  stage.update([...names, "image", "depth", "layer", "row", "column"], load, draw);
});

export default explorer;
