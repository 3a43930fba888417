"""A dataset: roles settled, identifiers gone, values as analysis needs them; bad input is one clear line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from workbench.data.dataset import Dataset, indicator, open_dataset
from workbench.data.roles import Roles
from workbench.errors import InputError, RolesError, SourceError
from workbench.predicate import Predicate

# ibis 12 reads a table's schema so from DuckDB 2

FRAME = pd.DataFrame({
    "case": [1, 2, 3, 4],
    "who": ["Ada Secret", "Bo Secret", "Cy Secret", "Di Secret"],
    "score": [0.1, 0.9, np.nan, 0.7],
    "race": ["a", "b", "a", None],
    "decided": ["granted", "denied", "granted", "granted"],
    "outcome": [0, 1, 1, 0],
    "w": [1.0, 2.0, np.nan, 1.0],
})  # fmt: skip
ROLES = {
    "row_id": "case",
    "prediction": "decided",
    "score": "score",
    "label": "outcome",
    "groups": ["race"],
    "identifiers": ["who"],
}


def opened(**roles: object) -> Dataset:
    return open_dataset(FRAME, {**ROLES, **roles})


def test_identifiers_are_gone() -> None:
    dataset = opened()
    assert "who" not in (*dataset.columns, *dataset.frame.columns, *dataset.features)
    assert dataset.roles.identifiers == ()


def test_identifiers_show_in_no_message() -> None:
    with pytest.raises(InputError) as caught:
        opened().select(Predicate.parse('who = "Ada Secret"'))
    assert "who, " not in str(caught.value)


def test_the_fingerprint_is_of_the_whole_source() -> None:
    dataset = opened()
    part = dataset.select(Predicate.parse('race = "a"'))
    assert part.rows == 2
    assert part.fingerprint == dataset.fingerprint == open_dataset(FRAME[FRAME.columns[::-1]]).fingerprint
    assert dataset.fingerprint != open_dataset(FRAME.drop(columns="who")).fingerprint


def test_a_file_that_changed_has_another_fingerprint(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    FRAME.to_parquet(path)
    before = open_dataset(path).fingerprint
    FRAME.assign(w=0.0).to_parquet(path)
    assert open_dataset(path).fingerprint != before


def test_a_role_that_is_a_predicate_becomes_a_column_with_gaps() -> None:
    dataset = opened(prediction="score >= 0.5", groups=["score >= 0.5", 'race = "a"'])
    assert dataset.positive_prediction.tolist()[:2] == [0.0, 1.0]
    assert np.isnan(dataset.positive_prediction[2])
    assert dataset.roles.groups == ("score >= 0.5", 'race = "a"')
    assert dataset.frame['race = "a"'].tolist() == [True, False, True, None]


def test_a_derived_column_takes_no_name_that_is_taken() -> None:
    frame = FRAME.rename(columns={"w": "Prediction"})
    assert open_dataset(frame, {"prediction": "score >= 0.5"}).roles.prediction == "prediction_2"


def test_weights_default_to_one_and_missing_weighs_nothing() -> None:
    assert opened().weights.tolist() == [1, 1, 1, 1]
    assert opened(weight="w").weights.tolist() == [1, 2, 0, 1]


def test_a_window_may_weigh_nothing() -> None:
    assert opened(weight="w").select(Predicate.parse("case = 3")).weights.tolist() == [0]


def test_people_are_distinct_row_ids() -> None:
    twice = pd.concat([FRAME, FRAME])
    assert open_dataset(twice, ROLES).people() == 4
    assert open_dataset(twice, {}).people() is None


def test_select_and_exclude_part_the_rows() -> None:
    dataset, where = opened(), Predicate.parse("score >= 0.5")
    assert dataset.select(where).frame["case"].tolist() == [2, 4]
    assert dataset.exclude(where).frame["case"].tolist() == [1, 3]
    assert str(dataset.select(where).where) == "score >= 0.5"


def test_a_window_without_the_favorable_value_has_rate_zero() -> None:
    """It occurs elsewhere, so it is no slip of the pen."""
    dataset = opened(favorable="granted")
    assert dataset.select(Predicate.parse("case = 2")).favorable_prediction.tolist() == [0.0]


def test_whether_values_are_binary_is_judged_by_the_whole_dataset() -> None:
    dataset = open_dataset(FRAME.assign(outcome=[0, 1, 2, 0]), ROLES)
    with pytest.raises(RolesError, match="which value of label is the positive one"):
        _ = dataset.select(Predicate.parse("case <= 2")).positive_label


def test_a_date_is_its_midnight_and_a_decimal_a_float_in_the_frame() -> None:
    table = pa.table({"day": pa.array([0, None], pa.date32()), "cost": pa.array([1, None], pa.decimal128(9, 2))})
    frame = open_dataset(table, {}).frame
    assert frame.dtypes.astype("str").tolist() == ["datetime64[us]", "float64"]
    assert frame["day"][0] == pd.Timestamp("1970-01-01")


def test_columns_as_arrow_are_those_of_the_frame_and_not_copied_from_memory(tmp_path: Path) -> None:
    frame = pd.DataFrame({"g": ["a", None, "b"], "x": [1, 2, 3], "y": [0.5, None, 1.5], "at": pd.Timestamp("2026-01-01")})
    frame.to_parquet(tmp_path / "log.parquet")
    in_memory, from_file = open_dataset(frame, {"groups": ["g"]}), open_dataset(str(tmp_path / "log.parquet"), {"groups": ["g"]})
    columns = ["g", "x", "y"]
    assert in_memory.arrow(columns).to_pylist() == from_file.arrow(columns).to_pylist()
    assert in_memory.source.arrow is not None
    assert in_memory.arrow(["x"])["x"].chunk(0).buffers()[1].address == in_memory.source.arrow["x"].chunk(0).buffers()[1].address
    window = Predicate.parse("x > 1")
    assert in_memory.select(window).arrow(columns).to_pylist() == in_memory.arrow(columns).to_pylist()[1:]
    assert in_memory.arrow(["at"])["at"].type == from_file.arrow(["at"])["at"].type, "a time is never handed out as it came"


def test_identifiers_are_not_handed_out_as_arrow_either() -> None:
    with pytest.raises(Exception, match="who"):
        opened().arrow(["who"])


def test_the_positive_value_is_given_or_plain() -> None:
    frame = pd.DataFrame({"y": [0, 1, 1], "z": ["no", "yes", "no"]})
    assert open_dataset(frame, {"label": "y"}).positive_value("label") == 1
    assert open_dataset(frame, {"label": "z", "positive": "yes"}).positive_value("label") == "yes"
    with pytest.raises(RolesError, match="which value of label is the positive one"):
        open_dataset(frame, {"label": "z"}).positive_value("label")


def test_roles_beside_the_file_are_found_and_said(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    FRAME.to_csv(path, index=False)
    Path(f"{path}.roles.yaml").write_text("label: outcome\nidentifiers: [who]\n", encoding="utf-8")
    dataset = open_dataset(path)
    assert dataset.given == Roles(label="outcome", identifiers=("who",))
    assert "roles read from" in dataset.notices[0]


def test_inferred_roles_are_said() -> None:
    assert open_dataset(FRAME).notices == ("roles inferred from column names: score: score, label: outcome",)


ANSWERS = pa.table({"case": [1, 2, 3], "decided": ["yes", "no", None], "sex": ["f", "f", "f"], "appealed": [True, False, None]})


def test_a_log_of_words_opens_alike_from_csv_and_parquet(tmp_path: Path) -> None:
    """Yes and no, and a sex that is only ever f, are words; true and false are truth values."""
    pq.write_table(ANSWERS, tmp_path / "rows.parquet")
    ANSWERS.to_pandas().to_csv(tmp_path / "rows.csv", index=False)
    roles = {"prediction": "decided", "favorable": "yes", "groups": ["sex"]}
    one, other = (open_dataset(tmp_path / f"rows.{ending}", roles) for ending in ("csv", "parquet"))
    assert one.fingerprint == other.fingerprint
    assert one.frame["sex"].tolist() == ["f"] * 3
    np.testing.assert_array_equal(one.favorable_prediction, [1, 0, np.nan])


def test_labels_in_words_stay_words(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("case,label\n1,y\n2,n\n", encoding="utf-8")
    dataset = open_dataset(FRAME, {"label": "label", "positive": "y"}, labels=tmp_path / "labels.csv", on="case")
    np.testing.assert_array_equal(dataset.positive_label, [1, 0, np.nan, np.nan])


@pytest.mark.parametrize(
    "roles", [{}, {"score": "score"}, {"time": "when"}, {"weight": "score"}, {"prediction": "score >= 5"}, {"positive": 1}]
)
def test_a_file_with_a_header_only_has_no_rows_whatever_the_roles(roles: dict[str, object], tmp_path: Path) -> None:
    """Its columns have no types that a role could be judged by."""
    (tmp_path / "rows.csv").write_text("score,when\n", encoding="utf-8")
    with pytest.raises(SourceError, match=r"no rows in this source: .*rows\.csv"):
        open_dataset(tmp_path / "rows.csv", roles)


LABELS = pd.DataFrame({"case": [3, 1, 9], "label": [1, 0, 1]})


def test_labels_are_joined_in_row_order_and_may_be_missing() -> None:
    dataset = open_dataset(FRAME, {"label": "label", "identifiers": ["who"]}, labels=LABELS, on="case")
    assert dataset.frame["case"].tolist() == [1, 2, 3, 4]
    np.testing.assert_array_equal(dataset.positive_label, [0, np.nan, 1, np.nan])


def test_a_missing_key_has_no_label() -> None:
    frame, labels = FRAME.assign(case=[1, None, 3, None]), LABELS.assign(case=[None, 1, None])
    np.testing.assert_array_equal(
        open_dataset(frame, {"label": "label"}, labels=labels, on="case").positive_label, [0] + [np.nan] * 3
    )


@pytest.mark.parametrize("wanted", [0, 1, True, False, 1.0])
def test_indicator_of_zeros_and_ones_needs_no_occurrence(wanted: object) -> None:
    assert indicator(pd.Series([1 - int(wanted)] * 2), wanted, "positive").tolist() == [0.0, 0.0]


def test_indicator_keeps_missing_apart() -> None:
    np.testing.assert_array_equal(indicator(pd.Series(["a", None, "b"]), "a", "positive"), [1, np.nan, 0])


MANY = pd.DataFrame({"g": [f"g{number}" for number in range(10_000)]})

BAD: dict[str, tuple[Callable[[], Any], type[InputError], list[str]]] = {
    "no rows": (lambda: open_dataset(FRAME[:0]), SourceError, ["no rows", "pandas frame"]),
    "all labels missing": (
        lambda: open_dataset(FRAME.assign(outcome=None), ROLES),
        RolesError,
        ["label is missing", ": outcome."],
    ),
    "negative weight": (
        lambda: open_dataset(FRAME.assign(w=[1, -2.5, 0, 1]), {"weight": "w"}),
        RolesError,
        ["a weight is negative or infinite: w has -2.5", "mend it"],
    ),
    "infinite weight": (
        lambda: open_dataset(FRAME.assign(w=[1, np.inf, 0, 1]), {"weight": "w"}),
        RolesError,
        ["a weight is negative or infinite: w has inf", "mend it"],
    ),
    "infinite weight below zero": (
        lambda: open_dataset(FRAME.assign(w=[1, -np.inf, 0, 1]), {"weight": "w"}),
        RolesError,
        ["a weight is negative or infinite: w has -inf"],
    ),
    "all weights zero": (
        lambda: open_dataset(FRAME.assign(w=[0, 0, np.nan, 0]), {"weight": "w"}),
        RolesError,
        ["no weight is above 0: w is 0 or missing in every row", "mend it"],
    ),
    "all weights missing": (
        lambda: open_dataset(FRAME.assign(w=[np.nan] * 4), {"weight": "w"}),
        RolesError,
        ["no weight is above 0"],
    ),
    "a bare yes in YAML": (lambda: opened(favorable=True), RolesError, ["favorable value: True", "quote it"]),
    "no rows of labels": (lambda: open_dataset(FRAME, labels=LABELS[:0], on="case"), SourceError, ["no rows", "pandas frame"]),
    "score of text": (lambda: opened(score="race"), RolesError, ["role score needs numbers", "race is text, such as 'a'"]),
    "numbers and a word": (
        lambda: open_dataset(FRAME.assign(w=["1", "2.5", "n/a", None]), {"weight": "w"}),
        RolesError,
        ["role weight needs numbers", "w is text, such as 'n/a'"],
    ),
    "time of numbers": (lambda: opened(time="case"), RolesError, ["role time needs dates or times", "case is int64, such as 1"]),
    "times and a word": (
        lambda: open_dataset(FRAME.assign(w=["2026-01-01", "soon", None, None]), {"time": "w"}),
        RolesError,
        ["role time", "w is text, such as 'soon'"],
    ),
    "10,000 categories": (
        lambda: open_dataset(MANY, {"groups": ["g"]}),
        RolesError,
        ["too many values", "g has 10000", "bin it"],
    ),
    "favorable never occurs": (
        lambda: opened(favorable="Granted"),
        RolesError,
        ["favorable value: 'Granted'", "'denied', 'granted'"],
    ),
    "positive never occurs": (lambda: opened(positive=2), RolesError, ["no row has the positive value: 2", "0, 1"]),
    "positive text of numbers": (lambda: opened(positive="1"), RolesError, ["no row has the positive value: '1'"]),
    "no favorable": (lambda: opened().favorable_prediction, RolesError, ["good for the person", "never guessed"]),
    "no positive": (lambda: opened().positive_prediction, RolesError, ["which value of prediction", "denied, granted"]),
    "no such role set": (lambda: opened().role("time"), RolesError, ["needs a role that is not set: time"]),
    "no roles": (lambda: open_dataset(FRAME, 7), RolesError, ["not roles: int"]),  # type: ignore[arg-type]
    "no roles file": (lambda: open_dataset(FRAME, "no.yaml"), RolesError, ["no roles file here: no.yaml"]),
    "labels without on": (lambda: open_dataset(FRAME, labels=LABELS), RolesError, ["need a column to join on", "--on row_id"]),
    "on without labels": (lambda: open_dataset(FRAME, on="case"), RolesError, ["but no labels: case"]),
    "on names no column": (lambda: open_dataset(FRAME, labels=LABELS, on="id"), RolesError, ["no such column to join on: id"]),
    "labels twice": (
        lambda: open_dataset(FRAME, ROLES, labels=pd.DataFrame({"case": [2, 2], "l": [0, 1]}), on="case"),
        SourceError,
        ["name a row twice: case 2"],
    ),
    "labels twice by name": (
        lambda: open_dataset(FRAME, ROLES, labels=pd.DataFrame({"who": ["Ada Secret"] * 2, "l": [0, 1]}), on="who"),
        SourceError,
        ["name a row twice: who."],
    ),
    "labels clash": (
        lambda: open_dataset(FRAME, labels=LABELS.rename(columns={"label": "Score"}), on="case"),
        RolesError,
        ["both files have this column: Score"],
    ),
    "labels of another type": (
        lambda: open_dataset(FRAME, labels=LABELS.astype({"case": "str"}), on="case"),
        RolesError,
        ["two types", "case is int64 and string"],
    ),
}


@pytest.mark.parametrize(("act", "kind", "parts"), BAD.values(), ids=BAD)
def test_bad_input_is_one_clear_line(act: Callable[[], Any], kind: type[InputError], parts: list[str]) -> None:
    with pytest.raises(kind) as caught:
        act()
    message = str(caught.value)
    assert [part for part in parts if part not in message] == []
    assert "\n" not in message
    assert "Secret" not in message
    assert caught.value.do


def test_compas_opens_with_both_of_its_repeated_columns(compas: Path) -> None:
    identifiers = ["name", "first", "last", "dob", "c_case_number", "r_case_number", "vr_case_number"]
    roles = {"label": "two_year_recid", "prediction": "decile_score >= 5", "groups": ["race", "sex"], "identifiers": identifiers}
    dataset = open_dataset(compas, roles)
    assert len(dataset.source.table.columns) == 53
    assert {"decile_score_2", "priors_count_2"} <= set(dataset.columns)
    assert len(dataset.notices) == 2
    assert not set(identifiers) & {*dataset.columns, *dataset.frame.columns}
    frame = pd.read_csv(compas)
    assert dataset.rows == len(frame)
    assert dataset.positive_label.mean() == frame["two_year_recid"].mean()
    assert dataset.positive_prediction.mean() == (frame["decile_score"] >= 5).mean()
    assert dataset.frame["priors_count_2"].tolist() == frame["priors_count.1"].tolist()
