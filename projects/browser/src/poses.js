// From the pixels of an image to poses: the same steps as tools/run_onnx.py.

/** Round to the nearest whole number, halves to the even one, as Python does. */
export function round(x) {
  const low = Math.floor(x);
  if (x - low !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/**
 * Weights of the source pixels for every target pixel along one axis.
 * Shrinking averages over the covered part (OpenCV's INTER_AREA), enlarging interpolates linearly.
 * Weights and sums have single precision, as in OpenCV, so that pixels are rounded alike: where two
 * keypoints are nearly as good, one step of gray in a pixel can decide.
 */
function kernel(from, to, shrink) {
  const ratio = from / to;
  return Array.from({ length: to }, (_, i) => {
    const taps = [];
    if (shrink) {
      const start = i * ratio;
      const size = Math.min(ratio, from - start);
      for (let j = Math.floor(start); j < Math.min(start + size, from); j += 1) {
        const share = Math.min(j + 1, start + size) - Math.max(j, start);
        if (share > 1e-3) taps.push([j, Math.fround(share / size)]);
      }
      return taps;
    }
    const middle = Math.min(Math.max((i + 0.5) * ratio - 0.5, 0), from - 1);
    const j = Math.floor(middle);
    taps.push([j, 1 - (middle - j)], [Math.min(j + 1, from - 1), middle - j]);
    return taps;
  });
}

/**
 * Fit the long side of an image, and pad it with black right and below.
 *
 * @param {Uint8ClampedArray} rgba pixels, four bytes each.
 * @param {number} width, height of the image.
 * @param {{long_side: number, size_factor: number}} info metadata of the ONNX file.
 * @returns {{data: Uint8Array, size: number[], content: number[], scale: number[]}} blue, green,
 *     red; size is [height, width] of the input, content [width, height] of the image in it,
 *     scale (x, y) pixels of the input for each pixel of the image.
 */
export function fit(rgba, width, height, info) {
  const ratio = info.long_side / Math.max(width, height);
  const [w, h] = [width, height].map((side) => Math.max(round(side * ratio), 1));
  const padded = [w, h].map((side) => Math.ceil(side / info.size_factor) * info.size_factor);
  const [across, down] = [kernel(width, w, ratio < 1), kernel(height, h, ratio < 1)];
  const rows = new Float32Array(height * w * 3); // resized along x
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < w; x += 1) {
      let [red, green, blue] = [0, 0, 0];
      for (const [j, weight] of across[x]) {
        const at = (y * width + j) * 4;
        red = Math.fround(red + Math.fround(weight * rgba[at]));
        green = Math.fround(green + Math.fround(weight * rgba[at + 1]));
        blue = Math.fround(blue + Math.fround(weight * rgba[at + 2]));
      }
      const to = (y * w + x) * 3;
      rows[to] = blue;
      rows[to + 1] = green;
      rows[to + 2] = red;
    }
  }
  const data = new Uint8Array(padded[0] * padded[1] * 3);
  for (let y = 0; y < h; y += 1) {
    const to = y * padded[0] * 3;
    for (let i = 0; i < w * 3; i += 1) {
      let sum = 0;
      for (const [j, weight] of down[y]) {
        sum = Math.fround(sum + Math.fround(weight * rows[j * w * 3 + i]));
      }
      data[to + i] = round(sum);
    }
  }
  return { data, size: [padded[1], padded[0]], content: [w, h], scale: [w / width, h / height] };
}

/**
 * Poses in pixels of the image, the best first.
 *
 * @param {object} output arrays of the graph for one image.
 * @param {number} kinds number of keypoint types.
 * @param {number[]} scale of `fit`.
 */
export function readPoses({ keypoints, keypoint_scores: seen, scores, valid }, kinds, scale) {
  const poses = [];
  for (let c = 0; c < scores.length; c += 1) {
    if (!valid[c]) continue;
    const points = Array.from({ length: kinds }, (_, k) => {
      const at = c * kinds + k;
      return [keypoints[2 * at] / scale[0], keypoints[2 * at + 1] / scale[1], seen[at]];
    });
    poses.push({ score: scores[c], keypoints: points });
  }
  return poses.sort((a, b) => b.score - a.score);
}

/**
 * The JSON text under a key of an ONNX file's metadata, which ONNX Runtime for browsers does not
 * give. A file is a list of numbered fields; metadata are number 14, everything else is skipped.
 */
export function readMetadata(bytes, key = 'centergroup_mm') {
  const text = new TextDecoder();
  const fields = function* (view) {
    let at = 0;
    const varint = () => {
      let [value, shift, byte] = [0, 1, 0];
      do {
        byte = view[at];
        at += 1;
        value += (byte & 127) * shift;
        shift *= 128;
      } while (byte & 128);
      return value;
    };
    while (at < view.length) {
      const tag = varint();
      if (tag % 8 === 2) {
        const size = varint();
        yield [Math.floor(tag / 8), view.subarray(at, at + size)];
        at += size;
      } else if (tag % 8 === 0) varint();
      else return;
    }
  };
  for (const [number, entry] of fields(bytes)) {
    if (number !== 14) continue;
    const [name, value] = [...fields(entry)].map(([, part]) => text.decode(part));
    if (name === key) return JSON.parse(value);
  }
  throw new Error('this is no ONNX file of centergroup export');
}
