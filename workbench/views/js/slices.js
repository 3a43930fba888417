// The slice explorer: the ranked slices, linked charts whose brushes the search runs inside, and what is asked of the chosen slice.
// Its own traits: `found` and `charts` (views/slices.py), `counts` (rows, mean and selected rows of each code, chart by chart),
// `brushes`, `detail`, `pair`, `contrast`, `cohorts`, `check`, `complaints`, `has_ids`, `busy` and `stopped`.

const SCORES = { change: "change", sliceline: "loss against size", effect: "effect size", lift: "lift", share: "share of the harm",
  z: "z" };
const TABS = { tree: "Tree", lattice: "Conditions", pair: "Two features", overlap: "Overlap", contrast: "Compare", forms: "As a filter",
  check: "Counter-check", complaints: "From complaints" };
const MOST_NAMED = 7;
const ROWS = "color-mix(in srgb, var(--series-1) 55%, var(--ground))"; // so that the selected part of them stands out on any ground
const SLICES_STYLE = `
.wb-slices .sides { display:flex; flex-wrap:wrap; gap:12px 28px; align-items:flex-start; }
.wb-slices .ranked { flex:3 1 580px; min-width:0; } .wb-slices .charts { display:grid; grid-template-columns:repeat(auto-fill, minmax(195px, 1fr)); gap:2px 20px; align-items:start; }
.wb-slices h4 { margin:10px 0 2px; font:600 15px/1.4 inherit; color:var(--ink); } .wb-slices .scope { font-size:15px; margin:8px 0 2px; }
.wb-slices tr.row { cursor:pointer; } .wb-slices tr.row:hover { background:color-mix(in srgb, var(--chosen) 45%, transparent); }
.wb-slices tr.row[aria-selected=true] { background:var(--chosen); }
.wb-slices .and { color:var(--soft); } .wb-slices td svg { min-width:120px; } .wb-slices tr.row td:nth-child(2) { width:100%; min-width:180px; overflow-wrap:anywhere; } .wb-slices .nowrap { white-space:nowrap; } .wb-slices .chart .bar { margin:2px 0 0; min-height:30px; gap:4px 8px; }
.wb-slices .chart button { min-height:24px; padding:0 6px; font-size:13px; } .wb-slices .chart svg { touch-action:none; }
.wb-slices .code { cursor:pointer; outline-offset:-1px; } .wb-slices .code .mass { fill:${ROWS}; } .wb-slices .code.out .mass { fill:var(--line); }
.wb-slices .code .chosen { fill:var(--series-1); } .wb-slices .code:hover .hit { fill:var(--chosen); fill-opacity:.5; }
.wb-slices .hit { fill:transparent; } .wb-slices svg .soft { fill:var(--soft); font-size:12px; }
.wb-slices [role=tablist] { display:flex; flex-wrap:wrap; gap:4px; margin:12px 0 6px; border-bottom:1px solid var(--line); }
.wb-slices [role=tab] { border-color:transparent; border-radius:4px 4px 0 0; } .wb-slices [role=tab][aria-selected=true] { background:var(--chosen); }
.wb-slices [role=tabpanel] th { padding:2px 8px; } .wb-slices [role=tabpanel] td.number { white-space:nowrap; }
.wb-slices .outline { min-width:460px; max-width:860px; } .wb-slices .node { display:flex; align-items:stretch; min-height:30px; border-radius:4px; }
.wb-slices .tree .node { cursor:pointer; } .wb-slices .tree .node:hover { background:color-mix(in srgb, var(--chosen) 45%, transparent); }
.wb-slices .node[aria-selected=true] { background:var(--chosen); } .wb-slices .node:focus-visible { outline-offset:-3px; }
.wb-slices .node > span { align-self:center; } .wb-slices .node > svg { flex:0 0 130px; align-self:center; margin-left:10px; }
.wb-slices .condition { flex:1 1 auto; padding:3px 6px; overflow-wrap:anywhere; } .wb-slices .node > .number { flex:0 0 auto; width:7em; padding:0 4px; }
.wb-slices .place { margin-left:8px; padding:0 6px; border:1px solid var(--soft); border-radius:9px; font-size:12px; white-space:nowrap; }
.wb-slices .room { flex:0 0 140px; } .wb-slices .rail { flex:0 0 22px; position:relative; }
.wb-slices .rail::before, .wb-slices .rail::after { content:""; position:absolute; left:11px; border:0 solid var(--soft); }
.wb-slices .rail.on::before, .wb-slices .rail.tee::before { top:0; bottom:0; border-left-width:1px; }
.wb-slices .rail.corner::before { top:0; height:50%; border-left-width:1px; }
.wb-slices .rail.tee::after, .wb-slices .rail.corner::after { top:50%; width:9px; border-top-width:1px; }
.wb-slices pre { margin:0; padding:6px 8px; background:transparent; color:var(--ink); border:1px solid var(--line); border-radius:4px; white-space:pre-wrap; overflow-wrap:anywhere; }
.wb-slices .legend i { display:inline-block; width:10px; height:10px; margin:0 4px 0 12px; border-radius:2px; } .wb-slices input[type=range] { padding:0; }
`;

