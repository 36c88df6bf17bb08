"""TUMOUR-2's tables: every statistic of every cell is counted again, and none is left out."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction

import numpy as np
import pytest
from oncology import tumour
from oncology.test_oncology import ARMS, VISITS, Z, cells, hazard, of, people, time_of
from oncology.tumour import Person
from scipy import stats
from statsmodels.duration.survfunc import survdiff

type Values = Mapping[str, float | None]
"""By statistic; None where it is not reached, or cannot be estimated."""
type Recounted = dict[tuple[str, str], Values]
type Chosen = Callable[[Person], bool]

GROUPS: Mapping[str, Chosen] = {
    "os-ecog/0": lambda one: one.ecog == "0",
    "os-ecog/1": lambda one: one.ecog == "1",
    "os-age/younger": lambda one: one.age < 65,
    "os-age/older": lambda one: one.age >= 65,
}
COMPARED = "against"


def everybody(_: Person) -> bool:
    return True


def share(n: int, size: int) -> Values:
    return {"n": n, "N": size, "percent": 100 * n / size}


def curve(times: Sequence[tuple[int, int]]) -> list[tuple[int, Fraction, float]]:
    """Return each day of an event with the share without it, and Greenwood's sum."""
    steps, alive, greenwood = [], Fraction(1), 0.0
    for day in sorted({day for day, event in times if event}):
        at_risk = sum(other >= day for other, _ in times)
        events = sum(other == day and event for other, event in times)
        alive *= Fraction(at_risk - events, at_risk)
        left = at_risk - events
        greenwood += events / (at_risk * left) if left else math.inf
        steps.append((day, alive, greenwood))
    return steps


def log_log(alive: Fraction, greenwood: float) -> tuple[float, float]:
    width = Z * math.sqrt(greenwood) / abs(math.log(alive))
    return float(alive) ** math.exp(width), float(alive) ** math.exp(-width)


def quantile(steps: Sequence[tuple[int, Fraction, float]], p: Fraction) -> Values:
    """Return the day from which less than 1 - p are without, and where the limits cross it.

    Where nobody is left there are no limits to cross it.
    """
    left = 1 - p
    at = [day for day, alive, _ in steps if alive <= left]
    days: float | None = at[0] if at else None
    exact = [i for i, (_, alive, _) in enumerate(steps) if alive == left]
    if exact and exact[0] + 1 < len(steps):
        days = (steps[exact[0]][0] + steps[exact[0] + 1][0]) / 2
    bounded = [(day, log_log(alive, g)) for day, alive, g in steps if alive]
    limits = [next((day for day, limit in bounded if limit[i] <= left), None) for i in (0, 1)]
    return {"days": days, "ci_low": limits[0], "ci_high": limits[1]}


def survival(
    row: str, days: Sequence[int] = (), chosen: Chosen = everybody, *, strata: bool = False,
    progression: bool = False,
) -> Recounted:  # fmt: skip
    found: Recounted = {}
    who = [one for one in people() if chosen(one)]
    for arm in ARMS:
        times = [time_of(one, progression=progression) for one in who if one.arm == arm]
        events = sum(event for _, event in times)
        found[row, arm] = {**share(events, len(times)), "censored": len(times) - events}
        steps = curve(times)
        for name, p in (("q1", Fraction(1, 4)), ("median", Fraction(1, 2)), ("q3", Fraction(3, 4))):
            found[f"{row}/{name}", arm] = quantile(steps, p)
        for day in days:
            _, alive, greenwood = [step for step in steps if step[0] <= day][-1]
            low, high = log_log(alive, greenwood)
            percents = [100 * number for number in (float(alive), low, high)]
            names = ("survival", "ci_low", "ci_high")
            found[f"{row}/day-{day}", arm] = dict(zip(names, percents, strict=True))
    day_of, event_of = zip(*(time_of(one, progression=progression) for one in who), strict=True)
    arms = np.array([one.arm for one in who])
    by = np.array([one.ecog for one in who]) if strata else None
    found[row, COMPARED] = {"p": float(survdiff(day_of, event_of, arms, strata=by)[1])}
    fit = hazard(who, strata=strata, progression=progression)
    middle, se = float(fit.params[0]), float(fit.bse[0])
    names = ("hazard_ratio", "ci_low", "ci_high")
    found[f"{row}/hazard-ratio", COMPARED] = {
        **{name: math.exp(middle + k * Z * se) for name, k in zip(names, (0, -1, 1), strict=True)},
        "p": float(fit.pvalues[0]),
    }
    return found


def odds(row: str, counts: Sequence[tuple[int, int]]) -> Recounted:
    """Return shares by arm, and Woolf's odds ratio to chemotherapy."""
    found: Recounted = {(row, arm): share(*pair) for arm, pair in zip(ARMS, counts, strict=True)}
    (c, m), (a, n) = counts
    table = (a, n - a, c, m - c)
    estimate = a * (m - c) / ((n - a) * c)
    reach = Z * math.sqrt(sum(1 / x for x in table)) if all(table) else None
    limits = [None if reach is None else estimate * math.exp(k * reach) for k in (-1, 1)]
    found[row, COMPARED] = {"odds_ratio": estimate, "ci_low": limits[0], "ci_high": limits[1]}
    return found


