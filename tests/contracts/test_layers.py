"""Imports go down only: the design's order of packages, read from the source of every file, whatever the import is for."""

import ast
import graphlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import workbench

SOURCE = Path(workbench.__file__).parent
ORDER = (
    "[errors] > [vocabulary digest files] > [predicate] > [result registry signing] > [data] > [models] > [analysis lineage]"
    " > [attacks] > [triage] > [views] > [incident] > [evidence] > [gate] > [widgets apps] > [cli server]"
)
LINES = [line.split() for line in re.findall(r"\[(.*?)\]", ORDER)]
RANK = {package: rank for rank, line in enumerate(LINES) for package in line}
FACADE = "workbench"
HOSTS_ONLY = {
    "ipywidgets": {"widgets"},
    "anywidget": {"widgets"},
    "IPython": {"widgets"},
    "panel": {"apps"},
    "plotly": {"views", "widgets", "apps"},
}


def module_name(path: Path, root: Path) -> str:
    """``workbench.data.roles`` for ``root/data/roles.py``; a package's name for its ``__init__.py``."""
    parts = (FACADE, *path.relative_to(root).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported_modules(path: Path, root: Path) -> Iterator[tuple[int, str]]:
    """The line and the full name of everything that the file imports: at its top, in functions, for types, by string."""
    module = module_name(path, root)
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outer = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*outer, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.Call) and _called(node.func) in {"import_module", "__import__"}:
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield node.lineno, first.value


def _called(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def package_of(module: str) -> str:
    """``data`` for ``workbench.data.roles``; the empty text for the façade itself."""
    return module.split(".")[1] if "." in module else ""


def violations(root: Path) -> list[str]:
    """What breaks the rule in the package at `root`, one line each."""
    found = []
    for path in sorted(root.rglob("*.py")):
        module = module_name(path, root)
        owner = package_of(module)
        if module == FACADE:
            continue
        if owner not in RANK:
            found.append(f"{module}: {owner} has no place in the order")
            continue
        objections = ((line, target, _objection(owner, target)) for line, target in imported_modules(path, root))
        found += [f"{module}:{line} imports {target}: {why}" for line, target, why in objections if why]
    return found


def _objection(owner: str, target: str) -> str | None:
    top = target.partition(".")[0]
    if top != FACADE:
        allowed = HOSTS_ONLY.get(top)
        return f"only {', '.join(sorted(allowed))} may" if allowed and owner not in allowed else None
    other = package_of(target)
    if other == owner:
        return None
    if other not in RANK:
        return "the public names are for callers from outside"
    if RANK[other] == RANK[owner]:
        return f"{owner} and {other} do not know each other"
    return f"{other} stands below {owner}" if RANK[other] > RANK[owner] else None


def import_graph(root: Path) -> dict[str, set[str]]:
    """Each module's imports inside the package, module level and function level together."""
    modules = {module_name(path, root): path for path in root.rglob("*.py")}
    graph: dict[str, set[str]] = {}
    for module, path in modules.items():
        candidates = ((full, full.rpartition(".")[0]) for _, full in imported_modules(path, root))
        graph[module] = {name for pair in candidates if (name := next((each for each in pair if each in modules), ""))}
    return graph


def test_every_import_goes_down() -> None:
    assert violations(SOURCE) == []


def test_there_is_no_import_cycle() -> None:
    graphlib.TopologicalSorter(import_graph(SOURCE)).prepare()


def test_the_files_were_really_read() -> None:
    graph = import_graph(SOURCE)
    assert "workbench.errors" in graph["workbench.registry"]
    assert len(graph) == len(list(SOURCE.rglob("*.py")))


PLANTED = {
    "upwards": ("data/roles.py", "from workbench.analysis import slices", "analysis stands below data"),
    "upwards, relative": ("data/roles.py", "from ..analysis.slices import find", "analysis stands below data"),
    "in a function": ("data/roles.py", "def f():\n    import workbench.cli", "cli stands below data"),
    "for types": (
        "data/roles.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from workbench.cli import app",
        "cli stands below data",
    ),
    "by string": ("data/roles.py", "import importlib\nimportlib.import_module('workbench.cli')", "cli stands below data"),
    "sideways": ("analysis/slices.py", "import workbench.lineage.graph", "analysis and lineage do not know each other"),
    "the façade": ("data/roles.py", "from workbench import Result", "the public names are for callers from outside"),
    "no place": ("utils.py", "", "utils has no place in the order"),
    "a widget library": ("views/theme.py", "import ipywidgets as w", "only widgets may"),
    "IPython": ("apps/status.py", "from IPython.display import display", "only widgets may"),
    "panel": ("widgets/live.py", "import panel.pane", "only apps may"),
    "plotly": ("analysis/slices.py", "import plotly.graph_objects as go", "only apps, views, widgets may"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_violation_is_caught(name: str, tmp_path: Path) -> None:
    file, source, why = PLANTED[name]
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text(source)
    [found] = violations(tmp_path)
    assert found.endswith(why)


def test_a_planted_cycle_is_caught_across_levels(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "one.py").write_text("from workbench.data import two")
    (tmp_path / "data" / "two.py").write_text("def late():\n    from workbench.data.one import thing")
    with pytest.raises(graphlib.CycleError, match=r"data\.one"):
        graphlib.TopologicalSorter(import_graph(tmp_path)).prepare()


def test_imports_downwards_pass(tmp_path: Path) -> None:
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "status.py").write_text(
        "import panel\nimport plotly\nfrom workbench.views import theme\nfrom . import other"
    )
    assert violations(tmp_path) == []
