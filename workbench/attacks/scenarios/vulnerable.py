"""Where an attack or a fault hits: the segments in which a scenario fails more often, as the slice search finds them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np

from workbench.analysis.slices.find import find_slices
from workbench.analysis.slices.result import SliceResult
from workbench.attacks.approval import Approval, require_approval
from workbench.attacks.scenarios.catalogue import find_generator
from workbench.attacks.scenarios.rehearsal import check_parameters, placed
from workbench.attacks.scenarios.scenario import Scenario
from workbench.attacks.scenarios.trial import Setting
from workbench.data.dataset import open_dataset
from workbench.errors import InputError

LEVEL: Final = 0.05


def vulnerable_segments(
    scenario: Scenario, setting: Setting, *, level: int = 2, min_support: float = 0.05, approval: Approval | None = None
) -> SliceResult:
    """Run `scenario`, and search the slices of its rows for those that fail more often.

    Parameters
    ----------
    level
        Conditions in a slice at most.
    min_support
        Share of the tried rows that a slice must hold.

    Returns
    -------
    SliceResult
        What the slice explorer takes; its p-values are adjusted over every slice counted, its rows are predicates; the number
        ``vulnerable`` counts distinct slices that fail more often than the rest at `LEVEL`.

    Raises
    ------
    InputError
        For a scenario whose measure is no share of rows.
    """
    require_approval([setting.target], approval or setting.approval)
    here = placed(scenario, setting, approval)
    generate = find_generator(scenario.generator)
    check_parameters(scenario, generate)
    trial = generate(here, **scenario.parameters)
    if trial.failed is None or trial.places is None:
        raise InputError("a scenario that fails on no single row", scenario.name, "Choose one that tries rows one by one.")
    tries = np.bincount(trial.places, minlength=len(here))
    tried = np.flatnonzero(tries)
    share = np.bincount(trial.places, trial.failed, minlength=len(here))[tried] / tries[tried]
    part = here.take(tried)
    extra = {name: values for name, values in part.groups.items() if name not in part.frame.columns}
    frame = part.frame.assign(**extra)
    dataset = open_dataset(frame, {"features": list(map(str, frame.columns))})
    found = find_slices(dataset, share, level=level, min_support=min_support, seed=scenario.seed)
    distinct = found.tables["distinct"]
    surely = (distinct["p_adjusted"] < LEVEL) & (distinct["mean"] > distinct["rest"])
    numbers = {**found.numbers, "vulnerable": int(surely.sum())}
    return replace(found, title=f"{scenario.name} against {setting.target.name}: where it fails", numbers=numbers)
