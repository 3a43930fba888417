// What is asked of the chosen slice or of the selection: one function a tab, which gives the elements of its panel.

// Every conjunction of the chosen slice's conditions, from all rows to the slice; each line says what its condition adds.
function latticePanel({ model, amount, count, found, chosen }) {
  const [row, nodes] = [chosen(), model.get("detail").lattice ?? []];
  if (!row || nodes.length < 2) return [make("p", { class: "small" }, "Choose a slice above: its conditions are taken apart here.")];
  const conditions = row.slice.split(" and ");
  const depth = Math.max(...nodes.map((node) => node.conditions.length));
  const levels = Array.from({ length: depth + 1 }, (_, at) => nodes.filter((node) => node.conditions.length === at));
  const tall = 64 * Math.max(...levels.map((level) => level.length));
  const wide = 210 * (depth + 1);
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img",
    "aria-label": `From all rows, ${amount(nodes[0].mean)}, to the slice, ${amount(row.mean)}` });
  const place = new Map(levels.flatMap((level, at) => level.map((node, nth) => [node,
    { x: 210 * at, y: (tall * (nth + 0.5)) / level.length }])));
  const holds = (node, part) => part.conditions.length + 1 === node.conditions.length && part.conditions.every((each) => node.conditions.includes(each));
  for (const node of nodes) {
    const parents = nodes.filter((part) => holds(node, part));
    for (const part of parents) {
      const [to, from, gain] = [place.get(node), place.get(part), node.mean - part.mean];
      const best = parents.every((other) => node.mean - other.mean >= gain);
      svg.append(draw("line", { x1: from.x + 132, y1: from.y, x2: to.x + 2, y2: to.y, stroke: best ? "var(--series-1)" : "var(--line)",
        "stroke-width": best ? 2.5 : 1 }));
      const text = found().share ? `${gain < 0 ? "−" : "+"}${(100 * Math.abs(gain)).toFixed(1)}` : `${gain < 0 ? "−" : "+"}${Number(Math.abs(gain).toPrecision(2))}`;
      svg.append(draw("text", { class: "soft", x: to.x - 6, y: to.y + (to.y <= from.y ? -6 : 14), "text-anchor": "end" },
        best ? text : ""));
    }
  }
  for (const [node, { x, y }] of place) {
    const name = node.conditions.map((each) => "ABCD"[each]).join(" + ") || "all rows";
    const last = node.conditions.length === conditions.length;
    svg.append(draw("rect", { x: x + 2, y: y - 24, width: 130, height: 48, rx: 6, fill: last ? "var(--chosen)" : "var(--ground)",
      stroke: "var(--soft)" }),
      draw("text", { x: x + 12, y: y - 5 }, name), draw("text", { x: x + 12, y: y + 14 }, `${amount(node.mean)}`),
        draw("text", { class: "soft", x: x + 124, y: y + 14, "text-anchor": "end" }, count(node.rows < 10 ? null : node.rows)));
  }
  const key = make("dl", {}, ...conditions.flatMap((condition, at) => [make("dt", {}, "ABCD"[at]), make("dd", {}, condition)]));
  return [key, make("div", { class: "scroll" }, svg), make("p", { class: "small" },
    `Each box: ${found().measure}, rows. A thick line: the worst slice with one condition less, and what the condition adds to it.`)];
}

