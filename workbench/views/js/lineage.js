// The lineage: the SVG of views/lineage.py with pan, zoom, hover, keyboard, a time slider, and the suspects beside it. Its own traits
// are `drawing`, `suspects`, `trace` (what views/lineage_form.py makes), `moments`, `moment`, `onset`, `deciders` and `told`.

const ALLOWED = {
  svg: ["viewBox", "width", "height"], g: ["class", "transform", "data-node", "data-name", "data-time", "data-source", "data-target"],
  rect: ["class", "x", "y", "width", "height", "rx", "stroke-width", "stroke-dasharray"], text: ["class", "x", "y", "font-size"],
  path: ["class", "d", "fill", "stroke", "stroke-width", "stroke-dasharray"], title: [],
};
const RUN_KEYS = { ArrowRight: ["source", "target"], ArrowLeft: ["target", "source"] };
const [LEAST_SCALE, MOST_SCALE, LEGIBLE] = [0.08, 4, 0.7];
const tint = (color, share) => `color-mix(in srgb, var(--${color}) ${share}%, var(--ground))`;
const colored = (name, color) => `.wb-lineage :is(.node.${name} > rect, .legend rect.${name}) { fill:${tint(color, 18)}; stroke:var(--${color}); }`;
const LINEAGE_STYLE = `
.wb-lineage svg.map { width:100%; height:var(--map-height, 420px); border:1px solid var(--line); border-radius:4px; cursor:grab; touch-action:none; }
.wb-lineage svg.map.held { cursor:grabbing; user-select:none; }
.wb-lineage svg text.small { font-size:11px; fill:var(--soft); }
.wb-lineage .node { cursor:pointer; } .wb-lineage .node > rect { fill:var(--ground); stroke:var(--soft); }
.wb-lineage .legend rect { fill:var(--ground); stroke:var(--soft); }
.wb-lineage .node.run > rect { fill:${tint("soft", 12)}; }
${colored("contaminated", "series-2")} ${colored("possible", "medium")} ${colored("clean", "series-3")}
${colored("only-this", "series-2")} ${colored("only-the-other", "series-1")}
.wb-lineage .onset, .wb-lineage .legend rect.since { fill:var(--series-2); stroke:none; }
.wb-lineage .edge path { stroke:var(--soft); fill:none; } .wb-lineage .edge path:last-child { stroke:none; fill:var(--soft); }
.wb-lineage .edge.possible path { stroke:var(--medium); } .wb-lineage .edge.possible path:last-child { stroke:none; fill:var(--medium); }
.wb-lineage .edge:is(.traced, .near) path:first-of-type { stroke:var(--focus); stroke-width:3; }
.wb-lineage .edge:is(.traced, .near) path:last-child { fill:var(--focus); }
.wb-lineage .node.decides > rect { fill:var(--chosen); }
.wb-lineage .node[aria-pressed=true] > rect { stroke:var(--focus); stroke-width:4; }
.wb-lineage .later { opacity:0.15; }
.wb-lineage svg text.sign { font-size:11px; font-weight:600; fill:var(--focus); }
.wb-lineage label.time { flex:1 1 20em; max-width:48em; white-space:nowrap; } .wb-lineage label.time input { flex:1; padding:0; }
.wb-lineage .ways { margin:4px 0; padding-left:20px; } .wb-lineage .detail { margin:6px 0 12px; }
.wb-lineage td .deed { flex-wrap:nowrap; margin:0; } .wb-lineage td button { white-space:nowrap; }
.wb-lineage tr.chosen { background:var(--chosen); }
`;

// Our SVG as elements of the page: only what ALLOWED lists comes over, whatever else the text holds.
function imported(source) {
  if (!(source.localName in ALLOWED)) return null;
  const element = draw(source.localName, {});
  for (const name of ALLOWED[source.localName]) if (source.hasAttribute(name)) element.setAttribute(name, source.getAttribute(name));
  for (const child of source.childNodes) {
    if (child.nodeType === Node.TEXT_NODE) element.append(child.data);
    else if (child.nodeType === Node.ELEMENT_NODE) element.append(...[imported(child)].filter(Boolean));
  }
  return element;
}

function placeOf(node) {
  const [x, y] = node.getAttribute("transform").match(/-?[\d.]+/g).map(Number);
  const rect = node.querySelector("rect");
  return { x, y, width: Number(rect.getAttribute("width")), height: Number(rect.getAttribute("height")) };
}