def difference(row: str, counts: Sequence[tuple[int, int]]) -> Recounted:
    """Return shares by arm, and Wald's difference in percentage points."""
    found: Recounted = {(row, arm): share(*pair) for arm, pair in zip(ARMS, counts, strict=True)}
    (q, m), (p, n) = [(count / size, size) for count, size in counts]
    reach = Z * math.sqrt(p * (1 - p) / n + q * (1 - q) / m)
    names = ("difference", "ci_low", "ci_high")
    found[row, COMPARED] = {
        name: 100 * (p - q + k * reach) for name, k in zip(names, (0, -1, 1), strict=True)
    }
    return found


DESCRIBED: Mapping[str, Callable[[np.ndarray], float]] = {
    "n": len,
    "mean": np.mean,
    "min": np.min,
    "max": np.max,
    "median": lambda values: np.percentile(values, 50, method="averaged_inverted_cdf"),
    "q1": lambda values: np.percentile(values, 25, method="averaged_inverted_cdf"),
    "q3": lambda values: np.percentile(values, 75, method="averaged_inverted_cdf"),
}


def described(row: str, names: str, value: Callable[[Person], float | None]) -> Recounted:
    by_arm = [
        np.array([number for one in of(arm) if (number := value(one)) is not None], float)
        for arm in ARMS
    ]
    found: Recounted = {
        (row, arm): {name: float(DESCRIBED[name](values)) for name in names.split()}
        for arm, values in zip(ARMS, by_arm, strict=True)
    }
    found[row, COMPARED] = {"p": float(stats.f_oneway(*by_arm).pvalue)}
    return found


def best(one: Person) -> float | None:
    return min(one.changes, default=None)


def counted(test: Chosen, chosen: Chosen = everybody) -> list[tuple[int, int]]:
    who = [[one for one in of(arm) if chosen(one)] for arm in ARMS]
    return [(sum(map(test, part)), len(part)) for part in who]


def responded(one: Person) -> bool:
    change = best(one)
    return change is not None and change <= -30


def efficacy() -> Recounted:
    found = {
        **survival("os", (90, 180, 270), strata=True),
        **survival("os-all"),
        **survival("pfs", (90, 180), strata=True, progression=True),
        **odds("response", counted(responded)),
        **described("best", "n mean median min max", best),
        **described("lanes", "n median", lambda one: one.last),
        **described("sizes", "n mean", lambda one: one.sizes[3]),
    }
    for row, chosen in GROUPS.items():
        found |= survival(row, chosen=chosen)
    for ecog in "01":
        group = GROUPS[f"os-ecog/{ecog}"]
        found |= odds(f"response-ecog/{ecog}", counted(responded, group))
    classes: Mapping[str, Callable[[float], bool]] = {
        "response": lambda x: x <= -30,
        "stable": lambda x: -30 < x < 20,
        "progression": lambda x: x >= 20,
    }
    known = [[change for one in of(arm) if (change := best(one)) is not None] for arm in ARMS]
    for name, test in classes.items():
        pairs = [(sum(map(test, values)), len(values)) for values in known]
        found |= odds(f"classes/{name}", pairs)
    for arm, values in zip(ARMS, known, strict=True):
        found["classes/", arm] = {"n": len(of(arm)) - len(values)}
    for place, visit in enumerate(("baseline", "week-8", "week-16", "week-24")):
        found |= described(f"size/{visit}", "n mean median q1 q3", lambda one: one.sizes[place])  # noqa: B023
    assert len(VISITS) == 3
    return found


def safety() -> Recounted:
    found = difference("any", counted(lambda one: bool(one.events)))
    tests: dict[str, Callable[[tuple[str, int, int]], bool]] = {"any": lambda _: True}
    for grade in range(1, 5):
        worst = counted(lambda one: max((g for *_, g in one.events), default=0) == grade)  # noqa: B023
        found |= difference(f"grades/{grade}", worst)
    for term in tumour.TERMS:
        name = f"terms/{term}"
        tests[name] = lambda event, term=term: event[0] == term
        found |= difference(name, counted(lambda one: any(map(tests[name], one.events))))  # noqa: B023
    for row, test in tests.items():
        for arm in ARMS:
            events = sum(test(event) for one in of(arm) for event in one.events)
            found[row, arm] = {**found[row, arm], "events": events}
    return found | described("edish", "n max", lambda one: max(one.alt) / 40)


@pytest.mark.parametrize(("table", "recount"), [("efficacy", efficacy), ("safety", safety)])
def test_every_cell_is_what_is_counted_again(table, recount):
    shown, expected = cells()[table], recount()
    filled = {place: statistics for place, statistics in shown.items() if statistics}
    assert filled.keys() == expected.keys()
    for place, statistics in filled.items():
        assert statistics.keys() == expected[place].keys(), place
        for name, statistic in statistics.items():
            value = expected[place][name]
            if value is None:
                assert statistic.raw is None, (place, name)
            else:
                assert float(str(statistic.raw)) == pytest.approx(value, rel=1e-6, abs=1e-9), (
                    place, name)  # fmt: skip
