// The mistakes of a network: how often which digits are mixed up, the misread images, and each beside its like.

import { answers } from "./ahead.js";
import { Bars, KEYS, Picture, Stage, bytes, floats, h, percent, row, table, withArticle } from "./base.js";

const PAGE = 48; // mistakes that are shown at once
const ANY = -1;

/** Bytes in which 0, n stands for n zeros. */
export function unrolled(rolled) {
  let size = 0;
  for (let n = 0; n < rolled.length; n++) size += rolled[n] ? 1 : rolled[++n];
  const whole = new Uint8Array(size);
  for (let n = 0, at = 0; n < rolled.length; n++) {
    if (rolled[n]) whole[at++] = rolled[n];
    else at += rolled[++n];
  }
  return whole;
}

/** The places of the mistakes with this label and prediction; −1 is any. */
export function choose({ labels, predictions }, { label, prediction }) {
  const fits = (digit, wanted) => wanted === ANY || digit === wanted;
  const places = Array.from(labels, (_, place) => place);
  return places.filter(place => fits(labels[place], label) && fits(predictions[place], prediction));
}

/** What was chosen, in words. */
export function choiceWords({ label, prediction }) {
  const said = (name, digit) => (digit === ANY ? `any ${name}` : `${name} ${digit}`);
  return `${said("label", label)}, ${said("prediction", prediction)}`;
}

const thousands = count => count.toLocaleString("en-US");

/** Why there is nothing to see: no mistakes at all, none of this kind, or none that this page keeps. */
export function nothingWords(about, all, tested, hidden = 0) {
  if (!all) return `No mistakes: the network reads all ${thousands(tested)} test images correctly.`;
  const choice = choiceWords(about);
  const { label, prediction } = about;
  const why = label !== ANY && label === prediction ? `${label} read as ${label} is right` : "there was none";
  const again = `Choose again, there are ${thousands(all)} in all.`;
  if (!hidden) return `No mistakes (${choice}): ${why}. ${again}`;
  return `${hidden} mistakes (${choice}), but this page keeps the surest only. ${again}`;
}

/** Counts (classes × classes): a row for each label, a column for each prediction. */
export function countPairs({ labels, predictions }, classes) {
  const counts = new Uint32Array(classes * classes);
  labels.forEach((label, place) => counts[label * classes + predictions[place]]++);
  return counts;
}

/** The confusion matrix as a table whose cells can be clicked; its lists and headings say what is chosen. */
function matrix(counts, classes, { label, prediction }, caption, pick) {
  const most = Math.max(...counts, 1);
  const someChosen = label !== ANY || prediction !== ANY;
  const digits = Array.from({ length: classes }, (_, digit) => digit);
  const cell = (down, across) => {
    const count = counts[down * classes + across];
    const faint = 1 - (0.15 + 0.75 * (count / most));
    const [red, green, blue] = [230, 159, 0].map(tone => Math.round(tone + faint * (255 - tone)));
    const style = count ? { background: `rgb(${red} ${green} ${blue})`, color: "black" } : {};
    const inside = someChosen && [ANY, down].includes(label) && [ANY, across].includes(prediction);
    const looks = [down === across && "s6-right", inside && "s6-under"].filter(Boolean).join(" ");
    const words = count < 1000 ? String(count || "") : `${(count / 1000).toFixed(1)}k`;
    const title = down === across ? "right" : `${withArticle(down)} read as ${across}`;
    const onclick = () => pick({ label: down, prediction: across, mistake: 1 });
    return h("td", { style, class: looks || null, title, onclick }, words);
  };
  const heads = digits.map(digit => h("th", { scope: "col" }, String(digit)));
  const rows = digits.map(down => (
    h("tr", {}, h("th", { scope: "row" }, String(down)), digits.map(across => cell(down, across)))
  ));
  const head = h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "↓ →"), heads));
  const about = { class: "s6-grid s6-matrix", role: "grid", "aria-label": caption, [KEYS]: "true" };
  return h("table", about, head, h("tbody", {}, rows));
}