// Two features against each other: the larger the square, the larger the mean loss; a cell is chosen by click or Enter.
function pairPanel({ model, send, amount, count, choice, found }) {
  const pair = model.get("pair");
  const names = model.get("charts").map((chart) => [chart.name, chart.name]);
  const [x, y] = [choice(names, () => send({ type: "pair", x: x.value, y: y.value })),
    choice(names, () => send({ type: "pair", x: x.value, y: y.value }))];
  [x.value, y.value] = [pair.x ?? names[0]?.[0], pair.y ?? names[1]?.[0]];
  const bar = make("div", { class: "bar" }, make("label", {}, "Across", x), make("label", {}, "Down", y),
    make("span", { class: "small" }, "Square: mean loss; orange above all rows' mean, blue below; dot: fewer than 10 rows."));
  if (!pair.cells) return [bar];
  const [columns, lines, side] = [pair.x_short, pair.y_short, 34];
  const left = 10 + 8 * Math.min(22, Math.max(...lines.map((each) => each.length)));
  const below = 12 + 6 * Math.min(22, Math.max(...columns.map((each) => each.length)));
  const [wide, tall] = [left + side * columns.length + 90, side * lines.length + below];
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "listbox",
    "aria-label": `${found().measure} by ${pair.x} and ${pair.y}` });
  const most = Math.max(1e-12, ...pair.cells.map(([, , , mean]) => mean ?? 0));
  const cut = (text) => (text.length > 22 ? `${text.slice(0, 21)}…` : text);
  lines.forEach((each, at) => svg.append(draw("text", { x: left - 8, y: side * (at + 0.5) + 5, "text-anchor": "end" }, cut(each))));
  columns.forEach((each,
    at) => svg.append(draw("text", { transform: `translate(${left + side * (at + 0.5) - 4} ${side * lines.length + 14}) rotate(35)` },
    cut(each))));
  pair.cells.forEach(([a, b, rows, mean], at) => {
    const name = `${pair.x_labels[a]} and ${pair.y_labels[b]}: ${count(rows)} rows, ${found().measure} ${amount(mean)}`;
    const size = mean === null ? 3 : 4 + (side - 8) * Math.sqrt(Math.max(0, mean) / most);
    const cell = draw("g", { class: "cell code", role: "option", tabindex: at ? -1 : 0, "aria-label": name, "aria-selected": "false",
      transform: `translate(${left + side * a} ${side * b})` });
    cell.append(draw("title", {}, name), draw("rect", { class: "hit", width: side, height: side }),
      draw("rect", { x: (side - size) / 2, y: (side - size) / 2, width: size, height: size, rx: mean === null ? 2 : 3,
      fill: mean === null ? "var(--soft)" : mean > (found().overall ?? 0) ? "var(--series-2)" : "var(--series-1)" }));
    const take = () => send({ type: "select", where: [found().scope === ALL_ROWS ? "" : found().scope, pair.x_labels[a],
      pair.y_labels[b]].filter(Boolean).join(" and ") });
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
  const svg = draw("svg", { viewBox: `0 0 ${size + 40} ${size + 30}`, width: size + 40, height: size + 30, role: "img",
    "aria-label": "Rows that each two slices share" });
  shares.forEach((line, a) => {
    svg.append(draw("text", { x: 24, y: side * (a + 0.5) + 5, "text-anchor": "end" }, String(a + 1)),
      draw("text", { x: 34 + side * (a + 0.5), y: size + 18, "text-anchor": "middle" }, String(a + 1)));
    line.forEach((share, b) => {
      const wide = a === b ? side - 6 : (side - 6) * Math.sqrt(share);
      const cell = draw("rect", { x: 34 + side * (b + 0.5) - wide / 2, y: side * (a + 0.5) - wide / 2, width: wide, height: wide,
        rx: 2, fill: a === b ? "var(--line)" : "var(--series-1)" });
      cell.append(draw("title", {}, `${found().slices[a]?.slice} and ${found().slices[b]?.slice}: ${percent(share, 0)} of their rows`));
      svg.append(cell);
    });
  });
  const pairs = shares.flatMap((line, a) => line.slice(0, a).map((share, b) => [share, a,
    b])).filter(([share]) => share > 0.2).sort((a, b) => b[0] - a[0]).slice(0, 6);
  const said = pairs.map(([share, a, b]) => make("li", {}, `#${b + 1} and #${a + 1} share ${percent(share, 0)} of their rows`));
  return [make("p", { class: "small" },
    "Rows shared by each two slices, as a part of the rows of either (Jaccard); slices that share half are told once."),
    make("div", { class: "sides" }, svg, make("ul", {}, ...said))];
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
  const bar = make("div", { class: "bar" }, make("label", {}, "Compare", one), make("label", {}, "with", other),
    make("button", { type: "button", onclick: ask }, "Compare"));
  const save = sendField("Keep the selection as", "Keep", { drafts: new Map(), key: "name",
    send: (name) => send({ type: "save", name, where: model.get("selection") }) });
  if (!told.sides) return [bar, save];
  const lines = told.sides.map((side) => make("tr", {}, make("td", {}, side.where), make("td", { class: "number" }, count(side.rows)),
    make("td", { class: "number" }, amount(side.mean)), make("td", { class: "number" },
    side.interval ? `${amount(side.interval[0])} to ${amount(side.interval[1])}` : "–")));
  const table = make("table", {}, make("thead", {}, make("tr", {},
    ...["rows where", "rows", "mean", "95 % interval"].map((name, at) => make("th", { scope: "col", class: at ? "number" : "" },
    name)))), make("tbody", {}, ...lines));
  const difference = told.difference ? `Difference ${points(told.difference[0])}, 95 % interval ${points(told.difference[1])} to ${points(told.difference[2])}.` : "One side has too few rows to compare.";
  const apart = told.apart.slice(0, 5).map(([name, share]) => make("li", {},
    `${name}: ${percent(share, 0)} of the rows would have to change`));
  return [bar, save, make("div", { class: "scroll" }, table), make("p", {}, make("b", {}, difference)),
    ...(apart.length ? [make("p", { class: "small" }, "What else sets them apart:"), make("ul", {}, ...apart)] : [])];
}

// The selection in the languages of others.
function formsPanel({ model }) {
  const forms = model.get("detail").forms ?? {};
  return [make("dl", {}, ...Object.entries(forms).flatMap(([name, text]) => [make("dt", {}, name),
    make("dd", {}, make("pre", { tabindex: 0, "aria-label": name }, text))]))];
}

// What the search is worth: the same with shuffled losses, and with slices planted in them.
function checkPanel({ model, send, button, found, stop }) {
  const told = model.get("check") ?? {};
  const ask = button(told.said ? "Check it again" : "Check this search", () => send({ type: "check" }), { "data-waits": "" });
  const bar = make("div", { class: "bar" }, ask, stop(), make("span", { class: "small", "data-busy": "" }));
  const about = make("p", { class: "small" }, "The same search with the losses shuffled over the rows, where there is nothing to find, " +
    `and with slices planted in them${found().slices.some((row) => "mean_before" in row) ? "; of the current rows alone" : ""}. ` +
    "A slice that is pinned afterwards is pinned with this beside it.");
  if (!told.said) return [about, bar];
  const lines = told.rows.map((row) => make("tr", {}, ...row.map((cell) => make("td", { class: "number" }, cell))));
  const head = make("tr", {}, ...told.columns.map((name) => make("th", { scope: "col", class: "number" }, name)));
  return [about, bar, make("p", {}, make("b", {}, told.said)), make("div", { class: "scroll" },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines)))];
}

