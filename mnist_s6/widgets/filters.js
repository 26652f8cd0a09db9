// Walk through the layers of a network, and see where each value of a feature map comes from.

import { floats, h, number, range, row } from "./base.js";
import { forward, layersOf, readSafetensors } from "./network.js";
import { sign, table } from "./numbers.js";
import { Picture, limitOf, tileOf } from "./pictures.js";
import { staged } from "./stage.js";
import { placeOf, under, windowOf } from "./windows.js";

/** One of several maps. */
const mapOf = ({ shape: [, height, width], data }, channel) => (
  { shape: [height, width], data: data.subarray(channel * height * width, (channel + 1) * height * width) }
);

const sumOf = (window, kernel) => window.reduce((sum, v, n) => sum + v * kernel[n], 0);

/** How a value of the course's networks came about: the words and numbers that Python's `calculate` gives. */
export function explain(network, maps, { depth, channel, row: y, column: x }) {
  const layer = network.layers[depth];
  const [before, after] = [maps[depth], maps[depth + 1]];
  const { kernel: k, stride } = layer;
  const [value] = under(mapOf(after, channel), [1, 1], y, x);
  const [top, left] = [y * stride, x * stride];
  const windowAt = c => under(mapOf(before, c), [k, k], top, left);
  const windows = [windowAt(channel)];
  const box = [top, left, top + k, left + k];
  const found = { value, first: channel, box, size: [k, k], windows, kernels: null, seen: windowOf(layer.field, y, x) };
  const reason = REASONS[layer.kind](layer, found, channel, windowAt);
  return { ...found, ...reason, words: `${reason.words}, the value in the map` };
}

const REASONS = {
  Conv2d({ weight: { shape: [, count, k], data } }, _, channel, windowAt) {
    const windows = range(count).map(windowAt);
    const weights = { shape: [count, 1, k * k], data: data.subarray(channel * count * k * k) };
    const kernels = windows.map((_, c) => Array.from(mapOf(weights, c).data));
    const total = number(windows.reduce((sum, window, c) => sum + sumOf(window, kernels[c]), 0));
    const many = count > 1 ? `s of ${k}×${k} times their kernels sum` : ` of ${k}×${k} times its kernel sums`;
    return { first: 0, windows, kernels, words: `${count} window${many} to ${total}, plus bias 0 is ${total}` };
  },
  MaxPool2d: (_, { windows }) => (
    { words: `the largest of the 2×2 values in its window is ${number(Math.max(...windows[0]))}` }
  ),
  BatchNorm2d({ mean, variance, scale, shift }, { windows, value }, channel) {
    const deviation = Math.sqrt(variance[channel] + 1e-5);
    const parts = [windows[0][0], mean[channel], deviation, scale[channel], shift[channel], value];
    const [x, m, d, s, b, out] = parts.map(v => number(v));
    const first = `${x} minus the mean ${m}, divided by the standard deviation ${d}`;
    return { words: `${first}, times the scale ${s}, plus the shift ${b} is ${out}` };
  },
  ReLU: (_, { windows, value }) => ({ words: `the larger of 0 and ${number(windows[0][0])} is ${number(value)}` }),
};

const rowsColumns = ([top, left, bottom, right]) =>
  `rows ${top} to ${bottom - 1}, columns ${left} to ${right - 1}`.replaceAll("-", "−");

/** What a value sees of an image (height, width), in words. */
function whatItSees(seen, [, height, width]) {
  if (!seen) return "which input pixels it sees can’t be told";
  const beyond = Math.min(...seen) < 0 || seen[2] > height || seen[3] > width;
  return `it sees input pixels ${rowsColumns(seen)}${beyond ? " (beyond the image lies padding)" : ""}`;
}

/**
 * What is shown of a place, once `fit(about, layers)` has brought it inside the network: computed here for the course's
 * networks, asked of Python for others.
 */
