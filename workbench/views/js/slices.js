// The slice explorer: the ranked slices, linked charts whose brushes the search runs inside, and what is asked of the chosen slice.
// Its own traits: `found` and `charts` (views/slices.py), `counts` (rows, mean and selected rows of each code, chart by chart),
// `brushes`, `detail`, `pair`, `contrast`, `cohorts` and `busy`.

const SCORES = { change: "change", sliceline: "loss against size", effect: "effect size", lift: "lift", share: "share of the harm", z: "z" };
const TABS = { lattice: "Conditions", pair: "Two features", overlap: "Overlap", contrast: "Compare", forms: "As a filter" };
const MOST_NAMED = 7;
const SLICES_STYLE = `
.wb-slices .sides { display:flex; flex-wrap:wrap; gap:12px 28px; align-items:flex-start; }
.wb-slices .ranked { flex:3 1 580px; min-width:0; } .wb-slices .charts { display:grid; grid-template-columns:repeat(auto-fill, minmax(195px, 1fr)); gap:2px 20px; align-items:start; }
.wb-slices h4 { margin:10px 0 2px; font:600 15px/1.4 inherit; color:var(--ink); } .wb-slices .scope { font-size:15px; margin:8px 0 2px; }
.wb-slices tr.row { cursor:pointer; } .wb-slices tr.row:hover { background:color-mix(in srgb, var(--chosen) 45%, transparent); }
.wb-slices tr.row[aria-selected=true] { background:var(--chosen); }
.wb-slices .and { color:var(--soft); } .wb-slices td svg { min-width:120px; } .wb-slices td:nth-child(2) { width:100%; min-width:180px; overflow-wrap:anywhere; } .wb-slices .nowrap { white-space:nowrap; } .wb-slices .chart .bar { margin:2px 0 0; min-height:30px; gap:4px 8px; }
.wb-slices .chart button { min-height:24px; padding:0 6px; font-size:13px; } .wb-slices .chart svg { touch-action:none; }
.wb-slices .code { cursor:pointer; outline-offset:-1px; } .wb-slices .code .mass { fill:var(--series-5); } .wb-slices .code.out .mass { fill:var(--line); }
.wb-slices .code .chosen { fill:var(--series-1); } .wb-slices .code:hover .hit { fill:var(--chosen); fill-opacity:.5; }
.wb-slices .hit { fill:transparent; } .wb-slices svg .soft { fill:var(--soft); font-size:12px; }
.wb-slices [role=tablist] { display:flex; flex-wrap:wrap; gap:4px; margin:12px 0 6px; border-bottom:1px solid var(--line); }
.wb-slices [role=tab] { border-color:transparent; border-radius:4px 4px 0 0; } .wb-slices [role=tab][aria-selected=true] { background:var(--chosen); }
.wb-slices pre { margin:0; padding:6px 8px; background:transparent; color:var(--ink); border:1px solid var(--line); border-radius:4px; white-space:pre-wrap; overflow-wrap:anywhere; }
.wb-slices .legend i { display:inline-block; width:10px; height:10px; margin:0 4px 0 12px; border-radius:2px; } .wb-slices input[type=range] { padding:0; }
`;

