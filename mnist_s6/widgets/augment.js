// Crop and turn a digit as torchvision does with Pillow's images, byte for byte, with the numbers that PyTorch draws.

import { cut, roundHalfEven, triangles, weigh } from "./resample.js";

/** PyTorch's source of random numbers on the CPU, the Mersenne Twister: each call gives one from 0 to 1. */
export function randomSource(seed) {
  const state = new Uint32Array(624);
  state[0] = seed;
  for (let i = 1; i < 624; i++) state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
  let next = 624;
  const refill = () => {
    for (let i = 0; i < 624; i++) {
      const both = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
      state[i] = state[(i + 397) % 624] ^ (both >>> 1) ^ (both & 1 ? 0x9908b0df : 0);
    }
    next = 0;
  };
  return () => {
    if (next === 624) refill();
    let y = state[next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    y ^= y >>> 18;
    return (y & 0xffffff) / 2 ** 24; // PyTorch takes 24 bits for a float
  };
}

/** What the training transform draws for one image: whether it crops, and the angle in degrees anticlockwise. */
export function drawOnce(random, { crop_probability: probability, degrees }) {
  const cropped = Math.fround(probability) >= random();
  return { cropped, angle: Math.fround(random() * 2 * degrees - degrees) };
}

/** The middle `size`×`size` pixels of 28×28: where they begin, and their bytes. */
export function cropMiddle(pixels, size) {
  const corner = roundHalfEven((28 - size) / 2);
  const image = cut({ shape: [28, 28], data: pixels }, [corner, corner, corner + size, corner + size]);
  return { corner, image };
}

/** Bytes of a square image made 28×28: Pillow's weights have 22 bits, and it rounds after each direction. */
export function enlarge(image) {
  if (image.shape[0] === 28) return image.data;
  const whole = triangles(image.shape[0], 28).map(({ first, weights }) => (
    { first, weights: weights.map(w => Math.trunc(w * 2 ** 22 + 0.5)) }
  ));
  return weigh(image, whole, whole, sum => Math.min(255, Math.max(0, Math.floor(sum / 2 ** 22 + 0.5)))).data;
}

/** 28·28 bytes turned anticlockwise about the middle, each the nearest pixel, in Pillow's 16.16 fixed point. */
export function turn(pixels, degrees) {
  const around = degrees % 360;
  if (around === 0) return Float64Array.from(pixels);
  const angle = -((around < 0 ? around + 360 : around) * (Math.PI / 180));
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)].map(v => Number(v.toFixed(15)));
  const fix = v => Math.trunc(v * 65536 + (v >= 0 ? 0.5 : -0.5));
  const fromX = fix(cos * -14 + sin * -14 + 14 + cos * 0.5 + sin * 0.5);
  const fromY = fix(-sin * -14 + cos * -14 + 14 - sin * 0.5 + cos * 0.5);
  const [c, s] = [fix(cos), fix(sin)];
  const out = new Float64Array(28 * 28);
  for (let n = 0; n < out.length; n++) {
    const [y, x] = [Math.floor(n / 28), n % 28];
    const [column, row] = [(fromX + x * c + y * s) >> 16, (fromY - x * s + y * c) >> 16];
    if (column >= 0 && column < 28 && row >= 0 && row < 28) out[n] = pixels[28 * row + column];
  }
  return out;
}
