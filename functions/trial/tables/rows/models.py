"""Rows that fit a model to all arms together: strata, and analysis of covariance."""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import ClassVar

from trial.deferred import dataclass
from trial.definition.precision import EXTRA_DECIMALS, Precision
from trial.events.json_body import canonical
from trial.rules.categories import Category
from trial.rules.determination import PendingTest
from trial.rules.matching import Test
from trial.rules.measures import Quantity
from trial.statistics import products
from trial.statistics.cells import Cells, Share, Sums
from trial.statistics.contingency import (
    CMH,
    CMH_GENERAL,
    cochran_mantel_haenszel,
    general_association,
)
from trial.statistics.inference import NOT_ESTIMABLE, Confidence, FRatio, StudentT
from trial.statistics.linear import ANCOVA, EQUAL, OBSERVED, TREND, Fit, Model
from trial.statistics.margins import Margin
from trial.statistics.products import Levels, Products, pool_levels
from trial.statistics.strata import COMMON_CONTRASTS
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.comparing import contrast_statistics, margin_statistics
from trial.tables.rows.counting import not_counted_statistics
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.interactions import INTERACTION, Interaction
from trial.tables.rows.intervals import limit_statistics
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    check_printed,
    count_statistics,
    fewest_places,
    integer_statistic,
    number_statistic,
    p_value,
    put_cell,
    row_id,
)

CHUNKS = 16
"""Rows of sums that the levels of factors are spread over."""
POOLED = "(pooled)"
"""The level that the small levels of a factor are pooled to."""
SMALLEST_DF = 1
"""The least degrees of freedom, which can be fractions, of an interval and of a P value."""
_ARM = "arm"
_WEIGHTS = {"equal": EQUAL, "observed": OBSERVED}
_PAIR = 2


