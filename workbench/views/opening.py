"""What triage concluded, in one sentence that anybody can repeat: what is most probably wrong, since when, for whom, how sure.

Every number stands with what it is a part of. Where nothing was found, or nothing could be told, the sentence says what was
checked and what could not be.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import plotly.graph_objects as go

from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Finding, Result
from workbench.triage.files import HISTORY
from workbench.triage.repair.undo import REPAIR
from workbench.views.amounts import size_text
from workbench.views.disparity import groups_figure
from workbench.views.drift import column_figure
from workbench.views.history import history_figure, history_form
from workbench.views.render import Sentence, escaped
from workbench.views.triage import counted, findings_figure, findings_of, noted_text
from workbench.views.undone import noted
from workbench.vocabulary import CAUSES

QUESTIONS: Final = {
    "integrity": "is the data sound",
    "drift": "did a column move",
    "disparity": "do groups fare unequally",
    "slices": "is the model worse somewhere",
    "causes": "what changed first, and in which rows",
    "lineage": "did something change upstream",
    "attack": "was the model attacked",
    REPAIR: "does the harm go away when its cause is undone",
}
"""Check to what it asks, in words."""
FACT: Final = "Wrong in this log as a whole, with no beginning to be found in it"
"""How an incident opens that says what is, not what changed: without a reference nothing tells whether it was ever otherwise."""
ENOUGH_ROWS: Final = 30
RARE: Final = ((1e-9, "a billion"), (1e-6, "a million"), (1e-3, "a thousand"))


class Opening(Sentence):
    """One sentence: its lead, shown large, and below it what else is known of the same."""

    def __init__(self, lead: str, rest: str = "") -> None:
        super().__init__(f"{lead} {rest}".strip())
        self.lead, self.rest = lead, rest

    def _repr_html_(self) -> str:
        rest = f'<p style="line-height:1.5;max-width:75em">{escaped(self.rest)}</p>' if self.rest else ""
        return f'<p style="font-size:1.3em;line-height:1.4;max-width:60em">{escaped(self.lead)}</p>{rest}'


def opening(document: Mapping[str, Any], mute: Collection[str] = ()) -> Opening:
    """The sentence with which a runbook opens.

    Parameters
    ----------
    document
        The content of ``findings.json``, as others may see it.
    mute
        Names of the checks that were asked and could not answer.
    """
    rows = int(document["dataset"]["rows"])
    findings = findings_of(document)
    if document["verdict"] == "incident":
        return _incident(findings, rows, windows=document.get("reference") is not None)
    noted = noted_text(findings)
    checked = f"Checked: {_asked(document)}{f'; {noted}' if noted else ''}."
    if document["verdict"] == "no incident found":
        return Opening(f"No incident found in {rows:,} decisions.", f"{checked} {_unasked(document)}".strip())
    silent = [check for check in document["checks"] if check["name"] in mute or check["status"] == "failed"]
    lead = f"Could not tell whether these {rows:,} decisions hold an incident: {_why(document, silent)}."
    return Opening(lead, f"{checked} {_unasked(document, silent)}".strip())


def _incident(findings: Sequence[Finding], rows: int, *, windows: bool) -> Opening:
    stands = [finding for finding in findings if finding.explained_by is None]
    first, others = stands[0], len(stands) - 1
    dated = first.onset is not None and first.onset[:10] in first.statement
    began = [] if dated or _is_fact(first, windows=windows) else [since(first)]
    parts = [*began, touched(first, rows), sureness(first)]
    told = FACT if _is_fact(first, windows=windows) else "Most probably wrong"
    lead = f"{told}: {first.statement}; {', '.join(parts[:-1])}, and {parts[-1]}."
    rest = [
        cause_text(first),
        first.undone or "",
        size_text(first),
        since(first) if dated else "",
        _more(others, len(findings) - len(stands)),
    ]
    return Opening(lead, " ".join(f"{part[0].upper()}{part[1:]}." for part in rest if part))


def _is_fact(finding: Finding, *, windows: bool) -> bool:
    """Whether it is a state of the one log there is, of which nothing says that it began."""
    return not windows and finding.onset is None


def _more(others: int, explained: int) -> str:
    """How many findings stand beside the first, and how many another explains."""
    if not others:
        return f"it explains {counted(explained)} below" if explained else ""
    return f"{counted(others, 'more ')} below" + (f", and {explained} that one of these explains" if explained else "")


def _why(document: Mapping[str, Any], silent: Sequence[Mapping[str, Any]]) -> str:
    """Why nobody can say that there is none."""
    if silent:
        return "; ".join(f"{_question(check)}? {_reason(check)}" for check in silent)
    if not any(check["status"] == "ran" for check in document["checks"]):
        return "no check could run"
    if int(document["dataset"]["rows"]) < ENOUGH_ROWS:
        return f"fewer than {ENOUGH_ROWS} can show an incident, but not that there is none"
    return f"a window of fewer than {ENOUGH_ROWS} decisions, or a question without an answer, leaves it open"


def since(finding: Finding) -> str:
    """When it began and how sure that is; where no date can be told, that."""
    if finding.onset is None:
        return "it holds in the whole log" if finding.standing else "no date can be told"
    earliest, latest = (end[:10] for end in finding.onset_interval or (finding.onset, finding.onset))
    if earliest == latest:
        return f"it began on {finding.onset[:10]}"
    return f"it began about {finding.onset[:10]} (95 % sure: {earliest} to {latest})"


def touched(finding: Finding, rows: int) -> str:
    """Whom it touches, out of how many decisions."""
    few = f"fewer than {SMALL_CELL}"
    if finding.support is None:
        return "whom it touches was not measured" if finding.people is None else f"it touches {finding.people:,} people"
    part = few if finding.support < SMALL_CELL else f"{finding.support:,}"
    share = "" if finding.support < SMALL_CELL or not rows else f" ({100 * finding.support / rows:.1f} %)"
    people = "" if finding.people is None else f", {few if finding.people < SMALL_CELL else f'{finding.people:,}'} people"
    return f"it touches {part} of {rows:,} decisions{share}{people}"


def cause_text(finding: Finding) -> str:
    """What it is put down to, in words; empty where nothing tells."""
    return "" if finding.cause is None else f"put down to {finding.cause}: {CAUSES[finding.cause].meaning}"


def sureness(finding: Finding) -> str:
    """How often chance alone would show as much."""
    p = finding.p_adjusted if finding.p_adjusted is not None else finding.p
    return "it is read off the data, not estimated" if p is None else rarity(p)


def rarity(p: float) -> str:
    """A p-value in words: as much is to be expected in so many searches like this one that have nothing to find."""
    for bound, words in RARE:
        if p < bound:
            return f"chance alone would show as much in fewer than 1 of {words} such searches"
    often = f"in about 1 of {round(1 / p):,} such searches" if p < 0.5 else "often"
    return f"chance alone would show as much {often}"


def _asked(document: Mapping[str, Any]) -> str:
    """What the checks that ran ask."""
    return ", ".join(_question(check) for check in document["checks"] if check["status"] == "ran") or "nothing"


def _unasked(document: Mapping[str, Any], silent: Sequence[Mapping[str, Any]] = ()) -> str:
    """What was not checked, each with the reason, less what was told already."""
    left = [check for check in document["checks"] if check["status"] != "ran" and check not in silent]
    told = [f"{_question(check)} ({_reason(check)})" for check in left]
    return f"Not checked: {'; '.join(told)}." if told else ""


def _question(check: Mapping[str, Any]) -> str:
    return QUESTIONS.get(check["name"], str(check["name"]))


def _reason(check: Mapping[str, Any]) -> str:
    return str(check["why"]).rstrip(".").replace(". ", ": ", 1) or "no reason is given"


def first_figure(results: Mapping[str, Result], findings: Sequence[Finding]) -> go.Figure | Sentence:
    """The first finding's own figure: its number over time with the onset, the groups it parts, or the column that moved.

    Below the title stands what scoring its rows again undid.

    Parameters
    ----------
    results
        Of the checks, and under `HISTORY` that of `workbench.analysis.history.measure_histories`; as others may see them.
    """
    if not findings:
        return Sentence("Nothing stood out, so there is nothing to draw.")
    own = finding_figure(results, findings[0])
    return findings_figure(findings) if own is None else noted(own, findings[0])


def finding_figure(results: Mapping[str, Result], finding: Finding) -> go.Figure | None:
    """The finding's own figure; None where no result holds one."""
    compared = results.get("disparity")
    if finding.kind == "disparity" and finding.onset is None and compared is not None and "groups" in compared.tables:
        attributes = compared.tables["groups"]["attributes"].unique().tolist()
        named = [attribute for attribute in attributes if attribute in Predicate.parse(finding.where).columns]
        if named:
            return groups_figure(compared, named)
    form = history_form(results.get(HISTORY), finding)
    moved = column_figure(results["drift"], finding.columns[0]) if "drift" in results and finding.columns else None
    if moved is not None and (form is None or finding.onset is None):
        return moved
    drawable = form is not None and len(form["starts"]) > 1  # type: ignore[arg-type]
    return history_figure(form, finding) if form is not None and drawable else None
