"""What a responder types is read by the right reader; what was known at a time is told apart from what is known now."""

from pathlib import Path
from typing import Any

import pytest

from workbench import registry
from workbench.errors import InputError, SourceError
from workbench.lineage.event import EventLog
from workbench.lineage.graph import Lineage
from workbench.lineage.openlineage import read_files
from workbench.lineage.source import known_at, open_lineage


def known(graph: Lineage) -> set[str]:
    return set(graph.names(range(len(graph.versions))))


def test_several_sources_are_one_graph(words: Any, tmp_path: Path) -> None:
    one = words.write(tmp_path / "1.ndjson", words.run("w", 0, 1, [], ["a"]))
    two = words.write(tmp_path / "2.ndjson", words.run("r", 2, 3, ["a"], ["b"]))
    assert known(open_lineage(one, str(two))) == {"a@w", "b@r"}


def test_what_was_known_at_a_time(words: Any, tmp_path: Path) -> None:
    """The run ended at 5, but its end stands in the file after an event of 20: at 10 nobody here could know of it."""
    raw = [words.event("START", "r", 1), words.event("START", "s", 20), words.event("COMPLETE", "r", 5, ["a"], ["b"])]
    path = words.write(tmp_path / "a.ndjson", raw)
    assert known(open_lineage(path, as_of=words.at(10))) == set()
    assert known(open_lineage(path, as_of=words.at(10), clock="event")) == {"a@source", "b@r"}
    assert known(open_lineage(path, as_of=words.at(20))) == {"a@source", "b@r"}


def test_as_of_the_end_is_everything(words: Any, seed_events: list[Any], tmp_path: Path) -> None:
    path = words.write(tmp_path / "a.ndjson", seed_events)
    assert known(open_lineage(path, as_of="2099-01-01")) == known(open_lineage(path))


def test_an_unknown_clock_is_refused(words: Any, tmp_path: Path) -> None:
    log = read_files([words.write(tmp_path / "a.ndjson", words.run("r", 1, 2))])
    with pytest.raises(InputError, match="no such clock: wall"):
        known_at(log.events, "2026-03-01", "wall")


def test_no_source_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no events given"):
        open_lineage()
    with pytest.raises(SourceError, match="no events here"):
        open_lineage(tmp_path / "gone")


def test_a_file_without_an_event_does_not_read_as_nothing_happened(tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text("id,score\n1,0.5\n")
    with pytest.raises(SourceError, match=r"no event in this: .*log\.csv"):
        open_lineage(tmp_path / "log.csv")


def test_a_plug_in_reads_its_own_kind(words: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = words.write(tmp_path / "a.ndjson", words.run("r", 1, 2, [], ["a"]))
    plugins: registry.Registry[Any] = registry.Registry("workbench.lineage", "lineage reader")

    @plugins.register("acme")
    def read(source: str, log: EventLog) -> None:
        read_files([source], log)

    monkeypatch.setattr("workbench.lineage.source.registered", plugins)
    assert known(open_lineage(f"acme:{path}")) == {"a@r"}
