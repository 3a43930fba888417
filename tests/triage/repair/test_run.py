"""Triage with a model: what is scored again leads, what it did not help comes last, and a model that cannot be asked is said."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from tests.analysis.causes.sound import EARLY, opened
from tests.triage.repair.conftest import COLUMNS, decide
from workbench.data.dataset import open_dataset
from workbench.data.examples import find_example
from workbench.errors import InputError
from workbench.models.python import python_target
from workbench.predicate import Predicate
from workbench.result import Finding
from workbench.triage.caused import caused
from workbench.triage.check import Context
from workbench.triage.rank import rank
from workbench.triage.run import Triage, triage
from workbench.triage.would_tell import what_would_tell

MODEL = python_target(decide, name="bank", columns=COLUMNS)
CAUSE = Finding("integrity", "a", ("x",), check="causes", severity="high", support=100, effect=0.1, cause="unit error")
HELPED = replace(CAUSE, statement="b", share_of_harm=0.4, share_interval=(0.2, 0.6), undone_by="repaired")
REFUTED = replace(CAUSE, statement="c", share_of_harm=0.0, share_interval=(0.0, 0.05), undone_by="repaired")


@pytest.fixture(scope="module")
def found(unit_error: tuple[pd.DataFrame, pd.DataFrame]) -> Triage:
    return triage(opened(unit_error[1]), reference=EARLY, target=MODEL)


def test_the_cause_leads_with_what_its_repair_undoes(found: Triage) -> None:
    first = found.findings[0]
    assert (first.cause, first.columns[0], first.undone_by) == ("unit error", "amount", "repaired")
    assert first.share_of_harm is not None
    assert first.share_of_harm > 0.8
    assert [(check.name, check.status) for check in found.checks][-1] == ("repair", "ran")
    assert found.results["repair"].tables["repairs"].iloc[0]["gone"] > 100


def test_what_the_document_says_is_plain_and_comes_back(found: Triage) -> None:
    form = found.to_dict()["findings"][0]  # type: ignore[index,call-overload]
    assert Finding.from_dict(form) == found.findings[0]  # type: ignore[arg-type]


@pytest.mark.slow
def test_compas_with_ages_in_days_and_a_small_model() -> None:
    """Half of the file trains a model, the other half is decided by it; ages of one charge degree arrive in days."""
    frame = pd.read_csv(find_example("compas").data).sample(frac=1, random_state=0).reset_index(drop=True)
    names = ["age", "priors_count", "juv_fel_count"]
    half = len(frame) // 2
    model = LogisticRegression(max_iter=2000).fit(frame[names][:half], frame["two_year_recid"][:half])
    log = frame[half:].reset_index(drop=True)[[*names, "sex", "race", "c_charge_degree", "two_year_recid"]]
    log = log.assign(at=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(log)) * 30, unit="min"), id=range(len(log)))
    late = (log["at"] >= "2026-02-20") & (log["c_charge_degree"] == "F")
    clean_errors = (model.predict(log[names]) != log["two_year_recid"]).sum()
    broken = log.assign(age=np.where(late, log["age"] * 365.25, log["age"]))
    broken["yes"], broken["score"] = model.predict(broken[names]), model.predict_proba(broken[names])[:, 1]
    roles: dict[str, Any] = {"row_id": "id", "time": "at", "prediction": "yes", "score": "score", "label": "two_year_recid",
                             "features": [*names, "c_charge_degree"], "groups": ["sex", "race"], "favorable": 0}  # fmt: skip
    said = triage(open_dataset(broken, roles), reference=Predicate.parse("at < 2026-02-01"), target=python_target(model))
    first = said.findings[0]
    assert (first.cause, first.undone_by) == ("unit error", "repaired")
    gone = said.results["repair"].tables["repairs"].iloc[0]["gone"]
    assert gone == pytest.approx((broken["yes"] != broken["two_year_recid"]).sum() - clean_errors, rel=0.1)


def test_another_model_changes_nothing_and_is_said(unit_error: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    other = python_target(lambda frame: (frame["age"] > 40).astype(int), name="other", columns=COLUMNS)
    data = opened(unit_error[1])
    said = triage(data, reference=EARLY, target=other, only=["causes"])
    without = triage(data, reference=EARLY, only=["causes"])
    check = said.checks[-1]
    assert (check.name, check.status) == ("repair", "skipped")
    assert "the model given is not the one that decided" in check.why
    assert "repair" not in said.results
    assert said.findings == without.findings
    assert said.verdict == without.verdict


def test_a_model_with_a_bug_is_a_failed_step_and_no_crash(unit_error: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    class Broken:
        name, version, digest, production = "broken", "1", "sha256:1", False

        def predict(self, _frame: pd.DataFrame) -> Any:
            return None

    said = triage(opened(unit_error[1]), reference=EARLY, target=Broken(), only=["causes"])
    assert said.checks[-1].status in ("failed", "skipped")
    assert said.verdict == "incident"


def test_a_model_in_production_needs_an_approval(unit_error: tuple[pd.DataFrame, pd.DataFrame]) -> None:
    live = python_target(decide, name="bank", columns=COLUMNS, production=True)
    with pytest.raises(InputError, match="a production target is not asked without an approval"):
        triage(opened(unit_error[1]), reference=EARLY, target=live)


def test_a_cause_whose_repair_did_not_help_comes_after_all_that_may_be() -> None:
    slight = replace(CAUSE, statement="d", check="slices", severity="medium")
    assert [item.statement for item in rank([REFUTED, slight, HELPED, CAUSE], [])] == ["b", "a", "d", "c"]


def test_it_accounts_for_its_own_column_and_for_no_harm() -> None:
    dataset = open_dataset(pd.DataFrame({"x": range(200), "y": [0, 1] * 100}), {"label": "y"})
    context = Context(dataset, dataset, dataset)
    slice_of = Finding("slice", "s", ("x",), "x < 50", check="slices", unit="unheard of")
    drift = Finding("drift", "s", ("x",), check="drift")
    assert caused([REFUTED, slice_of, drift], context) == [(0, 2)]


def test_a_mix_up_of_versions_says_what_would_tell() -> None:
    dataset = open_dataset(pd.DataFrame({"x": range(200), "y": [0, 1] * 100}), {"label": "y"})
    mixed = Finding("drift", "s", ("version",), "x < 50", support=50, cause="version mix-up", rank=1)  # fmt: skip
    needed = what_would_tell(dataset, Triage("incident", (mixed,), (), {}, {"rows": 200})).tables["needed"]
    assert any("takes the other version" in why for why in needed["why"])
    known = replace(mixed, undone_by="repaired")
    needed = what_would_tell(dataset, Triage("incident", (known,), (), {}, {"rows": 200})).tables["needed"]
    assert not any("takes the other version" in why for why in needed["why"])
