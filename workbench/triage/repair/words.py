"""What a repair undid, in a sentence that anybody can repeat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from workbench.result import Finding
from workbench.triage.check import did_not_help
from workbench.triage.repair.cases import ERRORS, Harm
from workbench.triage.repair.share import Undoing
from workbench.triage.repair.values import Repair

MOSTLY: Final = 0.9
"""Where the model decides less than this part of the rows as the log says, that is told."""
LEAST_TIMES: Final = 2.0
MOST_TIMES: Final = 50.0
"""More rows than so many times those at hand are no advice."""


@dataclass(frozen=True)
class Asked:
    """What the model was asked.

    Attributes
    ----------
    sampled, reached
        Rows asked again, of so many that the repair changes.
    alike
        The part of them that it decides as the log says when nothing is repaired; 1 where that was not asked.
    labelled
        Whether labels tell errors too.
    """

    sampled: int
    reached: int
    alike: float = 1.0
    labelled: bool = False


def told(finding: Finding, repair: Repair, undoing: Undoing, harm: Harm, asked: Asked) -> str:
    """The sentence, without its full stop; `finding` holds the share that the repair undoes."""
    start = f"Scored again {repair.words}{f' ({repair.draws} draws)' if repair.draws > 1 else ''}"
    part = f"; a sample of {asked.sampled:,} rows was asked" if asked.sampled < asked.reached else ""
    if asked.alike < MOSTLY:
        part += (
            f"; as logged, the model decides only {100 * asked.alike:.0f} % of them as the log says: the others were decided by"
        )
        part += " another model, or on other inputs"
    if undoing.share is None or undoing.interval is None:
        return f"{start}, {_in_its_rows(undoing, harm, asked.reached)}{part}"
    if harm.words != ERRORS and asked.labelled:
        part = f"; of the errors no share can be told{part}"
    low, high = (round(100 * end) for end in undoing.interval)
    whole = max(1, round(undoing.total))
    count = min(whole, max(0, round(undoing.gone)))
    gone = f"{count:,}" if count else "none"
    sure = f"{100 * undoing.share:.0f} %, 95 % sure: {low} to {high}"
    against = ", which speaks against this cause" if did_not_help(finding) else ""
    return f"{start}, {gone} of the {whole:,} {harm.words} {'goes' if count == 1 else 'go'} away ({sure}){against}{part}"


def _in_its_rows(undoing: Undoing, harm: Harm, reached: int) -> str:
    """Where no share can be told: what there is in the rows that the repair changes."""
    what, harmed, count = harm.words.removeprefix("further "), round(undoing.harmed), round(abs(undoing.gone))
    verb = "go away" if undoing.gone >= 0 else "more come"
    of = f"{count:,} of the {harmed:,} {what} in its rows {verb}" if undoing.gone >= 0 else f"{count:,} {what} {verb}"
    return f"{of}: {undoing.why}, so that no share of the harm can be told{_would_tell(undoing, reached)}"


def _would_tell(undoing: Undoing, reached: int) -> str:
    """How many rows would, if more of the same would."""
    if undoing.times is None or undoing.times > MOST_TIMES:
        return ""
    rows = reached * max(undoing.times, LEAST_TIMES)
    return f"; about {float(f'{rows:.2g}'):,.0f} such rows would tell"
