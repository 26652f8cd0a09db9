// Which digits are taken for which: counts of labels and predictions, and their table.

import { h, range } from "./base.js";
import { headedTable } from "./tables.js";

/** Counts (classes × classes): a row for each label, a column for each prediction. */
export function confusionOf(labels, predictions, classes = 10) {
  const counts = new Uint32Array(classes * classes);
  labels.forEach((label, place) => counts[label * classes + predictions[place]]++);
  return counts;
}

/** The counts as a table in which mistakes are shaded; `about` its attributes, `more(label, prediction)` a cell's. */
export function confusionTable(counts, classes, about, more = () => ({})) {
  const most = Math.max(1, ...counts.filter((_, place) => place % (classes + 1)));
  const cell = (down, across) => {
    const count = counts[down * classes + across];
    const faint = 1 - (0.15 + 0.75 * (count / most));
    const shade = [230, 159, 0].map(tone => Math.round(tone + faint * (255 - tone)));
    const style = count && down !== across ? { background: `rgb(${shade.join(" ")})`, color: "black" } : {};
    const words = count < 1000 ? String(count || "") : `${(count / 1000).toFixed(1)}k`;
    return h("td", { style, class: down === across ? "s6-right" : null, ...more(down, across) }, words);
  };
  const digits = range(classes);
  const rows = digits.map(down => [down, ...digits.map(across => cell(down, across))]);
  return headedTable(["↓ →", ...digits], rows, about);
}
