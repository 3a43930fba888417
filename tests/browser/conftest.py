"""One browser that reaches this machine only, the servers it looks at, and a watch on what the page asks and says."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_notebook

from workbench.incident.home import ensure_home, record_path
from workbench.incident.record import Record
from workbench.incident.state import create_incident
from workbench.views.modules import module

ENDED = re.compile(r"^selected: |Traceback")
INSIDE = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:", "about:")
AXE = Path(__file__).parents[2] / ".venv-verify/node/node_modules/axe-core/axe.min.js"
GRAVE = ("serious", "critical")
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}
HOST = """async ([code, traits, ground]) => {
  document.body.style.background = ground;
  document.body.style.color = ground === "white" ? "black" : "white";
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  const host = { traits, sent: [], listeners: {} };
  host.set = (name, value) => { host.traits[name] = value; for (const each of host.listeners[name] ?? []) each(); };
  const model = {
    get: (name) => host.traits[name],
    on: (event, call) => { (host.listeners[event.replace("change:", "")] ??= []).push(call); },
    off: (event, call) => { const all = host.listeners[event.replace("change:", "")]; all.splice(all.indexOf(call), 1); },
    send: (message) => host.sent.push(message),
  };
  const { default: shown } = await import(address);
  host.close = await shown.render({ model, el: document.querySelector("main") });
  window.host = host;
}"""
"""Shows a module without a kernel: ``host.traits`` are what it gets, ``host.sent`` what it says, ``host.set`` changes a trait."""

Show = Callable[..., None]


class Seen:
    """What a page asked of others, and what its console called an error."""

    def __init__(self, page: Any) -> None:
        self.requested: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requested.append(request.url))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", lambda said: self.errors.append(said.text) if said.type == "error" else None)

    def outside(self) -> set[str]:
        return {url for url in self.requested if not url.startswith(INSIDE)}


@pytest.fixture
def page(browser: Any) -> Iterator[Any]:
    context = browser.new_context(viewport={"width": 1500, "height": 1500})
    page = context.new_page()
    page.set_default_timeout(60_000)
    yield page
    context.close()


@pytest.fixture
def seen(page: Any) -> Iterator[Seen]:
    """What the page does; any error of its console, and any request that leaves this machine, fails the test."""
    seen = Seen(page)
    yield seen
    assert seen.errors == []
    assert seen.outside() == set()


@pytest.fixture
def incident(home: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("WORKBENCH_AUTHOR", "ada")
    with Record.open(record_path(ensure_home(home))) as record:
        create_incident(record, "INC-1", "Loans", "ada")
    return "INC-1"


@contextmanager
def served(address: str, command: list[str], **more: object) -> Iterator[str]:
    """The address of a server of ours, once it answers; ended afterwards."""
    environment = {**os.environ, **{name: str(value) for name, value in more.items()}}
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment) as server:
        try:
            _await(address, server)
            yield address
        finally:
            server.terminate()
            with suppress(subprocess.TimeoutExpired):
                server.wait(10)
            server.kill()  # a Lab that is told to end while a kernel starts may stay


def _await(address: str, server: subprocess.Popen[bytes]) -> None:
    for _ in range(400):
        assert server.poll() is None, f"the server of {address} ended"
        try:
            urllib.request.urlopen(address, timeout=10).close()  # noqa: S310  our own loopback server
        except OSError:
            time.sleep(0.25)
        else:
            return
    pytest.fail(f"nothing answered at {address}")


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture
def open_lab(tmp_path: Path, home: Path) -> Iterator[Callable[..., str]]:
    """Starts a JupyterLab, light or dark, that shows a notebook, given whole or as its cells; gives the address."""
    with ExitStack() as servers:

        def shown(given: nbformat.NotebookNode | list[Any], *, dark: bool = False) -> str:
            folder = tmp_path / "notebooks"
            folder.mkdir()
            notebook = new_notebook(cells=given, metadata=KERNEL) if isinstance(given, list) else given
            nbformat.write(notebook, folder / "n.ipynb")
            _settings(home / "lab", dark=dark)
            port = free_port()
            command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
                       "--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]  # fmt: skip
            own = {"JUPYTER_CONFIG_DIR": home / "lab", "JUPYTER_DATA_DIR": home / "lab/data", "WORKBENCH_HOME": home}
            servers.enter_context(served(f"http://127.0.0.1:{port}/api", command, **own))
            return f"http://127.0.0.1:{port}/lab/tree/n.ipynb?reset"

        yield shown


def _settings(folder: Path, *, dark: bool) -> None:
    """JupyterLab's settings in its configuration folder: its theme, and no question whether it may fetch news."""
    own = folder / "lab/user-settings/@jupyterlab/apputils-extension"
    own.mkdir(parents=True)
    (own / "notification.jupyterlab-settings").write_text(json.dumps({"fetchNews": "false"}))
    theme = {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"}
    (own / "themes.jupyterlab-settings").write_text(json.dumps(theme))


@pytest.fixture
def run_all(page: Any) -> Callable[..., None]:
    """Runs all cells of the notebook that is open, whose last one prints ``selected: …``, and sees that none failed."""

    def run(seconds: int = 180) -> None:
        page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=120_000)
        page.get_by_text("| Idle").wait_for(timeout=120_000)
        page.get_by_text("Run", exact=True).first.click()
        page.get_by_text("Run All Cells", exact=True).first.click()
        page.locator(".jp-OutputArea-output", has_text=ENDED).first.wait_for(timeout=seconds * 1000)
        assert page.locator(".jp-OutputArea-output", has_text="Traceback").all_inner_texts() == []

    return run


