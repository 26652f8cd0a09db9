// Two recorded trainings side by side, epoch by epoch: kernels, curves, confusion, and when a digit was learned.

import { BLUE, ORANGE, Picture, Stage, ValueError, bytes, h, number, percent, row } from "./base.js";
import { Chart } from "./chart.js";
import { wilson } from "./wilson.js";

/** What Python's `zlib.compress` has packed. */
export async function unpacked(packed) {
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Labels, and of each flight the predictions after each epoch and kernels, out of one row of bytes. */
export function cutRecording(all, images, flights) {
  let at = 0;
  const next = size => all.subarray(at, (at += size));
  const labels = next(images);
  return { labels, runs: flights.map(flight => {
    const [count, height, width] = flight.shape;
    const epochs = Array.from({ length: flight.epochs + 1 }, () => next(images));
    const kernels = epochs.map(() => new Int8Array(next(count * height * width)));
    return { ...flight, predictions: epochs, kernels };
  }) };
}

/** Counts (10 × 10): a row for each label, a column for each prediction. */
export function confusionOf(labels, predictions) {
  const counts = new Uint32Array(100);
  labels.forEach((label, place) => counts[10 * label + predictions[place]]++);
  return counts;
}

/** What a digit's two shares are made of: [right ones, its images] and [right ones, its answers]. */
export function digitCounts(counts, digit) {
  let [images, answers] = [0, 0];
  for (let other = 0; other < 10; other++) {
    images += counts[10 * digit + other];
    answers += counts[10 * other + digit];
  }
  return [[counts[11 * digit], images], [counts[11 * digit], answers]];
}

/** The share of a digit's images that are found, and the share of its answers that are right. */
export function digitShares(counts, digit) {
  return digitCounts(counts, digit).map(([right, n]) => right / Math.max(1, n));
}

/** The first epoch after which both shares reach the level; −1 for never. */
export function learnedAt(matrices, digit, level) {
  return matrices.findIndex(counts => Math.min(...digitShares(counts, digit)) >= level);
}

const rightOf = counts => Array.from({ length: 10 }, (_, digit) => counts[11 * digit]).reduce((a, b) => a + b);
const round = (at, last) => Math.min(at, last);

/** Right ones of n in words, with their 95% interval. */
export function shareWords([right, n], what) {
  if (!n) return `0.0% ${what}`;
  const [low, high] = wilson(right, n);
  return `${percent(right / n)} ${what} (95% interval ${percent(low)} to ${percent(high)})`;
}

/** A share in a cell of a table: its interval in brackets. */
function shortShare([right, n]) {
  const [low, high] = n ? wilson(right, n).map(end => (100 * end).toFixed(1)) : [];
  return n ? `${percent(right / n)} (${low} to ${high})` : "no answer";
}

/** One run in words, as Python says it. */
export function flightWords({ name, epochs }, matrices, images, { epoch, digit, level }) {
  const at = round(epoch, epochs);
  const [found, trusted] = digitCounts(matrices[at], digit);
  const first = learnedAt(matrices, digit, level);
  const goal = `both reach ${percent(level, 0)}`;
  const reach = first < 0 ? `never ${goal}` : `first ${goal} after epoch ${first}`;
  const all = `of ${images.toLocaleString("en-US")} validation images are read correctly`;
  return `${name} after epoch ${at} of ${epochs}: ${shareWords([rightOf(matrices[at]), images], all)}; `
    + `${shareWords(found, `of the ${digit}s are found`)}, `
    + `${shareWords(trusted, `of the answers ${digit} are right`)}, and they ${reach}.`;
}

/** The confusion after an epoch as a table; only mistakes are shaded. */
function confusionTable(counts, caption) {
  const digits = Array.from({ length: 10 }, (_, digit) => digit);
  const most = Math.max(1, ...counts.filter((_, place) => place % 11));
  const cell = (down, across) => {
    const count = counts[10 * down + across];
    const faint = 1 - (0.15 + 0.75 * (count / most));
    const shade = [230, 159, 0].map(tone => Math.round(tone + faint * (255 - tone)));
    const style = count && down !== across ? { background: `rgb(${shade.join(" ")})`, color: "black" } : {};
    return h("td", { style, class: down === across ? "s6-right" : null }, count ? String(count) : "");
  };
  const heads = digits.map(digit => h("th", { scope: "col" }, String(digit)));
  const rows = digits.map(down => (
    h("tr", {}, h("th", { scope: "row" }, String(down)), digits.map(across => cell(down, across)))
  ));
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "↓ →"), heads));
  const table = h("table", { class: "s6-grid", "aria-label": caption }, head, h("tbody", {}, rows));
  return h("figure", {}, h("figcaption", {}, caption), h("div", { class: "s6-scroll" }, table));
}

