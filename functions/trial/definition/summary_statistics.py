"""The statistics of a summary: names, what each is called, how it is computed and printed.

A new one has its entry here, its estimate in `statistics/moments.py` or `statistics/tallies.py`,
and a line in `tables/rows/summaries.py`; documents take their words from here.
"""

from collections.abc import Mapping
from typing import Literal

from trial.deferred import dataclass
from trial.statistics.tallies import QUARTILES

Statistic = Literal[
    "n",
    "mean",
    "sd",
    "se",
    "ci",
    "median",
    "q1",
    "q3",
    "min",
    "max",
    "sum",
    "cv",
    "median_ci",
    "iqr",
    "range",
    "p1",
    "p5",
    "p10",
    "p90",
    "p95",
    "p99",
    "geometric_mean",
    "geometric_mean_ci",
    "geometric_sd",
    "geometric_cv",
]


@dataclass(frozen=True)
class SummaryStatistic:
    """What documents say of a statistic.

    `more_decimals` it shows beyond those of the data or, where it is not in their unit, decimals
    of its own (`own_decimals`). `ordered`: no sum tells it, so that every value is kept, in a
    tally. `usual`: Methods describe it whether it is used or not. An interval has the two `limits`
    as statistics, and is `of` another statistic.
    """

    label: str
    full_name: str
    method: str
    more_decimals: int = 0
    ordered: bool = False
    own_decimals: int | None = None
    usual: bool = True
    of: str = ""

    @property
    def pattern(self) -> str:
        """How it is printed of whole numbers, as ARS writes patterns."""
        decimals = self.more_decimals if self.own_decimals is None else self.own_decimals
        return "X" + ("." + "X" * decimals if decimals else "")


PERCENTILES = (1, 5, 10, 90, 95, 99)
_ORDINALS = {1: "1st", 5: "5th", 10: "10th", 90: "90th", 95: "95th", 99: "99th"}
_POSITIVE = "none where a value is 0 or less"

SUMMARY_STATISTICS: Mapping[str, SummaryStatistic] = {
    "n": SummaryStatistic("n", "Number of subjects with a value", "Subjects with a value"),
    "mean": SummaryStatistic(
        "Mean",
        "Arithmetic mean",
        "Sum of the values over their number; one decimal more than the data",
        1,
    ),
    "sd": SummaryStatistic(
        "SD", "Standard deviation", "Standard deviation with n - 1 below; two decimals more", 2
    ),
    "se": SummaryStatistic(
        "SE", "Standard error", "SD over the square root of n; two decimals more", 2
    ),
    "ci": SummaryStatistic(
        "Interval of a mean",
        "Confidence interval",
        "Student's t with n - 1 degrees of freedom, 95 %",
        1,
        of="mean",
    ),
    "median": SummaryStatistic(
        "Median",
        "Median",
        "The middle value, or the mean of the two in the middle",
        1,
        ordered=True,
    ),
    "q1": SummaryStatistic(
        "Q1",
        "First quartile",
        f"{QUARTILES[0].upper()}{QUARTILES[1:]} (empirical distribution with averaging)",
        1,
        ordered=True,
    ),
    "q3": SummaryStatistic("Q3", "Third quartile", "Likewise", 1, ordered=True),
    "min": SummaryStatistic("Minimum", "Minimum", "The smallest value", ordered=True),
    "max": SummaryStatistic("Maximum", "Maximum", "The greatest value", ordered=True),
    "sum": SummaryStatistic("Sum", "Sum", "Sum of the values", usual=False),
    "cv": SummaryStatistic(
        "CV %",
        "Coefficient of variation, in percent",
        "100 times the SD over the mean; one decimal; none where the mean is 0",
        own_decimals=1,
        usual=False,
    ),
    "median_ci": SummaryStatistic(
        "Interval of the median",
        "Confidence interval of the median",
        "The values of ranks r and n + 1 - r, with the greatest r for which the binomial"
        " distribution of n values with share 1/2 leaves at most half of the error below r: so it"
        " covers the median with at least its level; none where n is too small",
        1,
        ordered=True,
        usual=False,
        of="median",
    ),
    "iqr": SummaryStatistic(
        "IQR",
        "Interquartile range",
        "Third less first quartile",
        1,
        ordered=True,
        usual=False,
    ),
    "range": SummaryStatistic("Range", "Range", "Maximum less minimum", ordered=True, usual=False),
    **{
        f"p{percent}": SummaryStatistic(
            f"P{percent}",
            f"{_ORDINALS[percent]} percentile",
            f"As {QUARTILES}: the value at n times {percent}/100 rounded up; if that is a whole"
            " number, the mean of that value and the next",
            1,
            ordered=True,
            usual=False,
        )
        for percent in PERCENTILES
    },
    "geometric_mean": SummaryStatistic(
        "Geometric mean",
        "Geometric mean",
        f"e to the mean of the natural logarithms; {_POSITIVE}",
        1,
        ordered=True,
        usual=False,
    ),
    "geometric_mean_ci": SummaryStatistic(
        "Interval of the geometric mean",
        "Confidence interval of the geometric mean",
        f"e to the limits of the interval of the mean logarithm; {_POSITIVE}",
        1,
        ordered=True,
        usual=False,
        of="geometric_mean",
    ),
    "geometric_sd": SummaryStatistic(
        "Geometric SD",
        "Geometric standard deviation",
        f"e to the SD of the natural logarithms; two decimals; {_POSITIVE}",
        ordered=True,
        own_decimals=2,
        usual=False,
    ),
    "geometric_cv": SummaryStatistic(
        "Geometric CV %",
        "Geometric coefficient of variation, in percent",
        "100 times the square root of e to the variance of the natural logarithms less 1; one"
        f" decimal; {_POSITIVE}",
        ordered=True,
        own_decimals=1,
        usual=False,
    ),
}

ESTIMATED = {
    name: statistic
    for name, statistic in SUMMARY_STATISTICS.items()
    if name != "n" and not statistic.of
}
"""Those that are one number and no count: a cell has each by its own name."""
SUMMARY_ALONE = ESTIMATED.keys() - {"se"}
"""Those that no other kind of row shows: a cell that has one describes a measure."""
INTERVALS: Mapping[str, tuple[str, str]] = {
    name: (f"{prefix}ci_low", f"{prefix}ci_high")
    for name, statistic in SUMMARY_STATISTICS.items()
    if statistic.of
    for prefix in ["" if name == "ci" else f"{statistic.of}_"]
}
"""The limits that an interval has as statistics of a cell."""
ORDER_STATISTICS = frozenset(
    name for name, statistic in SUMMARY_STATISTICS.items() if statistic.ordered
)
DEFAULT_STATISTICS: list[Statistic] = ["n", "mean", "sd", "median", "min", "max"]
