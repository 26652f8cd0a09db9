// Tables that are wider than a phone.

/** Put other elements into `view`; what was scrolled sideways stays where it was. */
export function replace(view, ...elements) {
  const scrolled = () => [...view.querySelectorAll(".s6-scroll")];
  const places = scrolled().map(it => it.scrollLeft);
  view.replaceChildren(...elements);
  scrolled().forEach((it, n) => places[n] && (it.scrollLeft = places[n]));
}
