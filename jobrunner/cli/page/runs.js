// The list of the runs: sorted and filtered as values, and so many rows made as somebody wants to see.

const AT_ONCE = 100;
const words = new Intl.Collator('en', {numeric: true});

const COLUMNS = [
  {title: 'Due', value: (run) => run.due, number: true, left: true},
  {title: 'Job', value: (run) => run.job},
  {title: 'Verdict', value: (run) => kindOf(run.kind).label},
  {title: 'Trigger', value: (run) => run.trigger},
  {title: 'Attempts', value: (run) => run.attempts, number: true},
  {title: 'Duration', value: (run) => run.duration, number: true},
  {title: 'Billed', value: (run) => billedOf(run), number: true},
  {title: 'Cost', value: (run) => costOf(run), number: true},
  {title: 'Detail', value: (run) => run.detail || null},
];
const view = {column: 0, descending: true, shown: AT_ONCE, rows: []};

function billedOf(run) {
  return run.kind === 'skipped' ? null : run.billed;
}

function costOf(run) {
  return run.kind === 'skipped' ? null : run.cost;
}

// What is not known comes last, whichever way the rest is sorted.
function compare(column, descending) {
  const sign = descending ? -1 : 1;
  return (one, other) => {
    const a = column.value(one), b = column.value(other);
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (column.number ? a - b : words.compare(a, b));
  };
}

function unknown(run, value, say) {
  if (value !== null) return say(value);
  return run.kind === 'skipped' ? '–' : el('span', {class: 'quiet'}, run.kind === 'running' ? 'not over' : 'unknown');
}

function verdict(kind) {
  return el('span', {class: 'verdict'}, icon(kind), kindOf(kind).label);
}

function row(run) {
  const open = el('button', {type: 'button', class: 'open', 'aria-expanded': 'false'}, wall(run.due).slice(0, 16),
    el('span', {class: 'unseen'}, ` details of ${run.run_id}`));
  const line = el('tr', null,
    el('td', null, open), el('td', {class: 'job'}, name(run.job)), el('td', null, verdict(run.kind)), el('td', null, name(run.trigger)),
    el('td', {class: 'number'}, String(run.attempts || '–')),
    el('td', {class: 'number'}, run.duration === null ? '–' : duration(run.duration)),
    el('td', {class: 'number'}, unknown(run, billedOf(run), (seconds) => `${seconds.toLocaleString('en')} s`)),
    el('td', {class: 'number'}, unknown(run, costOf(run), money)),
    el('td', {class: 'detail'}, name(run.detail || '')));
  open.addEventListener('click', () => {
    const opened = open.getAttribute('aria-expanded') === 'true';
    open.setAttribute('aria-expanded', String(!opened));
    if (opened) line.nextElementSibling.remove();
    else line.after(el('tr', {class: 'inside'}, el('td', {colspan: String(COLUMNS.length)}, ...inside(run))));
  });
  return line;
}

function inside(run) {
  const facts = [['run', el('code', null, run.run_id)]];
  if (run.scheduled !== null) facts.push(['scheduled for', wall(run.scheduled)]);
  if (run.reason) facts.push(['reason', el('code', null, run.reason)]);
  if (run.exit !== null) facts.push(['exit code', String(run.exit)]);
  const line = el('p', null);
  facts.forEach(([label, value], at) => line.append(at ? ' · ' : '', el('span', {class: 'quiet'}, `${label} `), value));
  return [line, ...(run.detail ? [el('p', {class: 'said'}, name(run.detail))] : []), ...(run.tries.length ? [attempts(run.tries)] : [])];
}

function attempts(tries) {
  const columns = [['Attempt'], ['Verdict'], ['Accepted'], ['Started'], ['Stopped'], ['Exit', true], ['Billed', true], ['Capacity'], ['Task']];
  return table(columns, tries.map((one) => [
    String(one.attempt), verdict(one.kind), wall(one.at), one.started === null ? '–' : wall(one.started),
    one.stopped === null ? '–' : wall(one.stopped), one.exit === null ? '–' : String(one.exit),
    one.billed === null ? (one.kind === 'running' ? 'not over' : 'unknown') : `${one.billed.toLocaleString('en')} s`,
    one.capacity || '–', one.task === null ? '–' : el('code', null, one.task),
  ]));
}

