"""Where the model is worse: ranked slices with their intervals, what is done about them, and the form the module draws.

`js/slices.js` draws what `explorer_form` gives, in a notebook (``widgets/slices.py``) and on a page (``apps/slices.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.analysis.measures import LABELS
from workbench.digest import Plain
from workbench.predicate import Predicate
from workbench.result import Result
from workbench.views.render import BLANK, Sentence, Several, Table
from workbench.views.slice_relations import tree_rows, tree_table
from workbench.views.slice_words import finite, is_share, loss_label, loss_writer, significant, written
from workbench.views.theme import BLUE, GREY, ORANGE, styled

MOST_DRAWN: Final = 15
LONGEST_LINE: Final = 46
"""Of a slice's name beside a figure, in characters; longer ones break between conditions."""
NUMBERS: Final = (
    "size", "mean", "score", "p_adjusted", "low", "high", "rest", "effect", "effect_low", "effect_high", "gain", "mean_before",
    "size_before", "got_worse", "grew",
)  # fmt: skip


def slices_sentence(result: Result) -> Sentence:
    """The worst slice in one sentence, as anybody may hear it."""
    table, numbers = _unsuppressed(_distinct(result.published())), result.numbers
    said = f"{int(str(numbers['counted'])):,} slices counted"
    if not len(table):
        return Sentence(f"{said}: none stands out.")
    row, number = table.iloc[0], loss_writer(result)
    before = f", and was {number(row['mean_before'])} before" if "mean_before" in table else ""
    return Sentence(f"{said}. Worst: where {row['slice']}, the {loss_label(result)} is {number(row['mean'])}, against "
                    f"{number(row['rest'])} elsewhere{before} ({row['size']:,} rows).")  # fmt: skip


def slices_table(result: Result) -> Table:
    """The distinct slices in rank order, small cells blanked."""
    shown = _distinct(result.published())
    number = loss_writer(result)
    rows = [_told(rank, row, number) for rank, row in enumerate(shown.to_dict("records"), 1)]
    columns = ["#", "slice", "rows", loss_label(result), "95 % interval", "elsewhere"]
    columns += ["before"] if "mean_before" in shown else []
    return Table(pd.DataFrame(rows, columns=[*columns, "p, adjusted", "remark"]), f"{result.title}, each told once")


def slices_twin(result: Result) -> Several:
    """What stays in the notebook of the explorer: the sentence, the table, and the tree of the conditions."""
    tree = [tree_table(result)] if "tree" in result.tables else []
    return Several(slices_sentence(result), slices_table(result), *tree)


def worklist_table(result: Result) -> Table:
    """What to do about each slice, the most harmful first, as `workbench.analysis.worklist.make_worklist` found it."""
    shown, numbers = result.published().tables["worklist"], result.numbers
    share = str(numbers["loss"]) in LABELS
    told = shown.to_dict("records")
    rows = [[row["action"], row["where"], row["reason"], *_harm(row, share=share)] for row in told]
    measure = LABELS.get(str(numbers["loss"])) or f"mean {numbers['loss']}"
    return Table(pd.DataFrame(rows, columns=["do", "where", "because", "rows", measure, "harm, in rows"]), result.title)


def explanation_table(result: Result) -> Table:
    """What moves the model in a slice against elsewhere, as `workbench.analysis.explain.explain_slice` found it."""
    shown = _unsuppressed(result.published().tables["features"]).head(MOST_DRAWN)
    rows = [
        [
            row["feature"],
            *(f"{row[name]:+.3f}" for name in ("inside", "outside", "difference")),
            f"{row['low']:+.3f} to {row['high']:+.3f}",
        ]
        for row in shown.to_dict("records")
    ]
    columns = ["feature", "mean shap value inside", "outside", "difference", "95 % interval"]
    method, inside, outside = (result.numbers[name] for name in ("method", "explained_inside", "explained_outside"))
    return Table(pd.DataFrame(rows, columns=columns), f"{result.title} ({method}, on {inside} rows inside and {outside} outside)")


