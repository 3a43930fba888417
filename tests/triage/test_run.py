"""Triage end to end: the verdict, what comes first, how a broken check shows, and the form of findings.json."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset, open_dataset
from workbench.digest import canonical_json
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.registry import checks
from workbench.result import Finding
from workbench.triage.check import Context
from workbench.triage.run import Triage, triage

BEFORE_CUT = Predicate.parse("compas_screening_date < 2014-04-01")
KEYS = {
    "rank", "kind", "columns", "where", "statement", "effect", "unit", "interval", "p", "p_adjusted", "support", "people",
    "onset", "onset_interval", "severity", "standing", "undermines", "explained_by", "ruled_out", "share_of_harm",
    "share_interval", "undone_by", "undone", "cause", "versus", "check", "evidence",
}  # fmt: skip
EARLY = Predicate.parse("at < 2026-02-01")


def quiet_log(rows: int = 600) -> pd.DataFrame:
    """A log in which nothing happens, of two months."""
    rng = np.random.default_rng(0)
    times = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) * (60 * 24 * 60 // rows), unit="min")
    label = rng.integers(0, 2, rows)
    return pd.DataFrame({
        "id": range(rows), "at": times, "g": rng.choice(list("ab"), rows), "x": rng.normal(size=rows), "y": label,
        "p": np.where(rng.random(rows) < 0.2, 1 - label, label),
    })  # fmt: skip


def opened(frame: pd.DataFrame) -> Dataset:
    return open_dataset(frame, {"row_id": "id", "time": "at", "prediction": "p", "label": "y", "favorable": 1, "groups": ["g"]})


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Any:
    def register(check: Any) -> None:
        monkeypatch.setitem(checks._own, "plugin", check)

    return register


def compas_triage(compas: Path, roles: dict[str, Any]) -> Triage:
    return triage(open_dataset(compas, roles))


def test_compas_without_windows_names_the_label_first(compas: Path, compas_roles: dict[str, Any]) -> None:
    """The known defect of the file: from 1 April 2014 on it holds only people who were arrested again."""
    found = compas_triage(compas, compas_roles)
    first = found.findings[0]
    assert found.verdict == "incident"
    assert (first.kind, first.columns, first.severity) == ("integrity", ("two_year_recid",), "critical")
    assert first.onset in ("2014-04-01T00:00:00", "2014-04-02T00:00:00")
    race = next(item for item in found.findings if item.where == 'race = "African-American"')
    assert race.rank in first.undermines
    for said in ("false positive rate 44.8 % against 23.5 %", "false negative rate 28.0 % against 47.7 %", "ratio 0.632"):
        assert said in race.statement
    changes = [item for item in found.findings if item.kind in ("volume", "drift") and item.check == "integrity"]
    assert {item.kind for item in changes} == {"volume", "drift"}
    assert {item.explained_by for item in changes} == {1}


def test_compas_with_windows_finds_the_label_cut(compas: Path, compas_roles: dict[str, Any]) -> None:
    found = triage(open_dataset(compas, compas_roles), reference=BEFORE_CUT)
    assert found.verdict == "incident"
    assert (found.findings[0].kind, found.findings[0].columns) == ("integrity", ("two_year_recid",))
    assert not found.findings[0].standing
    assert any(item.standing for item in found.findings)


def alarms(compas: Path, roles: dict[str, Any], seeds: int) -> int:
    """How often triage of sound, shuffled windows says anything but "no incident found"."""
    dataset = open_dataset(compas, roles).select(BEFORE_CUT)
    given = {**roles, "prediction": "prediction", "identifiers": []}
    told = 0
    for seed in range(seeds):
        times = np.random.default_rng(seed).permutation(dataset.role("time").to_numpy())
        shuffled = open_dataset(dataset.frame.assign(compas_screening_date=times), given)
        told += triage(shuffled, reference=Predicate.parse("compas_screening_date < 2014-01-01")).verdict != "no incident found"
    return told


def test_shuffled_times_are_no_incident(compas: Path, compas_roles: dict[str, Any]) -> None:
    assert alarms(compas, compas_roles, 5) == 0


@pytest.mark.slow
def test_shuffled_times_are_an_incident_in_at_most_two_of_a_hundred(compas: Path, compas_roles: dict[str, Any]) -> None:
    assert alarms(compas, compas_roles, 100) <= 2


def test_a_quiet_log_is_no_incident_with_and_without_windows() -> None:
    assert triage(opened(quiet_log()), reference=EARLY).verdict == "no incident found"
    assert triage(opened(quiet_log())).verdict == "no incident found"


def test_what_held_before_is_standing_and_no_incident() -> None:
    frame = quiet_log(3000)
    unfair = frame.assign(p=np.where(frame["g"] == "a", 1, frame["p"]))
    found = triage(opened(unfair), reference=EARLY)
    assert found.verdict == "no incident found"
    assert {item.kind for item in found.findings} == {"disparity"}
    assert all(item.standing for item in found.findings)
    assert triage(opened(unfair)).verdict == "incident"


def test_a_check_that_raises_is_failed_and_silence_is_worth_nothing(plugin: Any) -> None:
    def check(_context: Context) -> list[Finding]:
        raise ZeroDivisionError("oops")

    plugin(check)
    found = triage(opened(quiet_log()), reference=EARLY)
    assert found.verdict == "could not tell"
    assert [(item.status, item.why) for item in found.checks if item.name == "plugin"] == [("failed", "ZeroDivisionError: oops")]


@pytest.mark.parametrize(
    "finding",
    [
        Finding("mood", "s"),
        Finding("drift", "s", severity="dire"),
        Finding("drift", "s", p=2.0),
        Finding("drift", "s", where="nope = 1"),
        3,
    ],
)
def test_a_finding_nobody_can_work_with_fails_its_check(plugin: Any, finding: Any) -> None:
    plugin(lambda _context: [finding])
    assert triage(opened(quiet_log()), reference=EARLY).verdict == "could not tell"


def test_a_check_that_cannot_be_imported_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    monkeypatch.setattr(checks, "_plugins", {"gone": [EntryPoint("gone", "no_such_module:check", "workbench.checks")]})
    found = triage(opened(quiet_log()), reference=EARLY)
    assert [(item.status, "cannot be imported" in item.why) for item in found.checks if item.name == "gone"] == [("failed", True)]
    assert found.verdict == "could not tell"


def test_a_plugin_that_returns_a_plain_list_takes_part(plugin: Any) -> None:
    plugin(lambda _context: [Finding("attack", "odd traffic", p=1e-9, severity="high")])
    found = triage(opened(quiet_log()), reference=EARLY)
    assert (found.verdict, found.findings[0].check) == ("incident", "plugin")


def test_missing_roles_skip_a_check_and_say_why() -> None:
    found = triage(open_dataset(quiet_log(), {"features": ["x"]}))
    why = {item.name: (item.status, item.why) for item in found.checks}
    assert why["disparity"][0] == why["slices"][0] == why["drift"][0] == "skipped"
    assert "no groups" in why["disparity"][1]
    assert "needs two windows" in why["drift"][1]


def test_a_check_that_was_asked_and_could_not_answer_makes_no_silence() -> None:
    """Prediction and label in different words: no `positive` fits both, and nothing was compared."""
    frame = quiet_log().assign(
        p=lambda data: data["p"].map({0: "no", 1: "yes"}), y=lambda data: data["y"].map({0: "bad", 1: "good"})
    )
    roles = {
        "row_id": "id",
        "time": "at",
        "prediction": "p",
        "label": "y",
        "favorable": "yes",
        "positive": "good",
        "groups": ["g"],
    }
    found = triage(open_dataset(frame, roles))
    assert found.verdict == "could not tell"
    assert {item.name: item.status for item in found.checks}["disparity"] == "ran", "the selection rate needs no label"
    frame["p"] = np.where(frame["g"] == "a", "no", frame["p"])
    assert triage(open_dataset(frame, roles)).verdict == "incident"


def test_windows_that_share_rows_are_refused() -> None:
    with pytest.raises(InputError, match="share"):
        triage(opened(quiet_log()), reference=EARLY, current=Predicate.parse("at >= 2026-01-15"))


def test_a_selection_is_named_and_counted() -> None:
    found = triage(opened(quiet_log()), current=Predicate.parse("at >= 2026-02-15"))
    assert found.current == "at >= 2026-02-15"
    assert found.examined == found.dataset["rows"] < 200


def test_a_broken_label_does_not_explain_who_is_refused_from_the_same_day() -> None:
    frame = quiet_log(3000)
    late = frame["at"] >= "2026-02-01"
    frame.loc[late, "y"] = 1
    frame.loc[late & (frame["g"] == "a"), "p"] = 0
    found = triage(opened(frame)).findings
    assert found[0].kind == "integrity"
    refused = next(item for item in found if item.kind == "disparity" and item.where == 'g = "a"')
    assert refused.explained_by is None


def test_few_rows_cannot_show_that_nothing_happened() -> None:
    assert triage(opened(quiet_log(20))).verdict == "could not tell"


def test_refusals() -> None:
    log = opened(quiet_log())
    with pytest.raises(InputError, match="too few rows"):
        triage(opened(quiet_log().iloc[:1]))
    with pytest.raises(InputError, match="the reference window has 0 rows"):
        triage(log, reference=Predicate.parse("at < 2020-01-01"))
    with pytest.raises(InputError, match="the current window has 0 rows"):
        triage(log, reference=Predicate.parse("at < 2030-01-01"))
    with pytest.raises(InputError, match="the selection has 0 rows"):
        triage(log, current=Predicate.parse("at < 2020-01-01"))
    with pytest.raises(InputError, match="label is missing in every row"):
        triage(opened(quiet_log().assign(y=np.nan)))
    with pytest.raises(InputError, match="budget is a share"):
        triage(log, budget=0.0)


def test_findings_json_has_the_form_of_the_contract(compas: Path, compas_roles: dict[str, Any]) -> None:
    found = compas_triage(compas, compas_roles)
    form = json.loads(canonical_json(found.to_dict()))
    assert set(form) == {"schema", "dataset", "reference", "current", "verdict", "checks", "findings", "provenance"}
    assert form["schema"] == "workbench.findings/1"
    assert form["dataset"]["rows"] == 7214
    assert form["reference"] is None
    assert all(set(item) == KEYS for item in form["findings"])
    assert all(set(item) == {"name", "status", "why", "seconds"} for item in form["checks"])
    assert [item["rank"] for item in form["findings"]] == list(range(1, len(found.findings) + 1))
    assert all(item["evidence"].startswith("sha256:") for item in form["findings"])
    assert form["findings"][1]["onset"] is None
    assert found.digest == compas_triage(compas, compas_roles).digest


def test_findings_hold_plain_python_values_only(compas: Path, compas_roles: dict[str, Any]) -> None:
    dataset = open_dataset(compas, compas_roles)
    for finding in (*triage(dataset).findings, *triage(dataset, reference=BEFORE_CUT).findings):
        assert "np." not in finding.statement
        assert type(finding.support) is int
        assert type(finding.people) is int
        for item in fields(finding):
            value = getattr(finding, item.name)
            parts = value if isinstance(value, tuple) else (value,)
            assert {type(part) for part in parts} <= {int, float, str, bool, type(None)}, item.name


def test_a_sentence_is_told_in_short_numbers_and_its_rows_in_exact_ones(plugin: Any) -> None:
    where = "x < 4.166666666666666"
    plugin(lambda _context: [Finding("slice", f"worse where {where}", where=where, severity="low")])
    found = next(item for item in triage(open_dataset(quiet_log().assign(x=1.0), {})).findings if item.check == "plugin")
    assert (found.statement, found.where) == ("worse where x < 4.1667", where)
