// From a drawing to an image like MNIST's, as mnist_s6.digits does. An image is { shape: [height, width], data }.

import { cut, padded, roundHalfEven, triangles, weigh } from "./resample.js";

/** [top, left, bottom, right] of the ink; the whole image if there is none. */
export function inkBox({ shape: [height, width], data }) {
  let [top, left, bottom, right] = [height, width, 0, 0];
  data.forEach((ink, n) => {
    if (!ink) return;
    const [y, x] = [Math.floor(n / width), n % width];
    [top, left] = [Math.min(top, y), Math.min(left, x)];
    [bottom, right] = [Math.max(bottom, y + 1), Math.max(right, x + 1)];
  });
  return bottom ? [top, left, bottom, right] : [0, 0, height, width];
}

/** The row and column of the middle of the ink; the middle of the image if there is none. */
export function centreOfMass({ shape: [height, width], data }) {
  let [mass, row, column] = [0, 0, 0];
  data.forEach((ink, n) => {
    mass += ink;
    row += ink * Math.floor(n / width);
    column += ink * (n % width);
  });
  return mass ? [row / mass, column / mass] : [(height - 1) / 2, (width - 1) / 2];
}

/** An image made larger or smaller, to sides that are rounded. */
export function resized(image, sides) {
  const [height, width] = sides.map(side => Math.max(1, roundHalfEven(side)));
  const out = weigh(image, triangles(image.shape[1], width), triangles(image.shape[0], height));
  out.data = out.data.map(v => Math.min(1, Math.max(0, Math.fround(v))));
  return out;
}

const largest = ({ data }) => data.reduce((most, v) => Math.max(most, v), 0);
const brightened = (image, by) => ({ shape: image.shape, data: image.data.map(v => v / by) });

/** The mean width of the strokes: twice the ink over the length of its edges, the sum of all slopes. */
export function strokeWidth(image) {
  const { shape: [height, width], data } = padded(image, 1);
  let edges = 0;
  for (let y = 0; y < height - 1; y++) {
    for (let n = y * width; n < (y + 1) * width - 1; n++) {
      edges += Math.hypot(data[n + width] - data[n], data[n + 1] - data[n]);
    }
  }
  return edges ? (2 * data.reduce((sum, v) => sum + v, 0)) / edges : 0;
}

/** Strokes made wider by some pixels in each direction, with round corners: a cross grows, then a square, in turns. */
export function grown(image, by) {
  const { shape: [height, width], data } = padded(image, by);
  let now = data;
  for (let step = 0; step < by; step++) {
    const before = now;
    const at = (y, x) => (y < 0 || x < 0 || y >= height || x >= width ? 0 : before[y * width + x]);
    now = before.map((v, n) => {
      const [y, x] = [Math.floor(n / width), n % width];
      const cross = Math.max(v, at(y - 1, x), at(y + 1, x), at(y, x - 1), at(y, x + 1));
      return step % 2 ? Math.max(cross, at(y - 1, x - 1), at(y - 1, x + 1), at(y + 1, x - 1), at(y + 1, x + 1)) : cross;
    });
  }
  return { shape: [height, width], data: now };
}

const THINNEST = 1.05; // strokes below this width are set to the usual one, as in mnist_s6.ink
const USUAL = 2.4; // in pixels, where the longest side is 20

/** A digit scaled to 20 pixels, the width of its strokes set to MNIST's if they are far thinner. */
export function withStroke(digit) {
  const longest = Math.max(...digit.shape);
  const width = (20 / longest) * strokeWidth(digit);
  if (width > 0 && width < THINNEST) {
    const large = resized(padded(digit, 1), digit.shape.map(side => (100 / longest) * (side + 2)));
    const bright = brightened(large, largest(large));
    const wide = grown(bright, Math.max(0, roundHalfEven((5 * USUAL - strokeWidth(bright)) / 2)));
    digit = cut(wide, inkBox({ shape: wide.shape, data: wide.data.map(v => (v > 0.02 ? v : 0)) }));
  }
  const scaled = resized(digit, digit.shape.map(side => (20 / Math.max(...digit.shape)) * side));
  const most = largest(scaled);
  return most > 0 && most < 0.99 ? brightened(scaled, most) : scaled;
}

/** The four steps from a drawing (values 0 to 1, ink above 0) to 28×28. */
export function prepareSteps(drawn, { crop = true, scale = true, centre = true } = {}) {
  const cropped = cut(drawn, crop ? inkBox(drawn) : [0, 0, ...drawn.shape]);
  const factor = scale ? 20 / Math.max(...cropped.shape) : 28 / Math.max(...drawn.shape);
  const scaled = crop && scale ? withStroke(cropped) : resized(cropped, cropped.shape.map(side => factor * side));
  return { drawn, cropped, scaled, centred: centred(scaled, centre) };
}

/** An image put on 28×28 black pixels, moved by whole ones: the middle of its mass or of its box to the middle. */
function centred(image, byMass) {
  const box = inkBox(image);
  const middles = byMass ? centreOfMass(image) : image.shape.map(side => (side - 1) / 2);
  const [down, right] = middles.map((middle, i) =>
    Math.min(Math.max(Math.ceil(13.5 - middle - 1e-6), -box[i]), 28 - box[i + 2]),
  );
  const data = new Float64Array(28 * 28);
  image.data.forEach((v, n) => {
    const [row, column] = [Math.floor(n / image.shape[1]) + down, (n % image.shape[1]) + right];
    if (row >= 0 && row < 28 && column >= 0 && column < 28) data[28 * row + column] = v;
  });
  return { shape: [28, 28], data };
}
