// The findings table: filter, sort, unfold; in a notebook also select, pin and dismiss. The host (anywidget in a notebook, Panel
// on a page) gives `model` with findings (what views/findings.py makes), selection, can_undo, can_redo, readonly and message.
// What the log or a responder wrote reaches the page as text nodes and attributes only, never as markup.

const ALL_ROWS = "all rows";
const COLUMNS = [
  { label: "#", key: "rank" },
  { label: "severity", key: "level", falling: true },
  { label: "kind", key: "kind" },
  { label: "what", key: "what" },
  { label: "effect", key: "effect", falling: true },
  { label: "since", key: "since" },
  { label: "people", key: "people_order", falling: true },
];
const MARKERS = {
  critical: "M0,-7 L7,0 L0,7 L-7,0 Z",
  high: "M-5.5,-5.5 H5.5 V5.5 H-5.5 Z",
  medium: "M-6,0 A6,6 0 1 0 6,0 A6,6 0 1 0 -6,0 Z",
  low: "M-4,0 A4,4 0 1 0 4,0 A4,4 0 1 0 -4,0 Z",
};
const STYLE = `
.wb { --ink:#1a1a1a; --soft:#595959; --ground:#fff; --line:#d9d9d9; --chosen:#d6e9f5; --focus:#0072b2; --bad:#a50026;
  --critical:#a50026; --high:#d55e00; --medium:#b27a00; --low:#595959;
  color:var(--ink); background:var(--ground); font:14px/1.45 Inter,"Segoe UI",Helvetica,Arial,sans-serif; padding:6px 2px; }
.wb.dark { --ink:#ededed; --soft:#b5b5b5; --ground:#161616; --line:#444; --chosen:#173a50; --focus:#6cc0f0; --bad:#ff9a9a;
  --critical:#ff8080; --high:#ff9f5a; --medium:#f0c048; --low:#b5b5b5; }
.wb .bar { display:flex; flex-wrap:wrap; gap:6px 12px; align-items:center; margin:4px 0; }
.wb .where { overflow-wrap:anywhere; }
.wb label { color:var(--soft); display:inline-flex; gap:6px; align-items:center; }
.wb input, .wb select, .wb button { font:inherit; color:var(--ink); background:var(--ground); border:1px solid var(--soft);
  border-radius:4px; padding:3px 8px; margin:0; }
.wb button { cursor:pointer; } .wb button:disabled { cursor:default; opacity:.5; }
.wb :focus-visible { outline:3px solid var(--focus); outline-offset:1px; }
.wb tr:focus-visible { outline-offset:-3px; }
.wb .scroll { overflow-x:auto; }
.wb table { border-collapse:collapse; width:100%; }
.wb th, .wb td { text-align:left; vertical-align:top; padding:5px 8px; border-top:1px solid var(--line); }
.wb th { padding:2px 0; white-space:nowrap; } .wb th button { border-color:transparent; font-weight:600; }
.wb tr.row { cursor:pointer; } .wb tr.row[aria-selected=true] { background:var(--chosen); }
.wb tr.set-aside td { color:var(--soft); } .wb tr.set-aside .what { text-decoration:line-through; }
.wb .whole { white-space:nowrap; } .wb .small { color:var(--soft); font-size:13px; }
.wb .unfold { border-color:transparent; background:transparent; padding:0 5px; }
.wb .unseen { position:absolute; width:1px; height:1px; overflow:hidden; clip-path:inset(50%); }
.wb .detail { padding:4px 12px 12px 40px; }
.wb dl { display:grid; grid-template-columns:max-content 1fr; gap:2px 14px; margin:8px 0; }
.wb dt { color:var(--soft); float:none; width:auto; font-weight:400; white-space:nowrap; } .wb dd { margin:0; overflow-wrap:anywhere; }
.wb svg { color:var(--ink); max-width:100%; height:auto; display:block; } .wb svg text { fill:var(--ink); font-size:13px; }
.wb .mark { vertical-align:-1px; display:inline-block; margin-right:6px; }
.wb .message { color:var(--bad); font-weight:600; margin:4px 0; } .wb .message:empty { display:none; }
.wb .mine { display:flex; flex-wrap:wrap; gap:8px; margin:6px 0; align-items:center; } .wb .mine input { min-width:22em; }
`;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

function draw(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
}

