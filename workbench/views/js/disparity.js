// The disparity panel: the guard above everything, then tabs of blocks (views/disparity_form.py makes them): texts, tables, the
// matrix of groups, the map of intersections, charts, and the sliders of the what-if. Own traits: `form`, `group`, `moved`,
// and where it is not read-only `asked`. Its parts are in js/disparity/.

const DISPARITY_STYLE = `
.wb-disparity .guard { border-left:5px solid var(--line); padding:2px 10px; margin:6px 0; } .wb-disparity .guard.bad { border-color:var(--bad); }
.wb-disparity .bad > p { color:var(--bad); font-weight:600; } .wb-disparity p { margin:4px 0; max-width:72em; } .wb-disparity p.bad { color:var(--bad); font-weight:600; }
.wb-disparity [role=tab][aria-selected=true] { background:var(--chosen); font-weight:600; border-bottom:3px solid var(--focus); }
.wb-disparity .block { margin:10px 0 16px; } .wb-disparity caption, .wb-disparity .caption { text-align:left; font-weight:600; padding:4px 0; caption-side:top; }
.wb-disparity th { white-space:normal; vertical-align:bottom; padding:4px 8px; font-weight:600; min-width:6em; }
.wb-disparity th .small { font-weight:400; display:block; } .wb-disparity th[scope=row] { vertical-align:top; min-width:11em; }
.wb-disparity td { white-space:nowrap; } .wb-disparity .matrix td { white-space:normal; } .wb-disparity .words td { white-space:normal; min-width:7em; }
.wb-disparity tr.chosen { background:var(--chosen); } .wb-disparity .pick { text-align:left; } .wb-disparity .pick[aria-pressed=true] { background:var(--chosen); }
.wb-disparity .differs { font-weight:700; } .wb-disparity .map td { padding:2px; } .wb-disparity .map button { width:100%; min-width:6.5em; border-color:var(--line); }
.wb-disparity .sliders { display:grid; grid-template-columns:max-content minmax(140px, 420px) max-content; gap:4px 12px; align-items:center; margin:8px 0; }
.wb-disparity .sliders label { display:contents; color:var(--ink); } .wb-disparity input[type=range] { padding:0; width:100%; accent-color:var(--focus); }
.wb-disparity .price { font-size:16px; font-weight:600; } .wb-disparity .figures { display:block; }
`;
// A text with what stands in brackets, an interval or a p, kept on a line of its own where there is no room beside the rest.
function unbroken(text) {
  return text.split(/ (?=[[(])/).flatMap((part) => [/^[[(]/.test(part) ? make("span", { class: "whole" }, part) : part, " "]);
}

const SHOWN = { value: "the value", difference: "difference to the reference", ratio: "ratio to the reference" };
const LINES = { ratio: [0.8, 1], difference: [0] };
const MOVED = ["threshold", "selection_rate", "tpr", "fpr", "fnr", "ppv", "ratio", "difference", "pooled", "reference", "four_fifths"];
const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10, Home: -Infinity, End: Infinity };
const HEAD = ["accuracy", "cost", "changed", "accuracy_now", "cost_now", "unlike"];

function whole(value) {
  return value === null || !Number.isFinite(value) ? "–" : Math.round(value).toLocaleString("en-US");
}

function fixed(value, digits = 3) {
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

function signed(value, unit, factor = 1, digits = 1) {
  return Number.isFinite(value) ? `${value >= 0 ? "+" : ""}${(factor * value).toFixed(digits)}${unit}` : "–";
}

// Round numbers as they are written on an axis: shares in per cent, times as dates.
function axisText(value, kind) {
  if (kind === "time") return new Date(value).toISOString().slice(0, 10);
  return kind === "share" ? `${Number((100 * value).toPrecision(4))} %` : String(value);
}

function extent(numbers) {
  const known = numbers.filter((value) => value !== null && Number.isFinite(value));
  return known.length ? [Math.min(...known), Math.max(...known)] : [0, 1];
}

// A point with its interval on a line; `lines` are drawn through it: the reference, no difference, four fifths.
function miniature(figure, [low, high], lines) {
  const x = (value) => 4 + (112 * (Math.max(low, Math.min(high, value)) - low)) / (high - low || 1);
  const svg = draw("svg", { viewBox: "0 0 120 14", width: 120, height: 14, "aria-hidden": "true" });
  for (const [at, value] of lines.entries()) {
    if (value < low || value > high) continue;
    svg.append(draw("line", { x1: x(value), x2: x(value), y1: 0, y2: 14, stroke: "var(--soft)", "stroke-dasharray": at ? "" : "2 2" }));
  }
  if (figure.low !== null && figure.high !== null) {
    svg.append(draw("line", { x1: x(figure.low), x2: x(figure.high), y1: 7, y2: 7, stroke: "var(--series-1)", "stroke-width": 2 }));
  }
  svg.append(draw("circle", { cx: x(figure.at), cy: 7, r: 4, fill: "var(--series-1)" }));
  return svg;
}

function textBlock(block) {
  return make("p", { class: block.tone }, block.text);
}

function tableBlock(block) {
  const numeric = new Set(block.numbers);
  const side = (at) => (numeric.has(at) ? "number" : false);
  const head = block.columns.map((name, at) => make("th", { scope: "col", class: side(at) }, name));
  const rows = block.rows.map((row) => make("tr", {}, ...row.map((cell, at) => make("td", { class: side(at) }, cell))));
  const table = make("table", { class: numeric.size ? false : "words" }, make("caption", {}, block.caption), make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows));
  return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": block.caption }, table);
}

function render({ model, el }) {
  const live = frame({ model, el }, { name: "Disparities", concept: "disparity", style: DISPARITY_STYLE });
  const { readonly, send } = live;
  const view = { tab: "groups", show: "value", all: false, thresholds: null, costs: [1, 1] };
  const drafts = new Map();
  const measured = make("p", { class: "small", role: "status" });
  const guard = make("div", { class: "guard" });
  const followed = make("div", { class: "bar" });
  const pins = make("div", {});
  const tabs = make("div", { class: "bar", role: "tablist", "aria-label": "Views" });
  const panel = make("div", { role: "tabpanel" });
  live.root.append(measured, guard, followed, tabs, panel, pins);
  const stops = roving(tabs, "button", {}, { across: true, activated: (tab) => open(tab.dataset.tab) });
  const blocks = { text: textBlock, table: tableBlock, chart: chartBlock, dots: dotsBlock, bars: barsBlock, matrix: matrixBlock, map: mapBlock, whatif: whatIfBlock,
    picks: (block) => picksTable(block, (where) => send({ type: "select", where })) };
  const form = () => model.get("form");
  const asked = () => (readonly ? {} : (model.get("asked") ?? {}));
  const inquiries = new Map();
  const opened = new Set();
  let redrawMove = () => {};
  let waiting = null;

  function open(name) {
    if (view.tab === name) return;
    view.tab = name;
    drawTabs();
    drawPanel();
  }

  function choose(where) {
    if (!readonly) send({ type: "select", where: where === model.get("group") ? form().within : where });
  }

  function drawForm() {
    const { rows, where, sound, note } = form();
    measured.textContent = `${whole(rows)} decisions measured: ${where}. ${note}`;
    if (!readonly) drawFollowed();
    guard.classList.toggle("bad", Boolean(sound));
    guard.replaceChildren(...form().guard.map((block) => blocks[block.kind](block)));
    if (sound && !readonly) guard.append(make("button", { type: "button", onclick: () => send({ type: "select", where: sound }) }, "Measure the sound rows only"));
    if (!readonly) pins.replaceChildren(sendField("Note", "Pin this comparison", { drafts, key: "pin", send: (said) => send({ type: "pin", note: said }) }));
    view.thresholds = null;
    opened.clear();
    drawTabs();
    drawPanel();
  }

  // Which group is followed over time, explained and bounded: any that is told of and is not the reference.
  function drawFollowed() {
    const named = form().tabs[0].blocks.filter((block) => block.kind === "matrix").flatMap((block) =>
      block.groups.filter((group) => !group.hidden && !group.reference).map((group) => ({ attribute: block.attribute, group: group.label })));
    const { attribute, group } = form().followed;
    const select = make("select", { onchange: () => send({ type: "follow", ...named[Number(select.value)] }) },
      ...named.map((pair, at) => make("option", { value: at, selected: pair.attribute === attribute && pair.group === group }, `${pair.attribute}: ${pair.group}`)));
    followed.replaceChildren(make("label", {}, "Followed over time, explained, bounded", select));
  }

  function drawTabs() {
    const kept = tabs.contains(live.root.getRootNode().activeElement);
    tabs.replaceChildren(...form().tabs.map((tab) => make("button", { type: "button", role: "tab", "data-tab": tab.id,
      tabindex: tab.id === view.tab ? 0 : -1, "aria-selected": String(tab.id === view.tab), onclick: () => { open(tab.id); tabs.querySelector("[aria-selected=true]").focus(); } }, tab.title)));
    if (kept) tabs.querySelector("[aria-selected=true]").focus();
  }

  function drawPanel() {
    redrawMove = () => {};
    const tab = form().tabs.find((each) => each.id === view.tab);
    panel.setAttribute("aria-label", tab.title);
    const focused = live.root.getRootNode().activeElement;
    const drawn = tab.blocks.map((block) => make("div", { class: "block" }, blocks[block.kind](block)));
    if (tab.waiting && !readonly) drawn.splice(0, tab.id === "words" ? 0 : drawn.length, waitingPart(tab));
    panel.replaceChildren(...drawn);
    drawInquiries();
    if (panel.contains(focused)) focused.focus();
  }

  // A tab that was left for later: the kernel is asked once, and answers with a form in which it is there.
  function waitingPart(tab) {
    if (!opened.has(tab.id)) send({ type: "open", tab: tab.id });
    opened.add(tab.id);
    return make("p", { role: "status" }, `Measuring “${tab.title}” over ${whole(form().rows)} decisions …`);
  }

  function drawInquiries() {
    for (const [name, inquiry] of Object.entries(asked()).filter(([, each]) => each.tab === view.tab)) {
      const ask = (about) => asked()[about].working || send({ type: "inquire", name: about });
      const pin = (about, note) => send({ type: "pin_answer", name: about, note });
      if (!inquiries.has(name)) inquiries.set(name, inquiryPart(name, { ask, pin, drafts, drawBlock: (block) => blocks[block.kind](block) }));
      const part = inquiries.get(name);
      part.redraw(inquiry, form().where);
      if (!panel.contains(part.root)) panel.append(part.root);
    }
    drawSelection();
  }

  function pick(row) {
    if (readonly) return make("span", {}, row.label);
    return make("button", { type: "button", class: "pick", tabindex: -1, "data-where": row.where, "aria-pressed": "false", onclick: () => choose(row.where) }, row.label);
  }

  function matrixBlock(block) {
    const table = make("table", { class: "matrix" });
    const show = make("select", { onchange: () => { view.show = show.value; fill(); } }, ...Object.entries(SHOWN).map(([name, label]) => make("option", { value: name }, label)));
    const all = make("input", { type: "checkbox", onchange: () => { view.all = all.checked; fill(); } });
    function fill() {
      show.value = view.show;
      all.checked = view.all;
      matrixTable(table, block);
      drawSelection();
    }
    fill();
    const bar = make("div", { class: "bar" }, make("label", {}, "Show", show), make("label", {}, all, "all measures"));
    return make("div", {}, bar, make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Groups by ${block.attribute}` }, table));
  }

  function matrixTable(table, block) {
    const columns = block.measures.map((measure, at) => ({ measure, at })).filter(({ measure }) => view.all || measure.main);
    const scales = columns.map(({ at }) => {
      const shown = block.groups.map((group) => group.cells[at]?.[view.show]).filter((figure) => figure && figure.at !== null);
      const [low, high] = extent([...shown.flatMap((figure) => [figure.at, figure.low, figure.high]), ...(LINES[view.show] ?? [0])]);
      return view.show === "ratio" ? [Math.min(0.5, low), Math.min(2, Math.max(1.25, high))] : [low, high];
    });
    const base = block.groups.find((group) => group.reference);
    const heads = columns.map(({ measure }, number) => {
      const [low, high] = scales[number].map((end) => (measure.share && view.show !== "ratio" ? `${(100 * end).toFixed(0)} %` : Number(end.toPrecision(3))));
      const of = view.show === "ratio" ? "dashed: 0.8; line: 1, no disparity" : `${low} to ${high} of ${measure.among}`;
      return make("th", { scope: "col", title: measure.question }, measure.label, make("span", { class: "small" }, of));
    });
    const rows = block.groups.map((group) => make("tr", { "data-where": group.where }, make("th", { scope: "row" }, pick(group),
      make("span", { class: "small" }, group.hidden ? "suppressed" : `${group.n} rows${group.reference ? ", the reference" : ""}`)),
    ...columns.map(({ at, measure }, number) => matrixCell(group, group.cells[at], measure, scales[number], base?.cells[at]))));
    const said = `Groups by ${block.attribute}, held against ${block.reference}; lines: 95 % intervals${block.more ? `; ${block.more} smaller groups not shown` : ""}`;
    const body = make("tbody", {}, ...rows);
    table.replaceChildren(make("caption", {}, said), make("thead", {}, make("tr", {}, make("th", { scope: "col" }, "group"), ...heads)), body);
    const stop = roving(body, "button.pick");
    stop.activate(body.querySelector("button.pick"));
  }

  function matrixCell(group, cell, measure, scale, base) {
    const figure = cell?.[view.show];
    if (!figure || figure.at === null) return make("td", {}, group.reference && view.show !== "value" ? "reference" : group.hidden || !cell ? "suppressed" : "–");
    const lines = LINES[view.show] ?? (base?.value ? [base.value.at] : []);
    const told = cell.evidence ? [make("div", { class: "small" }, ...unbroken(cell.evidence))] : [];
    const title = `${measure.counted}: ${cell.among} ${measure.among}`;
    return make("td", { title }, make("div", { class: cell.differs ? "differs" : false }, ...unbroken((cell.differs ? "● " : "") + figure.text)), miniature(figure, scale, lines), ...told);
  }

  function mapBlock(block) {
    const [low, high] = extent(block.cells.flat().map((cell) => cell?.at ?? null));
    const head = make("tr", {}, make("th", { scope: "col" }, `${block.of} \\ ${block.by}`), ...block.across.map((name) => make("th", { scope: "col" }, name)));
    const rows = block.down.map((name, at) => make("tr", {}, make("th", { scope: "row" }, name), ...block.cells[at].map((cell) => mapCell(cell, low, high))));
    const body = make("tbody", {}, ...rows);
    const stop = roving(body, "button.pick", {}, { across: true });
    stop.activate(body.querySelector("button.pick"));
    const table = make("table", { class: "map" }, make("caption", {}, `${block.title}; darker is higher, with 95 % interval and rows in the tip`), make("thead", {}, head), body);
    return make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": block.title }, table);
  }

  function mapCell(cell, low, high) {
    if (!cell) return make("td", { class: "small" }, "nobody");
    if (cell.hidden) return make("td", { class: "small" }, "suppressed");
    const share = 8 + (37 * (cell.at - low)) / (high - low || 1);
    const look = { style: `background:color-mix(in srgb, var(--series-1) ${share.toFixed(0)}%, var(--ground))`, title: `${cell.said}, ${cell.n} rows` };
    if (readonly) return make("td", look, cell.text);
    return make("td", {}, make("button", { type: "button", class: "pick", tabindex: -1, "data-where": cell.where, "aria-pressed": "false", ...look, onclick: () => choose(cell.where) }, cell.text));
  }

  // Sliders: one for all, one for each group. The kernel answers each move with the numbers of every group; one move is under way
  // at a time, and the latest follows it.
  function whatIfBlock(block) {
    if (readonly) return make("p", { class: "small" }, "Sliders are in the notebook; below is what holds now, and at every common threshold.");
    view.thresholds ??= block.groups.map(() => block.start).concat(block.start);
    const last = block.edges.length - 1;
    const told = (at) => (block.edges[at] === null ? "above all" : String(Number(block.edges[at].toPrecision(4))));
    const fields = [];
    function slider(name, at, move) {
      const value = make("output", { class: "number" });
      const input = make("input", { type: "range", min: 0, max: last, step: 1, oninput: () => move(Number(input.value)), onkeydown: (event) => {
        if (!(event.key in STEPS) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault(); // JupyterLab keeps these keys from a range field, so they are handled here
        event.stopPropagation();
        move(Math.max(0, Math.min(last, view.thresholds[at] + STEPS[event.key])));
      } });
      const refresh = () => { input.value = view.thresholds[at]; value.textContent = told(view.thresholds[at]); input.setAttribute("aria-valuetext", value.textContent); };
      fields.push(refresh);
      return [make("label", {}, make("span", {}, name), input), value];
    }
    const common = slider("all groups", block.groups.length, (to) => { view.thresholds.fill(to); ask(); });
    const each = block.groups.flatMap((name, at) => slider(name, at, (to) => { view.thresholds[at] = to; ask(); }));
    const cost = (at, name) => {
      const input = make("input", { type: "number", min: 0, step: "any", style: "width:6em", oninput: () => { view.costs[at] = Number(input.value) || 0; ask(); } });
      input.value = view.costs[at];
      return make("label", {}, name, input);
    };
    const back = make("button", { type: "button", onclick: () => { view.thresholds.fill(block.start); ask(); } }, "Back to now");
    const price = make("p", { class: "price", role: "status" });
    const body = make("tbody", {});
    const heads = ["group", "threshold", ...block.heads].map((name) => make("th", { scope: "col" }, name));
    const table = make("table", {}, make("caption", {}, block.caption), make("thead", {}, make("tr", {}, ...heads)), body);
    function ask() {
      fields.forEach((refresh) => refresh());
      if (waiting) { waiting.again = true; return; }
      waiting = { again: false };
      const mine = waiting;
      setTimeout(() => { if (waiting === mine) { waiting = null; if (mine.again) ask(); } }, 1_000); // equal numbers are no change, so not told
      send({ type: "move", setting: { at: [...view.thresholds], cost_fp: view.costs[0], cost_fn: view.costs[1] } });
    }
    redrawMove = () => {
      const again = waiting?.again;
      waiting = null;
      if (again) ask();
      const numbers = floats(model.get("moved"));
      const head = Object.fromEntries(HEAD.map((name, at) => [name, numbers[at]]));
      price.textContent = priceText(head);
      body.replaceChildren(...block.groups.map((name, at) => moveRow(name, numbers, HEAD.length + at * MOVED.length, name === block.reference)));
    };
    fields.forEach((refresh) => refresh());
    ask();
    const pin = sendField("Note", "Pin this setting", { drafts, key: "setting", send: (note) => send({ type: "pin_setting", note }) });
    return make("div", {}, make("div", { class: "sliders" }, ...common, ...each), make("div", { class: "bar" }, back, cost(0, "cost of a false positive"), cost(1, "cost of a false negative")),
      price, make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": block.caption }, table), pin);
  }

  function priceText({ accuracy, cost, changed, accuracy_now: was, cost_now: before, unlike }) {
    const against = Number.isFinite(was) ? ` (${signed(accuracy - was, " points", 100)} against now)` : "";
    const more = Number.isFinite(before) ? ` (${signed(cost - before, "", 1, 0)})` : "";
    const moved = Number.isFinite(changed) ? `; ${whole(changed)} decisions change` : "";
    const warned = unlike ? ". People alike in score are decided differently by their group" : "";
    return `Price: accuracy ${percent(accuracy)}${against}${moved}; cost ${whole(cost)}${more}${warned}.`;
  }

  function moveRow(name, numbers, from, reference) {
    const of = Object.fromEntries(MOVED.map((key, at) => [key, numbers[from + at]]));
    const low = of.ratio < 0.8 && !reference;
    const cells = [Number.isFinite(of.threshold) ? fixed(of.threshold).replace(/\.?0+$/, "") : "above all", ...["selection_rate", "fpr", "fnr", "ppv"].map((key) => percent(of[key])),
      signed(of.difference, " pp", 100), `${low ? "▼ " : ""}${fixed(of.ratio)}`, whole(of.pooled), whole(of.reference), whole(of.four_fifths)];
    return make("tr", {}, make("th", { scope: "row" }, reference ? `${name} (reference)` : name),
      ...cells.map((cell) => make("td", { class: low ? "number differs" : "number" }, cell)));
  }

  function drawSelection() {
    const selection = model.get("selection");
    for (const element of panel.querySelectorAll("[data-where]")) {
      const chosen = [model.get("group"), selection].includes(element.dataset.where);
      if (element.matches("tr")) element.classList.toggle("chosen", chosen && selection !== ALL_ROWS);
      else element.setAttribute("aria-pressed", String(chosen && selection !== ALL_ROWS));
    }
  }

  live.follow(["form"], drawForm);
  live.follow(["selection", "group"], drawSelection);
  live.follow(["moved"], () => redrawMove());
  if (!readonly) live.follow(["asked"], drawInquiries);
  return live.close;
}

export default { render };
