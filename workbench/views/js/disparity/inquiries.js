// What is asked on demand, because it takes seconds: a button each, a line while the kernel works, the answer with a field to pin it.

// A table whose rows are selected by their first cell; `choose` takes the predicate.
function picksTable(block, choose) {
  const heads = block.columns.map((name, at) => make("th", { scope: "col", class: at ? "number" : false }, name));
  const rows = block.rows.map((row) => make("tr", { "data-where": row.where }, make("th", { scope: "row" },
    make("button", { type: "button", class: "pick", tabindex: -1, "data-where": row.where, "aria-pressed": "false", onclick: () => choose(row.where) }, row.label)),
  ...row.cells.map((cell) => make("td", { class: "number" }, cell))));
  const body = make("tbody", {}, ...rows);
  const stop = roving(body, "button.pick");
  stop.activate(body.querySelector("button.pick"));
  return make("div", { class: "scroll" }, make("table", {}, make("caption", {}, block.caption), make("thead", {}, make("tr", {}, ...heads)), body));
}

// One inquiry. It stays the same element when the panel is drawn anew, so that the focus in it is not lost.
function inquiryPart(name, { ask, pin, drafts, drawBlock }) {
  const button = make("button", { type: "button", onclick: () => ask(name) });
  const said = make("span", { class: "small", role: "status" });
  const answer = make("div", {});
  let drawn = null;
  function redraw(inquiry, measured) {
    button.textContent = inquiry.question;
    button.setAttribute("aria-busy", String(inquiry.working));
    const other = inquiry.rows === measured ? "" : " Other rows are measured now.";
    if (inquiry.working) said.textContent = `Working: ${inquiry.budget} …`;
    else if (inquiry.failed) said.textContent = `Not answered for ${inquiry.rows}: ${inquiry.failed}`;
    else if (inquiry.blocks.length) said.textContent = `Asked of: ${inquiry.rows}.${other}`;
    else said.textContent = `On demand: ${inquiry.budget}.`;
    const blocks = JSON.stringify(inquiry.blocks);
    if (blocks === drawn) return;
    drawn = blocks;
    const field = () => sendField("Note", "Pin this answer", { drafts, key: `answer ${name}`, send: (note) => pin(name, note) });
    answer.replaceChildren(...inquiry.blocks.map(drawBlock), ...(inquiry.blocks.length ? [field()] : []));
  }
  return { root: make("div", { class: "block" }, make("div", { class: "bar" }, button, said), answer), redraw };
}
