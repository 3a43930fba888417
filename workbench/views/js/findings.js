// The findings table: filter, sort, unfold; in a notebook also select, open another widget, pin and dismiss. Its own traits are
// `findings`, what views/findings.py makes, `openable`, and `opened`: the widget that stands below the finding it was opened on;
// `triable`, the kinds of finding that a scenario can be made of, and `scenario`, the one made last.

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
const FINDINGS_STYLE = `
.wb-findings tr.row { cursor:pointer; } .wb-findings tr.row:hover { background:color-mix(in srgb, var(--chosen) 45%, transparent); }
.wb-findings tr.row[aria-selected=true] { background:var(--chosen); }
.wb-findings tr.set-aside td { color:var(--soft); } .wb-findings tr.set-aside .what { text-decoration:line-through; }
.wb-findings .what { min-width:12em; overflow-wrap:anywhere; } .wb-findings td { padding:5px 6px; } .wb-findings th button { padding:3px 6px; }
.wb-findings .unfold { border-color:transparent; background:transparent; padding:0 5px; min-height:0; line-height:inherit; }
.wb-findings .detail { padding:4px 12px 12px 40px; }
.wb-findings .course { margin:8px 0; } .wb-findings figcaption { gap:4px 18px; }
.wb-findings .levels { width:auto; margin:6px 0; } .wb-findings .levels caption { text-align:left; color:var(--soft); padding:2px 8px; }
.wb-findings .levels th { padding:2px 8px; font-weight:600; } .wb-findings .detail p { margin:8px 0 2px; }
.wb-findings .detail ul { margin:2px 0 6px; padding-left:22px; } .wb-findings .detail summary { cursor:pointer; padding:3px 0; }
.wb-findings .opened pre { max-height:24em; overflow:auto; }
.wb-findings .detail pre, .wb-findings .opened pre { background:transparent; color:var(--ink); border:1px solid var(--line); padding:8px; margin:2px 0 6px;
  white-space:pre-wrap; overflow-wrap:anywhere; font-size:13px; }
.wb-findings .opened { border:1px solid var(--line); border-radius:6px; padding:6px 10px; margin:8px 0; }
.wb-findings .mark { vertical-align:-1px; display:inline-block; margin-right:6px; max-width:none; }
`;

function marker(severity) {
  return draw("path", { d: MARKERS[severity] ?? MARKERS.low, fill: severity in MARKERS ? `var(--${severity})` : "currentColor" });
}

function severityMark(severity) {
  const svg = draw("svg", { viewBox: "-8 -8 16 16", width: 14, height: 14, class: "mark", "aria-hidden": "true" });
  svg.append(marker(severity));
  return svg;
}

// The effect with its interval on a line that holds 0; a sentence where it was not measured.
function effectFigure(row) {
  if (row.effect === null) return make("p", {}, "The size of this finding was not measured.");
  const times = row.points ? 100 : 1;
  const effect = times * row.effect;
  const [from, to] = row.interval ? row.interval.map((end) => times * end) : [effect, effect];
  let [low, high] = [Math.min(0, from, effect), Math.max(0, to, effect)];
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
  const point = draw("g", { transform: `translate(${x(effect)} 32)` });
  point.append(marker(row.severity));
  const unit = `${row.unit || "effect"}${row.points ? ", in percentage points" : ""}`;
  const title = row.interval ? `${unit}, with its 95 % interval; 0: no difference` : `${unit}; 0: no difference`;
  svg.append(point, draw("text", { x: 300, y: 98, "text-anchor": "middle" }, title));
  return svg;
}

// A text with its dates kept on one line each.
function wholeDates(text) {
  return text.split(/(\d{4}-\d\d-\d\d)/).map((part, at) => (at % 2 ? make("span", { class: "whole" }, part) : part));
}

function words(row) {
  return [row.what, row.where, row.kind, row.severity, row.unit, row.bearing, row.dismissed].join(" ").toLowerCase();
}

