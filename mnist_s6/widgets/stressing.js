// A digit that is spoiled more and more, what a network makes of it, and how many such digits it reads.

import { bytes, captioned, grouped, h, percent, row } from "./base.js";
import { BLUE, ORANGE, Chart } from "./chart.js";
import { imagesOf } from "./images.js";
import { Bars, Picture } from "./pictures.js";
import { reader } from "./reader.js";
import { spoiled } from "./spoiling.js";
import { staged } from "./stage.js";
import { wilson } from "./wilson.js";

const STRONGEST = 5;

/** What there is to see; as Python says it. `read` of `n` such digits are read, if that is known. */
export function stressWords(shares, { digit, kind, strength, amount, unit }, read, n) {
  const best = shares.indexOf(Math.max(...shares));
  const size = `${amount} ${amount === 1 ? unit.replace("pixels", "pixel") : unit}`;
  const how = strength ? `${kind} at strength ${strength} (${size})` : "untouched";
  const rest = best === digit ? ", which is right" : `, and ${digit} at ${percent(shares[digit], 0)}`;
  const first = `The ${digit}, ${how}: the network says ${best} at ${percent(shares[best], 0)}${rest}.`;
  if (!n) return first;
  const [low, high] = wilson(read, n);
  return `${first} Of ${grouped(n)} digits of all kinds under this stress, it reads ${grouped(read)}, `
    + `which is ${percent(read / n)} (95% interval ${percent(low, 2)} to ${percent(high, 2)}).`;
}

/** The share of digits that are read at each strength, with its interval; a square marks the present one. */
function curve(kind, counts, n, strength) {
  const title = `${kind}: of ${grouped(n)} digits so many are read`;
  const axes = { x: [-0.2, 5.2], xticks: [0, 1, 2, 3, 4, 5], y: [0, 100], yticks: [0, 20, 40, 60, 80, 100] };
  const chart = new Chart({ title, xlabel: "strength", ylabel: "read, %", ...axes, width: 310, height: 220 });
  const points = counts.map((count, at) => [at, (100 * count) / n]);
  chart.line(axes.y.map(end => [strength, end]), { color: "currentColor", width: 1, dash: "3 3" });
  chart.line(points, { color: BLUE, mark: "circle" });
  counts.forEach((count, at) => {
    chart.line(wilson(count, n).map(end => [at, 100 * end]), { color: BLUE, width: 3 });
  });
  const [x, y] = [chart.across(strength), chart.up(points[strength][1])];
  const look = { width: 10, height: 10, fill: ORANGE, stroke: "currentColor", class: "s6-now" };
  chart.svg.append(h("rect", { x: x - 5, y: y - 5, ...look }));
  return chart.legend([[BLUE, "read, ● with its 95% interval"], [ORANGE, "the chosen strength, ■"]]);
}

const explorer = staged("a digit under stress", (stage, model) => {
  const [digits, kinds] = [model.get("digits"), model.get("kinds")]; // which have a picture; name, amounts and unit
  const [read, n] = [model.get("read"), model.get("n")];
  const images = imagesOf(bytes(model.get("images")));
  stage.choice("digit", "digit", digits.map(digit => [digit, String(digit)]));
  stage.choice("kind", "spoiled by", kinds.map(([name]) => [name, name]));
  stage.slider("strength", "strength", { max: STRONGEST });
  stage.slider("seed", "seed of what is drawn", { max: 99 });
  const [picture, bars] = [new Picture(), new Bars()];
  const place = h("div");
  stage.view.append(row(picture, captioned("What the network says", bars), place));
  const answer = reader(stage);

  async function load({ digit, kind, strength, seed }) {
    const way = kinds.find(([name]) => name === kind);
    const [amount, unit] = [way[1][strength - 1], way[2]];
    const image = Float32Array.from(images(digits.indexOf(digit)).data);
    const data = strength ? Float32Array.from(spoiled(image, kind, amount, seed)) : image;
    return { data, shares: await answer(data), amount, unit };
  }
  function draw({ data, shares, ...size }, about) {
    const { digit, kind, strength } = about;
    const caption = strength ? `${kind} at ${strength}` : "untouched";
    picture.show({ shape: [28, 28], data }, { size: 168, caption });
    bars.show(shares, { [digit]: "label" });
    place.replaceChildren(...(n ? [curve(kind, read[kind], n, strength).figure] : []));
    stage.say(stressWords(shares, { ...about, ...size }, read[kind]?.[strength], n));
  }
  stage.update(["digit", "kind", "strength", "seed"], load, draw);
}, ["n"]);

export default explorer;
