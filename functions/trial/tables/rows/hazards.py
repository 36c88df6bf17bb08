"""The hazard ratio of a row of times, in columns that compare: Cox's model, read out of tallies."""

from collections.abc import Iterator, Mapping, Sequence

from trial.deferred import dataclass
from trial.rules.categories import Category
from trial.rules.measures import Quantity
from trial.statistics.cox import COX, GRAMBSCH_THERNEAU, TIES, TRANSFORMS, Cox
from trial.statistics.cox import Covariates as Design
from trial.statistics.inference import TOO_MUCH_WORK, Confidence, NormalEstimate
from trial.statistics.margins import Margin
from trial.statistics.maximisation import TESTS
from trial.statistics.survival import Times
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.comparing import margin_statistics
from trial.tables.rows.intervals import limit_statistics
from trial.tables.rows.kinds import ColumnHead, number_statistic, p_value

HAZARD_RATIO, PROPORTIONAL_HAZARDS = "hazard-ratio", "proportional-hazards"
"""The ends of the ids of its rows."""
type Levels = tuple[str | int | None, ...]
"""The strata of a subject and then its covariates, of which None are not known.

A continuous one is in units of the last place that its measure keeps.
"""
type TimesByLevels = Mapping[Levels, Times]
_PAIR = 2


@dataclass(frozen=True)
class HazardModel:
    """Cox's model of a row of times: what it is adjusted for, how it is fitted, what is shown.

    `transform` is the function of time that the check of proportional hazards takes; None without
    a check. `confidences` are by column.
    """

    covariates: Mapping[str, Category]
    continuous: Sequence[Quantity]
    ties: str
    test: str
    transform: str | None
    places: int
    confidences: Sequence[Confidence]
    margin: Margin | None = None

    def covariates_of(self, derivation: Derivation) -> list[str | int | None]:
        """Return the covariates of a subject, the continuous ones last; None where not known."""
        values = [quantity.evaluate(derivation) for quantity in self.continuous]
        return [
            *(covariate(derivation) for covariate in self.covariates.values()),
            *(None if value is None else value.units for value in values),
        ]

    def rows(
        self,
        row: Row,
        heads: Sequence[ColumnHead],
        times: Mapping[int, TimesByLevels],
        strata: int,
    ) -> Iterator[Row]:
        """Yield the hazard ratio and, if asked for, the check, below a row; `times` by column."""
        models = {
            place: _Model.of(self, [times[i] for i in head.comparison.columns], strata)
            for place, head in enumerate(heads)
            if head.comparison is not None
        }
        inner = row.level + 1
        cells = tuple(
            Cell(
                heads[place].id,
                self._statistics(model, self.confidences[place]),
                self._method(model, self.confidences[place]) if model.is_of_all else "",
                self.confidences[place].label,
            )
            for place, model in models.items()
        )
        of_margin = tuple(notes.margin(row.label, self.margin))
        yield Row(f"{row.id}/{HAZARD_RATIO}", "Hazard ratio", inner, cells, notes=of_margin)
        if self.transform is not None:
            method = f"{GRAMBSCH_THERNEAU}, {TRANSFORMS[self.transform]}"
            checks = tuple(
                Cell(heads[place].id, statistics, method if statistics else "")
                for place, model in models.items()
                for statistics in [self._check(model, self.transform)]
            )
            label = "Test of proportional hazards"
            yield Row(f"{row.id}/{PROPORTIONAL_HAZARDS}", label, inner, checks)

    def estimate(self, compared: Sequence[TimesByLevels], strata: int) -> NormalEstimate | None:
        """Return the logarithm of the hazard ratio of two columns, the reference first, if any."""
        model = _Model.of(self, compared, strata)
        return model.cox.term(model.arms, self.test).estimate if model.is_of_all else None

    def _method(self, model: "_Model", confidence: Confidence) -> str:
        stratified = ", stratified" if len(model.cox.strata) > 1 else ""
        adjusted = ", adjusted" if self.covariates or self.continuous else ""
        level = f", {confidence.words}" if len(model.arms) == 1 else ""
        return f"{COX}, {TIES[self.ties]}, {TESTS[self.test]}{stratified}{adjusted}{level}"

    def _statistics(self, model: "_Model", confidence: Confidence) -> tuple[Statistic, ...]:
        if not model.is_of_all:
            return ()
        term = model.cox.term(model.arms, self.test)
        p = p_value(term.p, term.reason)
        if len(model.arms) > 1:
            return (p,)
        if term.estimate is None:
            return Statistic("hazard_ratio", None, term.reason), p
        limits = term.estimate.ratio_interval(confidence.two_sided)
        return (
            number_statistic("hazard_ratio", term.estimate.ratio(), self.places),
            *limit_statistics(confidence.chosen(limits), self.places),
            *margin_statistics(self.margin, limits, term.estimate.ratio_tails, null=1),
            p,
        )

    def _check(self, model: "_Model", transform: str) -> tuple[Statistic, ...]:
        if not model.is_of_all:
            return ()
        return (p_value(model.cox.proportionality(model.arms, transform), TOO_MUCH_WORK),)


@dataclass(frozen=True)
class _Model:
    """A model of the columns compared: `arms` are the columns of the design that tell them apart.

    The first column compared is the reference, of each covariate the first level. Covariates stand
    first, so that what they determine is not taken for an effect of the arm.
    """

    cox: Cox
    arms: Sequence[int]
    is_of_all: bool

    @classmethod
    def of(cls, model: HazardModel, compared: Sequence[TimesByLevels], strata: int) -> "_Model":
        """Design the model; who lacks a covariate is not in it."""
        complete = [
            {levels: times for levels, times in by_levels.items() if None not in levels}
            for by_levels in compared
        ]
        first_number = strata + len(model.covariates)
        contrasted = [
            sorted({str(levels[place]) for by_levels in complete for levels in by_levels})[1:]
            for place in range(strata, first_number)
        ]
        middles = _middles([[*map(_units, levels[first_number:])]
                            for by_levels in complete for levels in by_levels])  # fmt: skip
        by_stratum: dict[Levels, dict[Design, Times]] = {}
        for arm, by_levels in enumerate(complete):
            arms = [int(arm == compared_arm) for compared_arm in range(1, len(compared))]
            for levels, times in by_levels.items():
                coded = [
                    int(level == contrast_level)
                    for level, level_list in zip(
                        levels[strata:first_number], contrasted, strict=True
                    )
                    for contrast_level in level_list
                ]
                coded += [
                    _units(number) - middle
                    for number, middle in zip(levels[first_number:], middles, strict=False)
                ]
                by_stratum.setdefault(levels[:strata], {})[*coded, *arms] = times
        first = sum(map(len, contrasted)) + len(model.continuous)
        width = first + len(compared) - 1
        ordered = [by_stratum[levels] for levels in sorted(by_stratum, key=str)]
        return cls(Cox(ordered, width, model.ties), range(first, width), all(complete))


def _units(number: str | int | None) -> int:
    """Return a continuous covariate, as cells are named by it."""
    assert isinstance(number, int)
    return number


def _middles(rows: Sequence[Sequence[int]]) -> list[int]:
    """Return about the mean of each continuous covariate: the model is the same from any origin."""
    return [sum(column) // len(column) for column in zip(*rows, strict=True)]
