"""A replay as sentence, table, figure and form: replayed, adaptive, certified side by side, an overfitted defence in words.

`js/replay.js` draws what the forms hold: counts over `SMALL_CELL` inputs or more. What is about one input (`inputs_form`,
`closeup_form`) goes to the browser as a message that answers a click, never as a trait, so that nothing saved holds it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final

import pandas as pd
import plotly.graph_objects as go

from workbench.attacks.evasion import MOST_ERRORS
from workbench.attacks.gain import VERDICTS, verdict_words
from workbench.attacks.replay.review import Closeup, Group, Review, Step
from workbench.attacks.verdict import OUTCOMES
from workbench.digest import Plain
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Result
from workbench.triage.replay import version_finding, what_fails
from workbench.views.render import BLANK, Sentence, Several, Table
from workbench.views.theme import BLUE, GREEN, ORANGE, SYMBOLS, styled

COLUMNS: Final = ("replayed", "adaptive", "certified")
MEANINGS: Final = {
    "adaptive": "share of inputs that a fresh attack of the same budget moves",
    "certified": "share of inputs that no change within the radius can move",
}
ALSO: Final = {
    "unseen": "share of attacks on the baseline, in no recording, that succeed here (many more than replayed: learned by heart)",
    "gain": "of the inputs that fall to a fresh attack on the baseline, those on which it fails here or needs twice the change,"
    " less those where it is the other way round",
}
RARE: Final = f"values of fewer than {SMALL_CELL} inputs are left out; {BLANK} where a version answered with errors"
FLAWED: Final = VERDICTS[2]


def verdict_rows(result: Result) -> list[dict[str, Plain]]:
    """What the module shows of each version.

    Returns
    -------
    list of dict
        ``replayed``, ``adaptive``, ``certified``, ``unseen``, ``gain``: share, low, high, or None where not measured; ``of``: by
        those names, of how many, None where not known; ``flag`` in words, empty where there is nothing to say; ``fails``, what
        the replayed share is of; ``said``, the version's sentence.
    """
    return [_verdict_row(row, result) for row in result.tables["targets"].to_dict("records")]


def _verdict_row(row: dict[Any, Any], result: Result) -> dict[str, Plain]:
    triple: dict[str, Any] = {name: _ends(row, name) for name in COLUMNS}
    return {
        "version": str(row["target"]), "digest": str(row["digest"])[7:19], **triple,
        "of": {name: _count(row.get(f"{name}_of")) for name in (*COLUMNS, "unseen")},
        "flag": verdict_words(row) or _why_none(row),
        "unseen": _ends(row, "unseen"), "gain": _ends(row, "fresh_gain"), "cost": _number(row["adaptive_cost"]),
        "changed": int(row["decision_changed"]), "errors": int(row["errors"]),
        "abstained": int(row["abstained"]), "fails": _failing(result),
        "said": version_finding(result, str(row["target"])).statement, "pinned": False,
    }  # fmt: skip


def groups_form(column: str, groups: Sequence[Group]) -> dict[str, Any]:
    """The matrix: a line per group of inputs, a cell per version."""
    return {
        "column": column,
        "groups": [{"where": str(group.where), "judged": group.judged, "failed": list(group.failed)} for group in groups],
    }


def steps_form(steps: Sequence[Step]) -> list[dict[str, Any]]:
    """The recording's steps in order."""
    return [{**asdict(step), "failed": list(step.failed)} for step in steps]


def inputs_form(listed: Sequence[tuple[int, list[int]]]) -> list[dict[str, Any]]:
    """Single inputs by their place in the recording, with their outcome in each version."""
    return [{"input": place, "outcomes": [OUTCOMES[outcome] for outcome in row]} for place, row in listed]


def single_inputs_text(review: Review) -> str:
    """What of single inputs is shown, and what never is."""
    never = f"; of the columns {', '.join(sorted(review.protected))} nothing" if review.protected else ""
    if review.whole:
        return f"Single inputs are shown whole, people's too, as this notebook asked for{never}. None of them is saved."
    return f"Of single inputs only attacks are shown, and only what was bent in them{never}. None of them is saved."


def closeup_form(closeup: Closeup) -> dict[str, Any]:
    """One input's diff, scores and drivers."""
    return {
        "input": closeup.place, "origin": closeup.origin, "same": closeup.same, "withheld": closeup.withheld,
        "changed": [[name, _text(before), _text(after)] for name, before, after in closeup.changed],
        "answers": [{**answer, "decisions": list(answer["decisions"]), "scores": list(answer["scores"])}
                    for answer in closeup.answers],
        "drivers": [list(driver) for driver in closeup.drivers],
    }  # fmt: skip


def replay_sentence(result: Result) -> Sentence:
    """What the replay says of the versions: the overfitted defence first, then what fails more, then the rest."""
    rows = verdict_rows(result)
    flawed = [row for row in rows if row["flag"] == FLAWED]
    said = [str(row["said"]) for row in (flawed or rows[1:] or rows)]
    return Sentence(f"{result.title} to {len(rows)} version{'s' if len(rows) > 1 else ''}. {'. '.join(said)}.")


