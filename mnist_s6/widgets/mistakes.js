// The mistakes of a network: how often which digits are mixed up, the misread images, and each beside its like.

import { answers } from "./ahead.js";
import { ARROWS, KEYS, bytes, captioned, clamp, floats, grouped, h, percent, range, row, withArticle } from "./base.js";
import { confusionOf, confusionTable } from "./confusion.js";
import { imagesOf, unpacked } from "./images.js";
import { table } from "./numbers.js";
import { Bars, Picture, limitOf, thumbnail } from "./pictures.js";
import { staged } from "./stage.js";

const PAGE = 48; // mistakes that are shown at once
const ANY = -1;

/** The places of the mistakes with this label and prediction; −1 is any. */
export function choose({ labels, predictions }, { label, prediction }) {
  const fits = (digit, wanted) => [ANY, digit].includes(wanted);
  return range(labels.length).filter(place => fits(labels[place], label) && fits(predictions[place], prediction));
}

/** What was chosen, in words. */
export function choiceWords({ label, prediction }) {
  const said = (name, digit) => (digit === ANY ? `any ${name}` : `${name} ${digit}`);
  return `${said("label", label)}, ${said("prediction", prediction)}`;
}

/** Why there is nothing to see. */
export function nothingWords(about, all, tested, hidden = 0) {
  if (!all) return `No mistakes: the network reads all ${grouped(tested)} test images correctly.`;
  const choice = choiceWords(about);
  const { label, prediction } = about;
  const why = label !== ANY && label === prediction ? `${label} read as ${label} is right` : "there was none";
  const again = `Choose again, there are ${grouped(all)} in all.`;
  if (!hidden) return `No mistakes (${choice}): ${why}. ${again}`;
  return `Mistakes (${choice}): ${hidden}, but this page keeps the surest only. ${again}`;
}

/** Arrows lead from cell to cell of a square table, Home and End to a row's ends, Enter or Space choose. */
function walkable(table, across, at) {
  const cells = [...table.querySelectorAll("td")];
  cells.forEach((cell, place) => (cell.tabIndex = place === at ? 0 : -1)); // Tab leads to one of them
  table.addEventListener("keydown", event => {
    const steps = { ...ARROWS, Home: [-across, 0], End: [across, 0] };
    if (event.key in steps) {
      const [right, down] = steps[event.key];
      cells[at].tabIndex = -1;
      at = across * clamp(Math.floor(at / across) + down, 0, across - 1) + clamp((at % across) + right, 0, across - 1);
      cells[at].tabIndex = 0;
      cells[at].focus();
    } else if (event.key === "Enter" || event.key === " ") cells[at].click();
    else return;
    event.preventDefault();
  });
  return cells[at];
}

/** A row of training images with their places in the training set. */
function neighbours(images, places, caption) {
  const tiles = places.map((place, n) => (
    h("span", { class: "s6-tile" }, thumbnail(images[n], `training image ${place}`), h("span", {}, place))
  ));
  if (!tiles.length) tiles.push(h("p", { class: "s6-note" }, "none near it is read correctly"));
  return captioned(caption, h("div", { class: "s6-tiles" }, tiles));
}

/** The feature maps that differ most: of the mistake above, of its nearest neighbour below. */
function differing(found, nearest) {
  const title = nearest === undefined ? "no neighbour to compare with" : "this network has no feature maps";
  if (!found) return captioned(`Feature maps that differ:\n${title}`);
  const { layer, channels, differences, maps } = found;
  const [height, width] = [maps[0][0].length, maps[0][0][0].length];
  const data = maps.flat(3);
  const [limit, across] = [limitOf(data), channels.length];
  const words = channels.map((channel, n) => `channel ${channel} differs by ${differences[n].toFixed(2)}`);
  const caption = `Feature maps that differ, layer ${layer}:\n${words.join(",\n")}`;
  if (Math.max(height, width) > 2) {
    const picture = new Picture(`${caption}\nabove the mistake, below its nearest; light is high`);
    picture.show({ shape: [2 * across, height, width], data }, { limit, size: 64 * across, across });
    return picture.figure;
  }
  return captioned(caption, maps.map((all, which) => row(...all.map((map, n) => (
    table(which ? `nearest, ${channels[n]}` : `mistake, ${channels[n]}`, map.flat(), width, limit, 1)
  )))));
}

