"""The statistics of ISLET-9: by scipy and statsmodels, or from their definitions."""

import math
from collections.abc import Sequence
from fractions import Fraction
from itertools import product

import numpy as np
from scipy import optimize, stats
from statsmodels.duration.survfunc import survdiff
from statsmodels.stats.contingency_tables import StratifiedTable

Cell = dict[str, object]
Z = stats.norm.ppf(0.975)
Counts = tuple[int, int]
ENOUGH = 2
MEDIAN = ("median_ci_low", "median_ci_high")
GEOMETRIC = (
    "geometric_mean",
    "geometric_sd",
    "geometric_cv",
    "geometric_mean_ci_low",
    "geometric_mean_ci_high",
)
EMPTY: Cell = {"difference": None, "ci_low": None, "ci_high": None}


def quantile(values: Sequence[Fraction], share: Fraction) -> Fraction:
    """SAS definition 5.

    The value at n times the share, rounded up; of a whole number the mean of it and the next.
    """
    place = len(values) * share
    index = math.ceil(place)
    return (values[index - 1] + values[index]) / 2 if place == index else values[index - 1]


def described(sample: Sequence[Fraction]) -> Cell:
    """Every statistic of a measure; nothing but n where nobody has a value."""
    values, n = sorted(sample), len(sample)
    if not n:
        return dict.fromkeys(
            ("mean", "sd", "se", "ci_low", "ci_high", "median", "q1", "q3", "min", "max")
        ) | {"n": 0}
    mean = sum(values) / Fraction(n)
    cell: Cell = {"n": n, "mean": mean, "min": values[0], "max": values[-1]}
    cell |= {
        name: quantile(values, Fraction(k, 4))
        for k, name in enumerate(("q1", "median", "q3"), start=1)
    }
    spread: list[float | None] = [None] * 4
    if n > 1:
        sd = math.sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
        half = stats.t.ppf(0.975, n - 1) * sd / math.sqrt(n)
        spread = [sd, sd / math.sqrt(n), float(mean) - half, float(mean) + half]
    return cell | dict(zip(("sd", "se", "ci_low", "ci_high"), spread, strict=True))


def clopper_pearson(n: int, denominator: int) -> Cell:
    low = stats.beta.ppf(0.025, n, denominator - n + 1) if n else 0
    high = stats.beta.ppf(0.975, n + 1, denominator - n) if n < denominator else 1
    return {"ci_low": 100 * low, "ci_high": 100 * high}


def wilson(n: int, denominator: int, z: float) -> tuple[float, float]:
    middle, half = n + z**2 / 2, z * math.sqrt(n * (denominator - n) / denominator + z**2 / 4)
    return (middle - half) / (denominator + z**2), (middle + half) / (denominator + z**2)


def newcombe(reference: Counts, comparator: Counts, level: float = 0.95) -> Cell:
    z = stats.norm.isf((1 - level) / 2)
    if not (reference[1] and comparator[1]):
        return EMPTY
    p0, p1 = reference[0] / reference[1], comparator[0] / comparator[1]
    (l0, u0), (l1, u1) = wilson(*reference, z), wilson(*comparator, z)
    d = p1 - p0
    return {
        "difference": 100 * d,
        "ci_low": 100 * (d - math.hypot(p1 - l1, u0 - p0)),
        "ci_high": 100 * (d + math.hypot(u1 - p1, p0 - l0)),
    }


def score(reference: Counts, comparator: Counts, d: float) -> float:
    """Miettinen and Nurminen's statistic for a difference, its likelihood maximised under it."""
    (x0, n0), (x1, n1) = reference, comparator

    def fit(p0: float) -> float:
        p1 = p0 + d
        return -sum(
            x * math.log(p) if x else 0
            for x, p in ((x0, p0), (x1, p1), (n0 - x0, 1 - p0), (n1 - x1, 1 - p1))
        )

    low, high = max(1e-13, -d + 1e-13), min(1 - 1e-13, 1 - d - 1e-13)
    p0 = optimize.minimize_scalar(
        fit, bounds=(low, high), method="bounded", options={"xatol": 1e-14}
    ).x
    p1 = p0 + d
    variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * (n0 + n1) / (n0 + n1 - 1)
    return (x1 / n1 - x0 / n0 - d) / math.sqrt(variance)


