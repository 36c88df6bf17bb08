"""Ratios by a regression model, in columns that compare: of odds, or of rates."""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, partial

from trial.deferred import dataclass
from trial.statistics.contrasts import Tails
from trial.statistics.families import FAMILIES, LOGISTIC, NEGATIVE_BINOMIAL, Pattern
from trial.statistics.inference import Confidence
from trial.statistics.margins import Margin
from trial.statistics.maximisation import INFINITE, TESTS, Term
from trial.statistics.regression import Regression, Tally
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.comparing import NO_LIMIT, margin_statistics
from trial.tables.rows.interactions import INTERACTION, Interaction
from trial.tables.rows.intervals import LIMIT_NAMES
from trial.tables.rows.kinds import ColumnHead, number_statistic, p_value, row_id

WALD, PROFILE = "wald", "profile"
PROFILE_WORDS = "profile likelihood"
DISPERSION_PLACES = 3

type Levels = tuple[str | None, ...]
"""The covariates of a subject, of which None are not known."""
type _Limits = tuple[Decimal | None, Decimal | None]
type TalliesByLevels = Mapping[Levels, Tally]


@dataclass(frozen=True)
class RatioModel:
    """A model of the columns compared: its family, what it is adjusted for, and what is shown.

    `confidences` are by column.
    """

    family: str
    covariates: int
    test: str
    interval: str
    places: int
    interaction: Interaction | None
    confidences: Sequence[Confidence]
    margin: Margin | None = None
    """What the ratio of all must keep: not those at the levels of an interaction."""

    def rows(
        self, row: Row, heads: Sequence[ColumnHead], tallies: Mapping[int, TalliesByLevels]
    ) -> list[Row]:
        """Return a row with the ratios in it, and those of an interaction below it."""
        designs = {
            place: _Designs(self, [tallies.get(i, {}) for i in head.comparison.columns])
            for place, head in enumerate(heads)
            if head.comparison is not None
        }
        ratios = (
            self._cell(
                heads[place].id, place, designs[place].common, designs[place].arms, self.margin
            )
            for place in designs
        )
        footnotes = (*row.notes, *notes.margin(row.label, self.margin))
        whole = Row(row.id, row.label, row.level, (*row.cells, *ratios), notes=footnotes)
        return [whole, *(self._interaction(row, heads, designs) if self.interaction else ())]

    def _interaction(
        self, row: Row, heads: Sequence[ColumnHead], designs: "Mapping[int, _Designs]"
    ) -> Iterator[Row]:
        """Yield the test of an interaction and, at each level, the ratio of the model with it."""
        interaction = self.interaction
        assert interaction is not None
        cells = tuple(
            self._test(heads[place].id, design.crossed, design.products)
            for place, design in designs.items()
        )
        inner = row.level + 1
        yield Row(
            row_id(row.id, INTERACTION), f"Interaction with {interaction.label}", inner, cells
        )
        crossing_levels = sorted(
            {level for design in designs.values() for level in design.crossing}
        )
        for level, label in (
            interaction.levels or dict(zip(crossing_levels, crossing_levels, strict=True))
        ).items():
            cells = tuple(
                self._cell(heads[place].id, place, design.nested, design.at(level))
                for place, design in designs.items()
            )
            yield Row(row_id(row.id, INTERACTION, level), label, inner + 1, cells)

    def _test(self, column: str, model: Regression | None, products: Sequence[int]) -> Cell:
        """Return the P value of an interaction."""
        if model is None:
            return Cell(column)
        term = model.term(products, self.test)
        method = f"{self._method}, {TESTS[self.test]} of the interaction"
        return Cell(column, (p_value(term.p, term.reason),), method)

    def _cell(
        self, column: str, place: int, model: Regression | None, arms: Sequence[int],
        margin: Margin | None = None,
    ) -> Cell:  # fmt: skip
        """Return the ratio of two columns with its interval, and the P value of all."""
        if model is None:
            return Cell(column)
        confidence, term = self.confidences[place], model.term(arms, self.test)
        method = f"{self._method}, {TESTS[self.test]}"
        if model.separation:
            method = f"{method}, {model.separation}"
        if len(arms) != 1:
            return Cell(column, (p_value(term.p, term.reason), *self._dispersion(model)), method)
        estimate = None if term.estimate is None else term.estimate.ratio()
        limits, absent = self._interval(model, term, arms[0], confidence)
        statistics = (
            number_statistic(self.statistic, estimate, self.places, term.reason),
            *self._limits(limits, absent, confidence),
            *margin_statistics(margin, limits, partial(self._tails, term), null=1),
            p_value(term.p, term.reason),
            *self._dispersion(model),
        )
        words = f"{PROFILE_WORDS}, {confidence.words}" if self._by_profile else confidence.words
        return Cell(column, statistics, f"{method}, {words}", confidence.label)

    def _interval(
        self, model: Regression, term: Term, arm: int, confidence: Confidence
    ) -> tuple[_Limits | None, str]:
        """Return both limits, and what stands in place of one that there is not.

        Of an infinite estimate the profile may have one.
        """
        level = confidence.two_sided
        if self._by_profile and (term.estimate is not None or term.reason == INFINITE):
            return model.ratio_limits(arm, level), NO_LIMIT
        return (None if term.estimate is None else term.estimate.ratio_interval(level)), ""

    def _limits(
        self, limits: _Limits | None, absent: str, confidence: Confidence
    ) -> Iterator[Statistic]:
        """Yield the limits that are asked for."""
        by_side: Mapping[str, Decimal | None] = confidence.chosen(limits)
        for side, limit in by_side.items():
            yield number_statistic(LIMIT_NAMES[side], limit, self.places, absent)

    def _tails(self, term: Term, ratio: Fraction) -> Tails | None:
        """Return the shares beyond a ratio on either side; the profile has no such test."""
        if self._by_profile or term.estimate is None:
            return None
        return term.estimate.ratio_tails(ratio)

    def _dispersion(self, model: Regression) -> tuple[Statistic, ...]:
        if self.family != NEGATIVE_BINOMIAL or model.dispersion is None:
            return ()
        return (number_statistic("dispersion", model.dispersion, DISPERSION_PLACES),)

    @property
    def statistic(self) -> str:
        """What its ratio is of, as a statistic's name."""
        return "odds_ratio" if self.family == LOGISTIC else "rate_ratio"

    @property
    def _by_profile(self) -> bool:
        return self.interval == PROFILE

    @property
    def _method(self) -> str:
        return FAMILIES[self.family] + (", adjusted" if self.covariates else "")


