// The two charts, drawn by plotly.js. They are drawn anew when the page becomes dark, light or printed.

const MARKS = [100, 200, 500, 1e3, 2e3, 5e3, 1e4, 3e4, 6e4, 12e4, 3e5, 6e5, 18e5, 36e5, 72e5, 18e6, 432e5, 864e5, 1728e5, 6048e5];
const SHORTEST = 100;
const hiddenTraces = {cost: new Set(), timeline: new Set()};

function narrow() {
  return document.documentElement.clientWidth < 600;
}

// A bar stands on the tick of its day, half of it before; a run is drawn at its time, which is after it.
function layout(more) {
  const axis = {
    color: colour('quiet'), gridcolor: colour('line'), linecolor: colour('line'), zeroline: false, automargin: false,
    tickfont: {size: 12}, fixedrange: true, title: {text: ''},
  };
  const days = data.days;
  const room = Math.max(0, 7 - days.length) / 2;
  const range = [shifted(days[0], -room - more.before), shifted(days[days.length - 1], room + more.after)];
  return {
    paper_bgcolor: 'rgba(0,0,0,0)', plot_bgcolor: 'rgba(0,0,0,0)', showlegend: false, autosize: true,
    margin: {l: 56, r: 8, t: 8, b: 44}, dragmode: false,
    font: {family: getComputedStyle(document.body).fontFamily, size: 12, color: colour('text')},
    hoverlabel: {bgcolor: colour('page'), bordercolor: colour('strong-line'), align: 'left', font: {size: 12, color: colour('text')}},
    ...more.layout,
    xaxis: {
      ...axis, type: 'date', range, showgrid: false, ticks: 'outside', ticklen: 4, tickcolor: colour('line'),
      tickformat: '%-d %b\n%Y', nticks: narrow() ? 4 : 9, hoverformat: '%a %-d %b %Y', spikecolor: colour('strong-line'), spikethickness: 1, spikedash: 'dot',
      ...(days.length <= 7 ? {dtick: narrow() ? 1728e5 : 864e5, tick0: days[0]} : {}), ...more.xaxis,
    },
    yaxis: {...axis, showline: false, ...more.yaxis},
    ...(more.yaxis2 ? {yaxis2: {...axis, showline: false, ...more.yaxis2}} : {}),
  };
}

function shifted(day, days) {
  return new Date(Date.parse(day) + days * 864e5).toISOString().replace('T', ' ').replace('Z', '');
}

const SETTINGS = {displayModeBar: false, responsive: true, doubleClick: 'reset', showTips: false};

function seriesColour(series, at) {
  return colour(series.jobs > 1 ? 'job-other' : `job-${at}`);
}

function drawCost() {
  const {series, unknown} = data.cost;
  const traces = series.map((one, at) => {
    // A day of which no cost is known has no bar, and not one of height nothing.
    const known = data.days.map((_, day) => day).filter((day) => one.days[day] !== null);
    return {
      type: 'bar', name: plain(one.name), x: known.map((day) => data.days[day]), y: known.map((day) => one.days[day] / 1e6),
      width: 0.78 * 864e5, visible: !hiddenTraces.cost.has(at), hoverinfo: 'x+text',
      hovertext: known.map((day) => `${plain(one.name)}  <b>${money(one.days[day])}</b>`),
      marker: {color: seriesColour(one, at), line: {width: data.days.length > 120 ? 0 : 0.6, color: colour('page')}},
    };
  });
  const heights = data.days.map((_, day) => series.reduce((sum, one, at) => sum + (hiddenTraces.cost.has(at) ? 0 : one.days[day] || 0), 0));
  const most = extreme(Math.max, heights) / 1e6 || 1;
  const asked = data.days.map((_, day) => day).filter((day) => unknown[day]);
  if (asked.length) {
    traces.push({
      type: 'scatter', mode: 'text', x: asked.map((day) => data.days[day]), y: asked.map(() => most * 1.1),
      text: asked.map(() => '?'), textfont: {size: 13, color: colour('failed')}, cliponaxis: false,
      hoverinfo: 'x+text', hovertext: asked.map((day) => `${counted(unknown[day], 'run')} of unknown cost`),
    });
  }
  Plotly.react('cost-chart', traces, layout({
    before: 0.6, after: 0.6, layout: {barmode: 'stack', hovermode: 'x unified'},
    yaxis: {tickformat: most >= 5 ? '$,.2~f' : most >= 0.05 ? '$.2f' : '$.6~f', nticks: 5, rangemode: 'tozero', range: [0, most * 1.16]},
  }), SETTINGS);
}

