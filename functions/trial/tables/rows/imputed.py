"""Rows of a measure by visit whose missing values are imputed, many times over.

A subject is one cell, named by its values: so the sums hold the values themselves, one a subject
and without its name, and a GET imputes as documents do. What is drawn follows from these cells.
"""

import hashlib
import itertools
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import ClassVar

from trial.deferred import dataclass
from trial.definition.design import Visit
from trial.events.json_body import canonical
from trial.rules.categories import Category
from trial.rules.measures import Quantity
from trial.statistics.cells import Share, Sums
from trial.statistics.inference import NOT_ESTIMABLE, Confidence, StudentT
from trial.statistics.multiple_imputation import (
    AT_RANDOM,
    METHODS,
    MULTIPLE_IMPUTATION,
    ImputationModel,
    Incomplete,
    MultipleImputation,
    multiple_imputation,
)
from trial.subject.derivation import Derivation
from trial.tables.grid import TIPPING_DELTA, Cell, Row, Statistic
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

DELTA, TIPPING = "delta", "tipping"
"""What ids of rows below a visit hold: those of a delta, and that of the tipping point."""
NOT_REACHED, NOT_SIGNIFICANT = "not reached", "P is above alpha without a delta"
"""In place of a tipping point that no delta asked for comes to, or that there is nothing to tip."""
COVARIANCE = "analysis of covariance"
_PAIR = 2

type Deltas = Mapping[str, Decimal]
"""By arm, what is added to its imputed values."""


@dataclass(frozen=True)
class DeltaGrid:
    """The deltas to try, by arm in the order of its columns, the mildest first.

    The last arm's are what tips, given those of the others, where P exceeds `alpha`.
    """

    by_arm: Mapping[str, Sequence[Decimal]]
    alpha: Decimal

    def combinations(self) -> Iterator[tuple[Decimal, ...]]:
        """Yield a delta of each arm, all together."""
        yield from itertools.product(*self.by_arm.values())

    def named(self, deltas: Sequence[Decimal]) -> Deltas:
        """Return deltas by arm."""
        return dict(zip(self.by_arm, deltas, strict=False))


@dataclass(frozen=True)
class Imputing:
    """How what is missing is imputed: by a method, against an arm, so many times."""

    method: str
    reference: str
    reference_label: str
    number: int

    @property
    def words(self) -> str:
        """What the method is called."""
        against = "" if self.method == AT_RANDOM else f" {self.reference_label}"
        return f"{MULTIPLE_IMPUTATION} ({METHODS[self.method]}{against}, {self.number})"