function marker(severity) {
  return draw("path", { d: MARKERS[severity] ?? MARKERS.low, fill: severity in MARKERS ? `var(--${severity})` : "currentColor" });
}

function severityMark(severity) {
  const svg = draw("svg", { viewBox: "-8 -8 16 16", width: 14, height: 14, class: "mark", "aria-hidden": "true" });
  svg.append(marker(severity));
  return svg;
}

// Round numbers that cover [low, high], about five of them.
function ticks(low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough) * power;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, at) => Number(((first + at) * step).toPrecision(6)));
}

// The effect with its interval on a line that holds 0; a sentence where it was not measured.
function effectFigure(row) {
  if (row.effect === null) return make("p", {}, "The size of this finding was not measured.");
  const [from, to] = row.interval ?? [row.effect, row.effect];
  let [low, high] = [Math.min(0, from, row.effect), Math.max(0, to, row.effect)];
  const room = (high - low || 1) * 0.08;
  [low, high] = [low - room, high + room];
  const x = (value) => 20 + (560 * (value - low)) / (high - low);
  const name = `Effect ${row.effect_text}. 0 is no difference.`;
  const svg = draw("svg", { viewBox: "0 0 600 104", width: 600, height: 104, role: "img", "aria-label": name });
  const line = (x1, y1, x2, y2, width) =>
    svg.append(draw("line", { x1, y1, x2, y2, stroke: "currentColor", "stroke-width": width }));
  line(20, 58, 580, 58, 1);
  for (const tick of ticks(low, high)) {
    line(x(tick), 58, x(tick), 63, 1);
    svg.append(draw("text", { x: x(tick), y: 78, "text-anchor": "middle" }, String(tick)));
  }
  line(x(0), 8, x(0), 58, 1);
  if (row.interval) {
    line(x(from), 32, x(to), 32, 2);
    for (const end of [from, to]) line(x(end), 25, x(end), 39, 2);
  }
  const point = draw("g", { transform: `translate(${x(row.effect)} 32)` });
  point.append(marker(row.severity));
  const unit = row.unit || "effect";
  const title = row.interval ? `${unit}, with its 95 % interval; 0: no difference` : `${unit}; 0: no difference`;
  svg.append(point, draw("text", { x: 300, y: 98, "text-anchor": "middle" }, title));
  return svg;
}