def countercheck_sentence(result: Result) -> Sentence:
    """What the counter-check says of the search, in two sentences."""
    runs, numbers = len(result.tables["permuted"]), result.numbers
    false = round(float(str(numbers["false_findings"])) * runs)
    planted = result.tables["planted"].to_dict("records")
    found = ", ".join(f"{row['found']} of {row['planted']} at {row['effect']:g}" for row in planted)
    return Sentence(f"{false} of {runs} searches of shuffled losses found something, and the best slice of the real one stands "
                    f"out from them at p {float(str(numbers['p'])):.2g} ({1 / (1 + runs):.2g} is the least that {runs} can say). "
                    f"Planted slices found, by their size in standard deviations: {found}.")  # fmt: skip


def countercheck_form(result: Result) -> dict[str, Any]:
    """What the module needs of a counter-check: its sentence and the cells of its table."""
    table = countercheck_table(result).frame
    return {"said": countercheck_sentence(result).text, "columns": table.columns.tolist(), "rows": table.to_numpy().tolist()}


def complaints_form(result: Result) -> dict[str, Any]:
    """What the module needs of `workbench.analysis.complaints.find_cohort`: the cover first; no ids, small cells blanked."""
    numbers, cover = result.numbers, result.tables["cover"]
    table = pd.concat([cover, result.tables["predicates"]]).drop_duplicates("where")
    rows = [
        {"where": row["where"], "covered": row["covered"], "cover": row["where"] in set(cover["where"])}
        | {name: None if row["suppressed"] else finite(row[name]) for name in ("rows", "lift", "p_adjusted")}
        for row in table.to_dict("records")
    ]
    return {"complaints": numbers["complaints"], "uncovered": numbers["uncovered"], "predicates": rows}


def countercheck_table(result: Result) -> Table:
    """How many planted slices the search found, by how strong they were planted."""
    rows = [
        [
            f"{row['effect']:g}",
            f"{row['rise']:+.3g}",
            f"{row['found']} of {row['planted']}",
            f"{row['low']:.0%} to {row['high']:.0%}",
        ]
        for row in result.tables["planted"].to_dict("records")
    ]
    columns = ["planted, in standard deviations", "mean loss raised by", "found", "95 % interval"]
    return Table(pd.DataFrame(rows, columns=columns), result.title)


def _harm(row: Mapping[Any, Any], *, share: bool) -> list[str]:
    if row["suppressed"]:
        return [BLANK] * 3
    harm = f"{row['harm']:,.0f}" if share else significant(row["harm"])
    return [f"{int(row['rows']):,}", written(row["mean"], share=share), harm]


def _distinct(result: Result) -> pd.DataFrame:
    """The table of the distinct slices; one without rows has lost its columns where it was read from a file."""
    table = result.tables["distinct"]
    return table if "slice" in table else pd.DataFrame(columns=["slice", "level", "suppressed", *NUMBERS[:7]])


def _unsuppressed(table: pd.DataFrame) -> pd.DataFrame:
    return table[~table["suppressed"].astype(bool)]


def _told(rank: int, row: Mapping[Any, Any], number: Any) -> list[Any]:
    blank = bool(row["suppressed"])
    end = f"{number(row['low'])} to {number(row['high'])}"
    told = [rank, row["slice"], *([BLANK] * 4 if blank else [f"{row['size']:,}", number(row["mean"]), end, number(row["rest"])])]
    if "mean_before" in row:
        told.append(BLANK if blank else number(row["mean_before"]))
    return [*told, BLANK if blank or row["p_adjusted"] is None else f"{row['p_adjusted']:.1g}", remark(row)]


def remark(row: Mapping[Any, Any]) -> str:
    """What else is to be said of a row of the table ``distinct``."""
    aliases, refined = row.get("aliases") or (), row.get("refined")
    parts = [f"exactly: {_exact(row['slice'], refined)}" if isinstance(refined, str) else ""]
    parts += [f"same rows: {'; '.join(aliases)}" if len(aliases) else ""]
    parts += [f"{row['covers']} more overlap it" if row.get("covers") else ""]
    parts += [f"adds nothing to {row['parent']}" if row.get("adds_nothing") else ""]
    return "; ".join(part for part in parts if part)


