'use strict';
// Reads the data of one image, draws it, and shows what the chosen center attends to.
const data = JSON.parse(document.getElementById('data').textContent);
const [width, height] = data.size;
const svg = document.getElementById('picture');
const photo = document.getElementById('photo');
const marks = document.getElementById('marks');
const panel = document.getElementById('panel');
const people = document.getElementById('people');
const box = (id) => document.getElementById(id);
// pinned: the center that was clicked; shown: the one that is looked at; open: joints with details
const state = { pinned: null, shown: null, layer: data.layers.length - 1, open: new Set(), hover: null };

const percent = (x) => (x >= 0.995 && x < 1 ? '>99 %' : x > 0 && x < 0.005 ? '<1 %' : `${Math.round(100 * x)} %`);
const signed = (x) => (x >= 0.05 ? '+' : x <= -0.05 ? '−' : '') + Math.abs(x).toFixed(1);
const plain = (x) => (Math.abs(x) < 0.05 ? '0.0' : x.toFixed(1).replace('-', '−'));
const capital = (text) => text[0].toUpperCase() + text.slice(1);
const nameOf = (c) => (c.number ? `Person ${c.number}` : c.twin && c.heat > 0.3 ? 'Second center of a person' : 'False center');

function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
function shape(parent, tag, attributes) {
  const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  parent.append(node);
  return node;
}

// one color for each keypoint whose runners-up are shown, in the picture and in the text
const COLORS = ['#ffffff', '#ffe066', '#8fd3ff', '#ffb3d9', '#b8f2a0'];
const colorOf = (joint) => COLORS[[...state.open].indexOf(joint) % COLORS.length];

// ---- the picture --------------------------------------------------------------------------------

function sizePicture() {
  svg.setAttribute('viewBox', `0 0 ${width} ${height}`);
  svg.style.setProperty('--ratio', width / height);
  photo.setAttribute('width', width);
  photo.setAttribute('height', height);
}
// image pixels for each pixel of the screen, so that marks have one size on every screen
const pixel = () => width / (svg.getBoundingClientRect().width || width);

function place(center, joint, slot) {
  return slot < 0 ? center.expected[state.layer][joint] : data.keypoints[slot];
}
function line(parent, a, b, color, wide, opacity = 1, dashes = '') {
  return shape(parent, 'line', {
    class: 'mark', x1: a[0], y1: a[1], x2: b[0], y2: b[1], stroke: color, 'stroke-width': wide,
    'stroke-opacity': opacity, 'stroke-linecap': 'round', 'stroke-dasharray': dashes });
}
function press(node, label, action) {
  node.setAttribute('role', 'button');
  node.setAttribute('tabindex', '0');
  node.setAttribute('aria-label', label);
  node.addEventListener('click', action);
  node.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' || event.key === ' ') { event.preventDefault(); action(); }
  });
}

