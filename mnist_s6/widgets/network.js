// The course's networks, from a safetensors file to scores: every feature map on the way, as PyTorch computes it.
// A tensor is { shape, data }.

const MEAN = 0.1307; // of MNIST's pixels, as in mnist_s6.datasets
const STD = 0.3081;

/** The tensors of a safetensors file by name, and its metadata. */
export function readSafetensors(file) {
  const buffer = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength);
  const length = Number(new DataView(buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, length)));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: ends }] of Object.entries(header)) {
    const [from, to] = ends?.map(end => end + 8 + length) ?? [];
    if (dtype === "F32") tensors[name] = { shape, data: new Float32Array(buffer.slice(from, to)) };
  }
  return { metadata: header.__metadata__ ?? {}, tensors };
}

/** The layers of an S6Net or a FastNet in the order they run, each with the window that its values see. */
export function layersOf({ metadata, tensors }) {
  const layers = [];
  const edge = metadata.network === "FastNet" ? 2 : 0; // its outer pixels aren't looked at
  for (let block = 0; tensors[`features.${block}.0.weight`]; block++) {
    layers.push(...blockOf(tensors, `features.${block}`));
  }
  const field = { size: 1, step: 1, start: edge };
  for (const layer of layers) {
    field.size += (layer.kernel - 1) * field.step;
    field.step *= layer.stride;
    layer.field = { ...field };
  }
  const [weight, bias] = ["weight", "bias"].map(part => tensors[`classifier.${part}`]);
  return { layers, edge, classifier: { kind: "Linear", weight, bias: bias.data } };
}

/** Convolution, pooling if there is one, batch norm and ReLU: a pooling has a number, and no tensors. */
function blockOf(tensors, name) {
  const weight = tensors[`${name}.0.weight`];
  const pooled = !tensors[`${name}.1.running_mean`];
  const at = pooled ? 2 : 1;
  const [mean, variance, scale, shift] = ["running_mean", "running_var", "weight", "bias"].map(
    part => tensors[`${name}.${at}.${part}`].data,
  );
  const pointwise = { kernel: 1, stride: 1 };
  return [
    { name: `${name}.0`, kind: "Conv2d", weight, kernel: weight.shape[2], stride: 1 },
    ...(pooled ? [{ name: `${name}.1`, kind: "MaxPool2d", kernel: 2, stride: 2 }] : []),
    { name: `${name}.${at}`, kind: "BatchNorm2d", mean, variance, scale, shift, ...pointwise },
    { name: `${name}.${at + 1}`, kind: "ReLU", ...pointwise },
  ];
}

const RUN = { Conv2d: convolve, MaxPool2d: pool, BatchNorm2d: normalise, ReLU: rectify, Linear: combine };

/** A valid convolution with stride 1: each weight is multiplied with a whole shifted map. */
function convolve({ weight }, { shape: [channels, height, width], data }) {
  const [count, , k] = weight.shape;
  const [h, w] = [height - k + 1, width - k + 1];
  const out = new Float32Array(count * h * w);
  for (let n = 0; n < weight.data.length; n++) {
    const [o, c] = [Math.floor(n / (channels * k * k)), Math.floor(n / (k * k)) % channels];
    const [i, j, factor] = [Math.floor(n / k) % k, n % k, weight.data[n]];
    for (let y = 0; y < h; y++) {
      let from = (c * height + y + i) * width + j;
      let to = (o * h + y) * w;
      for (const end = to + w; to < end; to++, from++) out[to] += factor * data[from];
    }
  }
  return { shape: [count, h, w], data: out };
}

/** The largest of each 2×2 values. */
function pool(_, { shape: [channels, height, width], data }) {
  const [h, w] = [height >> 1, width >> 1];
  const out = new Float32Array(channels * h * w);
  for (let c = 0, n = 0; c < channels; c++) {
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++, n++) {
        const at = (c * height + 2 * y) * width + 2 * x;
        out[n] = Math.max(data[at], data[at + 1], data[at + width], data[at + width + 1]);
      }
    }
  }
  return { shape: [channels, h, w], data: out };
}

function normalise({ mean, variance, scale, shift }, { shape, data }) {
  const area = shape[1] * shape[2];
  const factors = scale.map((s, c) => s / Math.sqrt(variance[c] + 1e-5));
  const at = (x, c) => (x - mean[c]) * factors[c] + shift[c];
  return { shape, data: data.map((x, n) => at(x, Math.floor(n / area))) };
}

function rectify(_, { shape, data }) {
  return { shape, data: data.map(x => Math.max(0, x)) };
}

function combine({ weight: { data: weights }, bias }, { data }) {
  const score = (b, o) => data.reduce((sum, x, i) => sum + weights[o * data.length + i] * x, b);
  return { shape: [bias.length], data: Float32Array.from(bias, score) };
}

/** Send normalised pixels (28·28) through: the maps before the first layer and after each, and the scores. */
export function forward({ layers, edge, classifier }, pixels) {
  const side = 28 - 2 * edge;
  const inside = (_, n) => pixels[(Math.floor(n / side) + edge) * 28 + (n % side) + edge];
  const maps = [{ shape: [1, side, side], data: Float32Array.from({ length: side * side }, inside) }];
  for (const layer of layers) maps.push(RUN[layer.kind](layer, maps.at(-1)));
  return { maps, scores: combine(classifier, maps.at(-1)).data };
}

/** Pixels from 0 to 1 as the network wants them. */
export const normalised = pixels => Float32Array.from(pixels, v => (v - MEAN) / STD);

/** Probabilities of scores. */
export function softmax(scores) {
  const top = Math.max(...scores);
  const shares = Array.from(scores, score => Math.exp(score - top));
  const sum = shares.reduce((a, b) => a + b);
  return shares.map(share => share / sum);
}
