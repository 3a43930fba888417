"""Tables and figures in forms that need no kernel and no network: HTML with small cells blanked, and SVG."""

from __future__ import annotations

import html
import re
import shutil
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pandas as pd
import plotly.graph_objects as go

from workbench.errors import InputError

BLANK = "–"
WIDTH = 1000
DEFAULT_HEIGHT = 450
"""Of a figure as an image, in pixels."""
TABLE = "font-size:14px;border-collapse:collapse"
CELL = "text-align:left;vertical-align:top;padding:4px 8px;border-top:1px solid #d9d9d9"
BELOW = "font-size:0.9em;opacity:0.75"
WHOLE_WORD = re.compile(r"\b\d{4}-\d\d-\d\d\b(?: \d\d:\d\d UTC\b)?|\b\d(?:\.\d+)?e-\d+\b")
"""What stays on one line: a day, a minute, and a number as small as 2e-145."""
WHOLE = r"<span style='white-space:nowrap'>\g<0></span>"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")


class Static(Protocol):
    """What can be shown without a kernel, as text by ``repr``; what it shows does not change afterwards."""

    def _repr_html_(self) -> str: ...


class Table:
    """A table that a notebook, an HTML page and a terminal can show.

    Parameters
    ----------
    frame
        What to show; cells are shown as text, what stands below a cell's first line smaller.
    caption
        One line above it.
    """

    def __init__(self, frame: pd.DataFrame, caption: str = "") -> None:
        self.frame = frame
        self.caption = caption

    def _repr_html_(self) -> str:
        caption = (
            f"<caption style='text-align:left;caption-side:top'>{html.escape(self.caption)}</caption>" if self.caption else ""
        )
        head = "".join(f"<th scope='col' style='{CELL}'>{html.escape(str(name))}</th>" for name in self.frame.columns)
        rows = "".join(f"<tr>{_cells(row)}</tr>" for row in self.frame.itertuples(index=False, name=None))
        return f"<table style='{TABLE}'>{caption}<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"

    def __repr__(self) -> str:
        text = self.frame.map(lambda cell: cell.replace("\n", "; ") if isinstance(cell, str) else cell).to_string(index=False)
        return f"{self.caption}\n{text}" if self.caption else text


def _cells(row: Sequence[object]) -> str:
    return "".join(f"<td style='{CELL}'>{_cell(str(cell))}</td>" for cell in row)


def _cell(text: str) -> str:
    first, _, below = escaped(text).partition("\n")
    return f"{first}<div style='{BELOW}'>{below}</div>" if below else first


def estimate_text(value: float | None, low: float | None, high: float | None) -> str:
    """A number with as much of its interval as is known, the number alone where nothing is; blank where there is no number."""
    if value is None or pd.isna(value):
        return BLANK
    ends = [None if end is None or pd.isna(end) else f"{end:.3g}" for end in (low, high)]
    match ends:
        case [None, None]:
            return f"{value:.3g}"
        case [None, above]:
            return f"{value:.3g} (at most {above})"
        case [below, None]:
            return f"{value:.3g} (at least {below})"
    return f"{value:.3g} ({ends[0]} to {ends[1]})"


def escaped(text: str) -> str:
    """`text` as HTML in which a day, or a small number, is not broken over two lines."""
    return WHOLE_WORD.sub(WHOLE, html.escape(text))


class Several:
    """What is shown one below the other in one output, such as a drawing and the table of its numbers."""

    def __init__(self, *parts: Static) -> None:
        self.parts = parts

    def _repr_html_(self) -> str:
        return "\n".join(part._repr_html_() for part in self.parts)

    def __repr__(self) -> str:
        return "\n\n".join(map(repr, self.parts))


class Sentence:
    """One sentence, shown large."""

    def __init__(self, text: str) -> None:
        self.text = text

    def _repr_html_(self) -> str:
        return f'<p style="font-size:1.25em;line-height:1.4;max-width:60em">{escaped(self.text)}</p>'

    def __repr__(self) -> str:
        return self.text


def blanked(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """`frame` with `columns` missing in every row that is ``suppressed``, and without that column.

    Give a table of `workbench.result.Result.published`: what else has to go so that the small cells cannot be solved for depends
    on the whole result, and was marked or blanked there.
    """
    if "suppressed" not in frame:
        return frame
    hidden = frame["suppressed"].to_numpy(dtype=bool)
    shown = frame.drop(columns="suppressed")
    for column in columns:
        if hidden.any():
            shown[column] = shown[column].astype(object).mask(hidden, None)
    return shown


def can_draw() -> bool:
    """Whether a browser that turns figures into images is installed."""
    return any(shutil.which(browser) for browser in BROWSERS)


def figures_svg(figures: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each Plotly figure, given as its JSON, as SVG text; one browser serves them all, offline.

    Raises
    ------
    InputError
        If no browser is installed.
    """
    if not can_draw():
        raise InputError("no browser to draw figures with", None, "Install chromium (Debian: apt-get install chromium).")
    import kaleido

    kaleido.start_sync_server(silence_warnings=True)
    try:
        return [_svg(kaleido, go.Figure(figure)) for figure in figures]
    finally:
        kaleido.stop_sync_server(silence_warnings=True)


def _svg(kaleido: Any, figure: go.Figure) -> str:
    height = figure.layout.height or DEFAULT_HEIGHT
    image: bytes = kaleido.calc_fig_sync(figure.to_plotly_json(), opts={"format": "svg", "width": WIDTH, "height": height})
    return image.decode()
