"""What belongs to a measure, what counts in it, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.losses import default_loss, row_values
from workbench.analysis.measures import SHARES, available_measures, share_flags
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, RolesError, UnknownNameError

FRAME = pd.DataFrame({
    "prediction": [1, 1, 0, 0, None, 1],
    "label": [1, 0, 1, 0, 1, None],
    "score": [0.9, 0.8, None, 0.1, 0.5, 0.7],
    "error": [5.0, 4.0, 3.0, 2.0, 1.0, 0.0],
    "name_of_it": list("abcdef"),
})  # fmt: skip
ROLES = {"prediction": "prediction", "label": "label", "score": "score", "favorable": 0}


def opened(**roles: object) -> Dataset:
    return open_dataset(FRAME, {**ROLES, **roles})


@pytest.mark.parametrize(
    ("measure", "hits", "among"),
    [("tpr", 1, 2), ("fnr", 1, 2), ("fpr", 1, 2), ("tnr", 1, 2), ("ppv", 1, 2), ("npv", 1, 2), ("accuracy", 2, 4),
     ("selection_rate", 2, 5), ("base_rate", 3, 5)],
)  # fmt: skip
def test_a_row_without_label_or_prediction_leaves_the_denominator(measure: str, hits: int, among: int) -> None:
    hit, belongs = share_flags(opened(), [measure])[measure]
    assert (int(hit.sum()), int(belongs.sum())) == (hits, among)
    assert not (hit & ~belongs).any()


def test_selection_rate_without_a_favourable_value_is_refused() -> None:
    with pytest.raises(RolesError, match="good for the person"):
        share_flags(open_dataset(FRAME, {"prediction": "prediction"}), ["selection_rate"])


def test_an_unknown_measure_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="selection_rate"):
        share_flags(opened(), ["auc"])


def test_available_measures_follow_the_roles() -> None:
    assert available_measures(opened()) == tuple(SHARES)
    assert available_measures(open_dataset(FRAME, {"label": "label"})) == ("base_rate",)
    with pytest.raises(RolesError, match="nothing to measure"):
        available_measures(open_dataset(FRAME, {"score": "score"}))


def test_error_is_the_complement_of_accuracy() -> None:
    values, among = row_values(opened(), "error")
    assert values[among].tolist() == [0, 1, 1, 0]


def test_a_measure_beats_a_column_of_its_name_unless_forced() -> None:
    values, among = row_values(opened(), "column:error")
    assert values.tolist() == [5, 4, 3, 2, 1, 0]
    assert among.all()


def test_a_missing_number_does_not_belong() -> None:
    values, among = row_values(opened(), "score")
    assert among.tolist() == [True, True, False, True, True, True]
    assert np.isfinite(values).all()


def test_a_column_of_text_is_no_loss() -> None:
    with pytest.raises(InputError, match="only numbers can be a loss"):
        row_values(opened(), "name_of_it")


def test_the_loss_is_the_error_where_there_are_labels_and_a_score_at_worst() -> None:
    assert default_loss(opened()) == "error"
    assert default_loss(open_dataset(FRAME, {"prediction": "prediction", "favorable": 1})) == "selection_rate"
    assert default_loss(open_dataset(FRAME, {"score": "score"})) == "column:score"
    with pytest.raises(RolesError, match="no loss"):
        default_loss(open_dataset(FRAME, {"groups": ["name_of_it"]}))
