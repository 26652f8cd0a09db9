// What a network reads in an image: computed here if it is the course's own, else asked of Python.

import { FloatingPointError, floats } from "./base.js";
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
    const shares = softmax(scores);
    if (shares.every(Number.isFinite)) return shares;
    const remedy = "Look for nan or inf in the images and the weights; a training that made it needs a smaller rate";
    throw new FloatingPointError(`1 of 1 images get scores that are no numbers. ${remedy}`);
  };
}