/** Arrows lead from cell to cell of a table, Home and End to a row's ends, Enter or Space choose; first is `at`. */
function walkable(table, across, at) {
  const cells = [...table.querySelectorAll("td")];
  cells.forEach((cell, place) => (cell.tabIndex = place === at ? 0 : -1)); // Tab leads to one of them
  table.addEventListener("keydown", event => {
    const column = at % across;
    const steps = { ArrowLeft: column ? -1 : 0, ArrowRight: column < across - 1 ? 1 : 0 };
    Object.assign(steps, { ArrowUp: at < across ? 0 : -across, ArrowDown: at + across < cells.length ? across : 0 });
    Object.assign(steps, { Home: -column, End: across - 1 - column });
    if (event.key in steps) {
      cells[at].tabIndex = -1;
      at += steps[event.key];
      cells[at].tabIndex = 0;
      cells[at].focus();
    } else if (event.key === "Enter" || event.key === " ") cells[at].click();
    else return;
    event.preventDefault();
  });
  return cells[at];
}

/** A small image with two lines of words below, which can be pressed. */
function tile(image, words, name, press) {
  const picture = new Picture();
  picture.show(image, { size: 34 });
  picture.canvas.setAttribute("role", "presentation");
  const lines = words.map(line => h("span", {}, line));
  return h("button", { type: "button", class: "s6-tile", "aria-label": name, onclick: press }, picture.canvas, lines);
}

/** A row of training images with their places in the training set. */
function neighbours(images, places, caption) {
  const tiles = places.map((place, n) => {
    const picture = new Picture();
    picture.show(images(n), { size: 44 });
    picture.canvas.setAttribute("aria-label", `training image ${place}`);
    return h("span", { class: "s6-tile" }, picture.canvas, h("span", {}, String(place)));
  });
  const none = places.length ? [] : [h("p", { class: "s6-note" }, "none near it is read correctly")];
  return h("figure", {}, h("figcaption", {}, caption), h("div", { class: "s6-tiles" }, tiles, none));
}

/** The feature maps that differ most: of the mistake above, of its nearest neighbour of the same digit below. */
function differing(found, nearest) {
  const title = nearest === undefined ? "no neighbour to compare with" : "this network has no feature maps";
  if (!found) return h("figure", {}, h("figcaption", {}, `Feature maps that differ:\n${title}`));
  const { layer, channels, differences, maps } = found;
  const [height, width] = [maps[0][0].length, maps[0][0][0].length];
  const flat = maps.flat(3);
  const limit = Math.max(1e-6, ...flat.map(Math.abs));
  const words = channels.map((channel, n) => `channel ${channel} differs by ${differences[n].toFixed(2)}`);
  let caption = `Feature maps that differ, layer ${layer}:\n${words.join(",\n")}`;
  if (Math.max(height, width) > 2) {
    const picture = new Picture();
    const shape = [2 * channels.length, height, width];
    const across = channels.length;
    caption += "\nabove the mistake, below its nearest; light is high";
    picture.show({ shape, data: flat }, { limit, size: 64 * across, across, caption });
    return picture.figure;
  }
  const rows = maps.map((all, which) => row(...all.map((map, n) => (
    table(which ? `nearest, ${channels[n]}` : `mistake, ${channels[n]}`, map.flat(), width, limit, 1)
  ))));
  return h("figure", {}, h("figcaption", {}, caption), rows);
}