// Whether what lies behind `element` is dark, whatever the host calls its theme.
function liesOnDark(element) {
  for (let at = element; at; at = at.parentNode ?? at.host) {
    if (!(at instanceof Element)) continue;
    const [red, green, blue, alpha = 1] = (getComputedStyle(at).backgroundColor.match(/[\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
    if (alpha > 0.5) return 0.299 * red + 0.587 * green + 0.114 * blue < 128;
  }
  return false;
}

function compare(key, falling) {
  return (one, other) => {
    const [a, b] = [one[key], other[key]];
    if (a === b) return one.id - other.id;
    if (a === null || b === null) return a === null ? 1 : -1; // what was not measured comes last, both ways
    const order = typeof a === "string" ? a.localeCompare(b) : a - b;
    return falling ? -order : order;
  };
}

function words(row) {
  return [row.what, row.where, row.kind, row.severity, row.unit, row.bearing, row.dismissed].join(" ").toLowerCase();
}

function render({ model, el }) {
  const readonly = Boolean(model.get("readonly"));
  const view = { text: "", severity: "", kind: "", sort: "rank", falling: false, active: null };
  const unfolded = new Set();
  const drafts = new Map(); // what is typed and not yet sent, by field and finding: a redraw must not lose it
  const send = (message) => readonly || model.send(message);

  const where = make("span", { class: "where" });
  const undo = make("button", { type: "button", onclick: () => send({ type: "undo" }) }, "Undo");
  const redo = make("button", { type: "button", onclick: () => send({ type: "redo" }) }, "Redo");
  const clear = make("button", { type: "button", onclick: () => clearSelection() }, "Clear");
  const message = make("div", { class: "message", role: "alert" });
  const count = make("span", { class: "small", role: "status" });
  const filter = make("input", { type: "search", oninput: () => refilter("text", filter.value.toLowerCase()) });
  const severity = make("select", { onchange: () => refilter("severity", severity.value) });
  const kind = make("select", { onchange: () => refilter("kind", kind.value) });
  const heads = COLUMNS.map((column) => {
    const name = column.label === "#" ? { "aria-label": "rank" } : {};
    const button = make("button", { type: "button", ...name, onclick: () => sortBy(column) }, column.label);
    return make("th", { scope: "col", role: "columnheader" }, button);
  });
  const body = make("tbody", { role: "rowgroup" });
  const first = make("th", { scope: "col", role: "columnheader" }, make("span", { class: "unseen" }, "details"));
  const table = make("table", { role: "grid", "aria-label": "Findings", onkeydown: onKey },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, first, ...heads)), body);
  // The attribute keeps JupyterLab's own shortcuts off the keys that are pressed in here.
  const root = make("div", { class: "wb", "data-lm-suppress-shortcuts": "true", onkeydown: onEscape },
    make("style", {}, STYLE),
    make("div", { class: "bar" }, make("label", {}, "Filter", filter), make("label", {}, "Severity", severity),
      make("label", {}, "Kind", kind), count));
  const label = make("span", { class: "small" }, "Selected rows:");
  if (!readonly) root.append(make("div", { class: "bar" }, label, where, undo, redo, clear));
  root.append(message, make("div", { class: "scroll" }, table));
  el.append(root);

  function clearSelection() {
    send({ type: "select", where: ALL_ROWS });
  }

  function refilter(name, value) {
    view[name] = value;
    drawRows();
  }

  function sortBy(column) {
    view.falling = view.sort === column.key ? !view.falling : Boolean(column.falling);
    view.sort = column.key;
    drawRows();
  }

  function shownRows() {
    const rows = model.get("findings").filter((row) =>
      ["severity", "kind"].every((name) => !view[name] || row[name] === view[name]) && words(row).includes(view.text));
    return rows.sort(compare(view.sort, view.falling));
  }

  function drawChoices() {
    const rows = model.get("findings");
    const levels = new Map([...rows].sort(compare("level", true)).map((row) => [row.severity, true]));
    for (const [select, names] of [[severity, [...levels.keys()]], [kind, [...new Set(rows.map((row) => row.kind))].sort()]]) {
      const kept = select.value;
      select.replaceChildren(make("option", { value: "" }, "all"), ...names.map((name) => make("option", { value: name }, name)));
      select.value = names.includes(kept) ? kept : "";
    }
  }

  function drawRows() {
    const inside = body.contains(root.getRootNode().activeElement);
    const rows = shownRows();
    if (!rows.some((row) => row.id === view.active)) view.active = rows.length ? rows[0].id : null;
    body.replaceChildren(...rows.flatMap((row) => [tableRow(row), ...(unfolded.has(row.id) ? [detailRow(row)] : [])]));
    count.textContent = `${rows.length} of ${model.get("findings").length} findings`;
    heads.forEach((head, at) => {
      const sorted = COLUMNS[at].key === view.sort;
      head.setAttribute("aria-sort", sorted ? (view.falling ? "descending" : "ascending") : "none");
      head.firstChild.textContent = COLUMNS[at].label + (sorted ? (view.falling ? " ▼" : " ▲") : "");
    });
    drawSelection();
    if (inside) rowElement(view.active)?.focus();
  }

  function tableRow(row) {
    const open = unfolded.has(row.id);
    const name = `details of finding ${row.rank ?? row.id + 1}`;
    const unfold = make("button", { type: "button", class: "unfold", tabindex: -1, "aria-expanded": open ? "true" : "false",
      "aria-label": name, onclick: (event) => { event.stopPropagation(); toggle(row.id); } }, open ? "▾" : "▸");
    const marks = [row.bearing, row.pinned ? "pinned" : "", row.dismissed ? `dismissed: ${row.dismissed}` : ""].filter(Boolean);
    const cells = [
      [unfold],
      [String(row.rank ?? "–")],
      [make("span", { class: "whole" }, severityMark(row.severity), row.severity)],
      [row.kind],
      [make("span", { class: "what" }, row.what), ...(marks.length ? [make("div", { class: "small" }, marks.join("; "))] : [])],
      [row.effect_text],
      [make("span", { class: row.since_text.length > 10 ? "" : "whole" }, row.since_text)],
      [row.people_text],
    ];
    return make("tr", { role: "row", class: row.dismissed ? "row set-aside" : "row", "data-id": row.id,
      tabindex: row.id === view.active ? 0 : -1, onclick: () => { activate(row.id); choose(row.id); } },
      ...cells.map((content) => make("td", { role: "gridcell" }, ...content)));
  }

  function detailRow(row) {
    const facts = row.facts.flatMap(([label, text]) => [make("dt", {}, label), make("dd", {}, text)]);
    const detail = make("div", { class: "detail" }, effectFigure(row), make("dl", {}, ...facts));
    if (!readonly) {
      detail.append(deed(row, "note", row.pinned ? "Add note" : "Pin", (note) => ({ type: "pin", finding: row.id, note })));
      if (!row.dismissed) detail.append(deed(row, "why", "Dismiss", (why) => ({ type: "dismiss", finding: row.id, why })));
    }
    return make("tr", { role: "row" }, make("td", { role: "gridcell", colspan: COLUMNS.length + 1 }, detail));
  }

  // A text field and the button that sends it.
  function deed(row, field, label, messageOf) {
    const key = `${field} ${row.id}`;
    const go = () => { send(messageOf(input.value)); drafts.delete(key); };
    const input = make("input", { type: "text", maxlength: 2000, oninput: () => drafts.set(key, input.value),
      onkeydown: (event) => { if (event.key === "Enter") go(); } });
    input.value = drafts.get(key) ?? "";
    const name = { note: "Note", why: "Reason" }[field];
    return make("div", { class: "mine" }, make("label", {}, name, input), make("button", { type: "button", onclick: go }, label));
  }

  function rowElement(id) {
    return body.querySelector(`tr.row[data-id="${id}"]`);
  }

  function activate(id) {
    rowElement(view.active)?.setAttribute("tabindex", "-1");
    view.active = id;
    rowElement(id)?.setAttribute("tabindex", "0");
  }

  function choose(id) {
    const row = model.get("findings").find((each) => each.id === id);
    if (readonly) toggle(id);
    else send({ type: "select", where: row.where });
  }

  function toggle(id, open = !unfolded.has(id)) {
    unfolded[open ? "add" : "delete"](id);
    activate(id);
    drawRows();
    rowElement(id)?.focus();
  }

  function onKey(event) {
    const row = event.target.closest("tr.row");
    if (!row || event.target !== row) return;
    const rows = [...body.querySelectorAll("tr.row")];
    const id = Number(row.dataset.id);
    const go = (at) => {
      const to = rows[Math.max(0, Math.min(rows.length - 1, at))];
      activate(Number(to.dataset.id));
      to.focus();
    };
    const keys = {
      ArrowDown: () => go(rows.indexOf(row) + 1), ArrowUp: () => go(rows.indexOf(row) - 1),
      Home: () => go(0), End: () => go(rows.length - 1),
      ArrowRight: () => toggle(id, true), ArrowLeft: () => toggle(id, false), " ": () => toggle(id), Enter: () => choose(id),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  }

  function onEscape(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (event.target !== filter) clearSelection();
  }

  function drawSelection() {
    const selection = model.get("selection");
    where.textContent = selection;
    undo.disabled = !model.get("can_undo");
    redo.disabled = !model.get("can_redo");
    clear.disabled = selection === ALL_ROWS;
    for (const row of model.get("findings")) {
      rowElement(row.id)?.setAttribute("aria-selected", String(row.where === selection && selection !== ALL_ROWS));
    }
  }

  function drawMessage() {
    message.textContent = model.get("message");
  }

  function drawTheme() {
    root.classList.toggle("dark", liesOnDark(el));
  }

  function drawFindings() {
    drawChoices();
    drawRows();
  }

  const follows = { findings: drawFindings, message: drawMessage };
  for (const name of ["selection", "can_undo", "can_redo"]) follows[name] = drawSelection;
  for (const [name, draws] of Object.entries(follows)) model.on(`change:${name}`, draws);
  const themes = new MutationObserver(() => setTimeout(drawTheme, 300));
  themes.observe(document.body, { attributes: true });
  drawFindings();
  drawMessage();
  setTimeout(drawTheme); // only once the host has put `el` on the page is there something behind it
  return () => {
    themes.disconnect();
    for (const [name, draws] of Object.entries(follows)) model.off(`change:${name}`, draws);
  };
}

export default { render };
