// Walk through the layers of a network, and see where each value of a feature map comes from.

import { Picture, Stage, floats, h, limitOf, number, placeOf, row, sign, table, tileOf } from "./base.js";
import { forward, layersOf, readSafetensors } from "./network.js";

/** Part of a map as numbers: rows of a window [top, left, bottom, right] of map `channel`. */
function windowOf({ shape: [, height, width], data }, channel, [top, left, bottom, right]) {
  const rows = Array.from({ length: bottom - top }, (_, y) => (channel * height + top + y) * width);
  return rows.map(start => Array.from(data.subarray(start + left, start + right)));
}

const sumOf = (window, kernel) => window.flat().reduce((sum, v, n) => sum + v * kernel.flat()[n], 0);

/** How a value of the course's networks came about: the words and numbers that Python's `calculate` gives. */
export function explain(network, maps, { depth, channel, row: y, column: x }) {
  const layer = network.layers[depth];
  const [before, after] = [maps[depth], maps[depth + 1]];
  const { kernel: k, stride, field } = layer;
  const value = after.data[(channel * after.shape[1] + y) * after.shape[2] + x];
  const corner = [y * stride, x * stride];
  const box = [...corner, corner[0] + k, corner[1] + k];
  const found = { value, first: channel, box, kernels: null, windows: [windowOf(before, channel, box)] };
  found.seen = [y, x].map(at => field.start + at * field.step);
  found.seen.push(...found.seen.map(at => at + field.size));
  const reason = REASONS[layer.kind](layer, found, before, channel);
  return { ...found, ...reason, words: `${reason.words}, the value in the map` };
}

const REASONS = {
  Conv2d({ weight: { shape: [, count, k], data } }, { box }, before, channel) {
    const windows = Array.from({ length: count }, (_, c) => windowOf(before, c, box));
    const weights = { shape: [count, k, k], data: data.subarray(channel * count * k * k) };
    const kernels = windows.map((_, c) => windowOf(weights, c, [0, 0, k, k]));
    const total = number(windows.reduce((sum, window, c) => sum + sumOf(window, kernels[c]), 0));
    const many = count > 1 ? `s of ${k}×${k} times their kernels sum` : ` of ${k}×${k} times its kernel sums`;
    return { first: 0, windows, kernels, words: `${count} window${many} to ${total}, plus bias 0 is ${total}` };
  },
  MaxPool2d: (_, { windows }) => (
    { words: `the largest of the 2×2 values in its window is ${number(Math.max(...windows[0].flat()))}` }
  ),
  BatchNorm2d({ mean, variance, scale, shift }, { windows, value }, _, channel) {
    const deviation = Math.sqrt(variance[channel] + 1e-5);
    const parts = [windows[0][0][0], mean[channel], deviation, scale[channel], shift[channel], value];
    const [x, m, d, s, b, out] = parts.map(v => number(v));
    const first = `${x} minus the mean ${m}, divided by the standard deviation ${d}`;
    return { words: `${first}, times the scale ${s}, plus the shift ${b} is ${out}` };
  },
  ReLU: (_, { windows, value }) => ({ words: `the larger of 0 and ${number(windows[0][0][0])} is ${number(value)}` }),
};

const rowsColumns = ([top, left, bottom, right]) =>
  `rows ${top} to ${bottom - 1}, columns ${left} to ${right - 1}`.replaceAll("-", "−");

/** What a value sees of an image (height, width), in words. */
function whatItSees(seen, [, height, width]) {
  if (!seen) return "which input pixels it sees can’t be told";
  const beyond = Math.min(...seen) < 0 || seen[2] > height || seen[3] > width;
  return `it sees input pixels ${rowsColumns(seen)}${beyond ? " (beyond the image lies padding)" : ""}`;
}

/** Where layers and calculations come from: computed here for the course's networks, asked of Python for others. */
function sourceOf(stage, images) {
  const file = stage.model.get("network");
  if (!file?.byteLength) {
    return {
      layers: image => stage.ask("layers", { image }).then(({ layers }) => layers),
      async place(about) {
        const found = await stage.ask("place", about);
        const mapsCalled = name => ({ shape: found.shapes[name], data: floats(found[name]) });
        return { before: mapsCalled("before"), after: mapsCalled("after"), found: found.calculation };
      },
    };
  }
  const network = layersOf(readSafetensors(file));
  let [kept, maps] = [null, null];
  const mapsOf = image => {
    if (kept !== image) [kept, maps] = [image, forward(network, images(image).data).maps];
    return maps;
  };
  return {
    layers(image) {
      const all = mapsOf(image);
      return network.layers.map(({ name, kind }, depth) => ({ name, kind, shape: all[depth + 1].shape }));
    },
    place(about) {
      const all = mapsOf(about.image);
      const found = explain(network, all, about);
      return { before: all[about.depth], after: all[about.depth + 1], found };
    },
  };
}

/** The mean of an image's channels, from its darkest, 0, to its lightest, 1. */
function grey({ shape: [channels, height, width], data }) {
  const area = height * width;
  const mean = Float64Array.from({ length: area }, (_, n) => {
    let sum = 0;
    for (let c = 0; c < channels; c++) sum += data[c * area + n];
    return sum / channels;
  });
  const [low, high] = [Math.min(...mean), Math.max(...mean)];
  return { shape: [height, width], data: mean.map(v => (v - low) / (high - low || 1)) };
}

const AXES = ["row", "column"];

