// What every explorer is made of: elements, controls that are bound to its state, pictures of numbers, words.
// An explorer's state lives in `model`, which has get, set, save_changes, on, off and send, as anywidget's has.

export const KEYS = "data-lm-suppress-shortcuts"; // without it JupyterLab takes an element's keys for itself
let made = 0;
const newId = () => `s6-${Date.now().toString(36)}-${made++}`;

/** An error that Python would call a ValueError. */
export class ValueError extends Error {
  name = "ValueError";
}

/** An element: h("p", { class: "s6-note", onclick: act }, "text", child); a child may be what has a `figure`. */
export function h(tag, attributes = {}, ...children) {
  const svg = ["svg", "path", "line", "circle", "rect", "text", "g", "polyline"].includes(tag);
  const element = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().map(child => child.figure ?? child));
  return element;
}

/** The words before or behind a control. */
const named = (id, words) => h("label", { for: id, class: "s6-label" }, words);

/** The arrow keys as steps [right, down]. */
export const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** A row of elements that wraps where there is no room. */
export const row = (...children) => h("div", { class: "s6-row" }, ...children);

/** Elements under a caption. */
export const captioned = (caption, ...children) => h("figure", {}, h("figcaption", {}, caption), ...children);

/** A value moved to the nearer end, if it lies outside. */
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

/** The whole numbers from 0 to count − 1. */
export const range = count => Array.from({ length: count }, (_, n) => n);

// ---- words and numbers

/** A number as Python writes it, which rounds a half to the even neighbour; JavaScript rounds it up. */
export function fixed(value, digits) {
  if (!Number.isInteger(value * 2 ** (digits + 1))) return value.toFixed(digits);
  const [below, rest] = [Math.floor(value * 10 ** digits), (value * 10 ** digits) % 1];
  return ((below + (Math.abs(rest) === 0.5 ? Math.abs(below % 2) : 0)) / 10 ** digits).toFixed(digits);
}

/** A number for people: a true minus, and none before zero. */
export const number = (value, digits = 3) => (Number(fixed(value, digits)) + 0).toFixed(digits).replace("-", "−");

/** A share as Python writes `f"{share:.1%}"`. */
export const percent = (share, digits = 1) => `${fixed(100 * share, digits)}%`;

/** As in "1, 2 and 3". */
export function listed(items) {
  const most = items.slice(0, -1).join(", ");
  return most ? `${most} and ${items.at(-1)}` : String(items[0]);
}

/** A count for people: "10,000". */
export const grouped = count => count.toLocaleString("en-US");

/** "a 3", "an 8". */
export const withArticle = digit => `${digit === 8 ? "an" : "a"} ${digit}`;

/** The bytes of a trait, which arrives as a DataView. */
export const bytes = view => (view ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength) : new Uint8Array());

/** Float32 values out of bytes that may begin anywhere. */
export const floats = view => new Float32Array(bytes(view).slice().buffer);

// ---- the stage

/** An explorer as anywidget and page.js take it: `build(stage, model)` fills a stage with this title. */
export function staged(title, build) {
  return {
    render({ model, el }) {
      const stage = new Stage(model, el, title);
      build(stage, model);
      return stage.end;
    },
  };
}

/** Controls above, pictures in the middle, the sentence and the place for errors below. */
export class Stage {
  constructor(model, el, title) {
    this.model = model;
    this.turn = 0;
    this.ends = [];
    this.asked = new Map();
    this.controls = h("div", { class: "s6-controls" });
    this.view = h("div", { class: "s6-view" });
    this.sentence = h("p", { class: "s6-sentence", "aria-live": "polite" });
    this.alert = h("p", { class: "s6-error", role: "alert" });
    el.append(h("section", { class: "s6", "aria-label": title }, this.controls, this.view, this.sentence, this.alert));
    this.listen("msg:custom", (message, buffers) => this.hear(message, buffers));
    this.listen("change:error", () => this.tell(model.get("error")));
    this.tell(model.get("error"));
  }

  /** Call `act` at an event of the model for as long as this view is shown. */
  listen(event, act) {
    this.model.on(event, act);
    this.ends.push(() => this.model.off(event, act));
  }

  /** What `render` returns: the host calls it when the view goes away. */
  end = () => this.ends.forEach(stop => stop());

  /** Show a message of an error; none for "". */
  tell(message) {
    this.alert.textContent = message ? `⚠ ${message}` : "";
  }

  /** Write the sentence, only if it is another one: a screen reader reads what changes. */
  say(sentence) {
    if (this.sentence.textContent !== sentence) this.sentence.textContent = sentence;
  }

  /** Change state by name: here at once, in Python after what is asked because of it. */
  put(values) {
    for (const [name, value] of Object.entries(values)) this.model.set(name, value);
    queueMicrotask(() => this.model.save_changes());
  }

