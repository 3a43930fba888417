// Attack replay: the triple verdict of each version, groups of inputs against versions, the recording step by step, and single inputs.
// Its own traits: `verdicts`, `columns`, `matrix`, `steps`, `told` and `single` (views/replay.py). Single inputs come as messages that answer
// `list` and `open`; they are drawn, and kept in no trait.

const SHARES = { adaptive: "inputs that a fresh attack moves", certified: "inputs that no small change can move" };
const SERIES = ["var(--series-1)", "var(--series-2)", "var(--series-3)", "var(--series-4)", "var(--series-5)", "var(--series-6)"];
const DASHES = ["", "7 4", "2 3", "9 3 2 3", "12 4", "4 2 1 2"];
const PACE = 450;
const REPLAY_STYLE = `
.wb-replay h4 { margin:14px 0 2px; font:600 15px/1.4 inherit; color:var(--ink); } .wb-replay caption { text-align:left; color:var(--soft); font-size:13px; }
.wb-replay .verdict td { vertical-align:middle; } .wb-replay .verdict th, .wb-replay .closeup th { padding:2px 8px; white-space:normal; } .wb-replay .version { font-weight:600; overflow-wrap:anywhere; display:inline-block; min-width:5.5em; }
.wb-replay .flag { display:inline-block; font-weight:600; border:1px solid currentColor; border-radius:4px; padding:0 6px; }
.wb-replay .flag.bad { color:var(--bad); } .wb-replay .warned { color:var(--bad); font-weight:600; margin:6px 0; }
.wb-replay .matrix th { padding:4px 8px; } .wb-replay .matrix tr.row { cursor:pointer; } .wb-replay .matrix tr.row:hover { background:color-mix(in srgb, var(--chosen) 45%, transparent); }
.wb-replay .matrix tr.row[aria-selected=true] { background:var(--chosen); } .wb-replay .cell { display:inline-flex; gap:8px; align-items:center; } .wb-replay .cell svg { flex:none; } .wb-replay .verdict .cell { flex-direction:column; align-items:flex-start; gap:0; }
.wb-replay .matrix td:first-child { overflow-wrap:anywhere; min-width:140px; }
.wb-replay input[type=range] { flex:1 1 220px; padding:0; } .wb-replay .soft { fill:var(--soft); font-size:12px; }
.wb-replay .inputs { max-height:330px; overflow:auto; border:1px solid var(--line); flex:1 1 300px; } .wb-replay .inputs th { padding:4px 8px; }
.wb-replay .inputs tr.row { cursor:pointer; } .wb-replay .inputs tr.row[aria-selected=true] { background:var(--chosen); }
.wb-replay .sides { display:flex; flex-wrap:wrap; gap:14px 28px; align-items:flex-start; } .wb-replay .closeup { flex:2 1 460px; min-width:0; }
.wb-replay .became { font-weight:600; }
`;

// A share on a line from 0 to 1 with its interval, and in words.
function shareMark(share, of, told) {
  if (!share) return make("span", { class: "small" }, "not measured");
  const [mid, low, high] = share;
  const [middle, ends] = [`${percent(mid, 0)}${of ? ` of ${of.toLocaleString("en")}` : ""}`, `${percent(low, 0)} to ${percent(high, 0)}`];
  const text = `${middle} (${ends})`;
  const svg = draw("svg", { viewBox: "0 0 120 18", width: 96, height: 14, role: "img", "aria-label": `${told}: ${text}` });
  const x = (value) => 4 + 112 * value;
  svg.append(draw("line", { x1: 4, x2: 116, y1: 9, y2: 9, stroke: "var(--line)", "stroke-width": 6 }),
    draw("line", { x1: x(low), x2: x(high), y1: 9, y2: 9, stroke: "var(--series-1)", "stroke-width": 3 }),
    draw("circle", { cx: x(mid), cy: 9, r: 5, fill: "var(--series-1)" }));
  return make("span", { class: "cell" }, svg, make("span", {}, make("span", { class: "whole" }, middle), " ", make("span", { class: "whole" }, `(${ends})`)));
}

