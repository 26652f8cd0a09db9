// Test sets, drawn again and again from one true accuracy: does the interval of each catch the truth?

import { randomSource } from "./augment.js";
import { ValueError, clamp, grouped, h, percent, range, row } from "./base.js";
import { BLUE, ORANGE, Chart } from "./chart.js";
import { play } from "./playing.js";
import { staged } from "./stage.js";
import { wilson } from "./wilson.js";

const SIZES = [10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000]; // images in a test set
const MOST = 1000; // test sets
const SHOWN = 100; // of them, the last

/** A source of test sets: told how many, it gives the right answers in each. Each image is a coin of its own. */
export function testSets({ accuracy, n, seed }) {
  const [random, limit, counts] = [randomSource(seed), Math.fround(accuracy), []];
  return tests => {
    while (counts.length < tests) {
      let right = 0;
      for (let image = 0; image < n; image++) right += Number(random() < limit);
      counts.push(right);
    }
    return counts.slice(0, tests);
  };
}

/** The measured share of each test set, its interval, and whether that holds the true accuracy. */
export function judgedSets(counts, { accuracy, n, level }) {
  return counts.map(right => {
    const [low, high] = wilson(right, n, level);
    return { share: right / n, low, high, caught: low <= accuracy && accuracy <= high };
  });
}

/** What there is to see; as Python says it. */
export function intervalsWords(sets, { accuracy, n, level }) {
  const settings = `a true accuracy of ${percent(accuracy)}, ${grouped(n)} images in each test set and a level of `
    + percent(level, 0);
  if (!sets.length) return `No test set is drawn yet, with ${settings}.`;
  const held = sets.filter(({ caught }) => caught).length;
  const { share, low, high, caught } = sets.at(-1);
  return `With ${settings}, ${grouped(held)} of ${grouped(sets.length)} intervals caught the truth, which is `
    + `${percent(held / sets.length)}. The last test measured ${percent(share, 2)}; its interval, `
    + `${percent(low, 2)} to ${percent(high, 2)}, ${caught ? "caught" : "missed"} it.`;
}

/** The ends of an axis in percent that holds nearly all intervals, and some round numbers on it. */
function axisOf({ accuracy, n, level }) {
  const wide = 4 * Math.sqrt((accuracy * (1 - accuracy)) / n) * n;
  const ends = [Math.max(0, Math.floor(n * accuracy - wide)), Math.min(n, Math.ceil(n * accuracy + wide))];
  const [low, high] = ends.map((right, end) => 100 * wilson(right, n, level)[end]);
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20].find(size => high - low <= 6 * size);
  const first = Math.ceil(low / step);
  const ticks = range(Math.floor(high / step) - first + 1).map(i => (first + i) * step);
  return { x: [low, high], xticks: ticks.map(tick => Number(tick.toFixed(1))) };
}

/** The last test sets, one above the other: a line across, with a dot if it caught the truth, else with a square. */
function lines(sets, about) {
  const first = Math.max(0, sets.length - SHOWN);
  const [axis, ticks] = [axisOf(about), [1, 25, 50, 75, 100].map(tick => first + tick)];
  const title = `The last ${SHOWN} test sets at most: measured accuracy, and its interval`;
  const names = { title, xlabel: "accuracy, %", ylabel: "test set" };
  const y = [first, first + SHOWN + 1];
  const chart = new Chart({ ...names, ...axis, y, yticks: ticks, width: 340, height: 550 });
  const at = share => chart.across(clamp(100 * share, ...axis.x));
  chart.line(y.map(end => [100 * about.accuracy, end]), { color: "currentColor", width: 1.5 });
  sets.slice(first).forEach(({ share, low, high, caught }, place) => {
    const up = chart.up(first + place + 1);
    const [color, width] = caught ? [BLUE, 1.5] : [ORANGE, 3];
    const line = h("line", { x1: at(low), x2: at(high), y1: up, y2: up, stroke: color, "stroke-width": width });
    const square = { x: at(share) - 3, y: up - 3, width: 6, height: 6, stroke: "currentColor", class: "s6-missed" };
    const dot = { cx: at(share), cy: up, r: 2, class: "s6-caught" };
    chart.svg.append(line, caught ? h("circle", { ...dot, fill: color }) : h("rect", { ...square, fill: color }));
  });
  return chart.legend([[BLUE, "caught the truth, ●"], [ORANGE, "missed it, ■"]]);
}

/** The share of intervals that caught the truth, after each test set. */
function promise(sets, { level }) {
  const most = 10 ** Math.max(1, Math.ceil(Math.log10(sets.length || 1)));
  let held = 0;
  const shares = sets.map(({ caught }, place) => [place + 1, (100 * (held += Number(caught))) / (place + 1)]);
  const names = { title: "Caught so far; dashed: what the level promises", xlabel: "test sets", ylabel: "caught, %" };
  const low = Math.min(60, ...shares.map(([, share]) => 20 * Math.floor(share / 20)));
  const yticks = low < 60 ? range((100 - low) / 20 + 1).map(i => low + 20 * i) : [60, 70, 80, 90, 100];
  const axes = { x: [0, most], xticks: [0, most / 2, most], y: [low, 100], yticks };
  const chart = new Chart({ ...names, ...axes, width: 330, height: 220 });
  chart.line(axes.x.map(end => [end, 100 * level]), { color: "currentColor", dash: "5 4", width: 1 });
  return chart.line(shares, { color: BLUE, mark: sets.length > 20 ? null : "circle" });
}

const explorer = staged("intervals that catch the truth, or miss it", (stage, model) => {
  const thousandths = { shown: share => Math.round(1000 * share), chosen: value => value / 1000 };
  const look = { min: 900, max: 999, text: value => percent(value / 1000) };
  stage.slider("accuracy", "true accuracy", { ...look, ...thousandths });
  const sizes = { shown: n => SIZES.indexOf(n), chosen: place => SIZES[place], text: place => grouped(SIZES[place]) };
  stage.slider("n", "test images", { max: SIZES.length - 1, ...sizes });
  stage.choice("level", "level", [0.8, 0.9, 0.95, 0.99].map(level => [level, percent(level, 0)]));
  stage.slider("seed", "seed", { max: 99 });
  const more = by => {
    if (model.get("tests") >= MOST) return false;
    stage.put({ tests: Math.min(MOST, model.get("tests") + by) });
    return true;
  };
  stage.button("draw one", () => more(1));
  stage.button("draw 100", () => more(100));
  play(stage, () => more(1), 250);
  stage.button("start again", () => stage.put({ tests: 0 }));
  let [drawn, key] = [null, null]; // the source that has drawn the test sets so far, and with what

  function load(about) {
    const { accuracy, n, seed, tests } = about;
    if (!SIZES.includes(n)) throw new ValueError(`n is ${n}; expected one of ${SIZES.join(", ")}`);
    for (const [name, low, high] of [["accuracy", 0.9, 0.999], ["tests", 0, MOST]]) {
      if (about[name] >= low && about[name] <= high) continue;
      throw new ValueError(`${name} is ${about[name]}; expected a number from ${low} to ${high}`);
    }
    if (key !== [accuracy, n, seed].join()) [drawn, key] = [testSets(about), [accuracy, n, seed].join()];
    return judgedSets(drawn(tests), about);
  }
  function draw(sets, about) {
    stage.view.replaceChildren(row(lines(sets, about), promise(sets, about)));
    stage.say(intervalsWords(sets, about));
  }
  stage.update(["accuracy", "n", "level", "seed", "tests"], load, draw);
});

export default explorer;
