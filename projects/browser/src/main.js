// The page: takes photographs or the webcam, has poses found, draws them.
const box = (id) => document.getElementById(id);
const canvas = box('canvas');
const pen = canvas.getContext('2d');
const video = box('video');
const worker = new Worker('./worker.js', { type: 'module' });
const VISIBLE = 0.3; // least score of a keypoint

let info = null; // metadata of the model
let shown = null; // what is in the canvas below the poses
let result = null; // poses of it
let stream = null;

// ---- the worker ---------------------------------------------------------------------------------

const waiting = new Map();
let last = 0;
function ask(task, given, transfer = []) {
  last += 1;
  const id = last;
  worker.postMessage({ id, task, ...given }, transfer);
  return new Promise((resolve, reject) => { waiting.set(id, { resolve, reject }); });
}
worker.onmessage = ({ data: { id, result: answer, error } }) => {
  const { resolve, reject } = waiting.get(id);
  waiting.delete(id);
  if (error) reject(new Error(error)); else resolve(answer);
};
worker.onerror = (event) => say(`The worker failed: ${event.message}`);

function say(text) {
  box('status').textContent = text;
}

async function loadModel(bytes) {
  say('Reading the model …');
  const answer = await ask('load', { bytes }, [bytes.buffer]);
  info = answer.info;
  box('choose-model').hidden = true;
  document.body.classList.add('ready');
  const threads = answer.threads === 1 ? 'one thread' : `${answer.threads} threads`;
  say(`Ready, ${threads}. Drop a photograph here, or open the webcam.`);
}

// ---- pictures -----------------------------------------------------------------------------------

/** Poses of a picture; the pixels go to the worker, and nowhere else. */
async function find(picture, width, height) {
  const copy = new OffscreenCanvas(width, height);
  const context = copy.getContext('2d', { willReadFrequently: true });
  context.drawImage(picture, 0, 0, width, height);
  const { data } = context.getImageData(0, 0, width, height);
  const found = await ask('find', { pixels: data.buffer, width, height }, [data.buffer]);
  shown = copy;
  result = { ...found, joints: info.joints };
  Object.assign(globalThis, { lastResult: result, lastPicture: copy }); // for tests and the curious
  draw();
  return found;
}

async function openPhotograph(file) {
  closeWebcam();
  if (!info) return say('The model is not there yet.');
  try {
    const picture = await createImageBitmap(file);
    say('Looking for people …');
    const found = await find(picture, picture.width, picture.height);
    report(`${(found.milliseconds / 1000).toFixed(2)} s`);
  } catch (error) {
    say(`${file.name ?? 'This'} cannot be used: ${error.message}`);
  }
  return null;
}

async function openWebcam() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: 'user' } });
  } catch (error) {
    say(`The webcam cannot be opened: ${error.message}`);
    return;
  }
  video.srcObject = stream;
  await video.play();
  box('webcam').textContent = 'Close the webcam';
  let before = performance.now();
  let pace = null; // seconds for each frame, smoothed
  const own = stream;
  while (stream === own) {
    // one frame after the other: those that come meanwhile are left out, so nothing lags behind
    await find(video, video.videoWidth, video.videoHeight).catch((error) => {
      closeWebcam();
      say(error.message);
    });
    if (stream !== own) break;
    const now = performance.now();
    const seconds = (now - before) / 1000;
    before = now;
    pace = pace === null ? seconds : 0.8 * pace + 0.2 * seconds;
    globalThis.framesPerSecond = 1 / pace;
    report(`${(1 / pace).toFixed(1)} frames a second`);
    await new Promise(requestAnimationFrame);
  }
}

function closeWebcam() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  video.srcObject = null;
  box('webcam').textContent = 'Open the webcam';
}

function people() {
  return result.poses.filter((pose) => pose.score >= Number(box('threshold').value));
}
function report(pace) {
  report.pace = pace ?? report.pace;
  const count = people().length;
  say(`${count} ${count === 1 ? 'person' : 'people'}, ${report.pace}`);
}

// ---- drawing ------------------------------------------------------------------------------------

function draw() {
  if (!shown) return;
  canvas.width = shown.width;
  canvas.height = shown.height;
  canvas.hidden = false;
  box('hint').hidden = true;
  pen.drawImage(shown, 0, 0);
  const unit = Math.max(1.5, Math.min(shown.width, shown.height) / 200);
  pen.lineCap = 'round';
  people().forEach((pose, index) => {
    const color = `hsl(${(18 + 222.5 * index) % 360} 90% 55%)`;
    for (const [width, style] of [[2 * unit + 2, '#000'], [2 * unit, color]]) {
      pen.lineWidth = width;
      pen.strokeStyle = style;
      pen.fillStyle = style;
      for (const [a, b] of info.skeleton) {
        const [from, to] = [pose.keypoints[a], pose.keypoints[b]];
        if (from[2] < VISIBLE || to[2] < VISIBLE) continue;
        pen.beginPath();
        pen.moveTo(from[0], from[1]);
        pen.lineTo(to[0], to[1]);
        pen.stroke();
      }
      for (const [x, y, seen] of pose.keypoints) {
        if (seen < VISIBLE) continue;
        pen.beginPath();
        pen.arc(x, y, width * 0.8, 0, 2 * Math.PI);
        pen.fill();
      }
    }
  });
}

// ---- start --------------------------------------------------------------------------------------

box('photograph').addEventListener('change', ({ target }) => {
  if (target.files[0]) openPhotograph(target.files[0]);
  target.value = '';
});
box('webcam').addEventListener('click', () => {
  if (stream) {
    closeWebcam();
    say('The webcam is closed.');
  } else if (info) openWebcam();
});
box('threshold').addEventListener('input', ({ target }) => {
  box('threshold-value').textContent = Number(target.value).toFixed(2);
  draw();
  if (result) report();
});
box('model').addEventListener('change', async ({ target }) => {
  const bytes = new Uint8Array(await target.files[0].arrayBuffer());
  loadModel(bytes).catch((error) => say(`This model cannot be used: ${error.message}`));
});
for (const name of ['dragover', 'drop']) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    if (name === 'drop' && event.dataTransfer.files[0]) openPhotograph(event.dataTransfer.files[0]);
  });
}
const response = await fetch('./photographs.onnx').catch(() => null);
if (response?.ok) {
  await loadModel(new Uint8Array(await response.arrayBuffer())).catch((error) => say(error.message));
} else {
  box('choose-model').hidden = false;
  say('photographs.onnx is not beside the page: choose the file.');
}
