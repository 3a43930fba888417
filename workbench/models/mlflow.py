"""MLflow models read from their folder, without MLflow: ``MLmodel`` says which file holds the model, and as what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

from workbench.errors import InputError
from workbench.models.file import open_file
from workbench.models.target import Target
from workbench.registry import targets

DESCRIPTION: Final = "MLmodel"
MODEL_KEYS: Final = (("lightgbm", "lgb_model"), ("sklearn", "pickled_model"), ("python_function", "model_path"))
"""Flavours we read, best first, and where each names its file."""


@targets.register("mlflow")
def open_mlflow(location: str, *, trust: Sequence[str] = (), production: bool = False) -> Target:
    """The model in the MLflow folder `location` as a target; its pickles need `trust` as any others do.

    Raises
    ------
    InputError
        If there is no ``MLmodel``, or none of its flavours is one we read.
    """
    folder = Path(location)
    form = _description(folder)
    flavours = form.get("flavors")
    if not isinstance(flavours, Mapping):
        raise InputError("an MLmodel without flavors", folder, "Give the folder that MLflow wrote.")
    file = _model_file(folder, flavours)
    name = str(form.get("model_uuid") or form.get("run_id") or folder.name)
    opened: Target = open_file(str(file), trust=trust, name=f"{folder.name} {name[:12]}", production=production)
    return opened


def _description(folder: Path) -> Mapping[str, Any]:
    try:
        form = yaml.safe_load((folder / DESCRIPTION).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        raise InputError("not an MLflow model", folder, "Give the folder that holds MLmodel.") from exc
    except yaml.YAMLError as exc:
        raise InputError("an MLmodel that is no YAML", folder, "Give the folder that MLflow wrote.") from exc
    if not isinstance(form, Mapping):
        raise InputError("an MLmodel that says nothing", folder, "Give the folder that MLflow wrote.")
    return form


def _model_file(folder: Path, flavours: Mapping[str, Any]) -> Path:
    for flavour, key in MODEL_KEYS:
        named = (flavours.get(flavour) or {}).get(key)
        if not isinstance(named, str):
            continue
        file = (folder / named).resolve()
        if not file.is_relative_to(folder.resolve()):
            raise InputError("an MLmodel that points outside its folder", named, "Do not use this model.")
        if file.is_file():
            return file
    known = ", ".join(flavour for flavour, _ in MODEL_KEYS)
    raise InputError("no flavour that can be read without MLflow", ", ".join(map(str, flavours)), f"Flavours: {known}.")
