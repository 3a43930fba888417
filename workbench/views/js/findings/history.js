// What a finding unfolds to beside its size: its course over time, before beside since, what was ruled out, what to open.

const COURSE = { left: 56, right: 612, top: 26, bottom: 176 };
const COURSE_LINES = [{ color: "var(--series-1)", dash: null }, { color: "var(--soft)", dash: "4 4" }];

function levelText(form, value) {
  return form.share ? percent(value, 0) : String(Number(value.toPrecision(3)));
}

// Runs of periods that are shown, one after the other: a hidden period breaks the line.
function runsOf(points) {
  const runs = [[]];
  for (const point of points) {
    if (point) runs.at(-1).push(point);
    else runs.push([]);
  }
  return runs.filter((run) => run.length);
}

// The finding's own number over time on its rows and on the others; null where no period is shown.
function courseFigure(form) {
  const values = form.sides.flatMap((side) => side.values).filter((value) => value !== null);
  if (form.starts.length < 2 || !values.length) return null;
  const moments = form.starts.map((start) => Date.parse(`${start}Z`));
  const [first, last] = [moments[0], moments.at(-1)];
  const from = form.share || form.statistic === "rows" ? Math.min(0, ...values) : Math.min(...values);
  const to = Math.max(...values) > from ? Math.max(...values) : from + 1;
  const { left, right, top, bottom } = COURSE;
  const x = (moment) => left + ((right - left) * (Math.min(Math.max(moment, first), last) - first)) / (last - first);
  const y = (value) => bottom - ((bottom - top) * (value - from)) / (to - from);
  const began = form.onset ? `; began ${form.onset.slice(0, 10)}` : "";
  const name = `${form.statistic} of each ${form.period}, ${form.starts[0].slice(0, 10)} to ${form.starts.at(-1).slice(0, 10)}${began}`;
  const svg = draw("svg", { viewBox: "0 0 640 196", width: 640, height: 196, role: "img", "aria-label": name });
  svg.append(draw("text", { x: left, y: 14 }, `${form.statistic} of each ${form.period}`));
  for (const tick of ticks(from, to)) {
    svg.append(draw("line", { x1: left, x2: right, y1: y(tick), y2: y(tick), stroke: "var(--line)" }),
      draw("text", { x: left - 6, y: y(tick) + 4, "text-anchor": "end" }, levelText(form, tick)));
  }
  if (form.onset) markOnset(svg, form, x);
  form.sides.forEach((side, at) => {
    const { color, dash } = COURSE_LINES[at] ?? COURSE_LINES[1];
    for (const run of runsOf(side.values.map((value, period) => value !== null && [x(moments[period]), y(value)]))) {
      if (run.length === 1) svg.append(draw("circle", { cx: run[0][0], cy: run[0][1], r: 2.5, fill: color }));
      else svg.append(draw("polyline", { points: run.map((point) => point.join(",")).join(" "), fill: "none", stroke: color,
        "stroke-width": 2, ...(dash ? { "stroke-dasharray": dash } : {}) }));
    }
  });
  svg.append(draw("text", { x: left, y: 192 }, form.starts[0].slice(0, 10)),
    draw("text", { x: right, y: 192, "text-anchor": "end" }, form.starts.at(-1).slice(0, 10)));
  return make("figure", { class: "course" }, svg, courseKey(form));
}

function markOnset(svg, form, x) {
  const [at, low, high] = ["onset", "earliest", "latest"].map((name) => x(Date.parse(`${form[name].replace(/Z$/, "")}Z`)));
  const { top, bottom, left, right } = COURSE;
  const early = at < (left + right) / 2;
  svg.append(
    draw("rect", { x: low, y: top, width: Math.max(0, high - low), height: bottom - top, fill: "var(--series-2)", "fill-opacity": 0.18 }),
    draw("line", { x1: at, x2: at, y1: top, y2: bottom, stroke: "var(--series-2)", "stroke-width": 2, "stroke-dasharray": "6 4" }),
    draw("text", { x: at + (early ? 6 : -6), y: top + 12, "text-anchor": early ? "start" : "end" }, `began ${form.onset.slice(0, 10)}`));
}

function courseKey(form) {
  const entries = form.sides.map((side, at) => {
    const { color, dash } = COURSE_LINES[at] ?? COURSE_LINES[1];
    const line = draw("svg", { viewBox: "0 0 26 8", width: 26, height: 8, "aria-hidden": "true", class: "mark" });
    line.append(draw("line", { x1: 0, x2: 26, y1: 4, y2: 4, stroke: color, "stroke-width": 2, ...(dash ? { "stroke-dasharray": dash } : {}) }));
    return make("span", { class: "where" }, line, side.name);
  });
  return make("figcaption", { class: "bar small" }, ...entries);
}

// Before beside since, on the finding's rows and on the others.
function levelsTable(form) {
  if (!form.levels.length) return "";
  const heads = ["rows of the log", "when", `${form.statistic} [95 % interval]`, "of about how many rows"];
  const head = make("tr", {}, ...heads.map((text) => make("th", { scope: "col" }, text)));
  const rows = form.levels.map((level) => make("tr", {}, ...level.map((text) => make("td", {}, text))));
  return make("table", { class: "levels" }, make("caption", {}, `Counted: ${form.of}`), make("thead", {}, head), make("tbody", {}, ...rows));
}

function ruledOut(row) {
  if (!row.ruled_out.length) return "";
  return make("div", {}, make("p", {}, "What was ruled out, and why:"), make("ul", {}, ...row.ruled_out.map((text) => make("li", {}, text))));
}

// A button for each widget that can be opened here, and the code to copy for each that cannot.
function stepsBar(row, { openable, open }) {
  const here = row.steps.filter((step) => openable.includes(step.widget));
  const away = row.steps.filter((step) => !openable.includes(step.widget));
  const buttons = here.map((step) =>
    make("button", { type: "button", onclick: () => open(step.widget) }, `Open the ${step.name.toLowerCase()}`));
  const codes = away.map((step) =>
    make("details", {}, make("summary", {}, `${step.name}: code to copy into a cell`), make("pre", {}, step.code)));
  return make("div", {}, ...(buttons.length ? [make("div", { class: "deed" }, ...buttons)] : []), ...codes);
}
