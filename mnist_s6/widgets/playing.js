// Buttons that lead on by themselves.

/**
 * A button that calls `step` again and again until it is pressed once more, or `step` returns false; before that,
 * `rewind` may lead back from the end.
 */
export function play(stage, step, milliseconds, rewind = () => {}) {
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "play";
  };
  const start = () => {
    rewind();
    timer = setInterval(() => step() === false && stop(), milliseconds);
    button.textContent = "pause";
  };
  const button = stage.button("play", () => (timer === null ? start() : stop()));
  addEventListener("hashchange", stop); // its reader has left
  stage.ends.push(stop, () => removeEventListener("hashchange", stop));
}

/** Buttons to start again, to go one step on, and to play: `next` gives the state that follows, null at the end. */
export function player(stage, first, next, milliseconds) {
  const step = () => {
    const values = next();
    if (values) stage.put(values);
    return values !== null;
  };
  stage.button("start again", () => stage.put(first));
  stage.button("step", step);
  play(stage, step, milliseconds, () => next() === null && stage.put(first));
}
