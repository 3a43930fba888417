"""An executed notebook as one HTML page, and that page as PDF: readable from a file, with no network, by anyone with a browser.

A figure is there three times, each taking over from the one before: as a picture in the page (shown before any script has run,
without JavaScript, and in print), as its data, and alive once plotly.js has loaded. plotly.js is a file beside the pages, once
for all of them. Formulas are drawn by KaTeX as MathML, which is in the page only where there are any.

The page's policy lets it run the scripts written here, known by their digests, and script files from where it lies itself; it
may fetch nothing. What a notebook's outputs bring along is made harmless in `workbench.evidence.outputs`.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from nbformat import NotebookNode

from workbench.errors import BadOutcomeError, InputError
from workbench.evidence.freeze import INJECTED_TAG, has_errors
from workbench.evidence.templates import PARAMETERS_TAG
from workbench.files import write_whole
from workbench.views.render import BROWSERS
from workbench.views.theme import DARK, WHITE, dark_figures

PLOTLY_ASSET: Final = "assets/plotly.min.js"
"""Where a bundle keeps plotly.js."""
FOLDER: Final = Path(__file__).with_name("page")
LABELS: Final = {PARAMETERS_TAG: "Parameters, as declared", INJECTED_TAG: "Parameters of this run"}
"""What the code of a cell is called, by the cell's tag."""
DARK_FIGURES: Final = f"""@media screen and (prefers-color-scheme: dark) {{
figure.plot {{ background: {DARK[WHITE]}; }}
figure.plot img.twin {{ filter: invert(0.914) hue-rotate(180deg); }}
{dark_figures("figure.alive ")}
}}
"""
"""Figures follow the reader's theme. A picture is evidence: its bytes stay, the page turns it (0.914: white to dark ground)."""
OFFLINE: Final = ("--host-resolver-rules=MAP * ~NOTFOUND", "--disable-background-networking", "--disable-component-update",
                  "--disable-sync")  # fmt: skip
PRINTING: Final = ("--headless", "--disable-gpu", "--no-first-run", "--no-pdf-header-footer", "--virtual-time-budget=10000")
PRINT_SECONDS: Final = 120
"""How long the browser may take over a PDF."""


def notebook_page(notebook: NotebookNode, *, title: str, plotly: str | None) -> str:
    """One HTML document that shows an executed, frozen notebook; the same notebook gives the same text.

    Parameters
    ----------
    notebook
        As `workbench.evidence.freeze.freeze` leaves it.
    title
        The page's title and first heading.
    plotly
        Where plotly.js lies, as a URL relative to the page (``../../assets/plotly.min.js``); None: figures are pictures only. A
        page without figures does not load it.

    Raises
    ------
    InputError
        If `plotly` is not relative: the page would need a network, or only work on one machine.
    """
    import jinja2

    from workbench.evidence.outputs import LIVE, MATHS

    if plotly is not None and (not plotly or any(urlsplit(plotly)[:2]) or plotly.startswith(("/", "\\"))):
        raise InputError("not a relative URL", plotly, "Give the place of plotly.js as seen from the page.")
    cells = list(_cells(notebook, live=plotly is not None))
    blocks = [block for cell in cells for block in (cell["text"], *cell["outputs"])]
    maths, alive = (any(mark in block for block in blocks) for mark in (MATHS, LIVE))
    place = plotly if alive else None
    scripts = [*([_katex()] if maths else []), _script("page.js")]
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(FOLDER), autoescape=True, undefined=jinja2.StrictUndefined,
                                     trim_blocks=True, lstrip_blocks=True)  # fmt: skip
    return environment.get_template("page.html.j2").render(
        title=title, facts=_facts(notebook), stopped=has_errors(notebook), cells=cells, plotly=place, scripts=scripts,
        style=(FOLDER / "page.css").read_text(encoding="utf-8") + DARK_FIGURES, policy=_policy(scripts, files=place is not None),
    )  # fmt: skip


def plotly_asset() -> bytes:
    """plotly.js, whole and minified (4.8 MB), as the installed plotly package carries it; a page's figures come alive with it."""
    return _shipped("plotly", "package_data/plotly.min.js").read_bytes()