def miettinen_nurminen(reference: Counts, comparator: Counts) -> Cell:
    if not (reference[1] and comparator[1]):
        return EMPTY
    d = comparator[0] / comparator[1] - reference[0] / reference[1]
    low, high = -1.0, 1.0
    if d > low:
        low = optimize.brentq(
            lambda x: score(reference, comparator, x) - Z, -1 + 1e-9, d - 1e-9, xtol=1e-13
        )
    if d < high:
        high = optimize.brentq(
            lambda x: score(reference, comparator, x) + Z, d + 1e-9, 1 - 1e-9, xtol=1e-13
        )
    return {"difference": 100 * d, "ci_low": 100 * low, "ci_high": 100 * high}


def pearson(*groups: Counts) -> Cell:
    table = [[n, result - n] for n, result in groups]
    if not all(result for _, result in groups) or not all(map(sum, zip(*table, strict=True))):
        return {"p": None}
    return {"p": stats.chi2_contingency(table, correction=False).pvalue}


def fisher(*groups: Counts) -> Cell:
    if not all(result for _, result in groups):
        return {"p": None}
    return {"p": stats.fisher_exact([[n, result - n] for n, result in groups]).pvalue}


def means(groups: Sequence[Sequence[Fraction]], *, equal: bool, level: float = 0.95) -> Cell:
    """Give the difference of two means.

    The first being the reference, with Student's or Welch's t.
    """
    reference, result = ([float(item) for item in group] for group in groups)
    least = min(len(reference), len(result))
    if not least or len(reference) + len(result) <= ENOUGH or (least < ENOUGH and not equal):
        return EMPTY | {"p": None}
    test = stats.ttest_ind(result, reference, equal_var=equal)
    interval = test.confidence_interval(level)
    return {
        "difference": np.mean(result) - np.mean(reference),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "p": test.pvalue,
    }


def anova(groups: Sequence[Sequence[Fraction]]) -> Cell:
    if not all(groups) or sum(map(len, groups)) <= len(groups):
        return {"p": None}
    return {"p": stats.f_oneway(*[[float(item) for item in group] for group in groups]).pvalue}


def mantel_haenszel(strata: dict[object, list[tuple[bool, bool]]]) -> Cell:
    """Cochran, Mantel and Haenszel's test of (group, answer) over strata, without correction."""
    tables = [
        np.array(
            [[sum(pair == (g, a) for pair in pairs) for a in (True, False)] for g in (True, False)]
        )
        for pairs in strata.values()
    ]
    varied = [t for t in tables if t.sum(0).all() and t.sum(1).all()]
    return {"p": StratifiedTable(varied).test_null_odds(correction=False).pvalue} if varied else {}


def kaplan_meier(days: Sequence[int], events: Sequence[bool]) -> list[tuple[int, Fraction, float]]:
    """Give the curve after each day of an event: its level, and Greenwood's sum."""
    level, greenwood, curve = Fraction(1), 0.0, []
    for day in sorted({d for d, e in zip(days, events, strict=True) if e}):
        at_risk = sum(d >= day for d in days)
        deaths = sum(d == day and e for d, e in zip(days, events, strict=True))
        level *= Fraction(at_risk - deaths, at_risk)
        greenwood = (
            greenwood + deaths / (at_risk * (at_risk - deaths)) if at_risk > deaths else math.inf
        )
        curve.append((day, level, greenwood))
    return curve


def limits(level: Fraction, greenwood: float) -> tuple[float, float] | None:
    """Log-log limits of a level of the curve; None where they are not defined."""
    if level in {0, 1}:
        return None
    s = float(level)
    half = Z * math.sqrt(greenwood) / abs(math.log(s))
    return s ** math.exp(half), s ** math.exp(-half)


def time_at(curve: list[tuple[int, Fraction, float]], share: Fraction, last: int) -> Cell:
    """Give the first day on which at most a share is left, and the limits of that day."""
    items = [day for day, level, _ in curve if level <= share]
    exact = next((k for k, (_, level, _) in enumerate(curve) if level == share), None)
    days: object = Fraction(items[0]) if items else None
    if exact is not None:
        days = (
            Fraction(curve[exact][0] + curve[exact + 1][0], 2)
            if exact + 1 < len(curve)
            else Fraction(curve[exact][0] + last, 2)
        )
    result = [
        (day, limits(level, greenwood) or (float(level), float(level)))
        for day, level, greenwood in curve
    ]
    lows = [day for day, (low, _) in result if low <= share]
    highs = [day for day, (_, high) in result if high <= share]
    return {
        "days": days,
        "ci_low": lows[0] if lows else None,
        "ci_high": highs[0] if highs else None,
    }


def log_rank(
    days: Sequence[int], events: Sequence[bool], groups: Sequence[object], strata: Sequence[object]
) -> Cell:
    values = {"strata": np.array(strata)} if len(set(strata)) > 1 else {}
    return {"p": survdiff(np.array(days), np.array(events, int), np.array(groups), **values)[1]}


