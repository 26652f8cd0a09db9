// Parts of an image, and images made larger or smaller. An image is { shape: [height, width], data }.

/** The part of an image inside a box. */
export function cut({ shape: [, width], data }, [top, left, bottom, right]) {
  const wide = right - left;
  const at = (_, n) => data[(top + Math.floor(n / wide)) * width + left + (n % wide)];
  return { shape: [bottom - top, wide], data: Float64Array.from({ length: (bottom - top) * wide }, at) };
}

/** An image with black pixels around it. */
export function padded({ shape: [height, width], data }, by) {
  const wide = width + 2 * by;
  const out = new Float64Array((height + 2 * by) * wide);
  for (let y = 0; y < height; y++) out.set(data.slice(y * width, (y + 1) * width), (y + by) * wide + by);
  return { shape: [height + 2 * by, wide], data: out };
}

/** For each of `to` places, where its weights begin and what they are: a triangle, wider where the image shrinks. */
export function triangles(from, to) {
  const scale = from / to;
  const support = Math.max(scale, 1);
  return Array.from({ length: to }, (_, place) => {
    const centre = scale * (place + 0.5);
    const first = Math.max(Math.trunc(centre - support + 0.5), 0);
    const end = Math.min(Math.trunc(centre + support + 0.5), from);
    const height = (_, i) => Math.max(0, 1 - Math.abs((first + i - centre + 0.5) / support));
    const weights = Array.from({ length: end - first }, height);
    const sum = weights.reduce((a, b) => a + b);
    return { first, weights: weights.map(w => w / sum) };
  });
}

/** An image whose rows, then columns, are summed by weights; `finish` is done to each sum. */
export function weigh({ shape: [height, width], data }, across, down, finish = sum => sum) {
  const wide = across.length;
  const half = new Float64Array(height * wide);
  const out = new Float64Array(down.length * wide);
  const sum = (weights, from, at, step) => weights.reduce((total, w, i) => total + w * from[at + i * step], 0);
  for (let y = 0; y < height; y++) {
    across.forEach(({ first, weights }, x) => {
      half[y * wide + x] = finish(sum(weights, data, y * width + first, 1));
    });
  }
  down.forEach(({ first, weights }, y) => {
    for (let x = 0; x < wide; x++) out[y * wide + x] = finish(sum(weights, half, first * wide + x, wide));
  });
  return { shape: [down.length, wide], data: out };
}

/** Round to the nearest whole number, a half to the even one, as Python does. */
export function roundHalfEven(x) {
  const up = Math.round(x);
  return up - x === 0.5 && up % 2 ? up - 1 : up;
}
