"""The disparity panel without a kernel: the same words, numbers and charts, as it stays in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

import pandas as pd

from workbench.digest import Plain
from workbench.views.disparity_blocks import Block, count
from workbench.views.disparity_svg import Drawing, chart_svg, dots_svg
from workbench.views.render import BLANK, Sentence, Several, Static, Table


def panel_twin(form: Mapping[str, Any]) -> Several:
    """`form` of `workbench.views.disparity_form.panel_form` as static output: the guard first, then tab after tab."""
    parts: list[Static] = [*_all(form["guard"])]
    parts.append(Sentence(f"{count(form['rows'])} decisions measured: {form['where']}. {form['note']}".strip()))
    for tab in form["tabs"]:
        parts += _all(tab["blocks"])
    return Several(*parts)


def blocks_twin(blocks: list[Block]) -> Several:
    """Blocks alone as static output, one below the other."""
    return Several(*_all(blocks))


def _all(blocks: list[Block]) -> Iterator[Static]:
    for block in blocks:
        make = MAKERS.get(str(block["kind"]))
        if make is not None:
            yield make(block)


def _table(block: Mapping[str, Any]) -> Static:
    return Table(pd.DataFrame(block["rows"], columns=block["columns"]), block["caption"])


def _matrix(block: Mapping[str, Any]) -> Static:
    shown = [(at, measure) for at, measure in enumerate(block["measures"]) if measure["main"]]
    rows = [[group["label"], "suppressed" if group["hidden"] else group["n"], *_cells(group, shown)] for group in block["groups"]]
    columns = ["group", "rows", *(name for _, measure in shown for name in _heads(measure))]
    caption = f"Groups by {block['attribute']}, held against {block['reference']}; 95 % intervals; ratio 0.8: four fifths"
    return Table(pd.DataFrame(rows, columns=columns), caption)


def _heads(measure: Mapping[str, Any]) -> list[str]:
    return [f"{measure['label']} (of {measure['among']})", "ratio"] if measure["name"] == "selection_rate" else [measure["label"]]


def _cells(group: Mapping[str, Any], shown: list[tuple[int, Mapping[str, Any]]]) -> list[str]:
    told = []
    for at, measure in shown:
        cell = group["cells"][at]
        value = BLANK if cell is None else cell["value"]["text"] + (" ●" if cell["differs"] else "")
        told.append(value)
        if measure["name"] == "selection_rate":
            told.append(BLANK if cell is None else "reference" if group["reference"] else cell["ratio"]["text"])
    return told


def _map(block: Mapping[str, Any]) -> Static:
    rows = [
        [
            name,
            *(
                "nobody" if cell is None else "suppressed" if cell["hidden"] else f"{cell['text']} ({cell['n']})"
                for cell in cells
            ),
        ]
        for name, cells in zip(block["down"], block["cells"], strict=True)
    ]
    return Table(pd.DataFrame(rows, columns=[f"{block['of']} \\ {block['by']}", *block["across"]]), f"{block['title']} (rows)")


def _bars(block: Mapping[str, Any]) -> Static:
    rows: list[list[Plain]] = [[bar["label"], bar["text"], bar["meaning"]] for bar in block["bars"]]
    return Table(pd.DataFrame(rows, columns=["part", "adds to the difference", "what it is"]), block["title"])


def _dots(block: Mapping[str, Any]) -> Static:
    rows = [[dot["label"], dot["n"], dot["counted"], dot["text"]] for dot in block["dots"]]
    numbers = Table(pd.DataFrame(rows, columns=["group", "rows", "counted", "drawn towards the others (95 %)"]), block["title"])
    return Several(Drawing(block["title"], block["label"], dots_svg(block)), numbers)


MAKERS: Final[Mapping[str, Callable[[Mapping[str, Any]], Static]]] = {
    "text": lambda block: Sentence(block["text"]),
    "table": _table,
    "matrix": _matrix,
    "map": _map,
    "bars": _bars,
    "chart": lambda block: Drawing(block["title"], block["said"], chart_svg(block)),
    "dots": _dots,
}
