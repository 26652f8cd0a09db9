// What a network reads in an image: computed here if it is the course's own, else asked of Python.

import { ValueError, floats } from "./base.js";
import { forward, layersOf, normalised, readSafetensors, softmax } from "./network.js";

/** What gives the probabilities of an image: the network's own file if there is one, else Python. */
export function reader(stage) {
  const file = stage.model.get("network");
  if (!file?.byteLength) {
    return async image => Array.from(floats((await stage.ask("probabilities", {}, [image.buffer])).probabilities));
  }
  const network = layersOf(readSafetensors(file));
  return image => {
    const { scores } = forward(network, normalised(image));
    if (scores.every(Number.isFinite)) return softmax(scores);
    const words = `the network returned scores of shape (1, ${scores.length}): ${Array.from(scores).join(", ")}`;
    throw new ValueError(`${words}; expected (1, classes), all finite`);
  };
}