// Every conjunction of the chosen slice's conditions, from all rows to the slice; each line says what its condition adds.
function latticePanel({ model, amount, count, found, chosen }) {
  const [row, nodes] = [chosen(), model.get("detail").lattice ?? []];
  if (!row || nodes.length < 2) return [make("p", { class: "small" }, "Choose a slice above: its conditions are taken apart here.")];
  const conditions = row.slice.split(" and ");
  const depth = Math.max(...nodes.map((node) => node.conditions.length));
  const levels = Array.from({ length: depth + 1 }, (_, at) => nodes.filter((node) => node.conditions.length === at));
  const tall = 64 * Math.max(...levels.map((level) => level.length));
  const wide = 210 * (depth + 1);
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img", "aria-label": `From all rows, ${amount(nodes[0].mean)}, to the slice, ${amount(row.mean)}` });
  const place = new Map(levels.flatMap((level, at) => level.map((node, nth) => [node, { x: 210 * at, y: (tall * (nth + 0.5)) / level.length }])));
  const holds = (node, part) => part.conditions.length + 1 === node.conditions.length && part.conditions.every((each) => node.conditions.includes(each));
  for (const node of nodes) {
    const parents = nodes.filter((part) => holds(node, part));
    for (const part of parents) {
      const [to, from, gain] = [place.get(node), place.get(part), node.mean - part.mean];
      const best = parents.every((other) => node.mean - other.mean >= gain);
      svg.append(draw("line", { x1: from.x + 132, y1: from.y, x2: to.x + 2, y2: to.y, stroke: best ? "var(--series-1)" : "var(--line)", "stroke-width": best ? 2.5 : 1 }));
      const text = found().share ? `${gain < 0 ? "−" : "+"}${(100 * Math.abs(gain)).toFixed(1)}` : `${gain < 0 ? "−" : "+"}${Number(Math.abs(gain).toPrecision(2))}`;
      svg.append(draw("text", { class: "soft", x: to.x - 6, y: to.y + (to.y <= from.y ? -6 : 14) + (to.y - from.y ? 0 : 0), "text-anchor": "end" }, best ? text : ""));
    }
  }
  for (const [node, { x, y }] of place) {
    const name = node.conditions.map((each) => "ABCD"[each]).join(" + ") || "all rows";
    const last = node.conditions.length === conditions.length;
    svg.append(draw("rect", { x: x + 2, y: y - 24, width: 130, height: 48, rx: 6, fill: last ? "var(--chosen)" : "var(--ground)", stroke: "var(--soft)" }),
      draw("text", { x: x + 12, y: y - 5 }, name), draw("text", { x: x + 12, y: y + 14 }, `${amount(node.mean)}`), draw("text", { class: "soft", x: x + 124, y: y + 14, "text-anchor": "end" }, count(node.rows < 10 ? null : node.rows)));
  }
  const key = make("dl", {}, ...conditions.flatMap((condition, at) => [make("dt", {}, "ABCD"[at]), make("dd", {}, condition)]));
  return [key, make("div", { class: "scroll" }, svg), make("p", { class: "small" }, `Each box: ${found().measure}, rows. A thick line: the worst slice with one condition less, and what the condition adds to it.`)];
}

// Two features against each other: the larger the square, the larger the mean loss; a cell is chosen by click or Enter.
function pairPanel({ model, send, amount, count, choice, found }) {
  const pair = model.get("pair");
  const names = model.get("charts").map((chart) => [chart.name, chart.name]);
  const [x, y] = [choice(names, () => send({ type: "pair", x: x.value, y: y.value })), choice(names, () => send({ type: "pair", x: x.value, y: y.value }))];
  [x.value, y.value] = [pair.x ?? names[0]?.[0], pair.y ?? names[1]?.[0]];
  const bar = make("div", { class: "bar" }, make("label", {}, "Across", x), make("label", {}, "Down", y), make("span", { class: "small" }, "Square: mean loss; orange above all rows' mean, blue below; dot: fewer than 10 rows."));
  if (!pair.cells) return [bar];
  const [columns, lines, side] = [pair.x_short, pair.y_short, 34];
  const left = 10 + 8 * Math.min(22, Math.max(...lines.map((each) => each.length)));
  const below = 12 + 6 * Math.min(22, Math.max(...columns.map((each) => each.length)));
  const [wide, tall] = [left + side * columns.length + 90, side * lines.length + below];
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "listbox", "aria-label": `${found().measure} by ${pair.x} and ${pair.y}` });
  const most = Math.max(1e-12, ...pair.cells.map(([, , , mean]) => mean ?? 0));
  const cut = (text) => (text.length > 22 ? `${text.slice(0, 21)}…` : text);
  lines.forEach((each, at) => svg.append(draw("text", { x: left - 8, y: side * (at + 0.5) + 5, "text-anchor": "end" }, cut(each))));
  columns.forEach((each, at) => svg.append(draw("text", { transform: `translate(${left + side * (at + 0.5) - 4} ${side * lines.length + 14}) rotate(35)` }, cut(each))));
  pair.cells.forEach(([a, b, rows, mean], at) => {
    const name = `${pair.x_labels[a]} and ${pair.y_labels[b]}: ${count(rows)} rows, ${found().measure} ${amount(mean)}`;
    const size = mean === null ? 3 : 4 + (side - 8) * Math.sqrt(Math.max(0, mean) / most);
    const cell = draw("g", { class: "cell code", role: "option", tabindex: at ? -1 : 0, "aria-label": name, "aria-selected": "false", transform: `translate(${left + side * a} ${side * b})` });
    cell.append(draw("title", {}, name), draw("rect", { class: "hit", width: side, height: side }), draw("rect", { x: (side - size) / 2, y: (side - size) / 2, width: size, height: size, rx: mean === null ? 2 : 3,
      fill: mean === null ? "var(--soft)" : mean > (found().overall ?? 0) ? "var(--series-2)" : "var(--series-1)" }));
    const take = () => send({ type: "select", where: [found().scope === ALL_ROWS ? "" : found().scope, pair.x_labels[a], pair.y_labels[b]].filter(Boolean).join(" and ") });
    cell.addEventListener("click", take);
    cell.take = take;
    svg.append(cell);
  });
  roving(svg, ".cell", { Enter: (cell) => cell.take(), " ": (cell) => cell.take() }, { across: true });
  return [bar, make("div", { class: "scroll" }, svg)];
}

