// What a sliding window does: how many places it finds, what it computes there, and how far a stack of them sees.

import { cut, padded } from "./resample.js";

/** How many places a window of `kernel` pixels finds in `size` pixels; 0 where it doesn't fit. */
export function placesIn(size, { kernel, stride, padding }) {
  return Math.max(0, Math.floor((size + 2 * padding - kernel) / stride) + 1);
}

/** The window of each value after all layers, as receptive_field in mnist_s6.model. */
export function receptiveField(layers) {
  const field = { size: 1, step: 1, start: 0 };
  for (const { kernel, stride, padding } of layers) {
    field.size += (kernel - 1) * field.step;
    field.start -= padding * field.step;
    field.step *= stride;
  }
  return field;
}

/** The rows and columns [top, left, bottom, right] that the value at `row`, `column` sees; may reach outside. */
export function windowOf({ size, step, start }, row, column) {
  const [top, left] = [start + row * step, start + column * step];
  return [top, left, top + size, left + size];
}

/** The numbers under a window of `shape` whose upper left is at `top`, `left`, row by row. */
export function under(image, [rows, columns], top, left) {
  return Array.from(cut(image, [top, left, top + rows, left + columns]).data);
}

/** What conv2d computes for one image and one kernel, { shape, data } each; null where the kernel doesn't fit. */
export function slide(image, kernel, { stride, padding }) {
  const around = padded(image, padding);
  const [h, w] = image.shape.map((size, i) => placesIn(size, { kernel: kernel.shape[i], stride, padding }));
  if (h * w === 0) return null;
  const sumAt = (_, n) => under(around, kernel.shape, stride * Math.floor(n / w), stride * (n % w))
    .reduce((sum, value, i) => sum + value * kernel.data[i], 0);
  return { shape: [h, w], data: Float64Array.from({ length: h * w }, sumAt) };
}

/** Which map, row and column lie at a place of maps side by side; null for a gap. */
export function placeOf(y, x, across, [count, height, width]) {
  const [row, column] = [y % (height + 1), x % (width + 1)];
  const index = Math.floor(y / (height + 1)) * across + Math.floor(x / (width + 1));
  return row < height && column < width && index < count ? { index, row, column } : null;
}