// From rows that people complained about to the conditions they share; the ids that are typed go to the kernel and never come back.
function complaintsPanel({ model, send, button, count, drafts, chance }) {
  const told = model.get("complaints") ?? {};
  const field = sendField("Row ids (commas between them)", "What have they in common?", { drafts, key: "complaints",
    send: (ids) => send({ type: "complain", ids }) });
  field.querySelector("button").setAttribute("data-waits", "");
  const bar = make("div", {}, field, make("span", { class: "small", "data-busy": "" }));
  if (!told.predicates) return [bar];
  const cover = told.predicates.filter((row) => row.cover);
  const said = cover.length ? `${told.complaints - told.uncovered} of ${told.complaints} complaints are in ` +
    (cover.length === 1 ? "the rows marked ●." : `the rows marked ●, ${cover.length} conditions together.`)
    : `Nothing that these ${told.complaints} complaints share sets them apart from the other rows.`;
  if (!told.predicates.length) return [bar, make("p", {}, said)];
  const columns = ["", "rows where", "complaints in them", "rows", "times as often", "p, adjusted"];
  const lines = told.predicates.map((row) => make("tr", {}, make("td", {}, row.cover ? "●" : ""),
    make("td", {}, button(row.where, () => send({ type: "select", where: row.where }), { class: "where" })),
    ...[`${row.covered} of ${told.complaints}`, count(row.rows), row.lift === null ? "–" : `${Number(row.lift.toPrecision(2))} ×`,
      row.p_adjusted === null ? "–" : chance(row.p_adjusted).slice(2)].map((text) => make("td", { class: "number" }, text))));
  const head = make("tr", {}, ...columns.map((name, at) => make("th", { scope: "col", class: at > 1 ? "number" : "" },
    name || make("span", { class: "unseen" }, "in the cover"))));
  return [bar, make("p", {}, make("b", {}, said)), make("div", { class: "scroll" },
    make("table", {}, make("thead", {}, head), make("tbody", {}, ...lines)))];
}

