// One row per job, one cell per day. What a cell means stands in it as text, for those who do not see its pattern.

const CELLS = {
  ok: 'All succeeded', some: 'Some failed', bad: 'All failed', passed: 'Only skipped', going: 'Not over', none: 'Nothing ran',
};

function cellOf([ok, bad, skipped, running]) {
  if (ok && bad) return 'some';
  if (bad) return 'bad';
  if (ok) return 'ok';
  if (running) return 'going';
  return skipped ? 'passed' : 'none';
}

function said(counts) {
  const words = ['succeeded', 'failed', 'skipped', 'running'];
  const parts = words.map((word, at) => [counts[at], word]).filter(([number]) => number).map(([number, word]) => `${number.toLocaleString('en')} ${word}`);
  return parts.join(', ') || 'nothing ran';
}

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

function monthRow(days) {
  const months = [];
  for (const day of days) {
    const month = day.slice(0, 7);
    if (months.length && months[months.length - 1][0] === month) months[months.length - 1][1] += 1;
    else months.push([month, 1]);
  }
  return el('tr', null, el('th', {scope: 'col'}, el('span', {class: 'unseen'}, 'Job')), ...months.map(([month, width], _, {length}) => {
    const text = `${MONTHS[Number(month.slice(5)) - 1]}${width > 4 || length === 1 ? ` ${month.slice(0, 4)}` : ''}`;
    return el('th', {scope: 'colgroup', colspan: String(width), class: length === 1 ? 'sole' : ''}, el('span', null, width > 1 || length === 1 ? text : ''));
  }));
}

function startCalendar() {
  const {first, rows} = data.calendar;
  const box = document.getElementById('calendar-box');
  if (!rows.length) {
    box.replaceChildren(el('p', {class: 'chart empty'}, 'Nothing ran.'));
    return;
  }
  const days = data.days.slice(first);
  const used = new Set();
  const body = rows.map((row) => el('tr', null, el('th', {scope: 'row'}, name(row.job)), ...days.map((day, at) => {
    const counts = row.cells[at] || [0, 0, 0, 0];
    const kind = cellOf(counts);
    used.add(kind);
    return el('td', {class: kind}, `${day}: ${said(counts)}`);
  })));
  // A month of cells may be larger than a year of them.
  box.style.setProperty('--cell', `${days.length <= 31 ? 20 : days.length <= 62 ? 16 : 13}px`);
  box.replaceChildren(el('table', null, el('thead', null, monthRow(days)), el('tbody', null, ...body)));
  box.style.setProperty('--names', `${box.querySelector('th').offsetWidth + 2}px`);
  box.scrollLeft = box.scrollWidth;
  const list = document.getElementById('calendar-legend');
  for (const [kind, label] of Object.entries(CELLS)) {
    if (used.has(kind)) list.append(el('li', null, el('span', {class: 'key'}, el('span', {class: `sample ${kind}`}), label)));
  }
  showTips(box);
}

function showTips(box) {
  const tip = document.getElementById('tip');
  const show = (event) => {
    const cell = event.target.closest('td');
    tip.hidden = !cell;
    if (!cell) return;
    tip.replaceChildren(name(cell.parentElement.firstElementChild.textContent), el('br'), cell.textContent);
    const at = cell.getBoundingClientRect(), width = tip.offsetWidth, height = tip.offsetHeight;
    tip.style.left = `${Math.max(8, Math.min(at.left + at.width / 2 - width / 2, document.documentElement.clientWidth - width - 8))}px`;
    tip.style.top = `${at.top > height + 12 ? at.top - height - 6 : at.bottom + 6}px`;
  };
  box.addEventListener('pointerover', show);
  box.addEventListener('click', show);
  box.addEventListener('pointerleave', () => { tip.hidden = true; });
  addEventListener('scroll', () => { tip.hidden = true; }, {passive: true});
  addEventListener('keydown', (event) => { if (event.key === 'Escape') tip.hidden = true; });
}
