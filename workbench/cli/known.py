"""The command that asks when an incident could have been known."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from workbench.cli.analyse import Current, Data, JsonOut, Labels, On, Reference, ReferenceData, RolesFile, Seed
from workbench.cli.output import progress, say, say_table, step_teller, write_result


def add_commands(app: typer.Typer) -> None:
    """Add this command to `app`."""
    app.command()(known)


def known(
    data: Data,
    *,
    json: JsonOut,
    roles: RolesFile = "",
    reference: Reference = "",
    current: Current = "",
    reference_data: ReferenceData = "",
    labels: Labels = "",
    on: On = "",
    label_delay: Annotated[
        str, typer.Option("--label-delay", help="How long after its decision a label comes: 30D, 12h.")
    ] = "0h",
    looks: Annotated[int, typer.Option("--looks", help="At most so many moments are looked at.")] = 48,
    seed: Seed = 0,
) -> None:
    """Say when each finding could have been known: triage at one moment of the log after another."""
    from workbench.triage.known import require_looks, when_known
    from workbench.triage.run import triage
    from workbench.triage.source import open_log
    from workbench.views.known import known_sentence, known_text

    delay = _duration(label_delay)
    dataset, windows = open_log(
        data, roles, reference=reference, current=current, reference_data=reference_data, labels=labels, on=on
    )
    require_looks(dataset, looks, delay)
    before, after = windows["reference"], windows["current"]
    found = triage(dataset, reference=before, current=after, seed=seed, tell=step_teller())
    with progress("looks") as tell:
        result = when_known(dataset, found, reference=before, current=after, label_delay=delay, looks=looks, seed=seed, tell=tell)
    rows = ((row["rank"], f"{row['statement']}\n{known_text(row)}\n") for row in result.tables["known"].to_dict("records"))
    say_table(result.title, ("#", "what, and when it could have been known"), rows)
    say("", known_sentence(result))
    write_result(result, json)


def _duration(text: str) -> timedelta:
    """`text` as a length of time; an error that says how to write one where it is none."""
    import pandas as pd

    from workbench.errors import ParameterError

    try:
        return pd.Timedelta(text).to_pytimedelta()
    except ValueError as exc:
        raise ParameterError("not a length of time", text, "Write a number and D, h or min, such as 30D.") from exc
