startRuns();
startCalendar();
const draw = startCharts();
draw();

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);

// Paper is white, and as wide as A4 within its margins.
const PAPER_WIDTH = 680;
const charts = () => document.querySelectorAll('.chart.js-plotly-plot');
addEventListener('beforeprint', () => {
  document.documentElement.classList.add('printing');
  draw();
  charts().forEach((chart) => Plotly.relayout(chart, {width: PAPER_WIDTH}));
});
addEventListener('afterprint', () => {
  document.documentElement.classList.remove('printing');
  draw();
  charts().forEach((chart) => Plotly.relayout(chart, {width: null, autosize: true}));
});
