"""When a person sees something: the status page of the demonstration, and its executed runbook opened in JupyterLab, offline.

    python benchmarks/paint.py

Milliseconds from the visit, the best of three after one that warms the server: to the first paint with something on it, to the
findings as a table, and, on the page, to every figure. The notebook is opened as a stranger would: not trusted, its outputs
static. Both servers run on this machine and answer nobody else.
"""

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from workbench.data.examples import find_example

CHROMIUM = "/usr/bin/chromium"
OFFLINE = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
CLI = [sys.executable, "-c", "from workbench.cli import main; main()"]


def prepare(home: Path) -> Path:
    """An incident with one completed triage of COMPAS in `home`; gives the executed notebook."""
    example = find_example("compas")
    own = {**os.environ, "WORKBENCH_HOME": str(home), "WORKBENCH_AUTHOR": "benchmark"}
    given = ["-p", "data", str(example.data), "-p", "roles", str(example.roles)]
    for words in (["new", "demo", "--title", "Demonstration"], ["run", "triage", "--incident", "demo", *given]):
        subprocess.run([*CLI, *words], env=own, check=True, stderr=subprocess.DEVNULL)
    return next(home.rglob("executed.ipynb"))


@contextmanager
def served(command: list[str], path: str, home: Path) -> Iterator[tuple[str, float]]:
    """The address of a server of ours and the seconds until it answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}{path}"
    own = {
        **os.environ,
        "WORKBENCH_HOME": str(home),
        "JUPYTER_CONFIG_DIR": str(home / "lab"),
        "JUPYTER_DATA_DIR": str(home / "lab"),
    }
    words = [word.replace("PORT", str(port)) for word in command]
    start = time.perf_counter()
    with subprocess.Popen(words, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            while True:
                try:
                    urllib.request.urlopen(address, timeout=10).close()
                except OSError:
                    time.sleep(0.05)
                else:
                    break
            yield address, time.perf_counter() - start
        finally:
            server.kill()


def visit(browser: Browser, address: str, table: str, figure: str, figures: int) -> list[float]:
    """Milliseconds to the first paint, to the element `table`, and to the last of `figures` elements `figure`."""
    context = browser.new_context(viewport={"width": 1500, "height": 5000})
    tab = context.new_page()
    tab.goto(address)
    tab.locator(table).first.wait_for()
    times = [tab.evaluate(PAINTED), tab.evaluate("performance.now()")]
    if figures:
        tab.locator(figure).nth(figures - 1).wait_for()
        times.append(tab.evaluate("performance.now()"))
    context.close()
    return times


def measure(name: str, browser: Browser, address: str, started: float, *, table: str, figures: int = 0) -> None:
    """Print the figures of one address."""
    visits = [visit(browser, address, table, ".js-plotly-plot .main-svg", figures) for _ in range(4)][1:]
    best = [min(times) for times in zip(*visits, strict=True)]
    told = f"{best[0]:6.0f} ms to the first paint, {best[1]:.0f} to the findings"
    told += f", {best[2]:.0f} to all figures" if figures else ""
    print(f"{name:34}{told}; server up in {started:.1f} s")


def main() -> None:
    """Measure both."""
    packages = ", ".join(f"{package} {version(package)}" for package in ("panel", "jupyterlab", "anywidget"))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {packages}")
    with tempfile.TemporaryDirectory() as name, sync_playwright() as playwright:
        home = Path(name) / "home"
        notebook = prepare(home)
        shutil.copy(notebook, Path(name) / "executed.ipynb")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=OFFLINE)
        with served([*CLI, "serve", "status", "--port", "PORT"], "/status", home) as (address, started):
            measure("status page", browser, address, started, table=".wb tr.row", figures=3)
        lab = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", "--port=PORT",
               "--IdentityProvider.token=", f"--ServerApp.root_dir={name}"]  # fmt: skip
        with served(lab, "/lab/tree/executed.ipynb?reset", home) as (address, started):
            measure("executed runbook in JupyterLab", browser, address, started, table=".jp-OutputArea-output table")
        browser.close()


if __name__ == "__main__":
    main()