// How much of their rows each two slices share.
function overlapPanel({ model, found }) {
  const shares = model.get("detail").overlap ?? [];
  const side = 30;
  const size = side * shares.length;
  const svg = draw("svg", { viewBox: `0 0 ${size + 40} ${size + 30}`, width: size + 40, height: size + 30, role: "img", "aria-label": "Rows that each two slices share" });
  shares.forEach((line, a) => {
    svg.append(draw("text", { x: 24, y: side * (a + 0.5) + 5, "text-anchor": "end" }, String(a + 1)), draw("text", { x: 34 + side * (a + 0.5), y: size + 18, "text-anchor": "middle" }, String(a + 1)));
    line.forEach((share, b) => {
      const wide = a === b ? side - 6 : (side - 6) * Math.sqrt(share);
      const cell = draw("rect", { x: 34 + side * (b + 0.5) - wide / 2, y: side * (a + 0.5) - wide / 2, width: wide, height: wide, rx: 2, fill: a === b ? "var(--line)" : "var(--series-1)" });
      cell.append(draw("title", {}, `${found().slices[a]?.slice} and ${found().slices[b]?.slice}: ${percent(share, 0)} of their rows`));
      svg.append(cell);
    });
  });
  const pairs = shares.flatMap((line, a) => line.slice(0, a).map((share, b) => [share, a, b])).filter(([share]) => share > 0.2).sort((a, b) => b[0] - a[0]).slice(0, 6);
  const said = pairs.map(([share, a, b]) => make("li", {}, `#${b + 1} and #${a + 1} share ${percent(share, 0)} of their rows`));
  return [make("p", { class: "small" }, "Rows shared by each two slices, as a part of the rows of either (Jaccard); slices that share half are told once."), make("div", { class: "sides" }, svg, make("ul", {}, ...said))];
}

// Two cohorts, or two versions of the model.
function contrastPanel({ model, send, amount, count, choice, found }) {
  const [cohorts, told] = [model.get("cohorts"), model.get("contrast")];
  const points = (value) => (found().share ? `${(100 * value).toFixed(1)} points` : amount(value));
  const names = [["", "the selection"], [ALL_ROWS, "all rows"], ...cohorts.map((each) => [each.where, each.name])];
  const ask = () => send({ type: "compare", one: one.value || model.get("selection"), other: other.value || model.get("selection") });
  const [one, other] = [choice(names, ask), choice(names, ask)];
  [one.value, other.value] = [told.one ?? "", told.other ?? ALL_ROWS];
  if (one.selectedIndex < 0) one.value = "";
  if (other.selectedIndex < 0) other.value = ALL_ROWS;
  const bar = make("div", { class: "bar" }, make("label", {}, "Compare", one), make("label", {}, "with", other), make("button", { type: "button", onclick: ask }, "Compare"));
  const save = sendField("Keep the selection as", "Keep", { drafts: new Map(), key: "name", send: (name) => send({ type: "save", name, where: model.get("selection") }) });
  if (!told.sides) return [bar, save];
  const lines = told.sides.map((side) => make("tr", {}, make("td", {}, side.where), make("td", { class: "number" }, count(side.rows)), make("td", { class: "number" }, amount(side.mean)), make("td", { class: "number" }, side.interval ? `${amount(side.interval[0])} to ${amount(side.interval[1])}` : "–")));
  const table = make("table", {}, make("thead", {}, make("tr", {}, ...["rows where", "rows", "mean", "95 % interval"].map((name, at) => make("th", { scope: "col", class: at ? "number" : "" }, name)))), make("tbody", {}, ...lines));
  const difference = told.difference ? `Difference ${points(told.difference[0])}, 95 % interval ${points(told.difference[1])} to ${points(told.difference[2])}.` : "One side has too few rows to compare.";
  const apart = told.apart.slice(0, 5).map(([name, share]) => make("li", {}, `${name}: ${percent(share, 0)} of the rows would have to change`));
  return [bar, save, make("div", { class: "scroll" }, table), make("p", {}, make("b", {}, difference)), ...(apart.length ? [make("p", { class: "small" }, "What else sets them apart:"), make("ul", {}, ...apart)] : [])];
}