// Pan and zoom of `content` inside the <svg> `map`: drag, Ctrl and the wheel, + - 0. `home` tells what to show at first.
function camera(map, content, home) {
  const at = { x: 0, y: 0, k: 1 };
  const apply = () => content.setAttribute("transform", `translate(${at.x} ${at.y}) scale(${at.k})`);
  function zoom(factor, x = map.clientWidth / 2, y = map.clientHeight / 2) {
    const k = Math.max(LEAST_SCALE, Math.min(MOST_SCALE, at.k * factor));
    Object.assign(at, { x: x - ((x - at.x) * k) / at.k, y: y - ((y - at.y) * k) / at.k, k });
    apply();
  }
  function fit(least = LEAST_SCALE) {
    const { width, height, focus } = home();
    if (!map.clientWidth) return;
    at.k = Math.max(least, Math.min(1.2, map.clientWidth / (width + 40), map.clientHeight / (height + 40)));
    const middle = (size, whole, place) => (size * at.k + 20 <= whole || !place ? (whole - size * at.k) / 2 : whole / 2 - place * at.k);
    at.x = middle(width, map.clientWidth, focus && focus.x + focus.width / 2);
    at.y = middle(height, map.clientHeight, focus && focus.y + focus.height / 2);
    if (width * at.k + 20 > map.clientWidth) at.x = Math.min(10, Math.max(map.clientWidth - width * at.k - 10, at.x)); // no empty side
    if (height * at.k + 20 > map.clientHeight) at.y = Math.min(20, Math.max(map.clientHeight - height * at.k - 10, at.y));
    apply();
  }
  function show({ x, y, width, height }) {
    const [left, top] = [at.x + x * at.k, at.y + y * at.k];
    const [over, under] = [left + width * at.k - map.clientWidth, top + height * at.k - map.clientHeight];
    if (left < 0 || over > 0) at.x += left < 0 ? 20 - left : -over - 20;
    if (top < 0 || under > 0) at.y += top < 0 ? 20 - top : -under - 20;
    apply();
  }
  let held = null;
  map.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the page's own scrolling
    event.preventDefault();
    const box = map.getBoundingClientRect();
    zoom(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });
  map.addEventListener("pointerdown", (event) => { if (event.button === 0) held = { x: event.clientX, y: event.clientY, moved: false }; });
  map.addEventListener("pointermove", (event) => {
    if (!held || !(event.buttons & 1)) { held = null; return; }
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (!held.moved && Math.hypot(dx, dy) < 4) return; // a click that trembles
    if (!held.moved) map.setPointerCapture(event.pointerId);
    Object.assign(at, { x: at.x + dx, y: at.y + dy });
    held = { x: event.clientX, y: event.clientY, moved: true };
    map.classList.add("held");
    apply();
  });
  for (const end of ["pointerup", "pointercancel"]) map.addEventListener(end, () => { held = null; map.classList.remove("held"); });
  return { zoom, fit, show };
}

