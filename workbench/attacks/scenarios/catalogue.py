"""The catalogue: the scenarios that ship with the workbench, your own beside them, and what of ATLAS they cover.

`SHIPPED` is a folder of YAML files, one scenario each; a folder of your own is read the same way. `coverage` shows the techniques
that no scenario tries.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from workbench.attacks.scenarios.scenario import Scenario, changed_fields, read_scenario
from workbench.attacks.scenarios.trial import Trial
from workbench.errors import InputError, UnknownNameError
from workbench.registry import scenarios as generators

SHIPPED: Final = Path(__file__).with_name("shipped")
GENERATORS: Final = (
    "stress", "probing", "poisoning", "inference", "extraction", "timing", "load", "cascade", "rollback", "texts", "images",
    "cohorts", "fuzzing",
)  # fmt: skip
"""Modules of `workbench.attacks.generators` that register generators when they are imported."""
TECHNIQUES: Final[Mapping[str, str]] = {
    "AML.T0005": "make a model that stands in for the target",
    "AML.T0015": "evade a model",
    "AML.T0018.000": "poison a model's parameters",
    "AML.T0020": "poison training data",
    "AML.T0024.000": "infer who was in the training data",
    "AML.T0024.001": "invert a model",
    "AML.T0024.002": "extract a model",
    "AML.T0029": "deny the service",
    "AML.T0031": "wear down a model's integrity",
    "AML.T0034": "drive up the cost",
    "AML.T0040": "reach the inference interface",
    "AML.T0043.000": "craft inputs with the model's parameters at hand",
    "AML.T0043.001": "craft inputs by queries alone",
    "AML.T0043.002": "craft inputs on another model",
    "AML.T0043.003": "change inputs by hand",
    "AML.T0043.004": "plant a trigger",
    "AML.T0046": "flood with worthless inputs",
    "AML.T0059": "wear down a data set's integrity",
}
"""ATLAS techniques that decision models meet, by their ids; the words are ours."""
CHANGES: Final = ("added", "changed", "retired")


@dataclass(frozen=True)
class Catalogue:
    """Scenarios by name."""

    scenarios: Mapping[str, Scenario]

    def __iter__(self) -> Any:
        return iter(self.scenarios.values())

    def __len__(self) -> int:
        return len(self.scenarios)

    def find(self, name: str) -> Scenario:
        """The scenario of that name, or whose id begins so (12 digits or more).

        Raises
        ------
        UnknownNameError
            Lists those there are.
        """
        if name in self.scenarios:
            return self.scenarios[name]
        digits = name.removeprefix("sha256:")
        for scenario in self:
            if len(digits) >= 12 and scenario.id.removeprefix("sha256:").startswith(digits):
                found: Scenario = scenario
                return found
        raise UnknownNameError("scenario", name, self.scenarios)

    def bound(self, names: Iterable[str], tags: Iterable[str]) -> tuple[list[Scenario], list[str]]:
        """The scenarios that `names` (names or ids) and `tags` mean, each once, and the words among both that mean none."""
        wanted = set(tags)
        absent = sorted(wanted - {tag for item in self for tag in item.tags})
        found: dict[str, Scenario] = {}
        for name in names:
            try:
                scenario = self.find(name)
            except UnknownNameError:
                absent.append(name)
            else:
                found[scenario.name] = scenario
        return [*found.values(), *(item for item in self if wanted & set(item.tags) and item.name not in found)], absent

    def table(self) -> pd.DataFrame:
        """One row per scenario: its name, id, technique, modality, generator, severity, expected outcome, trigger, parent."""
        rows = [
            {
                "name": item.name, "id": item.id, "technique": item.technique, "modality": item.modality,
                "generator": item.generator, "severity": item.severity, "owner": item.owner, "expected": str(item.expected),
                "rollback_trigger": item.rollback_trigger, "parent": item.parent, "version": item.version,
            }
            for item in self
        ]  # fmt: skip
        return pd.DataFrame(rows)


def open_catalogue(folder: str | Path | None = None) -> Catalogue:
    """The scenarios in a folder of YAML files; None: those shipped.

    Raises
    ------
    InputError
        If there is none, or two have one name.
    """
    place = SHIPPED if folder is None else Path(folder)
    paths = sorted([*place.glob("*.yaml"), *place.glob("*.yml")])
    if not paths:
        raise InputError("no scenarios in this folder", str(place), "Give a folder of YAML files, one scenario each.")
    found: dict[str, Scenario] = {}
    for path in paths:
        scenario = read_scenario(path)
        if scenario.name in found:
            raise InputError("two scenarios of one name", scenario.name, "Rename one.")
        found[scenario.name] = scenario
    return Catalogue(found)


def find_scenario(name: str) -> Scenario:
    """A scenario by what a person writes: a YAML file, or the name or id of a shipped one."""
    if name.endswith((".yaml", ".yml")):
        return read_scenario(name)
    return open_catalogue().find(name)


def find_generator(name: str) -> Callable[..., Trial]:
    """The generator called `name`: ours, or a plug-in of the group ``workbench.scenarios``.

    Raises
    ------
    UnknownNameError
        Lists those there are.
    """
    generator_names()
    found: Callable[..., Trial] = generators.get(name)
    return found


def generator_names() -> list[str]:
    """Every generator there is."""
    for module in GENERATORS:
        importlib.import_module(f"workbench.attacks.generators.{module}")
    return generators.names()


def coverage(catalogue: Iterable[Scenario], techniques: Mapping[str, str] = TECHNIQUES) -> pd.DataFrame:
    """Technique × scenario: one row per technique, one boolean column per scenario, and how many cover it (0: an empty row).

    A technique that a scenario names and that is not listed gets a row of its own.
    """
    listed = list(catalogue)
    named = {item.technique for item in listed if item.technique is not None} - set(techniques)
    rows = []
    for technique in [*techniques, *sorted(named)]:
        covers = {item.name: item.technique == technique for item in listed}
        rows.append(
            {"technique": technique, "meaning": techniques.get(technique, ""), "scenarios": sum(covers.values()), **covers}
        )
    return pd.DataFrame(rows)


def compare(before: Catalogue, after: Catalogue) -> pd.DataFrame:
    """What changed between two catalogues: ``name change fields technique``, and whether a technique lost its last scenario."""
    rows = []
    for name in sorted({*before.scenarios, *after.scenarios}):
        old, new = before.scenarios.get(name), after.scenarios.get(name)
        if old is not None and new is not None and old.id == new.id:
            continue
        change = CHANGES[0] if old is None else CHANGES[2] if new is None else CHANGES[1]
        fields = ", ".join(changed_fields(old, new)) if old is not None and new is not None else ""
        rows.append({"name": name, "change": change, "fields": fields, "technique": (new or old).technique})  # type: ignore[union-attr]
    covered = {item.technique for item in after}
    return pd.DataFrame(
        [{**row, "uncovered": row["technique"] is not None and row["technique"] not in covered} for row in rows],
        columns=["name", "change", "fields", "technique", "uncovered"],
    )
