"""Analyse: pure functions from a Dataset to a `workbench.result.Result`. They compute, and know no screen.

`disparity` (rates by group), `slices` (where the model is worse), `drift` (a column between two windows), `integrity` (the data
itself), on top of `stats`, `onset` (when a change began) and `measures` (what can be counted on a row).
"""
