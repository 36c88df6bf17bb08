"""The restricted mean of a row of times, in each column and in columns that compare two."""

from collections.abc import Iterator, Mapping, Sequence

from trial.deferred import dataclass
from trial.statistics.inference import NOT_ESTIMABLE, Confidence, NormalEstimate
from trial.statistics.survival import (
    RESTRICTED_MEAN,
    Curve,
    restricted_difference,
    restricted_log_ratio,
)
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.intervals import limit_statistics
from trial.tables.rows.kinds import ColumnHead, number_statistic, p_value

TOO_SHORT = "not followed so long"
"""In place of a mean to a day that lies beyond the last one observed."""
_RATIO_PLACES, _PAIR = 2, 2


@dataclass(frozen=True)
class RestrictedMeans:
    """The means of times up to some days: what compares them, decimals of days, levels by column.

    A mean to a day is that of the time or of the day, whichever is less.
    """

    days: Sequence[int]
    contrasts: Sequence[str]
    places: int
    confidences: Sequence[Confidence]

    def rows(
        self, row: Row, heads: Sequence[ColumnHead], curves: Mapping[int, Curve]
    ) -> Iterator[Row]:
        """Yield a row for each day and, if asked for, one of ratios, below a row."""
        for day in self.days:
            means = {i: curve.restricted_mean(day) for i, curve in curves.items() if curve.n}
            cells = tuple(
                cell
                for place, head in enumerate(heads)
                for cell in [self._cell(head, place, means)]
                if cell is not None
            )
            label = f"Restricted mean to day {day} (days)"
            yield Row(f"{row.id}/mean-{day}", label, row.level + 1, cells)
            if "ratio" in self.contrasts:
                ratios = tuple(
                    self._ratio(head, place, means)
                    for place, head in enumerate(heads)
                    if head.comparison is not None
                )
                label = f"Ratio of the restricted means to day {day}"
                yield Row(f"{row.id}/mean-{day}-ratio", label, row.level + 1, ratios)

    def _cell(
        self, head: ColumnHead, place: int, means: Mapping[int, NormalEstimate | None]
    ) -> Cell | None:
        confidence = self.confidences[place]
        method = f"{RESTRICTED_MEAN}, {confidence.words}"
        if head.comparison is not None:
            statistics = self._difference(_compared(head, means), confidence)
            is_shown = "difference" in self.contrasts
            return self._made(head, statistics, method, confidence) if is_shown else None
        if place not in means:
            return Cell(head.id)
        mean = means[place]
        if mean is None:
            statistics = (Statistic("restricted_mean", None, TOO_SHORT),)
            return self._made(head, statistics, method, confidence)
        limits = confidence.chosen(mean.interval(confidence.two_sided))
        statistics = (
            number_statistic("restricted_mean", mean.estimate, self.places),
            number_statistic("se", mean.se, self.places + 1),
            *limit_statistics(limits, self.places),
        )
        return self._made(head, statistics, method, confidence)

    def _difference(
        self, pair: Sequence[NormalEstimate | None], confidence: Confidence
    ) -> tuple[Statistic, ...]:
        if not pair:
            return ()
        reference, compared = pair
        if reference is None or compared is None:
            return Statistic("difference", None, TOO_SHORT), p_value(None, TOO_SHORT)
        gain = restricted_difference(reference, compared)
        limits = confidence.chosen(gain.interval(confidence.two_sided))
        return (
            number_statistic("difference", gain.estimate, self.places),
            *limit_statistics(limits, self.places),
            p_value(gain.p, NOT_ESTIMABLE),
        )

    def _ratio(
        self, head: ColumnHead, place: int, means: Mapping[int, NormalEstimate | None]
    ) -> Cell:
        confidence, pair = self.confidences[place], _compared(head, means)
        if not pair:
            return Cell(head.id)
        reference, compared = pair
        method = f"{RESTRICTED_MEAN}, {confidence.words}"
        if reference is None or compared is None:
            statistics = Statistic("mean_ratio", None, TOO_SHORT), p_value(None, TOO_SHORT)
            return self._made(head, statistics, method, confidence)
        ratio = restricted_log_ratio(reference, compared)
        if ratio is None:
            statistics = Statistic("mean_ratio", None, NOT_ESTIMABLE), p_value(None, NOT_ESTIMABLE)
            return self._made(head, statistics, method, confidence)
        limits = confidence.chosen(ratio.ratio_interval(confidence.two_sided))
        cell_statistics = (
            number_statistic("mean_ratio", ratio.ratio(), _RATIO_PLACES),
            *limit_statistics(limits, _RATIO_PLACES),
            p_value(ratio.p, NOT_ESTIMABLE),
        )
        return self._made(head, cell_statistics, method, confidence)

    @staticmethod
    def _made(
        head: ColumnHead, statistics: tuple[Statistic, ...], method: str, confidence: Confidence
    ) -> Cell:
        return Cell(head.id, statistics, method if statistics else "", confidence.label)


def _compared(
    head: ColumnHead, means: Mapping[int, NormalEstimate | None]
) -> Sequence[NormalEstimate | None]:
    """Return the means of the two columns compared; none where there are more, or one of nobody."""
    assert head.comparison is not None
    columns = head.comparison.columns
    return (
        [means[i] for i in columns]
        if len(columns) == _PAIR and means.keys() >= set(columns)
        else []
    )