// The share of a group that fails: the larger the square, the more.
function failMark(failed, judged) {
  if (failed === null || !judged) return make("span", { class: "small" }, "–");
  const svg = draw("svg", { viewBox: "0 0 22 22", width: 22, height: 22, "aria-hidden": "true" });
  const side = 20 * Math.sqrt(failed / judged);
  svg.append(draw("rect", { x: 1, y: 1, width: 20, height: 20, fill: "none", stroke: "var(--line)" }),
    draw("rect", { x: 11 - side / 2, y: 11 - side / 2, width: side, height: side, fill: "var(--series-2)" }));
  return make("span", { class: "cell whole" }, svg, percent(failed / judged, 0));
}

// How the share that fails grew over the recording, a line per version, and where the cursor stands.
function growthChart(steps, versions, at) {
  const [wide, tall, left] = [760, 170, 44];
  const svg = draw("svg", { viewBox: `0 0 ${wide} ${tall}`, width: wide, height: tall, role: "img", "aria-label": `Share that fails so far, step ${at + 1} of ${steps.length}` });
  const x = (step) => left + ((wide - left - 160) * (step + 1)) / steps.length;
  const y = (share) => 12 + (tall - 40) * (1 - share);
  for (const share of [0, 0.5, 1]) svg.append(draw("line", { x1: left, x2: wide - 160, y1: y(share), y2: y(share), stroke: "var(--line)" }), draw("text", { class: "soft", x: left - 6, y: y(share) + 4, "text-anchor": "end" }, percent(share, 0)));
  const ends = versions.map((version, number) => ({ version, number })).filter(({ number }) => steps.some((step) => step.failed[number] !== null)).map(({ version, number }) => {
    let [failed, judged] = [0, 0];
    const points = steps.map((step, nth) => { if (step.failed[number] !== null) { failed += step.failed[number]; judged += step.judged; } return [x(nth), y(judged ? failed / judged : 0)]; });
    const all = points.map((point) => point.join(",")).join(" ");
    const line = { fill: "none", stroke: SERIES[number % 6], "stroke-dasharray": DASHES[number % 6] };
    svg.append(draw("polyline", { points: all, ...line, "stroke-width": 1, opacity: 0.35 }),
      draw("polyline", { points: points.slice(0, at + 1).map((point) => point.join(",")).join(" "), ...line, "stroke-width": 2.5 }),
      draw("circle", { cx: points[at][0], cy: points[at][1], r: 4, fill: SERIES[number % 6] }));
    return { version, number, y: points.at(-1)[1] };
  });
  let floor = -Infinity;
  for (const end of ends.sort((a, b) => a.y - b.y)) {
    floor = Math.max(end.y, floor + 15);
    svg.append(draw("line", { x1: wide - 154, x2: wide - 132, y1: floor, y2: floor, stroke: SERIES[end.number % 6], "stroke-dasharray": DASHES[end.number % 6], "stroke-width": 2.5 }),
      draw("text", { x: wide - 126, y: floor + 4 }, end.version.length > 17 ? `${end.version.slice(0, 16)}…` : end.version));
  }
  svg.append(draw("line", { x1: x(at), x2: x(at), y1: 8, y2: tall - 26, stroke: "var(--ink)", "stroke-dasharray": "3 3" }), draw("text", { class: "soft", x: left, y: tall - 6 }, "recorded first"), draw("text", { class: "soft", x: wide - 160, y: tall - 6, "text-anchor": "end" }, "last"));
  return svg;
}

