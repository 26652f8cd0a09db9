// A ball that rolls down a loss: gradient descent with momentum and noise, step by step, as torch.optim.SGD does it.

import { randomSource } from "./augment.js";
import { clamp, h, number, percent, range, row } from "./base.js";
import { BLUE, ORANGE, Chart } from "./chart.js";
import { player } from "./playing.js";
import { staged } from "./stage.js";

const FAR = 100; // a ball that is further from 0 has left
const MOST = 60; // steps
const VALLEY = x => x ** 4 - 2 * x ** 2 - 0.3 * x + 1.4;

/** What can be descended: values and slopes at weights, the lowest value, and how high a picture reaches. */
export const LOSSES = {
  "one weight": {
    weights: 1,
    value: ([w]) => (3 * w - 6) ** 2,
    slope: ([w]) => [6 * (3 * w - 6)],
    lowest: 0,
    top: 81,
  },
  "two valleys": {
    weights: 1,
    value: ([w]) => VALLEY(w - 2),
    slope: ([w]) => [4 * (w - 2) ** 3 - 4 * (w - 2) - 0.3],
    lowest: 0.0946,
    top: 12,
  },
  "two weights": {
    weights: 2,
    value: ([w, v]) => ((w - 2) ** 2 + 18 * (v - 2) ** 2) / 2,
    slope: ([w, v]) => [w - 2, 18 * (v - 2)],
    lowest: 0,
    top: 36,
  },
};

/** All weights on the way, the start first; fewer if the ball has left. */
export function descend({ loss, start, rate, momentum, noise, seed, steps }) {
  const random = randomSource(seed);
  const path = [start];
  let speed = start.map(() => 0);
  while (path.length <= steps) {
    const slopes = LOSSES[loss].slope(path.at(-1)).map(slope => slope + noise * Math.sqrt(3) * (2 * random() - 1));
    speed = slopes.map((slope, i) => momentum * speed[i] + slope);
    const next = path.at(-1).map((weight, i) => weight - rate * speed[i]);
    if (!next.every(weight => Math.abs(weight) <= FAR)) break;
    path.push(next);
  }
  return path;
}

/** How often the last weight turned back; moves that are next to nothing don't count. */
function turns(path) {
  const all = path.slice(1).map((weights, i) => weights.at(-1) - path[i].at(-1));
  const moves = all.filter(move => Math.abs(move) > 1e-6);
  return moves.slice(1).filter((move, i) => move * moves[i] < 0).length;
}

/** Where the ball is, and where it would be after each of 60 further steps without noise. */
function ahead(path, { loss, rate, momentum }) {
  const way = path.slice(-2);
  while (way.length < 62) {
    const [before, now] = way.slice(-2);
    const slopes = LOSSES[loss].slope(now);
    way.push(now.map((weight, i) => weight + momentum * (weight - before[i]) - rate * slopes[i]));
  }
  return way.slice(1);
}

/** What became of the ball. */
function verdict(path, about) {
  const { loss, steps } = about;
  const { value, lowest } = LOSSES[loss];
  const [first, last] = [value(path[0]) - lowest, value(path.at(-1)) - lowest];
  const left = `${percent(last / first)} of the height is left`;
  if (path.length <= steps) return `too large a learning rate, the next step leads beyond ${FAR}: it diverges`;
  if (steps === 0) return "it has not moved yet";
  if (Math.max(first, last) < 0.01) return "it began at the bottom";
  if (last > first) return "it is higher than where it began, its steps are too large";
  const way = ahead(path, about);
  const stays = height => way.every(weights => value(weights) - lowest < height);
  if (stays(0.005 * first)) return "it has arrived, the learning rate is right";
  if (last < 0.005 * first) return "it is at the bottom, but too fast to stay there";
  const shallow = loss === "two valleys" && way.every(([weight]) => weight < 2) && stays(0.8);
  if (shallow) return `it lies in the shallow valley, ${left}`;
  return steps >= 30 && last > 0.1 * first && turns(path) === 0 ? `too small a learning rate, ${left}` : left;
}

/** The way in words; as Python says it. */
export function wayWords(path, about) {
  const { loss, rate, momentum, noise, seed } = about;
  const at = weights => (weights.length > 1 ? `(${weights.map(w => number(w)).join(", ")})` : number(weights[0]));
  const height = weights => number(LOSSES[loss].value(weights));
  const [done, back] = [path.length - 1, turns(path)];
  return `After ${done} step${done === 1 ? "" : "s"} with a learning rate of ${number(rate)}, a momentum of `
    + `${number(momentum, 2)} and ${noise > 0 ? `a noise of ${number(noise, 2)}, seed ${seed}` : "no noise"}, `
    + `${loss === "two weights" ? "the weights have" : "the weight has"} gone from ${at(path[0])} to `
    + `${at(path.at(-1))} and the loss from ${height(path[0])} to ${height(path.at(-1))}, turning back `
    + `${back === 1 ? "once" : `${back} times`}: ${verdict(path, about)}.`;
}