/** For each digit and run: found, trusted, and since when learned; a digit is a button that chooses it. */
function digitTable(sides, about, pick) {
  const heads = sides.flatMap(({ name }) => [`${name}: found`, "trusted", "learned"]);
  const rows = Array.from({ length: 10 }, (_, digit) => {
    const cells = sides.flatMap(({ matrices, epochs }) => {
      const first = learnedAt(matrices, digit, about.level);
      const shares = digitCounts(matrices[round(about.epoch, epochs)], digit).map(shortShare);
      return [...shares, first < 0 ? "never" : String(first)];
    });
    const chosen = digit === about.digit;
    const button = h("button", { type: "button", class: "s6-tile", onclick: () => pick(digit) }, String(digit));
    if (chosen) button.setAttribute("aria-current", "true");
    return h("tr", {}, h("th", { scope: "row" }, button), cells.map(text => h("td", {}, text)));
  });
  const goal = `${percent(about.level, 0)} or more`;
  const caption = `Each digit: found, trusted (95% intervals), and the first epoch after which both are ${goal}`;
  const top = h("tr", {}, h("th", { scope: "col" }, "digit"), heads.map(text => h("th", { scope: "col" }, text)));
  const table = h("table", { "aria-label": caption }, h("thead", {}, top), h("tbody", {}, rows));
  return h("figure", {}, h("figcaption", {}, caption), h("div", { class: "s6-scroll" }, table));
}

/** A chart with one or two lines for each run: [points, points to be dashed]; points [x, y, low, high] get a band. */
function compared(title, ylabel, lines, { names, most, epoch, ...axes }) {
  const step = 1 + Math.floor(most / 8);
  const xticks = Array.from({ length: Math.floor(most / step) + 1 }, (_, n) => n * step);
  const chart = new Chart({ title, xlabel: "epoch", ylabel, x: [0, most], xticks, width: 310, height: 200, ...axes });
  lines.forEach(([whole, dashed], side) => {
    const look = { color: [BLUE, ORANGE][side], mark: ["circle", "square"][side] };
    const finite = points => points.filter(point => Number.isFinite(point[1]));
    chart.line(finite(whole), look);
    if (dashed) chart.line(finite(dashed), { ...look, dash: "6 3", width: 1 });
    for (const points of [whole, dashed ?? []]) {
      const known = points.filter(([, , low]) => Number.isFinite(low));
      if (known.length) chart.band(known.map(([x, , low, high]) => [x, low, high]), look);
    }
  });
  chart.line(axes.y.map(end => [epoch, end]), { color: "currentColor", width: 1 });
  return chart.legend([[BLUE, `${names[0]}, ●`], [ORANGE, `${names[1]}, ■`]]).figure;
}

const LOG = { log: true, y: [0.001, 10], yticks: [0.001, 0.01, 0.1, 1, 10] };
const SHARES = { y: [0, 100], yticks: [0, 20, 40, 60, 80, 100] };

