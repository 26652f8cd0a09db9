// A training while it runs: its curves, and the kernels of the first convolution, epoch by epoch.

import { bytes, range, row } from "./base.js";
import { BLUE, ORANGE, Chart } from "./chart.js";
import { Picture } from "./pictures.js";
import { player } from "./playing.js";
import { staged } from "./stage.js";

const WAITING = "The training has not begun yet: kernels and curves will stand here then.";

/** Some round numbers between two others. */
export function roundTicks(low, high) {
  const rough = (high - low || 1) / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find(times => times * power >= 0.999 * rough) * power;
  const first = Math.ceil(low / step - 1e-6);
  const count = Math.floor(high / step + 1e-6) - first + 1;
  return range(count).map(n => Number(((first + n) * step).toPrecision(9)));
}

/** The values of kernels that came as colours: 1 to 255 for −1 to 1, NaN for 0. */
export function kernelValues(colours) {
  return Float32Array.from(colours, colour => (colour ? (colour - 128) / 127 : NaN));
}

/** Two curves over the epochs, with `best` in view, and an upright line at an epoch that isn't the last. */
function curves(train, test, { title, ylabel, best, name, epoch }) {
  const points = numbers => Array.from(numbers, (v, n) => [n + 1, v]).filter(point => Number.isFinite(point[1]));
  const [ours, theirs] = [points(train), points(test)];
  const values = [...ours, ...theirs].map(point => point[1]);
  const ends = [Math.min(best, ...values), Math.max(best, ...values)];
  const y = ends[0] < ends[1] ? ends : [best - 1, best + 1];
  const x = [0.5, Math.max(2, train.length) + 0.5];
  const step = 1 + Math.floor(train.length / 8);
  const xticks = range(Math.ceil(train.length / step)).map(n => 1 + n * step);
  const yticks = values.length ? roundTicks(...y) : [];
  const chart = new Chart({ title, xlabel: "epoch", ylabel, x, y, xticks, yticks, width: 310, height: 220 });
  const marked = train.length <= 40;
  chart.line(ours, { color: BLUE, mark: marked ? "circle" : null });
  chart.line(theirs, { color: ORANGE, dash: "6 3", mark: marked ? "square" : null });
  const upright = y.map(end => [epoch, end]);
  if (epoch > 0 && epoch < train.length) chart.line(upright, { color: "currentColor", width: 1 });
  return chart.legend([[BLUE, "training, ●"], [ORANGE, `${name}, ■ dashed`]]);
}

const explorer = staged("a training", (stage, model) => {
  const records = () => model.get("records");
  const last = () => records().length - 1;
  const shown = place => (place < 0 ? last() : Math.min(place, last()));
  const slider = stage.slider("place", "epoch", {
    shown, // −1 is the newest, whatever comes
    chosen: place => (place === last() ? -1 : place),
    text: place => String(records()[place]?.epoch ?? 0),
  });
  const next = () => {
    const place = shown(model.get("place")) + 1;
    return place <= last() ? { place: place === last() ? -1 : place } : null;
  };
  player(stage, { place: 0 }, next, 500);
  const kernels = new Picture();

  function draw() {
    slider.limit(records().length);
    stage.controls.style.display = last() < 1 ? "none" : "";
    if (last() < 0) {
      stage.view.replaceChildren();
      return stage.say(WAITING);
    }
    const place = shown(model.get("place"));
    const { epoch, words, losses, accuracies, title: name, shape } = records()[place];
    const [count, height, width] = shape;
    const numbers = new Float64Array(bytes(model.get("curves")).slice().buffer);
    const epochs = numbers.length / 4;
    const [trainLoss, testLoss, ...shares] = range(4).map(n => numbers.slice(n * epochs, (n + 1) * epochs));
    const percents = shares.map(part => part.map(share => 100 * share));
    const both = { name: model.get("test_name"), epoch };
    const loss = curves(trainLoss, testLoss, { title: `loss: ${losses}`, ylabel: "loss", best: 0, ...both });
    const title = `accuracy: ${accuracies}`;
    const accuracy = curves(...percents, { title, ylabel: "accuracy in %", best: 100, ...both });
    const begin = records().slice(0, place).reduce((sum, record) => sum + record.shape.reduce((a, b) => a * b), 0);
    kernels.name(name);
    if (count) {
      const colours = bytes(model.get("kernels")).subarray(begin, begin + count * height * width);
      kernels.show({ shape, data: kernelValues(colours) }, { limit: 1, size: 220 });
    }
    kernels.box.hidden = !count;
    stage.view.replaceChildren(row(loss, accuracy, kernels));
    return stage.say(words);
  }
  stage.only("place", "a whole number", Number.isInteger);
  stage.update(["place", "records", "curves", "kernels", "test_name"], () => null, draw);
}, ["test_name"]);

export default explorer;
