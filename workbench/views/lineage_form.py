"""The lineage as the browser may see it: one drawing, what is known of each box, and the suspects; no rows of the log.

`js/lineage.js` draws what is made here, in a notebook (``widgets/lineage.py``) and on a page (``apps/lineage.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from workbench.digest import Plain
from workbench.lineage.blast import BlastRadius
from workbench.lineage.changes import all_changes
from workbench.lineage.inquiry import NEW, Inquiry, Trace, version_of
from workbench.lineage.instant import as_instant, instant_text
from workbench.lineage.picture import Node, Picture
from workbench.result import Result
from workbench.result.cells import hide
from workbench.views.lineage import Drawing, lineage_svg
from workbench.views.render import Sentence, Several, Static, Table

MOST_GAPS: Final = 50
MOST_SUSPECTS: Final = 12
"""In the list beside the drawing; the result holds all."""


def drawing_form(inquiry: Inquiry, drawn: Picture) -> dict[str, Any]:
    """What the module needs to draw.

    Returns
    -------
    dict
        ``svg``; ``facts``, for each box pairs of a label and a text; ``node`` and ``against``, what is drawn and compared.
    """
    facts = {node.id: [[label, text] for label, text in _facts(inquiry, node) if text] for node in drawn.nodes}
    return {"svg": lineage_svg(drawn), "facts": facts, "node": inquiry.node, "origin": inquiry.origin, "against": inquiry.against}


def _facts(inquiry: Inquiry, node: Node) -> list[tuple[str, str]]:
    at = version_of(node.id)
    told = [("name", node.name), ("kind", node.kind), ("time", node.time or ""), ("status", node.status), ("missing", node.gap)]
    if at is None:
        return told
    lineage = inquiry.lineage
    version = lineage.versions[at]
    changes = [change.statement for change in all_changes(lineage)[at] if change.kind != NEW]
    jobs = ", ".join(lineage.job(run) for run in version.writers)
    return [*told, ("written by", jobs), ("content", version.text), ("changed", "; ".join(changes))]


def suspect_rows(result: Result, drawn: Picture) -> list[dict[str, Any]]:
    """What the module lists of the suspects that tell more than that a version is new, best first.

    Returns
    -------
    list of dict
        ``id`` is the position in the table of `result`, ``rank`` that in this list from 1; ``box`` the id of the box drawn of it,
        empty where none is.
    """
    boxes = {node.name: node.id for node in drawn.nodes}
    told = _telling(result)
    numbers = {row["rank"]: number for number, (_, row) in enumerate(told, 1)}
    return [
        {
            "id": at, "rank": numbers[row["rank"]], "node": row["node"], "box": boxes.get(row["node"], ""),
            "time": row["time"] or "", "job": row["job"], "run": row["run"], "what": row["what"],
            "columns": list(row["columns"]), "link": row["link"],
            "score": f"{row['score']:.2f}", "certain": bool(row["certain"]), "path": list(row["path"]),
            "explained": numbers.get(row["explained_by"]), "pinned": False,
        }
        for at, row in told[:MOST_SUSPECTS]
    ]  # fmt: skip


def _telling(result: Result) -> list[tuple[int, dict[str, Any]]]:
    """The suspects that tell more than that a version is new, by position; those that others explain last."""
    rows = result.tables["suspects"].to_dict("records")
    return [(at, {str(name): value for name, value in row.items()}) for at, row in enumerate(rows) if row["kinds"] != [NEW]]


def suspects_table(result: Result) -> Table:
    """The suspects as a table, best first."""
    told = _telling(result)
    numbers = {row["rank"]: number for number, (_, row) in enumerate(told, 1)}
    rows = [
        [numbers[row["rank"]], (row["time"] or "").replace("T", " "), row["node"], row["job"], row["what"],
         ", ".join(row["columns"]), f"{row['score']:.2f}",
         f"explained by #{numbers[row['explained_by']]}" if row["explained_by"] in numbers else ""]
        for _, row in told[:MOST_SUSPECTS]
    ]  # fmt: skip
    columns = ["#", "complete", "version", "written by", "what changed", "columns", "score", "remark"]
    return Table(pd.DataFrame(rows, columns=columns), f"{result.title}, ranked; the score only orders")


def lineage_twin(drawn: Picture, result: Result, radius: BlastRadius | None = None) -> Several:
    """What stays of the view without a kernel: the drawing, what is contaminated, the suspects."""
    told: list[Static] = [] if radius is None else [Sentence(radius_text(radius))]
    return Several(Drawing(drawn), *told, suspects_table(result))


def radius_text(radius: BlastRadius) -> str:
    """How far it reaches, in one sentence; counts of few people are not told."""
    origins = ", ".join(radius.lineage.names(radius.origins[:2]))
    more = f" and {len(radius.origins) - 2} more" if len(radius.origins) > 2 else ""
    counts = f"{len(radius.contaminated):,} versions contaminated, {len(radius.possible):,} possible, {len(radius.clean):,} clean"
    return f"From {origins}{more}: {counts}.{_people(radius.people)}"


def _people(people: Mapping[str, int] | None) -> str:
    if people is None:
        return ""
    hidden = hide(list(people.values()))
    told = [
        f"{name} {'suppressed' if kept else f'{count:,}'}"
        for (name, count), kept in zip(people.items(), hidden, strict=True)
        if count
    ]
    return f" People decided on, by class of the version: {', '.join(told)}."


def radius_table(radius: BlastRadius) -> Table:
    """Models, deployments and decisions that the origin reached or did not, each with the way as the reason."""
    lineage = radius.lineage
    rows = [
        [status, lineage.kind(at), lineage.name(at), instant_text(lineage.versions[at].completed) or "",
         " → ".join(lineage.names(radius.path(at))) or "not made from it"]
        for at, status in radius.status().items()
        if lineage.kind(at) != "dataset"
    ]  # fmt: skip
    columns = ["class", "kind", "version", "complete", "because"]
    return Table(pd.DataFrame(rows, columns=columns), "Models and decisions, contaminated first")


def trace_form(inquiry: Inquiry, trace: Trace, drawn: Picture) -> dict[str, Any]:
    """The columns to mark on each box, and the ways in words."""
    versions = inquiry.lineage.versions
    boxes: dict[str, Sequence[str]] = {}
    for node in drawn.nodes:
        at = version_of(node.id)
        columns = () if at is None else trace.columns.get(versions[at].dataset, ())
        if columns:
            boxes[node.id] = list(columns)
    blind = f"These do not tell from which columns they are made: {', '.join(trace.blind)}." if trace.blind and boxes else ""
    told: list[Plain] = [*trace.told, *([blind] if blind else [])]
    return {"boxes": boxes, "told": told}


def page_form(inquiry: Inquiry, result: Result, radius: BlastRadius | None = None) -> dict[str, Any]:
    """All that a page without a kernel needs: the traits of `js/lineage.js`, by name."""
    drawn = inquiry.picture()
    moments = sorted({as_instant(node.time) for node in drawn.nodes if node.time is not None})
    rows = [{**row, "reference": "", "current": ""} for row in suspect_rows(result, drawn)]
    return {
        "drawing": drawing_form(inquiry, drawn),
        "moments": [instant_text(time) for time in moments],
        "moment": -1,
        "onset": drawn.onset or "",
        "suspects": rows,
        "trace": trace_form(inquiry, inquiry.trace(drawn), drawn),
        "deciders": [],
        "told": "" if radius is None else radius_text(radius),
    }


def suspects_sentence(result: Result) -> Sentence:
    """The first suspect in one sentence."""
    telling = _telling(result)
    if not telling:
        return Sentence(f"{result.title}: nothing in that window, as far as the events tell.")
    row = telling[0][1]
    since = (row["time"] or "at an unknown time").replace("T", " ")
    first = f"First: {row['node']}, written by {row['job']}, complete {since}: {row['what']}."
    return Sentence(f"{len(telling):,} upstream change{'' if len(telling) == 1 else 's'}. {first}")


def gaps_table(inquiry: Inquiry) -> Table:
    """What the events leave open, and what was odd about them."""
    lineage = inquiry.lineage
    gaps = [[gap.what, gap.node] for gap in lineage.gaps[:MOST_GAPS]]
    odd = [[str(item), ""] for item in lineage.odd.listed()]
    more = f"; {len(lineage.gaps) - MOST_GAPS:,} more are not listed" if len(lineage.gaps) > MOST_GAPS else ""
    return Table(pd.DataFrame([*gaps, *odd], columns=["what is missing or odd", "where"]), f"{len(lineage.gaps):,} gaps{more}")
