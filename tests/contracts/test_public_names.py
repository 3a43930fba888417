"""The public names: sorted, the same in ``__all__`` and ``dir()``, and each one there."""

import pytest

import workbench


def test_all_is_sorted() -> None:
    assert workbench.__all__ == sorted(workbench.__all__)


def test_dir_shows_exactly_the_public_names() -> None:
    assert dir(workbench) == workbench.__all__


@pytest.mark.parametrize("name", workbench.__all__)
def test_each_public_name_resolves(name: str) -> None:
    assert callable(getattr(workbench, name))


def test_the_folder_and_the_function_of_triage_do_not_fight() -> None:
    import workbench.triage.run

    assert workbench.run_triage is workbench.triage.run.triage


def test_an_unknown_name_is_an_error_that_lists_what_exists() -> None:
    with pytest.raises(AttributeError, match=r"no attribute 'disparities'\. Available: .*measure_disparity"):
        workbench.disparities  # noqa: B018
