// Python's answers to a question about one number: asked for once, and beforehand where they are likely to be wanted.

/** Answers to `question` about a number called `name`; `finish` is done to each when it comes. */
export function answers(stage, question, name, finish = answer => answer) {
  const kept = new Map();
  const get = (value, ahead = false) => {
    if (!kept.has(value)) kept.set(value, stage.ask(question, { [name]: value }, [], ahead).then(finish));
    return kept.get(value);
  };
  const ahead = values => values.forEach(value => get(value, true).catch(() => {})); // an error is told when wanted
  return { get, ahead };
}
