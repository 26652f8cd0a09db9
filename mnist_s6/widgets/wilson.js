// Wilson's interval: where the true accuracy may lie after so many right answers, as in mnist_s6.util.

import { ValueError } from "./base.js";

/** So many deviations to each side hold this share of a bell curve. */
const DEVIATIONS = {
  0.8: 1.2815515655446008,
  0.9: 1.6448536269514715,
  0.95: 1.9599639845400536,
  0.99: 2.5758293035489,
};

/** The interval [low, high] of `correct` right answers of `n`; the same to the last bit as Python's. */
export function wilson(correct, n, level = 0.95) {
  const z = DEVIATIONS[level];
  if (!z) throw new ValueError(`level is ${level}; expected one of ${Object.keys(DEVIATIONS).join(", ")}`);
  const share = correct / n;
  const scale = 1 + (z * z) / n;
  const middle = (share + (z * z) / (2 * n)) / scale;
  const half = (z * Math.sqrt((share * (1 - share)) / n + (z * z) / (4 * n * n))) / scale;
  return [Math.max(0, Math.min(share, middle - half)), Math.min(1, Math.max(share, middle + half))];
}