def _exact(where: str, refined: str) -> str:
    """The conditions of a refined slice that its bins do not say already."""
    known = Predicate.parse(where).conditions
    return " and ".join(str(condition) for condition in Predicate.parse(refined).conditions if condition not in known)


def slices_figure(result: Result) -> go.Figure:
    """The distinct slices in rank order: mean loss inside with its 95 % interval, against the rest and, with windows, before."""
    table = _unsuppressed(_distinct(result.published())).head(MOST_DRAWN)
    names = [f"<b>{rank}</b>  {_broken(text)}" for rank, text in zip(table.index + 1, table["slice"], strict=True)]
    figure = go.Figure()
    value, low, high = (pd.to_numeric(table[name]) for name in ("mean", "low", "high"))
    ends = {"type": "data", "symmetric": False, "array": high - value, "arrayminus": value - low, "thickness": 2}
    figure.add_trace(_marks("elsewhere", pd.to_numeric(table["rest"]), names, GREY, "line-ns-open"))
    if "mean_before" in table:
        figure.add_trace(_marks("in the slice, before", pd.to_numeric(table["mean_before"]), names, BLUE, "diamond-open"))
    figure.add_trace(_marks("in the slice", value, names, ORANGE, "circle", error_x=ends))
    share = is_share(result)
    figure.update_xaxes(
        title=f"{loss_label(result)}{', share of rows' if share else ''} (line: 95 % interval)", rangemode="tozero"
    )
    if share:
        figure.update_xaxes(tickformat=".0%")
    figure.update_yaxes(title="slice", categoryorder="array", categoryarray=names[::-1])
    return styled(figure, title=f"{result.title}, each told once", height=190 + 44 * max(1, len(names)))


def _marks(name: str, values: pd.Series[Any], names: Sequence[str], color: str, symbol: str, **more: Any) -> go.Scatter:
    marker = {"color": color, "size": 12, "symbol": symbol, "line": {"width": 2, "color": color}}
    told = "%{x:.3g}<extra>" + name + "</extra>"
    return go.Scatter(x=values, y=list(names), name=name, mode="markers", marker=marker, hovertemplate=told, **more)


def explorer_form(result: Result) -> dict[str, Any]:
    """What the module needs of a result's slices: text and sizes, those of small cells blanked; no rows of the log."""
    table, numbers = _distinct(result), result.numbers
    adjusted = str(numbers["adjustment"])
    return {
        "title": result.title, "measure": loss_label(result), "share": is_share(result), "overall": numbers["overall"],
        "overall_before": numbers.get("overall_before"), "counted": numbers["counted"], "adjustment": adjusted,
        "rows": numbers["rows"], "support": numbers["support"], "notices": numbers["notices"],
        "slices": slice_rows(table), "tree": tree_rows(result) if "tree" in result.tables else [],
    }  # fmt: skip


def slice_rows(table: pd.DataFrame) -> list[dict[str, Plain]]:
    """The rows of a table of slices; ``id`` is the position from 0, and a suppressed row has no numbers."""
    found: list[dict[str, Plain]] = []
    for number, row in enumerate(table.to_dict("records")):
        blank = bool(row["suppressed"])
        numbers: dict[str, Plain] = {name: None if blank else finite(row[name]) for name in NUMBERS if name in row}
        said: dict[str, Plain] = {
            "id": number, "slice": row["slice"], "where": row["slice"], "level": finite(row["level"]), "pinned": False,
            "parent": row.get("parent") or "", "remark": remark(row), "adds_nothing": bool(row.get("adds_nothing")),
        }  # fmt: skip
        found.append(said | numbers)
    return found


def _broken(text: str) -> str:
    """A slice's text in lines of `LONGEST_LINE` at most, broken between conditions; cut where one is longer."""
    lines = [""]
    for part in text.split(" and "):
        joined = f"{lines[-1]} and {part}" if lines[-1] else part
        if len(joined) > LONGEST_LINE and lines[-1]:
            lines.append(f"and {part}")
        else:
            lines[-1] = joined
    return "<br>".join(line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE - 1]}…" for line in lines)