function render({ model, el, host }) {
  const live = frame({ model, el }, { name: "Findings", concept: "findings", style: FINDINGS_STYLE });
  const { readonly, send } = live;
  const view = { text: "", severity: "", kind: "", sort: "rank", falling: false, active: null, opened: undefined };
  const unfolded = new Set();
  const drafts = new Map(); // what is typed and not yet sent, by field and finding
  const below = make("div", { class: "opened", role: "region", "aria-label": "Opened widget", hidden: true });
  const made = make("div", { class: "opened", role: "region", "aria-label": "Scenario", hidden: true });
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
  const table = make("table", { role: "grid", "aria-label": "Findings" },
    make("thead", { role: "rowgroup" }, make("tr", { role: "row" }, first, ...heads)), body);
  live.root.append(
    make("div", { class: "bar" }, make("label", {}, "Filter", filter), make("label", {}, "Severity", severity),
      make("label", {}, "Kind", kind), count),
    make("div", { class: "scroll" }, table), made, below);
  const idOf = (element) => Number(element.dataset.id);
  const stops = roving(body, "tr.row", {
    ArrowRight: (row) => toggle(idOf(row), true), ArrowLeft: (row) => toggle(idOf(row), false),
    " ": (row) => toggle(idOf(row)), Enter: (row) => choose(idOf(row)),
  }, { activated: (row) => { view.active = idOf(row); } });

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
    const inside = body.contains(live.root.getRootNode().activeElement);
    const rows = shownRows();
    if (!rows.some((row) => row.id === view.active)) view.active = rows.length ? rows[0].id : null;
    const among = model.get("findings").length;
    body.replaceChildren(...rows.flatMap((row) => [tableRow(row), ...(unfolded.has(row.id) ? [detailRow(row)] : [])]));
    if (!rows.length) body.append(emptyRow(among ? "No finding matches the filter." : "Nothing was found."));
    count.textContent = `${rows.length} of ${among} findings`;
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
      [make("div", { class: "what" }, ...wholeDates(row.what)), ...(marks.length ? [make("div", { class: "small" }, marks.join("; "))] : [])],
      [row.effect_text],
      wholeDates(row.since_text),
      [row.people_text],
    ];
    return make("tr", { role: "row", class: row.dismissed ? "row set-aside" : "row", "data-id": row.id,
      tabindex: row.id === view.active ? 0 : -1, onclick: () => { stops.activate(rowElement(row.id)); choose(row.id); } },
      ...cells.map((content) => make("td", { role: "gridcell" }, ...content)));
  }

  function emptyRow(text) {
    return make("tr", { role: "row" }, make("td", { role: "gridcell", colspan: COLUMNS.length + 1 }, text));
  }

  function detailRow(row) {
    const facts = row.facts.flatMap(([label, text]) => [make("dt", {}, label), make("dd", {}, text)]);
    const form = row.history ?? null;
    const shown = (form && courseFigure(form)) ?? effectFigure(row);
    const open = (widget) => send({ type: "open", finding: row.id, widget });
    const detail = make("div", { class: "detail" }, shown, form ? levelsTable(form) : "", make("dl", {}, ...facts), ruledOut(row),
      stepsBar(row, { openable: readonly ? [] : model.get("openable") ?? [], open }));
    if (!readonly) {
      const pin = (note) => send({ type: "pin", finding: row.id, note });
      const dismiss = (why) => send({ type: "dismiss", finding: row.id, why });
      if ((model.get("triable") ?? []).includes(row.kind)) {
        const onclick = () => send({ type: "scenario", finding: row.id });
        detail.append(make("div", { class: "deed" }, make("button", { type: "button", onclick }, "Make scenario")));
      }
      detail.append(sendField("Note", row.pinned ? "Add note" : "Pin", { drafts, key: `note ${row.id}`, send: pin }));
      if (!row.dismissed) detail.append(sendField("Reason", "Dismiss", { drafts, key: `why ${row.id}`, send: dismiss }));
    }
    return make("tr", { role: "row" }, make("td", { role: "gridcell", colspan: COLUMNS.length + 1 }, detail));
  }

  function rowElement(id) {
    return body.querySelector(`tr.row[data-id="${id}"]`);
  }

  function choose(id) {
    const row = model.get("findings").find((each) => each.id === id);
    if (readonly) toggle(id);
    else send({ type: "select", where: row.where });
  }

  function toggle(id, open = !unfolded.has(id)) {
    unfolded[open ? "add" : "delete"](id);
    view.active = id;
    drawRows();
    rowElement(id)?.focus();
  }

  function drawSelection() {
    const selection = model.get("selection");
    for (const row of model.get("findings")) {
      rowElement(row.id)?.setAttribute("aria-selected", String(row.where === selection && selection !== ALL_ROWS));
    }
  }

  // What was opened is closed: back to the finding that it was opened on.
  function comeBack(id) {
    const row = rowElement(id);
    if (!row) return;
    stops.activate(row);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "center" });
  }

  // Puts the widget that the kernel opened below the table, not into it: it has rows and keys of its own.
  function drawOpened() {
    const { finding, name, ref } = model.get("opened") ?? {};
    const left = view.opened;
    view.opened = finding;
    below.hidden = finding === undefined;
    below.replaceChildren();
    if (below.hidden && left !== undefined) comeBack(left);
    if (below.hidden) return;
    const row = model.get("findings").find((each) => each.id === finding);
    const close = make("button", { type: "button", onclick: () => send({ type: "shut" }) }, "Close");
    const place = make("div", {}, "Opening …");
    below.append(make("div", { class: "bar" }, make("strong", {}, `${name}, on the rows of finding ${row?.rank ?? finding + 1}`), close), place);
    const child = host?.getWidget ? host.getWidget(ref) : Promise.reject(new Error("this host shows no widget inside another"));
    child.then((widget) => { place.replaceChildren(); return widget.render({ el: place }); })
      .then(() => below.scrollIntoView({ block: "nearest" }))
      .catch((error) => place.replaceChildren(`${name} cannot be shown in here (${error.message}); copy its code into a cell.`));
  }

  // The scenario made last, to be read and kept; in a notebook of an incident it is a file already.
  function drawScenario() {
    const { name, id, parent, yaml, file } = model.get("scenario") ?? {};
    made.hidden = !name;
    if (!name) return;
    const href = `data:text/yaml;charset=utf-8,${encodeURIComponent(yaml)}`;
    const close = make("button", { type: "button", onclick: () => { made.hidden = true; } }, "Close");
    made.replaceChildren(
      make("div", { class: "bar" }, make("strong", {}, `Scenario ${name}`), make("a", { href, download: `${name}.yaml` }, "Download"), close),
      make("div", { class: "small" }, `${id}, from ${parent}`), make("div", { class: "small" }, file ? `Written to ${file}.` : ""),
      make("pre", {}, yaml));
    made.scrollIntoView({ block: "nearest" });
  }

  function drawFindings() {
    drawChoices();
    drawRows();
  }

  live.follow(["findings", "openable", "triable"], drawFindings);
  live.follow(["scenario"], drawScenario);
  live.follow(["opened"], drawOpened);
  live.follow(["selection"], drawSelection);
  return live.close;
}

export default { render };
