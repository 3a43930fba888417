"""The disparity panel as data: its guard, its tabs and what stands in each, from the results of a review.

Everything passes `workbench.result.Result.published` here, whoever asks: what leaves this file may be seen by anybody.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from workbench.analysis.measures import LABELS
from workbench.digest import Plain, to_plain
from workbench.result import SMALL_CELL, Result
from workbench.views.disparity_blocks import (
    Block,
    amount,
    count,
    measure_words,
    table,
    text,
)
from workbench.views.disparity_curves import calibration_blocks, shrunk_blocks
from workbench.views.disparity_matrix import levels_of, map_block, matrix_block, measures_of, rule_blocks, suppressed_text
from workbench.views.disparity_tabs import (
    missing_blocks,
    rule_tables,
    shortfall_block,
    strata_blocks,
    threshold_blocks,
    time_blocks,
    why_blocks,
)

Results = Mapping[str, Result]
NO_TIME: Final = "The log has no column with the role time: whether the data broke on some day could not be looked for."
LEFT: Final = "it takes a moment on so many rows, and is asked when somebody opens it in a notebook with a kernel."
SOUND: Final = "No defect of the data found: base rate, missing values and schema hold steady over time ({} series looked at)."


def panel_form(
    results: Results, skipped: Mapping[str, str] | None = None, what_if: Block | None = None, left: Collection[str] = ()
) -> dict[str, Plain]:
    """What the panel shows.

    Parameters
    ----------
    results
        Of `workbench.analysis.disparity_review.review_disparity`, published or not; at least ``groups``.
    skipped
        Part to why it was not asked.
    what_if
        Of `workbench.views.disparity_moves.what_if_block`: sliders, for a host with a kernel.
    left
        Parts that were not asked yet: a host with a kernel asks them when their tab is opened.

    Returns
    -------
    dict
        ``rows`` and ``where`` (what was measured), ``guard`` (blocks that stand above everything), ``sound`` (the rows that the
        defects leave sound, as a predicate; empty without defects), ``tabs``: each with ``id``, ``title``, ``blocks``
        and ``waiting``, whether a part of it was left.
    """
    shown = {name: result.published() for name, result in results.items()}
    absent = dict.fromkeys(left, LEFT) | dict(skipped or {})
    tabs = [
        {
            "id": name,
            "title": title,
            "blocks": _blocks(make, name, shown, absent),
            "waiting": bool(set(parts_of(name)) & set(left)),
        }
        for name, (title, make) in TABS.items()
    ]
    if what_if is not None:
        at = list(TABS).index("what_if")
        tabs[at] = {**tabs[at], "blocks": [what_if, *_blocks(threshold_blocks, "what_if", shown, absent)]}
    guard, sound = guard_blocks(shown.get("guard"))
    groups = shown["groups"]
    form = {"rows": groups.numbers.get("rows"), "where": str(groups.where), "guard": guard, "sound": sound,
            "note": suppressed_text(groups), "tabs": tabs}  # fmt: skip
    plain = to_plain(form)
    assert isinstance(plain, dict)  # noqa: S101  a dict was given
    return plain


def _blocks(make: Callable[[Results], list[Block]], name: str, shown: Results, skipped: Mapping[str, str]) -> list[Block]:
    """The blocks of a tab, or why there are none."""
    why = next((skipped[part] for part in parts_of(name) if part in skipped), "")
    return make(shown) or [text(f"Not asked: {why}" if why else UNASKED.get(name, "Not asked."), "small")]


def parts_of(tab: str) -> tuple[str, ...]:
    """The parts of a review that a tab stands on, beside the groups."""
    return PARTS.get(tab, ())


def guard_blocks(guard: Result | None) -> tuple[list[Block], str]:
    """What stands above any verdict: the defects of the data, or that there is none, or that it was not looked for."""
    if guard is None or not guard.numbers.get("checked"):
        return [text(NO_TIME, "bad")], ""
    defects = guard.tables["defects"]
    if not len(defects):
        return [text(SOUND.format(count(guard.numbers["looked_at"])), "small")], ""
    said = [text(_defect(row), "bad") for row in defects.to_dict("records")]
    cuts = guard.tables["cuts"]
    if len(cuts):
        told = cuts[cuts["rows"].notna() | cuts["base_rate"].notna()].to_dict("records")  # the rest are too small to be told
        rows = [[str(row["where"]), count(row["rows"]), amount(row["base_rate"])] for row in told]
        said.append(table("Either side of the defect", ["rows where", "rows", "base rate"], rows, [1, 2]))
    return said, " and ".join(dict.fromkeys(str(where) for where in defects["sound"]))


def _defect(row: Mapping[Any, Any]) -> str:
    told = row["statement"] or f"{row['what']} of {row['column']}, on fewer than {SMALL_CELL} rows"
    undermined = ", ".join(LABELS.get(name, name) for name in str(row["undermines"]).split(", "))
    return f"Data defect: {told}. It undermines: {undermined}."


def _groups(shown: Results) -> list[Block]:
    groups = shown["groups"]
    alone, _ = levels_of(groups)
    matrices = [matrix_block(groups, attribute) for attribute in alone]
    drawn = shrunk_blocks(groups, alone[0]) if len(alone) == 1 else []
    return [*matrices, *rule_blocks(groups), *shortfall_block(shown, alone), *drawn]


def _intersections(shown: Results) -> list[Block]:
    groups = shown["groups"]
    _, level = levels_of(groups)
    if level is None or not (groups.tables["groups"]["attributes"] == level).any():
        return []
    wanted = [measure for measure in ("selection_rate", "fpr", "fnr") if measure in measures_of(groups)] or measures_of(groups)[
        :1
    ]
    return [*(map_block(groups, level, measure) for measure in wanted), matrix_block(groups, level, with_hidden=False),
            *shrunk_blocks(groups, level)]  # fmt: skip


def _words(shown: Results) -> list[Block]:
    said: list[Block] = []
    if (found := shown.get("impossibility")) is not None:
        said += [text(str(row["statement"])) for row in found.tables["statements"].to_dict("records")]
    rows = []
    for measure in measures_of(shown["groups"]):
        made: Mapping[str, Any] = measure_words(measure)
        rows.append(
            [
                f"{made['label']}",
                made["question"],
                f"{made['counted']}, of {made['among']}",
                made["criterion"] or "–",
                made["harm"],
            ]
        )
    columns = ["measure", "what it asks", "how it is counted", "equal in all groups is called", "where it is worse"]
    return [*said, table("What the measures mean", columns, rows)]


TABS: Final[Mapping[str, tuple[str, Callable[[Results], list[Block]]]]] = {
    "groups": ("Groups", _groups),
    "intersections": ("Intersections", _intersections),
    "calibration": ("Calibration", calibration_blocks),
    "time": ("Over time", time_blocks),
    "what_if": ("What if", threshold_blocks),
    "why": ("Why", why_blocks),
    "strata": ("Within strata", strata_blocks),
    "rules": ("Rules", rule_tables),
    "missing": ("Unknown attributes", missing_blocks),
    "words": ("In words", _words),
}
PARTS: Final[Mapping[str, tuple[str, ...]]] = {
    "time": ("over_time",), "what_if": ("thresholds",), "why": ("decomposition",), "missing": ("missing",),
    "words": ("impossibility",),
}  # fmt: skip
"""Tab to the parts of a review it stands on."""
UNASKED: Final = {
    "intersections": "One attribute only: nothing to intersect.",
    "calibration": "Calibration needs a score that is a probability, and a label.",
    "strata": "Name columns in which people should be alike (`strata`) to compare within them.",
    "rules": "Name policy profiles (`policy`) to set their lines beside the numbers.",
}
"""Tab to why it is empty where no part was skipped."""