@dataclass(frozen=True)
class ImputedRow(VisitsModelRow):
    """An analysis of covariance at each visit, of all subjects to whom the visit is due."""

    kind: ClassVar[str] = "multiple_imputation"

    id: str
    label: str
    level: int
    sums: str
    arms: Sequence[str | None]
    labels: Mapping[str, str]
    """What the arms are called."""
    visits: Sequence[Visit]
    responses: Sequence[Quantity]
    covariates: Sequence[Quantity]
    factors: Mapping[str, Category]
    weights: str
    imputing: Imputing
    deltas: DeltaGrid | None
    decimals: int
    confidences: Sequence[Confidence]
    """By column, of its least-squares mean or of the difference that it shows."""

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject in the cell of its arm, levels, covariates and values.

        It has a value, or None, for each visit up to the last that is due to it. Who is in no arm,
        or lacks a covariate or a factor, or to whom no visit is due, is in none.
        """
        arm = arm_in_model(self.arms, members)
        levels = [find(derivation) for find in self.factors.values()]
        covariates = [quantity.evaluate(derivation) for quantity in self.covariates]
        values = self.due_values(derivation)
        if arm is None or None in levels or None in covariates or not values:
            return
        numbers = [value.units for value in covariates if value is not None]
        text = canonical([arm, levels, numbers, values])
        put_cell(share, f"{self.sums}sums-{zlib.crc32(text.encode()) % CHUNKS}", text, 1)

    def due_values(self, derivation: Derivation) -> list[int | None]:
        """Return the values by visit, in units of the last place, up to the last that is due."""
        values = [quantity.evaluate(derivation) for quantity in self.responses]
        due = max(
            (
                place + 1
                for place, (quantity, value) in enumerate(zip(self.responses, values, strict=True))
                if value is not None or not quantity.pending(derivation)
            ),
            default=0,
        )
        return [None if value is None else value.units for value in values[:due]]

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return, below a heading, a row a visit, and what deltas make of the last of them."""
        model = self._model(sums)
        inner = self.level + bool(self.label)
        heading = [Row(self.id, self.label, self.level)] if self.label else []
        return [
            *heading,
            *(
                self._row(row_id(self.id, visit.id), visit.label, inner,
                          self._cells(model, place, heads))
                for place, visit in enumerate(self.visits)
            ),
            *self._shifted(model, heads, inner + 1),
        ]  # fmt: skip

    def _row(self, name: str, label: str, level: int, cells: Iterator[Cell]) -> Row:
        unit, direction = self.responses[0].unit, self.responses[0].direction
        return Row(name, label, level, tuple(cells), unit=unit, direction=direction)

    def _model(self, sums: Sums) -> MultipleImputation:
        texts = []
        for chunk in range(CHUNKS):
            for text, n in sums.get(f"{self.sums}sums-{chunk}", {}).items():
                texts += [text] * n
        texts.sort()
        cells = list(map(json.loads, texts))
        by_factor = [
            sorted({levels[place] for _, levels, _, _ in cells})
            for place in range(len(self.factors))
        ]
        subjects = tuple(
            Incomplete(
                arm,
                (*self._numbers(covariates), *_indicators(levels, by_factor)),
                tuple(self._values(values)),
            )
            for arm, levels, covariates, values in cells
        )
        arms = tuple(arm for arm in self.arms if arm is not None)
        model = ImputationModel(
            arms,
            len(self.visits),
            self._origins(subjects, by_factor),
            self.imputing.method,
            self.imputing.reference,
            self.imputing.number,
        )
        seed = hashlib.sha256(canonical(texts).encode()).digest()
        return multiple_imputation(model, subjects, seed)

    def _numbers(self, units: Sequence[int]) -> Iterator[float]:
        for quantity, unit in zip(self.covariates, units, strict=True):
            yield unit / 10**quantity.places

    def _values(self, units: Sequence[int | None]) -> Iterator[float | None]:
        for quantity, unit in zip(self.responses, units, strict=False):
            yield None if unit is None else unit / 10**quantity.places

    def _origins(
        self, subjects: Sequence[Incomplete], by_factor: Sequence[Sequence[str]]
    ) -> tuple[float, ...]:
        """Return where means are: covariates at their mean, levels by their weights."""
        columns = list(zip(*(subject.covariates for subject in subjects), strict=True))
        means = [sum(column) / len(column) for column in columns]
        if self.weights == "equal":
            equal = [1 / len(levels) for levels in by_factor for _ in levels[1:]]
            means[len(self.covariates) :] = equal
        return tuple(means)

    def _cells(
        self, model: MultipleImputation, visit: int, heads: Sequence[ColumnHead]
    ) -> Iterator[Cell]:
        for place, head in enumerate(heads):
            if head.comparison is not None:
                yield from self._difference(model, visit, head, self.confidences[place], {})
            elif (arm := self.arms[place]) is not None:
                confidence = self.confidences[place]
                observed, imputed = model.n(arm, visit)
                counts = {"n": observed + imputed, "observed": observed, "imputed": imputed}
                mean = self._estimate("lsmean", model.mean(arm, visit), model, confidence)
                statistics = *(integer_statistic(*count) for count in counts.items()), *mean
                yield Cell(head.id, statistics, confidence.named(self._method), confidence.label)

    @property
    def _method(self) -> str:
        return f"{COVARIANCE}, {self.imputing.words}"

    def _pair(self, head: ColumnHead) -> tuple[str, str] | None:
        """Return the reference and the arm that a column compares, if two arms."""
        if head.comparison is None:
            return None
        arms = [self.arms[i] for i in head.comparison.columns]
        if len(arms) != _PAIR:
            return None
        reference, arm = arms
        return None if reference is None or arm is None else (reference, arm)

    def _difference(
        self, model: MultipleImputation, visit: int, head: ColumnHead, confidence: Confidence,
        deltas: Deltas,
    ) -> Iterator[Cell]:  # fmt: skip
        if (pair := self._pair(head)) is None:
            return
        numbers = {arm: float(delta) for arm, delta in deltas.items()}
        estimate = model.difference(*pair, visit, numbers)
        p = p_value(_p(estimate), model.reason)
        statistics = (*self._estimate("difference", estimate, model, confidence), p)
        yield Cell(head.id, statistics, confidence.named(self._method), confidence.label)

    def _estimate(
        self, name: str, estimate: StudentT | None, model: MultipleImputation,
        confidence: Confidence,
    ) -> tuple[Statistic, ...]:  # fmt: skip
        return estimate_statistics(name, estimate, model.reason, self.decimals + 1, confidence)

    # Deltas

    def _shifted(
        self, model: MultipleImputation, heads: Sequence[ColumnHead], level: int
    ) -> Iterator[Row]:
        """Yield a row for each combination of deltas at the last visit, then what tips."""
        if self.deltas is None:
            return
        last, name = len(self.visits) - 1, row_id(self.id, self.visits[-1].id)
        for deltas in self.deltas.combinations():
            by_arm = self.deltas.named(deltas)
            cells = (
                cell
                for place, head in enumerate(heads)
                for cell in self._difference(model, last, head, self.confidences[place], by_arm)
            )
            yield self._row(
                f"{name}/{DELTA}/{_text(deltas)}",
                f"Delta: {self._words(by_arm)}",
                level,
                cells,
            )
        *fixed_arms, tipping = self.deltas.by_arm
        for fixed_deltas in itertools.product(*(self.deltas.by_arm[arm] for arm in fixed_arms)):
            fixed = self.deltas.named(fixed_deltas)
            cells = (
                Cell(head.id, (self._tipping(model, pair, fixed, tipping),), self._method)
                for head in heads
                if (pair := self._pair(head)) is not None and tipping in pair
            )
            beside = f", {self._words(fixed)}" if fixed else ""
            below = f"/{_text(fixed_deltas)}" if fixed_deltas else ""
            label = f"Tipping point: delta of {self.labels[tipping]}{beside}"
            yield self._row(f"{name}/{TIPPING}{below}", label, level, cells)

    def _tipping(
        self, model: MultipleImputation, pair: tuple[str, str], fixed: Deltas, tipping: str
    ) -> Statistic:
        """Return the first delta, of those asked for, with which P exceeds alpha.

        Where a delta before it has no P value, nobody knows which is the first.
        """
        assert self.deltas is not None
        last = len(self.visits) - 1

        def p_with(deltas: Deltas) -> Decimal | None:
            numbers = {arm: float(delta) for arm, delta in deltas.items()}
            return _p(model.difference(*pair, last, numbers))

        if (p := p_with({})) is None:
            return Statistic(TIPPING_DELTA, None, model.reason or NOT_ESTIMABLE)
        if p > self.deltas.alpha:
            return Statistic(TIPPING_DELTA, None, NOT_SIGNIFICANT)
        for delta in self.deltas.by_arm[tipping]:
            if (p := p_with({**fixed, tipping: delta})) is None:
                return Statistic(TIPPING_DELTA, None, NOT_ESTIMABLE)
            if p > self.deltas.alpha:
                return Statistic(TIPPING_DELTA, f"{delta:f}", f"{delta:f}")
        return Statistic(TIPPING_DELTA, None, NOT_REACHED)

    def _words(self, deltas: Deltas) -> str:
        return ", ".join(f"{self.labels[arm]} {delta:f}" for arm, delta in deltas.items())


def _text(deltas: Sequence[Decimal]) -> str:
    return ",".join(f"{delta:f}" for delta in deltas)


def _p(estimate: StudentT | None) -> Decimal | None:
    return None if estimate is None or estimate.df < SMALLEST_DF else estimate.p


def _indicators(levels: Sequence[str], by_factor: Sequence[Sequence[str]]) -> Iterator[float]:
    """Yield whether a subject is at each level of each factor but the first."""
    for level, declared in zip(levels, by_factor, strict=True):
        yield from (float(level == reference_level) for reference_level in declared[1:])