function render({ model, el }) {
  const live = frame({ model, el }, { name: "Slice explorer", concept: "slices", style: SLICES_STYLE });
  const { readonly, send } = live;
  const view = { tab: "tree", node: null, active: null, flying: false, waiting: null };
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
  const stop = () => button("Stop", () => send({ type: "stop" }), { "data-stop": "", hidden: true });
  const sharpen = button("Permute and refine", () => send({ type: "sharpen" }),
    { "data-waits": "", title: "p by permutations, and the exact ranges of what is listed" });
  const controls = make("div", { class: "bar" }, make("label", {}, "Rank by", score), make("label", {}, "small ↔ severe", alpha),
    make("label", {}, "at least", least, "rows"), make("label", {}, "up to", level, "conditions"), sharpen);
  const legend = make("div", { class: "small legend" });
  const body = make("tbody", { role: "rowgroup" });
  const head = make("tr", { role: "row" });
  const table = make("table", { role: "grid", "aria-label": "Slices, worst first" }, make("thead", { role: "rowgroup" }, head), body);
  const charts = make("div", { class: "charts" });
  const key = make("div", { class: "small legend" });
  const offered = Object.entries(TABS).filter(([name]) => name !== "complaints" || model.get("has_ids"));
  const tabs = make("div", { role: "tablist", "aria-label": "About the slice" }, ...offered.map(([name, label]) =>
    button(label, (event) => tabStops.activate(event.currentTarget), { role: "tab", "data-name": name })));
  const panel = make("div", { role: readonly ? "group" : "tabpanel", tabindex: readonly ? null : 0 });
  const pin = make("div");
  live.root.append(scope, make("div", { class: "bar" }, ...(readonly ? [] : [into, out, stop()]), status), ...(readonly ? [] : [controls]),
    make("div", { class: "sides" }, make("div", { class: "ranked" }, legend, make("div", { class: "scroll" }, table), pin),
      ...(readonly ? [] : [make("div", { class: "ranked", style: "flex:2 1 410px" }, key, charts)])),
    ...(readonly ? [] : [tabs]), panel);
  const stops = roving(body, "tr.row", { Enter: (row) => choose(Number(row.dataset.id)), " ": (row) => choose(Number(row.dataset.id)),
    i: (row) => send({ type: "enter", where: rowOf(Number(row.dataset.id)).where }) },
      { activated: (row) => { view.active = Number(row.dataset.id); } });
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
    const { title, measure, overall, overall_before: before, rows, ranking } = found();
    const inside = found().scope ?? ALL_ROWS;
    scope.replaceChildren(make("b", {}, title), ` in ${inside === ALL_ROWS ? "all" : ""} ${count(rows)} rows`,
      ...(inside === ALL_ROWS ? [] : [" where ", make("b", {}, inside)]),
      `: ${measure} ${amount(overall)}${before === null || before === undefined ? "" : `, was ${amount(before)}`}`);
    drawBusy();
    if (ranking) {
      score.replaceChildren(...ranking.scores.map((name) => make("option", { value: name }, SCORES[name] ?? name)));
      level.replaceChildren(...Array.from({ length: ranking.deepest }, (_, at) => make("option", { value: at + 1 }, String(at + 1))));
      [score.value, alpha.value, least.value, level.value] = [ranking.score, ranking.alpha, ranking.least, ranking.level];
      alpha.disabled = !["change", "sliceline"].includes(ranking.score);
      out.disabled = inside === ALL_ROWS;
    }
    drawRows();
  }

  // What takes the kernel a while says how far it is, can be stopped, and cannot be asked twice.
  function drawBusy() {
    const { counted, adjustment, notices } = found();
    const [busy, stopped] = [model.get("busy"), model.get("stopped")];
    status.textContent = busy || [...(stopped ? [stopped] : []), `${counted.toLocaleString("en")} slices counted; p by ${adjustment}`,
      ...notices].join(" · ");
    for (const each of panel.querySelectorAll("[data-busy]")) each.textContent = busy || stopped;
    for (const each of live.root.querySelectorAll("[data-waits]")) each.disabled = Boolean(busy);
    for (const each of live.root.querySelectorAll("[data-stop]")) each.hidden = !busy;
  }

  function drawRows() {
    const { slices, measure, overall } = found();
    const held = body.contains(live.root.getRootNode().activeElement);
    const changes = slices.some((row) => "mean_before" in row);
    const columns = ["#", "slice", "rows", measure, ""];
    head.replaceChildren(...columns.map((name, at) => make("th",
      { scope: "col", role: "columnheader", class: [0, 2, 3].includes(at) ? "number" : "", style: "padding:2px 8px" },
      name || make("span", { class: "unseen" }, "bar"))));
    const swatch = (color, text) => [make("i", { style: `background:${color}` }), text];
    key.replaceChildren("Drag or click to search inside:", ...swatch(ROWS, "rows"), ...swatch("var(--series-1)", "selected"),
      ...swatch("var(--series-2)", `${measure} (dashed: all)`));
    legend.replaceChildren(...swatch("var(--series-2)", "in the slice, with its 95 % interval"), ` ┊ all: ${amount(overall)}`,
      ...(changes ? [make("i",
        { style: "background:var(--ground); border:2px solid var(--series-1); width:6px; height:6px; transform:rotate(45deg)" }),
        "the slice before"] : []));
    const most = Math.max(1e-12, overall ?? 0, ...slices.flatMap((row) => [row.high ?? 0, row.mean ?? 0, row.mean_before ?? 0]));
    if (!slices.some((row) => row.id === view.active)) view.active = slices.length ? slices[0].id : null;
    body.replaceChildren(...slices.map((row) => tableRow(row, most)));
    if (!slices.length) body.append(make("tr", { role: "row" }, make("td", { role: "gridcell", colspan: 5 },
      "No slice is worse than the rest.")));
    drawSelection();
    if (held) body.querySelector(`tr.row[data-id="${view.active}"]`)?.focus();
  }

  function tableRow(row, most) {
    const names = row.slice.split(" and ").flatMap((part, at, all) => [make("span", { class: part.length < 27 ? "nowrap" : "" },
      part.replaceAll("`", ""), at < all.length - 1 ? make("span", { class: "and" }, " and") : ""), " "]);
    const remarks = [row.remark, row.pinned ? "pinned" : ""].filter(Boolean).join("; ");
    const cells = [["number", row.id + 1], ["", make("span", {}, ...names), make("div", { class: "small" }, remarks)],
      ["number whole", count(row.size)],
      ["number whole", amount(row.mean), make("div", { class: "small" }, chance(row.p_adjusted))], ["", bar(row, most)]];
    return make("tr", { role: "row", class: "row", "data-id": row.id, tabindex: row.id === view.active ? 0 : -1,
      onclick: () => choose(row.id) },
      ...cells.map(([kind, ...content]) => make("td", { role: "gridcell", class: kind },
        ...content.map((each) => (each instanceof Node ? each : String(each))))));
  }

  function chance(p) {
    if (p === 0) return "p < 1e-300";
    return p === null || p === undefined ? "" : `p ${p < 1e-4 ? p.toExponential(0) : Number(p.toPrecision(2))}`;
  }

  // A slice's mean as a bar with its interval, before all rows' mean; on a line of its own what it was before.
  function bar(row, most) {
    const x = (value) => 2 + (124 * Math.max(0, value)) / most;
    const svg = draw("svg", { viewBox: "0 0 130 22", width: 130, height: 22, "aria-hidden": "true" });
    if (row.mean !== null) svg.append(draw("rect", { x: 2, y: 5, width: Math.max(0, x(row.mean) - 2), height: 12,
      fill: "var(--series-2)", rx: 1 }));
    if (row.low !== null) for (const [x1, y1, x2, y2] of [[x(row.low), 11, x(row.high), 11], [x(row.low), 7, x(row.low), 15],
      [x(row.high), 7, x(row.high), 15]])
      svg.append(draw("line", { x1, y1, x2, y2, stroke: "var(--ink)", "stroke-width": 1.5 }));
    if (row.mean_before !== undefined && row.mean_before !== null) svg.append(draw("rect",
      { x: x(row.mean_before) - 4, y: 7, width: 8, height: 8, fill: "var(--ground)", stroke: "var(--series-1)", "stroke-width": 2.5,
      transform: `rotate(45 ${x(row.mean_before)} 11)` }));
    if (found().overall !== null) svg.append(draw("line", { x1: x(found().overall), y1: 0, x2: x(found().overall), y2: 22,
      stroke: "var(--ink)", "stroke-width": 1, "stroke-dasharray": "3 2" }));
    return svg;
  }

  // The linked charts.
  function drawCharts() {
    const numbers = floats(model.get("counts"));
    const inside = charts.contains(live.root.getRootNode().activeElement) ? live.root.getRootNode().activeElement.dataset : null;
    let at = 0;
    charts.replaceChildren(...model.get("charts").map((chart) => {
      const codes = chart.labels.map((label, code) => ({ code, label, text: chart.texts[code], rows: numbers[at + 3 * code],
        mean: numbers[at + 3 * code + 1], selected: numbers[at + 3 * code + 2] }));
      at += 3 * codes.length;
      return chartFigure(chart, codes);
    }));
    const same = (item) => item.dataset.chart === inside.chart && item.dataset.code === inside.code;
    if (inside?.chart) [...charts.querySelectorAll(".code")].find(same)?.focus();
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
      ...(brush ? [button("× all", () => send({ type: "brush", chart: chart.name, codes: [], done: true }),
        { "aria-label": `all values of ${chart.name}` })] : [])), svg);
    svg.setAttribute("role", "listbox");
    svg.setAttribute("aria-label", chart.name);
    svg.setAttribute("aria-multiselectable", "true");
    const items = [...svg.querySelectorAll(".code")];
    items.forEach((item, place) => {
      const { code, text, rows, mean } = named[place];
      item.dataset.chart = chart.name;
      item.dataset.code = code;
      item.append(draw("title", {}, `${text}: ${count(rows)} rows, ${found().measure} ${amount(mean)}`));
      for (const [name, value] of Object.entries({ role: "option", tabindex: place ? -1 : 0,
        "aria-selected": String(Boolean(brush?.includes(code))),
        "aria-label": `${text}: ${count(rows)} rows, ${found().measure} ${amount(mean)}` })) item.setAttribute(name, value);
    });
    if (readonly) return box;
    const range = (a, b) => named.map((each) => each.code)
      .filter((code) => code >= Math.min(a, b) && code <= Math.max(a, b) && (code > 0 || a === b)); // 0 is "missing": no neighbour
    const say = (letThrough, done) => brushed({ type: "brush", chart: chart.name, codes: letThrough, done });
    const codeOf = (item) => Number(item.dataset.code);
    function toggle(code) {
      if (brush?.includes(code)) say(brush.filter((each) => each !== code), true);
      else say(chart.ordered || !code || brush?.includes(0) ? [code] : [...(brush ?? []), code], true);
    }
    function extend(code) {
      if (!chart.ordered || !brush) toggle(code);
      else say(range(code < brush[0] ? brush[brush.length - 1] : brush[0], code), true);
    }
    roving(svg, ".code", { Enter: (item) => toggle(codeOf(item)), " ": (item) => extend(codeOf(item)), Delete: () => say([], true) },
      { across: true });
    if (chart.ordered) dragged(svg, items, say, range); else for (const item of items) item.addEventListener("click",
      () => toggle(codeOf(item)));
    return box;
  }

  // A drag over the columns is a range; while it lasts the other charts follow, and the search when it ends.
  function dragged(svg, items, say, range) {
    let [from, to] = [null, null];
    const codeAt = (event) => {
      if (!svg.isConnected) svg = charts.querySelector(`[data-chart="${CSS.escape(items[0].dataset.chart)}"]`)?.ownerSVGElement ?? svg;
      const { left, width } = svg.getBoundingClientRect();
      const place = Math.floor(((event.clientX - left) / width) * items.length);
      return Number(items[Math.max(0, Math.min(items.length - 1, place))].dataset.code);
    };
    svg.addEventListener("pointerdown", (event) => {
      from = to = codeAt(event);
      event.preventDefault();
      const move = (moved) => {
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
    const [rows, means] = [Math.max(1, ...codes.map((each) => each.rows || 0)),
      Math.max(1e-12, found().overall ?? 0, ...codes.map((each) => each.mean || 0))];
    const step = wide / Math.max(1, codes.length);
    const y = (mean) => 36 - (32 * Math.max(0, mean)) / means;
    if (found().overall !== null) svg.append(draw("line", { x1: 0, x2: wide, y1: y(found().overall), y2: y(found().overall),
      stroke: "var(--soft)", "stroke-dasharray": "3 2" }));
    codes.forEach((each, place) => {
      const group = draw("g", { class: brush && !brush.includes(each.code) ? "code out" : "code" });
      const high = Number.isNaN(each.rows) ? 2 : (50 * each.rows) / rows;
      group.append(draw("rect", { class: "hit", x: place * step, y: 0, width: step, height: base }),
        draw("rect", { class: "mass", x: place * step + 1, y: base - high, width: Math.max(1, step - 2), height: high }));
      if (each.selected > 0) group.append(draw("rect", { class: "chosen", x: place * step + 1, y: base - (50 * each.selected) / rows,
        width: Math.max(1, step - 2), height: (50 * each.selected) / rows }));
      if (!Number.isNaN(each.mean)) group.append(draw("circle", { cx: (place + 0.5) * step, cy: y(each.mean), r: 3,
        fill: "var(--series-2)" }));
      svg.append(group);
    });
    if (codes.length) svg.append(draw("text", { class: "soft", x: 0, y: 110 }, codes[0].label),
      draw("text", { class: "soft", x: wide, y: 110, "text-anchor": "end" }, codes[codes.length - 1].label));
    return svg;
  }

  // Named values: a line each, its rows as a bar and its mean loss as a point on the right.
  function barsOf(codes, brush) {
    const tall = 20 * codes.length + 4;
    const svg = draw("svg", { viewBox: `0 0 260 ${tall}`, width: 260, height: tall });
    const [rows, means] = [Math.max(1, ...codes.map((each) => each.rows || 0)),
      Math.max(1e-12, found().overall ?? 0, ...codes.map((each) => each.mean || 0))];
    const x = (mean) => 192 + (62 * Math.max(0, mean)) / means;
    codes.forEach((each, place) => {
      const group = draw("g", { class: brush && !brush.includes(each.code) ? "code out" : "code",
        transform: `translate(0 ${20 * place})` });
      const label = each.label.length > 16 ? `${each.label.slice(0, 15)}…` : each.label;
      const wide = Number.isNaN(each.rows) ? 2 : (70 * each.rows) / rows;
      group.append(draw("rect", { class: "hit", x: 0, y: 0, width: 260, height: 20 }), draw("text", { x: 2, y: 15 }, label),
        draw("rect", { class: "mass", x: 116, y: 4, width: wide, height: 12 }));
      if (each.selected > 0) group.append(draw("rect", { class: "chosen", x: 116, y: 4, width: (70 * each.selected) / rows, height: 12 }));
      if (!Number.isNaN(each.mean)) group.append(draw("circle", { cx: x(each.mean), cy: 10, r: 3.5, fill: "var(--series-2)" }));
      svg.append(group);
    });
    if (found().overall !== null) svg.append(draw("line", { x1: x(found().overall), x2: x(found().overall), y1: 0, y2: tall,
      stroke: "var(--soft)", "stroke-dasharray": "3 2" }));
    return svg;
  }

  function drawSelection() {
    const selection = model.get("selection");
    for (const row of found().slices) body.querySelector(`tr.row[data-id="${row.id}"]`)?.setAttribute("aria-selected",
      String(row.where === selection));
    into.disabled = selection === (found().scope ?? ALL_ROWS) || selection === ALL_ROWS;
    const row = chosen();
    pin.replaceChildren(...(readonly || !row ? [] : [sendField("Note", row.pinned ? "Pin again" : "Pin this slice",
      { drafts, key: row.where, send: (note) => send({ type: "pin", slice: row.id, note }) })]));
  }

  // What is asked of the slice or of the selection.
  function drawTab() {
    for (const tab of tabs.children) {
      tab.setAttribute("aria-selected", String(tab.dataset.name === view.tab));
      tab.setAttribute("tabindex", tab.dataset.name === view.tab ? "0" : "-1");
    }
    const focused = live.root.getRootNode().activeElement;
    const held = panel.contains(focused);
    panel.setAttribute("aria-label", TABS[view.tab]);
    panel.replaceChildren(...PANELS[view.tab]({ model, send, amount, count, button, choice, bar, found, chosen, drafts, chance,
      view, readonly, stop }));
    drawBusy();
    const same = (item) => item.dataset.key === focused.dataset.key;
    if (held) ([...panel.querySelectorAll("[data-key]")].find(same) ?? panel).focus();
  }

  live.follow(["found"], drawFound);
  live.follow(["busy", "stopped"], drawBusy);
  live.follow(["charts", "counts", "brushes"], drawCharts);
  live.follow(["moves"], landed);
  live.follow(["selection"], drawSelection);
  live.follow(readonly ? ["found"] : ["detail", "pair", "contrast", "cohorts", "check", "complaints", "found"], drawTab);
  return live.close;
}

export default { render };