def covariance(
    rows: Sequence[tuple[str, float, float, tuple[str, ...]]],
    levels: Sequence[tuple[str, ...]],
    arms: Sequence[str],
    *,
    observed: bool,
) -> tuple[dict[str, Cell], dict[tuple[str, str], Cell]]:
    """Least-squares means and differences of a response by arm.

    Baseline and factors (arm, response, base, factors).
    """
    design = np.array([vector(arm, base, factors, levels, arms) for arm, _, base, factors in rows])
    if not rows or np.linalg.matrix_rank(design) < design.shape[1]:
        return {arm: {"n": sum(r[0] == arm for r in rows)} for arm in arms}, {}
    response = np.array([row[1] for row in rows])
    coefficients, *_ = np.linalg.lstsq(design, response)
    freedom = len(rows) - np.linalg.matrix_rank(design)
    residual = response - design @ coefficients
    variance = residual @ residual / freedom * np.linalg.inv(design.T @ design)
    middle = float(np.mean([row[2] for row in rows]))
    typical = {arm: np.array(vector(arm, middle, None, levels, arms)) for arm in arms}
    if observed:
        shares = design[:, len(arms) + 1 :].mean(axis=0)
        for item in typical.values():
            item[len(arms) + 1 :] = shares
    t = stats.t.ppf(0.975, freedom)

    def estimate(weights: np.ndarray, name: str) -> Cell:
        value, se = float(weights @ coefficients), math.sqrt(weights @ variance @ weights)
        cell: Cell = {name: value, "se": se, "ci_low": value - t * se, "ci_high": value + t * se}
        return cell | (
            {"p": 2 * stats.t.sf(abs(value / se), freedom)} if name == "difference" else {}
        )

    alone = {
        arm: estimate(typical[arm], "lsmean") | {"n": sum(r[0] == arm for r in rows)}
        for arm in arms
    }
    return alone, {
        (a, b): estimate(typical[b] - typical[a], "difference")
        for a in arms
        for b in arms
        if a != b
    }


def vector(
    arm: str,
    base: float,
    factors: tuple[str, ...] | None,
    levels: Sequence[tuple[str, ...]],
    arms: Sequence[str],
) -> list[float]:
    """Give a row of the design.

    An indicator an arm, the baseline, and all but the first level of each factor.
    """
    coded = [[float(arm == item) for item in arms], [base]]
    for index, names in enumerate(levels):
        coded.append(
            [
                1 / len(names) if factors is None else float(factors[index] == name)
                for name in names[1:]
            ]
        )
    return [item for part in coded for item in part]


def poisson(n: int, years: float, per: int) -> Cell:
    low = stats.chi2.ppf(0.025, 2 * n) / 2 if n else 0.0
    return {
        "n": n,
        "years": years,
        "rate": per * n / years,
        "ci_low": per * low / years,
        "ci_high": per * stats.chi2.ppf(0.975, 2 * n + 2) / 2 / years,
    }


def fisher_of_levels(reference: Sequence[int], comparator: Sequence[int]) -> float | None:
    """Fisher's exact test of a table of two groups.

    All tables of its margins that are no more likely.
    """
    totals, n = [a + b for a, b in zip(reference, comparator, strict=True)], sum(reference)
    if not n or not sum(comparator) or sum(map(bool, totals)) < ENOUGH:
        return None
    tables = [pair for pair in product(*(range(t + 1) for t in totals)) if sum(pair) == n]

    def weight(table: Sequence[int]) -> int:
        return math.prod(math.comb(t, k) for t, k in zip(totals, table, strict=True))

    bound = weight(reference)
    return sum(w for w in map(weight, tables) if w <= bound) / math.comb(sum(totals), n)


def tango(first: int, second: int, n: int) -> Cell:
    """Give Tango's score interval (1998) of the second's percentage less the first's, of pairs."""

    def score(d: float) -> float:
        b, c = -first - second + (2 * n - second + first) * d, -first * d * (1 - d)
        q = (math.sqrt(b * b - 8 * n * c) - b) / (4 * n)
        return (second - first - n * d) / math.sqrt(n * (2 * q + d * (1 - d)))

    if not first + second:
        bound = 100 * Z**2 / (n + Z**2)
        return {"ci_low": -bound, "ci_high": bound}
    d = (second - first) / n
    low, high = -1 + 1e-9, 1 - 1e-9
    return {
        "ci_low": 100 * optimize.brentq(lambda x: score(x) - Z, low, d, xtol=1e-14),
        "ci_high": 100 * optimize.brentq(lambda x: score(x) + Z, d, high, xtol=1e-14),
    }


