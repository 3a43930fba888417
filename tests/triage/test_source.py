"""What a responder types becomes a dataset and its windows; what cannot be read is refused."""

from pathlib import Path
from typing import Any

import pytest

from workbench.data.dataset import Dataset
from workbench.errors import InputError, PredicateError
from workbench.predicate import Predicate
from workbench.triage.source import open_log


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "log.csv"
    path.write_text("id,time,prediction\n" + "".join(f"{n},2026-03-{n + 1:02d},{n % 2}\n" for n in range(9)))
    return str(path)


def test_no_window_is_none(log: str) -> None:
    dataset, windows = open_log(log)
    assert dataset.rows == 9
    assert windows == {"reference": None, "current": None}


def test_windows_are_predicates(log: str) -> None:
    _, windows = open_log(log, reference="time < 2026-03-04", current="time >= 2026-03-06")
    assert windows == {"reference": Predicate.parse("time < 2026-03-04"), "current": Predicate.parse("time >= 2026-03-06")}


def test_another_file_can_be_the_reference_and_takes_the_same_roles(log: str, tmp_path: Path) -> None:
    other = tmp_path / "before.csv"
    other.write_text(Path(log).read_text())
    dataset, windows = open_log(log, reference_data=str(other))
    assert isinstance(windows["reference"], Dataset)
    assert windows["reference"].given == dataset.given


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"lineage": "events.ndjson"}, "no events here: events.ndjson"),
        ({"recordings": "dir"}, "no recordings here: dir"),
        ({"reference": "id < 3", "reference_data": "b.csv"}, "two reference windows"),
    ],
)
def test_what_this_version_cannot_read_is_refused(log: str, given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        open_log(log, **given)


def test_no_data_and_no_predicate_are_refused(log: str) -> None:
    with pytest.raises(InputError, match="no decision log given"):
        open_log("")
    with pytest.raises(PredicateError):
        open_log(log, reference="time <")
