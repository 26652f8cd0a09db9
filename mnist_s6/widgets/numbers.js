// Tables of numbers, and signs between them.

import { captioned, h, number } from "./base.js";
import { colourOf, limitOf } from "./pictures.js";

/** A table of numbers (rows of `columns`), coloured from −limit to limit; too many are shown by colour alone. */
export function table(caption, data, columns, limit = limitOf(data), digits = 2) {
  const rows = [];
  data.forEach((value, n) => {
    if (n % columns === 0) rows.push(h("tr"));
    const finite = Number.isFinite(value);
    const style = finite ? { background: `rgb(${colourOf(value, limit)})` } : {};
    if (finite) style.color = value < -0.1 * limit ? "white" : "black";
    rows.at(-1).append(h("td", { style }, finite ? number(value, digits) : "pad"));
  });
  return captioned(caption, h("table", { "aria-label": caption }, h("tbody", {}, rows)));
}

/** A sign between tables. */
export const sign = text => h("span", { class: "s6-sign" }, text);
