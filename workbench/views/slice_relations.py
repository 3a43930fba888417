"""How the distinct slices hang together: the tree of their conditions, the rows each two share, two features against each other.

Of a result as `find_slices` left it (its tables ``tree``, ``shared`` and ``pairs``, published before they are shown), or of what
the explorer asks for as it goes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from workbench.predicate import ALL_ROWS
from workbench.result import SMALL_CELL, Result
from workbench.result.cells import is_small
from workbench.views.render import BLANK, Table
from workbench.views.slice_words import finite, loss_label, loss_writer, short_label
from workbench.views.theme import BLUE, GRID, INK, ORANGE, styled

MOST_CODES: Final = 24
"""Of a feature in `pair_form`: those of the most rows."""


def tree_table(result: Result) -> Table:
    """The distinct slices as a tree: each line adds a condition to the line it hangs from; small cells blanked."""
    nodes = tree_rows(result.published())
    number, changes = loss_writer(result), any("mean_before" in node for node in nodes)
    rows = [
        [
            branch + node["condition"],
            BLANK if node["size"] is None else f"{node['size']:,.0f}",
            number(node["mean"]),
            *([number(node["mean_before"])] if changes else []),
            f"#{node['rank']}" if node["rank"] else "",
        ]
        for node, branch in zip(nodes, _branches(nodes), strict=True)
    ]
    columns = ["rows where", "rows", loss_label(result), *(["before"] if changes else []), "slice"]
    longest = max(len(row[0]) for row in rows)
    told = pd.DataFrame([[row[0].ljust(longest), *row[1:]] for row in rows], columns=columns)
    return Table(told, "The same slices as a tree: each line adds a condition to the one it hangs from")


def _branches(nodes: Sequence[Mapping[str, Any]]) -> list[str]:
    """What is drawn before each node of a tree: lines down to further siblings of those above, and the corner it hangs from."""
    last = {node["parent"]: at for at, node in enumerate(nodes)}
    drawn = []
    for at, node in enumerate(nodes):
        signs, above = [] if node["parent"] is None else ["└" if last[node["parent"]] == at else "├"], node["parent"]
        while above:
            signs.append("\N{EM SPACE}" if last[nodes[above]["parent"]] == above else "│")
            above = nodes[above]["parent"]
        drawn.append("".join(f"{sign}\N{EM SPACE}" for sign in signs[::-1]))
    return drawn


def tree_rows(result: Result) -> list[dict[str, Any]]:
    """The nodes of the table ``tree``, all rows first, each before its children; a suppressed node has no numbers.

    ``parent`` is the position of the node it hangs from, None for all rows.
    """
    numbers, every = result.numbers, str(ALL_ROWS)
    ranks = {where: rank for rank, where in enumerate(_slices(result), 1)}
    root = {"slice": every, "where": every, "condition": every, "parent": None, "level": 0, "rank": 0}
    ends = {"size": numbers["measured"], "mean": numbers["overall"]}
    ends |= {"mean_before": numbers["overall_before"]} if "overall_before" in numbers else {}
    found: list[dict[str, Any]] = [root | ends]
    places = {every: 0}
    for at, row in enumerate(result.tables["tree"].to_dict("records"), 1):
        where, parent = row["slice"], places[row["parent"]]
        places[where] = at
        told = {"slice": where, "where": where, "condition": row["condition"], "parent": parent, "rank": ranks.get(where, 0)}
        numbered = {name: None if row["suppressed"] else finite(row[name]) for name in ends if name in row}
        found.append({**told, "level": found[parent]["level"] + 1, **numbered})
    return found


def _slices(result: Result) -> list[str]:
    """The distinct slices; their table has lost its columns where it is empty and was read from a file."""
    table = result.tables["distinct"]
    return table["slice"].tolist() if len(table) else []


def pair_figure(pair: Mapping[str, Any], result: Result) -> go.Figure:
    """Two features against each other: the larger the square, the larger the mean loss; orange where above the average.

    Parameters
    ----------
    pair
        What `pair_form` gives.
    """
    cells = pd.DataFrame(pair["cells"], columns=["x", "y", "rows", "mean"]).dropna()
    top = cells["mean"].abs().max() if len(cells) else 1.0
    overall = float(str(result.numbers["overall"] or 0.0))
    number = loss_writer(result)
    sizes = 6 + 22 * np.sqrt(cells["mean"].abs() / (top or 1.0))
    colors = np.where(cells["mean"] > overall, ORANGE, BLUE).tolist()
    marker = {"symbol": "square", "size": sizes, "color": colors, "opacity": 1, "line": {"color": INK, "width": 0.5}}
    said = [f"{number(mean)} of {int(rows):,} rows" for mean, rows in zip(cells["mean"], cells["rows"], strict=True)]
    labels = [[short_label(text, pair[axis]) for text in pair[f"{axis}_labels"]] for axis in "xy"]
    x, y = ([labels[at][int(code)] for code in cells[axis]] for at, axis in enumerate("xy"))
    told = "%{x}, %{y}: %{customdata}<extra></extra>"
    figure = go.Figure(go.Scatter(x=x, y=y, mode="markers", marker=marker, customdata=said, hovertemplate=told))
    figure.update_xaxes(title=pair["x"], type="category", categoryorder="array", categoryarray=labels[0])
    figure.update_yaxes(title=pair["y"], type="category", categoryorder="array", categoryarray=labels[1])
    title = f"{loss_label(result).capitalize()} by {pair['x']} and {pair['y']} (cells of fewer than {SMALL_CELL} rows left out)"
    return styled(figure, title=title, height=240 + 38 * max(1, len(labels[1])))


def pair_form(
    one: str, other: str, labels: tuple[Sequence[str], Sequence[str]], cells: tuple[np.ndarray, np.ndarray]
) -> dict[str, Any]:
    """Two features against each other, for `pair_figure` and the browser; small cells are blanked.

    Parameters
    ----------
    labels
        What each code means.
    cells
        Rows and mean of each pair of codes, shapes (codes of one, codes of other).
    """
    rows, means = cells
    used = [_most(rows.sum(axis=1 - axis)) for axis in (0, 1)]
    listed = [
        [x, y, None if is_small(count) else count, None if is_small(count) else float(means[a, b])]
        for x, a in enumerate(used[0].tolist())
        for y, b in enumerate(used[1].tolist())
        if (count := int(rows[a, b]))
    ]
    named = [[texts[code] for code in codes] for texts, codes in zip(labels, used, strict=True)]
    return {"x": one, "y": other, "x_labels": named[0], "y_labels": named[1], "cells": listed}


def _most(rows: np.ndarray) -> np.ndarray:
    """The codes of the most rows, in their order."""
    used = np.flatnonzero(rows)
    return np.sort(used[np.argsort(-rows[used], kind="stable")[:MOST_CODES]])


def pair_forms(result: Result) -> list[dict[str, Any]]:
    """The features that the worst slices name together, pair by pair for `pair_figure`; small cells blanked."""
    table, found = result.published().tables["pairs"], []
    for (x, y), cells in table.groupby(["x", "y"], sort=False) if len(table) else ():
        labels = {axis: list(dict.fromkeys(cells[f"{axis}_condition"])) for axis in "xy"}
        places = {axis: {text: at for at, text in enumerate(labels[axis])} for axis in "xy"}
        listed = [
            [places["x"][row["x_condition"]], places["y"][row["y_condition"]],
             *((None, None) if row["suppressed"] else (finite(row["size"]), finite(row["mean"])))]
            for row in cells.to_dict("records")
        ]  # fmt: skip
        found.append({"x": x, "y": y, "x_labels": labels["x"], "y_labels": labels["y"], "cells": listed})
    return found


def shared_shares(result: Result) -> np.ndarray:
    """Of each two distinct slices the rows in both, as a share of those in either (Jaccard), from published sizes.

    Returns
    -------
    ndarray
        Shape (slices, slices); NaN where one of the sizes is blanked.
    """
    tables = result.published().tables
    sizes = pd.to_numeric(tables["distinct"].get("size", pd.Series(dtype=float))).to_numpy(dtype=float)
    places = {where: at for at, where in enumerate(_slices(result))}
    found = np.where(np.isnan(sizes)[:, None] | np.isnan(sizes), np.nan, 0.0)
    for row in tables["shared"].to_dict("records"):
        one, other = places[row["one"]], places[row["other"]]
        both = np.nan if row["suppressed"] else float(row["size"])
        either = np.maximum(sizes[one] + sizes[other] - both, both)  # sizes are rounded; NaN stays NaN
        found[one, other] = found[other, one] = both / either
    np.fill_diagonal(found, 1.0)
    return found


def overlap_figure(result: Result) -> go.Figure:
    """How much each two of the distinct slices are the same rows: the larger the square, the more."""
    shares = shared_shares(result)
    names = [f"#{rank}" for rank in range(1, len(shares) + 1)]
    cells = [(a, b) for a, b in itertools.product(range(len(names)), repeat=2) if shares[a, b] > 0]
    slices = _slices(result)
    told = [
        slices[a] if a == b else f"#{a + 1} and #{b + 1}: {shares[a, b]:.0%} of their rows<br>{slices[a]}<br>{slices[b]}"
        for a, b in cells
    ]
    marker = {
        "symbol": "square",
        "opacity": 1,
        "size": [4 + 22 * float(np.sqrt(shares[a, b])) for a, b in cells],
        "color": [GRID if a == b else BLUE for a, b in cells],
        "line": {"color": INK, "width": 0.5},
    }
    x, y = ([names[cell[axis]] for cell in cells] for axis in (0, 1))
    hover = "%{customdata}<extra></extra>"
    figure = go.Figure(go.Scatter(x=x, y=y, mode="markers", marker=marker, customdata=told, hovertemplate=hover))
    figure.update_xaxes(title="slice", type="category", categoryorder="array", categoryarray=names)
    figure.update_yaxes(title="slice", type="category", categoryorder="array", categoryarray=names[::-1])
    title = f"Rows that each two slices share, of the rows of either (fewer than {SMALL_CELL} left out)"
    return styled(figure, title=title, height=240 + 34 * max(1, len(names)))