const explorer = {
  render({ model, el }) {
    const stage = new Stage(model, el, "what a filter sees");
    const labels = model.get("labels");
    const shape = model.get("shape"); // of an image: channels, height, width
    const pixels = floats(model.get("images"));
    const size = shape[0] * shape[1] * shape[2];
    const images = index => ({ shape, data: pixels.subarray(index * size, (index + 1) * size) });
    const names = { image: "image", depth: "layer", channel: "channel", row: "row", column: "column" };
    const sliders = Object.fromEntries(Object.entries(names).map(([name, label]) => [name, stage.slider(name, label)]));
    const [image, goesIn, kernels] = [new Picture(), new Picture(), new Picture()];
    const map = new Picture("", (y, x) => stage.put({ row: y, column: x }));
    const all = new Picture("", (y, x) => {
      const place = placeOf(y, x, all.across, all.shape);
      if (place) stage.put({ channel: place.index, row: place.row, column: place.column });
    });
    const numbers = h("div", { class: "s6-scroll" });
    stage.view.append(row(...[image, goesIn, map, all].map(it => it.figure)), numbers);
    let source = sourceOf(stage, images);
    stage.listen("change:network", () => (source = sourceOf(stage, images)));
    const [aim, last] = [{}, {}]; // where the map is looked at, as a share of it; it stays from layer to layer

    /** Let the sliders' ranges follow, and bring all values inside. */
    function fit(layers, count) {
      const about = Object.fromEntries(Object.keys(names).map(name => [name, model.get(name)]));
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
      const moved = Object.keys(names).filter(name => about[name] !== model.get(name));
      if (moved.length) stage.put(Object.fromEntries(moved.map(name => [name, about[name]])));
      return about;
    }
    function load() {
      const count = pixels.length / size;
      const index = Math.min(model.get("image"), count - 1);
      const look = layers => {
        const about = fit(layers, count);
        if (!layers.length) return { about, layers };
        const place = source.place(about);
        const both = it => ({ about, layers, ...it });
        return place instanceof Promise ? place.then(both) : both(place);
      };
      const layers = source.layers(index);
      return layers instanceof Promise ? layers.then(look) : look(layers);
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
      drawMaps(title, `${name} (${kind})`, about, before, after, found);
      drawNumbers(before, after, found);
      const sees = whatItSees(found.seen, shape);
      return stage.say(`${title}: layer ${name} (${kind}), ${where}: ${found.words}; ${sees}.`);
    }
    function drawMaps(title, layer, { image: index, channel, row: y, column: x }, before, after, found) {
      const [count, height, width] = after.shape;
      const limit = limitOf(after.data);
      const one = ({ shape: [, high, wide], data }, c) => (
        { shape: [high, wide], data: data.subarray(c * high * wide, (c + 1) * high * wide) }
      );
      const seen = found.seen ? rowsColumns(found.seen) : "what is seen can’t be told";
      image.show(grey(images(index)), { caption: `${title}\n${seen}` });
      image.mark(found.seen);
      goesIn.figure.hidden = !found.windows;
      if (found.windows) {
        const { strongest } = sumsOf(found);
        const caption = `what goes in:\nchannel ${found.first + strongest}`;
        goesIn.show(one(before, found.first + strongest), { limit: limitOf(before.data), caption });
        goesIn.mark(found.box);
      }
      const holds = `channel ${channel}: ${number(found.value)}\nat row ${y}, column ${x}`;
      map.show(one(after, channel), { limit, caption: holds });
      map.mark([y, x, y + 1, x + 1]);
      const across = Math.ceil(Math.sqrt(count));
      const range = `±${number(limit, 2)}, dark to light`;
      const caption = `${layer}\n${count} maps of ${height}×${width}, ${range}`;
      all.show(after, { limit, size: 200, across, caption });
      all.mark(tileOf(channel, across, height, width));
    }
    /** Of a convolution, the sum of products of each input channel, and where it is farthest from zero. */
    function sumsOf({ windows, kernels: factors }) {
      if (!factors) return { sums: [], strongest: 0 };
      const sums = windows.map((window, c) => sumOf(window, factors[c]));
      return { sums, strongest: sums.indexOf(sums.reduce((a, b) => (Math.abs(b) > Math.abs(a) ? b : a))) };
    }
    function drawNumbers(before, after, found) {
      if (!found.windows) return numbers.replaceChildren();
      const { sums, strongest } = sumsOf(found);
      const window = found.windows[strongest];
      const columns = window[0].length;
      const goes = table(found.kernels ? "window" : "goes in", window.flat(), columns, limitOf(before.data));
      if (!found.kernels) {
        const out = table("comes out", [found.value], 1, limitOf(after.data));
        return numbers.replaceChildren(row(goes, sign("→"), out));
      }
      const kernel = found.kernels[strongest];
      const products = window.flat().map((v, n) => v * kernel.flat()[n]);
      const weights = Float64Array.from(found.kernels.flat(2));
      const limit = limitOf(weights);
      const [count, high, wide] = [found.kernels.length, kernel.length, columns];
      const many = count > 1 ? `${count} kernels` : "the kernel";
      const caption = `${many} of this channel,\n${number(-limit, 2)} to ${number(limit, 2)}`;
      kernels.show({ shape: [count, high, wide], data: weights }, { limit, caption });
      kernels.mark(count > 1 && tileOf(strongest, kernels.across, high, wide));
      const parts = [goes, sign("×"), table("kernel", kernel.flat(), columns, limit), sign("=")];
      parts.push(table(`products, sum ${number(sums[strongest])}`, products, columns));
      const each = table(`sum of each input channel, ${found.first + strongest} is shown`, sums, Math.min(8, count));
      return numbers.replaceChildren(row(...parts), row(kernels.figure, ...(count > 1 ? [each] : [])));
    }
    stage.update([...Object.keys(names), "network"], load, draw);
    return stage.end;
  },
};

export default explorer;
