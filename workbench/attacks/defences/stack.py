"""Layers around a model: detector → validator → preprocessing → model → guard, together one target.

What each layer is: a *detector* takes the rows and says which look like an attack; a *validator* which cannot be clean inputs
(`workbench.attacks.defences.validator`, signed off); *preprocessing* changes the rows the model sees; a *guard* takes rows and
the model's answers and says which to withhold. A row that a layer stops is an abstention, not asked further; a layer that itself
fails makes the row an error: what the stack cannot check it does not decide.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from workbench.attacks.defences.validator import Validator, require_signed
from workbench.digest import digest
from workbench.errors import InputError, UnknownNameError, shorten
from workbench.models.identity import model_digest
from workbench.models.target import Prediction, Target, Wrapped, failed_prediction

KINDS: Final = ("detector", "validator", "preprocessing", "guard")
"""Kinds of layers in their order; the model stands before the guard."""

Flags = Callable[[pd.DataFrame], np.ndarray]
"""From rows to True where one looks like an attack."""
Change = Callable[[pd.DataFrame], pd.DataFrame]
"""From rows to the same rows, changed."""
Withhold = Callable[[pd.DataFrame, Prediction], np.ndarray]
"""From rows and the answers to True where an answer is not to be given."""


@dataclass(frozen=True, eq=False)
class Layer:
    """One defence; made by `detector`, `validator`, `preprocessing` or `guard`. Only a validator has rules."""

    kind: str
    name: str
    does: Callable[..., Any]
    rules: Validator | None = None

    @functools.cached_property
    def digest(self) -> str:
        """Digest of what it does: of a validator's rules, of anything else's state."""
        return model_digest(self.does) if self.rules is None else self.rules.digest


def detector(flags: Flags, name: str = "detector") -> Layer:
    """A layer that stops the rows that `flags` says look like an attack."""
    return Layer("detector", name, flags)


def validator(rules: Validator, name: str = "validator") -> Layer:
    """A layer that stops the rows that break `rules`; a stack takes it only when they are signed off."""
    return Layer("validator", name, rules.rejects, rules)


def preprocessing(change: Change, name: str = "preprocessing") -> Layer:
    """A layer that changes the rows before the model sees them."""
    return Layer("preprocessing", name, change)


def guard(withhold: Withhold, name: str = "guard") -> Layer:
    """A layer that withholds answers after the model gave them."""
    return Layer("guard", name, withhold)


@dataclass(frozen=True, eq=False)
class Trace:
    """A stack's prediction, and the layer that stopped each row (None where none did), shape (rows,)."""

    prediction: Prediction
    stopped_by: np.ndarray


@dataclass(frozen=True, eq=False)
class Stack(Wrapped):
    """A model and the layers around it, as one target.

    Attributes
    ----------
    target
        The model.
    layers
        In the order of `KINDS`; several of one kind are asked in the order given.
    given_name
        What to call it; None: the names of its parts.

    Raises
    ------
    InputError
        For layers in another order or of one name; for a validator that nobody signed off, or whose rules were changed since.
    """

    target: Target
    layers: tuple[Layer, ...] = ()
    given_name: str | None = None

    def __post_init__(self) -> None:
        kinds, names = [layer.kind for layer in self.layers], [layer.name for layer in self.layers]
        if odd := [kind for kind in kinds if kind not in KINDS]:
            raise UnknownNameError("kind of layer", odd[0], KINDS)
        if kinds != sorted(kinds, key=KINDS.index):
            raise InputError("layers in another order than they are asked in", ", ".join(kinds), f"Order: {', '.join(KINDS)}.")
        if len(set(names)) < len(names):
            raise InputError("two layers of one name", ", ".join(names), "Name them differently.")
        for layer in self.layers:
            if layer.rules is not None:
                require_signed(layer.rules)
            elif layer.kind == "validator":
                raise InputError("a validator without rules", layer.name, "Give a signed Validator to `validator`.")

    @property
    def name(self) -> str:
        """As given, or the names of its parts."""
        before = [layer.name for layer in self.layers if layer.kind != "guard"]
        after = [layer.name for layer in self.layers if layer.kind == "guard"]
        return self.given_name or " → ".join([*before, self.target.name, *after])

    @functools.cached_property
    def digest(self) -> str:
        """Digest of the model and of every layer."""
        return digest([self.target.digest, *([layer.kind, layer.name, layer.digest] for layer in self.layers)])

    @property
    def version(self) -> str:
        """The first twelve digits of the digest."""
        return self.digest.removeprefix("sha256:")[:12]

    def without(self, name: str) -> Stack:
        """The stack without the layer called `name`.

        Raises
        ------
        UnknownNameError
            If it has none; lists those it has.
        """
        left = tuple(layer for layer in self.layers if layer.name != name)
        if len(left) == len(self.layers):
            raise UnknownNameError("layer", name, [layer.name for layer in self.layers])
        return replace(self, layers=left, given_name=None)

    def predict(self, frame: pd.DataFrame) -> Prediction:
        """Decide on every row of `frame`, or abstain where a layer stops it."""
        return self.trace(frame).prediction

    def trace(self, frame: pd.DataFrame) -> Trace:
        """As `predict`, with the layer that stopped each row."""
        run = _Run(frame)
        for layer in self.layers:
            if layer.kind == "preprocessing":
                run.change(layer)
            elif layer.kind != "guard":
                run.screen(layer, layer.does)
        run.ask(self.target)
        for layer in self.layers:
            if layer.kind == "guard":
                run.guard(layer)
        return run.trace()


