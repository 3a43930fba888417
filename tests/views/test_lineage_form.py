"""What the browser gets of the lineage: facts of each box, suspects that tell something, sentences without small counts."""

from typing import Any

import pandas as pd
import pytest

from workbench.lineage.blast import blast_radius
from workbench.lineage.build import build_lineage
from workbench.lineage.event import EventLog, read_event
from workbench.lineage.graph import Lineage
from workbench.lineage.inquiry import Inquiry
from workbench.result import Result
from workbench.views.lineage_form import (
    drawing_form,
    gaps_table,
    page_form,
    radius_table,
    radius_text,
    suspect_rows,
    suspects_sentence,
    suspects_table,
)


@pytest.fixture
def lineage() -> Lineage:
    """Six days of a table; on the last, hours are in minutes."""
    log = EventLog()
    for day in range(1, 7):
        metrics = {"columnMetrics": {"hours": {"sum": (2400 if day == 6 else 40) * 100, "count": 100}}}
        version = {"datasetVersion": f"sha256:{day}"}
        output = {"namespace": "db", "name": "raw", "facets": {"dataQualityMetrics": metrics, "version": version}}
        raw = {"eventType": "COMPLETE", "eventTime": f"2026-03-0{day}T00:00:00Z", "run": {"runId": f"r{day}"}, "inputs": [],
               "job": {"namespace": "etl", "name": "ingest"}, "outputs": [output], "schemaURL": "u"}  # fmt: skip
        event = read_event(raw, ("test", day), log.facets, log.odd)
        assert event is not None
        log.events.append(event)
    return build_lineage(log.events, log.odd)


@pytest.fixture
def inquiry(lineage: Lineage) -> Inquiry:
    return Inquiry.of(lineage, "raw")


def test_each_box_tells_who_wrote_it_its_content_and_what_changed(inquiry: Inquiry) -> None:
    form = drawing_form(inquiry, inquiry.picture())
    [facts] = [dict(facts) for box, facts in form["facts"].items() if box.startswith("version-")]
    assert facts["name"] == "raw@r6"
    assert (facts["written by"], facts["content"]) == ("etl/ingest", "sha256:6")
    assert facts["changed"].startswith("hours.mean is 2400, usually 40")
    assert "" not in facts.values()


def test_only_suspects_that_tell_something_are_listed_and_numbered(inquiry: Inquiry) -> None:
    result = inquiry.suspects()
    [row] = suspect_rows(result, inquiry.picture())
    assert result.tables["suspects"].loc[row["id"], "node"] == row["node"] == "raw@r6"
    assert (row["rank"], row["explained"]) == (1, None)
    assert "raw@r6" in suspects_table(result)._repr_html_()
    assert repr(suspects_sentence(result)).startswith("1 upstream change. First: raw@r6, written by etl/ingest")


def test_what_explains_is_named_by_its_number_in_the_list(inquiry: Inquiry) -> None:
    table = inquiry.suspects().tables["suspects"]
    cause = table[table["node"] == "raw@r6"]
    plain = table[table["node"] != "raw@r6"].iloc[:1]
    effect = cause.assign(rank=9, explained_by=5)
    told = Result("lineage", "t", {"suspects": pd.concat([plain, cause.assign(rank=5), effect], ignore_index=True)})
    rows = suspect_rows(told, inquiry.picture())
    assert [(row["id"], row["rank"], row["explained"]) for row in rows] == [(1, 1, None), (2, 2, 1)]
    assert "explained by #1" in suspects_table(told)._repr_html_()


def test_no_change_is_said(lineage: Lineage) -> None:
    quiet = Inquiry.of(lineage, "raw", "2026-03-02..2026-03-03").suspects()
    assert "nothing in that window" in repr(suspects_sentence(quiet))


@pytest.mark.parametrize(
    ("people", "said"),
    [
        (None, "5 clean."),
        ({"contaminated": 400, "possible": 0, "clean": 800, "unknown": 0}, "contaminated 400, clean 800."),
        (
            {"contaminated": 7, "possible": 0, "clean": 800, "unknown": 300},
            "contaminated suppressed, clean 800, unknown suppressed.",
        ),
    ],
)
def test_how_far_it_reaches_is_told_without_the_few(lineage: Lineage, people: dict[str, int] | None, said: str) -> None:
    radius = blast_radius(lineage, "raw@r6")
    told = type(radius)(**{**{name: getattr(radius, name) for name in radius.__dataclass_fields__}, "people": people})
    assert radius_text(told).endswith(said)


def test_the_table_holds_models_and_decisions_only_and_gaps_are_listed(lineage: Lineage, inquiry: Inquiry) -> None:
    assert len(radius_table(blast_radius(lineage, "raw@r6")).frame) == 0
    assert gaps_table(inquiry).caption.endswith("gaps")


def test_a_page_gets_everything_its_module_reads_and_no_windows(inquiry: Inquiry) -> None:
    form: dict[str, Any] = page_form(inquiry, inquiry.suspects(), blast_radius(inquiry.lineage, "raw@r6"))
    assert set(form) == {"drawing", "moments", "moment", "onset", "suspects", "trace", "deciders", "told"}
    assert form["moments"] == ["2026-03-06T00:00:00Z"]
    assert {row["reference"] for row in form["suspects"]} == {""}
    assert form["told"].startswith("From raw@r6: 1 versions contaminated")
