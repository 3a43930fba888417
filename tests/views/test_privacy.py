"""What is drawn and said of how far people can be told apart."""

import pandas as pd

from workbench.analysis.privacy import measure_privacy
from workbench.data.dataset import open_dataset
from workbench.views.privacy import privacy_figure, privacy_sentence

FRAME = pd.DataFrame({"race": ["a"] * 30 + ["b"] * 5 + ["c"], "said": 1})


def test_the_sentence_counts_people_and_names_the_columns() -> None:
    said = privacy_sentence(measure_privacy(open_dataset(FRAME, {"groups": ["race"], "prediction": "said"})))
    assert said.startswith("By race, 6 of 36 rows are among fewer than 10, and 1 are alone: this log is 1-anonymous.")


def test_the_figure_has_both_shares_at_every_step() -> None:
    result = measure_privacy(open_dataset(FRAME, {"groups": ["race"], "prediction": "said"}))
    figure = privacy_figure(result)
    assert [list(trace.y) for trace in figure.data] == [[1 / 36], [6 / 36]]
    assert {trace.name for trace in figure.data} == {"alone in their class", "in a class of fewer than 10"}
