// Images as they come: packed, and one after the other.

/** What Python's `zlib.compress` has packed. */
export async function unpacked(packed) {
  const stream = new Response(packed).body.pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Images of `shape` out of bytes one after the other: a function that gives one by its number, 0 to 1. */
export function imagesOf(pool, shape = [28, 28]) {
  const size = shape[0] * shape[1];
  return n => ({ shape, data: Float64Array.from(pool.subarray(n * size, (n + 1) * size), v => v / 255) });
}
