// Draw a digit, and see how it is prepared and what a network reads in it.

import { ARROWS, KEYS, bytes, clamp, h, listed, percent, range, row } from "./base.js";
import { centreOfMass, prepareSteps } from "./digits.js";
import { Bars, Picture } from "./pictures.js";
import { reader } from "./reader.js";
import { staged } from "./stage.js";

export const SIDE = 140; // pixels on each side of a drawing; the sheet is shown twice as large
const PAPER = 2 * SIDE;

/** What the drawing is read as, and what is next; `skipped` are steps that were left out, as in "cropped". */
export function reading(shares, skipped = []) {
  const order = range(shares.length).sort((a, b) => shares[b] - shares[a]);
  const [first, ...next] = order.slice(0, 3).map(digit => `${digit} with ${percent(shares[digit])}`);
  const subject = skipped.length ? `The drawing, not ${skipped.join(" and not ")},` : "The drawing";
  const following = next.length ? `; next ${next.length > 1 ? "are" : "is"} ${listed(next)}` : "";
  return `${subject} reads as ${first}${following}.`;
}

/** A black sheet to draw on in white with mouse, pen, finger or keys; `drawn(bytes, done)` hears each change. */
export class Sheet {
  constructor(drawn) {
    this.drawn = drawn;
    const about = { tabindex: "0", role: "application", "aria-label": "draw a digit. Drawing area.", [KEYS]: "true" };
    this.canvas = h("canvas", { width: PAPER, height: PAPER, ...about });
    this.ring = h("div", { class: "s6-pen", hidden: true });
    this.keys = h("p", { class: "s6-note", "aria-live": "polite" });
    this.small = h("canvas", { width: SIDE, height: SIDE });
    [this.ink, this.reduced] = [this.canvas, this.small].map(it => it.getContext("2d", { willReadFrequently: true }));
    this.figure = h("div", {}, h("div", { class: "s6-sheet" }, this.canvas, this.ring), this.keys);
    this.followPointer();
    this.followKeys();
  }

  /** Show a drawing of SIDE·SIDE bytes; an empty one for none. */
  show(drawing) {
    this.ink.fillStyle = "black";
    this.ink.fillRect(0, 0, PAPER, PAPER);
    if (drawing.length !== SIDE * SIDE) return;
    const image = this.reduced.createImageData(SIDE, SIDE);
    new Uint32Array(image.data.buffer).set(Uint32Array.from(drawing, grey => 0xff000000 + 0x10101 * grey)); // opaque
    this.reduced.putImageData(image, 0, 0);
    this.ink.drawImage(this.small, 0, 0, PAPER, PAPER);
  }

  /** Tell what is drawn: SIDE·SIDE bytes, shrunk from the sheet. */
  send(done) {
    this.reduced.drawImage(this.canvas, 0, 0, SIDE, SIDE);
    const { data } = this.reduced.getImageData(0, 0, SIDE, SIDE); // red, green, blue and opacity of each pixel
    this.drawn(Uint8Array.from({ length: SIDE * SIDE }, (_, n) => data[4 * n]), done);
  }

  stroke(from, [x, y]) {
    Object.assign(this.ink, { strokeStyle: "white", lineWidth: PAPER / 12, lineCap: "round" });
    this.ink.beginPath();
    this.ink.moveTo(...from);
    this.ink.lineTo(x + 0.01, y); // 0.01: a dot is a line too
    this.ink.stroke();
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.send(false);
    });
  }

  followPointer() {
    const { canvas } = this;
    let [pointer, last] = [null, null];
    const draw = ({ clientX, clientY }) => {
      const { left, top, width, height } = canvas.getBoundingClientRect();
      const to = [((clientX - left) * PAPER) / width, ((clientY - top) * PAPER) / height];
      this.stroke(last ?? to, to);
      last = to;
    };
    canvas.addEventListener("pointerdown", event => {
      if (pointer !== null || event.button !== 0) return; // a second finger, or a right click
      event.preventDefault();
      canvas.focus({ preventScroll: true, focusVisible: false }); // a hand sees where it draws
      canvas.setPointerCapture(event.pointerId); // a stroke may leave the sheet and come back
      [pointer, last] = [event.pointerId, null];
      this.ring.hidden = true;
      draw(event);
    });
    canvas.addEventListener("pointermove", event => {
      if (event.pointerId !== pointer) return;
      const between = event.getCoalescedEvents?.() ?? []; // where it has been since the last event
      (between.length ? between : [event]).forEach(draw);
    });
    canvas.addEventListener("lostpointercapture", event => {
      if (event.pointerId !== pointer) return;
      pointer = null;
      this.send(true);
    });
  }

  followKeys() {
    const { canvas, ring } = this;
    let [at, down] = [[PAPER / 2, PAPER / 2], false];
    const show = visible => {
      const [left, top] = at.map(place => `${(100 * place) / PAPER}%`);
      Object.assign(ring.style, { left, top, borderStyle: down ? "solid" : "dashed" });
      ring.hidden = !visible;
      const space = down ? "lifts it: it is down" : "puts it down: it is up";
      const words = `Arrow keys move the pen, Space ${space}.`;
      if (this.keys.textContent !== words) this.keys.textContent = words; // a screen reader reads what changes
    };
    canvas.addEventListener("keydown", event => {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const from = at;
      if (event.key === " ") down = !down;
      else if (event.key in ARROWS) {
        at = at.map((place, axis) => clamp(place + (PAPER / 28) * ARROWS[event.key][axis], 0, PAPER));
      } else return;
      event.preventDefault();
      event.stopPropagation();
      if (down) this.stroke(from, at);
      else if (event.key === " ") this.send(true);
      show(true);
    });
    canvas.addEventListener("focus", () => show(canvas.matches(":focus-visible")));
    canvas.addEventListener("blur", () => {
      down = false;
      show(false);
    });
    show(false);
  }
}