/** The four charts. */
function charts(sides, about) {
  const common = { names: sides.map(side => side.name), most: Math.max(1, ...sides.map(side => side.epochs)) };
  const drawn = (title, ylabel, axes, make) => (
    compared(title, ylabel, sides.map(make), { ...common, epoch: about.epoch, ...axes })
  );
  const after = (values, first) => values.map((v, n) => [n + first, v ?? NaN]);
  const mean = values => values.reduce((a, b) => a + b, 0) / Math.max(1, values.length);
  const { digit } = about;
  const shared = ([right, n], at) => [at, ...(n ? [right / n, ...wilson(right, n)].map(share => 100 * share) : [0])];
  const shares = ({ matrices }, which) => matrices.map((it, at) => shared(digitCounts(it, digit)[which], at));
  return [
    drawn("loss: training, validation dashed", "loss", LOG, ({ curves }) => [after(curves[0], 1), after(curves[1], 1)]),
    drawn("read correctly, 95% interval", "%", SHARES, ({ matrices, images }) => (
      [matrices.map((it, at) => shared([rightOf(it), images], at))]
    )),
    drawn(`the ${digit}s: found, trusted dashed`, "%", SHARES, side => [shares(side, 0), shares(side, 1)]),
    drawn("slopes, mean over the layers", "length", LOG, ({ slopes }) => [after(slopes.map(mean), 1)]),
  ];
}

/** The kernels of a run, with what else is to be said of it. */
function kernelPicture({ name, about, shape, kernels, limit, slopes, epochs }, epoch) {
  const [picture, at] = [new Picture(), round(epoch, epochs)];
  const sizes = at ? slopes[at - 1].map(size => number(size, 3)).join(", ") : "none yet";
  const words = shape[0] ? `${shape[0]} kernels, dark −${limit} to light ${limit}` : "no convolution, no kernels";
  picture.name(`${name}: ${about}\n${words}\nslopes by layer: ${sizes}`);
  if (shape[0]) picture.show({ shape, data: kernels[at] }, { limit: 127, size: 200 });
  picture.box.hidden = !shape[0];
  return picture.figure;
}

const explorer = {
  render({ model, el }) {
    const stage = new Stage(model, el, "two recorded trainings");
    const flights = model.get("flights");
    const images = model.get("images");
    const names = flights.map(({ name }) => [name, name]);
    stage.choice("left", "one", names);
    stage.choice("right", "other", names);
    const most = () => {
      const shown = flights.filter(({ name }) => [model.get("left"), model.get("right")].includes(name));
      return Math.max(0, ...shown.map(({ epochs }) => epochs));
    };
    const slider = stage.slider("epoch", "epoch", { max: 1 });
    const next = () => {
      if (model.get("epoch") >= most()) return false;
      stage.put({ epoch: model.get("epoch") + 1 });
      return true;
    };
    stage.button("start again", () => stage.put({ epoch: 0 }));
    stage.button("step", next);
    stage.play(next, 700);
    stage.choice("digit", "digit", Array.from({ length: 10 }, (_, digit) => [digit, String(digit)]));
    stage.slider("level", "learned from", { min: 0.5, max: 0.99, step: 0.01, text: level => percent(level, 0) });
    let recording = null; // unpacked once

    async function load() {
      const about = Object.fromEntries(["left", "right", "epoch", "digit", "level"].map(key => [key, model.get(key)]));
      recording ??= cutRecording(await unpacked(bytes(model.get("recording"))), images, flights);
      const { labels, runs } = recording;
      const sides = [about.left, about.right].map(wanted => {
        const run = runs.find(({ name }) => name === wanted);
        const known = flights.map(({ name }) => name).join(", ");
        if (!run) throw new ValueError(`no recording is called '${wanted}'; expected one of ${known}`);
        run.matrices ??= run.predictions.map(said => confusionOf(labels, said));
        return { ...run, images };
      });
      return { about, sides };
    }
    function draw({ about, sides }) {
      slider.limit(most() + 1);
      const tables = sides.map(({ name, epochs, matrices }) => {
        const at = round(about.epoch, epochs);
        return confusionTable(matrices[at], `${name} after epoch ${at} of ${epochs}\n↓ label, prediction →`);
      });
      const hadFocus = stage.view.contains(document.activeElement);
      stage.view.replaceChildren(
        row(...sides.map(side => kernelPicture(side, about.epoch)), ...charts(sides, about)),
        row(...tables, digitTable(sides, about, digit => stage.put({ digit }))),
      );
      if (hadFocus) stage.view.querySelector("[aria-current]").focus();
      stage.say(sides.map(side => flightWords(side, side.matrices, images, about)).join(" "));
    }
    stage.update(["left", "right", "epoch", "digit", "level"], load, draw);
    return stage.end;
  },
};

export default explorer;