  /**
   * Now, and whenever one of `names` has changed: `load(about)` what is needed (it may take time), then
   * `draw(data, about)` it; `about` is the state of `names`.
   */
  update(names, load, draw) {
    let waiting = false;
    const refresh = () => {
      if (waiting) return; // several changes at once are drawn once
      waiting = true;
      queueMicrotask(() => {
        waiting = false;
        this.run(names, load, draw);
      });
    };
    for (const name of names) this.listen(`change:${name}`, refresh);
    this.run(names, load, draw);
  }

  async run(names, load, draw) {
    const turn = ++this.turn;
    try {
      const about = Object.fromEntries(names.map(name => [name, this.model.get(name)]));
      const coming = load(about);
      const data = coming instanceof Promise ? await coming : coming;
      if (turn !== this.turn) return; // a newer change has come meanwhile
      draw(data, about);
      this.tell("");
    } catch (error) {
      if (turn === this.turn) this.tell(error.asked ? error.message : `${error.name}: ${error.message}`);
      if (!error.asked) reportError(error); // the console shows it, and a test fails
    }
  }

  /** Ask Python's `answer_QUESTION(*buffers, **about)`; of a page without Python, what was recorded. */
  ask(question, about = {}, buffers = [], ahead = false) {
    const id = newId();
    return new Promise((resolve, reject) => {
      this.asked.set(id, { resolve, reject });
      this.model.send({ id, question, about, ahead }, undefined, buffers);
    });
  }

  /** Hand an answer, or the error that came instead, to the one who asked. */
  hear({ answer, error, values, names }, buffers) {
    const asked = this.asked.get(answer);
    if (!this.asked.delete(answer)) return; // another view's
    if (error) return asked.reject(Object.assign(new Error(error), { asked: true }));
    names.forEach((name, place) => (values[name] = buffers[place]));
    asked.resolve(values);
  }

  // ---- its controls

  /** On a page without Python, how many answers to a question were recorded; else what Python could give. */
  known(question, count) {
    return this.model.recorded?.(question) ?? count;
  }

  /** Let a control show the state `name` now and whenever it changes. */
  bind(name, show, ...parts) {
    this.listen(`change:${name}`, show);
    show();
    this.controls.append(h("div", { class: "s6-control" }, ...parts));
  }

  /**
   * A slider of the state `name`; `limit(count)` lets it have only so many values. If they aren't the state's:
   * `shown` leads from the state to the slider's value, `chosen` back, and `text` is what stands beside it.
   */
  slider(name, label, { min = 0, max = 1, step = 1, digits = 0, shown = v => v, chosen = v => v, text = null } = {}) {
    const id = newId();
    const input = h("input", { id, type: "range", min, max, step, [KEYS]: "true" });
    const output = h("output", { for: id });
    const show = () => {
      input.value = shown(this.model.get(name));
      output.textContent = text ? text(Number(input.value)) : Number(input.value).toFixed(digits);
      if (text) input.setAttribute("aria-valuetext", output.textContent);
    };
    const limit = count => {
      input.max = min + Math.max(1, count - 1) * step;
      input.disabled = count < 2;
      show();
    };
    input.addEventListener("input", () => this.put({ [name]: chosen(Number(input.value)) }));
    this.bind(name, show, named(id, label), input, output);
    return { input, limit };
  }

  /** A list to choose the state `name` from; `options` are pairs of a value and its text, `also` is put with it. */
  choice(name, label, options, also = {}) {
    const id = newId();
    const select = h("select", { id, [KEYS]: "true" });
    select.append(...options.map(([, text]) => h("option", {}, text)));
    const show = () => (select.selectedIndex = options.findIndex(([value]) => value === this.model.get(name)));
    select.addEventListener("change", () => this.put({ [name]: options[select.selectedIndex][0], ...also }));
    this.bind(name, show, named(id, label), select);
    return select;
  }

  /** A box to tick for the state `name`. */
  check(name, label) {
    const id = newId();
    const input = h("input", { id, type: "checkbox", [KEYS]: "true" });
    const show = () => (input.checked = this.model.get(name));
    input.addEventListener("change", () => this.put({ [name]: input.checked }));
    this.bind(name, show, input, named(id, label));
  }

  /** A button. */
  button(text, act) {
    const button = h("button", { type: "button", class: "s6-button", onclick: act }, text);
    this.controls.append(button);
    return button;
  }
}

// ---- pictures

export const BLUE = "#0072B2"; // Okabe and Ito's: everyone can tell them apart
export const ORANGE = "#E69F00";

const CIVIDIS = [[0, 34, 78], [59, 73, 109], [124, 123, 120], [188, 175, 111], [254, 232, 56]];
const SIGNED = range(256).map(n => {
  const place = (n / 255) * 4;
  const below = Math.min(3, Math.floor(place));
  return CIVIDIS[below].map((from, c) => from + (place - below) * (CIVIDIS[below + 1][c] - from));
});

const byte = value => clamp(Math.round(value), 0, 255);

