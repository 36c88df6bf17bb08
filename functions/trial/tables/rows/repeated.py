"""Rows of a mixed model for repeated measures: least-squares means and differences by visit."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import ClassVar

from trial.deferred import dataclass
from trial.definition.design import Visit
from trial.events.json_body import canonical
from trial.rules.categories import Category
from trial.rules.measures import Quantity
from trial.statistics.cells import Cells, Share, Sums
from trial.statistics.covariances import COVARIANCES
from trial.statistics.inference import NOT_ESTIMABLE, Confidence, StudentT
from trial.statistics.mmrm import (
    DEGREES_OF_FREEDOM,
    MMRM,
    Design,
    Repeated,
    RepeatedSums,
)
from trial.statistics.products import Products
from trial.subject.derivation import Derivation
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    integer_statistic,
    p_value,
    put_cell,
    row_id,
)
from trial.tables.rows.models import (
    CHUNKS,
    SMALLEST_DF,
    VisitsModelRow,
    arm_in_model,
    estimate_statistics,
)

_PAIR = 2


@dataclass(frozen=True)
class RepeatedRow(VisitsModelRow):
    """A model of all visits of a measure: the sums are by the visits observed, arm and factors.

    `responses` are the measure at each of the `visits`. `by_visit` says which effects beside that
    of the arm there are for each visit: of `covariates`, of `all`, or of `none`.
    """

    kind: ClassVar[str] = "mmrm"

    id: str
    label: str
    level: int
    sums: str
    arms: Sequence[str | None]
    visits: Sequence[Visit]
    responses: Sequence[Quantity]
    covariates: Sequence[Quantity]
    factors: Mapping[str, Category]
    by_visit: str
    covariance: str
    degrees_of_freedom: str
    weights: str
    decimals: int
    confidences: Sequence[Confidence]
    """By column, of its least-squares mean or of the difference that it shows."""

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Add the products of a subject's values at the visits at which it was observed.

        A visit that is missing or not yet due is one at which it was not: the model is of what was.
        Who has no value at all, or lacks a covariate or a factor, is in no sum.
        """
        arm = arm_in_model(self.arms, members)
        levels = [find(derivation) for find in self.factors.values()]
        if arm is None or None in levels:
            return
        covariates = [quantity.evaluate(derivation) for quantity in self.covariates]
        values = [quantity.evaluate(derivation) for quantity in self.responses]
        pattern = [place for place, value in enumerate(values) if value is not None]
        if None in covariates or not pattern:
            return
        text = canonical([pattern, arm, *levels])
        row = f"{self.sums}sums-{zlib.crc32(text.encode()) % CHUNKS}"
        units = [value.units for value in (*covariates, *values) if value is not None]
        for name, number in self._products(pattern).contribution(units).items():
            put_cell(share, row, f"{name}{text}", number)

    def _products(self, pattern: Sequence[int]) -> Products:
        observed = (self.responses[place] for place in pattern)
        return Products(tuple(quantity.places for quantity in (*self.covariates, *observed)))

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return, below a heading, a row a visit: means by arm, differences from the reference."""
        model = self._model(sums)
        unit, direction = self.responses[0].unit, self.responses[0].direction
        heading = [Row(self.id, self.label, self.level)] if self.label else []
        return [
            *heading,
            *(
                Row(
                    row_id(self.id, visit.id),
                    visit.label,
                    self.level + bool(self.label),
                    tuple(self._cells(model, place, heads)),
                    unit=unit,
                    direction=direction,
                )
                for place, visit in enumerate(self.visits)
            ),
        ]

    def _model(self, sums: Sums) -> Repeated:
        summed = self._summed(sums)
        levels = tuple(
            tuple(sorted({factor_levels[place] for _, factor_levels in summed}))
            for place in range(1, len(self.factors) + 1)
        )
        design = Design(
            tuple(
                sorted(
                    {factor_levels[0] for _, factor_levels in summed} | set(filter(None, self.arms))
                )
            ),
            len(self.visits),
            len(self.covariates),
            levels,
            covariates_by_visit=self.by_visit != "none",
            factors_by_visit=self.by_visit == "all",
        )
        return Repeated(design, summed, self.covariance, self.degrees_of_freedom)

    def _summed(self, sums: Sums) -> RepeatedSums:
        cells_by_text: dict[str, Cells] = {}
        for chunk in range(CHUNKS):
            for cell, value in sums.get(f"{self.sums}sums-{chunk}", {}).items():
                name, text = cell[: cell.index("[")], cell[cell.index("[") :]
                cells_by_text.setdefault(text, {})[name] = value
        summed = {}
        for text, cells in cells_by_text.items():
            pattern, *levels = json.loads(text)
            moments = self._products(pattern).estimate(cells)
            if moments.n:
                summed[tuple(pattern), tuple(levels)] = moments
        return summed

    @cached_property
    def _method(self) -> str:
        df_words = DEGREES_OF_FREEDOM[self.degrees_of_freedom]
        return f"{MMRM}, {COVARIANCES[self.covariance]}, {df_words}"

    def _cells(self, model: Repeated, visit: int, heads: Sequence[ColumnHead]) -> Iterator[Cell]:
        for place, head in enumerate(heads):
            confidence = self.confidences[place]
            if head.comparison is None:
                statistics = self._mean(model, visit, self.arms[place], confidence)
            else:
                arms = [self.arms[i] for i in head.comparison.columns]
                statistics = self._difference(model, visit, arms, confidence)
            if statistics:
                yield Cell(head.id, statistics, confidence.named(self._method), confidence.label)

    def _mean(
        self, model: Repeated, visit: int, arm: str | None, confidence: Confidence
    ) -> tuple[Statistic, ...]:
        if arm is None or not model.sums:
            return ()
        mean = model.mean(arm, visit, self.weights)
        n = integer_statistic("n", model.n(arm, visit))
        return (n, *self._estimate("lsmean", mean, model, confidence))

    def _difference(
        self, model: Repeated, visit: int, arms: Sequence[str | None], confidence: Confidence
    ) -> tuple[Statistic, ...]:
        if len(arms) != _PAIR or not model.sums:
            return ()
        reference, compared = arms
        if reference is None or compared is None:
            return ()
        estimate = model.difference(reference, compared, visit)
        statistics = self._estimate("difference", estimate, model, confidence)
        if estimate is None:
            return (*statistics, p_value(None, model.reason or NOT_ESTIMABLE))
        return (*statistics, p_value(estimate.p if estimate.df >= SMALLEST_DF else None))

    def _estimate(
        self, name: str, estimate: StudentT | None, model: Repeated, confidence: Confidence
    ) -> tuple[Statistic, ...]:
        return estimate_statistics(name, estimate, model.reason, self.decimals + 1, confidence)
