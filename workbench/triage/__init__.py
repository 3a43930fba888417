"""Which cause? Run every check on a decision log, hold one false-discovery budget, fold what another finding explains, and rank.

``triage(dataset)`` in `run` is the way in; a check is a function of a `check.Context`.
"""
