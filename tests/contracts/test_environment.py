"""pyproject.toml, environment.yml and the imports in the source name the same packages."""

import ast
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CONDA = yaml.safe_load((ROOT / "environment.yml").read_text())
CONDA_NAMES = {"ibis-framework": "ibis-duckdb"}
EXTRAS = ["attacks", "certify", "dask", "fuzz", "lineage", "models", "postgres", "spark", "test"]


def bounds(requirements: list[str]) -> dict[str, str]:
    """The version specifier by canonical name."""
    parsed = map(Requirement, requirements)
    return {canonicalize_name(each.name): str(each.specifier) for each in parsed}


def names(requirements: list[str]) -> set[str]:
    return set(bounds(requirements))


CONDA_ENTRIES = [entry for entry in CONDA["dependencies"] if isinstance(entry, str)]
[CONDA_PIP] = [entry["pip"] for entry in CONDA["dependencies"] if isinstance(entry, dict)]


def test_environment_yml_holds_the_same_packages_and_bounds() -> None:
    conda = bounds([*CONDA_ENTRIES, *(entry for entry in CONDA_PIP if not entry.startswith("-e"))])
    assert conda.pop("python") == PROJECT["requires-python"]
    assert conda.pop("pip") == ""
    declared = bounds(PROJECT["dependencies"])
    assert conda == {CONDA_NAMES.get(name, name): bound for name, bound in declared.items()}


def test_environment_yml_installs_this_project_from_conda_forge_alone() -> None:
    assert "-e ." in CONDA_PIP
    assert CONDA["channels"] == ["conda-forge"]
    assert CONDA["name"] == PROJECT["name"]


@pytest.mark.parametrize("extra", [None, *EXTRAS])
def test_every_bound_is_one_lower_bound(extra: str | None) -> None:
    requirements = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    for requirement in map(Requirement, requirements):
        assert [each.operator for each in requirement.specifier] == [">="], str(requirement)


def test_the_extras_are_those_of_the_design() -> None:
    assert sorted(PROJECT["optional-dependencies"]) == EXTRAS


@pytest.mark.parametrize("requirement", PROJECT["dependencies"])
def test_the_installed_version_is_within_the_bound(requirement: str) -> None:
    """A bound above what the tests ran with would be a claim nobody tried."""
    parsed = Requirement(requirement)
    assert parsed.specifier.contains(version(parsed.name), prereleases=True)


def third_party(folder: Path, own: set[str]) -> dict[str, str]:
    """The top-level packages that the folder's files import, with one file that does."""
    found: dict[str, str] = {}
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                modules = [node.module or ""]
            found |= {module.partition(".")[0]: str(path.relative_to(ROOT)) for module in modules}
    return {top: path for top, path in found.items() if top not in sys.stdlib_module_names | own}


def undeclared(imports: dict[str, str], declared: set[str]) -> list[str]:
    """The imports that no declared package provides."""
    provided = packages_distributions()
    return [
        f"{path} imports {top}"
        for top, path in imports.items()
        if not declared & {canonicalize_name(each) for each in provided.get(top, [])}
    ]


def test_the_package_imports_only_what_it_declares() -> None:
    declared = names(PROJECT["dependencies"]) | {"duckdb"}  # duckdb comes with ibis-framework[duckdb]
    optional = {name for extra in EXTRAS if extra != "test" for name in names(PROJECT["optional-dependencies"][extra])}
    imports = third_party(ROOT / "workbench", own={"workbench"})
    assert "pandas" in imports
    assert undeclared(imports, declared | optional) == []


def test_the_tests_import_only_what_the_test_extra_brings() -> None:
    declared = names(PROJECT["dependencies"]) | names(PROJECT["optional-dependencies"]["test"]) | {"duckdb"}
    measured = {path.stem for path in (ROOT / "benchmarks").rglob("*.py")}
    imports = third_party(ROOT / "tests", own={"workbench", "tests", *measured})
    assert undeclared(imports, declared) == []