const explorer = staged("the mistakes of a network", (stage, model) => {
  const [height, width, classes, tested] = model.get("shape");
  const [labels, predictions] = ["labels", "predictions"].map(name => bytes(model.get(name)));
  const confidences = floats(model.get("confidences"));
  const counts = confusionOf(labels, predictions, classes);
  const digits = [[ANY, "any"], ...range(classes).map(digit => [digit, digit])];
  for (const name of ["label", "prediction"]) stage.choice(name, name, digits, { mistake: 1 });
  const slider = stage.slider("mistake", "mistake", { min: 1 });
  const finish = async look => ({ ...look, pool: await unpacked(bytes(look.images)) });
  const looks = answers(stage, "mistake", "place", finish);
  const [pairs, page, look] = [h("figure"), h("figure", { class: "s6-wide" }), h("div")];
  let pixels = null; // of all mistakes, or the surest
  let drawn = ""; // which page of tiles is shown
  stage.view.append(row(pairs, page), look);
  const image = n => imagesOf(pixels, [height, width])(n);

  /** What is chosen; the slider's range follows. */
  async function load(about) {
    pixels ??= await unpacked(bytes(model.get("images")));
    const chosen = choose({ labels, predictions }, about);
    const places = chosen.filter(place => place < pixels.length / (height * width));
    slider.limit(places.length);
    const which = clamp(about.mistake, 1, Math.max(1, places.length)) - 1;
    return { chosen, places, which, found: which in places ? await looks.get(places[which]) : null };
  }
  /** The confusion matrix, whose cells can be clicked. */
  function drawMatrix({ label, prediction }) {
    const caption = `${grouped(labels.length)} of ${grouped(tested)} wrong: click a cell\n↓ label, prediction →`;
    const name = caption.replace("\n", ", ");
    const about = { class: "s6-grid s6-matrix", role: "grid", "aria-label": name, [KEYS]: "true" };
    const grid = confusionTable(counts, classes, about, (down, across) => {
      const [right, some] = [down === across, label !== ANY || prediction !== ANY];
      const inside = some && [ANY, down].includes(label) && [ANY, across].includes(prediction);
      const title = right ? "right" : `${withArticle(down)} read as ${across}`;
      const onclick = () => stage.put({ label: down, prediction: across, mistake: 1 });
      return { class: [right && "s6-right", inside && "s6-under"].filter(Boolean).join(" "), title, onclick };
    });
    const hadFocus = pairs.contains(document.activeElement);
    const start = walkable(grid, classes, Math.max(0, label) * classes + Math.max(0, prediction));
    pairs.replaceChildren(h("figcaption", {}, caption), grid);
    if (hadFocus) start.focus();
  }
  function drawPage({ places, chosen }, start) {
    const some = places.slice(start, start + PAGE);
    const [first, last, all] = [start + 1, start + some.length, chosen.length].map(grouped);
    const kept = chosen.length > places.length ? ` (this page keeps ${places.length} of them)` : "";
    const caption = `Mistakes ${first} to ${last} of ${all}${kept}, the surest first (label→prediction): click one`;
    const tiles = some.map((place, n) => {
      const sure = percent(confidences[place], 0);
      const lines = [`${labels[place]}→${predictions[place]}`, sure].map(line => h("span", {}, line));
      const name = `${withArticle(labels[place])} read as ${predictions[place]} with ${sure}`;
      const onclick = () => stage.put({ mistake: start + n + 1 });
      const about = { type: "button", class: "s6-tile", "aria-label": name, onclick };
      return h("button", about, thumbnail(image(place)), lines);
    });
    page.replaceChildren(h("figcaption", {}, caption), h("div", { class: "s6-tiles" }, tiles));
  }
  function markTile(number, hadFocus) {
    page.querySelectorAll("button").forEach((button, n) => {
      const own = n === number;
      button.tabIndex = own ? 0 : -1; // the slider walks through them
      button.ariaCurrent = own || null;
      if (own && hadFocus) button.focus();
    });
  }
  function drawLook({ places, which, found }) {
    const place = places[which];
    const [label, said] = [labels[place], predictions[place]];
    const large = new Picture(`Mistake ${grouped(which + 1)}:\n${withArticle(label)} read as ${said}`);
    large.show(image(place));
    const bars = new Bars();
    bars.show(found.shares, { [label]: "label", [said]: "prediction" });
    const [own, other] = found.near;
    const images = range(own.length + other.length).map(imagesOf(found.pool, [height, width]));
    const right = [
      neighbours(images.slice(0, own.length), own, `Most alike, read correctly: training ${label}s, the label`),
      neighbours(images.slice(own.length), other, `training ${said}s, the prediction`),
      differing(found.maps, own[0]),
    ];
    look.replaceChildren(row(large, captioned("Probabilities", bars), h("div", {}, right)));
  }
  function draw(data, about) {
    const { chosen, places, which, found } = data;
    const choice = choiceWords(about);
    drawMatrix(about);
    if (found) {
      const [start, hadFocus] = [which - (which % PAGE), page.contains(document.activeElement)];
      if (drawn !== `${choice} ${start}`) drawPage(data, start);
      drawn = `${choice} ${start}`;
      markTile(which - start, hadFocus);
      drawLook(data);
      looks.ahead(places.slice(Math.max(0, which - 1), which + 2));
      return stage.say(`Mistake ${which + 1} of ${chosen.length} (${choice}): ${found.words}.`);
    }
    drawn = "";
    page.replaceChildren();
    look.replaceChildren();
    stage.say(nothingWords(about, labels.length, tested, chosen.length - places.length));
  }
  stage.update(["label", "prediction", "mistake"], load, draw);
});

export default explorer;
