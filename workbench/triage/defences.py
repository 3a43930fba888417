"""The versions of a replay on a labelled log: accuracy beside security, and what each layer of a stack adds.

Without times and sizes, so that a runbook that is run again finds the same; ``workbench defences weigh`` measures those.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from workbench.attacks.approval import Approval
from workbench.attacks.constraints import Domain
from workbench.attacks.defences.contribution import take_apart
from workbench.attacks.defences.front import weigh_versions
from workbench.attacks.defences.stack import Stack
from workbench.attacks.recording import Recording
from workbench.attacks.scenarios.trial import Setting
from workbench.attacks.triple import recorded_domain
from workbench.data.dataset import open_dataset
from workbench.models.target import Target
from workbench.result import Result


@dataclass(frozen=True)
class Weighed:
    """What was measured: the versions side by side (None with `why`), and every stack among them taken apart."""

    front: Result | None
    layers: tuple[Result, ...] = ()
    why: str = ""


def weigh_on_log(
    recording: Recording,
    versions: Sequence[Target],
    data: str,
    roles: str = "",
    *,
    approval: Approval | None = None,
    seed: int = 0,
) -> Weighed:
    """Weigh the versions on the clean rows of a log, within what the recording says that inputs may be.

    Parameters
    ----------
    versions
        The baseline first.
    data, roles
        A log with labels, as every command takes it; empty: nothing is weighed.

    Raises
    ------
    InputError
        For a log that cannot be read, or too few rows that the baseline decides rightly.
    """
    if not data:
        return Weighed(None, why="No log was given: what the versions are worth on clean rows is not measured.")
    setting = Setting.of(versions[0], open_dataset(data, roles or None), approval=approval, seed=seed)
    domain = _shared_domain(recording, setting)
    taken = tuple(take_apart(version, setting, domain=domain) for version in versions if isinstance(version, Stack))
    if len(versions) < 2:
        return Weighed(None, taken, "One version only: there is nothing to weigh it against.")
    return Weighed(weigh_versions(versions, setting, domain=domain, costs=False), taken)


def _shared_domain(recording: Recording, setting: Setting) -> Domain | None:
    """The recording's, where it is about the same columns as the log."""
    domain = recorded_domain(recording, setting.frame)
    return domain if set(domain.names) == set(setting.frame.columns) else None
