"""The record: what it keeps, what it refuses, and which tampering it names."""

import io
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbench.digest import digest_bytes
from workbench.errors import InputError, RecordError, StorageError, UnknownNameError
from workbench.incident.chain import Entry, Head, genesis, read_jsonl, verify_chain, write_jsonl
from workbench.incident.record import Record
from workbench.vocabulary import ENTRY_KINDS

INCIDENT = "INC-42"
PROOF = digest_bytes(b"an output")
APPEND_SCRIPT = """
import sys
from workbench.incident.record import Record
place, author, count = sys.argv[1:]
with Record.open(place) as record:
    for number in range(int(count)):
        entry = record.append("INC-42", "note", {"number": number}, author=author)
        print(entry.seq, entry.digest, flush=True)
"""


def chain(length: int) -> list[Entry]:
    """A chain that no database has seen."""
    entries: list[Entry] = []
    for number in range(1, length + 1):
        body = {"text": f"statement {number}", "rate": number / 7}
        entries.append(Entry.after(head_of(entries), "note", body, author="ana", evidence=[PROOF]))
    return entries


def head_of(entries: Sequence[Entry]) -> Head:
    return Head(INCIDENT, len(entries), entries[-1].digest) if entries else Head(INCIDENT, 0, genesis(INCIDENT))


def forge(entry: Entry, **changes: Any) -> Entry:
    """The entry changed by somebody who knows how to compute its digest."""
    changed = replace(entry, **changes)
    return replace(changed, digest=changed.computed_digest())


