"""The words of the workbench and their codes in public taxonomies: one word per idea, in code, text and user interface.

Codes are cited from AVID (risk domain and SEP code), the OECD common reporting framework and MITRE ATLAS. ``None`` says that
the taxonomy has no term for it.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Term:
    """A word, what it means, and its codes elsewhere."""

    word: str
    meaning: str
    avid: str | None = None
    oecd: str | None = None
    atlas: str | None = None


SEVERITIES: Final = {
    term.word: term
    for term in (
        Term("low", "seen, and too small to act on tonight", oecd="hazard"),
        Term("medium", "people may be affected; act this shift", oecd="hazard"),
        Term("high", "people are affected; act now", oecd="incident"),
        Term("critical", "many people are affected, or no other number can be trusted", oecd="serious incident"),
    )
}

FINDING_KINDS: Final = {
    term.word: term
    for term in (
        Term("slice", "the model is worse on some rows than on the rest", avid="P0204"),
        Term("disparity", "a rate differs between groups of people", avid="E0101"),
        Term("drift", "a column is distributed otherwise than it was", avid="P0101"),
        Term("integrity", "the data itself is defective", avid="P0104"),
        Term("attack", "inputs were crafted to change decisions", avid="S0403", atlas="AML.T0043"),
        Term("lineage", "something changed upstream"),
        Term("volume", "more or fewer rows than before"),
    )
}

CAUSES: Final = {
    term.word: term
    for term in (
        Term("unit error", "a number is given in another unit, or its decimal point moved"),
        Term("nulls", "values are missing that used to be there"),
        Term("recoded values", "a value is written otherwise than before"),
        Term("merged values", "two values are no longer told apart"),
        Term("frozen column", "a column no longer follows what it measures"),
        Term("wrong type", "a column holds another type of values"),
        Term("shifted clock", "times are shifted against those before"),
        Term("duplicated rows", "rows arrive more than once"),
        Term("dropped rows", "rows of one part no longer arrive"),
        Term("label delay", "outcomes have not arrived yet, or no longer do"),
        Term("label flips", "outcomes are recorded wrongly"),
        Term("moved threshold", "the same score leads to another decision"),
        Term("version mix-up", "some rows are scored by another model"),
        Term("calibration drift", "the same score stands for another risk, alike for all"),
        Term("training/serving skew", "a column is computed otherwise than the model learned it"),
        Term("evasion", "inputs were made to pass", atlas="AML.T0015"),
        Term("concept drift", "the same inputs lead to other outcomes"),
        Term("covariate shift", "other cases arrive; alike cases are treated and turn out as before"),
        Term("prior shift", "outcomes became more or less frequent, alike for all inputs"),
        Term("worse on a slice", "the model became worse on some rows"),
        Term("unequal rates", "groups are treated unequally"),
        Term("volume change", "more or fewer rows arrive, of all parts alike"),
        Term("upstream change", "something changed before the log was written"),
    )
}
"""What a finding may be put down to; a finding without one says what was seen, and not why."""

VERDICTS: Final = ("incident", "no incident found", "could not tell")

ENTRY_KINDS: Final = {
    term.word: term
    for term in (
        Term("opened", "the incident was opened"),
        Term("closed", "the incident was closed"),
        Term("note", "a responder wrote something down"),
        Term("run started", "a runbook began"),
        Term("run completed", "a runbook reached its last cell"),
        Term("run failed", "a runbook stopped at a cell that raised"),
        Term("run interrupted", "a runbook was stopped from outside"),
        Term("run timed out", "a cell of a runbook took longer than allowed"),
        Term("pinned", "a finding was kept as evidence"),
        Term("dismissed", "a finding was set aside, with a reason"),
        Term("sealed", "the incident was sealed into a bundle"),
        Term("approved", "somebody gave leave to ask a production target"),
    )
}
