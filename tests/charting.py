"""What charts must show, found a second time: by scipy, by statsmodels, by hand."""

import math
from collections.abc import Iterable, Sequence
from decimal import Decimal
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pytest
from scipy import stats
from statsmodels.duration.survfunc import SurvfuncRight

from trial.tables.grid import Figure, Mark, Series

type Point = tuple[Any, ...]
"""x, y, low, high and n of a mark."""


def close(value: float | None) -> Any:
    return None if value is None else pytest.approx(value, rel=1e-9, abs=1e-9)


def points(marks: Iterable[Mark]) -> list[Point]:
    """Give marks as numbers, of which the oracles know the same."""
    return [
        (*(None if value is None else float(value) for value in (m.x, m.y, m.low, m.high)), m.n)
        for m in marks
    ]


def series_of(figure: Figure) -> dict[str, Series]:
    return {series.id: series for series in figure.series}


def mean(x: float, values: Iterable[Any]) -> Point:
    """Describe values by scipy: their mean and Student's t interval."""
    items = [float(value) for value in values if value is not None and not math.isnan(value)]
    n = len(items)
    if n < 2:
        return x, close(items[0] if items else None), None, None, n
    margin = stats.t.ppf(0.975, n - 1) * stdev(items) / math.sqrt(n)
    middle = fmean(items)
    return x, close(middle), close(middle - margin), close(middle + margin), n


def share(x: float, n: int, size: int) -> Point:
    """Give a percentage with its exact interval, by scipy."""
    proportion_ci = stats.binomtest(n, size).proportion_ci(method="exact")
    return (
        x,
        close(100 * n / size),
        close(100 * proportion_ci.low),
        close(100 * proportion_ci.high),
        n,
    )


def curve(days: Sequence[int], events: Sequence[int]) -> list[Point]:
    """Give Kaplan-Meier's curve by statsmodels: from day 0 to the last day observed."""
    result = SurvfuncRight(np.array(days), np.array(events))
    steps: list[Point] = [(0, 100, None, None, len(days))]
    for day, item, se, n in zip(
        result.surv_times, result.surv_prob, result.surv_prob_se, result.n_risk, strict=True
    ):
        low = high = None
        if item > 0:
            spread = stats.norm.ppf(0.975) * se / item / -math.log(item)
            low, high = (close(100 * item ** math.exp(sign * spread)) for sign in (1, -1))
        steps.append((day, close(100 * item), low, high, n))
    if (last := max(days)) > steps[-1][0]:
        steps.append((last, *steps[-1][1:4], sum(day >= last for day in days)))
    return steps


def censored(days: Sequence[int], events: Sequence[int]) -> tuple[str, ...]:
    pairs = {day for day, event in zip(days, events, strict=True) if not event}
    return tuple(map(str, sorted(pairs)))


def falling(values: Iterable[Any]) -> list[Point]:
    """Give a bar a value, the greatest first."""
    ordered = sorted((Decimal(str(value)) for value in values), reverse=True)
    return [(i, close(float(value)), None, None, None) for i, value in enumerate(ordered, 1)]
