"""Analyse: pure functions from a Dataset to a `workbench.result.Result`. They compute, and know no screen.

`disparity` (rates by group), `slices` (where the model is worse), `drift` (a column between two windows), `integrity` (the data
itself), on top of `stats`, `onset` (when a change began) and `measures` (what can be counted on a row).

Around one disparity, each for one group beside its reference (`pairs`): `guard` (is it the data?), `disparity_time` (since when,
with `contrast` and always-valid `alarms`), `decomposition` and `oaxaca` (composition or rate), `proxies` and `flips` (what stands
for the attribute, does the model read it), `thresholds` (what if), `mitigation` with `remedies` (at what price), `definitions`
(in words, and what cannot be equal at once).
"""
