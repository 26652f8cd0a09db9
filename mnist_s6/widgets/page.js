// A page without Python: it gives an explorer the state that was saved with it, and keeps the address up to date.

/** JSON in which bytes are written as { base64: "…" }. */
export function revive(key, value) {
  if (typeof value?.base64 !== "string") return value;
  return new DataView(Uint8Array.from(atob(value.base64), letter => letter.charCodeAt(0)).buffer);
}

/** What the address says about the explorer `name`: #drawing?depth=2&channel=7 gives { depth: 2, channel: 7 }. */
export function addressState(hash, name) {
  const [about, query = ""] = hash.replace(/^#/, "").split("?");
  if (about !== name) return {};
  const values = [];
  for (const [key, text] of new URLSearchParams(query)) {
    try {
      values.push([key, JSON.parse(text)]);
    } catch {
      values.push([key, text]);
    }
  }
  return Object.fromEntries(values);
}

/** A model as anywidget's, of saved `state` and recorded `answers` ({ question, about, values, names, buffers }). */
export function pageModel(state, answers = [], changed = () => {}) {
  const values = { ...state };
  const hearers = new Map();
  const emit = (event, ...words) => [...(hearers.get(event) ?? [])].forEach(hear => hear(...words));
  return {
    get: name => values[name],
    set(name, value) {
      if (Object.is(values[name], value)) return;
      values[name] = value;
      emit(`change:${name}`);
    },
    save_changes: changed,
    on: (event, hear) => hearers.set(event, (hearers.get(event) ?? new Set()).add(hear)),
    off: (event, hear) => hearers.get(event)?.delete(hear),
    recorded: question => answers.filter(it => it.question === question).length,
    send({ id, question, about }) {
      const key = JSON.stringify([question, about]);
      const found = answers.find(it => JSON.stringify([it.question, it.about]) === key);
      const error = found ? undefined : "this needs Python: open the notebook in JupyterLab";
      queueMicrotask(() => emit("msg:custom", { answer: id, error, ...found }, found?.buffers ?? []));
    },
  };
}

/** Bring an explorer to life in the element `place`; its plain values that change stand in the address. */
export function alive(explorer, place, name, { state, answers }) {
  const plain = value => ["number", "string", "boolean"].includes(typeof value) && String(value).length < 200;
  const facts = ["error", ...explorer.facts]; // no link sets them
  const isOurs = hash => hash.split("?")[0] === `#${name}`;
  let [model, end, pressed] = [pageModel(state), null, false];
  /** Also when an explorer that is gone still saves: the address is that of the present one. */
  const keepAddress = () => {
    const other = Object.keys(state).filter(key => plain(model.get(key)) && model.get(key) !== state[key]);
    const query = new URLSearchParams(other.map(key => [key, JSON.stringify(model.get(key))]));
    const address = other.length ? `#${name}?${query}` : location.pathname + location.search;
    const anothers = location.hash && !isOurs(location.hash);
    if (anothers && !pressed && !place.contains(document.activeElement)) return; // the mouse only moves across
    try {
      globalThis.history.replaceState(null, "", address); // an explorer may have a `history` of its own
    } catch (error) {
      if (error.name !== "SecurityError") throw error; // a page inside a frame may have no address of its own
    }
  };
  /** Begin with what the address says; a drawing, or what else can't stand there, stays. */
  const begin = hash => {
    end?.();
    place.replaceChildren();
    const fits = ([key, value]) => !facts.includes(key) && typeof value === typeof state[key] && plain(value);
    const asked = Object.entries(addressState(hash, name)).filter(fits);
    const other = Object.keys(state).map(key => [key, model.get(key)]).filter(([, value]) => !plain(value));
    model = pageModel({ ...state, ...Object.fromEntries([...other, ...asked]) }, answers, keepAddress);
    end = explorer.render({ model, el: place });
    return model;
  };
  addEventListener("pointerdown", ({ target }) => (pressed = place.contains(target))); // a picture takes no focus
  addEventListener("hashchange", ({ newURL }) => {
    const { hash } = new URL(newURL);
    if (!isOurs(hash)) return void (pressed = false);
    begin(hash);
    if (location.hash !== hash) keepAddress(); // the earlier state was put there since
  });
  return begin(location.hash);
}
