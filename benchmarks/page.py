"""Notebook pages: their size, how long one takes to make and to print, and when a browser first paints it, offline.

    python benchmarks/page.py [NOTEBOOK.ipynb ...]

The notebooks are executed and frozen ones, such as a run's ``executed.ipynb``; without any, one with six figures, a table and a
formula is made up. Peer: ``nbconvert --to html``, which brings no figure to life and asks a network for scripts and formulas.
Times are the best of three; the first export also loads the libraries.
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import nbformat
import plotly.graph_objects as go
from nbconvert import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from playwright.sync_api import Browser, sync_playwright

from workbench.evidence.blank import refuse_blank
from workbench.evidence.freeze import PLOTLY, freeze
from workbench.evidence.page import PLOTLY_ASSET, notebook_page, notebook_pdf, plotly_asset
from workbench.views.theme import styled

CHROMIUM = "/usr/bin/chromium"
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
ALIVE = "document.querySelectorAll('figure.plot.alive .main-svg').length >= document.querySelectorAll('figure.plot .live').length"


def best_of_three(job: Callable[[], float]) -> float:
    """What `job` returns, at its least."""
    return min(job() for _ in range(3))


def seconds(job: Callable[[], object]) -> float:
    """How long `job` takes."""
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def paint(browser: Browser, page: Path) -> tuple[float, float]:
    """Milliseconds until the first paint with something on it, and until every figure is alive."""
    context = browser.new_context()
    context.set_offline(offline=True)
    tab = context.new_page()
    tab.goto(page.as_uri())
    tab.wait_for_function(ALIVE)
    alive = tab.evaluate("performance.now()")
    painted = tab.evaluate(PAINTED)
    context.close()
    return painted, alive


def made_up(folder: Path) -> Path:
    """A frozen notebook like those of a run."""
    figures = [
        styled(go.Figure(go.Scatter(y=[(i * k) % 17 for i in range(200)])), title=f"Rate {k}", height=400) for k in range(6)
    ]
    cells = [new_markdown_cell("# Rates\n\nA rate is $r = \\frac{k}{n}$.")]
    for figure in figures:
        shown = new_output("display_data", data={PLOTLY: figure.to_plotly_json()})
        cells.append(new_code_cell("figure", outputs=[shown]))
    table = "<table>" + "<tr><td>age</td><td>0.21</td></tr>" * 100 + "</table>"
    cells.append(new_code_cell("table", outputs=[new_output("display_data", data={"text/html": table})]))
    path = folder / "made-up.ipynb"
    nbformat.write(freeze(nbformat.from_dict(new_notebook(cells=cells)), "completed"), path)
    return path


def measure(notebook: Path, browser: Browser, folder: Path) -> None:
    """Print the figures of one notebook."""
    content = nbformat.read(notebook, as_version=4)
    first = seconds(lambda: notebook_page(content, title=notebook.stem, plotly=PLOTLY_ASSET))
    again = best_of_three(lambda: seconds(lambda: notebook_page(content, title=notebook.stem, plotly=PLOTLY_ASSET)))
    page = folder / "page.html"
    page.write_text(notebook_page(content, title=notebook.stem, plotly=PLOTLY_ASSET), encoding="utf-8")
    check = seconds(lambda: refuse_blank(page.read_text(encoding="utf-8")))
    peer = HTMLExporter()
    peer_size = len(peer.from_notebook_node(content)[0].encode())
    peer_time = best_of_three(lambda: seconds(lambda: peer.from_notebook_node(content)))
    pdf = best_of_three(lambda: seconds(lambda: notebook_pdf(page, folder / "page.pdf")))
    first_paint, alive = (min(times) for times in zip(*(paint(browser, page) for _ in range(3)), strict=True))
    print(f"{notebook.name}: {notebook.stat().st_size / 1e3:.0f} kB, {len(content.cells)} cells")
    print(f"  page       {page.stat().st_size / 1e3:7.0f} kB   nbconvert {peer_size / 1e3:.0f} kB")
    print(f"  export     {again * 1e3:7.0f} ms   nbconvert {peer_time * 1e3:.0f} ms; the first time {first * 1e3:.0f} ms")
    print(f"  check      {check * 1e3:7.0f} ms   that nothing on it is blank")
    print(f"  PDF        {pdf:7.1f} s    {(folder / 'page.pdf').stat().st_size / 1e3:.0f} kB")
    print(f"  browser    {first_paint:7.0f} ms   to the first paint, {alive:.0f} ms until every figure is alive")


def main(notebooks: list[Path]) -> None:
    """Measure each notebook."""
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, nbconvert {version('nbconvert')}")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        folder = Path(name)
        (folder / PLOTLY_ASSET).parent.mkdir()
        (folder / PLOTLY_ASSET).write_bytes(plotly_asset())
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        print(f"chromium {browser.version}; plotly.js, once for all pages: {(folder / PLOTLY_ASSET).stat().st_size / 1e6:.1f} MB")
        for notebook in notebooks or [made_up(folder)]:
            measure(notebook, browser, folder)
        browser.close()


if __name__ == "__main__":
    main([Path(name) for name in sys.argv[1:]])
