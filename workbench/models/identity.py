"""The digest of a model in this process: of its state, not of where it lies in memory."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Any

from workbench.digest import digest
from workbench.errors import InputError


def model_digest(model: object) -> str:
    """The digest of what decides.

    For a function: its source, its defaults, and the variables outside it that it names (a model it calls among them). For any
    other object: its pickled state, as joblib hashes it, so that a fitted model has one digest in every process that runs the
    same library versions.

    Raises
    ------
    InputError
        If its state cannot be pickled.
    """
    return digest(_form(model, set()))


def _form(item: object, seen: set[int]) -> object:
    if isinstance(item, types.ModuleType):
        return {"module": item.__name__, "version": str(getattr(item, "__version__", ""))}
    if inspect.isbuiltin(item) or isinstance(item, type):
        return {"name": f"{item.__module__}.{item.__qualname__}"}
    if inspect.ismethod(item):
        return {"method": _form(item.__func__, seen), "of": _form(item.__self__, seen)}
    if inspect.isfunction(item):
        return _function_form(item, seen)
    return {"state": _state(item)}


def _function_form(function: Callable[..., Any], seen: set[int]) -> object:
    if id(function) in seen:
        return {"again": function.__qualname__}
    seen.add(id(function))
    outside = inspect.getclosurevars(function)
    named = {**outside.globals, **outside.nonlocals}
    return {
        "source": _source(function),
        "defaults": _state([function.__defaults__, function.__kwdefaults__]),
        "outside": {name: _form(value, seen) for name, value in sorted(named.items())},
    }


def _source(function: Callable[..., Any]) -> str:
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        code: types.CodeType = function.__code__
        constants = [constant for constant in code.co_consts if not isinstance(constant, types.CodeType)]
        return f"{code.co_code.hex()} {code.co_names} {constants!r}"


def _state(item: object) -> str:
    import joblib

    try:
        return str(joblib.hash(item, hash_name="sha1"))
    except Exception as exc:  # whatever an object's own __reduce__ raises
        do = "Give `digest=` with a text that changes whenever the model does."
        raise InputError("a model whose state cannot be read has no digest", f"{type(item).__name__} ({exc})", do) from exc
