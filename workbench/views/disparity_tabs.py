"""The further tabs of the disparity panel, each of one result: over time, why, within strata, rules, what if, missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from workbench.analysis.measures import LABELS, SHARES
from workbench.digest import Plain
from workbench.result import SMALL_CELL, Result
from workbench.views.disparity_blocks import (
    Block,
    amount,
    chance,
    count,
    interval,
    number,
    ratio,
    table,
    text,
)
from workbench.views.disparity_curves import chart, moment, profile_block, time_ends
from workbench.views.render import BLANK
from workbench.views.timeline import period_title

Results = Mapping[str, Result]
MOST_ROWS: Final = 40
FACTS: Final = ("formula", "citation", "status", "as_of", "source", "notes")
"""What is told of a policy."""
SHORTFALLS: Final = {
    "shortfall_pooled": "to the rate of both together",
    "shortfall_reference": "to the reference's rate",
    "shortfall_four_fifths": "to four fifths of the reference's rate",
}
WIDEST_RATIO: Final = 3.0


def time_blocks(shown: Results) -> list[Block]:
    """Each gap by period with its band, its changes as intervals, deploys beside; and what every series says."""
    if (result := shown.get("over_time")) is None:
        return []
    timeline, changes, events = (result.tables[name] for name in ("timeline", "changes", "events"))
    said: list[Block] = [text(str(row)) for row in changes["statement"]] if len(changes) else []
    said += [text(str(row), "small") for row in result.tables["summary"]["statement"]]
    marks: list[Plain] = [{"x": moment(row["time"]), "text": str(row["event"])} for row in events.to_dict("records")]
    ends = time_ends(result)
    charts = [
        block
        for measure, part in timeline.groupby("measure", sort=False)
        for block in (
            _gap_chart(result, str(measure), part, changes, marks) | {"across": ends},
            *profile_block(result, str(measure), ends),
        )
    ]
    return [*charts, *said, *_alarms(result)]


def _gap_chart(result: Result, measure: str, part: pd.DataFrame, changes: pd.DataFrame, marks: list[Plain]) -> Block:
    who = result.title.removesuffix(" over time")
    own = changes[(changes["measure"] == measure) & (changes["scale"] == "difference")] if len(changes) else changes
    spans: list[Plain] = [{"from": moment(row["earliest"]), "to": moment(row["latest"])} for row in own.to_dict("records")]
    found = f"{len(own)} change{'' if len(own) == 1 else 's'} found" if len(own) else "no change found"
    of = SHARES[measure][1]
    said = f"By {result.numbers['period']}, {found}; shaded: when it came (95 %). Fewer than {SMALL_CELL} rows: left out."
    return chart(
        f"{LABELS[measure]}: {who}", said, [_series(who, part, "start", "difference")], axis="time", unit="share",
        xlabel=period_title(result.numbers["period"]), ylabel=f"difference of shares of {of}; band: 95 %",
        lines=[{"y": 0, "text": "no difference"}], spans=spans, marks=marks,
    )  # fmt: skip


def _series(name: str, part: pd.DataFrame, across: str, up: str) -> Plain:
    x: list[Plain] = [moment(value) if across == "start" else number(value) for value in part[across]]
    ends: dict[str, list[Plain]] = {end: [number(value) for value in part[column]] for end, column in
            (("y", up), ("low", f"{up}_low"), ("high", f"{up}_high"))}  # fmt: skip
    return {"name": name, "x": x, **ends}


def _alarms(result: Result) -> list[Block]:
    rows = []
    for row in result.tables["alarms"].to_dict("records"):
        raised = "never" if pd.isna(row["time"]) else str(row["time"])[:10]
        rows.append([LABELS[row["measure"]], str(row["rule"]), raised, chance(row["p"]), count(row["looks"])])
    columns = ["measure", "what is watched", "first alarm", "p now", "looks"]
    return [table("Alarms that stay valid however often one looks; rows count alike", columns, rows, [3, 4])] if rows else []


def why_blocks(shown: Results) -> list[Block]:
    """How much of the difference is composition and how much is rate, and the strata that add most."""
    if (result := shown.get("decomposition")) is None:
        return []
    parts = result.tables["components"]
    bars: list[Plain] = [_bar(row) for row in parts[parts["fold"] == "twofold"].to_dict("records") if number(row["value"])]
    gap = result.numbers["difference"]
    told = (
        f"The difference is {amount(gap, sign=True)}. What composition accounts for is not thereby fair: a stratum may itself be"
        " the result of unequal treatment."
    )
    rows = [_stratum(row) for row in result.tables["strata"].head(MOST_ROWS).to_dict("records")]
    columns = ["rows where", "rows", "of the reference", "rate", "reference's rate", "composition adds", "rate adds"]
    return [
        {
            "kind": "bars",
            "title": result.title,
            "label": "percentage points of the difference; line: 95 % interval",
            "bars": bars,
        },
        text(told),
        table(f"Strata, the largest contribution first (at most {MOST_ROWS})", columns, rows, [1, 2, 3, 4, 5, 6]),
    ]


def _bar(row: Mapping[Any, Any]) -> Plain:
    ends = interval(row["low"], row["high"], sign=True)
    told = f"{amount(row['value'], sign=True)} {ends} ({amount(row['share'], digits=0)} of it)"
    return {"label": row["component"], "at": number(row["value"]), "low": number(row["low"]), "high": number(row["high"]),
            "text": told, "meaning": row["meaning"]}  # fmt: skip


def _stratum(row: Mapping[Any, Any]) -> list[str]:
    parts = [amount(row[name], sign=True, digits=2) for name in ("composition", "rate_part")]
    return [
        str(row["where"]),
        count(row["rows"]),
        count(row["rows_reference"]),
        amount(row["rate"]),
        amount(row["rate_reference"]),
        *parts,
    ]


def strata_blocks(shown: Results) -> list[Block]:
    """Selection compared within strata, with a warning where that turns the sign."""
    groups = shown["groups"]
    if "conditional" not in groups.tables:
        return []
    found = groups.tables["conditional"].to_dict("records")
    turned = [row for row in found if row["sign_change"] is True or row["sign_change"] == 1]
    said = [text(_simpson(row), "bad") for row in turned]
    said = said or [
        text("In no group does the comparison within strata point the other way than the one without (Simpson).", "small")
    ]
    rows = [
        [*_who(row), ratio(row["odds_ratio"]), interval(row["low"], row["high"], "mae"), ratio(row["crude_odds_ratio"]),
         chance(row["p"]), chance(row["homogeneity_p"]), count(row["strata"])]
        for row in found
    ]  # fmt: skip
    columns = [
        "by",
        "group",
        "reference",
        "odds ratio within strata",
        "95 %",
        "without strata",
        "p (CMH)",
        "p (same in all strata)",
        "strata",
    ]
    return [*said, table("Odds of selection within strata (Mantel-Haenszel; 1: no disparity)", columns, rows, [3, 5, 6, 7, 8])]


def _simpson(row: Mapping[Any, Any]) -> str:
    return (
        f"Simpson's paradox: {row['group']} against {row['reference']} ({row['attributes']}) has an odds ratio of"
        f" {ratio(row['crude_odds_ratio'])} without strata and {ratio(row['odds_ratio'])} within them."
    )


def rule_tables(shown: Results) -> list[Block]:
    """Each policy profile: what it says, as of when, and the data's numbers beside its line. No verdict of law."""
    tables = shown["groups"].tables
    if "policies" not in tables:
        return []
    said: list[Block] = [text("Numbers beside lines that rules draw; whether anything is lawful is not for this page to say.")]
    for policy in tables["policies"].to_dict("records"):
        facts = [[name.replace("_", " "), str(policy[name])] for name in FACTS]
        said.append(table(str(policy["title"]), ["", "what it says"], facts))
        own = tables["policy"][tables["policy"]["policy"] == policy["name"]]
        alone = own[~own["attributes"].str.contains(", ", regex=False)]
        rows = [_line(row) for row in alone.head(MOST_ROWS).to_dict("records")]
        columns = ["by", "group", "held against", "quantity", "rate", "ratio", "line", "p (Holm)", "left out", "share of rows"]
        said.append(table(f"{policy['title']}: the numbers", columns, rows, [4, 5, 6, 7, 9]))
    return said


