"""Columns that compare others: tests and differences, computed of counts and moments when read."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from trial.deferred import dataclass
from trial.statistics.association import WorkBudget, association_test
from trial.statistics.contingency import PEARSON, pearson
from trial.statistics.contrasts import Contrast, Limits, NormalContrast, Tails
from trial.statistics.inference import NOT_ESTIMABLE, TOO_MUCH_WORK, Confidence
from trial.statistics.margins import Margin
from trial.statistics.moments import (
    ANOVA,
    POOLED_T,
    WELCH_T,
    SampleStatistics,
    anova,
    pooled_t,
    welch_t,
)
from trial.statistics.ranks import (
    CORRECTED,
    EXACT,
    EXACT_INSTEAD,
    HODGES_LEHMANN,
    MOSES,
    WILCOXON,
    RankSum,
    Shift,
    Tally,
)
from trial.statistics.rates import (
    EXACT_CONDITIONAL,
    RATE_SCORE,
    rate_difference,
    rate_difference_interval,
    rate_ratio,
    rate_ratio_interval,
    rate_ratio_test,
)
from trial.statistics.risks import (
    CONTRAST_STATISTICS,
    CONTRASTS,
    DIFFERENCE,
    ODDS_INSTEAD,
    ExactOddsRatio,
    score_odds_ratio,
)
from trial.tables.grid import CONCLUSION, P_MARGIN, Cell, Statistic
from trial.tables.rows.intervals import LIMIT_NAMES, limit_statistics
from trial.tables.rows.kinds import ColumnHead, Comparison, number_statistic, p_value

type Compared = tuple[tuple[Statistic, ...], str]
"""Statistics, and the method that gave them; nothing where there is nothing to compare."""


@dataclass(frozen=True)
class Tallies:
    """How often each value of a column occurs, in units of so many places."""

    places: int
    of: Callable[[int], Tally]


NOTHING: Compared = ((), "")
RATIO_PLACES = 2
"""Decimals of a ratio and of its limits."""
NO_LIMIT = "no limit"
"""In place of the upper limit of a ratio to a rate of 0."""
TOO_FEW, ALL_TIED = "too few values", "all values are tied"
"""In place of the limits of a difference by ranks, and of its P value."""
RANKS = frozenset(("wilcoxon", "wilcoxon-corrected", "wilcoxon-exact"))
"""How a measure is compared by ranks."""


TESTS = frozenset(("fisher", "pearson"))
CONTRASTING = frozenset(method for methods in CONTRASTS.values() for method in methods)
"""How counts are compared: over all categories together, or by the proportions of one."""


def compare_counts(
    heads: Sequence[ColumnHead],
    counts: Mapping[int, Sequence[int]],
    methods: Container[str] = TESTS | CONTRASTING,
    margin: Margin | None = None,
) -> tuple[Cell, ...]:
    """Compare columns by their subjects in each of some categories, by some of the methods.

    Contrasts are of the proportions of the first category, with that of the reference.
    """
    return tuple(
        Cell(
            head.id,
            *_counts(
                head.comparison,
                [counts[i] for i in head.comparison.columns],
                head.budget,
                margin,
            ),
            head.comparison.confidence.label,
        )
        for head in heads
        if head.comparison is not None
        and head.comparison.counts in methods
        and counts.keys() >= set(head.comparison.columns)
    )


def compare_means(
    heads: Sequence[ColumnHead],
    moments: Mapping[int, SampleStatistics],
    places: int,
    places_kept: int | None,
    tallies: Tallies,
    margin: Margin | None = None,
) -> tuple[Cell, ...]:
    """Compare columns by the mean of a measure, or by ranks; a difference is from the reference.

    It is printed to `places`; `kept` are those of rounded values, if it is made of such.
    """
    return tuple(
        Cell(
            head.id,
            *(
                _ranks(head, head.comparison, tallies, (places, places_kept), margin)
                if head.comparison.means in RANKS
                else _means(head.comparison, moments, (places, places_kept), margin)
            ),
            head.comparison.confidence.label,
        )
        for head in heads
        if head.comparison is not None and moments.keys() >= set(head.comparison.columns)
    )


def compare_rates(
    heads: Sequence[ColumnHead],
    rates: Mapping[int, tuple[int, int]],
    scale: Fraction,
    places: int,
) -> tuple[Cell, ...]:
    """Compare columns by their events and days at risk; a difference of rates is times `scale`.

    Columns that do not say how rates are compared show nothing.
    """
    return tuple(
        Cell(
            head.id,
            *_rates(head.comparison, rates, scale, places),
            head.comparison.confidence.label,
        )
        for head in heads
        if head.comparison is not None
        and head.comparison.rates is not None
        and rates.keys() >= set(head.comparison.columns)
    )


def _rates(
    comparison: Comparison, rates: Mapping[int, tuple[int, int]], scale: Fraction, places: int
) -> Compared:
    reference, compared = (rates[column] for column in comparison.columns)
    confidence, groups = comparison.confidence, (*compared, *reference)
    if comparison.rates == "ratio":
        if (ratio_limits := rate_ratio_interval(*groups, confidence.two_sided)) is None:
            return NOTHING
        limits_chosen = confidence.chosen(ratio_limits)
        limits = {side: limit for side, limit in limits_chosen.items() if limit is not None}
        no_limit = tuple(
            Statistic(LIMIT_NAMES[side], None, NO_LIMIT)
            for side in limits_chosen.keys() - limits.keys()
        )
        estimate = rate_ratio(*groups)
        return (
            number_statistic("rate_ratio", estimate, RATIO_PLACES, NOT_ESTIMABLE),
            *limit_statistics(limits, RATIO_PLACES),
            *no_limit,
            p_value(rate_ratio_test(*groups), TOO_MUCH_WORK),
        ), f"{EXACT_CONDITIONAL}, {confidence.words}"
    gain, interval = (
        rate_difference(*groups),
        rate_difference_interval(*groups, confidence.two_sided),
    )
    if gain is None:
        return NOTHING
    scaled = {side: Fraction(limit) * scale for side, limit in confidence.chosen(interval).items()}
    return (
        number_statistic("difference", gain * scale, places),
        *limit_statistics(scaled, places),
    ), f"{RATE_SCORE}, {confidence.words}"


def _counts(
    comparison: Comparison,
    table: Sequence[Sequence[int]],
    budget: WorkBudget,
    margin: Margin | None,
) -> Compared:
    """Compare by a test, or a difference; not where all subjects are of one category or column."""
    contrasted = sum(any(values) for values in zip(*table, strict=True)) > 1
    if not contrasted or not all(map(any, table)):
        return NOTHING
    match comparison.counts:
        case "fisher":
            return _fisher(table, budget)
        case "pearson":
            test = pearson(table)
            return ((p_value(test.p),), PEARSON) if test else NOTHING
        case _:
            return _contrast(comparison, table, budget, margin)


def _contrast(
    comparison: Comparison,
    table: Sequence[Sequence[int]],
    budget: WorkBudget,
    margin: Margin | None,
) -> Compared:
    """Contrast the proportions of the first category, by a method that can be afforded."""
    reference, compared = ((row[0], sum(row)) for row in table)
    contrast_name, confidence = comparison.contrast, comparison.confidence
    method, function = CONTRASTS[contrast_name][comparison.counts]
    contrast = function(compared, reference)
    if isinstance(contrast, ExactOddsRatio) and not budget.spend(contrast.steps):
        method, contrast = ODDS_INSTEAD, score_odds_ratio(compared, reference)
    if contrast is None:
        return NOTHING
    estimate, *rest = contrast_statistics(contrast_name, contrast, confidence, margin)
    error = _error_of_proportions(contrast) if comparison.standard_error else ()
    return (estimate, *error, *rest), f"{method}, {confidence.words}"


def _error_of_proportions(contrast: Contrast) -> tuple[Statistic, ...]:
    """Return the standard error of a difference, in percent, where its method has one."""
    if not isinstance(contrast, NormalContrast) or contrast.logarithmic:
        return ()
    error = contrast.standard_error
    in_percent = None if error is None else Fraction(error) * 100
    return (number_statistic("se", in_percent, 2, NOT_ESTIMABLE),)


def contrast_statistics(
    name: str, contrast: Contrast, confidence: Confidence, margin: Margin | None = None
) -> tuple[Statistic, ...]:
    """Return a contrast of proportions with the limits that are asked for, and its margin if any.

    A difference is in percent. What has no bound says so, and so does what cannot be estimated.
    """
    unit, places = (100, 1) if name == DIFFERENCE else (1, RATIO_PLACES)
    interval, estimate = contrast.interval(confidence.two_sided), contrast.estimate
    absent = NOT_ESTIMABLE if interval is None else NO_LIMIT
    limits = confidence.chosen(interval or (None, None))
    in_unit = {
        side: None if limit is None else Fraction(limit) * unit for side, limit in limits.items()
    }
    return (
        number_statistic(
            CONTRAST_STATISTICS[name],
            None if estimate is None else Fraction(estimate) * unit,
            places,
            NOT_ESTIMABLE,
        ),
        *(
            number_statistic(LIMIT_NAMES[side], limit, places, absent)
            for side, limit in in_unit.items()
        ),
        *margin_statistics(
            margin and margin.in_units_of(unit), interval, contrast.tails, int(name != DIFFERENCE)
        ),
    )


def margin_statistics(
    margin: Margin | None,
    limits: Limits | None,
    tails: Callable[[Fraction], Tails | None],
    null: int = 0,
) -> tuple[Statistic, ...]:
    """Return the one-sided P value of a margin, where the method has one, and what is shown."""
    if margin is None:
        return ()
    conclusion = NOT_ESTIMABLE
    if limits is not None:
        conclusion = f"{margin.aim(null)} {'shown' if margin.is_kept(limits) else 'not shown'}"
    p = margin.p(tails)
    tested = () if p is None else (replace(p_value(p), name=P_MARGIN),)
    return (*tested, Statistic(CONCLUSION, conclusion, conclusion))


def _fisher(table: Sequence[Sequence[int]], budget: WorkBudget) -> Compared:
    outcome = association_test(table, budget)
    return (p_value(outcome.p, TOO_MUCH_WORK if outcome.p is None else ""),), outcome.method


def _means(
    comparison: Comparison,
    moments: Mapping[int, SampleStatistics],
    places: tuple[int, int | None],
    margin: Margin | None,
) -> Compared:
    groups, confidence = [moments[i] for i in comparison.columns], comparison.confidence
    if comparison.means == "anova":
        test = anova(groups) if all(group.n for group in groups) else None
        return NOTHING if test is None or test.p is None else ((p_value(test.p),), ANOVA)
    equal = comparison.means == "t"
    comparison_of_means = (pooled_t if equal else welch_t)(groups[1], groups[0])
    if comparison_of_means is None:
        return NOTHING
    decimals, places_kept = places
    limits = comparison_of_means.interval(confidence.two_sided)
    error = comparison_of_means.se if comparison.standard_error else None
    errors = (
        () if error is None else (number_statistic("se", error, decimals + 1, "", places_kept),)
    )
    return (
        number_statistic(
            "difference", comparison_of_means.estimate, decimals, places_kept=places_kept
        ),
        *errors,
        *limit_statistics(confidence.chosen(limits), decimals, places_kept),
        *margin_statistics(margin, limits, comparison_of_means.tails),
        p_value(comparison_of_means.p),
    ), confidence.named(POOLED_T if equal else WELCH_T)


def _ranks(
    head: ColumnHead,
    comparison: Comparison,
    tallies: Tallies,
    places: tuple[int, int | None],
    margin: Margin | None,
) -> Compared:
    """Compare two columns by ranks: how far they lie apart, and a test that can be afforded.

    Without enough values for Moses's limits these say so; where all values tie there is no test.
    """
    reference, compared = (tallies.of(column) for column in comparison.columns)
    if not reference or not compared:
        return NOTHING
    ranks, shift, confidence = (
        RankSum(compared, reference),
        Shift(compared, reference),
        comparison.confidence,
    )
    method, p = _rank_test(ranks, comparison.means, head.budget)
    unit, (decimals, places_kept) = 10**tallies.places, places
    of_units = shift.interval(confidence.two_sided)
    limits = None if of_units is None else tuple(limit / unit for limit in of_units)

    def statistic(name: str, value: Fraction | None, absent: str = "") -> Statistic:
        return number_statistic(name, value, decimals, absent, places_kept)

    limits_chosen: Mapping[str, Fraction | None] = confidence.chosen(limits or (None, None))
    return (
        statistic("difference", (shift.estimate or Fraction(0)) / unit),
        *(statistic(LIMIT_NAMES[side], limit, TOO_FEW) for side, limit in limits_chosen.items()),
        *margin_statistics(margin, limits, lambda _: None),
        p_value(p, ALL_TIED),
    ), f"{method}; difference by {HODGES_LEHMANN}, {MOSES} interval, {confidence.words}"


def _rank_test(
    ranks: RankSum, means: str, budget: WorkBudget
) -> tuple[str, Fraction | Decimal | None]:
    """Return a rank-sum test by its name, and its P value."""
    if means == "wilcoxon-exact":
        if budget.spend(ranks.steps):
            return EXACT, ranks.exact_p()
        return EXACT_INSTEAD, ranks.p()
    corrected = means == "wilcoxon-corrected"
    return CORRECTED if corrected else WILCOXON, ranks.p(corrected=corrected)
