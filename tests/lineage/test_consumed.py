"""Which snapshot a model was made from."""

from typing import Any

import pytest

from workbench.errors import UnknownNameError
from workbench.lineage.consumed import consumed


def test_each_version_that_was_read_is_named_with_its_rule(words: Any) -> None:
    raw = [
        *words.run("w1", 0, 10, [], ["train=sha256:1"]), *words.run("w2", 20, 30, [], ["train=sha256:2"]),
        *words.run("t", 40, 50, ["train=sha256:1", "people"], ["model"]),
    ]  # fmt: skip
    document: Any = consumed(words.graph(raw), "model").to_dict()
    assert (document["node"], document["run"], document["job"]) == ("model@t", "t", "etl/job of t")
    told = {(item["node"], item["text"], item["certain"]) for item in document["snapshots"]}
    assert told == {("train@w1", "sha256:1", True), ("people@source", "", True)}
    assert document["snapshots"][0]["completed"] == "2026-03-01T00:10:00Z"


def test_of_several_versions_the_last_complete_one_is_meant(words: Any) -> None:
    raw = [
        *words.run("t1", 0, 1, ["a"], ["m"]),
        *words.run("t2", 2, 3, ["b"], ["m"]),
        words.event("START", "t3", 4, ["c"], ["m"]),
    ]
    assert consumed(words.graph(raw), "m").run == "t2"


def test_what_nobody_wrote_consumed_nothing_that_is_known(words: Any) -> None:
    with pytest.raises(UnknownNameError, match="no run that wrote this version of that name: a@source"):
        consumed(words.graph(words.run("t", 0, 1, ["a"], ["m"])), "a")
