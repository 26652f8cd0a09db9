// An explorer's stage: controls, a sentence, errors, questions to Python; its state lives in anywidget's `model`.

import { KEYS, ValueError, h } from "./base.js";

const same = value => value;

let made = 0;
const newId = () => `s6-${Date.now().toString(36)}-${made++}`;

/** The words beside a control. */
const named = (id, words) => h("label", { for: id, class: "s6-label" }, words);

/** What anywidget and page.js take: `build(stage, model)` fills a stage; `facts` are state that no reader sets. */
export function staged(title, build, facts = []) {
  return {
    facts,
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
    this.checks = [];
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

  /** Now, and whenever one of `names` has changed: `load(about)` what is needed, then `draw(data, about)` it. */
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

  /** Refuse what a link says of the state `name` and no control can. */
  only(name, expected, fits) {
    this.checks.push(() => {
      const value = this.model.get(name);
      if (!fits(value)) throw new ValueError(`${name} is ${value}; expected ${expected}`);
    });
  }

  async run(names, load, draw) {
    const turn = ++this.turn;
    try {
      this.checks.forEach(check => check());
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
  slider(name, label, { min = 0, max, step = 1, digits = 0, shown = same, chosen = same, text = null } = {}) {
    const whole = step === 1 && !digits;
    const expected = `a ${whole ? "whole " : ""}number from ${min} to ${max ?? "the last"}`;
    const fits = value => value >= min && !(value > max) && (!whole || Number.isInteger(value));
    if (shown === same) this.only(name, expected, fits);
    const id = newId();
    const input = h("input", { id, type: "range", min, max: max ?? min + 1, step, [KEYS]: "true" });
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
    const values = options.map(([value]) => value);
    this.only(name, `one of ${values.join(", ")}`, value => values.includes(value));
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
