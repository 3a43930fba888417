"""Text tricks and identity templates on a small text model trained here."""

import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from workbench.attacks.generators.texts import HIDDEN, LOOKALIKES, TRICKS, disguise, identity_terms, text_trick
from workbench.attacks.scenarios.catalogue import open_catalogue
from workbench.attacks.scenarios.rehearsal import rehearse
from workbench.attacks.scenarios.trial import Setting
from workbench.errors import InputError, UnknownNameError
from workbench.models import Target, python_target

GOOD = ("paid back in time", "friendly and helpful", "thank you for the quick answer", "renewed without trouble")
BAD = ("missed the payment again", "angry complaint about noise", "no answer for weeks", "refused at the station")


@pytest.fixture(scope="module")
def model() -> Target:
    """Words of complaints against words of praise."""
    texts = [f"{text} {word}" for text in (*GOOD, *BAD) for word in ("today", "yesterday", "this week")]
    labels = [int(text in BAD) for text in (*GOOD, *BAD) for _ in range(3)]
    fitted = make_pipeline(CountVectorizer(), LogisticRegression(C=10)).fit(texts, labels)
    return python_target(
        lambda frame: {"decision": fitted.predict(frame["text"]), "score": fitted.predict_proba(frame["text"])[:, 1]},
        name="complaints", digest="sha256:complaints",
    )  # fmt: skip


@pytest.fixture
def setting(model: Target) -> Setting:
    texts = [f"{text} {word}" for text in (*GOOD, *BAD) for word in ("on Monday", "in March", "at noon", "once more")]
    return Setting(model, pd.DataFrame({"text": texts * 4}))


def test_words_nobody_can_read_any_more_pass_the_model(setting: Setting) -> None:
    trial = text_trick(setting, trick="look-alike letters", levels=[0.0, 0.2, 0.8])
    assert (trial.value or 0) > 0.3
    assert trial.tables["curve"]["failures"].iloc[0] == 0


def test_a_model_that_cleans_its_text_is_not_fooled(setting: Setting, model: Target) -> None:
    def cleaned(frame: pd.DataFrame) -> np.ndarray:
        shown = frame["text"].str.replace(f"[{''.join(HIDDEN)}]", "", regex=True)
        return model.predict(pd.DataFrame({"text": shown})).decision

    careful = Setting(python_target(cleaned, digest="sha256:cleaned"), setting.frame)
    words = {"trick": "hidden characters", "levels": [0.0, 0.2, 0.8]}
    assert text_trick(careful, **words).value == 0.0  # type: ignore[arg-type]
    assert (text_trick(setting, **words).value or 0) > 0.3  # type: ignore[arg-type]


@given(st.text(), st.sampled_from(TRICKS))
def test_no_strength_changes_no_text(text: str, trick: str) -> None:
    assert disguise(text, trick, 0.0, np.random.default_rng(0)) == text


@given(st.text())
def test_hidden_characters_can_be_taken_out_again(text: str) -> None:
    hidden = disguise(text, "hidden characters", 1.0, np.random.default_rng(0))
    assert "".join(letter for letter in hidden if letter not in HIDDEN) == "".join(x for x in text if x not in HIDDEN)


def test_look_alike_letters_are_cyrillic() -> None:
    assert {unicodedata.name(letter).split()[0] for letter in "aceAE".translate(LOOKALIKES)} == {"CYRILLIC"}


TEMPLATES = [f"{{person}} {text}" for text in (*GOOD, *BAD)]
TERMS = {"women": ["she", "the mother"], "men": ["he", "the father"]}


def test_a_model_that_looks_at_who_is_named_is_found(model: Target) -> None:
    def biased(frame: pd.DataFrame) -> np.ndarray:
        return frame["text"].str.contains("she|mother").to_numpy().astype(int)

    settings = [Setting(target, pd.DataFrame({"text": ["x"]})) for target in (python_target(biased, digest="sha256:b"), model)]
    found = [identity_terms(setting, templates=TEMPLATES, terms=TERMS).value for setting in settings]
    assert found == [1.0, 0.0]


@pytest.mark.parametrize("terms", [{"women": ["she"]}, {"women": ["she"], "men": ["he", "him"]}])
def test_templates_that_compare_nothing_are_refused(setting: Setting, terms: dict[str, list[str]]) -> None:
    with pytest.raises(InputError, match="compare nothing"):
        identity_terms(setting, templates=TEMPLATES, terms=terms)


def test_what_is_no_text_or_no_trick_is_refused(setting: Setting, make_setting: Callable[..., Setting]) -> None:
    with pytest.raises(InputError, match="no column of text"):
        text_trick(make_setting(), trick="letter case")
    with pytest.raises(UnknownNameError, match="typing errors"):
        text_trick(setting, trick="upside down")


@pytest.mark.usefixtures("numpys_global_generator_stays_unused")
@pytest.mark.parametrize("scenario", [item for item in open_catalogue() if item.modality == "text"], ids=lambda item: item.name)
def test_every_shipped_text_scenario_runs_and_its_twin_holds(scenario: object, setting: Setting) -> None:
    numbers = rehearse(scenario, setting).numbers  # type: ignore[arg-type]
    assert numbers["outcome"] in {"held", "failed", "could not tell"}
    assert numbers["twin"] in {"held", "could not tell"}
    assert numbers["noisy"] is False
