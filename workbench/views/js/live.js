// What every module needs; views/modules.py puts THEME and this file in front of each. The host (anywidget in a notebook, Panel on
// a page) gives `model` with selection, can_undo, can_redo, reference, current, readonly and message beside the module's own traits.
// What the log or a responder wrote reaches the page as text nodes and attributes only, never as markup.

const ALL_ROWS = "all rows";
const STYLE = `
.wb { ${THEME.light} color:var(--ink); background:var(--ground); font:14px/1.45 ${THEME.font}; padding:6px 2px; }
.wb.dark { ${THEME.dark} }
.wb .bar { display:flex; flex-wrap:wrap; gap:6px 12px; align-items:center; margin:4px 0; }
.wb [hidden] { display:none; }
.wb .where { overflow-wrap:anywhere; }
.wb label { color:var(--soft); display:inline-flex; gap:6px; align-items:center; }
.wb input, .wb select, .wb button { font:inherit; color:var(--ink); background:var(--ground); border:1px solid var(--soft);
  border-radius:4px; padding:3px 8px; margin:0; min-height:28px; box-sizing:border-box; }
.wb button { cursor:pointer; } .wb button:hover:enabled { background:var(--chosen); }
.wb button:disabled { cursor:default; color:var(--soft); border-color:var(--line); }
.wb :focus-visible { outline:3px solid var(--focus); outline-offset:1px; }
.wb tr:focus-visible { outline-offset:-3px; }
.wb .scroll { overflow-x:auto; }
.wb table { border-collapse:collapse; width:100%; margin:0; font:inherit; color:inherit; }
.wb tr, .wb thead, .wb tbody { background:transparent; border:0; }
.wb th, .wb td { text-align:left; vertical-align:top; padding:5px 8px; border:0; border-top:1px solid var(--line); }
.wb th { padding:2px 0; white-space:nowrap; } .wb th button { border-color:transparent; font-weight:600; }
.wb .number { text-align:right; font-variant-numeric:tabular-nums; }
.wb .whole { white-space:nowrap; } .wb .small { color:var(--soft); font-size:13px; }
.wb .unseen { position:absolute; width:1px; height:1px; overflow:hidden; clip-path:inset(50%); }
.wb dl { display:grid; grid-template-columns:max-content 1fr; gap:2px 14px; margin:8px 0; }
.wb dt { color:var(--soft); float:none; width:auto; font-weight:400; white-space:nowrap; } .wb dd { margin:0; overflow-wrap:anywhere; }
.wb svg { color:var(--ink); max-width:100%; height:auto; display:block; } .wb svg text { fill:var(--ink); font-size:13px; }
.wb .message { color:var(--bad); font-weight:600; margin:4px 0; } .wb .message:empty { display:none; }
.wb .deed { display:flex; flex-wrap:wrap; gap:8px; margin:6px 0; align-items:center; } .wb .deed input { min-width:22em; }
`;

// An HTML element. Attributes that begin with "on" are listeners; false and null leave an attribute out, true sets it empty.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children);
  return element;
}

