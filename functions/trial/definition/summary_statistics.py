"""The statistics of a summary: names, what each is called, how it is computed and printed.

A new one has its entry here, its estimate in `statistics/moments.py` or `statistics/tallies.py`,
and a line in `tables/rows/summaries.py`; documents take their words from here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from trial.statistics.tallies import QUARTILES

Statistic = Literal["n", "mean", "sd", "se", "ci", "median", "q1", "q3", "min", "max"]


@dataclass(frozen=True)
class SummaryStatistic:
    """What documents say of a statistic.

    `more_decimals` it shows beyond those of the data. `ordered`: no sum tells it, so that every
    value is kept, in a tally.
    """

    label: str
    full_name: str
    method: str
    more_decimals: int = 0
    ordered: bool = False

    @property
    def pattern(self) -> str:
        """How it is printed of whole numbers, as ARS writes patterns."""
        return "X" + ("." + "X" * self.more_decimals if self.more_decimals else "")


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
}

ESTIMATED = {
    name: statistic for name, statistic in SUMMARY_STATISTICS.items() if name not in {"n", "ci"}
}
"""Those that are one number and no count: a cell has each by its own name."""
SUMMARY_ALONE = ESTIMATED.keys() - {"se"}
"""Those that no other kind of row shows: a cell that has one describes a measure."""
ORDER_STATISTICS = frozenset(
    name for name, statistic in SUMMARY_STATISTICS.items() if statistic.ordered
)
DEFAULT_STATISTICS: list[Statistic] = ["n", "mean", "sd", "median", "min", "max"]