function sourceOf(stage, images) {
  const file = stage.model.get("network");
  if (!file?.byteLength) {
    return async (about, fit) => {
      const [asked, place] = [JSON.stringify(about), ahead => stage.ask("place", { ...about }, [], ahead)];
      let answer = await place(true).catch(() => null); // most often it is inside, and one way to Python is enough
      const { layers } = answer ?? (await stage.ask("layers", { image: about.image }));
      fit(about, layers);
      if (!layers.length) return { layers };
      if (!answer || JSON.stringify(about) !== asked) answer = await place(false);
      const { shapes, calculation: found, ...maps } = answer;
      const [before, after] = ["before", "after"].map(name => ({ shape: shapes[name], data: floats(maps[name]) }));
      return { layers, before, after, found };
    };
  }
  const network = layersOf(readSafetensors(file));
  let [kept, all] = [null, null];
  return (about, fit) => {
    if (kept !== about.image) [kept, all] = [about.image, forward(network, images(about.image).data).maps];
    const layers = network.layers.map(({ name, kind }, depth) => ({ name, kind, shape: all[depth + 1].shape }));
    fit(about, layers);
    return { layers, before: all[about.depth], after: all[about.depth + 1], found: explain(network, all, about) };
  };
}

/** The mean of an image's channels, from its darkest, 0, to its lightest, 1. */
function grey({ shape: [channels, ...shape], data }) {
  const mean = new Float64Array(shape[0] * shape[1]);
  data.forEach((v, n) => (mean[n % mean.length] += v / channels));
  const [low, high] = [Math.min(...mean), Math.max(...mean)];
  return { shape, data: mean.map(v => (v - low) / (high - low || 1)) };
}

/** Of a convolution, the sum of products of each input channel, and which of them is farthest from zero. */
function sumsOf({ windows, kernels }) {
  const sums = kernels ? windows.map((window, c) => sumOf(window, kernels[c])) : [0];
  return { sums, strongest: sums.indexOf(sums.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a))) };
}

const AXES = ["row", "column"];