// The listed slices as a tree: each line adds a condition to the one it hangs from, and is selected by click or Enter.
function treePanel({ model, send, amount, count, bar, found, view, readonly }) {
  const nodes = found().tree ?? [];
  if (nodes.length < 2) return [make("p", { class: "small" }, "No slice is listed: there is nothing to take apart.")];
  const last = new Map(nodes.map((node, at) => [node.parent, at]));
  const most = Math.max(1e-12, ...nodes.flatMap((node) => [node.mean ?? 0, node.mean_before ?? 0]));
  const selection = model.get("selection");
  const isChosen = (node) => !readonly && node.where === selection;
  const held = nodes.findIndex((node) => node.where === view.node);
  const stop = Math.max(0, held < 0 ? nodes.findIndex(isChosen) : held);
  const tree = make("div", { class: "tree", role: "tree", "aria-label": "Slices as a tree" });
  nodes.forEach((node, at) => {
    const rails = [];
    for (let above = node.parent; above !== null && nodes[above].parent !== null; above = nodes[above].parent)
      rails.unshift(make("i", { class: last.get(nodes[above].parent) === above ? "rail" : "rail on" }));
    if (node.parent !== null) rails.push(make("i", { class: last.get(node.parent) === at ? "rail corner" : "rail tee" }));
    const place = node.rank ? `#${node.rank}` : "";
    const condition = node.parent === null ? ALL_ROWS : node.condition.replaceAll("`", "");
    const item = make("div", { class: "node", role: "treeitem", tabindex: at === stop ? 0 : -1, "aria-level": node.level + 1,
      "aria-selected": String(isChosen(node)), title: node.slice, "data-at": at, "data-key": node.where,
      ...(last.has(at) ? { "aria-expanded": "true" } : {}) },
      ...rails, make("span", { class: "condition" }, make("span", {}, condition), ...(place ? [make("b", { class: "place" }, place)] : [])),
      make("span", { class: "number" }, count(node.size), make("span", { class: "unseen" }, " rows, ", found().measure)),
      make("span", { class: "number" }, amount(node.mean)),
      bar({ ...node, low: null }, most));
    item.addEventListener("click", () => take(item));
    tree.append(item);
  });
  const nodeOf = (item) => nodes[Number(item.dataset.at)];
  const stops = roving(tree, ".node", { Enter: take, " ": take, ArrowLeft: (item) => goTo(nodeOf(item).parent),
    ArrowRight: (item) => goTo(nodes.findIndex((node) => node.parent === Number(item.dataset.at))),
    i: (item) => send({ type: "enter", where: nodeOf(item).where }) }, { activated: (item) => { view.node = nodeOf(item).where; } });
  function goTo(at) {
    if (at === null || at < 0) return;
    stops.activate(tree.children[at]);
    tree.children[at].focus();
  }
  function take(item) {
    stops.activate(item);
    send({ type: "select", where: nodeOf(item).where });
  }
  const head = make("div", { class: "node small", "aria-hidden": "true" }, make("span", { class: "condition" }, "rows where"),
    make("span", { class: "number" }, "rows"), make("span", { class: "number" }, found().measure), make("span", { class: "room" }));
  return [make("div", { class: "scroll" }, make("div", { class: "outline" }, head, tree)), make("p", { class: "small" },
    "Each line adds a condition to the one it hangs from; conditions that most of the slices share come first. # is a slice of the list.")];
}

const PANELS = { tree: treePanel, lattice: latticePanel, pair: pairPanel, overlap: overlapPanel, contrast: contrastPanel, forms: formsPanel,
  check: checkPanel, complaints: complaintsPanel };