const spread = (count, make) => range(count + 1).map(i => make(i / count));

/** The loss from the side, or of two weights from above, with the way of the ball. */
function landscape(path, name) {
  const { weights, value, top } = LOSSES[name];
  const flat = weights === 2;
  const [x, y] = [[-1, 5], flat ? [0, 4] : [0, top]];
  const ticks = { xticks: [-1, 0, 1, 2, 3, 4, 5], yticks: flat ? [0, 1, 2, 3, 4] : [0, top / 3, (2 * top) / 3, top] };
  const names = { xlabel: flat ? "first weight" : "weight", ylabel: flat ? "second weight" : "loss" };
  const title = flat ? "The loss from above: a line for each height" : "The loss, and the way of the ball";
  const chart = new Chart({ title, ...names, x, y, ...ticks, width: 340, height: 240 });
  if (flat) {
    for (const radius of [1, 2, 3]) {
      const round = turn => [2 + radius * Math.cos(turn), 2 + (radius * Math.sin(turn)) / Math.sqrt(18)];
      chart.line(spread(90, part => round(2 * Math.PI * part)), { color: "#888", width: 1 });
    }
  } else chart.line(spread(120, part => [-1 + 6 * part, value([-1 + 6 * part])]), { color: "#888" });
  const places = path.map(at => [clamp(at[0], ...x), clamp(flat ? at[1] : value(at), ...y)]);
  chart.line(places, { color: BLUE, mark: "circle", width: 1 });
  const [cx, cy] = [chart.across(places.at(-1)[0]), chart.up(places.at(-1)[1])];
  chart.svg.append(h("circle", { cx, cy, r: 7, fill: ORANGE, stroke: "currentColor", class: "s6-ball" }));
  return chart;
}

/** The loss after each step. */
function lossHistory(path, name) {
  const ticks = { xticks: [0, 20, 40, 60], yticks: [0.001, 0.1, 10, 1000], x: [0, MOST], y: [0.001, 1000] };
  const names = { title: "The loss after each step", xlabel: "step", ylabel: "loss" };
  const chart = new Chart({ ...names, ...ticks, log: true, width: 300, height: 240 });
  return chart.line(path.map((at, i) => [i, LOSSES[name].value(at)]), { color: BLUE, mark: "circle" });
}

const explorer = staged("a ball on the loss", (stage, model) => {
  stage.choice("loss", "loss", Object.keys(LOSSES).map(name => [name, name]));
  stage.slider("start", "start", { min: -1, max: 5, step: 0.1, digits: 1 });
  const second = stage.slider("start_2", "start, second weight", { max: 4, step: 0.1, digits: 1 });
  stage.slider("rate", "learning rate", { min: 0.001, max: 0.2, step: 0.001, digits: 3 });
  stage.slider("momentum", "momentum", { max: 0.95, step: 0.05, digits: 2 });
  stage.slider("noise", "batch noise", { max: 5, step: 0.25, digits: 2 });
  stage.slider("seed", "seed of the noise", { max: 99 });
  stage.slider("steps", "steps", { max: MOST });
  const next = () => (model.get("steps") < MOST ? { steps: model.get("steps") + 1 } : null);
  player(stage, { steps: 0 }, next, 300);

  function load(about) {
    about.start = [about.start, about.start_2].slice(0, LOSSES[about.loss].weights);
    return descend(about);
  }
  function draw(path, about) {
    const map = landscape(path, about.loss);
    second.input.parentElement.style.display = about.start.length > 1 ? "" : "none";
    map.svg.classList.add("s6-pick");
    map.svg.addEventListener("click", event => begin(map, event));
    stage.view.replaceChildren(row(map, lossHistory(path, about.loss)));
    stage.say(wayWords(path, about));
  }
  /** Begin where the pointer is. */
  function begin({ svg, left, right, top, bottom, width, height }, { clientX, clientY }) {
    const box = svg.getBoundingClientRect();
    const [across, down] = [((clientX - box.left) / box.width) * width, ((clientY - box.top) / box.height) * height];
    const tenths = value => Math.round(10 * value) / 10;
    const start = tenths(clamp(-1 + (6 * (across - left)) / (right - left), -1, 5));
    const other = tenths(clamp((4 * (bottom - down)) / (bottom - top), 0, 4));
    stage.put(LOSSES[model.get("loss")].weights > 1 ? { start, start_2: other } : { start });
  }
  const names = ["loss", "start", "start_2", "rate", "momentum", "noise", "seed", "steps"];
  stage.update(names, load, draw);
});

export default explorer;
