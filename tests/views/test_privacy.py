"""What is drawn and said of how far people can be told apart."""

from dataclasses import replace

import pandas as pd

from workbench.analysis.privacy import measure_privacy
from workbench.data.dataset import open_dataset
from workbench.result import Result
from workbench.views.privacy import exposure_sentence, exposure_table, privacy_figure, privacy_sentence
from workbench.views.render import BLANK

FRAME = pd.DataFrame({"race": ["a"] * 30 + ["b"] * 5 + ["c"], "said": 1})


def test_the_sentence_counts_people_and_names_the_columns() -> None:
    said = privacy_sentence(measure_privacy(open_dataset(FRAME, {"groups": ["race"], "prediction": "said"})))
    assert said.startswith("By race, 6 of 36 rows are among fewer than 10, and 1 are alone: this log is 1-anonymous.")


def test_the_figure_has_both_shares_at_every_step() -> None:
    result = measure_privacy(open_dataset(FRAME, {"groups": ["race"], "prediction": "said"}))
    figure = privacy_figure(result)
    assert [list(trace.y) for trace in figure.data] == [[1 / 36], [6 / 36]]
    assert {trace.name for trace in figure.data} == {"alone in their class", "in a class of fewer than 10"}


def exposed(small: int = 12) -> Result:
    parts = pd.DataFrame({
        "attribute": ["race", "", "race"], "where": ['race = "a"', "all rows", 'race = "b"'], "n": [60, 60 + small, small],
        "members": [30, 36, small // 2], "others": [30, 30 + small // 2, small // 2], "auc": [0.9, 0.8, None],
        "low": [0.8, 0.7, None], "high": [1.0, 0.9, None], "z": [4.0, 3.0, None], "p_adjusted": [0.001, 0.5, None],
        "suppressed": [False, False, True],
    })  # fmt: skip
    return Result("exposure", "Whom", tables={"slices": parts}, numbers={"rows": 60 + small, "exposed": 1})


def test_who_can_be_told_is_named_and_the_sentence_says_of_how_many() -> None:
    told = replace(exposed(), tables={"slices": exposed().tables["slices"].iloc[:2]})
    assert exposure_sentence(told).startswith("Of 72 rows, half of which a model was trained on, its answers tell")
    assert exposure_sentence(told).endswith('among: race = "a".')
    assert exposure_table(told).frame.iloc[0].tolist() == ['race = "a"', "30", "30", "0.9 (0.8 to 1)", "0.001"]


def test_where_nobody_can_be_told_it_says_so() -> None:
    parts = exposed().tables["slices"].iloc[1:2]
    assert exposure_sentence(replace(exposed(), tables={"slices": parts})).endswith("no part could be told by its answers.")


def test_a_group_of_few_takes_the_one_that_would_give_it_back_with_it() -> None:
    table = exposure_table(exposed()).frame.set_index("rows where")
    assert (table.loc[['race = "a"', 'race = "b"']] == BLANK).all(axis=None)