def notebook_pdf(page_path: Path, out: Path) -> None:
    """Print the page at `page_path` into the PDF `out`, with a headless browser and no network.

    Raises
    ------
    InputError
        If there is no such page, or no browser.
    BadOutcomeError
        If the browser printed nothing.
    StorageError
        If `out` cannot be written.
    """
    if not page_path.is_file():
        raise InputError("no page to print", str(page_path), "Write what notebook_page gives there first.")
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise InputError("no browser to print with", None, "Install chromium (Debian: apt-get install chromium).")
    root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder:
        draft = Path(folder, "page.pdf")
        command = [browser, *PRINTING, *OFFLINE, *root, f"--user-data-dir={folder}/profile", f"--print-to-pdf={draft}",
                   page_path.absolute().as_uri()]  # fmt: skip
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PRINT_SECONDS)  # noqa: S603  ours
        except subprocess.TimeoutExpired as exc:
            raise BadOutcomeError("the browser did not finish printing", str(page_path), "Try again, or print by hand.") from exc
        if not draft.is_file():
            said = done.stderr.strip()[-200:]
            raise BadOutcomeError("the browser printed nothing", said, "Open the page and print it by hand.")
        write_whole(out, draft.read_bytes())


def _cells(notebook: NotebookNode, *, live: bool) -> Iterator[dict[str, Any]]:
    """What the template needs of each cell; cells are numbered from 1, as in the record."""
    from workbench.evidence.outputs import shown

    lexer = notebook.metadata.get("language_info", {}).get("pygments_lexer", "ipython3")
    for number, cell in enumerate(notebook.cells, 1):
        tag = next((tag for tag in LABELS if tag in cell.metadata.get("tags", ())), "")
        yield {
            "number": number,
            "kind": cell.cell_type,
            "text": _text(cell, lexer),
            "label": LABELS.get(tag, "Code"),
            "lines": len(cell.source.splitlines()),
            "open": tag == INJECTED_TAG,
            "outputs": [*filter(None, (shown(output, live=live) for output in cell.get("outputs", [])))],
        }


def _text(cell: NotebookNode, lexer: str) -> str:
    from workbench.evidence.outputs import code, markdown

    if cell.cell_type == "code":
        return code(cell.source, lexer)
    return markdown(cell.source, cell.get("attachments")) if cell.cell_type == "markdown" else str(cell.source)


def _facts(notebook: NotebookNode) -> list[str]:
    """What the notebook's metadata say of its run."""
    own, papermill = notebook.metadata.get("workbench", {}), notebook.metadata.get("papermill", {})
    facts = [f"run {own['status']}"] if own.get("status") else []
    if began := papermill.get("start_time"):
        facts.append(f"{dt.datetime.fromisoformat(began).astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC")
    if duration := papermill.get("duration"):
        facts.append(f"{duration:.0f} s")
    return [*facts, *([f"pictures of the figures {own['twins']}"] if own.get("twins") else [])]


def _policy(scripts: list[str], *, files: bool) -> str:
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in scripts)
    allowed = [*(f"'sha256-{digest}'" for digest in digests), *(["'self'"] if files else [])]
    return (
        f"default-src 'none'; script-src {' '.join(allowed)}; style-src 'unsafe-inline'; img-src data: blob:; "
        "base-uri 'none'; form-action 'none'"
    )


def _script(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _katex() -> str:
    """KaTeX with its licence, as Panel carries it for its own formulas offline."""
    code = _shipped("panel", "dist/bundled/katex/*/dist/katex.min.js").read_text(encoding="utf-8")
    return f"/*!\n{_script('katex-license.txt')}*/\n{code}"


def _shipped(package: str, pattern: str) -> Path:
    """A file inside an installed package, which is not imported."""
    spec = importlib.util.find_spec(package)
    found = sorted(Path(spec.origin).parent.glob(pattern)) if spec and spec.origin else []
    if not found:
        raise InputError(f"the installed {package} lacks a file", pattern, f"Install {package} again.")
    return found[-1]