@dataclass(frozen=True)
class InStrataRow(PlacedRow):
    """A condition by column and stratum: who meets it, of those for whom both are known."""

    test: Test
    strata: Sequence[Category]
    pending: PendingTest
    optional_fields: Sequence[str]
    strict_test: Test

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject in its stratum (`d`) and, where the condition holds, once more (`n`).

        In a cell of its own (`l`) if the answer hangs on `optional_fields` of its adverse events.
        """
        levels, holds = (
            [stratum_of(derivation) for stratum_of in self.strata],
            self.test(derivation),
        )
        if holds is None or None in levels:
            names = [] if self.pending(derivation) else ["m"]
        else:
            stratum = canonical(levels)
            names = [f"d{stratum}", *([f"n{stratum}"] if holds else [])]
            names += ["l"] if self.strict_test(derivation) is None else []
        for column, member in enumerate(members):
            if member:
                for name in names:
                    put_cell(share, self.sums, f"{self.index}.{column}.{name}", 1)

    def by_stratum(self, sums: Sums) -> list[tuple[str, dict[int, tuple[int, int]]]]:
        """Return by stratum, in JSON, and column who meets the condition, and who does not."""
        cells, start = sums.get(self.sums, {}), f"{self.index}."
        counts: dict[str, dict[int, tuple[int, int]]] = {}
        for name, number in cells.items():
            if name.startswith(start):
                _, column, cell = name.split(".", 2)
                if stratum := cell[1:]:
                    n, others = counts.setdefault(stratum, {}).get(int(column), (0, 0))
                    counted = cell.startswith("n")
                    pair = (n + number, others - number) if counted else (n, others + number)
                    counts[stratum][int(column)] = pair
        return sorted(counts.items())

    def counted_cells(
        self, sums: Sums, heads: Sequence[ColumnHead], counts: Mapping[int, tuple[int, int]]
    ) -> dict[int, Cell]:
        """Return the cells of columns of subjects, by position: who is counted, and who is not."""
        cells = {}
        for i, head in enumerate(heads):
            if head.comparison is None:
                n, others = counts.get(i, (0, 0))
                missing = sums.get(self.sums, {}).get(f"{self.index}.{i}.m", 0)
                not_counted = not_counted_statistics(head.shown - n - others - missing, missing)
                statistics = count_statistics(n, head, denominator=n + others)
                cells[i] = Cell(head.id, (*statistics, *not_counted))
        return cells

    def lack_notes(self, sums: Sums, heads: Sequence[ColumnHead]) -> Iterator[str]:
        """Yield whose answer hangs on what was not reported."""
        cells = sums.get(self.sums, {})
        lack = (
            (head.label, cells.get(f"{self.index}.{i}.l", 0))
            for i, head in enumerate(heads)
            if head.comparison is None
        )
        yield from notes.optional_fields_notes(self.label, self.optional_fields, lack)


def over_strata(
    counts: Iterable[Mapping[int, tuple[int, int]]],
) -> dict[int, tuple[int, int]]:
    """Return by column what is counted in all strata together."""
    together: dict[int, tuple[int, int]] = {}
    for by_column in counts:
        for column, (n, others) in by_column.items():
            all_n, all_others = together.get(column, (0, 0))
            together[column] = all_n + n, all_others + others
    return together


@dataclass(frozen=True)
class StratifiedRow(InStrataRow):
    """A condition by arm and stratum, for Cochran-Mantel-Haenszel in columns that compare."""

    contrast: str | None = None
    method: str = ""
    confidences: Sequence[Confidence] = ()
    """By column, of the contrast that it shows."""
    margin: Margin | None = None

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Give, of all strata, the subjects counted; and compare columns within strata."""
        strata = self.by_stratum(sums)
        counted = self.counted_cells(sums, heads, over_strata(counts for _, counts in strata))
        row_cells, left_out = [], []
        for i, head in enumerate(heads):
            if head.comparison is None:
                row_cells.append(counted[i])
            else:
                columns = head.comparison.columns
                tested = [
                    [counts.get(compared_column, (0, 0)) for compared_column in columns]
                    for _, counts in strata
                ]
                row_cells.append(self._compared(head, i, tested))
                if self.contrast is not None and len(columns) == _PAIR:
                    sides = zip(strata, tested, strict=True)
                    lone = [stratum for (stratum, _), table in sides if not all(map(any, table))]
                    left_out.append((head.label, [json.loads(stratum) for stratum in lone]))
        footnotes = (
            *self.lack_notes(sums, heads),
            *notes.strata_left_out(self.label, left_out),
            *notes.margin(self.label, self.margin),
        )
        return [Row(self.id, self.label, self.level, tuple(row_cells), notes=footnotes)]

    def _compared(
        self, head: ColumnHead, column: int, tables: Sequence[Sequence[tuple[int, int]]]
    ) -> Cell:
        """Test columns within strata; of two give what is common to the strata, if asked for."""
        tested, method = _association(tables)
        if self.contrast is None or not tested or any(len(table) != _PAIR for table in tables):
            return Cell(head.id, tested, method)
        name, function = COMMON_CONTRASTS[self.contrast][self.method]
        groups = [[(n, n + others) for n, others in table] for table in tables]
        common = function([(compared, reference) for reference, compared in groups])
        if common is None:
            return Cell(head.id, tested, method)
        confidence = self.confidences[column]
        statistics = contrast_statistics(self.contrast, common, confidence, self.margin)
        method_words = f"{name}, {confidence.words}; {method}"
        return Cell(head.id, (*statistics, *tested), method_words, confidence.label)


@dataclass(frozen=True)
class StratifiedLevelsRow(PlacedRow):
    """Levels by arm and stratum, for Cochran-Mantel-Haenszel's test of general association."""

    category: Category
    strata: Sequence[Category]
    pending: PendingTest

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject at its level in its stratum; or as missing (`m`)."""
        stratum = [stratum_of(derivation) for stratum_of in self.strata]
        level = self.category(derivation)
        if level is None or None in stratum:
            cell = "" if self.pending(derivation) else ".m"
        else:
            cell = f"={canonical([level, *stratum])}"
        for column, member in enumerate(members):
            if member and cell:
                put_cell(share, self.sums, f"{self.index}.{column}{cell}", 1)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the subjects counted of all strata; columns are compared within strata."""
        counts = self._counts(sums.get(self.sums, {}))
        places = {place for by_place in counts.values() for place in by_place}
        levels = sorted({level for level, _ in places})
        cells = []
        for i, head in enumerate(heads):
            if head.comparison is None:
                size = sum(counts.get(i, {}).values())
                missing = sums.get(self.sums, {}).get(f"{self.index}.{i}.m", 0)
                not_counted = not_counted_statistics(head.shown - size - missing, missing)
                cells.append(Cell(head.id, (integer_statistic("n", size), *not_counted)))
                continue
            tables = [
                [
                    [counts.get(column, {}).get((level, stratum), 0) for level in levels]
                    for column in head.comparison.columns
                ]
                for stratum in sorted({stratum for _, stratum in places})
            ]
            test = general_association(tables) if tables else None
            method = CMH_GENERAL if test else ""
            cells.append(Cell(head.id, (p_value(test.p),) if test else (), method))
        return [Row(self.id, self.label, self.level, tuple(cells))]

    def _counts(self, cells: Cells) -> dict[int, dict[tuple[str, Levels], int]]:
        """Return by column the subjects at each level of each stratum."""
        counts: dict[int, dict[tuple[str, Levels], int]] = {}
        start = f"{self.index}."
        for name, n in cells.items():
            if name.startswith(start) and "=" in name:
                column, text = name.removeprefix(start).split("=", 1)
                level, *stratum = json.loads(text)
                counts.setdefault(int(column), {})[level, tuple(stratum)] = n
        return counts


