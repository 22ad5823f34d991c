// Puts the page, ONNX Runtime's WebAssembly build and the model into dist/, ready for any server.
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';

const runtime = 'node_modules/onnxruntime-web/dist';
const files = ['ort.wasm.min.mjs', 'ort-wasm-simd-threaded.mjs', 'ort-wasm-simd-threaded.wasm'];

if (!existsSync(runtime)) {
  console.error('onnxruntime-web is not installed: npm ci');
  process.exit(1);
}
rmSync('dist', { recursive: true, force: true });
mkdirSync('dist');
cpSync('src', 'dist', { recursive: true });
for (const file of files) cpSync(`${runtime}/${file}`, `dist/${file}`);
if (existsSync('photographs.onnx')) {
  cpSync('photographs.onnx', 'dist/photographs.onnx');
} else {
  console.error('photographs.onnx is missing: the page will ask for it. README.md says what makes it.');
}
