// The charts of the disparity panel: lines with bands, and bars around 0, each with its numbers in words or in a table.

const DASHES = ["", "7 4", "2 3", "9 3 2 3", "4 4", "1 4"];

// Lines with bands over time or thresholds, the changes found as spans, deploys as marks.
function chartBlock(block) {
  const several = block.series.length > 1;
  const [width, height, left, right, top, bottom] = [900, several ? 322 : 300, 74, 890, 18, 246];
  const [from, to] = block.across ?? extent([...block.series.flatMap((each) => each.x), ...block.spans.map((span) => span.to)]);
  const numbers = block.series.flatMap((each) => [...each.y, ...each.low, ...each.high]);
  let [low, high] = extent([...numbers, ...block.lines.map((line) => line.y)]);
  if (block.least !== null) low = Math.max(low, block.least);
  if (block.most !== null) high = Math.min(high, block.most);
  const room = 0.05 * (high - low || 1);
  [low, high] = [low - room, high + room];
  const x = (value) => left + ((right - left) * (value - from)) / (to - from || 1);
  const y = (value) => bottom - ((bottom - top) * (Math.max(low, Math.min(high, value)) - low)) / (high - low);
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${block.title}. ${block.said}` });
  const line = (x1, y1, x2, y2, more) => svg.append(draw("line", { x1, y1, x2, y2, stroke: "var(--line)", ...more }));
  for (const tick of ticks(low, high)) {
    line(left, y(tick), right, y(tick), {});
    svg.append(draw("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, axisText(tick, block.unit)));
  }
  const stops = block.axis === "time" ? Array.from({ length: 6 }, (_, at) => from + ((to - from) * at) / 5) : ticks(from, to);
  for (const tick of stops) {
    line(x(tick), bottom, x(tick), bottom + 5, { stroke: "var(--soft)" });
    svg.append(draw("text", { x: x(tick), y: bottom + 19, "text-anchor": tick === to ? "end" : "middle" }, axisText(tick, block.axis)));
  }
  for (const span of block.spans) {
    const [start, end] = [Math.max(from, span.from), Math.min(to, span.to)];
    svg.append(draw("rect", { x: x(start), y: top, width: Math.max(2, x(end) - x(start)), height: bottom - top, fill: "var(--series-2)", opacity: 0.25 }));
  }
  for (const each of block.lines) {
    line(left, y(each.y), right, y(each.y), { stroke: "var(--ink)", "stroke-dasharray": "5 3" });
    svg.append(draw("text", { x: right, y: y(each.y) - 4, "text-anchor": "end" }, each.text));
  }
  const [first, last] = [Math.max(from, low), Math.min(to, high)];
  if (block.diagonal && first < last) {
    line(x(first), y(first), x(last), y(last), { stroke: "var(--ink)", "stroke-dasharray": "5 3" });
    svg.append(draw("text", { x: x(last) - 4, y: y(last) - 6, "text-anchor": "end" }, block.diagonal));
  }
  block.series.forEach((each, at) => drawSeries(svg, each, at, x, y));
  if (several) drawKey(svg, block.series, left, right);
  for (const [at, mark] of block.marks.entries()) {
    if (mark.x < from || mark.x > to) continue;
    line(x(mark.x), top, x(mark.x), bottom, { stroke: "var(--ink)", "stroke-width": 1.5 });
    svg.append(draw("text", { x: x(mark.x) + 3, y: top + 10 + 14 * (at % 3) }, mark.text));
  }
  svg.append(draw("text", { x: (left + right) / 2, y: 292, "text-anchor": "middle" }, block.xlabel));
  svg.append(draw("text", { x: 0, y: 12 }, block.ylabel));
  const caption = make("div", { class: "caption" }, block.title);
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": block.title }, caption, svg, make("p", { class: "small" }, block.said));
}

// Which line is whose: colour, dashes and name.
function drawKey(svg, series, left, right) {
  const step = Math.min(200, (right - left) / series.length);
  const most = Math.floor(step / 8) - 3;
  series.forEach((each, at) => {
    const from = left + step * at;
    svg.append(draw("line", { x1: from, x2: from + 22, y1: 310, y2: 310, stroke: `var(--series-${(at % 6) + 1})`, "stroke-width": 2, "stroke-dasharray": DASHES[at % 6] }));
    const name = draw("text", { x: from + 27, y: 314 }, each.name.length <= most ? each.name : `${each.name.slice(0, most - 1)}…`);
    name.append(draw("title", {}, each.name));
    svg.append(name);
  });
}

function drawSeries(svg, each, at, x, y) {
  const color = `var(--series-${(at % 6) + 1})`;
  const runs = [];
  each.x.forEach((_, index) => {
    if (each.y[index] === null) return;
    if (index && each.y[index - 1] !== null) runs.at(-1).push(index);
    else runs.push([index]);
  });
  for (const run of runs) {
    const banded = run.filter((index) => each.low[index] !== null && each.high[index] !== null);
    const there = banded.map((index) => `${x(each.x[index])},${y(each.low[index])}`);
    const back = banded.map((index) => `${x(each.x[index])},${y(each.high[index])}`).reverse();
    svg.append(draw("polygon", { points: [...there, ...back].join(" "), fill: color, opacity: 0.2 }));
    const points = run.map((index) => `${x(each.x[index])},${y(each.y[index])}`).join(" ");
    svg.append(draw("polyline", { points, fill: "none", stroke: color, "stroke-width": 2, "stroke-dasharray": DASHES[at % 6] }));
    if (run.length < 80) for (const index of run) svg.append(draw("circle", { cx: x(each.x[index]), cy: y(each.y[index]), r: 3, fill: color }));
  }
}

// Parts of a difference as bars around 0, each with its interval.
function barsBlock(block) {
  const [low, high] = extent([0, ...block.bars.flatMap((bar) => [bar.at, bar.low, bar.high])]);
  const x = (value) => 250 + (600 * (value - low)) / (high - low || 1);
  const height = 34 * block.bars.length + 44;
  const said = block.bars.map((bar) => `${bar.label}: ${bar.text}`).join("; ");
  const svg = draw("svg", { viewBox: `0 0 900 ${height}`, width: 900, height, role: "img", "aria-label": `${block.title}. ${said}` });
  block.bars.forEach((bar, at) => {
    const y = 34 * at + 6;
    svg.append(draw("text", { x: 240, y: y + 15, "text-anchor": "end" }, bar.label));
    if (bar.at === null) return;
    svg.append(draw("rect", { x: Math.min(x(0), x(bar.at)), y, width: Math.max(1, Math.abs(x(bar.at) - x(0))), height: 20, fill: "var(--series-1)", opacity: 0.75 }));
    if (bar.low !== null) svg.append(draw("line", { x1: x(bar.low), x2: x(bar.high), y1: y + 10, y2: y + 10, stroke: "var(--ink)", "stroke-width": 2 }));
  });
  const base = height - 38;
  svg.append(draw("line", { x1: x(0), x2: x(0), y1: 0, y2: base, stroke: "var(--ink)" }));
  for (const tick of ticks(low, high)) svg.append(draw("text", { x: x(tick), y: base + 14, "text-anchor": "middle" }, axisText(tick, "share")));
  svg.append(draw("text", { x: 550, y: height - 6, "text-anchor": "middle" }, block.label));
  const rows = block.bars.map((bar) => [bar.label, bar.text, bar.meaning]);
  const table = tableBlock({ caption: block.title, columns: ["part", "adds to the difference", "what it is"], rows, numbers: [1] });
  return make("div", {}, make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": block.title }, svg), table);
}

// Rates of small groups: a ring as counted, a point with its interval as drawn towards the mean of all; the numbers below.
function dotsBlock(block) {
  const [low, high] = extent(block.dots.flatMap((dot) => [dot.raw, dot.at, dot.low, dot.high]));
  const x = (value) => 300 + (560 * (value - low)) / (high - low || 1);
  const base = 26 * block.dots.length + 8;
  const svg = draw("svg", { viewBox: `0 0 900 ${base + 44}`, width: 900, height: base + 44, role: "img", "aria-label": `${block.title}. ${block.label}` });
  const line = (x1, x2, y1, y2, look) => svg.append(draw("line", { x1, x2, y1, y2, ...look }));
  if (block.mean !== null) line(x(block.mean), x(block.mean), 0, base, { stroke: "var(--ink)", "stroke-dasharray": "5 3" });
  block.dots.forEach((dot, at) => {
    const y = 26 * at + 16;
    svg.append(draw("text", { x: 290, y: y + 4, "text-anchor": "end" }, `${dot.label} (${dot.n})`));
    if (dot.low !== null && dot.high !== null) line(x(dot.low), x(dot.high), y, y, { stroke: "var(--series-1)", "stroke-width": 2 });
    if (dot.raw !== null) svg.append(draw("circle", { cx: x(dot.raw), cy: y, r: 5, fill: "none", stroke: "var(--series-2)", "stroke-width": 2 }));
    if (dot.at !== null) svg.append(draw("circle", { cx: x(dot.at), cy: y, r: 4, fill: "var(--series-1)" }));
  });
  for (const tick of ticks(low, high)) svg.append(draw("text", { x: x(tick), y: base + 16, "text-anchor": "middle" }, axisText(tick, "share")));
  svg.append(draw("text", { x: 580, y: base + 36, "text-anchor": "middle" }, block.label));
  const rows = block.dots.map((dot) => [dot.label, dot.n, dot.counted, dot.text]);
  const table = tableBlock({ caption: `${block.title}, in numbers`, columns: ["group", "rows", "counted", "drawn towards the others (95 %)"], rows, numbers: [1, 2, 3] });
  return make("div", {}, make("div", { class: "caption" }, block.title), make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": block.title }, svg), table);
}