def start_writer(place: Path, author: str, count: int) -> subprocess.Popen[str]:
    arguments = [sys.executable, "-c", APPEND_SCRIPT, str(place), author, str(count)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    with Record.open(tmp_path / "record.db") as record:
        yield record


def tamper(place: Path, statements: str) -> None:
    """Change the database behind the record's back, as somebody with access to the file can."""
    connection = sqlite3.connect(place)
    for name in ("entries_no_update", "entries_no_delete", "entries_continue_chain"):
        connection.execute(f"DROP TRIGGER {name}")
    connection.executescript(statements)
    connection.close()


# What an entry holds


def test_an_entry_follows_the_one_before_it(record: Record) -> None:
    first = record.append(INCIDENT, "opened", {"title": "T"}, author="ana")
    second = record.append(INCIDENT, "note", {"text": "seen"}, author="ben", evidence=[PROOF])
    assert (first.seq, first.prev) == (1, genesis(INCIDENT))
    assert (second.seq, second.prev) == (2, first.digest)
    assert (second.author, second.kind, second.body, second.evidence) == ("ben", "note", {"text": "seen"}, (PROOF,))


def test_what_is_read_is_what_append_returned(record: Record) -> None:
    bodies: list[dict[str, Any]] = [{"text": 'Ünï\n"quoted" \x00 🜁'}, {"n": 2**70, "f": 0.1, "deep": [None, {"a": [True]}]}, {}]
    written = [record.append(INCIDENT, "note", body, author="ana", evidence=[PROOF, PROOF]) for body in bodies]
    assert record.entries(INCIDENT) == written
    verify_chain(written, record.head(INCIDENT))


def test_a_body_is_recorded_as_it_was_when_appended(record: Record) -> None:
    """The caller may go on using its dict; tuples and NaN become what JSON makes of them, at once."""
    body = {"pair": (1, 2), "rate": float("nan")}
    entry = record.append(INCIDENT, "note", body, author="ana")
    body["pair"] = "changed later"
    assert entry.body == {"pair": [1, 2], "rate": None}
    assert record.entries(INCIDENT) == [entry]


def test_the_time_is_utc_with_milliseconds(record: Record) -> None:
    stamp = record.append(INCIDENT, "note", {}, author="ana").time
    assert len(stamp) == len("2026-01-31T02:10:00.000+00:00")
    assert stamp.endswith("+00:00")


def test_every_kind_of_the_vocabulary_can_be_recorded(record: Record) -> None:
    for kind in ENTRY_KINDS:
        record.append(INCIDENT, kind, {}, author="ana")
    assert [entry.kind for entry in record.entries(INCIDENT)] == list(ENTRY_KINDS)


def test_an_unknown_kind_is_refused_and_the_kinds_listed(record: Record) -> None:
    with pytest.raises(UnknownNameError, match=r"remark.*Available: approved, closed, dismissed, note"):
        record.append(INCIDENT, "remark", {}, author="ana")
    assert record.head(INCIDENT).length == 0


@pytest.mark.parametrize("body", [{"f": object()}, {"text": "\ud800"}, ["a list"], {"n": 10**5000}])
def test_a_body_without_json_form_is_refused(record: Record, body: Any) -> None:
    with pytest.raises(InputError, match="body of an entry"):
        record.append(INCIDENT, "note", body, author="ana")


@pytest.mark.parametrize("proof", ["", "sha256:12", "SHA256:" + "0" * 64, PROOF + "\n", PROOF.replace("sha256", "md5")])
def test_evidence_that_is_no_digest_is_refused(record: Record, proof: str) -> None:
    with pytest.raises(InputError, match="evidence is not a digest"):
        record.append(INCIDENT, "note", {}, author="ana", evidence=[proof])


def test_an_incident_id_that_is_a_path_is_refused(record: Record) -> None:
    with pytest.raises(InputError, match="incident id"):
        record.append("../INC", "note", {}, author="ana")


@pytest.mark.parametrize("author", ["", "  ", "two\nlines", "\udcff"])
def test_an_author_who_is_not_one_line_is_refused(record: Record, author: str) -> None:
    with pytest.raises(InputError, match="author"):
        record.append(INCIDENT, "note", {}, author=author)


# Incidents and heads


def test_incidents_have_chains_of_their_own_listed_as_they_began(record: Record) -> None:
    for incident in ("B", "A", "B"):
        record.append(incident, "note", {}, author="ana")
        time.sleep(0.002)
    assert record.incidents() == ["B", "A"]
    assert [entry.seq for entry in record.entries("B")] == [1, 2]
    verify_chain(record.entries("A"), record.head("A"))


def test_two_incidents_never_begin_alike() -> None:
    assert genesis("A") != genesis("B")


def test_an_incident_that_does_not_exist_is_the_empty_chain(record: Record) -> None:
    assert record.entries("X") == []
    assert record.head("X") == Head("X", 0, genesis("X"))
    verify_chain([], record.head("X"))


def test_a_writer_who_was_overtaken_is_told(record: Record) -> None:
    """Two responders decide by the same head; the second must not write what no longer follows from it."""
    record.append(INCIDENT, "opened", {}, author="ana", seq=1)
    with pytest.raises(InputError, match="another entry at this position"):
        record.append(INCIDENT, "opened", {}, author="ben", seq=1)
    assert [entry.author for entry in record.entries(INCIDENT)] == ["ana"]


def test_a_record_is_still_there_when_opened_again(tmp_path: Path) -> None:
    with Record.open(tmp_path / "record.db") as record:
        written = record.append(INCIDENT, "note", {}, author="ana")
    with Record.open(f"sqlite:///{tmp_path}/record.db") as record:
        assert record.entries(INCIDENT) == [written]


# Tampering with a chain


def test_a_whole_chain_holds_with_and_without_its_head() -> None:
    entries = chain(5)
    verify_chain(entries)
    verify_chain(entries, head_of(entries))


def test_an_edited_entry_is_named() -> None:
    entries = chain(5)
    entries[2] = replace(entries[2], body={"text": "nothing happened"})
    with pytest.raises(RecordError, match="entry 3 was edited: INC-42"):
        verify_chain(entries)


def test_an_edited_entry_with_a_fresh_digest_is_named_by_the_next() -> None:
    entries = chain(5)
    entries[2] = forge(entries[2], author="somebody else")
    with pytest.raises(RecordError, match="entry 4 does not continue the one before it"):
        verify_chain(entries)


def test_a_deleted_entry_is_named() -> None:
    entries = chain(5)
    del entries[2]
    with pytest.raises(RecordError, match="entry 3 was deleted: entry 4 stands in its place"):
        verify_chain(entries)


def test_a_moved_entry_is_named() -> None:
    entries = chain(5)
    entries[1], entries[3] = entries[3], entries[1]
    with pytest.raises(RecordError, match="entry 2 was moved: entry 4 stands in its place"):
        verify_chain(entries)


def test_an_entry_that_stands_twice_is_named() -> None:
    entries = chain(5)
    with pytest.raises(RecordError, match="entry 2 stands a second time, as number 3"):
        verify_chain([*entries[:2], entries[1], *entries[2:]])


def test_an_entry_of_another_incident_is_named() -> None:
    entries = chain(3)
    entries[1] = forge(entries[1], incident="INC-7")
    with pytest.raises(RecordError, match=r"entry 2 belongs to another incident \('INC-7'\)"):
        verify_chain(entries)


def test_a_cut_tail_shows_against_the_head_only() -> None:
    entries = chain(5)
    verify_chain(entries[:3])
    with pytest.raises(RecordError, match="entries 4 to 5 were cut off the end"):
        verify_chain(entries[:3], head_of(entries))


def test_a_record_cut_to_nothing_shows_against_the_head() -> None:
    with pytest.raises(RecordError, match="entries 1 to 5 were cut off the end"):
        verify_chain([], head_of(chain(5)))


def test_an_entry_added_after_the_signature_is_named() -> None:
    entries = chain(5)
    with pytest.raises(RecordError, match="entry 4 was added after the record was signed"):
        verify_chain(entries, head_of(entries[:3]))


def test_a_last_entry_that_was_replaced_shows_against_the_head() -> None:
    entries = chain(5)
    head = head_of(entries)
    entries[4] = forge(entries[4], body={})
    verify_chain(entries)
    with pytest.raises(RecordError, match="entry 5 is not the one that was signed"):
        verify_chain(entries, head)


def test_the_chain_of_another_incident_does_not_pass_for_this_one() -> None:
    entries = chain(2)
    with pytest.raises(RecordError, match="entry 1 belongs to another incident"):
        verify_chain(entries, replace(head_of(entries), incident="INC-43"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
OTHER_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "incident": st.text(max_size=8),
    "seq": st.integers(-1, 9),
    "prev": st.text(max_size=8) | st.binary(max_size=4).map(digest_bytes),
    "time": st.text(max_size=8) | st.datetimes().map(str),
    "author": st.text(max_size=8),
    "kind": st.sampled_from(sorted(ENTRY_KINDS)) | st.text(max_size=8),
    "body": st.dictionaries(st.text(max_size=8), JSON, max_size=3),
    "evidence": st.lists(st.binary(max_size=4).map(digest_bytes), max_size=2).map(tuple),
    "digest": st.text(max_size=8) | st.binary(max_size=4).map(digest_bytes),
}


@given(st.data())
def test_any_change_of_any_field_is_caught_and_named(data: st.DataObject) -> None:
    entries = chain(4)
    at = data.draw(st.integers(0, 3), "position")
    name = data.draw(st.sampled_from(sorted(OTHER_VALUES)), "field")
    value = data.draw(OTHER_VALUES[name].filter(lambda value: value != getattr(entries[at], name)), "value")
    entries[at] = replace(entries[at], **{name: value})
    with pytest.raises(RecordError, match=f"entry {at + 1} was edited"):
        verify_chain(entries)


@given(st.data())
def test_any_change_is_caught_by_the_head_though_every_digest_was_made_anew(data: st.DataObject) -> None:
    """The strongest forger without the key: changes an entry and rebuilds the chain from there to the end."""
    entries = chain(4)
    head = head_of(entries)
    at = data.draw(st.integers(0, 3), "position")
    name = data.draw(st.sampled_from(["time", "author", "kind", "body", "evidence"]), "field")
    value = data.draw(OTHER_VALUES[name].filter(lambda value: value != getattr(entries[at], name)), "value")
    entries[at] = forge(entries[at], **{name: value})
    for later in range(at + 1, 4):
        entries[later] = forge(entries[later], prev=entries[later - 1].digest)
    verify_chain(entries)
    with pytest.raises(RecordError, match="entry 4 is not the one that was signed"):
        verify_chain(entries, head)


@given(st.permutations(range(4)).filter(lambda order: order != [0, 1, 2, 3]))
def test_any_other_order_is_caught(order: list[int]) -> None:
    entries = chain(4)
    with pytest.raises(RecordError, match="was moved"):
        verify_chain([entries[at] for at in order])


@given(st.sets(st.integers(0, 4), min_size=1))
def test_any_missing_entries_are_caught_by_the_head(missing: set[int]) -> None:
    entries = chain(5)
    kept = [entry for at, entry in enumerate(entries) if at not in missing]
    with pytest.raises(RecordError, match=rf"entr(y|ies) {min(missing) + 1} (was deleted|to 5 were cut)"):
        verify_chain(kept, head_of(entries))


# Tampering with the database


TAMPERINGS = {
    "edited": ("UPDATE entries SET author = 'eve' WHERE seq = 3", "entry 3 was edited"),
    "deleted": ("DELETE FROM entries WHERE seq = 3", "entry 3 was deleted"),
    "reordered": (
        """
        UPDATE entries SET seq = 99 WHERE seq = 3;
        UPDATE entries SET seq = seq - 1 WHERE seq > 3 AND seq < 99;
        UPDATE entries SET seq = 6 WHERE seq = 99;
        """,
        "entry 3 was edited",
    ),
    "truncated": ("DELETE FROM entries WHERE seq > 3", "entries 4 to 6 were cut off the end"),
    "spelled otherwise": ("""UPDATE entries SET body = '{"n":9,"n":3}' WHERE seq = 3""", "entry 3 was edited"),
    "no JSON": ("UPDATE entries SET body = '{' WHERE seq = 3", "entry 3 was edited"),
    "not an object": ("UPDATE entries SET body = '[]' WHERE seq = 3", "entry 3 was edited"),
    "evidence of numbers": ("UPDATE entries SET evidence = '[1]' WHERE seq = 3", "entry 3 was edited"),
}


@pytest.mark.parametrize(("statements", "named"), TAMPERINGS.values(), ids=TAMPERINGS)
def test_tampering_with_the_file_is_named(tmp_path: Path, statements: str, named: str) -> None:
    with Record.open(tmp_path / "record.db") as record:
        for number in range(1, 7):
            record.append(INCIDENT, "note", {"n": number}, author="ana")
        head = record.head(INCIDENT)
        tamper(tmp_path / "record.db", statements)
        with pytest.raises(RecordError, match=named):
            verify_chain(record.entries(INCIDENT), head)


# JSON lines


def test_jsonl_is_canonical_and_reads_back(tmp_path: Path) -> None:
    entries = chain(3)
    write_jsonl(entries, tmp_path / "events.jsonl")
    data = (tmp_path / "events.jsonl").read_bytes()
    assert data.count(b"\n") == 3
    assert data.startswith(b'{"author":"ana","body":{"rate":0.14285714285714285,"text":"statement 1"},"digest":"sha256:')
    with (tmp_path / "events.jsonl").open("rb") as file:
        assert read_jsonl(tmp_path / "events.jsonl") == read_jsonl(data) == read_jsonl(file) == entries


def test_jsonl_goes_to_an_open_file_too() -> None:
    entries = chain(2)
    file = io.BytesIO()
    write_jsonl(entries, file)
    assert read_jsonl(file.getvalue()) == entries


def test_no_entry_is_an_empty_file() -> None:
    assert read_jsonl(b"") == []


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line[:-1],
        lambda line: line[:-2] + b"\n",
        lambda line: line[:-1] + b"x",
        lambda line: line[:-1] + b" \n",
        lambda line: line[:-1] + b"\r\n",
        lambda _: b"\n",
        lambda _: b"[]\n",
        lambda _: b"{}\n",
        lambda _: b"\xff\n",
        lambda _: b"[" * 100_000 + b"\n",
        lambda line: line.replace(b'"seq":2', b'"seq":true'),
        lambda line: line.replace(b'"seq":2', b'"seq":2.0'),
        lambda line: line.replace(b'"seq":2', b'"seq":2,"seq":2'),
        lambda line: line.replace(b'"seq":2', b'"seq":2,"spare":1'),
        lambda line: line.replace(b'"text":"statement 2"', b'"text":NaN'),
        lambda line: line.replace(b"statement", b"\\u0073tatement"),
        lambda line: line.decode().encode("utf-16"),
    ],
)  # fmt: skip
def test_a_line_that_is_not_as_it_was_written_is_named(spoil: Callable[[bytes], bytes]) -> None:
    file = io.BytesIO()
    write_jsonl(chain(2), file)
    first, second = file.getvalue().splitlines(keepends=True)
    assert spoil(second) != second
    with pytest.raises(RecordError, match="line 2 of the record is not an entry as it was written"):
        read_jsonl(first + spoil(second))


