"""Plug-ins, with distributions made on the spot: real metadata on a real path."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from workbench.errors import InputError, UnknownNameError
from workbench.registry import Registry

GROUP = "workbench.tested"
Install = Callable[..., None]


@pytest.fixture
def registry() -> Registry[Callable[[], str]]:
    return Registry(GROUP, "check")


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a distribution of one module that declares plug-ins: ``install("acme", "def f(): ...", late="acme:f")``."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def make(name: str, source: str, **plugins: str) -> None:
        (tmp_path / f"{name}.py").write_text(source)
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"[{GROUP}]", *(f"{plugin} = {place}" for plugin, place in plugins.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

    yield make
    for module in set(sys.modules) - before:
        del sys.modules[module]


def test_what_is_registered_is_got_back_unchanged(registry: Registry[Callable[[], str]]) -> None:
    @registry.register("mine")
    def mine() -> str:
        return "ours"

    assert registry.get("mine") is mine
    assert mine() == "ours"


def test_a_plugin_is_found_by_its_entry_point(registry: Registry[Callable[[], str]], install: Install) -> None:
    install("acme_checks", "def late(): return 'theirs'", late_labels="acme_checks:late")
    assert registry.names() == ["late_labels"]
    assert registry.get("late_labels")() == "theirs"


def test_listing_imports_no_plugin(registry: Registry[Callable[[], str]], install: Install) -> None:
    install("acme_checks", "def late(): return 'theirs'", late_labels="acme_checks:late")
    assert registry.names() == ["late_labels"]
    assert "acme_checks" not in sys.modules


def test_an_unknown_name_lists_what_exists(registry: Registry[Callable[[], str]], install: Install) -> None:
    registry.register("mine")(lambda: "ours")
    install("acme_checks", "", late_labels="acme_checks:late")
    with pytest.raises(UnknownNameError, match=r"no check of that name: lates\. Available: late_labels, mine"):
        registry.get("lates")


def test_two_plugins_of_one_name_are_an_error_that_names_both(registry: Registry[Callable[[], str]], install: Install) -> None:
    install("acme_checks", "def late(): ...", late="acme_checks:late")
    install("other_checks", "def late(): ...", late="other_checks:late")
    with pytest.raises(
        InputError, match=r"two checks named late: (acme_checks 1.0 and other_checks|other_checks 1.0 and acme_checks) 1.0"
    ):
        registry.get("late")


def test_a_plugin_may_not_take_the_name_of_ours(registry: Registry[Callable[[], str]], install: Install) -> None:
    registry.register("slices")(lambda: "ours")
    install("acme_checks", "def slices(): ...", slices="acme_checks:slices")
    with pytest.raises(InputError, match=r"the workbench and acme_checks 1\.0"):
        registry.get("slices")


def test_a_broken_plugin_names_its_distribution_and_breaks_no_other(
    registry: Registry[Callable[[], str]], install: Install
) -> None:
    install("broken_checks", "import no_such_package", bad="broken_checks:bad")
    install("acme_checks", "def late(): return 'theirs'", late="acme_checks:late")
    assert registry.names() == ["bad", "late"]
    with pytest.raises(InputError, match=r"check bad cannot be imported.*broken_checks 1\.0.*no_such_package") as caught:
        registry.get("bad")
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)
    assert registry.get("late")() == "theirs"


def test_two_of_ours_with_one_name_are_an_error(registry: Registry[Callable[[], str]]) -> None:
    registry.register("mine")(test_what_is_registered_is_got_back_unchanged)
    with pytest.raises(InputError, match="two checks named mine"):
        registry.register("mine")(test_listing_imports_no_plugin)


def test_running_a_definition_again_replaces_it(registry: Registry[Callable[[], str]]) -> None:
    def define(answer: str) -> None:
        @registry.register("mine")
        def mine() -> str:
            return answer

    define("first")
    define("second")
    assert registry.get("mine")() == "second"


def test_a_plugin_installed_later_is_seen_after_loading_again(registry: Registry[Callable[[], str]], install: Install) -> None:
    assert registry.names() == []
    install("acme_checks", "def late(): return 'theirs'", late="acme_checks:late")
    registry.load_entry_points()
    assert registry.names() == ["late"]