@contextmanager
def serving(app: str) -> Iterator[str]:
    """Serves one page of this home, as `workbench serve` does; gives its address."""
    port = free_port()
    command = [sys.executable, "-c", "from workbench.cli import main; main()", "serve", app, "--port", str(port)]
    with served(f"http://127.0.0.1:{port}/{app}", command) as address:
        yield address


@pytest.fixture
def open_status() -> Iterator[str]:
    """The address of the status page of this home."""
    with serving("status") as address:
        yield address


@pytest.fixture
def open_lineage_page() -> Iterator[str]:
    """The address of the lineage page of this home."""
    with serving("lineage") as address:
        yield address


@pytest.fixture
def open_page() -> Callable[[str], AbstractContextManager[str]]:
    """Serves the page of a name, of this home, while it is entered; gives its address."""
    return serving


@pytest.fixture
def open_fairness() -> Iterator[str]:
    """The address of the fairness page of this home."""
    with serving("fairness") as address:
        yield address


@pytest.fixture
def show(page: Any) -> Show:
    """Shows a module on a bare page with the traits given: no kernel, no server."""

    def shown(concept: str, ground: str = "white", code: str | None = None, **traits: object) -> None:
        given = {"selection": "all rows", "can_undo": False, "can_redo": False, "reference": "", "current": "",
                 "readonly": False, "message": "", **traits}  # fmt: skip
        page.set_content("<!doctype html><html lang='en'><title>Host</title><main><h1>Host</h1></main></html>")
        page.evaluate(HOST, [code or module(concept), given, ground])

    return shown


@pytest.fixture
def grave(page: Any) -> Callable[..., list[str]]:
    """What axe-core calls serious or critical on the page, or in the part of it that a selector names."""
    if not AXE.is_file():
        pytest.skip(f"npm could not install axe-core: {AXE} is not there")
    source = AXE.read_text(encoding="utf-8")

    def found(within: str = "html") -> list[str]:
        page.evaluate(source)
        run = "within => axe.run(document.querySelector(within), {resultTypes: ['violations']})"
        violations = page.evaluate(run, within)["violations"]
        return [
            f"{item['impact']} {item['id']}: {node['html'][:200]} {node['failureSummary']}"
            for item in violations
            if item["impact"] in GRAVE
            for node in item["nodes"]
        ]

    return found


@pytest.fixture
def shoot(page: Any) -> Callable[..., None]:
    """Takes a picture for the README where ``WORKBENCH_SCREENSHOTS`` names a folder."""

    def taken(name: str, **options: object) -> None:
        if (folder := os.environ.get("WORKBENCH_SCREENSHOTS")) is not None:
            page.screenshot(path=f"{folder}/{name}.png", **options)

    return taken