class _Run:
    """One frame on its way through the layers: `left` are the places of the rows under way, `rows` as they are by now."""

    def __init__(self, frame: pd.DataFrame) -> None:
        size = len(frame)
        self.rows, self.left = frame.reset_index(drop=True), np.arange(size)
        self._stopped = np.full(size, None, dtype=object)
        self._error = np.full(size, None, dtype=object)
        self._abstained, self._seconds = np.zeros(size, dtype=bool), np.zeros(size)
        self._answered = failed_prediction(0, "", 0.0)
        self._asked = np.zeros(0, dtype=int)

    def screen(self, layer: Layer, flags: Callable[[pd.DataFrame], Any]) -> None:
        """Stop the rows that the layer flags."""
        found = self._done(layer, flags)
        if found is None:
            return
        flagged = np.asarray(found)
        if flagged.shape != self.left.shape:
            self._fail(layer, f"wrong shape: {layer.name} gives {flagged.shape} for {len(self.left)} rows")
            return
        hit = self.left[flagged.astype(bool)]
        self._abstained[hit], self._stopped[hit] = True, layer.name
        self._keep(~flagged.astype(bool))

    def change(self, layer: Layer) -> None:
        """Let the layer change the rows."""
        changed = self._done(layer, layer.does)
        if changed is None:
            return
        if not isinstance(changed, pd.DataFrame) or len(changed) != len(self.left):
            self._fail(layer, f"wrong shape: {layer.name} gives {np.shape(changed)} for {len(self.left)} rows")
            return
        self.rows = changed.reset_index(drop=True)

    def guard(self, layer: Layer) -> None:
        """Withhold the answers that the layer says are not to be given."""
        self.screen(layer, lambda rows: layer.does(rows, self._answers()))

    def ask(self, target: Target) -> None:
        """Ask the model about the rows that are left."""
        if not len(self.left):
            return
        answered = target.predict(self.rows)
        self._answered, self._asked = answered, self.left
        self._seconds[self.left] += answered.latency
        self._error[self.left], self._abstained[self.left] = answered.error, answered.abstained
        self._keep(answered.decided)

    def trace(self) -> Trace:
        """What came of every row."""
        size = len(self._stopped)
        decision, score = np.full(size, None, dtype=object), np.full(size, np.nan)
        kept = self._answers()
        if len(self.left) == size:
            decision = kept.decision
        else:
            decision[self.left] = kept.decision.astype(object)
        score[self.left] = kept.score
        return Trace(Prediction(decision, score, self._seconds, self._abstained, self._error), self._stopped)

    def _answers(self) -> Prediction:
        """The model's answers to the rows that are left."""
        places = np.searchsorted(self._asked, self.left)
        given = self._answered
        return Prediction(*(part[places] for part in (given.decision, given.score, given.latency, given.abstained, given.error)))

    def _done(self, layer: Layer, does: Callable[[pd.DataFrame], Any]) -> Any:
        """What the layer gives, timed; None where there is nothing to do, or it failed."""
        if not len(self.left):
            return None
        places, start = self.left, time.perf_counter()
        try:
            return does(self.rows)
        except InputError:
            raise
        except Exception as exc:  # noqa: BLE001  whatever a layer raises is an outcome: the row is not decided
            self._fail(layer, shorten(f"exception: {layer.name}: {type(exc).__name__}: {exc}"))
            return None
        finally:
            self._seconds[places] += (time.perf_counter() - start) / len(places)

    def _fail(self, layer: Layer, error: str) -> None:
        self._error[self.left], self._stopped[self.left] = error, layer.name
        self._keep(np.zeros(len(self.left), dtype=bool))

    def _keep(self, kept: np.ndarray) -> None:
        self.left, self.rows = self.left[kept], self.rows[kept].reset_index(drop=True)
