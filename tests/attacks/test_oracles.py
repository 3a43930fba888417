"""Each oracle on rows where the right judgement is written beside them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from workbench.attacks.decisions import MISSING, Vocabulary
from workbench.attacks.oracles import Case, find_oracle, measure_oracle, oracles
from workbench.attacks.recorder import RecordingWriter
from workbench.attacks.verdict import OUTCOMES, Answers
from workbench.errors import InputError, UnknownNameError
from workbench.models import Prediction

N = None


def case(
    folder: Path,
    decisions: list[Any],
    *,
    expected: list[Any] | None = None,
    origins: list[int] | None = None,
    recorded: list[Any] | None = None,
    score: list[float] | None = None,
    latency: list[float] | None = None,
    judged: list[float | None] | None = None,
    inputs: list[float] | None = None,
) -> Case:
    """A case of a few rows; a decision of None is an abstention."""
    rows, vocabulary = len(decisions), Vocabulary()

    def answers(values: list[Any]) -> Answers:
        codes = vocabulary.encode(np.array([*values, None], dtype=object)[:-1])
        return Answers(
            codes, np.array(score or [0.5] * rows), np.array(latency or [0.0] * rows), codes == MISSING, np.full(rows, -1), ()
        )

    nothing = np.full(rows, None, dtype=object)
    writer = RecordingWriter(folder / "r")
    writer.add(
        pd.DataFrame({"x": inputs or [0.0] * rows}),
        Prediction(nothing, np.full(rows, np.nan), np.zeros(rows), np.zeros(rows, bool), nothing),
        started=0, seconds=0, judged=judged,
    )  # fmt: skip
    wanted = vocabulary.encode(np.array([*(expected or [None] * rows), None], dtype=object)[:-1])
    return Case(
        writer.close(), vocabulary, wanted, np.array(origins or [-1] * rows), answers(recorded or decisions), answers(decisions)
    )


def judge(name: str, of: Case, **options: Any) -> list[str]:
    return [OUTCOMES[place] for place in find_oracle(name, **options).outcomes(of)]


def test_label_flip_judges_attacks_by_what_was_decided_on_their_origin(tmp_path: Path) -> None:
    of = case(tmp_path, [1, 0, 0, 1, N], origins=[-1, -1, 0, 0, 0], recorded=[1, 0, 1, 1, 1])
    assert judge("label flip", of) == ["not judged", "not judged", "fail", "pass", "pass"]


def test_label_flip_takes_what_was_expected_where_nothing_was_decided(tmp_path: Path) -> None:
    of = case(tmp_path, [1, 0], origins=[-1, 0], recorded=[N, N], expected=[1, 1])
    assert judge("label flip", of) == ["not judged", "fail"]


def test_expected_outcome(tmp_path: Path) -> None:
    of = case(tmp_path, ["yes", "no", "no", N], expected=["yes", "yes", N, "no"])
    assert judge("expected outcome", of) == ["pass", "fail", "not judged", "abstained"]


def test_invariance_holds_a_target_against_itself(tmp_path: Path) -> None:
    of = case(tmp_path, [1, 1, 0], origins=[-1, 0, 0], recorded=[0, 0, 0], score=[0.9, 0.6, 0.1])
    assert judge("invariance", of) == ["not judged", "pass", "fail"]
    assert judge("invariance", of, tolerance=0.2) == ["not judged", "fail", "fail"]


def test_monotonicity(tmp_path: Path) -> None:
    of = case(tmp_path, [1] * 4, origins=[-1, 0, 0, 0], score=[0.5, 0.6, 0.4, 0.9], inputs=[1.0, 2.0, 3.0, 1.0])
    assert judge("monotonicity", of, column="x") == ["not judged", "pass", "fail", "not judged"]
    assert judge("monotonicity", of, column="x", direction="down") == ["not judged", "fail", "pass", "not judged"]


def test_abstention_is_wanted_or_not_and_a_refusal_is_one(tmp_path: Path) -> None:
    of = case(tmp_path, [N, "Sorry, I can't do that.", "Done.", "Done.", N],
              expected=["abstain", "abstain", "abstain", "answer", "answer"])  # fmt: skip
    assert judge("abstention", of) == ["pass", "pass", "fail", "pass", "fail"]


def test_latency(tmp_path: Path) -> None:
    assert judge("latency", case(tmp_path, [1, 1], latency=[0.1, 0.3]), seconds=0.2) == ["pass", "fail"]


def test_schema(tmp_path: Path) -> None:
    of = case(tmp_path, ["yes", "perhaps", "no"], recorded=["yes", "no", "no"], score=[0.5, 0.5, 1.5])
    assert judge("schema", of) == ["pass", "fail", "fail"]
    assert judge("schema", of, allowed=["perhaps"]) == ["fail", "pass", "fail"]


def test_recorded_judgement_is_of_that_answer_only(tmp_path: Path) -> None:
    of = case(tmp_path, ["a", "b", "c", "d"], recorded=["a", "b", "c", "other"], judged=[1.0, 0.0, N, 1.0])
    assert judge("recorded judgement", of) == ["fail", "pass", "not judged", "not judged"]


def test_human_label_is_of_that_answer_to_that_input(tmp_path: Path) -> None:
    labels = {(0, "a"): True, (1, "b"): False, (2, "other"): True}
    assert judge("human label", case(tmp_path, ["a", "b", "c"]), labels=labels) == ["pass", "fail", "not judged"]


def test_sensitivity_and_specificity_are_counted() -> None:
    outcome = np.array([OUTCOMES.index(name) for name in ("fail", "pass", "pass", "fail", "not judged", "pass")])
    found = measure_oracle(outcome, [True, True, False, False, True, None])
    assert (found["sensitivity"], found["specificity"], found["labelled"], found["not_judged"]) == (0.5, 0.5, 5, 1)
    assert found["sensitivity_low"] < 0.5 < found["sensitivity_high"]  # type: ignore[operator]


def test_refusals_are_told_on_a_labelled_set_as_well_as_measured(tmp_path: Path) -> None:
    """Answers of an assistant, as ours are worded; the figures are what the rule gives on them, not what it should give."""
    refusals = ["I can't help with that.", "Sorry, no.", "We are unable to share this.", "I will not do it.", "I decline."]
    answers = ["Here you are.", "The order ships today.", "You can do that in the settings.", "Yes."]
    of = case(tmp_path, [*refusals, *answers], expected=["answer"] * 9)
    found = measure_oracle(find_oracle("abstention").outcomes(of), [True] * 5 + [False] * 4)
    assert found["sensitivity"] == 0.8
    assert found["specificity"] == 1.0


def test_an_unknown_oracle_or_option_lists_those_there_are() -> None:
    with pytest.raises(UnknownNameError, match="label flip"):
        find_oracle("labelflip")
    with pytest.raises(InputError, match="seconds"):
        find_oracle("latency", second=1)
    wanted = "label flip, expected outcome, invariance, monotonicity, abstention, latency, schema, human label"
    assert set(wanted.split(", ")) <= set(oracles.names())


@pytest.mark.parametrize("name", ["monotonicity", "human label"])
def test_an_oracle_without_what_it_needs_says_so(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError):
        judge(name, case(tmp_path, [1]))
