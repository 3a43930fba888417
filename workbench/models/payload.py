"""What is written to a model server and read from it: Open Inference v2, MLflow's ``/invocations``, or a declared mapping."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from workbench.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

PROTOCOLS: Final = ("v2", "mlflow")
ROWS, COLUMNS, MATRIX, TEXTS = "$rows", "$columns", "$matrix", "$texts"
PLACES: Final = (ROWS, COLUMNS, MATRIX, TEXTS)
SCORE_NAMES: Final = ("score", "scores", "probability", "probabilities")
TYPES: Final = {"f": "FP64", "i": "INT64", "u": "UINT64", "b": "BOOL"}


@dataclass(frozen=True)
class Rows:
    """The rows of a frame as Python values, to be sliced by row; missing numbers are None.

    Attributes
    ----------
    columns, kinds
        Names, and numpy's letter for the type of each (``O`` for anything else).
    values
        A tuple per row.
    """

    columns: list[str]
    kinds: list[str]
    values: list[tuple[Any, ...]]

    @classmethod
    def of(cls, frame: pd.DataFrame) -> Rows:
        """The rows of `frame`."""
        columns = [_values(frame.iloc[:, place]) for place in range(frame.shape[1])]
        kinds = [getattr(kind, "kind", "O") for kind in frame.dtypes]
        return cls(list(map(str, frame.columns)), kinds, list(zip(*columns, strict=True)))

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, rows: slice) -> Rows:
        return Rows(self.columns, self.kinds, self.values[rows])

    def by_column(self) -> list[list[Any]]:
        """The values, column by column."""
        return [list(column) for column in zip(*self.values, strict=True)] if self.values else [[] for _ in self.columns]


@dataclass(frozen=True)
class Mapped:
    """A declared JSON mapping.

    Attributes
    ----------
    request
        The body, in which one text is a place: ``$rows`` (objects), ``$columns`` (lists by name), ``$matrix`` (lists of values),
        ``$texts`` (the column ``text``).
    decision, score
        Where the answer has them: keys with dots between, ``*`` for each entry of a list (``predictions.*.label``).
    """

    request: Any
    decision: str
    score: str | None = None

    @classmethod
    def of(cls, form: Mapping[str, Any]) -> Mapped:
        """Read ``{"request": ..., "decision": ..., "score": ...}``.

        Raises
        ------
        InputError
            For a missing or unknown key, or a request without a place for the rows.
        """
        unknown = sorted(set(form) - {"request", "decision", "score"})
        if unknown or "request" not in form or not isinstance(form.get("decision"), str):
            raise InputError("not a mapping", unknown or sorted(form), "Give request, decision, and score if there is one.")
        if not any(place in json.dumps(form["request"]) for place in PLACES):
            raise InputError("a mapping without a place for the rows", form["request"], f"Places: {', '.join(PLACES)}")
        return cls(form["request"], form["decision"], form.get("score"))

    def form(self) -> dict[str, Any]:
        """As `of` reads it."""
        return {"request": self.request, "decision": self.decision, "score": self.score}


def protocol_of(path: str) -> str:
    """The protocol a path speaks.

    Raises
    ------
    InputError
        If it cannot be told.
    """
    if path.rstrip("/").endswith("/invocations"):
        return "mlflow"
    if "/v2/models/" in path and path.rstrip("/").endswith("/infer"):
        return "v2"
    do = "Use a path that ends in /invocations or /v2/models/NAME/infer, or declare a JSON mapping."
    raise InputError("an endpoint whose protocol cannot be told", path or "/", do)


def write_request(protocol: str | Mapped, rows: Rows) -> bytes:
    """The body of a request about `rows`; floats keep every bit, missing is null."""
    if isinstance(protocol, Mapped):
        return _json(_filled(protocol.request, rows))
    if protocol == "mlflow":
        return _json({"dataframe_split": {"columns": rows.columns, "data": rows.values}})
    tensors = zip(rows.columns, rows.kinds, rows.by_column(), strict=True)
    return _json({"inputs": [_tensor(name, kind, data) for name, kind, data in tensors]})


def read_answer(protocol: str | Mapped, content: bytes) -> dict[str, list[Any]]:
    """``decision`` and, where there is one, ``score``: an entry per row.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the answer is not what the protocol says.
    """
    answer = json.loads(content)
    if isinstance(protocol, Mapped):
        paths = {"decision": protocol.decision, **({"score": protocol.score} if protocol.score else {})}
        return {name: _listed(_follow(answer, path.split("."))) for name, path in paths.items()}
    return _of_predictions(answer["predictions"]) if protocol == "mlflow" else _of_outputs(answer["outputs"])


def _of_predictions(predictions: Any) -> dict[str, list[Any]]:
    found = _listed(predictions)
    if not found or not isinstance(found[0], dict):
        return {"decision": found}
    names = {"decision": ("decision", "prediction", "label"), "score": SCORE_NAMES}
    keys = {part: next((name for name in known if name in found[0]), None) for part, known in names.items()}
    if keys["decision"] is None:
        raise KeyError("decision")
    return {part: [item[key] for item in found] for part, key in keys.items() if key is not None}


def _of_outputs(outputs: Any) -> dict[str, list[Any]]:
    named = {str(output["name"]): _listed(output["data"]) for output in outputs}
    score = next((name for name in SCORE_NAMES if name in named), None)
    decision = "decision" if "decision" in named else next(name for name in [*named, None] if name != score)
    if decision is None:
        raise KeyError("decision")
    return {"decision": named[decision], **({"score": named[score]} if score else {})}


def _tensor(name: str, kind: str, data: list[Any]) -> dict[str, Any]:
    return {"name": name, "shape": [len(data)], "datatype": TYPES.get(kind, "BYTES"), "data": data}


def _filled(template: Any, rows: Rows) -> Any:
    if isinstance(template, dict):
        return {key: _filled(value, rows) for key, value in template.items()}
    if isinstance(template, list):
        return [_filled(value, rows) for value in template]
    if template == MATRIX:
        return rows.values
    if template == COLUMNS:
        return dict(zip(rows.columns, rows.by_column(), strict=True))
    if template == ROWS:
        return [dict(zip(rows.columns, row, strict=True)) for row in rows.values]
    return rows.by_column()[rows.columns.index("text")] if template == TEXTS else template


def _values(column: pd.Series[Any]) -> list[Any]:
    values = column.tolist()
    return values if not column.hasnans else [None if value != value else value for value in values]  # noqa: PLR0124  NaN


def _follow(answer: Any, path: list[str]) -> Any:
    for place, key in enumerate(path):
        if key == "*":
            return [_follow(item, path[place + 1 :]) for item in _listed(answer)]
        answer = answer[int(key)] if isinstance(answer, list) else answer[key]
    return answer


def _listed(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value


def _json(body: Any) -> bytes:
    try:
        return json.dumps(body, allow_nan=False, separators=(",", ":"), default=str).encode()
    except ValueError:
        return json.dumps(_finite(body), separators=(",", ":"), default=str).encode()


def _finite(body: Any) -> Any:
    if isinstance(body, dict):
        return {key: _finite(value) for key, value in body.items()}
    if isinstance(body, list | tuple):
        return [_finite(value) for value in body]
    return None if isinstance(body, float) and not math.isfinite(body) else body
