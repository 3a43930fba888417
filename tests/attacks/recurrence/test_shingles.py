"""MinHash estimates the share of shingles that two texts have in common."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from workbench.attacks.recurrence.shingles import LENGTH, ORDERS, bands, plain_text, sketch


def shingles(text: str) -> set[bytes]:
    letters = text.encode().ljust(LENGTH)
    return {letters[at : at + LENGTH] for at in range(len(letters) - LENGTH + 1)}


def jaccard(one: str, other: str) -> float:
    return len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))


def test_the_estimate_is_near_the_true_share() -> None:
    rng = np.random.default_rng(0)
    errors = []
    for _ in range(200):
        one = "".join(rng.choice(list("abcdefgh "), 120))
        cut = int(rng.integers(0, 120))
        other = one[:cut] + "".join(rng.choice(list("abcdefgh "), 120 - cut))
        first, second = sketch([one, other])
        errors.append((first == second).mean() - jaccard(one, other))
    assert abs(np.mean(errors)) < 3 * 0.5 / np.sqrt(ORDERS * 200)
    assert np.std(errors) < 1.2 * 0.5 / np.sqrt(ORDERS)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=8))
def test_a_sketch_does_not_depend_on_the_company_of_a_text(texts: list[str]) -> None:
    together = sketch(texts)
    for place, text in enumerate(texts):
        np.testing.assert_array_equal(sketch([text])[0], together[place])


@given(st.text(min_size=1, max_size=40))
def test_equal_texts_share_every_band(text: str) -> None:
    one, other = bands(sketch([text, text]))
    np.testing.assert_array_equal(one, other)


@given(st.text(max_size=40))
def test_plain_text_is_plain_already(text: str) -> None:
    assert plain_text(plain_text(text)) == plain_text(text)


def test_case_spacing_and_hidden_letters_do_not_count() -> None:
    assert plain_text("  Ap\u200bprove\n THIS ") == "approve this"