def test_a_missing_jsonl_file_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        read_jsonl(tmp_path / "events.jsonl")


def test_jsonl_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        write_jsonl(chain(1), tmp_path / "absent" / "events.jsonl")


# Many writers, and writers that die


@pytest.mark.parametrize(
    ("writers", "count"),
    [(3, 40), pytest.param(8, 1000, marks=pytest.mark.slow)],
)
def test_writers_in_many_processes_lose_nothing(tmp_path: Path, writers: int, count: int) -> None:
    place = tmp_path / "record.db"
    processes = [start_writer(place, f"writer {number}", count) for number in range(writers)]
    acknowledged = [process.communicate(timeout=600)[0].splitlines() for process in processes]
    assert [process.returncode for process in processes] == [0] * writers
    with Record.open(place) as record:
        entries = record.entries(INCIDENT)
        verify_chain(entries, record.head(INCIDENT))
    assert len(entries) == writers * count
    for number, lines in enumerate(acknowledged):
        own = [entry for entry in entries if entry.author == f"writer {number}"]
        assert [entry.body["number"] for entry in own] == list(range(count))
        assert [f"{entry.seq} {entry.digest}" for entry in own] == lines


def test_threads_share_one_record(record: Record) -> None:
    """A server answers several responders from one process."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: record.append(INCIDENT, "note", {"number": number}, author="ana"), range(40)))
    entries = record.entries(INCIDENT)
    verify_chain(entries, record.head(INCIDENT))
    assert sorted(entry.body["number"] for entry in entries) == list(range(40))


@pytest.mark.parametrize("rounds", [5, pytest.param(50, marks=pytest.mark.slow)])
def test_kill_9_loses_no_acknowledged_entry(tmp_path: Path, rounds: int) -> None:
    """The same database all along, so that each writer also recovers what the one before it left."""
    place = tmp_path / "record.db"
    moments = random.Random(20260311)  # noqa: S311  moments, not secrets
    acknowledged: list[str] = []
    for _ in range(rounds):
        process = start_writer(place, "ana", 1_000_000)
        assert process.stdout
        acknowledged.append(process.stdout.readline().rstrip("\n"))
        time.sleep(moments.uniform(0, 0.03))
        os.kill(process.pid, signal.SIGKILL)
        rest = process.communicate()[0]
        acknowledged += rest[: rest.rfind("\n") + 1].splitlines()
        assert process.returncode == -signal.SIGKILL
    with Record.open(place) as record:
        entries = record.entries(INCIDENT)
        verify_chain(entries, record.head(INCIDENT))
    kept = {f"{entry.seq} {entry.digest}" for entry in entries}
    assert len(acknowledged) >= rounds
    assert set(acknowledged) <= kept
    assert len(kept) - len(acknowledged) <= rounds  # at most one written and not yet acknowledged per kill
