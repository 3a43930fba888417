"""The curves of the disparity panel: calibration by group, rates of tiny groups drawn towards the others, onsets' likelihood."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from workbench.analysis.measures import LABELS
from workbench.analysis.onset import WITHIN
from workbench.digest import Plain
from workbench.result import SMALL_CELL, Result
from workbench.views.disparity_blocks import Block, amount, count, interval, number, table, text
from workbench.views.disparity_matrix import levels_of

Results = Mapping[str, Result]
MOST_CURVES: Final = 6
"""Groups in one chart: as many as there are colours that differ with any colour vision."""
MOST_BINS: Final = 60
MOST_SHRUNK: Final = 20
DEEPEST: Final = 4 * WITHIN
"""Below the best onset, on the scale of `WITHIN`: so far down is the profile drawn."""
SHRUNK: Final = ("selection_rate", "fpr", "fnr", "base_rate")
"""Of these the first that was measured is drawn."""


def chart(title: str, said: str, series: list[Plain], **more: Plain) -> Block:
    """A chart of lines with bands.

    Parameters
    ----------
    series
        Each with ``name`` and lists ``x``, ``y``, ``low`` and ``high`` of one length; None: not drawn.
    more
        Instead of what a plain chart has: ``axis`` (number or time, in milliseconds since 1970), ``unit`` of the other axis
        (number or share), ``xlabel``, ``ylabel``, ``across`` (both ends, where not those of the series), ``least`` and ``most``
        it is drawn to, ``lines`` across (``y``, ``text``), ``diagonal`` (what the line y = x says), ``spans`` (``from``,
        ``to``), ``marks`` (``x``, ``text``).
    """
    plain: Block = {
        "kind": "chart", "title": title, "said": said, "series": series, "axis": "number", "unit": "number", "xlabel": "",
        "ylabel": "", "across": None, "least": None, "most": None, "diagonal": "", "lines": [], "spans": [], "marks": [],
    }  # fmt: skip
    return plain | more


def moment(value: object) -> float:
    """A time in milliseconds since 1970, UTC."""
    return pd.Timestamp(str(value)).timestamp() * 1000


def calibration_blocks(shown: Results) -> list[Block]:
    """For each attribute, the observed rate against the mean score in bins of the score: on the diagonal, scores are true."""
    tables = shown["groups"].tables
    if "reliability" not in tables:
        return []
    sizes = tables["groups"].set_index(["attributes", "group"])["n"]
    blocks: list[Block] = []
    for attribute in levels_of(shown["groups"])[0]:
        own = tables["reliability"]
        own = own[(own["attributes"] == attribute) & own["observed"].notna()]
        largest = sizes.loc[attribute].sort_values(ascending=False, na_position="last").index
        names = [str(name) for name in largest if name in set(own["group"])]
        if names:
            blocks += _calibration(own, attribute, names)
    return blocks


def _calibration(own: pd.DataFrame, attribute: str, names: list[str]) -> list[Block]:
    drawn = names[:MOST_CURVES]
    more = f" The {MOST_CURVES} largest of {len(names)} groups." if len(names) > MOST_CURVES else ""
    said = f"Bins of the score; those of fewer than {SMALL_CELL} rows, and what would give them back, are left out.{more}"
    lines = chart(
        f"Calibration by {attribute}", said, [_reliability(name, own[own["group"] == name]) for name in drawn], unit="share",
        xlabel="mean score in the bin", ylabel="observed rate of the positive label; band: 95 %", diagonal="observed as scored",
    )  # fmt: skip
    return [lines, _bins(own[own["group"].isin(drawn)], attribute)]


def _reliability(name: str, part: pd.DataFrame) -> Plain:
    columns = {"x": "mean_score", "y": "observed", "low": "low", "high": "high"}
    return {"name": name, **{end: [number(value) for value in part[column]] for end, column in columns.items()}}


def _bins(part: pd.DataFrame, attribute: str) -> Block:
    rows = [
        [str(row["group"]), f"{row['bin_low']:.1f} to {row['bin_high']:.1f}", count(row["n"]), amount(row["mean_score"]),
         f"{amount(row['observed'])} {interval(row['low'], row['high'])}".strip()]
        for row in part.head(MOST_BINS).to_dict("records")
    ]  # fmt: skip
    more = f" (the first {MOST_BINS} of {len(part)})" if len(part) > MOST_BINS else ""
    columns = ["group", "score", "rows", "mean score", "observed (95 %)"]
    return table(f"Calibration by {attribute}, in numbers{more}", columns, rows, [2, 3, 4])


def shrunk_blocks(groups: Result, level: str) -> list[Block]:
    """The smallest groups that are told of: the rate counted, and drawn towards the others by as much as it is unsure."""
    found = groups.tables.get("shrunk")
    if found is None or not len(found):
        return []
    part = found[(found["attributes"] == level) & found["shrunk"].notna()]
    measure = next((name for name in SHRUNK if (part["measure"] == name).any()), None)
    part = part[part["measure"] == measure].sort_values("n")
    if measure is None:
        return []
    dots: list[Plain] = [_dot(row, measure) for row in part.head(MOST_SHRUNK).to_dict("records")]
    more = f", the {MOST_SHRUNK} smallest of {len(part)}" if len(part) > MOST_SHRUNK else ", the smallest first"
    told = (
        "An estimate under a model, not a count: all rates are taken as drawn from one distribution (empirical Bayes). Steadier"
        " in tiny groups, and biased towards the others: no verdict rests on it."
    )
    block: Block = {
        "kind": "dots", "title": f"{LABELS[measure].capitalize()} by {level}{more}",
        "label": "ring: as counted; point and line: drawn towards the others, 95 %; dashed: the mean of all",
        "dots": dots, "mean": number(part["prior_mean"].iloc[0]),
    }  # fmt: skip
    return [block, text(told, "small")]


def _dot(row: Mapping[Any, Any], measure: str) -> Plain:
    drawn = f"{amount(row['shrunk'], measure)} {interval(row['low'], row['high'], measure)}".strip()
    return {
        "label": str(row["group"]), "raw": number(row["value"]), "at": number(row["shrunk"]), "low": number(row["low"]),
        "high": number(row["high"]), "n": count(row["n"]), "counted": amount(row["value"], measure), "text": drawn,
    }  # fmt: skip


def time_ends(result: Result) -> list[Plain]:
    """The first and last moment of a timeline and of the profiles of its changes."""
    profile = result.tables["profile"]
    times = [*result.tables["timeline"]["start"], *(profile["time"] if len(profile) else [])]
    moments = [moment(time) for time in times if not pd.isna(time)]
    return [min(moments), max(moments)] if moments else [0.0, 1.0]


def profile_block(result: Result, measure: str, across: list[Plain]) -> list[Block]:
    """How likely each moment is as the onset, for each change of one measure: a sharp peak is a date, a plateau is none.

    Parameters
    ----------
    across
        Both ends of the time that is drawn, in milliseconds since 1970.
    """
    table = result.tables["profile"]
    if not len(table):
        return []
    own = table[(table["measure"] == measure) & (table["scale"] == "difference") & table["shortfall"].notna()]
    series: list[Plain] = []
    for change, part in own.groupby("change", sort=True):
        x: list[Plain] = [moment(value) for value in part["time"]]
        y: list[Plain] = [-float(value) for value in part["shortfall"]]
        nothing: list[Plain] = [None] * len(part)
        series.append({"name": f"change {change}", "x": x, "y": y, "low": nothing, "high": nothing})
    if not series:
        return []
    said = f"Above the line: the 95 % interval. Flat: no date identifiable. Drawn down to {DEEPEST:.0f} below the best."
    return [chart(
        f"{LABELS[measure]}: how likely each onset is", said, series, axis="time", xlabel="onset, UTC", across=across,
        least=-DEEPEST, ylabel="twice the log-likelihood, beside the likeliest onset", lines=[{"y": -WITHIN, "text": "95 %"}],
    )]  # fmt: skip
