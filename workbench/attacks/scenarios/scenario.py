"""A scenario: what an attacker or a fault does, why we think it does harm, how it is done again, and what must come of it.

A scenario is data (YAML), never code: it names a *generator* (``workbench.registry.scenarios``) and its parameters. Its id is the
digest of all its fields, so that whoever edits one has another scenario.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Final

from workbench.attacks.scenarios.located import read_located
from workbench.digest import digest, to_plain
from workbench.errors import InputError, UnknownNameError
from workbench.files import write_whole
from workbench.predicate import ALL_ROWS, Predicate

MODALITIES: Final = ("tabular", "text", "image")
BOUNDS: Final = ("at_most", "at_least")
DOMAIN_KEYS: Final = ("immutable", "directions", "weights", "relations")
TWIN_KEYS: Final = ("description", "parameters")


@dataclass(frozen=True)
class ThreatModel:
    """Who does it: each a line of words.

    Attributes
    ----------
    attacker
        Who, or what: ``nobody: a fault`` where there is no attacker.
    knowledge, access, goal, budget
        What the attacker knows and may touch, wants, and can spend.
    channels
        Where the input comes in.
    """

    attacker: str
    knowledge: str
    access: str
    goal: str
    budget: str
    channels: tuple[str, ...]


@dataclass(frozen=True)
class Expected:
    """The bound that the scenario's measure must keep: ``at_most`` or ``at_least``, one of the two."""

    at_most: float | None = None
    at_least: float | None = None

    def __post_init__(self) -> None:
        given = [value for value in (self.at_most, self.at_least) if value is not None]
        if len(given) != 1 or not _is_number(given[0]):
            raise InputError("an expected outcome needs one bound", to_plain(asdict(self)), f"Give one of {', '.join(BOUNDS)}.")

    @property
    def bound(self) -> float:
        """The number, whichever way it bounds."""
        return float(self.at_least or 0.0) if self.at_most is None else float(self.at_most)

    def outcome(self, value: float | None, low: float | None, high: float | None) -> str:
        """``held`` where the whole interval keeps the bound, ``failed`` where all of it breaks it, else ``could not tell``."""
        low, high = (value if end is None else end for end in (low, high))
        if value is None or low is None or high is None:
            return "could not tell"
        if self.at_most is not None:
            return "held" if high <= self.at_most else "failed" if low > self.at_most else "could not tell"
        return "held" if low >= self.bound else "failed" if high < self.bound else "could not tell"

    def __str__(self) -> str:
        return f"at most {self.at_most:g}" if self.at_most is not None else f"at least {self.at_least:g}"


@dataclass(frozen=True)
class Twin:
    """A harmless likeness of the scenario: the same generator with other parameters, which the target must bear.

    Where the twin fails too, a failing scenario says nothing of attacks.
    """

    description: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Scenario:
    """One scenario.

    Attributes
    ----------
    name
        Lower case, words joined by hyphens.
    objective
        What running it tells.
    assumptions
        What has to be so for it to mean anything.
    failure_modes
        What we think goes wrong; required, because a test without one is no test.
    threat_model
        Who does it.
    modality
        A word of `MODALITIES`.
    generator, parameters, seed
        What does it: a name in ``workbench.registry.scenarios``, and what it is called with.
    expected
        The bound on what the generator measures.
    oracle
        What makes an answer fail: a name of `workbench.attacks.oracles`; ``none`` where the generator measures otherwise.
    rollback_trigger
        When a release that fails it is taken back.
    benign_twin
        A harmless likeness.
    technique
        ATLAS technique; None for a fault that nobody causes on purpose.
    domain
        How inputs are constrained: ``immutable``, ``directions``, ``weights``, ``relations`` of `constraints.Domain.infer`.
    where
        The rows it concerns, as a predicate's text.
    parent
        What it came from: an incident's id, or a finding's file and rank.
    severity
        A word of `workbench.vocabulary.SEVERITIES`.
    tags
        What it is about, in words of your own, by which charters and controls name it. Where there are none they are no part of
        the id: a scenario written before there were tags keeps the one it has.
    """

    name: str
    objective: str
    assumptions: tuple[str, ...]
    failure_modes: tuple[str, ...]
    threat_model: ThreatModel
    modality: str
    generator: str
    expected: Expected
    oracle: str
    rollback_trigger: str
    benign_twin: Twin
    author: str
    version: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    technique: str | None = None
    domain: Mapping[str, Any] = field(default_factory=dict)
    where: str = str(ALL_ROWS)
    parent: str | None = None
    severity: str = "medium"
    owner: str | None = None
    tags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in REQUIRED:
            if _is_blank(getattr(self, name)):
                raise InputError(f"the scenario {self.name or '(no name)'} leaves a field blank", name, f"Say {MEANING[name]}.")
        if self.modality not in MODALITIES:
            raise UnknownNameError("modality", self.modality, MODALITIES)
        if any(_is_blank(tag) for tag in self.tags):
            raise InputError(f"the scenario {self.name} has a blank tag", list(self.tags), "Write a word, or leave it out.")
        _require_keys(f"domain of {self.name}", self.domain, DOMAIN_KEYS)
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise InputError(f"the scenario {self.name} has no usable seed", self.seed, "Give a whole number, 0 or more.")
        Predicate.parse(self.where)

    @functools.cached_property
    def id(self) -> str:
        """The digest of every field."""
        return digest(self.to_dict())

    @property
    def predicate(self) -> Predicate:
        """The rows it concerns."""
        return Predicate.parse(self.where)

    def to_dict(self) -> dict[str, Any]:
        """Every field, plain; `of` reads it back."""
        form = {item.name: getattr(self, item.name) for item in fields(self)}
        form["threat_model"] = asdict(self.threat_model)
        form["expected"] = {name: value for name, value in asdict(self.expected).items() if value is not None}
        form["benign_twin"] = asdict(self.benign_twin)
        if not self.tags:
            del form["tags"]
        plain: dict[str, Any] = to_plain(form)  # type: ignore[assignment]
        return plain

    def harmless(self) -> Scenario:
        """The scenario with the parameters of its benign twin."""
        return replace(self, parameters={**self.parameters, **self.benign_twin.parameters})

    @classmethod
    def of(cls, form: Mapping[str, Any], place: str = "scenario") -> Scenario:
        """Read a mapping.

        Raises
        ------
        InputError
            For an unknown, missing or blank field; lists those that exist.
        """
        known = {item.name for item in fields(cls)}
        _require_keys(place, form, known)
        if absent := [name for name in REQUIRED if name not in form]:
            raise InputError(f"{place} lacks a field", absent[0], f"Say {MEANING[absent[0]]}.")
        values = dict(form)
        values["threat_model"] = _part(ThreatModel, f"threat_model of {place}", form["threat_model"])
        values["expected"] = _part(Expected, f"expected of {place}", form["expected"])
        values["benign_twin"] = _part(Twin, f"benign_twin of {place}", form["benign_twin"])
        for name in ("assumptions", "failure_modes", "tags"):
            values[name] = _lines(place, name, form.get(name) or ())
        for name in TEXTS:
            if name in values and not isinstance(values[name], str):
                raise InputError(f"{place} has a field that is not text", f"{name}: {values[name]!r}", "Write it in quotes.")
        for name in ("parameters", "domain"):
            if not isinstance(values.get(name, {}), Mapping):
                raise InputError(
                    f"{place} has a field that is no mapping", f"{name}: {values[name]!r}", "Write `key: value` lines."
                )
        return cls(**values)


