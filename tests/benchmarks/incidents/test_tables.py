"""Anybody's table, declared beside its file, makes incidents; what was held out stays so whatever is drawn."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from case import make_case
from plan import FAULTS, STRENGTHS, Incident, drawn, incidents, quiet
from tables import TABLES, declared, load, tables_of

from workbench.errors import InputError, UnknownNameError

DECLARED = 'label: paid = "no"\ngroups: [sex]\nfavorable: 0\nthreshold: 0.4\n'


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    """A folder with a table called loans; a column is called self, as one of a real table is."""
    rng = np.random.default_rng(0)
    amount = rng.gamma(2, 500, 900).round(2)
    amount[:30] = np.nan
    frame = pd.DataFrame({"amount": amount, "self": rng.choice(["yes", "no"], 900), "sex": rng.choice(["f", "m"], 900)})
    frame["paid"] = np.where(rng.random(900) < np.where(np.nan_to_num(amount) > 1000, 0.7, 0.2), "no", "yes")
    frame.to_csv(tmp_path / "loans.csv", index=False)
    (tmp_path / "loans.yaml").write_text(DECLARED, encoding="utf-8")
    return tmp_path


def test_a_table_is_what_its_declaration_says(loans: Path) -> None:
    table = load(tables_of(loans)[0])
    frame = pd.read_csv(loans / "loans.csv")
    assert table.name == "loans"
    assert list(table.frame) == ["amount", "self", "sex"]
    assert (table.label == (frame["paid"] == "no")).all()
    assert (table.groups, table.favorable, table.threshold) == (("sex",), 0, 0.4)


def test_the_threshold_is_the_base_rate_unless_it_is_said(loans: Path) -> None:
    (loans / "loans.yaml").write_text('label: paid = "no"\n', encoding="utf-8")
    table = declared(loans / "loans.yaml")
    assert table.threshold == pytest.approx(table.label.mean())
    assert table.favorable is None


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("groups: [sex]\n", InputError),
        ('label: paid = "no"\nlabels: paid\n', UnknownNameError),
        ('label: paid = "no"\nfeatures: [amount]\n', InputError),
        ('label: paid = "no"\nfeatures: [sex, self]\n', InputError),
    ],
)
def test_what_a_declaration_lacks_or_has_too_much_is_an_error(loans: Path, text: str, error: type[Exception]) -> None:
    (loans / "loans.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(error):
        declared(loans / "loans.yaml")


def test_a_folder_without_tables_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        tables_of(tmp_path)
    with pytest.raises(InputError):
        declared(tmp_path / "none.yaml")


def test_an_incident_is_made_of_a_declared_table(loans: Path, tmp_path: Path) -> None:
    incident = drawn(["null burst"], tables_of(loans), draw=3)[0]
    case = make_case(incident, tmp_path)
    assert case.truth is not None
    assert case.truth.rows.any()
    assert len(case.log.frame) == incident.rows
    assert incident.name == "null burst/loans/draw 3/0"


def test_tables_of_ones_own_are_never_held_out(loans: Path) -> None:
    own = tables_of(loans)
    assert not any(incident.held_out for incident in [*drawn(FAULTS, own, draw=1), *quiet(30, own)])


def test_a_cell_that_is_held_out_is_so_in_every_draw() -> None:
    held = {(incident.kind, incident.table) for incident in incidents() if incident.held_out}
    for draw in (1, 2):
        assert {(item.kind, item.table) for item in drawn(FAULTS, list(TABLES), draw) if item.held_out} == held


def test_a_draw_has_strengths_and_sizes_of_its_own() -> None:
    first, second = (drawn(FAULTS, list(TABLES), draw) for draw in (1, 2))
    forces = [incident.force for incident in first]
    assert 0 <= min(forces) < 0.1
    assert 0.9 < max(forces) <= 1
    assert {incident.rows for incident in first} != {incident.rows for incident in second}
    assert {incident.seed for incident in first}.isdisjoint(incident.seed for incident in [*second, *incidents()])
    assert all(abs(STRENGTHS[incident.strength] - incident.force) <= 0.25 for incident in first)
    assert Incident("unit error", "adult", "gross", 3_000).force == STRENGTHS["gross"]
