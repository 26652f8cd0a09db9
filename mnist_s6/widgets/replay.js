// Two recorded trainings side by side, epoch by epoch: kernels, curves, confusion, and when a digit was learned.

import { bytes, captioned, grouped, h, number, percent, range, row } from "./base.js";
import { BLUE, ORANGE, Chart } from "./chart.js";
import { confusionOf, confusionTable } from "./confusion.js";
import { unpacked } from "./images.js";
import { Picture } from "./pictures.js";
import { player } from "./playing.js";
import { replace } from "./sideways.js";
import { staged } from "./stage.js";
import { headedTable } from "./tables.js";
import { wilson } from "./wilson.js";

/** Labels, and of each flight the predictions after each epoch and kernels, out of one row of bytes. */
export function cutRecording(all, images, flights) {
  let at = 0;
  const next = size => all.subarray(at, (at += size));
  const labels = next(images);
  return { labels, runs: flights.map(flight => {
    const [count, height, width] = flight.shape;
    const epochs = range(flight.epochs + 1).map(() => next(images));
    const kernels = epochs.map(() => new Int8Array(next(count * height * width)));
    return { ...flight, predictions: epochs, kernels };
  }) };
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

const rightOf = counts => range(10).reduce((sum, digit) => sum + counts[11 * digit], 0);
const epochWithin = (at, last) => Math.min(at, last);

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
  const at = epochWithin(epoch, epochs);
  const [found, trusted] = digitCounts(matrices[at], digit);
  const first = learnedAt(matrices, digit, level);
  const goal = `both reach ${percent(level, 0)}`;
  const reach = first < 0 ? `never ${goal}` : `first ${goal} after epoch ${first}`;
  const all = `of ${grouped(images)} validation images are read correctly`;
  return `${name} after epoch ${at} of ${epochs}: ${shareWords([rightOf(matrices[at]), images], all)}; `
    + `${shareWords(found, `of the ${digit}s are found`)}, `
    + `${shareWords(trusted, `of the answers ${digit} are right`)}, and they ${reach}.`;
}

/** For each digit and run: found, trusted, and since when learned; a digit is a button that chooses it. */
function digitTable(sides, about, pick) {
  const heads = sides.flatMap(({ name }) => [`${name}: found`, "trusted", "learned"]);
  const rows = range(10).map(digit => {
    const cells = sides.flatMap(({ matrices, epochs }) => {
      const first = learnedAt(matrices, digit, about.level);
      const shares = digitCounts(matrices[epochWithin(about.epoch, epochs)], digit).map(shortShare);
      return [...shares, first < 0 ? "never" : String(first)];
    });
    const chosen = digit === about.digit;
    const button = h("button", { type: "button", class: "s6-tile", onclick: () => pick(digit) }, String(digit));
    if (chosen) button.setAttribute("aria-current", "true");
    return [button, ...cells];
  });
  const goal = `${percent(about.level, 0)} or more`;
  const caption = `Each digit: found, trusted (95% intervals), and the first epoch after which both are ${goal}`;
  return captioned(caption, headedTable(["digit", ...heads], rows, { "aria-label": caption }));
}

/** A chart with one or two lines for each run: [points, points to be dashed]; points [x, y, low, high] get a band. */
function compared(title, ylabel, lines, { names, most, epoch, ...axes }) {
  const step = 1 + Math.floor(most / 8);
  const xticks = range(Math.floor(most / step) + 1).map(n => n * step);
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
  return chart.legend([[BLUE, `${names[0]}, ●`], [ORANGE, `${names[1]}, ■`]]);
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
  const [picture, at] = [new Picture(), epochWithin(epoch, epochs)];
  const sizes = at ? slopes[at - 1].map(size => number(size, 3)).join(", ") : "none yet";
  const words = shape[0] ? `${shape[0]} kernels, dark −${limit} to light ${limit}` : "no convolution, no kernels";
  picture.name(`${name}: ${about}\n${words}\nslopes by layer: ${sizes}`);
  if (shape[0]) picture.show({ shape, data: kernels[at] }, { limit: 127, size: 200 });
  picture.box.hidden = !shape[0];
  return picture;
}

const explorer = staged("two recorded trainings", (stage, model) => {
  const flights = model.get("flights");
  const images = model.get("images");
  const names = flights.map(({ name }) => [name, name]);
  stage.choice("left", "one", names);
  stage.choice("right", "other", names);
  const shown = ({ name }) => [model.get("left"), model.get("right")].includes(name);
  const most = () => Math.max(0, ...flights.filter(shown).map(({ epochs }) => epochs));
  const slider = stage.slider("epoch", "epoch");
  const next = () => (model.get("epoch") < most() ? { epoch: model.get("epoch") + 1 } : null);
  player(stage, { epoch: 0 }, next, 700);
  stage.choice("digit", "digit", range(10).map(digit => [digit, String(digit)]));
  stage.slider("level", "learned from", { min: 0.5, max: 0.99, step: 0.01, text: level => percent(level, 0) });
  let recording = null; // unpacked once

  async function load(about) {
    recording ??= cutRecording(await unpacked(bytes(model.get("recording"))), images, flights);
    const { labels, runs } = recording;
    return [about.left, about.right].map(wanted => {
      const run = runs.find(({ name }) => name === wanted);
      run.matrices ??= run.predictions.map(said => confusionOf(labels, said));
      return { ...run, images };
    });
  }
  function draw(sides, about) {
    slider.limit(most() + 1);
    const tables = sides.map(({ name, epochs, matrices }) => {
      const at = epochWithin(about.epoch, epochs);
      const caption = `${name} after epoch ${at} of ${epochs}\n↓ label, prediction →`;
      return captioned(caption, confusionTable(matrices[at], 10, { class: "s6-grid", "aria-label": caption }));
    });
    const hadFocus = stage.view.contains(document.activeElement);
    replace(
      stage.view,
      row(...sides.map(side => kernelPicture(side, about.epoch)), ...charts(sides, about)),
      row(...tables, digitTable(sides, about, digit => stage.put({ digit }))),
    );
    if (hadFocus) stage.view.querySelector("[aria-current]").focus();
    stage.say(sides.map(side => flightWords(side, side.matrices, images, about)).join(" "));
  }
  stage.update(["left", "right", "epoch", "digit", "level"], load, draw);
}, ["images"]);

export default explorer;
