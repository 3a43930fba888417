"""Models as targets: whatever decides, behind one method; ``open_target("python:module:attribute")`` finds one by its text."""

import inspect
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from workbench.errors import InputError
from workbench.models.booster import BoosterTarget, booster_target
from workbench.models.file import open_file
from workbench.models.http import HttpTarget, http_target
from workbench.models.mlflow import open_mlflow
from workbench.models.python import PythonTarget, open_python, python_target
from workbench.models.target import Prediction, Target
from workbench.registry import targets

__all__ = [
    "BoosterTarget",
    "HttpTarget",
    "Prediction",
    "PythonTarget",
    "Target",
    "booster_target",
    "http_target",
    "open_file",
    "open_mlflow",
    "open_python",
    "open_target",
    "python_target",
]


def open_target(text: str, *, trust: Sequence[str] = (), allow_remote: Sequence[str] = (), production: bool = False) -> Target:
    """The target that `text` names: a kind, a colon, and where it is (``python:module:attribute``, ``http://HOST/PATH``).

    Parameters
    ----------
    trust
        Digests of model files that may be unpickled.
    allow_remote
        Hosts beside this machine that may be asked.
    production
        Whether it is in production, which nothing asks without an approval.

    Raises
    ------
    InputError
        If there is no such kind (lists those there are), or nothing at that place; for one that cannot be marked as production.
    """
    kind, colon, location = text.partition(":")
    if not colon:
        raise InputError("not a target", text, f"Write KIND:WHERE; kinds: {', '.join(targets.names())}.")
    opener = targets.get(kind)
    given = {"trust": trust, "allow_remote": allow_remote}
    taken = inspect.signature(opener).parameters
    opened: Target = opener(location, **{name: value for name, value in given.items() if name in taken})
    return _in_production(opened) if production else opened


def _in_production(target: Target) -> Target:
    """`target`, marked."""
    if target.production:
        return target
    if "production" not in getattr(target, "__dataclass_fields__", ()):
        raise InputError("a target that cannot be marked as production", target.name, "Ask it as one that says so itself.")
    marked: Target = replace(cast("Any", target), production=True)
    return marked
