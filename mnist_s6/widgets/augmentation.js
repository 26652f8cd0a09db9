// Play with the training transform on any image: what does it do, and what does it draw at random?

import { answers } from "./ahead.js";
import { cropMiddle, drawOnce, enlarge, randomSource, turn } from "./augment.js";
import { bytes, fixed, number, range, row } from "./base.js";
import { BLUE, ORANGE, Chart } from "./chart.js";
import { normalised } from "./network.js";
import { Picture, tileOf } from "./pictures.js";
import { staged } from "./stage.js";

const DRAWS = 24;

/** One image through the training transform: what was drawn, each stage (bytes), and the values of the last two. */
export function passThrough(pixels, random, settings) {
  const { cropped, angle } = drawOnce(random, settings);
  const { corner, image } = cropMiddle(pixels, settings.crop_size);
  const [shape, part] = [[28, 28], cropped ? image : { shape: [28, 28], data: pixels }];
  const resized = enlarge(part);
  const turned = turn(resized, angle);
  const stages = [{ shape, data: pixels }, part, { shape, data: resized }, { shape, data: turned }];
  const before = turned.map(v => v / 255);
  return {
    cropped, angle, corner, stages, before,
    get after() {
      return normalised(before); // only where it is asked for
    },
  };
}

/** Mean and standard deviation, as PyTorch computes them. */
export function meanAndDeviation(values) {
  const mean = values.reduce((a, b) => a + b) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / (values.length - 1))];
}

const sense = angle => (angle >= 0 ? "anticlockwise" : "clockwise");

/** What was done to the image, in words. */
export function telling({ index, crop_size: size }, label, { cropped, corner, angle, ...values }, draws) {
  const [before, after] = [values.before, values.after].map(meanAndDeviation);
  const place = `pixels from row ${corner}, column ${corner}`;
  const crop = cropped ? `cropped to ${size}×${size} ${place}` : "not cropped this time";
  return (
    `Image ${index}, labelled ${label}: ${crop}, turned by ${fixed(Math.abs(angle), 1)} degrees ${sense(angle)}; ` +
    `its pixels have mean ${fixed(before[0], 3)} and standard deviation ${fixed(before[1], 3)} before ` +
    `normalising, ${number(after[0])} and ${fixed(after[1], 3)} after; ` +
    `${draws.filter(draw => draw.cropped).length} of ${draws.length} draws are cropped.`
  );
}

/** How many pixels have which value, before (filled) and after normalising (outline), on one number line. */
function histogram({ before, after }) {
  const counts = new Array(24).fill(0.5);
  for (const v of before) counts[Math.min(23, Math.floor(v * 24))] += 1;
  const [black, white] = normalised([0, 1]);
  const chart = new Chart({
    title: "How many pixels have which value", xlabel: "value", ylabel: "pixels", log: true,
    x: [-0.6, 3], y: [0.5, 1000], xticks: [0, 1, 2, 3], yticks: [1, 10, 100],
  });
  const words = values => meanAndDeviation(values).map(v => number(v)).join(", std ");
  chart.bars(counts, [0, 1], { color: BLUE }).bars(counts, [black, white], { color: ORANGE, filled: false });
  chart.legend([
    [BLUE, `before normalising (filled): mean ${words(before)}`],
    [ORANGE, `after normalising (outline): mean ${words(after)}`],
  ]);
  return chart;
}

const explorer = staged("what augmentation does to a digit", (stage, model) => {
  const count = model.recorded?.("image") ?? model.get("count"); // a page without Python keeps some
  stage.slider("index", "image").limit(count);
  stage.slider("crop_probability", "crop probability", { max: 1, step: 0.05, digits: 2 });
  stage.slider("crop_size", "crop size in pixels", { min: 1, max: 28 });
  stage.slider("degrees", "rotate up to ± degrees", { max: 180, digits: 1 });
  stage.slider("seed", "seed of the draw", { max: 999 });
  stage.button("course settings", () => stage.put(model.get("course")));
  const pictures = range(5).map(() => new Picture());
  const grid = new Picture();
  const images = answers(stage, "image", "index");

  function draw(image, settings) {
    const pixels = bytes(image.pixels);
    const random = randomSource(settings.seed);
    const draws = range(DRAWS).map(() => passThrough(pixels, random, settings));
    const [{ cropped, corner, angle, stages, after }] = draws;
    const [side] = stages[1].shape;
    const captions = [
      "original\n28×28", cropped ? `cropped to\n${side}×${side}` : "not cropped\nthis time", "resized to\n28×28",
      `turned by ${fixed(Math.abs(angle), 1)}°\n${sense(angle)}`, "normalised:\ndark −2.82, light 2.82",
    ];
    stages.forEach(({ shape, data }, i) => {
      const image = { shape, data: Float64Array.from(data, v => v / 255) };
      pictures[i].show(image, { size: 4 * shape[0], caption: captions[i] });
    });
    pictures[0].mark(cropped && [corner, corner, corner + side, corner + side]);
    const look = { limit: normalised([1])[0], size: 112, caption: captions[4] };
    pictures[4].show({ shape: [28, 28], data: after }, look);
    const all = draws.flatMap(it => Array.from(it.before));
    const framed = draws.map((it, n) => it.cropped && tileOf(n, 6, 28, 28));
    const caption = `${DRAWS} draws; framed: the ${framed.filter(Boolean).length} that were cropped`;
    grid.show({ shape: [DRAWS, 28, 28], data: all }, { size: 348, across: 6, caption });
    grid.mark(...framed);
    stage.view.replaceChildren(row(...pictures), row(grid, histogram(draws[0])));
    stage.say(telling(settings, image.label, draws[0], draws));
    const { index } = settings;
    images.ahead([index + 1, index - 1].filter(place => place >= 0 && place < count));
  }
  const names = ["index", "crop_probability", "crop_size", "degrees", "seed"];
  stage.update(names, ({ index }) => images.get(index), draw);
}, ["count"]);

export default explorer;
