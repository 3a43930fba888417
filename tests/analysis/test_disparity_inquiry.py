"""What is asked on demand is asked of the rows measured, of the groups that are told of, and within its budget."""

import numpy as np
import pandas as pd
import pytest

from workbench.analysis.disparity_inquiry import INQUIRIES, inquire, marked_group
from workbench.analysis.disparity_review import Question, Review, bound_missing, review_disparity
from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError, RolesError, UnknownNameError
from workbench.predicate import ALL_ROWS, Predicate

ROLES = {"prediction": "pred", "label": "label", "favorable": 1, "groups": ["region", "sex"], "features": ["age"]}
SIZES = {"north": 400, "south": 300, "east": 60, "tiny": 7}


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    """The tiny region is suppressed, and the east beside it; in the south decisions on the young are wrong."""
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"region": np.repeat(list(SIZES), list(SIZES.values())), "sex": rng.choice(["f", "m"], 767)})
    frame["age"], frame["label"] = rng.integers(20, 30, 767), rng.integers(0, 2, 767)
    wrong = np.where((frame["region"] == "south") & (frame["age"] < 22), rng.random(767) < 0.9, rng.random(767) < 0.1)
    return open_dataset(frame.assign(pred=frame["label"] ^ wrong), ROLES)


@pytest.fixture(scope="module")
def review(dataset: Dataset) -> Review:
    return review_disparity(dataset, Question(group="south", reference="north"))


def test_slices_are_searched_in_the_marked_group(dataset: Dataset, review: Review) -> None:
    found = inquire("slices", dataset, review, Predicate.parse('region = "south"')).tables["distinct"]
    frame = dataset.frame
    worst = Predicate.parse(found["slice"].iloc[0])
    assert "region" not in worst.columns
    inside = (frame["region"] == "south") & worst.mask(frame)
    assert found["mean"].iloc[0] == pytest.approx((frame["pred"] != frame["label"])[inside].mean())
    assert frame.loc[inside, "age"].max() < 22


def test_without_a_mark_it_is_the_group_that_is_followed(review: Review) -> None:
    assert str(marked_group(review, ALL_ROWS)) == 'region = "south"'


@pytest.mark.parametrize("where", ['region = "tiny"', 'region = "east"', 'sex = "f" and region = "tiny"'])
def test_a_suppressed_group_cannot_be_marked(review: Review, where: str) -> None:
    with pytest.raises(InputError, match="suppressed"):
        marked_group(review, Predicate.parse(where))


def test_remedies_leave_suppressed_groups_out(dataset: Dataset, review: Review) -> None:
    found = inquire("mitigation", dataset, review, ALL_ROWS)
    assert set(found.tables["groups"]["group"]) == {"north", "south"}
    assert found.numbers["rows"] == SIZES["north"] + SIZES["south"]


def test_only_the_current_window_is_asked(dataset: Dataset) -> None:
    asked = review_disparity(dataset, Question(group="south", reference="north", current=Predicate.parse("age >= 25")))
    found = inquire("mitigation", dataset, asked, ALL_ROWS)
    large = dataset.frame["region"].isin(["north", "south"]) & (dataset.frame["age"] >= 25)
    assert found.numbers["rows"] == int(large.sum())


def test_refusals(dataset: Dataset, review: Review) -> None:
    with pytest.raises(UnknownNameError, match=", ".join(sorted(INQUIRIES))):
        inquire("blame", dataset, review, ALL_ROWS)
    undecided = open_dataset(dataset.frame, {**ROLES, "label": None})
    with pytest.raises(RolesError, match="outcomes"):
        inquire("slices", undecided, review_disparity(undecided), ALL_ROWS)


def test_the_missing_are_bounded_beside_the_groups_that_are_known(dataset: Dataset) -> None:
    frame = dataset.frame.assign(region=dataset.frame["region"].where(dataset.frame.index % 5 != 0))
    bounds = bound_missing(open_dataset(frame, ROLES), "region").tables["bounds"]
    assert set(bounds["group"]) | set(bounds["reference"]) <= set(SIZES)
    assert (bounds["unknown_rows"] == int(frame["region"].isna().sum())).all()