function timelineTraces() {
  const groups = new Map();
  for (const point of data.timeline.points) {
    if (!groups.has(point[2])) groups.set(point[2], []);
    groups.get(point[2]).push(point);
  }
  // Successes first, so that what failed lies on top of them.
  return [...groups.keys()].sort((a, b) => ORDER.indexOf(a) - ORDER.indexOf(b)).map((kind) => [kind, groups.get(kind)]);
}

function told([due, job, kind, took, cost, attempts, trigger]) {
  const over = kind !== 'running' && kind !== 'skipped';
  const facts = [
    ...(took === null ? [] : [`took ${duration(took)}`]),
    ...(over ? [cost === null ? 'cost unknown' : `about ${money(cost)}`] : []),
    ...(attempts > 1 ? [counted(attempts, 'attempt')] : []),
  ];
  const lines = [`<b>${plain(data.timeline.jobs[job])}</b>`, kindOf(kind).label, `${wall(due)}, ${plain(trigger)}`, facts.join(', ')];
  return lines.filter(Boolean).join('<br>');
}

function drawTimeline() {
  const traces = timelineTraces().flatMap(([kind, points], at) => {
    const size = data.timeline.points.length > 1500 ? 5 : data.timeline.points.length > 100 ? 7 : 9;
    const marker = {
      symbol: kindOf(kind).symbol, color: colour(kind) || colour('text'), size: kind === 'succeeded' ? size : kindOf(kind).symbol.startsWith('triangle') ? 11 : 9,
      opacity: kind === 'succeeded' ? 0.65 : 1, line: {width: kindOf(kind).open ? 1.8 : 0.8, color: kindOf(kind).open ? colour(kind) : colour('page')},
    };
    const make = (some, axis) => ({
      type: 'scatter', mode: 'markers', name: kindOf(kind).label, marker, yaxis: axis, visible: !hiddenTraces.timeline.has(at),
      x: some.map(([due]) => wall(due)), y: some.map((one) => (axis === 'y' ? Math.max(one[3], SHORTEST) : 0)),
      hoverinfo: 'text', hovertext: some.map(told), cliponaxis: false,
    });
    return [make(points.filter((one) => one[3] !== null), 'y'), make(points.filter((one) => one[3] === null), 'y2')];
  }).filter((trace) => trace.x.length);
  const known = data.timeline.points.map((one) => one[3]).filter((took) => took !== null).map((took) => Math.max(took, SHORTEST));
  const without = known.length < data.timeline.points.length;
  const [low, high] = known.length ? [extreme(Math.min, known), extreme(Math.max, known)] : [1e3, 6e4];
  const room = Math.max(1.8, Math.sqrt(20 * low / high));
  const range = [Math.log10(low / room), Math.log10(high * room)];
  const marks = thinned(MARKS.filter((mark) => Math.log10(mark) >= range[0] && Math.log10(mark) <= range[1]));
  Plotly.react('timeline-chart', traces, layout({
    before: 0.1, after: 1.1,
    layout: {hovermode: 'closest', hoverdistance: 14, dragmode: matchMedia('(pointer: coarse)').matches ? false : 'zoom'},
    xaxis: {fixedrange: false, anchor: without ? 'y2' : 'y'},
    yaxis: {type: 'log', range, domain: [without ? 0.15 : 0, 1], tickvals: marks, ticktext: marks.map(briefly)},
    ...(without ? {yaxis2: {domain: [0, 0.1], range: [-1, 1], tickvals: [0], ticktext: ['none'], showgrid: true}} : {}),
  }), SETTINGS);
}