def proportion(
    n: int, denominator: int, method: str, level: float = 0.95, limits: str = "both"
) -> Cell:
    """Give an interval of a percentage; one-sided, the whole error is on that side."""
    if not denominator:
        return {}
    tail = (1 - level) / (2 if limits == "both" else 1)
    z, p = stats.norm.isf(tail), n / denominator
    if method == "clopper-pearson":
        low = stats.beta.ppf(tail, n, denominator - n + 1) if n else 0
        high = stats.beta.isf(tail, n + 1, denominator - n) if n < denominator else 1
    elif method == "jeffreys":
        low, high = stats.beta.ppf([tail, 1 - tail], n + 0.5, denominator - n + 0.5)
        low, high = low if n else 0, high if n < denominator else 1
    else:
        whole = denominator if method == "wald" else denominator + z * z
        middle = p if method == "wald" else (n + z * z / 2) / whole
        spread = {
            "wald": p * (1 - p) / denominator,
            "wilson": (p * (1 - p) / denominator + z * z / (4 * denominator * denominator))
            / (1 + z * z / denominator) ** 2,
            "agresti-coull": middle * (1 - middle) / whole,
        }[method]
        half = z * math.sqrt(spread)
        low, high = max(0, middle - half), min(1, middle + half)
    return {
        name: 100 * value
        for name, value, unbounded in (("ci_low", low, "upper"), ("ci_high", high, "lower"))
        if limits != unbounded
    }


def widely_described(
    values: Sequence[Fraction], method: str = "t", level: float = 0.95, limits: str = "both"
) -> Cell:
    """Every statistic of a measure, its intervals by a method and of a level."""
    ordered, n = sorted(values), len(values)
    cell = described(ordered)
    tail = (1 - level) / (2 if limits == "both" else 1)

    def interval(prefix: str, middle: float, sd: float, scale: object) -> None:
        factor = stats.norm.isf(tail) if method == "z" else stats.t.isf(tail, n - 1)
        half = factor * sd / math.sqrt(n)
        cell[f"{prefix}_low"], cell[f"{prefix}_high"] = scale(middle - half), scale(middle + half)

    shares = {"p1": 1, "p5": 5, "p10": 10, "p90": 90, "p95": 95, "p99": 99}
    cell |= dict.fromkeys(("sum", "cv", *shares, "iqr", "range", *MEDIAN, *GEOMETRIC))
    if not n:
        return cell
    cell["sum"], cell["range"] = sum(ordered), ordered[-1] - ordered[0]
    cell["iqr"] = cell["q3"] - cell["q1"]
    cell |= {name: quantile(ordered, Fraction(k, 100)) for name, k in shares.items()}
    covering = [
        r
        for r in range(1, n // 2 + 1)
        if sum(math.comb(n, k) for k in range(r, n - r + 1)) >= Fraction(str(level)) * 2**n
    ]
    if covering:
        r = max(covering)
        cell["median_ci_low"], cell["median_ci_high"] = ordered[r - 1], ordered[n - r]
    if n > 1:
        interval("ci", float(cell["mean"]), cell["sd"], float)
        cell["cv"] = 100 * cell["sd"] / float(cell["mean"]) if cell["mean"] else None
    if ordered[0] > 0:
        logs = [math.log(value) for value in ordered]
        cell["geometric_mean"] = math.exp(sum(logs) / n)
        if n > 1:
            sd = float(np.std(logs, ddof=1))
            cell["geometric_sd"], cell["geometric_cv"] = (
                math.exp(sd),
                100 * math.sqrt(math.expm1(sd * sd)),
            )
            interval("geometric_mean_ci", sum(logs) / n, sd, math.exp)
    return cell


def rate_ratio(reference: tuple[int, float], comparator: tuple[int, float]) -> Cell:
    """Compare two rates exactly: given all events, those of the other group are binomial."""
    (n0, years0), (n1, years1) = reference, comparator
    n, scale = n0 + n1, years0 / years1
    if not n:
        return {"rate_ratio": None, "ci_low": None, "ci_high": None, "p": None}
    low = stats.beta.ppf(0.025, n1, n0 + 1) if n1 else 0.0
    high = stats.beta.isf(0.025, n1 + 1, n0) if n0 else None
    return {
        "rate_ratio": n1 / n0 * scale if n0 else None,
        "ci_low": low / (1 - low) * scale,
        "ci_high": None if high is None else high / (1 - high) * scale,
        "p": stats.binomtest(n1, n, years1 / (years0 + years1)).pvalue,
    }