function draw() {
  const focus = document.activeElement?.dataset?.mark;
  const u = pixel();
  const shown = data.centers[state.shown];
  marks.replaceChildren();
  svg.classList.toggle('dimmed', Boolean(shown) || box('show-keypoints').checked);
  if (box('show-keypoints').checked) drawKeypoints(u);
  if (box('show-poses').checked && !shown) {
    for (const center of data.centers) if (center.number) drawPose(center, u, 0.9);
  }
  if (shown) {
    if (box('show-poses').checked) drawLimbs(shown, u);
    drawAttention(shown, u);
    drawRunnersUp(shown, u);
  }
  data.centers.forEach((center, index) => {
    if (center.number || box('show-false').checked) drawCenter(center, index, u);
  });
  if (focus) marks.querySelector(`[data-mark="${focus}"]`)?.focus();
}
function drawKeypoints(u) {
  for (const point of data.keypoints) {
    if (!point) continue;
    const hue = Math.round((360 * point[2]) / data.names.length);
    const dot = shape(marks, 'circle', {
      cx: point[0], cy: point[1], r: 3.2 * u, fill: `hsl(${hue} 85% 60%)`,
      'fill-opacity': 0.25 + 0.75 * point[3] });
    shape(dot, 'title', {}).textContent = `${data.names[point[2]]}, score ${point[3].toFixed(2)}`;
  }
}
const seen = (center, joint) => center.joints[joint][2] >= data.visible;
function drawPose(center, u, opacity) {
  for (const [a, b] of data.links) {
    if (seen(center, a) && seen(center, b)) {
      line(marks, center.joints[a], center.joints[b], '#000', 4.5 * u, 0.6 * opacity);
      line(marks, center.joints[a], center.joints[b], center.color, 2.5 * u, opacity);
    }
  }
}
function drawLimbs(center, u) {
  data.links.forEach(([a, b], index) => {
    if (!seen(center, a) || !seen(center, b)) return;
    const limb = shape(marks, 'g', { class: 'limb', 'data-mark': `limb${index}` });
    if (state.open.has(a) && state.open.has(b)) limb.classList.add('chosen');
    line(limb, center.joints[a], center.joints[b], '#000', 7 * u, 0.5);
    line(limb, center.joints[a], center.joints[b], center.color, 5 * u, 0.45).classList.add('bone');
    line(limb, center.joints[a], center.joints[b], '', 18 * u).setAttribute('class', 'hit');
    press(limb, `Limb from ${data.names[a]} to ${data.names[b]}: show the runners-up`, () => {
      state.pinned = state.shown;
      state.open = new Set([a, b]);
      refresh();
      panel.querySelector(`[data-joint="${a}"]`)?.scrollIntoView({ block: 'nearest' });
    });
  });
}
function drawAttention(center, u) {
  center.choices[state.layer].forEach((candidates, joint) => {
    const hovered = state.hover === joint;
    if (!seen(center, joint) && !hovered) return;
    for (const [slot, weight] of candidates) {
      if (weight < 0.02) continue;
      const end = place(center, joint, slot);
      const wide = (0.8 + 1.4 * weight + (hovered ? 2 : 0)) * u;
      line(marks, center.at, end, hovered ? '#fff' : center.color, wide, Math.max(weight, 0.08));
      shape(marks, 'circle', {
        class: 'mark', cx: end[0], cy: end[1], r: 4 * u, fill: slot < 0 ? 'none' : center.color,
        stroke: center.color, 'stroke-width': 1.5 * u, 'fill-opacity': Math.max(weight, 0.15),
        'stroke-opacity': Math.max(weight, 0.3) });
    }
  });
}
function drawRunnersUp(center, u) {
  for (const joint of state.open) {
    const color = colorOf(joint);
    const candidates = center.choices[state.layer][joint];
    [...candidates.slice(0, 4).entries()].reverse().forEach(([rank, [slot]]) => {
      const end = place(center, joint, slot);
      line(marks, center.at, end, color, (rank ? 1.2 : 2.2) * u, 0.9, rank ? `${4 * u} ${4 * u}` : '');
      shape(marks, 'circle', { class: 'mark', cx: end[0], cy: end[1], r: 7.5 * u,
        fill: rank ? '#222' : color, 'fill-opacity': rank ? 0.75 : 1, stroke: color,
        'stroke-width': 1.3 * u });
      shape(marks, 'text', { x: end[0], y: end[1], 'font-size': 10 * u,
        style: `fill:${rank ? color : '#000'};stroke:none` }).textContent = rank + 1;
    });
    if (center.expected) {
      const [x, y] = center.expected[state.layer][joint];
      shape(marks, 'path', { class: 'mark', stroke: color, 'stroke-width': 1.5 * u,
        d: `M${x - 4 * u} ${y - 4 * u}l${8 * u} ${8 * u}M${x + 4 * u} ${y - 4 * u}l${-8 * u} ${8 * u}` });
    }
  }
}
function drawCenter(center, index, u) {
  const chosen = state.shown === index;
  const group = shape(marks, 'g', { class: 'center', 'data-mark': `center${index}` });
  if (!center.number && !chosen) group.setAttribute('opacity', 0.45);
  if (center.number && !chosen && state.shown !== null) group.setAttribute('opacity', 0.6);
  const r = (center.number ? 9.5 : 5.5) * u;
  const [x, y] = center.at;
  const d = `M${x} ${y - r}l${r} ${r}l${-r} ${r}l${-r} ${-r}z`;
  shape(group, 'circle', { class: 'hit', cx: x, cy: y, r: 15 * u });
  shape(group, 'path', { class: 'ring', d, fill: center.color, stroke: chosen ? '#fff' : '#000',
    'stroke-width': (chosen ? 2.5 : 1.2) * u });
  if (center.number) {
    shape(group, 'text', { x, y, 'font-size': 9 * u, 'stroke-width': 2 * u }).textContent = center.number;
  }
  press(group, `${nameOf(center)}, score ${center.score.toFixed(2)}`, () => pin(index));
  group.addEventListener('pointerenter', (event) => event.pointerType === 'mouse' && look(index));
  group.addEventListener('pointerleave', (event) => event.pointerType === 'mouse' && look(null));
  group.addEventListener('focus', () => state.shown !== index && look(index));
}