def verdict_table(result: Result) -> Table:
    """The triple verdict, a row per version."""
    rows = [
        {
            "version": row["version"],
            **{name: _share_text(row[name], row["of"], name) for name in COLUMNS},
            "verdict": row["flag"] or BLANK,
            "unseen": _share_text(row["unseen"], row["of"], "unseen"),
            "gain": _share_text(row["gain"]),
            "median change": BLANK if row["cost"] is None else f"{row['cost']:.2f}",
            "decided otherwise than recorded": f"{row['changed']:,}",
            "abstained": f"{row['abstained']:,}",
            "errors": f"{row['errors']:,}",
        }
        for row in verdict_rows(result)
    ]
    told = "; ".join(f"{name}: {meaning}" for name, meaning in (_meanings(result) | ALSO).items())
    return Table(pd.DataFrame(rows), f"95 % intervals. {told}")


def groups_table(column: str, groups: Sequence[Group], versions: Sequence[str]) -> Table:
    """The matrix as text."""
    rows = [
        {
            "inputs": str(group.where),
            "judged": f"fewer than {SMALL_CELL}, or would tell of them" if group.judged is None else f"{group.judged:,}",
            **{name: _part(failed, group.judged) for name, failed in zip(versions, group.failed, strict=True)},
        }
        for group in groups
    ]
    return Table(pd.DataFrame(rows, columns=["inputs", "judged", *versions]), f"Share that fails, by {column}; {RARE}")


def pairs_table(result: Result) -> Table:
    """Who newly fails and who no longer does, with McNemar's exact p."""
    table = result.tables["pairs"].rename(columns={"newly_failing": "newly fail", "newly_fixed": "no longer fail"})
    return Table(table.assign(p=[f"{p:.2g}" for p in table["p"]]), "The same inputs in both: McNemar's exact test")


def divergence_table(result: Result) -> Table:
    """Where each version first answers otherwise than recorded, and why that may be; not which input it was."""
    table = result.tables["divergence"].drop(columns=["row_id", "recorded_score", "score"], errors="ignore")
    table = table.assign(call=[BLANK if pd.isna(call) else f"{int(call) + 1:,}" for call in table["call"]])  # the first is 1
    return Table(table, "First divergence" if len(table) else "Every version answers as recorded")


def replay_twin(result: Result, review: Review, column: str, where: Predicate) -> Several:
    """The widget as it stays in a notebook: the sentence, the triple verdict, the matrix by one column."""
    matrix = groups_table(column, review.groups(column, where), review.versions) if column else Sentence("")
    return Several(replay_sentence(result), verdict_table(result), matrix)


def triple_figure(result: Result) -> go.Figure:
    """The three shares of each version with their 95 % intervals."""
    figure = go.Figure()
    rows = verdict_rows(result)
    for (name, meaning), color, symbol in zip(_meanings(result).items(), (BLUE, ORANGE, GREEN), SYMBOLS, strict=False):
        shown = [(str(row["version"]), row[name]) for row in rows if row[name] is not None]
        ends: list[Any] = [share for _, share in shown]
        error = {"type": "data", "symmetric": False, "array": [high - mid for mid, _, high in ends],
                 "arrayminus": [mid - low for mid, low, _ in ends], "thickness": 1.5}  # fmt: skip
        figure.add_scatter(
            x=[mid for mid, _, _ in ends], y=[version for version, _ in shown], error_x=error, mode="markers", name=name,
            orientation="h",  # what stands at one version is drawn beside each other
            marker={"color": color, "symbol": symbol, "size": 11}, hovertemplate=f"{meaning}: %{{x:.1%}}<extra>%{{y}}</extra>",
        )  # fmt: skip
    figure.update_xaxes(tickformat=".0%", range=[-0.03, 1.03], title="share of inputs (bars: 95 % interval)")
    figure.update_yaxes(autorange="reversed", type="category")
    figure.update_layout(scattermode="group")
    return styled(figure, title="Replayed, adaptive and certified, by version", height=200 + 70 * len(rows))


def _why_none(row: dict[Any, Any]) -> str:
    """Why nothing was measured of a version; empty where something was."""
    if row.get("otherwise_named"):
        return "names its decisions otherwise"
    return "answered with errors" if row["errors"] or (row.get("adaptive_errors") or 0.0) > MOST_ERRORS else ""


def _failing(result: Result) -> str:
    return "recorded {} that {}".format(*what_fails(result))


def _meanings(result: Result) -> dict[str, str]:
    """What each of `COLUMNS` is the share of."""
    return {"replayed": f"share of the {_failing(result)}", **MEANINGS}


def _ends(row: dict[Any, Any], name: str) -> list[float] | None:
    return None if pd.isna(row.get(name)) else [float(row[f"{name}{end}"]) for end in ("", "_low", "_high")]


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)


def _count(number: Any) -> int | None:
    return None if pd.isna(number) else int(number)


def _share_text(share: Any, of: Any = None, name: str = "") -> str:
    if share is None:
        return BLANK
    among = f" of {of[name]:,}" if of and of[name] is not None else ""
    return "{:.0%}{} ({:.0%} to {:.0%})".format(share[0], among, *share[1:])


def _part(failed: int | None, judged: int | None) -> str:
    return BLANK if failed is None or not judged else f"{failed / judged:.0%}"


def _text(value: object) -> str:
    return "missing" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
