from plan import FAULTS, HELD_OUT_TABLES, Incident, harmless, incidents, large, quiet

EVERY = [*incidents(), *harmless(2), *quiet(), *large()]


def test_there_are_as_many_incidents_as_were_asked_for() -> None:
    assert len(incidents()) >= 120
    assert len(large()) <= 8
    assert len(quiet()) == 400
    assert max(incident.rows for incident in quiet()) <= 50_000
    assert min(incident.rows for incident in EVERY) == 3_000


def test_no_two_logs_are_the_same() -> None:
    assert len({incident.seed for incident in EVERY}) == len({incident.name for incident in EVERY})
    assert len({(incident.name, incident.rows) for incident in EVERY}) == len(EVERY)


def test_what_is_held_out_never_changes() -> None:
    held = {(incident.kind, incident.table) for incident in incidents() if incident.held_out}
    assert {("slice regression", "compas"), ("unit error", "adult"), ("evasion burst", "cancer")} <= held
    assert ("label delay", "adult") not in held


def test_a_third_of_the_cells_is_held_out_and_every_kind_is_in_both_parts() -> None:
    cells = {(incident.kind, incident.table): incident.held_out for incident in incidents()}
    assert sum(cells.values()) >= len(cells) / 3
    for kind in FAULTS:
        assert {held for (name, _), held in cells.items() if name == kind} == {True, False}


def test_a_cell_is_held_out_whole() -> None:
    parts = [Incident("unit error", "adult", strength, rows).held_out for strength in ("barely", "gross") for rows in (3_000, 9)]
    assert set(parts) == {True}
    assert all(incident.held_out for incident in incidents() if incident.table in HELD_OUT_TABLES)
