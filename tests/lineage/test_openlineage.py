"""Files of events: lines, arrays, one object, folders, a file that grows; and files that are no good."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from workbench.errors import SourceError
from workbench.lineage.event import EventLog
from workbench.lineage.instant import parse_instant
from workbench.lineage.openlineage import GrowingFile, read_files


def odd(log: EventLog) -> list[str]:
    return [str(item) for item in log.odd.listed()]


@pytest.fixture
def raw(words: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = [*words.run("r", 0, 10, ["a"], ["b"]), *words.run("s", 20, 30, ["b"], ["ünïcødé → 表"])]
    return events


def test_lines_an_array_one_object_and_gzip_read_alike(words: Any, raw: list[Any], tmp_path: Path) -> None:
    lines = words.write(tmp_path / "a.ndjson", raw)
    (tmp_path / "b.json").write_text(json.dumps(raw, indent=2))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(lines.read_bytes()))
    (tmp_path / "d.json").write_text("\ufeff" + json.dumps(raw[0], indent=2))
    logs = [read_files([tmp_path / name]) for name in ("a.ndjson", "b.json", "c.jsonl.gz", "d.json")]
    told = [[event._replace(place=("", 0), received=None) for event in log.events] for log in logs]
    assert told[0] == told[1] == told[2]
    assert told[3] == told[0][:1]
    assert [odd(log) for log in logs] == [[], [], [], []]


def test_a_folder_is_read_whole_and_other_files_are_listed(words: Any, raw: list[Any], tmp_path: Path) -> None:
    (tmp_path / "day").mkdir()
    words.write(tmp_path / "day" / "1.ndjson", raw[:2])
    words.write(tmp_path / "2.json", raw[2:])
    (tmp_path / "notes.txt").write_text("hello")
    log = read_files([tmp_path])
    assert len(log.events) == 4
    assert odd(log) == [f"a file with another ending, not read: {tmp_path / 'notes.txt'}"]


def test_a_cut_last_line_is_listed_and_the_rest_is_read(words: Any, raw: list[Any], tmp_path: Path) -> None:
    path = words.write(tmp_path / "a.ndjson", raw)
    path.write_bytes(path.read_bytes()[:-40])
    log = read_files([path])
    assert len(log.events) == 3
    assert odd(log) == ["the last line is cut, left out: a.ndjson line 4"]


def test_a_whole_last_line_needs_no_line_feed(words: Any, raw: list[Any], tmp_path: Path) -> None:
    path = words.write(tmp_path / "a.ndjson", raw)
    path.write_bytes(path.read_bytes()[:-1])
    assert len(read_files([path]).events) == 4


@pytest.mark.parametrize("place", [0, 1, 3])
def test_a_broken_line_is_listed_wherever_it_stands(raw: list[Any], tmp_path: Path, place: int) -> None:
    lines = [json.dumps(item) for item in raw]
    lines[place] = lines[place][:50]
    (tmp_path / "a.ndjson").write_text("\n\n".join(lines) + "\n")
    log = read_files([tmp_path / "a.ndjson"])
    assert len(log.events) == 3
    assert odd(log) == [f"a line that is no JSON, left out: a.ndjson line {2 * place + 1}"]


@pytest.mark.parametrize("content", [b"", b"\n\n", b"[]", b"[" * 100_000, b"\x00\xff\xfe", b"null\n3\n", b"x,y\n1,2\n"])
def test_a_file_without_events_has_none_and_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.json").write_bytes(content)
    log = read_files([tmp_path / "a.json"])
    assert log.events == []
    assert bool(odd(log)) == (content.strip() not in (b"", b"[]"))


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no events here"):
        read_files([tmp_path / "gone.json"])
    with pytest.raises(SourceError, match="no event file in this folder"):
        read_files([tmp_path])
    (tmp_path / "a.json.gz").write_bytes(b"no gzip")
    with pytest.raises(SourceError, match="cannot read events"):
        read_files([tmp_path / "a.json.gz"])


def test_an_event_that_came_late_was_received_late(words: Any, tmp_path: Path) -> None:
    """Its producer says it happened at 5, but it stands below one of 10."""
    raw = [words.event("START", "r", 1), words.event("START", "s", 10), words.event("COMPLETE", "r", 5)]
    log = read_files([words.write(tmp_path / "a.ndjson", raw)])
    assert [event.time for event in log.events] == [parse_instant(words.at(minute))[0] for minute in (1, 10, 5)]
    assert [event.received for event in log.events] == [parse_instant(words.at(minute))[0] for minute in (1, 10, 10)]


def test_a_clock_ahead_of_the_file_delays_nobody(words: Any, tmp_path: Path) -> None:
    raw = [words.event("START", "r", 1), words.event("START", "s", 60 * 24 * 36500), words.event("COMPLETE", "r", 5)]
    log = read_files([words.write(tmp_path / "a.ndjson", raw)])
    assert log.events[2].received == parse_instant(words.at(5))[0]


def test_a_growing_file_gives_what_was_added(words: Any, raw: list[Any], tmp_path: Path) -> None:
    path = tmp_path / "a.ndjson"
    growing = GrowingFile(path)
    assert growing.read_new() == []
    words.write(path, raw[:1])
    assert [event.state for event in growing.read_new()] == ["START"]
    line = json.dumps(raw[1]) + "\n"
    with path.open("a") as file:
        file.write(line[:60])
        file.flush()
        assert growing.read_new() == []
        file.write(line[60:])
    [found] = growing.read_new()
    assert found.state == "COMPLETE"
    assert found.place == ("a.ndjson", 2)
    assert found.time is not None
    assert found.received is not None
    assert found.received > found.time
    assert len(growing.log.events) == 2


def test_a_file_that_was_rotated_is_read_again(words: Any, raw: list[Any], tmp_path: Path) -> None:
    path = words.write(tmp_path / "a.ndjson", raw)
    growing = GrowingFile(path)
    assert len(growing.read_new()) == 4
    words.write(path, raw[:1])
    assert len(growing.read_new()) == 1
    assert odd(growing.log) == [f"the file became shorter; read again from its start: {path}"]
