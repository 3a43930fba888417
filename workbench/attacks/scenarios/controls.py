"""Which control of a law or standard is tried by which scenario, and which by none: a reading of our own, not legal advice.

The map is YAML: frameworks, and for each control its id, a paraphrase in one line, and what speaks to it: scenarios by name or
tag, or `otherwise`, what shows it where no scenario can.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pandas as pd

from workbench.attacks.scenarios.catalogue import Catalogue
from workbench.attacks.scenarios.located import Located, read_located
from workbench.digest import digest

SHIPPED: Final = Path(__file__).with_name("controls.yaml")
HEAD: Final[Mapping[str, str]] = {
    "name": "what the map is called", "version": "which version it is", "note": "how it is meant",
    "frameworks": "the laws and standards, one each",
}  # fmt: skip
FRAMEWORK: Final[Mapping[str, str]] = {
    "name": "what it is called", "source": "which text, of which year", "controls": "its controls, one each",
}  # fmt: skip
CONTROL: Final[Mapping[str, str]] = {"id": "how the text itself numbers it", "about": "what it asks for, in a line"}
BOUND: Final = ("scenarios", "tags", "otherwise")
ABOUT: Final = ("framework", "control", "about", "otherwise", "absent", "scenarios")
"""Columns of `control_matrix` before those of the scenarios."""


@dataclass(frozen=True)
class Control:
    """One control, and what speaks to it: `scenarios` (names or ids), `tags`; `otherwise` where it is shown in another way."""

    framework: str
    id: str
    about: str
    scenarios: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    otherwise: str | None = None


@dataclass(frozen=True)
class ControlMap:
    """Controls in the order they were written; `sources` from each framework to its text."""

    name: str
    version: str
    note: str
    sources: Mapping[str, str]
    controls: tuple[Control, ...]

    @cached_property
    def id(self) -> str:
        """The digest of every field."""
        controls = [vars(control) for control in self.controls]
        return digest([self.name, self.version, self.note, self.sources, controls])


def read_controls(path: str | Path | None = None) -> ControlMap:
    """The map in a YAML file; None: the one that ships.

    Raises
    ------
    StorageError
        If the file cannot be read.
    InputError
        If it is no map of controls: says the line, the field and the value.
    """
    found = read_located(SHIPPED if path is None else path, "map of controls")
    found.require_fields(HEAD)
    sources: dict[str, str] = {}
    controls: dict[tuple[str, str], Control] = {}
    for part in found.parts("frameworks", "frameworks"):
        part.require_fields(FRAMEWORK)
        name = part.text("name")
        if name in sources:
            raise part.refusal("two frameworks of one name", "name", "Write their controls into one.")
        sources[name] = part.text("source")
        for line in part.parts("controls", "controls"):
            control = _control(name, line)
            if (name, control.id) in controls:
                raise line.refusal("two controls of one id", "id", "Write what speaks to them into one.")
            controls[name, control.id] = control
    return ControlMap(found.text("name"), found.text("version"), found.text("note"), sources, tuple(controls.values()))


def _control(framework: str, line: Located) -> Control:
    line.require_fields(CONTROL, BOUND)
    otherwise = None if line.form.get("otherwise") is None else line.text("otherwise")
    return Control(framework, line.text("id"), line.text("about"), line.texts("scenarios"), line.texts("tags"), otherwise)


def control_matrix(catalogue: Catalogue, controls: ControlMap) -> pd.DataFrame:
    """Control × scenario: one row per control, one boolean column per scenario, and how many speak to it (0: a gap).

    Beside them ``otherwise``, what shows a control that no scenario can, and ``absent``, what the map names and the catalogue
    lacks.
    """
    rows: list[dict[str, Any]] = []
    for control in controls.controls:
        bound, absent = catalogue.bound(control.scenarios, control.tags)
        named = {item.name for item in bound}
        rows.append({
            "framework": control.framework, "control": control.id, "about": control.about, "otherwise": control.otherwise,
            "absent": ", ".join(absent), "scenarios": len(named), **{item.name: item.name in named for item in catalogue},
        })  # fmt: skip
    return pd.DataFrame(rows)