const explorer = staged("what a filter sees", (stage, model) => {
  const labels = model.get("labels");
  const shape = model.get("shape"); // of an image: channels, height, width
  const pixels = floats(model.get("images"));
  const size = shape[0] * shape[1] * shape[2];
  const count = pixels.length / size;
  const images = index => ({ shape, data: pixels.subarray(index * size, (index + 1) * size) });
  const names = { image: "image", depth: "layer", channel: "channel", row: "row", column: "column" };
  const sliders = Object.fromEntries(Object.entries(names).map(([name, label]) => [name, stage.slider(name, label)]));
  const [image, goesIn, kernels] = range(3).map(() => new Picture());
  const map = new Picture("", (y, x) => stage.put({ row: y, column: x }));
  const all = new Picture("", (y, x) => {
    const place = placeOf(y, x, all.across, all.shape);
    if (place) stage.put({ channel: place.index, row: place.row, column: place.column });
  });
  const numbers = h("div", { class: "s6-scroll" });
  stage.view.append(row(image, goesIn, map, all), numbers);
  let source = sourceOf(stage, images);
  stage.listen("change:network", () => (source = sourceOf(stage, images)));
  const [aim, last] = [{}, {}]; // where the map is looked at, as a share of it; it stays from layer to layer

  /** Let the sliders' ranges follow, and bring all values inside. */
  function fit(about, layers) {
    const inside = (name, length) => {
      sliders[name].limit(length);
      about[name] = Math.min(about[name], Math.max(0, length - 1));
    };
    inside("image", count);
    inside("depth", layers.length);
    const maps = layers[about.depth]?.shape ?? [1, 1, 1];
    inside("channel", maps[0]);
    AXES.forEach((name, axis) => {
      const length = maps[axis + 1];
      const byHand = about[name] !== last[name];
      if (byHand) aim[name] = (Math.min(about[name], length - 1) + 0.5) / length;
      about[name] = Math.floor(aim[name] * length);
      inside(name, length);
      last[name] = about[name];
    });
    const moved = Object.entries(about).filter(([name, value]) => value !== model.get(name));
    if (moved.length) stage.put(Object.fromEntries(moved));
  }
  async function load({ network, refreshed, ...about }) {
    about.image = Math.min(about.image, count - 1);
    return { about, ...(await source(about, fit)) };
  }
  function draw({ about, layers, before, after, found }) {
    const title = labels.length ? `Image ${about.image}, label ${labels[about.image]}` : `Image ${about.image}`;
    [goesIn, map, all].forEach(it => (it.figure.hidden = !layers.length));
    if (!layers.length) {
      image.show(grey(images(about.image)), { caption: title });
      numbers.replaceChildren();
      return stage.say(
        `${title}: no layer of this network takes and puts out feature maps, so there is nothing to see ` +
        "between the image and the scores; a network with convolutions has them.",
      );
    }
    const { name, kind } = layers[about.depth];
    const where = `channel ${about.channel}, row ${about.row}, column ${about.column}`;
    const sums = found.windows ? sumsOf(found) : null;
    drawMaps(title, `${name} (${kind})`, about, before, after, found, sums);
    numbers.replaceChildren(...(sums ? calculation(before, after, found, sums) : []));
    return stage.say(`${title}: layer ${name} (${kind}), ${where}: ${found.words}; ${whatItSees(found.seen, shape)}.`);
  }
  function drawMaps(title, layer, { image: index, channel, row: y, column: x }, before, after, found, sums) {
    const [count, height, width] = after.shape;
    const limit = limitOf(after.data);
    const seen = found.seen ? rowsColumns(found.seen) : "what is seen can’t be told";
    image.show(grey(images(index)), { caption: `${title}\n${seen}` });
    image.mark(found.seen);
    goesIn.figure.hidden = !sums;
    if (sums) {
      const source = found.first + sums.strongest;
      goesIn.show(mapOf(before, source), { limit: limitOf(before.data), caption: `what goes in:\nchannel ${source}` });
      goesIn.mark(found.box);
    }
    const holds = `channel ${channel}: ${number(found.value)}\nat row ${y}, column ${x}`;
    map.show(mapOf(after, channel), { limit, caption: holds });
    map.mark([y, x, y + 1, x + 1]);
    const caption = `${layer}\n${count} maps of ${height}×${width}, ±${number(limit, 2)}, dark to light`;
    all.show(after, { limit, size: 200, caption });
    all.mark(tileOf(channel, all.across, height, width));
  }
  /** The numbers of the calculation, in rows. */
  function calculation(before, after, found, { sums, strongest }) {
    const { first, value, kernels: factors, size: [high, wide] } = found;
    const window = found.windows[strongest];
    const goes = table(factors ? "window" : "goes in", window, wide, limitOf(before.data));
    if (!factors) return [row(goes, sign("→"), table("comes out", [value], 1, limitOf(after.data)))];
    const [kernel, count, weights] = [factors[strongest], factors.length, factors.flat()];
    const limit = limitOf(weights);
    const many = count > 1 ? `${count} kernels` : "the kernel";
    const caption = `${many} of this channel,\n${number(-limit, 2)} to ${number(limit, 2)}`;
    kernels.show({ shape: [count, high, wide], data: weights }, { limit, caption });
    kernels.mark(count > 1 && tileOf(strongest, kernels.across, high, wide));
    const products = table(`products, sum ${number(sums[strongest])}`, window.map((v, n) => v * kernel[n]), wide);
    const each = table(`sum of each input channel, ${first + strongest} is shown`, sums, Math.min(8, count));
    return [
      row(goes, sign("×"), table("kernel", kernel, wide, limit), sign("="), products),
      row(kernels, ...(count > 1 ? [each] : [])),
    ];
  }
  stage.update([...Object.keys(names), "network", "refreshed"], load, draw);
});

export default explorer;
