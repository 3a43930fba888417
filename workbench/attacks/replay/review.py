"""A replay looked at closely: where in the inputs a version fails, when in the recording, and what one attack changed.

The actors: a `Review` (the verdicts of `workbench.attacks.replay.replay` beside the recording's inputs) and a `Closeup` (one
input and the one it was made from). What a review counts are inputs; a count over fewer than `SMALL_CELL` is None. A close-up is
about one input: it is for whoever holds the recording, and belongs on no page, in no notebook's outputs and no bundle. Of an
attack, which somebody made up, it shows what was bent; an input that nobody is known to have made up is a person's, and there is
none of it unless the review is of `whole` inputs.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.analysis.attribution import attribute
from workbench.attacks.decisions import decision_text
from workbench.attacks.evasion import MOST_ERRORS
from workbench.attacks.recording import Recording
from workbench.attacks.verdict import FAIL, FIRST_ERROR, LEVELS, OUTCOMES
from workbench.data.encode import fit_codings
from workbench.errors import InputError, UnknownNameError
from workbench.models.target import Target
from workbench.predicate import Predicate
from workbench.result import SMALL_CELL, Result
from workbench.result.cells import hide

BINS: Final = 6
MOST_STEPS: Final = 120
MOST_LISTED: Final = 200


@dataclass(frozen=True)
class Group:
    """Inputs of one value or range of a column: the rows, how many were judged, and how many of them each version fails.

    None where fewer than `SMALL_CELL` were judged, or where the number would give such a count away; for a version that answered
    with errors, too.
    """

    where: Predicate
    judged: int | None
    failed: tuple[int | None, ...]


@dataclass(frozen=True)
class Step:
    """Inputs that were recorded one after the other: calls `first` to `last`, their time, and what each version made of them.

    `seconds` are since the recording began; `judged` and `failed` as in `Group`.
    """

    first: int
    last: int
    seconds: float
    judged: int | None
    failed: tuple[int | None, ...]


@dataclass(frozen=True)
class Closeup:
    """One input: what an attack changed in it, and what every version answers.

    Attributes
    ----------
    changed
        Column, value of the harmless input, value of the attack; every column with its value where there is no harmless input.
    same, withheld
        How many columns are as they were; how many protected ones are not.
    answers
        A row per version: decision and score on the harmless input and on this one, the outcome, the level.
    drivers
        Column and shap value on this input less that on the harmless one, the largest first; empty where no model was given.
    """

    place: int
    origin: int | None
    changed: tuple[tuple[str, Any, Any], ...]
    same: int
    withheld: int
    answers: tuple[dict[str, Any], ...]
    drivers: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, eq=False)
class Review:
    """Verdicts beside inputs.

    Attributes
    ----------
    versions
        What the targets are called.
    outcome, level
        Places in `OUTCOMES` and `LEVELS`, shape (versions, inputs).
    hidden
        Input columns that are never shown: identifiers.
    protected
        Input columns whose value in a single input is never shown: what parts people into groups.
    whole
        Whether inputs that are no attack may be looked at, with all their columns.
    """

    recording: Recording
    versions: tuple[str, ...]
    outcome: np.ndarray
    level: np.ndarray
    hidden: frozenset[str] = field(default_factory=frozenset)
    protected: frozenset[str] = field(default_factory=frozenset)
    whole: bool = False

    @classmethod
    def of(
        cls,
        recording: Recording,
        result: Result,
        hidden: Sequence[str] = (),
        protected: Sequence[str] = (),
        *,
        whole: bool = False,
    ) -> Review:
        """The review of what `replay` made of `recording`.

        Raises
        ------
        InputError
            For a result of another kind or recording, or one without its verdicts (as it is published).
        """
        arguments: Any = result.provenance.get("arguments") or {}
        if result.kind != "replay" or arguments.get("recording") != recording.content:
            do = "Give what `replay` returned for this recording."
            raise InputError("not a replay of this recording", f"{result.title}, {recording.folder}", do)
        if "verdicts" not in result.tables:
            raise InputError("a replay without its verdicts", result.title, "Give the result itself, not its published form.")
        verdicts = result.tables["verdicts"]
        versions = tuple(map(str, result.tables["targets"]["target"]))
        shape = (len(versions), recording.rows)
        outcome, level = _places(verdicts["outcome"], OUTCOMES), _places(verdicts["level"], LEVELS)
        return cls(
            recording, versions, outcome.reshape(shape), level.reshape(shape), frozenset(hidden), frozenset(protected), whole
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """The input columns that may be shown."""
        return tuple(name for name in self.recording.input_columns if name not in self.hidden)

    @functools.cached_property
    def inputs(self) -> pd.DataFrame:
        """Every input, without hidden columns."""
        return self.recording.select(np.arange(self.recording.rows))[list(self.columns)]

    @functools.cached_property
    def origins(self) -> np.ndarray:
        """Where the harmless input of each stands; -1 where there is none."""
        table = self.recording.row_columns("row_id", "origin")
        places = {str(identity): place for place, identity in enumerate(table["row_id"].to_pylist())}
        return np.array([-1 if name is None else places.get(str(name), -1) for name in table["origin"].to_pylist()], dtype=int)

    @functools.cached_property
    def people(self) -> pd.DataFrame:
        """The harmless input of each, itself where it was made from none: what a segment is read from."""
        return self.inputs.iloc[np.where(self.origins >= 0, self.origins, np.arange(len(self.origins)))]

    @functools.cached_property
    def judged(self) -> np.ndarray:
        """Which inputs any version was judged on."""
        return np.asarray((self.outcome <= FAIL).any(axis=0))

    @functools.cached_property
    def calls(self) -> np.ndarray:
        """The number of each input's call."""
        return np.asarray(self.recording.row_columns("call")["call"].to_numpy())

    @functools.cached_property
    def started(self) -> np.ndarray:
        """When each call started, in seconds since the first."""
        parts = [self.recording.call_starts(part) for part in self.recording.parts]
        starts = np.concatenate(parts) if parts else np.zeros(0)
        return np.asarray(starts - starts[0] if len(starts) else starts)

    def covers(self, where: Predicate) -> bool:
        """Whether the recording has every column that `where` names."""
        return set(where.columns) <= set(self.columns)

    def mask(self, where: Predicate) -> np.ndarray:
        """Which judged inputs were made from rows of this segment; all of them where `covers` says no."""
        return self.judged & where.mask(self.people.reset_index(drop=True)) if self.covers(where) else self.judged

    def groups(self, column: str, where: Predicate) -> list[Group]:
        """The judged inputs of a segment by the values, or ranges, of one column.

        Left out are groups that nobody is in, and values that too few have: a rare value may name somebody. Ranges too small to
        count come last.

        Raises
        ------
        UnknownNameError
            For a column that the inputs have not, or may not show.
        """
        if column not in self.columns:
            raise UnknownNameError("column of the inputs", column, self.columns)
        people = self.people.reset_index(drop=True)
        codings = fit_codings(people, [column], bins=BINS, top=12)
        if not codings:
            return []
        codes, chosen = codings[0].apply(people[column]), self.mask(where)
        sizes = np.bincount(codes[chosen], minlength=len(codings[0].conditions))
        present = [code for code in range(len(sizes)) if sizes[code]]
        hidden = hide([int(sizes[code]) for code in present])
        named = codings[0].edges is None
        groups = [
            Group(codings[0].conditions[code], *self._counts(chosen & (codes == code), hidden=blank))
            for code, blank in zip(present, hidden, strict=True)
            if not (named and blank)
        ]
        return sorted(groups, key=lambda group: group.judged is None)

    def steps(self, where: Predicate) -> list[Step]:
        """The recording in order, in at most `MOST_STEPS` steps of `SMALL_CELL` inputs or more."""
        chosen = np.flatnonzero(self.mask(where))
        number = max(1, min(MOST_STEPS, len(chosen) // SMALL_CELL))
        steps = []
        for places in np.array_split(chosen, number) if len(chosen) >= SMALL_CELL else []:
            within = np.zeros(len(self.judged), dtype=bool)
            within[places] = True
            first, last = int(self.calls[places[0]]), int(self.calls[places[-1]])
            steps.append(Step(first, last, float(self.started[first]), *self._counts(within)))
        return steps

    def listed(self, where: Predicate, step: int | None = None) -> list[tuple[int, list[int]]]:
        """Judged inputs of a segment, and of one of its steps, with their outcome in each version; at most `MOST_LISTED`.

        Attacks only, unless the review is of `whole` inputs.
        """
        chosen = np.flatnonzero(self.mask(where))
        if step is not None:
            parts = np.array_split(chosen, max(1, min(MOST_STEPS, len(chosen) // SMALL_CELL)))
            if not 0 <= step < len(parts):
                raise UnknownNameError("step", step, range(len(parts)))
            chosen = parts[step]
        chosen = chosen if self.whole else chosen[self.origins[chosen] >= 0]
        return [(int(place), self.outcome[:, place].tolist()) for place in chosen[:MOST_LISTED]]

    def closeup(self, place: int, targets: Sequence[Target] = (), model: object = None) -> Closeup:
        """One input beside the harmless one.

        Parameters
        ----------
        targets
            Versions to ask for their scores, in the order of `versions`; a production target is not asked.
        model
            For shap values: exact for fitted trees, by permutations between the two inputs for anything else.

        Raises
        ------
        UnknownNameError
            If there is no such input.
        InputError
            If it is no attack, and the review not of `whole` inputs.
        """
        if not 0 <= place < self.recording.rows:
            raise UnknownNameError("input", place, [f"0 to {self.recording.rows - 1}"])
        origin = int(self.origins[place])
        if origin < 0 and not self.whole:
            raise InputError("an input that is no attack is a person's, and not shown", place, "Open an attack.")
        sent = self._sent(origin, place)
        before, after = ({name: _plain(sent[name].iloc[at]) for name in self.columns} for at in (0, 1))
        bent = [name for name, value in after.items() if origin < 0 or before[name] != value]
        moved = tuple((name, before[name] if origin >= 0 else None, after[name]) for name in bent if name not in self.protected)
        answers = [
            {"version": version, "outcome": OUTCOMES[self.outcome[at, place]], "level": LEVELS[self.level[at, place]],
             **_asked(targets[at] if at < len(targets) else None, sent)}
            for at, version in enumerate(self.versions)
        ]  # fmt: skip
        drivers = () if model is None or origin < 0 else _drivers(model, sent, self.hidden | self.protected)
        made = None if origin < 0 else origin
        return Closeup(place, made, moved, len(after) - len(bent), len(bent) - len(moved), tuple(answers), drivers)

    def _sent(self, origin: int, place: int) -> pd.DataFrame:
        """The harmless input (the input itself where there is none) and the input, as targets saw them."""
        wanted = [origin if origin >= 0 else place, place]
        rows = self.recording.select(np.unique(wanted))
        return rows.iloc[np.searchsorted(np.unique(wanted), wanted)].reset_index(drop=True)

    def _counts(self, chosen: np.ndarray, *, hidden: bool = False) -> tuple[int | None, tuple[int | None, ...]]:
        rows = int(chosen.sum())
        if hidden or rows < SMALL_CELL:
            return None, (None,) * len(self.versions)
        return rows, tuple(_failed(outcome) for outcome in self.outcome[:, chosen])


def _failed(outcome: np.ndarray) -> int | None:
    """How many fail; None where errors for answers hide that of too many."""
    return None if (outcome >= FIRST_ERROR).mean() > MOST_ERRORS else int((outcome == FAIL).sum())


def _places(column: pd.Series[Any], known: Sequence[str]) -> np.ndarray:
    """Where in `known` each value stands."""
    coded = pd.Categorical(column, categories=list(known))
    return np.asarray(coded.codes, dtype=np.int8)


def _plain(value: object) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return None if value is pd.NA or value != value else value  # noqa: PLR0124  NaN


def _asked(target: Target | None, rows: pd.DataFrame) -> dict[str, Any]:
    """Decision and score on the harmless input and on the input; None where the version was not asked or did not answer."""
    if target is None or target.production:
        return {"decisions": (None, None), "scores": (None, None)}
    answered = target.predict(rows)
    texts = tuple("abstained" if out else decision_text(value)
                  for value, out in zip(answered.decision.tolist(), answered.abstained.tolist(), strict=True))  # fmt: skip
    return {"decisions": texts, "scores": tuple(_plain(score) for score in answered.score)}


def _drivers(model: object, rows: pd.DataFrame, unshown: frozenset[str]) -> tuple[tuple[str, float], ...]:
    names = [str(name) for name in getattr(model, "feature_names_in_", rows.columns)]
    made = attribute(model, rows[names], rows[names])
    moved = made.values[1] - made.values[0]
    order = np.argsort(-np.abs(moved), kind="stable")
    return tuple((names[at], float(moved[at])) for at in order if moved[at] and names[at] not in unshown)[:8]