def _line(row: Mapping[Any, Any]) -> list[str]:
    line = BELOW[bool(row["below"])].format(row["threshold"]) if number(row["threshold"]) is not None else "none drawn"
    value = amount(row["value"], "mean_score" if row["quantity"] == "smd" else "selection_rate")
    return [*_who(row), str(row["quantity"]).replace("_", " "), value, ratio(row["ratio"]),
            line if number(row["ratio"]) is not None else BLANK, chance(row["p_adjusted"]), str(row["left_out"] or ""),
            amount(row["share_of_rows"])]  # fmt: skip


def _who(row: Mapping[Any, Any]) -> list[str]:
    return [str(row[name]) for name in ("attributes", "group", "reference")]


BELOW: Final = {True: "below {}", False: "not below {}"}


def shortfall_block(shown: Results, attributes: Sequence[str]) -> list[Block]:
    """How many more people of each group would have had the favourable decision, by three definitions, each labelled."""
    apart = shown["groups"].tables["disparities"]
    own = apart[(apart["measure"] == "selection_rate") & apart["attributes"].isin(attributes)]
    own = own[own["shortfall_pooled"].notna()]
    rows = [[str(row["attributes"]), str(row["group"]), count(row["people"]), *(count(row[name]) for name in SHORTFALLS)]
            for row in own.to_dict("records")]  # fmt: skip
    columns = ["by", "group", "people", *(f"shortfall {words}" for words in SHORTFALLS.values())]
    return [table("Shortfall in favourable decisions; negative: none", columns, rows, [2, 3, 4, 5])] if rows else []


