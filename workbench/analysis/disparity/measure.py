"""`measure_disparity`: measures per group and intersection, their distance from a reference group, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from workbench.analysis.disparity.bootstrap import bootstrap_table
from workbench.analysis.disparity.cells import Cells
from workbench.analysis.disparity.conditional import conditional_tables, stratify
from workbench.analysis.disparity.counts import GroupCounts, count_groups, levels_of, require_attributes
from workbench.analysis.disparity.estimates import BalancedError, CalibrationError, Estimate, Mean, Share
from workbench.analysis.disparity.people import people_by_level
from workbench.analysis.disparity.policy import policy_tables
from workbench.analysis.disparity.reference import REFERENCES, Reference, choose_references
from workbench.analysis.disparity.resamples import Resamples
from workbench.analysis.disparity.rule import rule_table
from workbench.analysis.disparity.scores import MEANS, group_moments, group_reliability, odd_score, score_cells
from workbench.analysis.disparity.shrinkage import shrunk_table
from workbench.analysis.disparity.tables import Level, distance_table, group_table, reliability_table
from workbench.analysis.measures import MEASURES, SHARES, available_measures, can_compare
from workbench.data.dataset import MOST_GROUP_VALUES, Dataset
from workbench.errors import InputError, ParameterError, RolesError, UnknownNameError
from workbench.result import Result, provenance

SCORED = ("ece", *MEANS)
MOST_INTERSECTIONS = 5_000


def measure_disparity(  # noqa: PLR0917  the order is part of the contract
    dataset: Dataset,
    groups: Sequence[str] | None = None,
    reference: Reference = None,
    measures: Sequence[str] | None = None,
    confidence: float = 0.95,
    intersect: bool = True,  # noqa: FBT001, FBT002
    strata: str | Sequence[str] | None = None,
    bootstrap: int = 0,
    seed: int = 0,
    *,
    policy: str | Sequence[str] | None = None,
) -> Result:
    """Measure every group and intersection, and its distance from the reference group.

    Parameters
    ----------
    dataset
        With the role ``groups``, and ``prediction`` or ``label`` or both.
    groups
        Attributes to part people by; None: the role ``groups``. Missing is a group of its own.
    reference
        Whom the others are held against. None or ``"most favored"``: the group with the highest selection rate among those that
        hold a tenth of the rows (`REFERENCE_SHARES` says what if none does), or the largest where no favourable value is
        given; ``"largest"``; ``"everybody else"``; a group's value; the values of an intersection; or attribute to value.
    measures
        Names from `workbench.analysis.measures.MEASURES`; None: all that the roles allow.
    confidence
        Of every interval, between 0 and 1.
    intersect
        With several attributes, measure the groups of all of them together, too, beside those of each alone.
    strata
        Columns whose values part people into strata within which selection is compared once more.
    bootstrap
        Resamples of the rows for the table ``functionals``; 0: none.
    seed
        Of the resamples and of the simulation of the four-fifths rule.
    policy
        Profiles whose lines are set beside the numbers: names from `workbench.analysis.disparity.policy.policy_names`, or paths
        of YAML files.

    Returns
    -------
    Result
        Table ``groups``, a row per group: a column per attribute (None where the value is missing, and where the row's groups
        are not parted by it: ``attributes`` says by which they are), the group as text, rows ``n`` (unweighted), each measure
        with ``_low``, ``_high`` and ``_n`` (rows in its denominator, unweighted), ``suppressed``, ``attributes``, ``where``.

        Table ``disparities``, a row per group and measure beside the reference: ``difference`` (group minus reference) with
        ``low`` and ``high``; ``ratio`` (1 = no disparity) with ``ratio_low`` and ``ratio_high``; two-sided exact mid-`p` and
        `p_adjusted`, by Holm over the whole table; ``four_fifths``, whether the ratio of selection rates is 0.8 or more (None
        for other measures); the shortfall by three definitions, in (weighted) rows, negative where there is none: to the rate
        of both groups together, to the reference's, to four fifths of the reference's; ``people``, distinct ``row_id`` in the
        group (None without that role); ``value`` and ``reference_value``; ``n`` and ``reference_n`` rows in the denominators,
        ``rows`` in the group; ``rows_needed`` in the group to see a rate at four fifths of the reference's with power 0.8 at
        the level of one test of so many (Bonferroni); and ``evidence``: differs, no difference found, or not enough data.

        Table ``rule``, a row per level: whether the raw four-fifths rule sounds (lowest rate below 0.8 of the highest), and
        ``false_alarm_rate``, how often it would on groups of these sizes if all had the same rate (simulated). Table ``shrunk``:
        shares drawn towards each other (empirical Bayes, a model's estimates), for levels of three groups and more. Table
        ``reliability``, where ``ece`` is measured: mean score and observed rate per group and bin.

        With `strata`, table ``conditional``, a row per group: Mantel-Haenszel ``odds_ratio`` of selection with ``low`` and
        ``high`` (Robins-Breslow-Greenland), `p` of Cochran-Mantel-Haenszel, ``homogeneity_p`` of Breslow-Day-Tarone, and
        ``sign_change``, whether within the strata the disparity points the other way than without them (Simpson's paradox);
        and table ``strata``, a row per group and stratum. With `bootstrap`, table ``functionals``, a row per level, measure
        and functional (overall, min, max, difference, ratio) and per group, with percentile intervals. With `policy`, table
        ``policy``, a row per profile, quantity and group: which line the ratio is below, and who is left out and why; and table
        ``policies``, what each profile says, where, and as of when.

        Intervals are Wilson's, Newcombe's and MOVER's for shares; Student's and Welch's for means. Weights count in every value;
        intervals and tests take Kish's effective sample size, rounded to whole rows for the test.

    Raises
    ------
    RolesError
        If no groups are given, or a measure needs a role or a value that the roles do not give.
    UnknownNameError
        For a measure, column or reference group that does not exist.
    ParameterError
        For a confidence outside 0 to 1.
    InputError
        If there are no rows.
    """
    if not 0 < confidence < 1:
        raise ParameterError("a confidence outside 0 to 1", confidence, "Pass 0.95 for 95 %.")
    attributes = require_attributes(dataset, groups)
    _check_attributes(dataset, attributes)
    wanted = _wanted_measures(dataset, measures)
    levels = _measure_levels(dataset, attributes, wanted, reference, intersect=intersect)
    resamples = Resamples([level.counts for level in levels], bootstrap, seed) if bootstrap else None
    tables = {
        "groups": group_table(levels, attributes, wanted, confidence),
        "disparities": distance_table(levels, wanted, confidence),
        **_more_tables(levels, wanted, confidence, seed),
        **({"functionals": bootstrap_table(resamples, wanted, confidence)} if resamples else {}),
        **_strata_tables(dataset, levels, strata, confidence),
        **_policy_tables(dataset, levels, policy, reference),
    }
    arguments = {
        "groups": attributes, "measures": wanted, "reference": reference, "confidence": confidence, "intersect": intersect,
        "strata": strata, "bootstrap": bootstrap, "policy": policy, "roles": dataset.given.said(),
    }  # fmt: skip
    return Result(
        kind="disparity",
        title="Measures by group",
        tables=tables,
        numbers={"rows": int(levels[0].counts.n.sum())},
        where=dataset.where,
        provenance=provenance(arguments, seed=seed, fingerprint=dataset.fingerprint),
    )


def _more_tables(levels: Sequence[Level], measures: Sequence[str], confidence: float, seed: int) -> dict[str, pd.DataFrame]:
    counts = [level.counts for level in levels]
    tables = {}
    if "selection_rate" in measures:
        tables["rule"] = rule_table(counts, seed)
    if len(shrunk := shrunk_table(counts, measures, confidence)):
        tables["shrunk"] = shrunk
    if "ece" in measures:
        tables["reliability"] = reliability_table(levels, confidence)
    return tables


def _strata_tables(
    dataset: Dataset, levels: Sequence[Level], strata: str | Sequence[str] | None, confidence: float
) -> dict[str, pd.DataFrame]:
    if not strata:
        return {}
    columns = [strata] if isinstance(strata, str) else list(dict.fromkeys(strata))
    for column in columns:
        if column not in dataset.columns:
            raise UnknownNameError("column to stratify by", column, dataset.columns)
    combined, single = [], []
    for level in levels:
        if shared := set(columns) & set(level.counts.attributes):
            raise ParameterError("a column is both a group and a stratum", min(shared), "Stratify by another column.")
        joint = count_groups(dataset, [*level.counts.attributes, *columns], ["selection_rate"])[-1]
        _check_strata(joint, columns)
        rows, parts = conditional_tables(level, stratify(joint, level.counts.values), confidence)
        combined += rows
        single += parts
    return {"conditional": pd.DataFrame(combined), "strata": pd.DataFrame(single)}


def _policy_tables(
    dataset: Dataset, levels: Sequence[Level], policy: str | Sequence[str] | None, reference: Reference
) -> dict[str, pd.DataFrame]:
    if not policy:
        return {}
    if not dataset.has("prediction", "favorable"):
        raise RolesError("a policy needs selection rates", policy, "Add `prediction` and `favorable` to the roles.")
    named = reference is not None and reference not in REFERENCES
    return policy_tables(dataset, levels, [policy] if isinstance(policy, str) else list(policy), named=named)


def _check_strata(joint: GroupCounts, columns: Sequence[str]) -> None:
    found = len({values[-len(columns) :] for values in joint.values})
    if found > MOST_GROUP_VALUES:
        raise ParameterError("too many strata", f"{', '.join(columns)}: {found:,}", f"At most {MOST_GROUP_VALUES:,}; bin it.")


def default_measures(dataset: Dataset) -> tuple[str, ...]:
    """All measures of `MEASURES` that the roles and the types of their columns allow, in that order."""
    scored = dataset.has("score")
    if _is_regression(dataset):
        return ("mean_score", "mean_residual", "mae") if scored else ("mean_residual", "mae")
    found = {*available_measures(dataset)}
    found |= {"balanced_error"} if can_compare(dataset) else set()
    found |= {"mean_score"} if scored else set()
    found |= {"ece", "calibration"} if scored and "base_rate" in found and odd_score(dataset) is None else set()
    return tuple(measure for measure in MEASURES if measure in found)


def _is_regression(dataset: Dataset) -> bool:
    """Whether prediction and label are numbers of more than two values, and no value is called positive or favourable."""
    roles, schema = dataset.roles, dataset.table.schema()
    if roles.positive is not None or roles.favorable is not None or not dataset.has("prediction", "label"):
        return False
    numeric = all(schema[dataset.require(role)].is_numeric() for role in ("prediction", "label"))
    return numeric and not can_compare(dataset)


def _wanted_measures(dataset: Dataset, measures: Sequence[str] | None) -> tuple[str, ...]:
    if measures is None:
        return default_measures(dataset)
    wanted = tuple(dict.fromkeys([measures] if isinstance(measures, str) else measures))
    for measure in wanted:
        if measure not in MEASURES:
            raise UnknownNameError("measure", measure, MEASURES)
    if not wanted:
        raise ParameterError("no measure given", None, f"Give some of: {', '.join(MEASURES)}")
    return wanted


def _check_attributes(dataset: Dataset, attributes: Sequence[str]) -> None:
    for attribute in attributes:
        if attribute not in dataset.columns:
            raise UnknownNameError("group column", attribute, dataset.columns)
        for role in ("label", "prediction", "score", "weight"):
            if attribute == getattr(dataset.roles, role):
                raise RolesError(f"a group column that is also the {role}", attribute, "Every rate in it would be 0 or 1.")


def _measure_levels(
    dataset: Dataset, attributes: Sequence[str], measures: Sequence[str], reference: Reference, *, intersect: bool
) -> list[Level]:
    counted = [measure for measure in measures if measure in (*SHARES, "balanced_error")]
    selection = ["selection_rate"] if dataset.has("prediction", "favorable") else []
    counts = count_groups(dataset, attributes, [*counted, *selection], intersect=intersect)
    _check_sizes(dataset, counts)
    scored = [measure for measure in measures if measure in SCORED]
    sums = _score_sums(dataset, attributes, scored, intersect=intersect)
    people = people_by_level(dataset, counts)
    chosen = choose_references(counts, reference)
    return [
        Level(level, {measure: _estimate(level, cells, measure) for measure in measures}, place, persons)
        for level, cells, place, persons in zip(counts, sums, chosen, people, strict=True)
    ]


def _check_sizes(dataset: Dataset, levels: Sequence[GroupCounts]) -> None:
    if not levels[0].n.sum():
        raise InputError("no rows to compare groups in", str(dataset.where), "Choose a wider selection or window.")
    for counts in levels:
        size, alone = len(counts.values), len(counts.attributes) == 1
        most = MOST_GROUP_VALUES if alone else MOST_INTERSECTIONS
        if size > most:
            what = "a group has too many values" if alone else "too many intersections of groups"
            do = f"At most {most:,}; bin it." if alone else f"At most {most:,}; name fewer attributes, or pass intersect=False."
            raise RolesError(what, f"{', '.join(counts.attributes)} has {size:,}", do)


def _score_sums(
    dataset: Dataset, attributes: Sequence[str], measures: Sequence[str], *, intersect: bool
) -> Sequence[Cells | None]:
    levels = levels_of(attributes, intersect=intersect)
    if not measures:
        return [None] * len(levels)
    if not intersect:
        return [score_cells(dataset, level, measures) for level in levels]
    return [score_cells(dataset, attributes, measures)] * len(levels)


def _estimate(counts: GroupCounts, cells: Cells | None, measure: str) -> Estimate:
    if measure in SHARES:
        return Share.of(counts, measure)
    if measure == "balanced_error":
        return BalancedError.of(counts)
    assert cells is not None  # noqa: S101  the measures left are those that were summed
    if measure == "ece":
        return CalibrationError(group_reliability(cells, counts.attributes))
    return Mean(group_moments(cells, counts.attributes, measure)[0], measure)