@dataclass(frozen=True)
class _Designs:
    """The models of the columns compared: one in common, and with an interaction two forms of it.

    The first column is the reference, of each covariate the first level. Covariates stand before
    arms, so that what they determine is not taken for an effect of the arm. There is no model
    where a column has nobody.
    """

    asked: RatioModel
    compared: Sequence[TalliesByLevels]

    @cached_property
    def _complete(self) -> list[TalliesByLevels]:
        """Who has all covariates."""
        return [
            {levels: tally for levels, tally in by_levels.items() if None not in levels and tally}
            for by_levels in self.compared
        ]

    @cached_property
    def _shown(self) -> list[list[str]]:
        """The levels of each covariate that occur."""
        return [
            sorted({str(levels[place]) for by_levels in self._complete for levels in by_levels})
            for place in range(self.asked.covariates)
        ]

    @property
    def _first(self) -> int:
        """The place of the first column of arms: an intercept and covariates stand before it."""
        return 1 + sum(len(level_list) - 1 for level_list in self._shown)

    @property
    def _others(self) -> range:
        return range(1, len(self.compared))

    @cached_property
    def arms(self) -> Sequence[int]:
        """The columns of the common model that tell the columns compared apart."""
        return range(self._first, self._first + len(self._others))

    @cached_property
    def products(self) -> Sequence[int]:
        """The columns of an interaction, after those of the common model."""
        first = self._first + len(self._others)
        return range(first, first + len(self._others) * (len(self.crossing) - 1))

    def at(self, level: str) -> Sequence[int]:
        """Return the columns that tell the columns compared apart at a level."""
        if level not in self.crossing:
            return ()
        first = self._first + self.crossing.index(level) * len(self._others)
        return range(first, first + len(self._others))

    @cached_property
    def common(self) -> Regression | None:
        """The model without an interaction."""
        return self._model([None])

    @cached_property
    def crossed(self) -> Regression | None:
        """The model with an interaction, as what it adds to the common one."""
        return self._model([None, *self.crossing[1:]])

    @cached_property
    def nested(self) -> Regression | None:
        """The model with an interaction, as an effect at each level."""
        return self._model(self.crossing)

    @cached_property
    def crossing(self) -> Sequence[str]:
        """The levels of the covariate that an interaction is with, as they occur."""
        return self._shown[self.asked.interaction.place] if self.asked.interaction else ()

    def _model(self, at: Sequence[str | None]) -> Regression | None:
        """Return the model with an effect of arms at some levels, of which None are all."""
        if not all(self._complete):
            return None
        tallies: dict[Pattern, dict[tuple[int, int], int]] = {}
        for arm, by_levels in enumerate(self._complete):
            for levels, tally in by_levels.items():
                coded = (
                    int(level == reference)
                    for level, level_list in zip(levels, self._shown, strict=True)
                    for reference in level_list[1:]
                )
                own_level = levels[self.asked.interaction.place] if self.asked.interaction else None
                effects = (
                    int(arm == compared_arm and level in (None, own_level))
                    for level in at
                    for compared_arm in self._others
                )
                into = tallies.setdefault((1, *coded, *effects), {})
                for key, n in tally.items():
                    into[key] = into.get(key, 0) + n
        width = self._first + len(at) * len(self._others)
        return Regression(self.asked.family, tallies, width)


def left_out(tallies: TalliesByLevels) -> int:
    """Return how many subjects are in no model, for lack of a covariate."""
    return sum(sum(tally.values()) for levels, tally in tallies.items() if None in levels)