def missing_blocks(shown: Results) -> list[Block]:
    """How far the people whose attribute is missing could move the disparity."""
    if (result := shown.get("missing")) is None:
        return []
    unknown = result.numbers["rows_missing"]
    if unknown == 0:
        return [text("The attribute is known of everybody: nothing is left open.", "small")]
    told = "a few" if unknown is None else f"{unknown:,}"
    ends = ("observed", "lowest", "highest")
    rows = [[str(row["quantity"]), f"{row['group']} against {row['reference']}", *(_quantity(row, end) for end in ends)]
            for row in result.tables["bounds"].to_dict("records")]  # fmt: skip
    checks = [[LABELS[row["measure"]], amount(row["where_missing"]), amount(row["where_known"]), chance(row["p"])]
              for row in result.tables["missingness"].to_dict("records")]  # fmt: skip
    return [
        text(f"{result.title}: {told} people. The bounds hold whoever they are; a rate that differs where it is missing says"
             " that the known do not stand for all."),
        table("Sharp bounds", ["quantity", "who", "observed", "lowest", "highest"], rows, [2, 3, 4]),
        table("Are the unknown like the known?", ["rate", "where missing", "where known", "p"], checks, [1, 2, 3]),
    ]  # fmt: skip


def _quantity(row: Mapping[Any, Any], end: str) -> str:
    return ratio(row[end]) if row["quantity"] == "ratio" else amount(row[end], sign=True)


def threshold_blocks(shown: Results) -> list[Block]:
    """What holds at the log's own threshold, and the ratio at every common one."""
    if (result := shown.get("thresholds")) is None:
        return []
    blocks: list[Block] = []
    curve = result.tables.get("curve")
    if curve is not None and len(curve):
        arguments: Any = result.provenance["arguments"]
        group, reference = str(curve["group"].iloc[0]), arguments["reference"]
        blocks.append(chart(
            f"Ratio of selection rates at every common threshold: {group} against {reference}",
            f"Drawn up to a ratio of {WIDEST_RATIO:g}.", [_series(group, curve, "threshold", "ratio")], most=WIDEST_RATIO,
            xlabel="threshold of the score, the same for all", ylabel="ratio (1: no disparity); band: 95 %, pointwise",
            lines=[{"y": 0.8, "text": "0.8"}, {"y": 1, "text": "1"}], marks=_now_mark(result),
        ))  # fmt: skip
    rows = [_threshold_row(row) for row in result.tables["groups"].head(MOST_ROWS).to_dict("records")]
    columns = [
        "group",
        "threshold",
        "selection rate",
        "false positive rate",
        "false negative rate",
        "ratio",
        *(f"shortfall {words}" for words in SHORTFALLS.values()),
    ]
    price = (
        f"accuracy {amount(result.numbers['accuracy'])}"
        if result.numbers["accuracy"] is not None
        else "accuracy not measured (no labels)"
    )
    return [*blocks, table(f"As the log was decided; {price}", columns, rows, list(range(1, 9)))]


def _now_mark(result: Result) -> list[Plain]:
    now = number(result.numbers.get("threshold_now"))
    return [] if now is None else [{"x": now, "text": "now"}]


def _threshold_row(row: Mapping[Any, Any]) -> list[str]:
    rates = [amount(row[name]) for name in ("selection_rate", "fpr", "fnr")]
    threshold = number(row["threshold"])
    return [
        str(row["group"]),
        BLANK if threshold is None else f"{threshold:.4g}",
        *rates,
        ratio(row["ratio"]),
        *(count(row[name]) for name in SHORTFALLS),
    ]
