// What a sliding window does: how many places it finds, what it computes there, and how far a stack of them sees.

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

/** An image { shape, data } with `padding` zeros on each side. */
export function padded({ shape: [height, width], data }, padding) {
  const [h, w] = [height + 2 * padding, width + 2 * padding];
  const out = new Float64Array(h * w);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) out[(y + padding) * w + x + padding] = data[y * width + x];
  }
  return { shape: [h, w], data: out };
}

/** The numbers under a window of `shape` whose upper left is at `top`, `left`, row by row. */
export function under({ shape: [, width], data }, [rows, columns], top, left) {
  const at = (_, n) => data[(top + Math.floor(n / columns)) * width + left + (n % columns)];
  return Array.from({ length: rows * columns }, at);
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
