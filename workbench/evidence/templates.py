"""Runbook templates: where they are, which parameters they declare, and whether given values fit them.

A template is a notebook with a cell tagged ``parameters`` whose every line is ``name: type = default  # help``. papermill takes
any parameter and only logs the unknown ones; here an unknown or mistyped one is an error, and nothing has run.
"""

from __future__ import annotations

import ast
import difflib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from workbench.digest import Plain
from workbench.errors import ParameterError, SourceError, StorageError, UnknownNameError
from workbench.files import write_whole
from workbench.registry import templates as registered

PARAMETERS_TAG: Final = "parameters"
TYPES: Final[Mapping[str, type]] = {"str": str, "int": int, "float": float, "bool": bool, "list": list, "dict": dict}
TRUTHS: Final = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class Parameter:
    """One declared parameter: its name, the name of its type, its default, and a line of help."""

    name: str
    type: str
    default: Plain
    help: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.type} = {self.default!r}" + (f"  ({self.help})" if self.help else "")


def list_templates() -> dict[str, Path]:
    """Name to notebook: the shipped ones, then those of plug-ins.

    Raises
    ------
    InputError
        If a plug-in cannot be imported; `template_names` and `find_template` do not depend on it.
    """
    return {name: find_template(name) for name in template_names()}


def template_names() -> list[str]:
    """The names of the shipped templates, then those of plug-ins, broken ones too."""
    own = _own_templates()
    return [*own, *(name for name in registered.names() if name not in own)]


def _own_templates() -> dict[str, Path]:
    return {path.stem: path for path in sorted(templates_folder().glob("*.ipynb"))}


def templates_folder() -> Path:
    """The folder of the shipped templates: inside the package when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


def find_template(name: str) -> Path:
    """The notebook called `name`, or at the path `name`.

    Raises
    ------
    UnknownNameError
        Listing the templates there are.
    SourceError
        If there is no such file.
    """
    own = _own_templates()
    if name in own:
        return own[name]
    if name in template_names():
        return Path(registered.get(name))
    if not name.endswith(".ipynb"):
        raise UnknownNameError("template", name, template_names())
    if not Path(name).is_file():
        raise SourceError("no such notebook", name, f"Templates: {', '.join(template_names())}.")
    return Path(name)


def copy_template(name: str, target: Path) -> Path:
    """A working copy of a template at `target`, a new file or a folder.

    Raises
    ------
    StorageError
        If the file is there already, or cannot be written.
    """
    source = find_template(name)
    target = target / source.name if target.is_dir() else target
    if target.exists():
        raise StorageError("this file is there already", str(target), "Choose another name; nothing was written.")
    try:
        content = source.read_bytes()
    except OSError as exc:
        raise StorageError(f"the template cannot be read ({exc.strerror})", str(source), "Install the workbench again.") from exc
    write_whole(target, content)
    return target


def declared_parameters(path: Path) -> dict[str, Parameter]:
    """Name to parameter, in the order of the template's cell.

    Raises
    ------
    ParameterError
        If the notebook has no parameters cell, or a line of it is not a declaration.
    SourceError
        If the file is no notebook.
    """
    try:
        return parameters_in(path.read_bytes(), path)
    except OSError as exc:
        raise SourceError("not a notebook", str(path), "Give an .ipynb file.") from exc


def parameters_in(notebook: bytes, path: Path) -> dict[str, Parameter]:
    """As `declared_parameters`, of a notebook that was read from `path`."""
    try:
        cells = json.loads(notebook.decode())["cells"]
        tagged = [cell for cell in cells if PARAMETERS_TAG in cell.get("metadata", {}).get("tags", ())]
        source = "".join(tagged[0]["source"]) if tagged else None
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise SourceError("not a notebook", str(path), "Give an .ipynb file.") from exc
    if source is None:
        do = "Tag the cell that declares them, a line each: `name: type = default  # help`."
        raise ParameterError("the notebook has no cell tagged parameters", path.name, do)
    try:
        nodes = ast.parse(source).body
    except (SyntaxError, ValueError) as exc:
        raise _not_a_declaration(path, str(exc)) from exc
    return {item.name: item for item in (_declaration(node, source.splitlines(), path) for node in nodes)}


def check_parameters(declared: Mapping[str, Parameter], given: Mapping[str, object]) -> dict[str, Plain]:
    """The given values, each of its declared type; text (from a command line) is read as that type.

    Raises
    ------
    ParameterError
        For an unknown name or a value of another type, listing every parameter with its type and default.
    """
    listing = "Parameters: " + "; ".join(map(str, declared.values()))
    values: dict[str, Plain] = {}
    for name, value in given.items():
        if name not in declared:
            near = difflib.get_close_matches(name, declared, n=1)
            raise ParameterError("unknown parameter", name, f"{f'Did you mean {near[0]}? ' if near else ''}{listing}")
        wanted = declared[name].type
        try:
            values[name] = _typed(value, wanted)
        except (ValueError, TypeError, RecursionError) as exc:
            raise ParameterError(f"parameter {name} takes {wanted}", value, listing) from exc
    return values


def _declaration(node: ast.stmt, lines: list[str], path: Path) -> Parameter:
    """The parameter that a line of the cell declares; its default has to be a value of its type, written out."""
    if not isinstance(node, ast.AnnAssign) or not isinstance(node.target, ast.Name) or node.value is None:
        raise _not_a_declaration(path, ast.unparse(node))
    annotation = ast.unparse(node.annotation)
    if annotation not in TYPES:
        raise _not_a_declaration(path, ast.unparse(node))
    try:
        default = _typed(ast.literal_eval(node.value), annotation)
    except (ValueError, TypeError) as exc:
        raise _not_a_declaration(path, ast.unparse(node)) from exc
    # The parser counts columns in bytes.
    rest = lines[(node.end_lineno or 1) - 1].encode()[node.end_col_offset or 0 :].decode()
    return Parameter(node.target.id, annotation, default, rest.partition("#")[2].strip())


def _not_a_declaration(path: Path, line: str) -> ParameterError:
    what = f"a line of the parameters cell of {path.name} is not `name: type = default`"
    return ParameterError(what, line, f"Types: {', '.join(TYPES)}; the default is a value of that type.")


def _typed(value: object, wanted: str) -> Any:
    """`value` as the type called `wanted`, in a form that JSON can hold; a ValueError or TypeError where it does not fit."""
    kind = TYPES[wanted]
    if isinstance(value, os.PathLike):
        value = os.fspath(value)
    if isinstance(value, str) and kind is not str:
        value = _from_text(value, wanted)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if type(value) is not kind or (isinstance(value, float) and not math.isfinite(value)):
        raise ValueError(value)
    return json.loads(json.dumps(value, allow_nan=False))


def _from_text(text: str, wanted: str) -> Any:
    """The value that `text`, from a command line, stands for."""
    if wanted == "bool":
        if text.lower() not in TRUTHS:
            raise ValueError(text)
        return TRUTHS[text.lower()]
    return TYPES[wanted](text) if wanted in {"int", "float"} else json.loads(text)