// The selection in the languages of others.
function formsPanel({ model }) {
  const forms = model.get("detail").forms ?? {};
  return [make("dl", {}, ...Object.entries(forms).flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, make("pre", { tabindex: 0, "aria-label": name }, text))]))];
}

const PANELS = { lattice: latticePanel, pair: pairPanel, overlap: overlapPanel, contrast: contrastPanel, forms: formsPanel };

function render({ model, el }) {
  const live = frame({ model, el }, { name: "Slice explorer", concept: "slices", style: SLICES_STYLE });
  const { readonly, send } = live;
  const view = { tab: "lattice", active: null, flying: false, waiting: null };
  const drafts = new Map();
  const found = () => model.get("found");
  const amount = (value) => (value === null || value === undefined || Number.isNaN(value) ? "–"
    : found().share ? percent(value) : Number(value.toPrecision(3)).toLocaleString("en"));
  const count = (value) => (value === null || Number.isNaN(value) ? "fewer than 10" : Math.round(value).toLocaleString("en"));
  const button = (label, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, label);
  const choice = (names, onchange) => make("select", { onchange }, ...names.map(([value, name]) => make("option", { value }, name)));

  // What is searched, and how it is ranked.
  const scope = make("div", { class: "scope where" });
  const into = button("Search inside the selection", () => send({ type: "enter", where: model.get("selection") }));
  const out = button("Search all rows", () => send({ type: "enter", where: ALL_ROWS }));
  const score = choice(Object.entries(SCORES), () => rerank());
  const alpha = make("input", { type: "range", min: 0.5, max: 1, step: 0.01, onchange: () => rerank() });
  const least = make("input", { type: "number", min: 1, step: 1, onchange: () => rerank(), style: "width:6.5em" });
  const level = choice([], () => rerank());
  const status = make("span", { class: "small", role: "status" });
  const controls = make("div", { class: "bar" }, make("label", {}, "Rank by", score), make("label", {}, "small ↔ severe", alpha),
    make("label", {}, "at least", least, "rows"), make("label", {}, "up to", level, "conditions"));
  const legend = make("div", { class: "small legend" });
  const body = make("tbody", { role: "rowgroup" });
  const head = make("tr", { role: "row" });
  const table = make("table", { role: "grid", "aria-label": "Slices, worst first" }, make("thead", { role: "rowgroup" }, head), body);
  const charts = make("div", { class: "charts" });
  const key = make("div", { class: "small legend" });
  const tabs = make("div", { role: "tablist", "aria-label": "About the slice" }, ...Object.entries(TABS).map(([name, label]) =>
    button(label, (event) => tabStops.activate(event.currentTarget), { role: "tab", "data-name": name })));
  const panel = make("div", { role: "tabpanel", tabindex: 0, "aria-label": "About the slice" });
  const pin = make("div");
  live.root.append(scope, make("div", { class: "bar" }, ...(readonly ? [] : [into, out]), status), ...(readonly ? [] : [controls]),
    make("div", { class: "sides" }, make("div", { class: "ranked" }, legend, make("div", { class: "scroll" }, table), pin, ...(readonly ? [] : [tabs, panel])),
      ...(readonly ? [] : [make("div", { class: "ranked", style: "flex:2 1 410px" }, key, charts)])));
  const stops = roving(body, "tr.row", { Enter: (row) => choose(Number(row.dataset.id)), " ": (row) => choose(Number(row.dataset.id)),
    i: (row) => send({ type: "enter", where: rowOf(Number(row.dataset.id)).where }) }, { activated: (row) => { view.active = Number(row.dataset.id); } });
  const tabStops = roving(tabs, "[role=tab]", {}, { across: true, activated: (tab) => { view.tab = tab.dataset.name; drawTab(); } });
  const rowOf = (id) => found().slices.find((row) => row.id === id);
  const chosen = () => found().slices.find((row) => row.where === model.get("selection"));

  function rerank() {
    send({ type: "rank", score: score.value, alpha: alpha.value, least: least.value, level: level.value });
  }

  function choose(id) {
    stops.activate(body.querySelector(`tr.row[data-id="${id}"]`));
    if (!readonly) send({ type: "select", where: rowOf(id).where });
  }

  // The ranked table.
  function drawFound() {
    const { title, measure, overall, overall_before: before, counted, adjustment, rows, notices, ranking } = found();
    const inside = found().scope ?? ALL_ROWS;
    scope.replaceChildren(make("b", {}, title), ` in ${inside === ALL_ROWS ? "all" : ""} ${count(rows)} rows`,
      ...(inside === ALL_ROWS ? [] : [" where ", make("b", {}, inside)]),
      `: ${measure} ${amount(overall)}${before === null || before === undefined ? "" : `, was ${amount(before)}`}`);
    status.textContent = model.get("busy") || [`${counted.toLocaleString("en")} slices counted; p by ${adjustment}`, ...notices].join(" · ");
    if (ranking) {
      score.replaceChildren(...ranking.scores.map((name) => make("option", { value: name }, SCORES[name] ?? name)));
      level.replaceChildren(...Array.from({ length: ranking.deepest }, (_, at) => make("option", { value: at + 1 }, String(at + 1))));
      [score.value, alpha.value, least.value, level.value] = [ranking.score, ranking.alpha, ranking.least, ranking.level];
      alpha.disabled = !["change", "sliceline"].includes(ranking.score);
      out.disabled = inside === ALL_ROWS;
    }
    drawRows();
  }

  function drawRows() {
    const { slices, measure, overall } = found();
    const held = body.contains(live.root.getRootNode().activeElement);
    const changes = slices.some((row) => "mean_before" in row);
    const columns = ["#", "slice", "rows", measure, ""];
    head.replaceChildren(...columns.map((name, at) => make("th", { scope: "col", role: "columnheader", class: [0, 2, 3].includes(at) ? "number" : "", style: "padding:2px 8px" },
      name || make("span", { class: "unseen" }, "bar"))));
    const swatch = (color, text) => [make("i", { style: `background:var(${color})` }), text];
    key.replaceChildren("Drag or click to search inside:", ...swatch("--series-5", "rows"), ...swatch("--series-1", "selected"), ...swatch("--series-2", `${measure} (dashed: all)`));
    legend.replaceChildren(...swatch("--series-2", "in the slice, with its 95 % interval"), ` ┊ all: ${amount(overall)}`,
      ...(changes ? [make("i", { style: "background:var(--ground); border:2px solid var(--series-1); width:6px; height:6px; transform:rotate(45deg)" }), "the slice before"] : []));
    const most = Math.max(1e-12, overall ?? 0, ...slices.flatMap((row) => [row.high ?? 0, row.mean ?? 0, row.mean_before ?? 0]));
    if (!slices.some((row) => row.id === view.active)) view.active = slices.length ? slices[0].id : null;
    body.replaceChildren(...slices.map((row) => tableRow(row, most)));
    if (!slices.length) body.append(make("tr", { role: "row" }, make("td", { role: "gridcell", colspan: 5 }, "No slice is worse than the rest.")));
    drawSelection();
    if (held) body.querySelector(`tr.row[data-id="${view.active}"]`)?.focus();
  }

  function tableRow(row, most) {
    const names = row.slice.split(" and ").flatMap((part, at, all) => [make("span", { class: part.length < 27 ? "nowrap" : "" }, part.replaceAll("`", ""), at < all.length - 1 ? make("span", { class: "and" }, " and") : ""), " "]);
    const remarks = [row.remark, row.pinned ? "pinned" : ""].filter(Boolean).join("; ");
    const cells = [["number", row.id + 1], ["", make("span", {}, ...names), make("div", { class: "small" }, remarks)], ["number whole", count(row.size)],
      ["number whole", amount(row.mean), make("div", { class: "small" }, chance(row.p_adjusted))], ["", bar(row, most)]];
    return make("tr", { role: "row", class: "row", "data-id": row.id, tabindex: row.id === view.active ? 0 : -1, onclick: () => choose(row.id) },
      ...cells.map(([kind, ...content]) => make("td", { role: "gridcell", class: kind }, ...content.map((each) => (each instanceof Node ? each : String(each))))));
  }

  function chance(p) {
    return p === null || p === undefined ? "" : `p ${p < 1e-4 ? p.toExponential(0) : Number(p.toPrecision(2))}`;
  }

  // A slice's mean as a bar with its interval, before all rows' mean; on a line of its own what it was before.
  function bar(row, most) {
    const x = (value) => 2 + (124 * Math.max(0, value)) / most;
    const svg = draw("svg", { viewBox: "0 0 130 22", width: 130, height: 22, "aria-hidden": "true" });
    if (row.mean !== null) svg.append(draw("rect", { x: 2, y: 5, width: Math.max(0, x(row.mean) - 2), height: 12, fill: "var(--series-2)", rx: 1 }));
    if (row.low !== null) for (const [x1, y1, x2, y2] of [[x(row.low), 11, x(row.high), 11], [x(row.low), 7, x(row.low), 15], [x(row.high), 7, x(row.high), 15]])
      svg.append(draw("line", { x1, y1, x2, y2, stroke: "var(--ink)", "stroke-width": 1.5 }));
    if (row.mean_before !== undefined && row.mean_before !== null) svg.append(draw("rect", { x: x(row.mean_before) - 4, y: 7, width: 8, height: 8, fill: "var(--ground)", stroke: "var(--series-1)", "stroke-width": 2.5, transform: `rotate(45 ${x(row.mean_before)} 11)` }));
    if (found().overall !== null) svg.append(draw("line", { x1: x(found().overall), y1: 0, x2: x(found().overall), y2: 22, stroke: "var(--ink)", "stroke-width": 1, "stroke-dasharray": "3 2" }));
    return svg;
  }

  // The linked charts.
  function drawCharts() {
    const numbers = floats(model.get("counts"));
    const inside = charts.contains(live.root.getRootNode().activeElement) ? live.root.getRootNode().activeElement.dataset : null;
    let at = 0;
    charts.replaceChildren(...model.get("charts").map((chart) => {
      const codes = chart.labels.map((label, code) => ({ code, label, text: chart.texts[code], rows: numbers[at + 3 * code], mean: numbers[at + 3 * code + 1], selected: numbers[at + 3 * code + 2] }));
      at += 3 * codes.length;
      return chartFigure(chart, codes);
    }));
    if (inside?.chart) [...charts.querySelectorAll(".code")].find((item) => item.dataset.chart === inside.chart && item.dataset.code === inside.code)?.focus();
  }

  // The kernel has followed a move of a brush.
  function landed() {
    const next = view.waiting;
    [view.waiting, view.flying] = [null, Boolean(next)];
    if (next) send(next);
  }

  function chartFigure(chart, codes) {
    const brush = model.get("brushes")[chart.name] ?? null;
    const present = codes.filter((each) => each.rows !== 0 || brush?.includes(each.code));
    const named = chart.ordered ? present : [...present].sort((a, b) => (b.rows || 0) - (a.rows || 0)).slice(0, MOST_NAMED);
    const svg = (chart.ordered ? columnsOf : barsOf)(named, brush);
    const box = make("div", { class: "chart" }, make("div", { class: "bar" }, make("b", {}, chart.name),
      ...(named.length < present.length ? [make("span", { class: "small" }, `${named.length} of ${present.length} values`)] : []),
      ...(brush ? [button("× all", () => send({ type: "brush", chart: chart.name, codes: [], done: true }), { "aria-label": `all values of ${chart.name}` })] : [])), svg);
    svg.setAttribute("role", "listbox");
    svg.setAttribute("aria-label", chart.name);
    svg.setAttribute("aria-multiselectable", "true");
    const items = [...svg.querySelectorAll(".code")];
    items.forEach((item, place) => {
      const { code, text, rows, mean } = named[place];
      item.dataset.chart = chart.name;
      item.dataset.code = code;
      item.append(draw("title", {}, `${text}: ${count(rows)} rows, ${found().measure} ${amount(mean)}`));
      for (const [name, value] of Object.entries({ role: "option", tabindex: place ? -1 : 0, "aria-selected": String(Boolean(brush?.includes(code))), "aria-label": `${text}: ${count(rows)} rows, ${found().measure} ${amount(mean)}` })) item.setAttribute(name, value);
    });
    if (readonly) return box;
    const range = (a, b) => named.map((each) => each.code).filter((code) => code >= Math.min(a, b) && code <= Math.max(a, b) && (code > 0 || a === b));
    const say = (codesIn, done) => brushed({ type: "brush", chart: chart.name, codes: codesIn, done });
    const toggle = (code) => say(brush?.includes(code) ? brush.filter((each) => each !== code) : chart.ordered || !code || brush?.includes(0) ? [code] : [...(brush ?? []), code], true);
    roving(svg, ".code", { Enter: (item) => toggle(Number(item.dataset.code)), Delete: () => say([], true),
      " ": (item) => (chart.ordered && brush ? say(range(brush.includes(Number(item.dataset.code)) ? brush[0] : brush[brush[0] > Number(item.dataset.code) ? brush.length - 1 : 0], Number(item.dataset.code)), true) : toggle(Number(item.dataset.code))) }, { across: true });
    if (chart.ordered) dragged(svg, items, say, range); else for (const item of items) item.addEventListener("click", () => toggle(Number(item.dataset.code)));
    return box;
  }

  // A drag over the columns is a range; while it lasts the other charts follow, and the search when it ends.
  function dragged(svg, items, say, range) {
    let [from, to] = [null, null];
    const codeAt = (event) => {
      const { left, width } = svg.getBoundingClientRect();
      const place = Math.floor(((event.clientX - left) / width) * items.length);
      return Number(items[Math.max(0, Math.min(items.length - 1, place))].dataset.code);
    };
    svg.addEventListener("pointerdown", (event) => {
      from = to = codeAt(event);
      event.preventDefault();
      const move = (moved) => {
        if (!svg.isConnected) svg = charts.querySelector(`[data-chart="${CSS.escape(items[0].dataset.chart)}"]`)?.ownerSVGElement ?? svg;
        const code = codeAt(moved);
        if (code !== to) { to = code; say(range(from, to), false); }
      };
      const up = (ended) => {
        window.removeEventListener("pointermove", move);
        window.removeEventListener("pointerup", up);
        say(range(from, codeAt(ended)), true);
      };
      window.addEventListener("pointermove", move);
      window.addEventListener("pointerup", up);
    });
  }

  // One move at a time is under way; the last one that came in between follows it.
  function brushed(message) {
    if (view.flying && !message.done) { view.waiting = message; return; }
    [view.waiting, view.flying] = [null, !message.done];
    send(message);
  }

  // Codes in order: rows as columns, above them the mean loss as points around all rows' dashed one.
  function columnsOf(codes, brush) {
    const [wide, tall, base] = [260, 112, 96];
    const svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall });
    const [rows, means] = [Math.max(1, ...codes.map((each) => each.rows || 0)), Math.max(1e-12, found().overall ?? 0, ...codes.map((each) => each.mean || 0))];
    const step = wide / Math.max(1, codes.length);
    const y = (mean) => 36 - (32 * Math.max(0, mean)) / means;
    if (found().overall !== null) svg.append(draw("line", { x1: 0, x2: wide, y1: y(found().overall), y2: y(found().overall), stroke: "var(--soft)", "stroke-dasharray": "3 2" }));
    codes.forEach((each, place) => {
      const group = draw("g", { class: brush && !brush.includes(each.code) ? "code out" : "code" });
      const high = Number.isNaN(each.rows) ? 2 : (50 * each.rows) / rows;
      group.append(draw("rect", { class: "hit", x: place * step, y: 0, width: step, height: base }), draw("rect", { class: "mass", x: place * step + 1, y: base - high, width: Math.max(1, step - 2), height: high }));
      if (each.selected > 0) group.append(draw("rect", { class: "chosen", x: place * step + 1, y: base - (50 * each.selected) / rows, width: Math.max(1, step - 2), height: (50 * each.selected) / rows }));
      if (!Number.isNaN(each.mean)) group.append(draw("circle", { cx: (place + 0.5) * step, cy: y(each.mean), r: 3, fill: "var(--series-2)" }));
      svg.append(group);
    });
    if (codes.length) svg.append(draw("text", { class: "soft", x: 0, y: 110 }, codes[0].label), draw("text", { class: "soft", x: wide, y: 110, "text-anchor": "end" }, codes[codes.length - 1].label));
    return svg;
  }

  // Named values: a line each, its rows as a bar and its mean loss as a point on the right.
  function barsOf(codes, brush) {
    const tall = 20 * codes.length + 4;
    const svg = draw("svg", { viewBox: `0 0 260 ${tall}`, width: 260, height: tall });
    const [rows, means] = [Math.max(1, ...codes.map((each) => each.rows || 0)), Math.max(1e-12, found().overall ?? 0, ...codes.map((each) => each.mean || 0))];
    const x = (mean) => 192 + (62 * Math.max(0, mean)) / means;
    codes.forEach((each, place) => {
      const group = draw("g", { class: brush && !brush.includes(each.code) ? "code out" : "code", transform: `translate(0 ${20 * place})` });
      const label = each.label.length > 16 ? `${each.label.slice(0, 15)}…` : each.label;
      const wide = Number.isNaN(each.rows) ? 2 : (70 * each.rows) / rows;
      group.append(draw("rect", { class: "hit", x: 0, y: 0, width: 260, height: 20 }), draw("text", { x: 2, y: 15 }, label), draw("rect", { class: "mass", x: 116, y: 4, width: wide, height: 12 }));
      if (each.selected > 0) group.append(draw("rect", { class: "chosen", x: 116, y: 4, width: (70 * each.selected) / rows, height: 12 }));
      if (!Number.isNaN(each.mean)) group.append(draw("circle", { cx: x(each.mean), cy: 10, r: 3.5, fill: "var(--series-2)" }));
      svg.append(group);
    });
    if (found().overall !== null) svg.append(draw("line", { x1: x(found().overall), x2: x(found().overall), y1: 0, y2: tall, stroke: "var(--soft)", "stroke-dasharray": "3 2" }));
    return svg;
  }

  function drawSelection() {
    const selection = model.get("selection");
    for (const row of found().slices) body.querySelector(`tr.row[data-id="${row.id}"]`)?.setAttribute("aria-selected", String(row.where === selection));
    into.disabled = selection === (found().scope ?? ALL_ROWS) || selection === ALL_ROWS;
    const row = chosen();
    pin.replaceChildren(...(readonly || !row ? [] : [sendField("Note", row.pinned ? "Pin again" : "Pin this slice", { drafts, key: row.where, send: (note) => send({ type: "pin", slice: row.id, note }) })]));
  }

  // What is asked of the slice or of the selection.
  function drawTab() {
    for (const tab of tabs.children) {
      tab.setAttribute("aria-selected", String(tab.dataset.name === view.tab));
      tab.setAttribute("tabindex", tab.dataset.name === view.tab ? "0" : "-1");
    }
    panel.setAttribute("aria-label", TABS[view.tab]);
    panel.replaceChildren(...PANELS[view.tab]({ model, send, amount, count, button, choice, found, chosen }));
  }

  live.follow(["found", "busy"], drawFound);
  live.follow(["charts", "counts", "brushes"], drawCharts);
  live.follow(["moves"], landed);
  live.follow(["selection"], drawSelection);
  if (!readonly) live.follow(["detail", "pair", "contrast", "cohorts", "found"], drawTab);
  return live.close;
}

export default { render };
