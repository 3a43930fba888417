"""When would we have known: the earliest look that finds it, and whom it touched since."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from workbench.data.dataset import Dataset, open_dataset
from workbench.errors import InputError
from workbench.predicate import Predicate
from workbench.triage.known import when_known
from workbench.triage.run import triage

ROWS = 4_000
ONSET = pd.Timestamp("2026-03-21")
BEFORE = Predicate.parse("day < 2026-03-11")


@pytest.fixture(scope="module")
def broken() -> Dataset:
    """Forty days of decisions; `income` goes missing in most rows from the twentieth day on."""
    rng = np.random.default_rng(3)
    day = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.sort(rng.uniform(0, 40, ROWS)), "D")
    score = rng.uniform(size=ROWS)
    frame = pd.DataFrame({
        "person": [f"p{number}" for number in range(ROWS)], "day": day, "score": score, "said": (score > 0.5).astype(int),
        "true": (rng.uniform(size=ROWS) < score).astype(int), "income": rng.normal(30, 5, ROWS).round(1),
        "kind": rng.choice(["a", "b", "c"], ROWS),
    })  # fmt: skip
    frame.loc[(frame["day"] >= ONSET) & (rng.uniform(size=ROWS) < 0.7), "income"] = np.nan
    roles = {
        "row_id": "person", "time": "day", "score": "score", "prediction": "said", "label": "true", "positive": 1,
        "features": ["income", "kind"],
    }  # fmt: skip
    return open_dataset(frame, roles)


def test_a_defect_is_known_soon_after_it_began_and_never_before(broken: Dataset) -> None:
    found = triage(broken, reference=BEFORE)
    assert found.findings[0].columns == ("income",)
    first = when_known(broken, found, reference=BEFORE, looks=16).tables["known"].iloc[0]
    known = pd.Timestamp(first["known"])
    assert ONSET < known < ONSET + pd.Timedelta(days=3)
    assert pd.Timestamp(first["unknown"]) < known
    late = broken.frame[broken.frame["day"].dt.tz_localize(None) >= known.tz_localize(None)]
    assert first["rows"] == int(Predicate.parse(first["where"]).mask(broken.frame)[late.index].sum())
    assert first["people"] == first["rows"]


def test_the_second_half_of_the_looks_narrows_the_first_finding(broken: Dataset) -> None:
    found = triage(broken, reference=BEFORE)
    few, many = (when_known(broken, found, reference=BEFORE, looks=looks).tables["known"].iloc[0] for looks in (4, 16))
    width = [pd.Timestamp(row["known"]) - pd.Timestamp(row["unknown"]) for row in (few, many)]
    assert width[1] < width[0]


def test_no_more_looks_are_taken_than_were_allowed_and_each_sees_what_was_there(broken: Dataset) -> None:
    told: list[tuple[int, int]] = []
    found = triage(broken, reference=BEFORE)
    result = when_known(broken, found, reference=BEFORE, looks=6, tell=lambda done, of: told.append((done, of)))
    assert told == [(done, 6) for done in range(1, len(told) + 1)]
    assert int(str(result.numbers["looks"])) == len(told) <= 6
    day = broken.frame["day"].dt.tz_localize(None)
    for look in result.tables["looks"].itertuples():
        assert look.rows == int((day < pd.Timestamp(look.until).tz_localize(None)).sum())


def test_labels_that_come_late_make_what_reads_them_known_late() -> None:
    rng = np.random.default_rng(5)
    day = pd.Timestamp("2026-03-01") + pd.to_timedelta(np.sort(rng.uniform(0, 40, ROWS)), "D")
    said = rng.integers(0, 2, ROWS)
    true = np.where(rng.uniform(size=ROWS) < np.where(day < ONSET, 0.1, 0.5), 1 - said, said)
    frame = pd.DataFrame({"day": day, "said": said, "true": true, "kind": rng.choice(["a", "b"], ROWS)})
    roles = {"time": "day", "prediction": "said", "label": "true", "positive": 1, "features": ["kind"]}
    log = open_dataset(frame, roles)
    found = triage(log, reference=BEFORE)
    at = next(at for at, finding in enumerate(found.findings) if "true" in finding.columns and not finding.standing)
    soon, late = (
        pd.Timestamp(
            when_known(log, found, reference=BEFORE, looks=8, label_delay=dt.timedelta(days=days)).tables["known"]["known"][at]
        )
        for days in (0, 4)
    )
    assert late - soon == pd.Timedelta(days=4)


def test_nothing_found_needs_no_look(broken: Dataset) -> None:
    quiet = broken.select(BEFORE)
    found = triage(quiet, reference=Predicate.parse("day < 2026-03-06"))
    assert not found.findings
    result = when_known(quiet, found, reference=Predicate.parse("day < 2026-03-06"))
    assert result.tables["known"].empty
    assert result.numbers["looks"] == 0


def test_bad_looks_and_delays_are_refused(broken: Dataset) -> None:
    found = triage(broken, reference=BEFORE)
    with pytest.raises(InputError, match="from 1"):
        when_known(broken, found, reference=BEFORE, looks=0)
    with pytest.raises(InputError, match="delay"):
        when_known(broken, found, reference=BEFORE, label_delay=dt.timedelta(days=-1))
