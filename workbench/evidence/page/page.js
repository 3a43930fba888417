// What a page does beyond being read: show all code at once, draw formulas, bring figures to life. Without it nothing is missing.
"use strict";
(() => {
  const button = document.getElementById("all-code");
  const codes = [...document.querySelectorAll("details.code")];
  if (codes.length) {
    const opened = codes.map((code) => code.open);
    button.hidden = false;
    button.addEventListener("click", () => {
      const all = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(all));
      codes.forEach((code, index) => { code.open = all || opened[index]; });
    });
  }

  for (const formula of document.querySelectorAll("code.tex")) {
    const drawn = document.createElement(formula.classList.contains("block") ? "div" : "span");
    drawn.className = "maths";
    try {
      katex.render(formula.textContent, drawn, {
        displayMode: drawn.tagName === "DIV", output: "mathml", strict: "ignore", trust: false,
      });
      formula.replaceWith(drawn);
    } catch (problem) {
      formula.title = problem.message; // what KaTeX cannot read stays as it was written
    }
  }

  async function enliven(figure) {
    const place = figure.querySelector(".live");
    const { data, layout, frames } = JSON.parse(figure.querySelector("script").textContent);
    figure.classList.add("alive");
    try {
      await Plotly.newPlot(place, { data, layout, frames, config: { displaylogo: false, responsive: true } });
    } catch {
      figure.classList.remove("alive"); // its picture remains
    }
  }

  // plotly.js is deferred: by now it has run, or could not be loaded.
  document.addEventListener("DOMContentLoaded", async () => {
    if (!window.Plotly) return;
    for (const figure of document.querySelectorAll("figure.plot:has(.live)")) await enliven(figure);
  });
})();