// An SVG element.
function draw(tag, attributes, text = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.textContent = text;
  return element;
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

// A share in words; what was not measured, or is blanked, is a dash.
function percent(share, digits = 1) {
  return share === null || !Number.isFinite(share) ? "–" : `${(100 * share).toFixed(digits)} %`;
}

// An order of objects by `key`; ties by id, and what was not measured last, both ways.
function compare(key, falling) {
  return (one, other) => {
    const [a, b] = [one[key], other[key]];
    if (a === b) return one.id - other.id;
    if (a === null || b === null) return a === null ? 1 : -1;
    const order = typeof a === "string" ? a.localeCompare(b) : a - b;
    return falling ? -order : order;
  };
}

// The numbers that views/modules.packed sent, as a Float64Array: anywidget hands over a DataView, Panel an ArrayBuffer.
function floats(sent) {
  const view = sent instanceof ArrayBuffer ? new DataView(sent) : sent;
  const numbers = new Float64Array((view?.byteLength ?? 0) / 8);
  for (let at = 0; at < numbers.length; at += 1) numbers[at] = view.getFloat64(8 * at, true);
  return numbers;
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

// One stop of the Tab key for all items of `list` that match `selector`: arrows, Home and End move among them (with `across`, Left
// and Right too), and a key of `keys` calls its function with the item. `activate(item)` makes it the stop; `activated` is told.
function roving(list, selector, keys = {}, { across = false, activated = () => {} } = {}) {
  const items = () => [...list.querySelectorAll(selector)];
  function activate(item) {
    for (const each of items()) each.setAttribute("tabindex", each === item ? "0" : "-1");
    if (item) activated(item);
  }
  function step(item, by) {
    const all = items();
    const to = all[Math.max(0, Math.min(all.length - 1, by === Infinity ? all.length - 1 : all.indexOf(item) + by))];
    activate(to);
    to.focus();
  }
  const moves = { ArrowDown: 1, ArrowUp: -1, Home: -Infinity, End: Infinity, ...(across ? { ArrowRight: 1, ArrowLeft: -1 } : {}) };
  list.addEventListener("keydown", (event) => {
    const item = event.target;
    if (!item.matches(selector) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key in keys) keys[event.key](item);
    else if (event.key in moves) step(item, moves[event.key]);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { activate };
}

// A text field and the button that sends it, by Enter too. `drafts` (a Map) keeps under `key` what is typed and not yet sent, so
// that a redraw does not lose it.
function sendField(name, label, { drafts, key, send }) {
  const go = () => { drafts.delete(key); send(input.value); };
  const input = make("input", { type: "text", maxlength: 2000, oninput: () => drafts.set(key, input.value),
    onkeydown: (event) => { if (event.key === "Enter") go(); } });
  input.value = drafts.get(key) ?? "";
  return make("div", { class: "deed" }, make("label", {}, name, input), make("button", { type: "button", onclick: go }, label));
}

// The bar that says which rows are selected, with undo, redo and clear, and the windows where there are any.
function selectionBar(model, readonly, send) {
  const clear = () => send({ type: "select", where: ALL_ROWS });
  const where = make("span", { class: "where" });
  const button = (label, onclick) => make("button", { type: "button", onclick }, label);
  const buttons = { undo: button("Undo", () => send({ type: "undo" })), redo: button("Redo", () => send({ type: "redo" })),
    clear: button("Clear", clear) };
  const windows = make("span", { class: "small where" });
  const bar = make("div", { class: "bar" }, make("span", { class: "small" }, "Selected rows:"), where,
    ...(readonly ? [] : Object.values(buttons)), windows);
  function redraw() {
    const selection = model.get("selection");
    const named = ["reference", "current"].filter((name) => model.get(name)).map((name) => `${name}: ${model.get(name)}`);
    where.textContent = selection;
    windows.textContent = named.join(" · ");
    buttons.undo.disabled = !model.get("can_undo");
    buttons.redo.disabled = !model.get("can_redo");
    buttons.clear.disabled = selection === ALL_ROWS;
    bar.hidden = readonly && selection === ALL_ROWS && !named.length;
  }
  return { bar, clear, redraw };
}

// The frame that every module draws in: append to `root`, redraw by `follow`, and return `close` from render. In JupyterLab a style
// holds for the whole page, so the rules of a concept's `style` begin with `.wb-` and its `concept`.
function frame({ model, el }, { name, concept, style = "" }) {
  const readonly = Boolean(model.get("readonly"));
  const send = (message) => readonly || model.send(message);
  const selected = selectionBar(model, readonly, send);
  const message = make("div", { class: "message", role: "alert" });
  // The attribute keeps JupyterLab's own shortcuts off the keys that are pressed in here.
  const root = make("div", { class: `wb wb-${concept}`, role: "group", "aria-label": name, "data-lm-suppress-shortcuts": "true", onkeydown: escape },
    make("style", {}, STYLE + style), selected.bar, message);
  const followed = [];

  // Escape selects all rows again; in a field it belongs to the field.
  function escape(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    if (!event.target.matches("input, select")) selected.clear();
  }

  function follow(traits, redraw) {
    for (const trait of traits) {
      model.on(`change:${trait}`, redraw);
      followed.push([trait, redraw]);
    }
    redraw();
  }

  const drawTheme = () => root.classList.toggle("dark", liesOnDark(el));
  const themes = new MutationObserver(() => setTimeout(drawTheme, 300)); // a host repaints a little after it says so
  const preference = window.matchMedia("(prefers-color-scheme: dark)");
  themes.observe(document.body, { attributes: true });
  preference.addEventListener("change", drawTheme);
  setTimeout(drawTheme); // only once the host has put `el` on the page is there something behind it
  follow(["selection", "can_undo", "can_redo", "reference", "current"], selected.redraw);
  follow(["message"], () => { message.textContent = model.get("message"); });
  el.append(root);

  function close() {
    themes.disconnect();
    preference.removeEventListener("change", drawTheme);
    for (const [trait, redraw] of followed) model.off(`change:${trait}`, redraw);
  }
  return { root, readonly, send, follow, close };
}