def _association(
    strata: Sequence[Sequence[tuple[int, int]]],
) -> tuple[tuple[Statistic, ...], str]:
    pair = all(len(table) == _PAIR for table in strata)
    test = cochran_mantel_haenszel(strata) if pair else general_association(strata)
    return ((p_value(test.p),), CMH if pair else CMH_GENERAL) if test else ((), "")


def arm_in_model(arms: Sequence[str | None], members: Members) -> str | None:
    """Return the arm that a model has a subject in: that of the first column it is shown in."""
    shown_arms = (arm for arm, is_member in zip(arms, members, strict=True) if arm and is_member)
    return next(shown_arms, None)


def check_decimals(precision: Precision, decimals: int, path: str, kind: str) -> None:
    """Refuse decimals that are not kept, where a row at a path names them or else its measure."""
    is_declared = decimals != precision.decimals
    decimals_path = f"{path}/decimals" if is_declared else f"{path}/{kind}/measure"
    check_printed(precision, decimals + EXTRA_DECIMALS, decimals_path)


def estimate_statistics(
    name: str, estimate: StudentT | None, reason: str, places: int, confidence: Confidence
) -> tuple[Statistic, ...]:
    """Return an estimate with its error and, from one degree of freedom on, its limits.

    Where there is none, `reason` says why if that is known.
    """
    if estimate is None:
        return (Statistic(name, None, reason or NOT_ESTIMABLE),)
    statistics = (
        number_statistic(name, estimate.estimate, places),
        number_statistic("se", estimate.se, places + 1),
    )
    if estimate.df < SMALLEST_DF:
        return statistics
    limits = confidence.chosen(estimate.interval(confidence.two_sided))
    return (*statistics, *limit_statistics(limits, places))


class VisitsModelRow:
    """What rows that model a measure at several visits have alike."""

    kind: ClassVar[str]
    """As a definition names it."""
    sums: str
    responses: Sequence[Quantity]
    """The measure at each of the visits."""
    decimals: int

    @property
    def precisions(self) -> list[Precision]:
        """The precision of the measure that it describes."""
        return [self.responses[0].precision]

    def check(self, path: str) -> None:
        """Refuse decimals that are not kept, where the row names them or else its measure."""
        check_decimals(self.responses[0].precision, self.decimals, path, self.kind)

    def touched(self) -> set[str]:
        """Return the rows of sums that it is in before and after a change."""
        return {f"{self.sums}{end}" for end in ("from", "to")}


@dataclass(frozen=True)
class Pool:
    """The levels of a factor to pool: those with fewer than `minimum` of a set in any arm."""

    member: Test
    minimum: int