function wanted(run) {
  const value = (id) => document.getElementById(id).value;
  const text = value('filter-text').trim().toLowerCase();
  return (!value('filter-job') || run.job === value('filter-job')) && (!value('filter-kind') || run.kind === value('filter-kind')) &&
    (!value('filter-trigger') || run.trigger === value('filter-trigger')) && (!text || run.haystack.includes(text));
}

function list() {
  view.rows = data.runs.filter(wanted).sort(compare(COLUMNS[view.column], view.descending));
  const count = document.getElementById('runs-count');
  const all = data.runs.length;
  count.textContent = view.rows.length === all ? counted(all, 'run') : `${view.rows.length.toLocaleString('en')} of ${counted(all, 'run')}`;
  rows(0);
}

function rows(from) {
  const body = document.querySelector('#runs-table > tbody');
  const made = view.rows.slice(from, view.shown).map(row);
  if (from) body.append(...made);
  else if (made.length) body.replaceChildren(...made);
  else body.replaceChildren(el('tr', null, el('td', {colspan: String(COLUMNS.length), class: 'quiet'}, data.runs.length ? 'No run is like that.' : 'Nothing ran.')));
  document.getElementById('runs-more').hidden = view.shown >= view.rows.length;
  return made;
}

function more(number) {
  const from = view.shown;
  view.shown += number;
  const [first] = rows(from);
  first.querySelector('button').focus({preventScroll: true});
}

function sortBy(at) {
  const column = COLUMNS[at];
  view.descending = at === view.column ? !view.descending : Boolean(column.number);
  view.column = at;
  document.querySelectorAll('#runs-table > thead th').forEach((cell, number) =>
    cell.setAttribute('aria-sort', number !== at ? 'none' : view.descending ? 'descending' : 'ascending'));
  list();
}

function options(id, values) {
  document.getElementById(id).append(...values.map(([value, label]) => el('option', {value}, label)));
}

function startRuns() {
  for (const run of data.runs) {
    const told = run.tries.map((one) => `${one.detail || ''} ${one.task || ''}`).join(' ');
    run.haystack = `${run.run_id} ${run.job} ${kindOf(run.kind).label} ${run.trigger} ${run.reason || ''} ${run.detail || ''} ${told}`.toLowerCase();
  }
  const head = COLUMNS.map((column, at) => {
    const button = el('button', {type: 'button'}, column.title);
    button.addEventListener('click', () => sortBy(at));
    return el('th', {scope: 'col', class: column.number && !column.left ? 'number' : '', 'aria-sort': at ? 'none' : 'descending'}, button);
  });
  document.getElementById('runs-table').append(el('thead', null, el('tr', null, ...head)), el('tbody', null));
  const distinct = (key) => [...new Set(data.runs.map((run) => run[key]))].sort(words.compare);
  options('filter-job', distinct('job').map((job) => [job, job]));
  options('filter-kind', ORDER.filter((kind) => data.runs.some((run) => run.kind === kind)).map((kind) => [kind, kindOf(kind).label]));
  options('filter-trigger', distinct('trigger').map((trigger) => [trigger, trigger]));
  const form = document.getElementById('filters');
  const filter = () => { view.shown = AT_ONCE; list(); };
  form.addEventListener('input', filter);
  form.addEventListener('change', filter);
  form.addEventListener('submit', (event) => event.preventDefault());
  // The fields are empty only after the event.
  form.addEventListener('reset', () => setTimeout(filter));
  const further = el('button', {type: 'button'}, `Show ${AT_ONCE} more`), all = el('button', {type: 'button'}, 'Show all');
  further.addEventListener('click', () => more(AT_ONCE));
  all.addEventListener('click', () => more(data.runs.length));
  document.getElementById('runs-more').append(further, all);
  list();
}