function render({ model, el }) {
  const live = frame({ model, el }, { name: "Lineage", concept: "lineage", style: LINEAGE_STYLE });
  const { readonly, send } = live;
  const button = (label, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, label);
  const view = { chosen: "", nodes: [], edges: [], size: { width: 1, height: 1, focus: null }, seen: false };
  const content = draw("g", {});
  const map = draw("svg", { class: "map", role: "group", "aria-label": "Versions and runs: arrows follow the edges, Enter shows one, + and - zoom, 0 fits" });
  map.append(content);
  const eye = camera(map, content, () => view.size);
  const legend = make("div", { class: "scroll", "aria-hidden": "true" });
  const title = make("strong", {});
  const told = make("p", { class: "small" });
  const ways = make("ul", { class: "ways small" });
  const detail = make("div", { class: "detail", "aria-live": "polite" });
  const slider = make("input", { type: "range", min: 0, step: 1, oninput: dimLater, onchange: () => send({ type: "as_of", moment: Number(slider.value) }) });
  const moment = make("output", { class: "small whole" });
  const time = make("div", { class: "bar" }, make("label", { class: "time" }, "As of", slider), moment);
  const tools = make("div", { class: "bar" }, title, button("+", () => eye.zoom(1.3), { "aria-label": "Zoom in" }),
    button("−", () => eye.zoom(1 / 1.3), { "aria-label": "Zoom out" }), button("Fit", () => eye.fit()));
  const stops = [button("No colours", () => send({ type: "origin", box: "" })), button("Stop comparing", () => send({ type: "against", box: "" }))];
  if (!readonly) tools.append(...stops);
  const suspects = make("tbody", {});
  const list = make("div", { class: "scroll" }, make("table", { "aria-label": "Suspects" }, make("thead", {}, make("tr", {},
    ...["#", "what changed", "complete", "link", "score"].map((name) => make("th", { scope: "col" }, name)),
    make("th", { scope: "col" }, make("span", { class: "unseen" }, "actions")))), suspects));
  live.root.append(tools, legend, map, time, told, ways, detail, list);

  const nodeOf = (box) => view.nodes.find((node) => node.dataset.node === box);
  const stopsOfTab = roving(content, "g.node", {
    Enter: (node) => choose(node.dataset.node), " ": (node) => choose(node.dataset.node),
    ArrowRight: (node) => follow(node, "ArrowRight"), ArrowLeft: (node) => follow(node, "ArrowLeft"),
    "+": () => eye.zoom(1.3), "-": () => eye.zoom(1 / 1.3), 0: () => eye.fit(),
  }, { activated: (node) => { eye.show(placeOf(node)); nearTo(node); } });

  // To the first box that an edge leads to (or comes from).
  function follow(node, key) {
    const [own, other] = RUN_KEYS[key];
    const edge = view.edges.find((each) => each.dataset[own] === node.dataset.node);
    const next = edge && nodeOf(edge.dataset[other]);
    if (!next) return;
    stopsOfTab.activate(next);
    next.focus({ preventScroll: true });
  }

  function nearTo(node) {
    const box = node?.dataset.node;
    for (const edge of view.edges) edge.classList.toggle("near", Boolean(box) && [edge.dataset.source, edge.dataset.target].includes(box));
  }

  function drawGraph() {
    const inside = content.contains(live.root.getRootNode().activeElement);
    const drawing = model.get("drawing");
    const parsed = imported(new DOMParser().parseFromString(drawing.svg ?? "<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml").documentElement);
    const graph = parsed?.querySelector("g.graph") ?? draw("g", {});
    view.nodes = [...graph.querySelectorAll("g.node")];
    view.edges = [...graph.querySelectorAll("g.edge")];
    const places = new Map(view.nodes.map((node) => [node, placeOf(node)]));
    view.nodes.sort((one, other) => places.get(one).x - places.get(other).x || places.get(one).y - places.get(other).y);
    for (const node of view.nodes) prepare(node);
    graph.append(...view.nodes); // in the order in which they are read
    graph.removeAttribute("transform");
    content.replaceChildren(graph);
    const far = (side, size) => Math.max(1, ...view.nodes.map((node) => places.get(node)[side] + places.get(node)[size]));
    const focus = view.nodes.find((node) => node.classList.contains("focus"));
    view.size = { width: far("x", "width"), height: far("y", "height"), focus: focus && places.get(focus) };
    map.style.setProperty("--map-height", `${Math.max(220, Math.min(560, view.size.height + 60))}px`);
    title.textContent = `Lineage of ${focus?.dataset.name ?? drawing.node}`;
    stops[0].hidden = !drawing.origin;
    stops[1].hidden = !drawing.against;
    drawLegend(parsed);
    eye.fit(LEGIBLE);
    if (!nodeOf(view.chosen)) view.chosen = "";
    stopsOfTab.activate(nodeOf(view.chosen) ?? focus ?? view.nodes[0]);
    nearTo(null);
    if (inside) content.querySelector("g.node[tabindex='0']")?.focus({ preventScroll: true });
    drawTrace();
    drawTime();
    drawDetail();
    const awaited = view.nodes.find((node) => node.dataset.name === view.awaited);
    if (awaited) showBox(awaited.dataset.node);
    view.awaited = "";
  }

  function prepare(node) {
    node.setAttribute("role", "button"); // named by its <title>, which says more than the box has room for
    node.setAttribute("tabindex", "-1");
    node.addEventListener("click", () => { stopsOfTab.activate(node); choose(node.dataset.node); });
    node.addEventListener("pointerenter", () => nearTo(node));
    node.addEventListener("pointerleave", () => nearTo(null));
  }

  function drawLegend(parsed) {
    const signs = parsed?.querySelector("g.legend");
    legend.replaceChildren();
    if (!signs?.childElementCount) return;
    const lines = [...signs.querySelectorAll("rect")].map((rect) => Number(rect.getAttribute("y")));
    const [top, low] = [Math.min(...lines) - 3, Math.max(...lines) + 20];
    const width = Number(parsed.getAttribute("width"));
    const svg = draw("svg", { width, height: low - top, viewBox: `0 ${top} ${width} ${low - top}` });
    svg.style.maxWidth = "none";
    svg.append(signs);
    legend.append(svg);
  }

  // The columns that the selection's were made from, and the versions that decided the selected rows.
  function drawTrace() {
    const { boxes = {}, told: steps = [] } = model.get("trace");
    const decides = new Set(model.get("deciders"));
    const ends = (own, other) => new Set(view.edges.filter((edge) => edge.dataset[own] in boxes).map((edge) => edge.dataset[other]));
    const [after, before] = [ends("source", "target"), ends("target", "source")];
    const marked = new Set([...Object.keys(boxes), ...[...after].filter((box) => before.has(box))]);
    for (const edge of view.edges) edge.classList.toggle("traced", marked.has(edge.dataset.source) && marked.has(edge.dataset.target));
    for (const node of view.nodes) {
      const box = node.dataset.node;
      node.querySelector("text.sign")?.remove();
      node.classList.toggle("decides", decides.has(box));
      const signs = [...(decides.has(box) ? ["decided these rows"] : []), ...(boxes[box] ?? [])];
      if (signs.length) node.append(draw("text", { class: "sign", x: 4, y: -4 }, `◆ ${signs.join(", ")}`));
    }
    ways.replaceChildren(...steps.map((step) => make("li", {}, step)));
    ways.hidden = !steps.length;
  }

  function drawTime() {
    const moments = model.get("moments");
    time.hidden = moments.length < 2;
    slider.max = Math.max(0, moments.length - 1);
    slider.value = model.get("moment") < 0 ? moments.length - 1 : model.get("moment");
    dimLater();
  }

  function dimLater() {
    const moments = model.get("moments");
    const until = moments[Number(slider.value)] ?? "";
    const onset = model.get("onset");
    const since = onset && until ? (Date.parse(until) < Date.parse(onset) ? ", before the onset" : ", since the onset") : "";
    moment.textContent = `${until.replace("T", " ")}${since}`;
    slider.setAttribute("aria-valuetext", moment.textContent);
    const late = new Set();
    for (const node of view.nodes) {
      const own = node.dataset.time;
      const later = Boolean(own && until) && moments.indexOf(own) > Number(slider.value);
      if (later) late.add(node.dataset.node);
      node.classList.toggle("later", later);
    }
    for (const edge of view.edges) edge.classList.toggle("later", late.has(edge.dataset.source) || late.has(edge.dataset.target));
  }

  function choose(box) {
    view.chosen = view.chosen === box ? "" : box;
    drawDetail();
  }

  function drawDetail() {
    for (const node of view.nodes) node.setAttribute("aria-pressed", String(node.dataset.node === view.chosen));
    for (const row of suspects.children) row.classList.toggle("chosen", Boolean(view.chosen) && row.dataset.box === view.chosen);
    const facts = (model.get("drawing").facts ?? {})[view.chosen];
    detail.replaceChildren();
    if (!facts) return;
    detail.append(make("dl", {}, ...facts.flatMap(([label, text]) => [make("dt", {}, label), make("dd", {}, text)])));
    if (readonly || !view.chosen.startsWith("version-")) return;
    const deed = (label, type) => button(label, () => send({ type, box: view.chosen }));
    detail.append(make("div", { class: "deed" }, deed("Select the decisions made from it", "reach"),
      deed("Colour what it contaminated", "origin"), deed("Compare with it", "against")));
  }

  function drawSuspects() {
    const rows = model.get("suspects");
    list.hidden = !rows.length;
    suspects.replaceChildren(...rows.map(suspectRow));
    drawDetail();
  }

  function suspectRow(row) {
    const open = row.reference && row.reference === model.get("reference") && row.current === model.get("current");
    const deeds = [];
    if (row.box) deeds.push(button("Show", () => showBox(row.box)));
    else if (!readonly) deeds.push(button("Show", () => { view.awaited = row.node; send({ type: "visit", suspect: row.id }); }));
    if (!readonly && row.reference) deeds.push(button("Open as windows", () => send({ type: "open", suspect: row.id }), { "aria-pressed": String(Boolean(open)) }));
    if (!readonly) deeds.push(row.pinned ? "pinned" : button("Pin", () => send({ type: "pin", suspect: row.id, note: "" })));
    const told = row.explained === null ? "" : ` Explained by #${row.explained}.`;
    const where = `${row.node}, written by ${row.job}${row.certain ? "" : ", only possibly upstream"}.${told}`;
    const cells = [String(row.rank), make("div", {}, row.what, make("div", { class: "small where" }, where)),
      row.time.replace("T", " ").replace("Z", ""), row.link, row.score, make("span", { class: "deed" }, ...deeds)];
    return make("tr", { "data-box": row.box }, ...cells.map((cell) => make("td", {}, cell)));
  }

  function showBox(box) {
    const node = nodeOf(box);
    if (!node) return;
    view.chosen = box;
    drawDetail();
    stopsOfTab.activate(node);
    node.focus({ preventScroll: true });
  }

  const sizes = new ResizeObserver(() => {
    if (!view.seen && map.clientWidth) { view.seen = true; eye.fit(LEGIBLE); }
  });
  sizes.observe(map);
  live.follow(["drawing"], drawGraph);
  live.follow(["trace", "deciders"], drawTrace);
  live.follow(["moments", "moment", "onset"], drawTime);
  live.follow(["suspects", "reference", "current"], drawSuspects);
  live.follow(["told"], () => { told.textContent = model.get("told"); told.hidden = !model.get("told"); });
  return () => { sizes.disconnect(); live.close(); };
}

export default { render };
