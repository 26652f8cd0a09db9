// A table with heads.

import { h } from "./base.js";

/** A table with a head for each column and, first in its row, for each row; a cell is a text or an element. */
export function headedTable(heads, rows, attributes = {}) {
  const headOf = (scope, head) => h("th", { scope }, head);
  const cellOf = cell => (cell instanceof Element ? cell : h("td", {}, cell));
  const top = h("thead", {}, h("tr", {}, heads.map(head => headOf("col", head))));
  const lines = rows.map(([head, ...cells]) => h("tr", {}, headOf("row", head), cells.map(cellOf)));
  return h("div", { class: "s6-scroll" }, h("table", attributes, top, h("tbody", {}, lines)));
}