const explorer = {
  render({ model, el }) {
    const stage = new Stage(model, el, "the mistakes of a network");
    const [height, width, classes, tested] = model.get("shape");
    const size = height * width;
    const [labels, predictions, pixels] = ["labels", "predictions", "images"].map(name => bytes(model.get(name)));
    const all = { labels, predictions };
    const confidences = floats(model.get("confidences"));
    const cut = pool => n => (
      { shape: [height, width], data: Array.from(pool.subarray(n * size, (n + 1) * size), v => v / 255) }
    );
    const shown = unrolled(pixels);
    const image = cut(shown);
    const kept = shown.length / size; // a page without Python keeps the surest
    const counts = countPairs(all, classes);
    const digits = [[ANY, "any"], ...Array.from({ length: classes }, (_, digit) => [digit, String(digit)])];
    for (const name of ["label", "prediction"]) stage.choice(name, name, digits, { mistake: 1 });
    const slider = stage.slider("mistake", "mistake", { min: 1, max: 2 });
    const looks = answers(stage, "mistake", "place");
    const [pairs, page, look] = [h("figure"), h("figure", { class: "s6-wide" }), h("div")];
    let drawn = ""; // the page of tiles: a step within it draws none again
    stage.view.append(row(pairs, page), look);

    /** What is chosen; the slider's range follows. */
    async function load() {
      const about = { label: model.get("label"), prediction: model.get("prediction") };
      const chosen = choose(all, about);
      const places = chosen.filter(place => place < kept);
      slider.limit(places.length);
      const which = Math.max(1, Math.min(model.get("mistake"), places.length)) - 1;
      return { about, chosen, places, which, found: which in places ? await looks.get(places[which]) : null };
    }
    function drawMatrix(about) {
      const wrong = `${thousands(labels.length)} of ${thousands(tested)} wrong`;
      const caption = `${wrong}: click a cell\n↓ label, prediction →`;
      const grid = matrix(counts, classes, about, caption.replace("\n", ", "), choice => stage.put(choice));
      const hadFocus = pairs.contains(document.activeElement);
      const start = walkable(grid, classes, Math.max(0, about.label) * classes + Math.max(0, about.prediction));
      pairs.replaceChildren(h("figcaption", {}, caption), h("div", { class: "s6-scroll" }, grid));
      if (hadFocus) start.focus();
    }
    function drawPage({ places, chosen }, start) {
      const some = places.slice(start, start + PAGE);
      const range = `${thousands(start + 1)} to ${thousands(start + some.length)} of ${thousands(chosen.length)}`;
      const missing = chosen.length > places.length ? ` (this page keeps ${places.length} of them)` : "";
      const caption = `Mistakes ${range}${missing}, the surest first (label→prediction): click one`;
      const tiles = some.map((place, n) => {
        const sure = percent(confidences[place], 0);
        const pair = [`${labels[place]}→${predictions[place]}`, sure];
        const name = `${withArticle(labels[place])} read as ${predictions[place]} with ${sure}`;
        return tile(image(place), pair, name, () => stage.put({ mistake: start + n + 1 }));
      });
      page.replaceChildren(h("figcaption", {}, caption), h("div", { class: "s6-tiles" }, tiles));
    }
    function markTile(number, hadFocus) {
      page.querySelectorAll("button").forEach((button, n) => {
        const own = n === number;
        button.tabIndex = own ? 0 : -1; // the slider walks through them
        button.ariaCurrent = own ? "true" : null;
        if (own && hadFocus) button.focus();
      });
    }
    function drawLook({ places, which, found }) {
      const place = places[which];
      const [label, said] = [labels[place], predictions[place]];
      const large = new Picture();
      const caption = `Mistake ${thousands(which + 1)}:\n${withArticle(label)} read as ${said}`;
      large.show(image(place), { size: 140, caption });
      const bars = new Bars();
      bars.show(found.shares, { [label]: "label", [said]: "prediction" });
      const pool = unrolled(bytes(found.images));
      const [own, other] = found.near;
      const first = neighbours(cut(pool), own, `Most alike, read correctly: training ${label}s, the label`);
      const behind = n => cut(pool)(own.length + n);
      const second = neighbours(behind, other, `training ${said}s, the prediction`);
      const shares = h("figure", {}, h("figcaption", {}, "Probabilities"), bars.figure);
      look.replaceChildren(row(large.figure, shares, h("div", {}, first, second, differing(found.maps, own[0]))));
    }
    function draw(data) {
      const { about, chosen, places, which, found } = data;
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
      return stage.say(nothingWords(about, labels.length, tested, chosen.length - places.length));
    }
    stage.update(["label", "prediction", "mistake"], load, draw);
    return stage.end;
  },
};

export default explorer;
