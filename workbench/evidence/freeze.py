"""An executed notebook as evidence: nothing in it depends on a live widget, and its digest says whether two runs agree.

Freezing drops widget state, gives every figure an SVG twin, so that the notebook shows the same wherever it is opened, and
withholds what an error of another package says, since it may quote a row. The *normalised digest* leaves out what differs
between two equal runs: times, cell ids, counters, where files lay, the salt of pseudonyms, and twins, which are drawn from the
figure beside them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePath
from typing import Any, Final

from nbformat import NotebookNode

from workbench.digest import digest
from workbench.errors import BadOutcomeError, shorten
from workbench.evidence.redact import PSEUDONYM, error_stream, error_text, error_traceback
from workbench.incident.claims import PLACES
from workbench.views.render import can_draw, figures_svg

COMPLETED: Final = "completed"
WIDGET_VIEW: Final = "application/vnd.jupyter.widget-view+json"
PLOTLY: Final = "application/vnd.plotly.v1+json"
SVG: Final = "image/svg+xml"
TWINS: Final = (SVG, "image/png")
INJECTED_TAG: Final = "injected-parameters"
INCIDENTAL: Final = re.compile(rf"\b0x[0-9a-f]{{6,}}\b|{PSEUDONYM}")
"""Memory addresses, and pseudonyms of rows, which depend on a salt that nobody else has."""
ERROR_MARKER: Final = "papermill-error-cell-tag"
SKIPPED: Final = "skip-execution"
"""Tag of a cell that the kernel is never given."""
BLANK_WIDGET: Final = "a widget has no static twin"

Fault = tuple[int, str]
"""Number of a cell, from 1, and what is wrong with it in one line."""


def freeze(notebook: NotebookNode, status: str) -> NotebookNode:
    """A copy of `notebook` that depends on nothing live, with its `status` in ``metadata.workbench``.

    What errors say is withheld, but for those of ours (`workbench.evidence.redact`). Only a completed notebook is evidence;
    another one keeps its blank widgets, its figures get no twins, and papermill's banners are taken out, so that its cells keep
    the numbers by which the record names them.

    Raises
    ------
    BadOutcomeError
        If an output of a completed notebook is a widget and nothing else: it would be blank for whoever reads the evidence.
    """
    frozen = copy.deepcopy(notebook)
    completed = status == COMPLETED
    if completed and (blank := blank_widget(frozen)) is not None:
        raise BadOutcomeError(f"{BLANK_WIDGET} (cell {blank[0]})", None, blank[1])
    drop_banners(frozen)
    frozen.metadata.pop("widgets", None)
    withhold_errors(frozen)
    outputs = _displayed(frozen.cells)
    for output in outputs:
        output.data.pop(WIDGET_VIEW, None)
    figures = [output for output in outputs if PLOTLY in output.data and not set(TWINS) & set(output.data)]
    twins = _add_twins(figures) if completed and figures else {}
    frozen.metadata["workbench"] = {"status": status, **twins}
    return frozen


def drop_banners(notebook: NotebookNode) -> None:
    """Take the cells out that papermill puts before a cell that failed, which shift the numbers of the others."""
    notebook.cells = [cell for cell in notebook.cells if ERROR_MARKER not in cell.metadata.get("tags", ())]


def withhold_errors(notebook: NotebookNode) -> None:
    """Take out of `notebook` what its errors say, where it may quote the data; which error it was, and where, stays."""
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if output.output_type == "error":
            output.traceback = error_traceback(output.ename, output.evalue, output.get("traceback", []))
            output.evalue = error_text(output.ename, output.evalue)
        elif output.get("name") == "stderr":
            output.text = error_stream(output.text)


def blank_widget(notebook: NotebookNode) -> Fault | None:
    """The first cell with an output that is a widget and nothing else; None where there is none."""
    for number, cell in enumerate(notebook.cells, 1):
        for output in _displayed([cell]):
            if WIDGET_VIEW in output.data and not set(output.data) - {WIDGET_VIEW, "text/plain"}:
                return (
                    number,
                    f"{BLANK_WIDGET}: {one_line(str(output.data.get('text/plain')))}. Display a figure or table beside it",
                )
    return None


def left_out(notebook: NotebookNode) -> Fault | None:
    """The first cell that the kernel should have run and did not; None where all were run."""
    for number, cell in enumerate(notebook.cells, 1):
        skipped = cell.cell_type != "code" or not cell.source.strip() or SKIPPED in cell.metadata.get("tags", ())
        if not skipped and cell.get("execution_count") is None:
            return number, "the cell was never run: the kernel ended before it"
    return None


def normalised_digest(notebook: NotebookNode) -> str:
    """Digest of what the notebook says: sources, parameters and outputs, without what differs between two equal runs."""
    cells = [cell for cell in notebook.cells if INJECTED_TAG not in cell.metadata.get("tags", ())]
    outputs = settled([[_said(output) for output in cell.get("outputs", [])] for cell in cells])
    form = {
        "parameters": _content_of(notebook.metadata.get("papermill", {}).get("parameters", {})),
        "cells": [
            {"type": cell.cell_type, "source": cell.source, "outputs": said} for cell, said in zip(cells, outputs, strict=True)
        ],
    }
    return digest(form)


def settled(content: Any) -> Any:
    """`content` with memory addresses taken out of its text, and every pseudonym replaced by its number in order of appearance.

    So a second run may choose another salt, and yet has to name the same row where the first named one twice.
    """
    return _settled(content, {})


def has_errors(notebook: NotebookNode) -> Fault | None:
    """Number of the first cell, from 1, with an error among its outputs, and that error in one line; None where there is none."""
    for number, cell in enumerate(notebook.cells, 1):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return number, one_line(f"{output.ename}: {output.evalue}".rstrip(": "))
    return None


def one_line(text: str) -> str:
    """`text` in one line of at most 200 characters, without what steers a terminal."""
    return shorten("".join(letter if letter.isprintable() else " " for letter in text))


def _displayed(cells: Iterable[NotebookNode]) -> list[NotebookNode]:
    """The outputs of `cells` that show something, in order."""
    return [output for cell in cells for output in cell.get("outputs", []) if "data" in output]


def _add_twins(outputs: Sequence[NotebookNode]) -> dict[str, str]:
    """Draw every figure at once; without a browser the figures stay as they are, alive and with their data.

    Returns
    -------
    dict
        ``{"twins": why there are none}``, or nothing.
    """
    if not can_draw():
        return {"twins": "not drawn: no browser is installed"}
    try:
        drawn = figures_svg([output.data[PLOTLY] for output in outputs])
    except Exception as exc:  # noqa: BLE001  whatever ails the browser, the numbers are there; losing the run for a picture is worse
        return {"twins": f"not drawn: {type(exc).__name__}: {one_line(str(exc))}"}
    for output, svg in zip(outputs, drawn, strict=True):
        output.data[SVG] = svg
    return {}


def _content_of(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """`parameters` without those that say where a run belongs, and each file by its name alone."""
    kept = {name: value for name, value in parameters.items() if name not in PLACES}
    return {
        name: PurePath(value).name if isinstance(value, str) and value.startswith("/") else value for name, value in kept.items()
    }


def _said(output: NotebookNode) -> dict[str, Any]:
    """The part of an output that two equal runs share, but for what is `INCIDENTAL` in its text."""
    if "data" not in output:
        return {key: output[key] for key in ("output_type", "name", "text", "ename", "evalue") if key in output}
    twins = set(TWINS) if PLOTLY in output.data else set()
    return {"data": {kind: content for kind, content in output.data.items() if kind not in twins}}


def _settled(content: Any, rows: dict[str, str]) -> Any:
    if isinstance(content, str):
        return INCIDENTAL.sub(lambda found: _constant(found[0], rows), content)
    if isinstance(content, Mapping):
        return {key: _settled(item, rows) for key, item in content.items()}
    return [_settled(item, rows) for item in content] if isinstance(content, list) else content


def _constant(text: str, rows: dict[str, str]) -> str:
    return "0x" if text.startswith("0x") else rows.setdefault(text, f"row:{len(rows) + 1}")