function extreme(which, numbers) {
  return numbers.reduce((one, other) => which(one, other));
}

// At most seven, the same steps apart.
function thinned(marks) {
  const step = Math.ceil(marks.length / 7);
  return marks.filter((_, at) => at % step === 0);
}

function briefly(milliseconds) {
  return milliseconds < 1e3 ? `${milliseconds / 1e3} s` : milliseconds < 6e4 ? `${milliseconds / 1e3} s` : duration(milliseconds);
}

function legend(id, entries, hidden, redraw) {
  const list = document.getElementById(id);
  entries.forEach(([sign, label], at) => {
    const button = el('button', {type: 'button', 'aria-pressed': 'true'}, sign, name(label));
    button.addEventListener('click', () => {
      const shown = hidden.has(at);
      if (shown) hidden.delete(at); else hidden.add(at);
      button.setAttribute('aria-pressed', String(shown));
      redraw();
    });
    list.append(el('li', null, button));
  });
}

function costTable() {
  const {series, unknown} = data.cost;
  const some = unknown.some(Boolean);
  const columns = [['Day'], ...series.map((one) => [one.name, true]), ['Known', true], ...(some ? [['Runs of unknown cost', true]] : [])];
  return table(columns, data.days.map((day, at) => {
    const costs = series.map((one) => one.days[at]);
    const known = costs.filter((micro) => micro !== null);
    const total = known.length ? money(known.reduce((sum, micro) => sum + micro, 0)) : '–';
    return [day, ...costs.map((micro) => (micro === null ? '–' : money(micro))), total, ...(some ? [String(unknown[at] || '–')] : [])];
  }));
}

function timelineTable() {
  return table([['Verdict'], ['Runs', true], ['Shortest', true], ['Median', true], ['Longest', true]], timelineTraces().map(([kind, points]) => {
    const took = points.map((one) => one[3]).filter((one) => one !== null).sort((a, b) => a - b);
    const say = (at) => (took.length ? duration(took[at]) : '–');
    return [kindOf(kind).label, points.length.toLocaleString('en'), say(0), say(Math.ceil(took.length / 2) - 1), say(took.length - 1)];
  }));
}

function empty(id, text) {
  const chart = document.getElementById(id);
  chart.classList.add('empty');
  chart.removeAttribute('role');
  chart.textContent = text;
}

function startCharts() {
  const drawn = [];
  if (data.cost.series.length) {
    legend('cost-legend', data.cost.series.map((one, at) => [el('span', {class: 'swatch', style: `background:var(--job-${one.jobs > 1 ? 'other' : at})`}), one.name]), hiddenTraces.cost, drawCost);
    tableInside(document.getElementById('cost-table'), 'Cost per day', costTable);
    drawn.push(drawCost);
  } else {
    empty('cost-chart', data.timeline.points.length ? 'The cost of these runs is not known.' : 'Nothing ran.');
    document.getElementById('cost-table').remove();
  }
  if (data.timeline.points.length) {
    legend('timeline-legend', timelineTraces().map(([kind, points]) => [icon(kind), `${kindOf(kind).label} ${points.length.toLocaleString('en')}`]), hiddenTraces.timeline, drawTimeline);
    tableInside(document.getElementById('timeline-table'), 'Durations by verdict', timelineTable);
    drawn.push(drawTimeline);
  } else {
    empty('timeline-chart', 'Nothing ran.');
    document.getElementById('timeline-caption').remove();
    document.getElementById('timeline-table').remove();
  }
  return () => drawn.forEach((draw) => draw());
}
