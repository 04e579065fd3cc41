// What the page says of times, money and verdicts, in the words of the command line.

const data = JSON.parse(document.getElementById('data').textContent);

// Each verdict has a shape of its own, because not everybody tells its colour.
const KINDS = {
  succeeded: {label: 'Succeeded', symbol: 'circle', path: 'M6 1a5 5 0 1 0 0 10a5 5 0 1 0 0-10z'},
  failed: {label: 'Failed', symbol: 'x', path: 'M3 .8 6 3.8 9 .8 11.2 3 8.2 6 11.2 9 9 11.2 6 8.2 3 11.2 .8 9 3.8 6 .8 3z'},
  timed_out: {label: 'Timed out', symbol: 'diamond', path: 'M6 0 12 6 6 12 0 6z'},
  out_of_memory: {label: 'Out of memory', symbol: 'triangle-up', path: 'M6 .6 12 11 0 11z'},
  never_started: {label: 'Never started', symbol: 'triangle-down', path: 'M6 11.4 0 1 12 1z'},
  stopped: {label: 'Stopped', symbol: 'square', path: 'M1.2 1.2H10.8V10.8H1.2z'},
  interrupted: {label: 'Interrupted', symbol: 'square-open', path: 'M1.8 1.8H10.2V10.2H1.8z', open: true},
  lost: {label: 'Lost', symbol: 'star', path: 'M6 0 7.6 4.1 12 4.4 8.6 7.2 9.7 11.5 6 9.1 2.3 11.5 3.4 7.2 0 4.4 4.4 4.1z'},
  skipped: {label: 'Skipped', symbol: 'line-ew-open', path: 'M.5 6H11.5', open: true},
  running: {label: 'Running', symbol: 'circle-open', path: 'M6 1.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z', open: true},
};
const ORDER = Object.keys(KINDS);

function kindOf(name) {
  return KINDS[name] || {label: name, symbol: 'hexagon', path: 'M3 .8H9L12 6 9 11.2H3L0 6z'};
}

// Text goes into the page as text alone: nothing here reads markup.
function el(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key === 'class') node.className = value;
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

function name(text) {
  return el('bdi', null, text);
}

function icon(kind) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  const path = document.createElementNS(space, 'path');
  const {path: shape, open} = kindOf(kind);
  svg.setAttribute('viewBox', '0 0 12 12');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  path.setAttribute('d', shape);
  path.setAttribute('style', open ? `fill:none;stroke:var(--${kind});stroke-width:1.8` : `fill:var(--${kind}, var(--text))`);
  svg.append(path);
  return svg;
}

function colour(variable) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${variable}`).trim();
}

function duration(milliseconds) {
  const seconds = milliseconds / 1000;
  if (seconds < 10) return `${seconds.toFixed(seconds >= 1 ? 1 : 2)} s`;
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  let rest = Math.floor(seconds), text = '';
  for (const [size, letter] of [[86400, 'd'], [3600, 'h'], [60, 'm'], [1, 's']]) {
    if (rest >= size) text += `${Math.floor(rest / size)}${letter}`;
    rest %= size;
  }
  return text;
}

// Micro-dollars are whole numbers, and stay so.
function money(micro) {
  if (micro < 0) return `-${money(-micro)}`;
  if (micro < 1e6 && micro % 1e4) return `$0.${String(micro).padStart(6, '0')}`;
  const cents = Math.round(micro / 1e4);
  return `$${Math.floor(cents / 100)}.${String(cents % 100).padStart(2, '0')}`;
}

function counted(number, noun) {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`;
}

// The Swedish way of writing a time is the one that sorts.
const clock = (() => {
  const options = {year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', second: '2-digit'};
  try {
    return new Intl.DateTimeFormat('sv-SE', {...options, timeZone: data.zone});
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    document.getElementById('zone').textContent = `UTC; this browser does not know ${data.zone}`;
    return new Intl.DateTimeFormat('sv-SE', {...options, timeZone: 'UTC'});
  }
})();

function wall(milliseconds) {
  return clock.format(new Date(milliseconds));
}

// plotly.js reads some markup in what it is to write.
function plain(text) {
  return text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
}

function table(columns, rows) {
  const head = el('tr', null, ...columns.map(([title, number]) => el('th', {scope: 'col', class: number ? 'number' : ''}, name(title))));
  const body = rows.map((row) => el('tr', null, ...row.map((cell, at) =>
    el(at ? 'td' : 'th', at ? {class: columns[at][1] ? 'number' : ''} : {scope: 'row'}, cell))));
  return el('table', {class: 'plain'}, el('thead', null, head), el('tbody', null, ...body));
}

// A table of thousands of cells is made when somebody asks for it.
function tableInside(details, title, make) {
  details.addEventListener('toggle', () => {
    if (details.querySelector('table') || !details.open) return;
    details.append(el('div', {class: 'scroll', role: 'region', 'aria-label': title, tabindex: '0'}, make()));
  });
}