/** The colour [red, green, blue] of a value between −limit, dark blue, and limit, light yellow. */
export const colourOf = (value, limit) => SIGNED[byte((value / limit + 1) * 127.5)];

/** A colour as a canvas stores it: four bytes in one number. */
const packed = ([red, green, blue]) => ((255 << 24) | (byte(blue) << 16) | (byte(green) << 8) | byte(red)) >>> 0;
const COLOURS = Uint32Array.from(SIGNED, packed);
const GREYS = Uint32Array.from(range(256), grey => packed([grey, grey, grey]));

/** The largest distance from zero, as the limit of a colour scale; never 0. */
export const limitOf = data => data.reduce((top, v) => (Number.isFinite(v) ? Math.max(top, Math.abs(v)) : top), 0) || 1;

/** The rows and columns [top, left, bottom, right] of map `index` where maps lie side by side, `across` in a row. */
export function tileOf(index, across, height, width) {
  const [top, left] = [Math.floor(index / across) * (height + 1), (index % across) * (width + 1)];
  return [top, left, top + height, left + width];
}

/** Paint maps { shape: [count, height, width], data } side by side: by `limit` in colours, without it grey, 0 to 1. */
function paint(canvas, { shape, data }, limit, across) {
  const [count, height, width] = shape;
  const wide = across * (width + 1) - 1;
  canvas.width = wide;
  canvas.height = Math.ceil(count / across) * (height + 1) - 1;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, canvas.height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let index = 0, n = 0; index < count; index++) {
    const [top, left] = tileOf(index, across, height, width);
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++, n++) {
        const value = data[n];
        if (Number.isNaN(value)) continue;
        pixels[y * wide + x] = limit ? COLOURS[byte((value / limit + 1) * 127.5)] : GREYS[byte(255 * value)];
      }
    }
  }
  pen.putImageData(image, 0, 0);
}

/** A canvas with a caption above, and frames around some of its pixels; `pick(row, column)` hears clicks. */
export class Picture {
  constructor(caption = "", pick = null) {
    this.canvas = h("canvas", { role: "img", class: pick ? "s6-pick" : null });
    this.box = h("div", { class: "s6-box" }, this.canvas);
    this.caption = h("figcaption");
    this.figure = h("figure", {}, this.caption, this.box);
    this.name(caption);
    if (pick) this.canvas.addEventListener("click", event => pick(...this.place(event)));
  }

  /** The row and column of an event. */
  place({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    const along = (at, size, count) => clamp(Math.floor((at / size) * count), 0, count - 1);
    return [along(clientY - top, height, this.canvas.height), along(clientX - left, width, this.canvas.width)];
  }

  /** Write the caption, which is also what a screen reader reads. */
  name(caption) {
    this.caption.textContent = caption;
    this.canvas.setAttribute("aria-label", caption.replaceAll("\n", ", "));
  }

  /** Show one map (height, width) or several (count, height, width), `size` pixels wide at most. */
  show({ shape, data }, { limit = 0, size = 140, caption, across } = {}) {
    const maps = shape.length === 3 ? shape : [1, ...shape];
    this.across = across ?? Math.ceil(Math.sqrt(maps[0]));
    this.shape = maps;
    paint(this.canvas, { shape: maps, data }, limit, this.across);
    this.box.style.width = `${size}px`;
    if (caption !== undefined) this.name(caption);
  }

  /** Put a frame around each box [top, left, bottom, right]; it may reach outside. */
  mark(...boxes) {
    this.box.replaceChildren(this.canvas, ...boxes.filter(Boolean).map(([top, left, bottom, right]) => {
      const { width, height } = this.canvas;
      const share = (part, whole) => `${(100 * part) / whole}%`;
      const style = { top: share(top, height), left: share(left, width),
        height: share(bottom - top, height), width: share(right - left, width) };
      return h("div", { class: "s6-frame", style });
    }));
  }
}

/** A small image; it needs a `name` for a screen reader only where no words around it tell what it is. */
export function thumbnail(image, name = "") {
  const picture = new Picture(name);
  picture.show(image);
  if (!name) picture.canvas.setAttribute("role", "presentation");
  return picture.canvas;
}

/** The probability of each digit as a bar; the best one is hatched and bold. */
export class Bars {
  constructor() {
    this.figure = h("div", { class: "s6-bars" });
  }

  /** Show probabilities; `roles` are words beside some digits, as in { 3: "label" }. */
  show(shares, roles = {}) {
    const best = shares.indexOf(Math.max(...shares));
    this.figure.replaceChildren(...Array.from(shares, (share, digit) => h(
      "div", { class: digit === best ? "s6-bar s6-best" : "s6-bar" },
      h("span", {}, String(digit)),
      h("span", { class: "s6-track" }, h("i", { style: { width: `${100 * share}%` } })),
      h("span", {}, percent(share)),
      h("span", {}, roles[digit] ?? ""),
    )));
  }
}