// ---- choosing -----------------------------------------------------------------------------------

function look(index) {
  const next = index === null ? state.pinned : index;
  if (next === state.shown) return;
  if (next !== state.pinned) state.open = new Set();
  state.shown = next;
  refresh();
}
function pin(index) {
  const off = state.pinned === index;
  state.pinned = off ? null : index;
  if (state.shown !== index || off) state.open = new Set();
  state.shown = off ? null : index;
  refresh();
}
function refresh() {
  draw();
  fillPanel();
  for (const button of people.querySelectorAll('button')) {
    button.setAttribute('aria-pressed', String(Number(button.dataset.center) === state.pinned));
  }
}

// ---- the text -----------------------------------------------------------------------------------

function fillPanel() {
  const focus = panel.contains(document.activeElement) ? document.activeElement.dataset.joint : null;
  const center = data.centers[state.shown];
  panel.replaceChildren();
  if (!center) {
    panel.append(make('h2', {}, 'Choose a center'), make('p', { class: 'note' },
      'A diamond in the picture is a center that the detector found. Hover over it, tap it, or '
      + 'reach it with the tab key, to see which keypoints it attends to. Then choose a limb or a '
      + 'keypoint to see which keypoints came second. Escape lets go.'));
    return;
  }
  const dot = make('span', { class: 'dot', style: `background:${center.color}` });
  panel.append(make('h2', {}, dot, nameOf(center)), facts(center), make('p', { class: 'note' },
    `Attention to keypoints, ${data.layers[state.layer].toLowerCase()}:`));
  const list = make('ul', { class: 'joints' });
  data.names.forEach((name, joint) => list.append(jointItem(center, name, joint)));
  panel.append(list);
  if (focus) panel.querySelector(`[data-joint="${focus}"]`)?.focus();
}
function facts(center) {
  const rows = [['Score of the pose', center.score.toFixed(2)], ['Center in the heatmap', center.heat.toFixed(2)]];
  if (center.person !== null) rows.push(['A person', percent(center.person)]);
  return make('dl', {}, ...rows.map(([key, value]) =>
    make('div', {}, make('dt', {}, key), make('dd', {}, value))));
}
function jointItem(center, name, joint) {
  const candidates = center.choices[state.layer][joint];
  const visible = center.joints[joint][2];
  const share = candidates.length ? candidates[0][1] : 0;
  const open = state.open.has(joint);
  const fill = make('span', { style: `width:${100 * share}%;background:${center.color}` });
  const button = make('button', {
    class: `joint${visible < data.visible ? ' unseen' : ''}`, type: 'button', 'data-joint': joint,
    'aria-expanded': open,
    'aria-label': `${name}: ${percent(share)} of the attention on one keypoint, visible with ${percent(visible)}` },
    make('span', {}, capital(name)), make('span', { class: 'bar' }, fill),
    make('span', { class: 'share' }, percent(share)));
  button.addEventListener('click', () => {
    state.pinned = state.shown;
    if (open) state.open.delete(joint); else state.open.add(joint);
    refresh();
  });
  for (const [event, value] of [['pointerenter', joint], ['pointerleave', null], ['focus', joint], ['blur', null]]) {
    button.addEventListener(event, () => {
      if (state.hover !== value) { state.hover = value; draw(); }
    });
  }
  const item = make('li', {}, button);
  if (open) item.append(why(center, candidates, joint));
  return item;
}
function why(center, candidates, joint) {
  const visible = center.joints[joint][2];
  const note = make('p', {}, `Visible with ${percent(visible)}. ${verdict(center, candidates)}`);
  const head = make('tr', {}, make('th', { scope: 'col' }, 'Score'),
    make('th', { scope: 'col' }, 'Attention'),
    ...data.terms.map((term) => make('th', { scope: 'col' }, capital(term))));
  const color = colorOf(joint);
  const rows = candidates.map(([slot, weight, ...terms], rank) => make('tr', {},
    make('td', {}, make('span', { class: 'rank',
      style: rank ? `color:${color}` : `background:${color};color:#000` }, String(rank + 1)),
    keypointName(slot, joint)),
    make('td', {}, percent(weight)),
    ...terms.map((value, i) => difference(value, candidates[0][2 + i], rank))));
  const caption = data.terms.length
    ? [make('caption', {}, 'Score in the heatmap, or the expected place. '
      + 'Then the logits of the first, and how the others differ from it.')] : [];
  const table = make('table', {}, ...caption, make('thead', {}, head), make('tbody', {}, ...rows));
  return make('div', { class: 'why' }, note, table);
}
function keypointName(slot, joint) {
  if (slot < 0) return 'expected';
  const [, , kind, score] = data.keypoints[slot];
  return `${kind === joint ? '' : `${data.names[kind]} `}${score.toFixed(2)}`;
}
function difference(value, best, rank) {
  const cell = make('td', {}, rank ? signed(value - best) : plain(value));
  if (rank && Math.abs(value - best) >= 0.05) cell.className = value > best ? 'for' : 'against';
  return cell;
}
function verdict(center, candidates) {
  if (candidates.length < 2) return 'Nothing else was detected.';
  const chosen = candidates[0][0] < 0
    ? 'No detected keypoint fits better than the place where the center expects it, marked ×. ' : '';
  if (!data.terms.length) return chosen;
  const gaps = data.terms.map((term, i) => [term, candidates[0][2 + i] - candidates[1][2 + i]]);
  const words = (sign) => gaps.filter(([, gap]) => sign * gap >= 0.05)
    .sort((a, b) => sign * (b[1] - a[1])).map(([term]) => term).join(' and ');
  const [pro, con] = [words(1), words(-1)];
  if (!pro) return `${chosen}The first two are as good as equal.`;
  return `${chosen}${capital(pro)} prefer${pro.includes(' and ') ? '' : 's'} the first to the second`
    + `${con ? `; ${con} would choose the second` : ''}.`;
}