const EMPTY = new DataView(new ArrayBuffer(0));
const DONE = { crop: "cropped", scale: "scaled", centre: "centred" };

const explorer = staged("draw a digit, and see it read", (stage, model) => {
  const sheet = new Sheet(drawn);
  const pictures = ["drawn", ...Object.values(DONE)].map(name => new Picture(name));
  const bars = new Bars();
  const read = reader(stage);
  const examples = model.get("examples");
  let [own, shown, saving] = [null, null, null];
  const clear = stage.button("clear", () => {
    stage.put({ drawing: EMPTY, example: -1 });
    requestAnimationFrame(() => clear.checkVisibility() || sheet.canvas.focus({ preventScroll: true }));
  });
  stage.check("crop", "crop to the ink");
  stage.check("scale", "longest side to 20");
  stage.check("centre", "mass to the middle");
  if (examples.length) stage.choice("example", "example", [[-1, "none"], ...examples.map((name, i) => [i, name])]);
  stage.view.append(row(sheet, h("div", { class: "s6-wide" }, row(...pictures), bars)));

  /** Take over what was drawn here at once; Python hears of it when the stroke has ended, or a little later. */
  function drawn(drawing, done) {
    own = new DataView(drawing.buffer);
    model.set("drawing", own);
    model.set("example", -1);
    clearTimeout(saving);
    saving = setTimeout(() => model.save_changes(), done ? 0 : 100);
  }
  function putExample() {
    const place = model.get("example");
    if (place < 0 && shown && model.get("drawing") === shown) stage.put({ drawing: EMPTY });
    if (place < 0) return;
    const pixels = bytes(model.get("example_pixels")).subarray(784 * place);
    const larger = n => pixels[28 * Math.floor(n / SIDE / 5) + Math.floor((n % SIDE) / 5)];
    shown = new DataView(new Uint8Array(SIDE * SIDE).map((_, n) => larger(n)).buffer);
    stage.put({ drawing: shown });
  }
  function paint() {
    const drawing = model.get("drawing");
    if (drawing === own) return;
    sheet.show(bytes(drawing));
    if (drawing !== shown && model.get("example") >= 0) stage.put({ example: -1 }); // it is no example any more
  }
  stage.listen("change:drawing", paint);
  stage.listen("change:example", putExample);
  if (!model.get("drawing")?.byteLength) putExample(); // a link may name an example
  paint();

  async function load({ drawing, ...options }) {
    const ink = drawing?.byteLength ? bytes(drawing) : new Uint8Array(SIDE * SIDE);
    const data = new Float64Array(ink).map(grey => Math.fround(grey / 255));
    const steps = prepareSteps({ shape: [SIDE, SIDE], data }, options);
    const shares = data.some(v => v) ? await read(Float32Array.from(steps.centred.data)) : null;
    return { steps: Object.values(steps), shares };
  }
  function draw({ steps, shares }, about) {
    const skipped = Object.keys(DONE).filter(name => !about[name]).map(name => DONE[name]);
    const names = ["drawn", ...Object.values(DONE).map(name => (skipped.includes(name) ? `not ${name}` : name))];
    steps.forEach((step, i) => {
      const size = (i < 2 ? 110 / Math.max(...step.shape) : 110 / 28) * step.shape[1];
      const note = shares && i === 3 ? ": the network\ngets this; marked: its centre of mass" : "";
      pictures[i].show(step, { size, caption: `${names[i]}, ${step.shape.join("×")}${note}` });
    });
    const [y, x] = centreOfMass(steps[3]);
    pictures[3].mark(shares && [y + 0.3, x + 0.3, y + 0.7, x + 0.7]);
    bars.show(shares ?? []);
    stage.say(shares ? reading(shares, skipped) : "Nothing is drawn yet.");
  }
  stage.update(["drawing", ...Object.keys(DONE)], load, draw);
});

export default explorer;