MEANING: Final[Mapping[str, str]] = {
    "name": "what it is called", "objective": "what running it tells",
    "assumptions": "what has to be so for it to mean anything",
    "failure_modes": "what you think goes wrong", "threat_model": "who does it, and with what",
    "modality": " or ".join(MODALITIES),
    "generator": "which generator does it", "expected": "the bound to be kept", "oracle": "what makes an answer fail, or none",
    "rollback_trigger": "when a release is taken back", "benign_twin": "its harmless likeness", "author": "who wrote it",
    "version": "which version it is",
}  # fmt: skip
REQUIRED: Final = tuple(MEANING)
TEXTS: Final = (
    "name", "objective", "modality", "generator", "oracle", "rollback_trigger", "author", "version", "where", "severity",
)  # fmt: skip


def read_scenario(path: str | Path) -> Scenario:
    """The scenario in a YAML file.

    Raises
    ------
    StorageError
        If the file cannot be read.
    InputError
        If it is not YAML, says a field twice, or is no scenario.
    """
    found = read_located(path, "scenario")
    return Scenario.of(found.form, found.file)


def write_scenario(scenario: Scenario, path: str | Path) -> None:
    """Write `scenario` as YAML that `read_scenario` reads back to the same id.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    write_whole(Path(path), scenario_yaml(scenario))


def scenario_yaml(scenario: Scenario) -> str:
    """`scenario` as the text of a YAML file."""
    import yaml

    text: str = yaml.safe_dump(scenario.to_dict(), sort_keys=False, allow_unicode=True, width=110)
    return text


def changed_fields(before: Scenario, after: Scenario) -> dict[str, tuple[Any, Any]]:
    """From each field that differs to its value before and after."""
    old, new = before.to_dict(), after.to_dict()
    return {name: (old.get(name), new.get(name)) for name in {**old, **new} if old.get(name) != new.get(name)}


def _part(kind: type[Any], place: str, form: object) -> Any:
    known = [item.name for item in fields(kind)]
    if not isinstance(form, Mapping):
        raise InputError(f"{place} is no mapping", form, f"Fields: {', '.join(known)}")
    _require_keys(place, form, known)
    values = {name: _lines(place, name, value) if name == "channels" else value for name, value in form.items()}
    if kind is ThreatModel and (blank := [name for name in known if _is_blank(values.get(name))]):
        raise InputError(f"{place} leaves a field blank", blank[0], f"Fields: {', '.join(known)}")
    if kind is Twin and _is_blank(values.get("description")):
        raise InputError(f"{place} leaves a field blank", "description", "Say why it is harmless.")
    return kind(**values)


def _require_keys(place: str, form: Mapping[str, Any], known: Any) -> None:
    if odd := sorted(set(map(str, form)) - set(known)):
        raise InputError(f"unknown field in {place}", odd[0], f"Fields: {', '.join(sorted(known))}")


def _lines(place: str, name: str, value: object) -> tuple[str, ...]:
    lines = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(line, str) for line in lines):
        raise InputError(f"{place} has a field that is not lines of text", f"{name}: {value!r}", "Write a list of sentences.")
    return tuple(lines)


def _is_blank(value: object) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return isinstance(value, tuple) and (not value or any(_is_blank(line) for line in value))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