// ---- start --------------------------------------------------------------------------------------

function centerButton(center, index) {
  const dot = make('span', { class: 'dot', style: `background:${center.color}` });
  const text = center.number ? `${center.number}` : center.score.toFixed(2);
  const button = make('button', { type: 'button', 'data-center': index, 'aria-pressed': 'false',
    'aria-label': `${nameOf(center)}, score ${center.score.toFixed(2)}` }, dot, text);
  button.addEventListener('click', () => pin(index));
  return button;
}
function start() {
  const count = data.centers.filter((center) => center.number).length;
  const found = data.keypoints.filter(Boolean).length;
  box('summary').textContent = `${count} ${count === 1 ? 'person' : 'people'} from ${data.centers.length} `
    + `centers and ${found} detected keypoints.`;
  const buttons = data.centers.map(centerButton);
  people.append(...buttons.slice(0, count));
  if (buttons.length > count) {
    people.append(make('details', {}, make('summary', {}, `${buttons.length - count} false centers`),
      make('div', {}, ...buttons.slice(count))));
  }
  data.layers.forEach((name, layer) => {
    const input = make('input', { type: 'radio', name: 'layer', value: layer });
    input.checked = layer === state.layer;
    input.addEventListener('change', () => { state.layer = layer; refresh(); });
    box('layers').append(make('label', {}, input, name));
  });
  for (const id of ['show-poses', 'show-keypoints', 'show-false']) box(id).addEventListener('change', draw);
  document.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    Object.assign(state, { pinned: null, shown: null, open: new Set() });
    refresh();
  });
  sizePicture();
  refresh();
  new ResizeObserver(draw).observe(svg);
}
start();
