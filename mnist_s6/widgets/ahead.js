// Python's answers about a number: asked for once, unless an error came, and beforehand where likely to be wanted.

/** Answers to `question` about a number called `name`; `finish` is done to each when it comes. */
export function answers(stage, question, name, finish = answer => answer) {
  const kept = new Map();
  const get = (value, ahead = false) => {
    const coming = kept.get(value) ?? stage.ask(question, { [name]: value }, [], ahead).then(finish);
    kept.set(value, coming);
    coming.catch(() => kept.delete(value));
    return coming;
  };
  const ahead = values => values.forEach(value => get(value, true));
  return { get, ahead };
}
