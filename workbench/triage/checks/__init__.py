"""The workbench's own checks, one per analysis, in the order in which triage runs them."""

from collections.abc import Mapping

from workbench.triage.check import Check
from workbench.triage.checks.attack import check_attack
from workbench.triage.checks.causes import check_causes
from workbench.triage.checks.disparity import check_disparity
from workbench.triage.checks.drift import check_drift
from workbench.triage.checks.integrity import check_integrity
from workbench.triage.checks.lineage import check_lineage
from workbench.triage.checks.slices import check_slices

OWN: Mapping[str, Check] = {
    "integrity": check_integrity,
    "drift": check_drift,
    "disparity": check_disparity,
    "slices": check_slices,
    "lineage": check_lineage,
    "causes": check_causes,
    "attack": check_attack,
}