@dataclass(frozen=True)
class AncovaRow:
    """Analysis of covariance: the model needs only sums by arm and by level of each factor."""

    id: str
    label: str
    level: int
    sums: str
    arms: Sequence[str | None]
    response: Quantity
    covariates: Sequence[Quantity]
    factors: Mapping[str, Category]
    pools: Mapping[str, Pool]
    decimals: int
    weights: str
    scores: Mapping[str, Decimal]
    confidences: Sequence[Confidence]
    """By column, of its least-squares mean or of the difference that it shows."""
    margin: Margin | None = None
    interaction: Interaction | None = None

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Add the subject's values at its levels; and count it where levels may be pooled.

        Which levels are pooled depends on all subjects, so the sums are kept by level as reported
        and pooled when they are read.
        """
        arm = arm_in_model(self.arms, members)
        levels = {name: find(derivation) for name, find in self.factors.items()}
        for name, pool in self.pools.items():
            if pool.member(derivation) and levels[name] is not None:
                cell = canonical([name, levels[name], derivation.planned_arm])
                put_cell(share, self._row("pool", levels[name]), cell, 1)
        values = [quantity.evaluate(derivation) for quantity in (*self.covariates, self.response)]
        if arm is None or None in values or None in levels.values():
            return
        text = canonical([arm, *levels.values()])
        row = self._row("sums", text)
        for name, value in self._products.contribution(
            [quantity_value.units for quantity_value in values if quantity_value]
        ).items():
            put_cell(share, row, f"{name}{text}", value)

    @cached_property
    def _products(self) -> Products:
        return Products(tuple(quantity.places for quantity in (*self.covariates, self.response)))

    @property
    def precisions(self) -> list[Precision]:
        """The precision of the measure that it describes."""
        return [self.response.precision]

    def check(self, path: str) -> None:
        """Refuse decimals that are not kept, where the row names them or else its measure."""
        check_decimals(self.response.precision, self.decimals, path, "ancova")

    @cached_property
    def _kept(self) -> int | None:
        return fewest_places(
            *(quantity.precision for quantity in (*self.covariates, self.response))
        )

    def _row(self, part: str, text: object) -> str:
        return f"{self.sums}{part}-{zlib.crc32(str(text).encode()) % CHUNKS}"

    def touched(self) -> set[str]:
        """Return the rows of its levels before and after a change, and those that pool levels."""
        moved = {f"{self.sums}{end}" for end in ("from", "to")}
        return moved | {f"{self.sums}{name}{end}" for name in self.pools for end in ("from", "to")}

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Read least-squares means, differences from the reference and, with scores, the trend."""
        moments = self._pooled(sums)
        fit = self._model().fit(moments)
        row_cells = tuple(
            cell
            for head, confidence in zip(heads, self.confidences, strict=True)
            if (cell := self._cell(fit, head, heads, confidence)) is not None and cell.statistics
        )
        unit, direction = self.response.unit, self.response.direction
        of_margin = tuple(notes.margin(self.label, self.margin))
        placed = self.id, self.label, self.level
        rows = [Row(*placed, row_cells, unit=unit, direction=direction, notes=of_margin)]
        compared = [head for head in heads if head.comparison]
        widest = max(
            compared,
            key=lambda head: len(head.comparison.columns) if head.comparison else 0,
            default=None,
        )
        if self.interaction is not None:
            rows += self._crossed(self.interaction, moments, heads, widest)
        if self.scores and widest is not None:
            slope = self._model(scored=True).fit(moments).slope(_ARM)
            trend = Cell(widest.id, (p_value(slope.p),) if slope else (), TREND)
            doses = ", ".join(f"{score:f}" for score in sorted(self.scores.values()))
            label = f"Trend over {doses}"
            rows.append(Row(f"{self.id}/trend", label, self.level + 1, (trend,)))
        return rows

    def _crossed(
        self,
        interaction: Interaction,
        moments: products.Sums,
        heads: Sequence[ColumnHead],
        widest: ColumnHead | None,
    ) -> Iterator[Row]:
        """Yield the test of an interaction and, at each level, means and differences."""
        crossed = _ARM, list(self.factors)[interaction.place]
        fit = replace(self._model(), crossed=crossed).fit(moments)
        test = fit.type_three("*".join(crossed))
        cells = () if widest is None else (Cell(widest.id, _test(test), f"{ANCOVA} of it"),)
        inner, unit, direction = self.level + 1, self.response.unit, self.response.direction
        yield Row(
            row_id(self.id, INTERACTION), f"Interaction with {interaction.label}", inner, cells
        )
        occurring = fit.model.levels(crossed[1], fit.sums)
        labels = {
            level: interaction.levels.get(level, level)
            for level in (*interaction.levels, *occurring)
        }
        for level, label in labels.items():
            estimates = tuple(
                cell
                for head, confidence in zip(heads, self.confidences, strict=True)
                if (cell := self._at_level(fit, level, head, heads, confidence)).statistics
            )
            id_ = row_id(self.id, INTERACTION, level)
            yield Row(id_, label, inner + 1, estimates, unit=unit, direction=direction)

    def _at_level(
        self,
        fit: Fit,
        level: str,
        head: ColumnHead,
        heads: Sequence[ColumnHead],
        confidence: Confidence,
    ) -> Cell:
        """Return the mean of an arm at a level, or the difference of two."""
        name, statistics = "lsmean", tuple[Statistic, ...]()
        if head.comparison is None:
            estimate = None if head.arm is None else fit.mean_at(head.arm, level)
        elif len(head.comparison.columns) == _PAIR:
            reference, compared = (heads[i].arm or "" for i in head.comparison.columns)
            name, estimate = "difference", fit.difference_at(compared, reference, level)
        else:
            estimate = None
        if estimate is not None:
            statistics = _estimate(name, estimate, self.decimals + 1, self._kept, confidence)
        statistics_shown = statistics if name == "difference" else statistics[:-1]
        method = _WEIGHTS["equal"] if name == "lsmean" else ANCOVA
        return Cell(head.id, statistics_shown, confidence.named(method), confidence.label)

    def _model(self, *, scored: bool = False) -> Model:
        scores = {arm: Fraction(score) for arm, score in self.scores.items()}
        return Model(
            {_ARM: 0} | {name: place for place, name in enumerate(self.factors, 1)},
            {f"covariate {place}": place for place in range(len(self.covariates))},
            {_ARM: scores} if scored else {},
        )

    def _pooled(self, sums: Share) -> products.Sums:
        """Read the sums by levels, with the small levels of a factor made one."""
        cells_by_levels: dict[Levels, Cells] = {}
        sizes: dict[str, dict[str, dict[str, int]]] = {}
        for chunk in range(CHUNKS):
            for cell, value in sums.get(f"{self.sums}sums-{chunk}", {}).items():
                name, text = cell[: cell.index("[")], cell[cell.index("[") :]
                cells_by_levels.setdefault(tuple(json.loads(text)), {})[name] = value
            for cell, value in sums.get(f"{self.sums}pool-{chunk}", {}).items():
                factor, level, arm = json.loads(cell)
                sizes.setdefault(factor, {}).setdefault(level, {})[arm] = value
        moments: products.Sums = {
            levels: self._products.estimate(cells) for levels, cells in cells_by_levels.items()
        }
        for place, factor in enumerate(self.factors, 1):
            if factor in self.pools:
                small = self._small(factor, sizes.get(factor, {}))
                moments = pool_levels(moments, place, dict.fromkeys(small, POOLED))
        return moments

    def _small(self, factor: str, sizes: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
        arms = [arm for arm in self.arms if arm is not None]
        for level, by_arm in sizes.items():
            if min(by_arm.get(arm, 0) for arm in arms) < self.pools[factor].minimum:
                yield level

    def _cell(
        self, fit: Fit, head: ColumnHead, heads: Sequence[ColumnHead], confidence: Confidence
    ) -> Cell | None:
        def estimated(name: str, estimate: StudentT | None) -> tuple[Statistic, ...]:
            return _estimate(name, estimate, self.decimals + 1, self._kept, confidence)

        if head.comparison is None:
            if head.arm is None:
                return None
            mean = fit.mean(_ARM, head.arm, _WEIGHTS[self.weights])
            n = sum(moments.n for levels, moments in fit.sums.items() if levels[0] == head.arm)
            statistics = integer_statistic("n", n), *estimated("lsmean", mean)[:-1]
            method = confidence.named(_WEIGHTS[self.weights])
            return Cell(head.id, statistics, method, confidence.label)
        compared = [heads[i].arm or "" for i in head.comparison.columns]
        if len(compared) == _PAIR:
            reference, compared_arm = compared
            estimate = fit.difference(_ARM, compared_arm, reference)
            statistics = estimated("difference", estimate)
            if estimate is not None:
                limits = estimate.interval(confidence.two_sided)
                of_margin = margin_statistics(self.margin, limits, estimate.tails)
                statistics = *statistics[:-1], *of_margin, statistics[-1]
            return Cell(head.id, statistics, confidence.named(ANCOVA), confidence.label)
        test = fit.type_three(_ARM)
        return Cell(head.id, (p_value(test.p),) if test else (), ANCOVA)


def _test(test: FRatio | None) -> tuple[Statistic, ...]:
    return (p_value(test.p),) if test else ()


def _estimate(
    name: str, estimate: StudentT | None, places: int, endless: int | None, confidence: Confidence
) -> tuple[Statistic, ...]:
    if estimate is None:
        return ()
    return (
        number_statistic(name, estimate.estimate, places, places_kept=endless),
        number_statistic("se", estimate.se, places + 1, places_kept=endless),
        *limit_statistics(
            confidence.chosen(estimate.interval(confidence.two_sided)), places, endless
        ),
        p_value(estimate.p),
    )