// One input: what the attack changed in it, what every version answers, and what moved the model.
function closeupPanel(told) {
  const line = (cells, tag = "td") => make("tr", {}, ...cells.map((cell, at) => make(tag, tag === "th" ? { scope: "col" } : at ? {} : { class: "where" }, cell)));
  const table = (caption, head, rows) => make("div", { class: "scroll" }, make("table", {}, make("caption", {}, caption), make("thead", {}, line(head, "th")), make("tbody", {}, ...rows)));
  const score = (value) => (value === null ? "–" : value.toFixed(3));
  const diff = told.changed.map(([name, before, after]) => line(told.origin === null ? [name, after] : [name, before, make("span", { class: "became" }, after)]));
  const head = told.origin === null ? ["column", "value"] : ["column", "harmless", "attack"];
  const answers = told.answers.map((each) => line([each.version, each.outcome, `${each.decisions[0] ?? "–"} → ${each.decisions[1] ?? "–"}`, `${score(each.scores[0])} → ${score(each.scores[1])}`, each.level]));
  const withheld = told.withheld ? ` Not shown: ${told.withheld} protected ${told.withheld === 1 ? "column" : "columns"}.` : "";
  const same = (told.origin === null ? "No harmless input is known for it." : `${told.same} columns are as they were.`) + withheld;
  const most = Math.max(1e-12, ...told.drivers.map(([, value]) => Math.abs(value)));
  const drivers = told.drivers.map(([name, value]) => {
    const svg = draw("svg", { viewBox: "0 0 160 14", width: 160, height: 14, "aria-hidden": "true" });
    const long = (78 * Math.abs(value)) / most;
    svg.append(draw("line", { x1: 80, x2: 80, y1: 0, y2: 14, stroke: "var(--soft)" }), draw("rect", { x: value < 0 ? 80 - long : 80, y: 2, width: long, height: 10, fill: value < 0 ? "var(--series-1)" : "var(--series-2)" }));
    return line([name, make("span", { class: "cell" }, svg, `${value < 0 ? "−" : "+"}${Math.abs(value).toPrecision(2)}`)]);
  });
  return [make("h4", { tabindex: "-1" }, `Input ${told.input + 1}${told.origin === null ? "" : `, made from input ${told.origin + 1}`}`), table(same, head, diff),
    table("Decision and score, harmless → attack", ["version", "outcome", "decision", "score", "against the record"], answers),
    ...(drivers.length ? [table("What moved the model (shap, attack less harmless)", ["column", "moved by"], drivers)] : [])];
}

