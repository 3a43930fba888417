"""Where in an executed notebook a statement is shown: the cells, and their places on the notebook's page."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from workbench.evidence.compare import read_notebook


@dataclass(frozen=True)
class ShownIn:
    """A cell of an executed notebook: its number from 1, its id, its source, and where the notebook's page has it."""

    number: int
    id: str
    source: str
    page: str


def read_cells(notebook: bytes, name: str) -> list[tuple[ShownIn, str]]:
    """Every cell of a notebook, with what its outputs show as it is read; none of what is no notebook.

    Parameters
    ----------
    name
        Of the notebook in the payload; its page lies beside it.
    """
    page = PurePosixPath(name).with_suffix(".html")
    try:
        cells = list(enumerate(read_notebook(notebook).cells, 1))
    except (ValueError, KeyError, AttributeError):
        return []
    return [
        (
            ShownIn(number, str(cell.get("id", "")), str(cell.source), f"{page}#cell-{number}"),
            "\n".join(map(_plain, _texts(cell.get("outputs", [])))),
        )
        for number, cell in cells
    ]


def cells_showing(cells: Iterable[tuple[ShownIn, str]], statement: str) -> list[ShownIn]:
    """Those of `cells` whose outputs show `statement`, in order; none for an empty one."""
    said = _plain(statement)
    return [cell for cell, text in cells if said and said in text]


def _texts(value: Any) -> Iterator[str]:
    """Every text in a notebook's outputs."""
    if isinstance(value, str):
        yield value
    for item in value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ():
        yield from _texts(item)


def _plain(text: str) -> str:
    """`text` as it is read: without HTML's escapes, each stretch of blanks one."""
    return " ".join(html.unescape(text).split())
