"""A Jupyter-native workbench for people who respond to machine-learning incidents.

The folders, in the order in which data flows; each imports only itself and what stands above it::

    errors, vocabulary              the failure model, the words
    digest, files                   content digests; files written whole or not at all
    predicate                       a row selection as data: the one thing that travels back from the screen
    result, registry, signing       what an analysis returns; plug-ins; keys and signatures
    data/                           LOAD, ENCODE        any source as a Dataset with roles
    models/                         MODELS AS TARGETS   Python objects, model files, MLflow, HTTP
    analysis/                       ANALYSE             numbers, no screen: slices, disparity, drift, integrity
    lineage/                        WHERE FROM          events of the pipeline: versions, runs, what came of them
    attacks/                        WHAT IF             recordings, replay, scenarios
    triage/                         WHICH CAUSE         every check under one budget, ranked
    views/                          RESULT -> PICTURE   figures and offline HTML
    incident/                       THE RECORD          append-only, hash-chained
    evidence/                       FREEZE, SEAL        runbooks, bundles, verification
    widgets/                        the notebook host
    apps/                           the Panel host
    cli/                            parse, call, print

What is public is listed in ``__all__`` and loaded on first use, so that ``import workbench`` costs nothing.
`run_triage` is ``workbench.triage.run.triage``: the bare name belongs to the folder.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from workbench.analysis.disparity import measure_disparity
    from workbench.analysis.drift import drift
    from workbench.analysis.integrity import integrity
    from workbench.analysis.slices import find_slices
    from workbench.data.dataset import open_dataset
    from workbench.data.roles import Roles
    from workbench.predicate import Predicate
    from workbench.result import Finding, Result
    from workbench.triage.run import triage as run_triage

__all__ = [
    "Finding",
    "Predicate",
    "Result",
    "Roles",
    "drift",
    "find_slices",
    "integrity",
    "measure_disparity",
    "open_dataset",
    "run_triage",
]

_HOMES = {
    "Finding": "workbench.result:Finding",
    "Predicate": "workbench.predicate:Predicate",
    "Result": "workbench.result:Result",
    "Roles": "workbench.data.roles:Roles",
    "drift": "workbench.analysis.drift:drift",
    "find_slices": "workbench.analysis.slices:find_slices",
    "integrity": "workbench.analysis.integrity:integrity",
    "measure_disparity": "workbench.analysis.disparity:measure_disparity",
    "open_dataset": "workbench.data.dataset:open_dataset",
    "run_triage": "workbench.triage.run:triage",
}


def __getattr__(name: str) -> object:
    """Load a public name from its home on first use (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module 'workbench' has no attribute {name!r}. Available: {', '.join(__all__)}")
    module, _, attribute = _HOMES[name].partition(":")
    value: object = getattr(import_module(module), attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return list(__all__)