function render({ model, el }) {
  const live = frame({ model, el }, { name: "Attack replay", concept: "replay", style: REPLAY_STYLE });
  const { readonly, send } = live;
  const view = { step: 0, timer: null, input: null, waiting: false, wanted: false };
  const drafts = new Map();
  const shares = { replayed: model.get("verdicts")[0]?.fails, ...SHARES };
  const button = (label, onclick, more = {}) => make("button", { type: "button", onclick, ...more }, label);
  const versions = () => model.get("verdicts").map((row) => row.version);

  const told = make("p", { class: "small", "aria-live": "polite" });
  const warned = make("div", { class: "warned" });
  const verdicts = make("tbody", {});
  const heads = ["version", ...Object.keys(shares), "verdict", ...(readonly ? [] : [""])];
  const meaning = Object.entries(shares).map(([name, words]) => `${name}: ${words}`).join(" · ");
  const verdictTable = make("table", { class: "verdict" }, make("caption", {}, `${meaning}. Of all judged inputs, whatever is selected; 95 % intervals.`), make("thead", {}, make("tr", {}, ...heads.map((name) => make("th", { scope: "col" }, name)))), verdicts);
  const note = make("input", { type: "text", maxlength: 2000, oninput: () => drafts.set("note", note.value) });

  const by = make("select", { onchange: () => send({ type: "by", column: by.value }) });
  const matrixHead = make("tr", {});
  const matrix = make("tbody", {});
  const matrixTable = make("table", { class: "matrix" }, make("caption", {}, "Values of fewer than 10 inputs are left out; – where a version answered with errors."), make("thead", {}, matrixHead), matrix);
  const take = (row) => send({ type: "group", where: row.dataset.where });
  const matrixStops = roving(matrix, "tr.row", { Enter: take, " ": take });

  const chart = make("div", { class: "scroll" });
  const moment = make("div", { class: "small", "aria-live": "off" });
  const slider = make("input", { type: "range", min: 0, max: 0, value: 0, oninput: () => go(Number(slider.value)) });
  const play = button("Play", () => (view.timer ? pause() : start()));
  const back = button("Back", () => { pause(); go(view.step - 1); });
  const forth = button("Forward", () => { pause(); go(view.step + 1); });
  const show = button("Show this step's inputs", () => list(view.step), { hidden: readonly });
  const all = button("Show all inputs", () => list(-1), { hidden: readonly });
  const single = make("p", { class: "small", hidden: readonly });
  const time = make("div", {}, make("h4", {}, "The recording, step by step"), chart, make("div", { class: "bar" }, back, play, forth, make("label", { style: "flex:1 1 260px" }, "Step", slider)), moment, make("div", { class: "deed" }, show, all), single);

  const inputs = make("tbody", {});
  const inputsHead = make("tr", {});
  const inputsTable = make("div", { class: "inputs", hidden: true, tabindex: "0", role: "region", "aria-label": "Single inputs" }, make("table", {}, make("thead", {}, inputsHead), inputs));
  const closeup = make("div", { class: "closeup", "aria-live": "polite" });
  const open = (row) => {
    view.input = Number(row.dataset.input);
    mark();
    closeup.replaceChildren(make("p", { class: "small" }, `Opening input ${view.input + 1} …`)); // the first one takes seconds
    send({ type: "open", input: view.input });
  };
  const inputStops = roving(inputs, "tr.row", { Enter: open, " ": open });

  live.root.append(told, warned, make("div", { class: "scroll" }, verdictTable), ...(readonly ? [] : [make("div", { class: "deed" }, make("label", {}, "Note for a pin", note))]),
    make("h4", {}, "Which inputs"), make("div", { class: "bar" }, make("label", { hidden: readonly }, "Share that fails, by", by)), make("div", { class: "scroll" }, matrixTable),
    time, make("div", { class: "sides" }, inputsTable, closeup));

  function drawVerdicts() {
    const rows = model.get("verdicts");
    verdicts.replaceChildren(...rows.map((row) => {
      const bad = row.flag === "overfitted defence";
      const cells = [make("span", { class: "version" }, row.version), ...Object.entries(shares).map(([name, words]) => shareMark(row[name], row.of?.[name], `${row.version}, ${words}`)), row.flag ? make("span", { class: bad ? "flag bad" : "flag" }, row.flag) : ""];
      const pin = row.pinned ? "pinned" : button("Pin", () => { send({ type: "pin", version: row.version, note: note.value }); note.value = ""; }, { "aria-label": `Pin ${row.version}` });
      return make("tr", { title: row.said }, ...[...cells, ...(readonly ? [] : [pin])].map((cell) => make("td", {}, cell)));
    }));
    warned.replaceChildren(...rows.filter((row) => row.flag === "overfitted defence").map((row) => make("p", {}, `${row.said}.`)));
  }

  function drawMatrix() {
    const { column = "", groups = [] } = model.get("matrix");
    const held = matrix.contains(matrix.getRootNode().activeElement);
    matrixHead.replaceChildren(...[`inputs by ${column}`, "judged", ...versions()].map((name) => make("th", { scope: "col" }, name)));
    by.replaceChildren(...model.get("columns").map((name) => make("option", { value: name }, name)));
    by.value = column;
    const chosen = ` and ${model.get("selection")} and `;
    matrix.replaceChildren(...groups.map((group) => make("tr", { class: "row", "data-where": group.where, tabindex: "-1", "aria-selected": String(chosen.includes(` and ${group.where} and `)), onclick: (event) => readonly || (take(event.currentTarget), matrixStops.activate(event.currentTarget)) },
      ...[group.where, group.judged === null ? "fewer than 10" : group.judged.toLocaleString("en"), ...group.failed.map((failed) => failMark(failed, group.judged))].map((cell) => make("td", {}, cell)))));
    const stop = matrix.querySelector("[aria-selected=true]") ?? matrix.querySelector("tr.row");
    matrixStops.activate(stop);
    if (held) stop?.focus({ preventScroll: true });
  }

  function drawSteps() {
    const steps = model.get("steps");
    time.hidden = !steps.length;
    slider.max = Math.max(0, steps.length - 1);
    if (!steps.length) pause();
    else go(Math.min(view.step, steps.length - 1));
  }

  function go(step) {
    const steps = model.get("steps");
    if (!steps.length) return;
    view.step = Math.max(0, Math.min(steps.length - 1, step));
    const here = steps[view.step];
    slider.value = view.step;
    back.disabled = view.step === 0;
    forth.disabled = view.step === steps.length - 1;
    const calls = here.first === here.last ? `call ${here.first + 1}` : `calls ${here.first + 1} to ${here.last + 1}`;
    const falls = versions().map((version, at) => `${version} ${here.failed[at] ?? "–"}`).join(", ");
    moment.textContent = `Step ${view.step + 1} of ${steps.length}: ${calls}, ${here.seconds.toFixed(1)} s after the first; of ${here.judged ?? "fewer than 10"} inputs fail: ${falls}.`;
    slider.setAttribute("aria-valuetext", moment.textContent);
    chart.replaceChildren(growthChart(steps, versions(), view.step));
    if (!inputsTable.hidden && !readonly && view.timer === null) list(view.step);
  }

  function start() {
    if (view.step >= model.get("steps").length - 1) go(0);
    view.timer = setInterval(() => (view.step >= model.get("steps").length - 1 ? pause() : go(view.step + 1)), PACE);
    play.textContent = "Pause";
  }

  function pause() {
    clearInterval(view.timer);
    view.timer = null;
    play.textContent = "Play";
  }

  // One request under way; the latest wish waits.
  function list(step) {
    if (view.waiting) { view.wanted = step; return; }
    view.waiting = true;
    send({ type: "list", step });
  }

  function drawInputs(rows) {
    inputsTable.hidden = false;
    inputsHead.replaceChildren(...["input", ...versions()].map((name) => make("th", { scope: "col" }, name)));
    inputs.replaceChildren(...rows.map((row) => make("tr", { class: "row", tabindex: "-1", "data-input": row.input, onclick: (event) => { inputStops.activate(event.currentTarget); open(event.currentTarget); } },
      make("td", { class: "number" }, String(row.input + 1)), ...row.outcomes.map((outcome) => make("td", { class: outcome === "fail" ? "became whole" : "whole" }, `${outcome === "fail" ? "■ " : outcome === "pass" ? "□ " : ""}${outcome}`)))));
    mark();
    inputStops.activate(inputs.querySelector("tr.row"));
  }

  function mark() {
    for (const row of inputs.children) row.setAttribute("aria-selected", String(Number(row.dataset.input) === view.input));
  }

  function hear(message) {
    if (message.type === "inputs") {
      view.waiting = false;
      drawInputs(message.inputs);
      if (view.wanted !== false) { const step = view.wanted; view.wanted = false; list(step); }
    } else if (message.type === "input") closeup.replaceChildren(...closeupPanel(message));
  }

  model.on("msg:custom", hear);
  live.follow(["message"], () => {
    view.waiting = false;
    if (model.get("message") && !closeup.querySelector("h4")) closeup.replaceChildren();
  });
  live.follow(["verdicts"], drawVerdicts);
  live.follow(["matrix", "columns", "verdicts", "selection"], drawMatrix);
  live.follow(["steps"], drawSteps);
  live.follow(["single"], () => { single.textContent = model.get("single") ?? ""; });
  live.follow(["told"], () => { told.textContent = model.get("told"); });
  return () => { pause(); model.off("msg:custom", hear); live.close(); };
}

export default { render };
