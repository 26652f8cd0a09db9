// Eight ways to spoil an image of 28×28 pixels, as mnist_s6.stress does for one image, with the numbers PyTorch draws.

import { randomSource } from "./augment.js";

const { fround } = Math;
const SIDE = 28;
const pixelwise = at => Float64Array.from({ length: SIDE * SIDE }, (_, n) => at(Math.floor(n / SIDE), n % SIDE, n));
const pixel = (pixels, y, x) => (y < 0 || x < 0 || y >= SIDE || x >= SIDE ? 0 : pixels[SIDE * y + x]);

/** −1 or 1: PyTorch's randint(2) looks at the last bit of what is drawn. */
const signOf = random => 2 * ((random() * 2 ** 24) % 2) - 1;

/** To each pixel a number from a bell curve, as PyTorch's randn makes them (Box and Muller 1958), 16 at a time. */
function noisy(pixels, deviation, random) {
  const drawn = Array.from(pixels, random);
  return pixelwise((y, x, n) => {
    const [first, second] = [n - (n % 16) + (n % 8), n - (n % 16) + (n % 8) + 8];
    const [radius, angle] = [Math.sqrt(-2 * Math.log(1 - drawn[first])), 2 * Math.PI * drawn[second]];
    return pixels[n] + deviation * radius * (n % 16 < 8 ? Math.cos(angle) : Math.sin(angle));
  });
}

/** Each pixel mixed with those around it, along the rows and then along the columns. */
function blurred(pixels, deviation) {
  const weights = Array.from({ length: 13 }, (_, i) => Math.exp(-((i - 6) ** 2) / (2 * deviation ** 2)));
  const sum = weights.reduce((a, b) => a + b);
  const mixed = at => weights.reduce((total, weight, i) => total + (weight / sum) * at(i - 6), 0);
  const across = pixelwise((y, x) => mixed(i => pixel(pixels, y, x + i)));
  return pixelwise((y, x) => mixed(i => pixel(across, y + i, x)));
}

/** Moved in one bilinear pass: turned anticlockwise, shifted right and down, and made as large as `scale`. */
function moved(pixels, { degrees = 0, right = 0, down = 0, scale = 1 }) {
  const angle = (degrees * Math.PI) / 180;
  const [cos, sin] = [Math.cos(angle) / scale, Math.sin(angle) / scale];
  return pixelwise((y, x) => {
    const [dy, dx] = [y - 13.5 - down, x - 13.5 - right];
    const [row, column] = [13.5 + sin * dx + cos * dy, 13.5 + cos * dx - sin * dy];
    const [top, left] = [Math.floor(row), Math.floor(column)];
    const [v, u] = [row - top, column - left];
    const line = at => (1 - u) * pixel(pixels, at, left) + u * pixel(pixels, at, left + 1);
    return (1 - v) * line(top) + v * line(top + 1);
  });
}

/** Drawn with a pen that is thicker, or thinner, on each side, and as bright as before. */
function redrawn(pixels, by) {
  const sign = by < 0 ? -1 : 1;
  const around = [[0, 0], [-1, 0], [1, 0], [0, -1], [0, 1]];
  const beside = (y, x) => around.map(([down, right]) => sign * pixel(pixels, y + down, x + right));
  const most = pixelwise((y, x) => sign * Math.max(...beside(y, x)));
  const changed = pixelwise((y, x, n) => pixels[n] + Math.abs(by) * (most[n] - pixels[n]));
  const brightness = Math.max(...pixels) / Math.max(1e-6, ...changed);
  return changed.map(v => v * brightness);
}

/** A black square whose middle is drawn: its row, then its column. */
function hidden(pixels, side, random) {
  const [row, column] = [random, random].map(draw => fround(4 + fround(20 * draw())));
  const inside = (place, middle) => Math.abs(fround(place + 0.5 - middle)) <= side / 2;
  return pixelwise((y, x, n) => (inside(y, row) && inside(x, column) ? 0 : pixels[n]));
}

/** In the direction that is drawn. */
function shifted(pixels, by, random) {
  const angle = 6.2832 * random();
  return moved(pixels, { right: by * Math.cos(angle), down: by * Math.sin(angle) });
}

const WAYS = {
  noise: noisy,
  blur: blurred,
  shift: shifted,
  rotation: (pixels, degrees, random) => moved(pixels, { degrees: degrees * signOf(random) }),
  scale: (pixels, scale) => moved(pixels, { scale }),
  contrast: (pixels, share) => pixelwise((y, x, n) => share * pixels[n]),
  stroke: (pixels, by, random) => redrawn(pixels, by * signOf(random)),
  occlusion: hidden,
};

/** 28·28 pixels, 0 to 1, spoiled in a way, by an amount, with what comes from a seed. */
export function spoiled(pixels, kind, amount, seed) {
  return WAYS[kind](pixels, amount, randomSource(seed)).map(v => Math.min(1, Math.max(0, v)));
}
