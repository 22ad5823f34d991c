// Runs the model beside the page, which therefore stays responsive.
import * as ort from './ort.wasm.min.mjs';
import { fit, readMetadata, readPoses } from './poses.js';

ort.env.wasm.wasmPaths = new URL('./', import.meta.url).href;
// Threads need a page that is isolated from other origins; README.md names the two headers.
ort.env.wasm.numThreads = self.crossOriginIsolated ? Math.min(navigator.hardwareConcurrency, 8) : 1;

let session;
let info;

async function load({ bytes }) {
  info = readMetadata(bytes);
  if (!info.long_side) throw new Error('the page runs models that fit the long side of images');
  session = await ort.InferenceSession.create(bytes, { executionProviders: ['wasm'] });
  return { info, threads: ort.env.wasm.numThreads };
}

async function find({ pixels, width, height }) {
  const start = performance.now();
  const input = fit(new Uint8ClampedArray(pixels), width, height, info);
  const feeds = {
    image: new ort.Tensor('uint8', input.data, [1, ...input.size, 3]),
    content: new ort.Tensor('float32', Float32Array.of(0, 0, ...input.content), [1, 4]),
  };
  const output = await session.run(feeds);
  const arrays = Object.fromEntries(Object.entries(output).map(([name, { data }]) => [name, data]));
  const poses = readPoses(arrays, info.joints.length, input.scale);
  return { poses, width, height, milliseconds: performance.now() - start };
}

self.onmessage = async ({ data: { id, task, ...given } }) => {
  try {
    self.postMessage({ id, result: await { load, find }[task](given) });
  } catch (error) {
    self.postMessage({ id, error: error.message ?? String(error) });
  }
};
