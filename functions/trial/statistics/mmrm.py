"""Mixed models for repeated measures from sums of products by pattern of observed visits.

Subjects who were seen at the same visits and are of the same levels are summed: their values at
these visits and their covariates, squared and multiplied. The restricted likelihood of a linear
model with correlated visits is a function of these sums, so it is fitted without the subjects.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cached_property
from math import log10, pi

from trial.deferred import dataclass
from trial.statistics import elimination, maximisation
from trial.statistics.covariances import STRUCTURES, Structure, Weighted
from trial.statistics.inference import NOT_ESTIMABLE, TOO_MUCH_WORK, WORKING, StudentT
from trial.statistics.maximisation import (
    BINARY,
    DECIMAL,
    NOT_CONVERGED,
    Arithmetic,
    Matrix,
    Slope,
)
from trial.statistics.products import CrossProducts, Levels

MMRM = "mixed model for repeated measures, REML"
SATTERTHWAITE, KENWARD_ROGER = "satterthwaite", "kenward-roger"
DEGREES_OF_FREEDOM: Mapping[str, str] = {
    SATTERTHWAITE: "Satterthwaite degrees of freedom",
    KENWARD_ROGER: "Kenward-Roger standard errors and degrees of freedom",
}
"""How estimates are referred to Student's t, the default first."""
EQUAL, OBSERVED = "equal", "observed"
MOST_STEPS = 1_500_000
"""How much work one evaluation of the likelihood may be; some fifteen are needed."""

type Pattern = tuple[int, ...]
"""The visits at which a subject was observed, by their position."""
type RepeatedSums = Mapping[tuple[Pattern, Levels], CrossProducts]
"""Sums over subjects of a pattern and of levels (the arm first): of covariates, then of values."""
type _Blocks[Number] = dict[tuple[int, int], dict[tuple[int, int], Number]]


@dataclass(frozen=True)
class Design:
    """The fixed effects: a mean for each arm at each visit, covariates and factors.

    Covariates and factors have an effect at each visit where they are `by_visit`, else one.
    `levels` are those of each factor that occur; the first is the reference.
    """

    arms: tuple[str, ...]
    visits: int
    covariates: int
    levels: tuple[tuple[str, ...], ...]
    covariates_by_visit: bool = True
    factors_by_visit: bool = False

    @cached_property
    def columns(self) -> dict[tuple[object, ...], int]:
        """The columns of the design by what they are of."""
        visits = range(self.visits)
        names: list[tuple[object, ...]] = [
            ("arm", arm, visit) for arm in self.arms for visit in visits
        ]
        for place in range(self.covariates):
            names += [
                ("covariate", place, visit_place)
                for visit_place in self._places(self.covariates_by_visit)
            ]
        for place, levels in enumerate(self.levels):
            names += [
                ("factor", place, level, visit_place)
                for level in levels[1:]
                for visit_place in self._places(self.factors_by_visit)
            ]
        return {name: column for column, name in enumerate(names)}

    def _places(self, by_visit: bool) -> Sequence[int | None]:  # noqa: FBT001 (one of two fields)
        return range(self.visits) if by_visit else (None,)

    def row(self, levels: Levels, visit: int) -> list[tuple[int, int]]:
        """Return the columns that a subject has something in at a visit, and what: 0 stands for 1.

        Others are covariates, from 1.
        """
        arm, *others = levels
        visit_place = visit if self.covariates_by_visit else None
        entries = [(self.columns["arm", arm, visit], 0)]
        entries += [
            (self.columns["covariate", place, visit_place], place + 1)
            for place in range(self.covariates)
        ]
        visit_place = visit if self.factors_by_visit else None
        names = (("factor", place, level, visit_place) for place, level in enumerate(others))
        entries += [(self.columns[name], 0) for name in names if name in self.columns]
        return entries

    def mean(
        self,
        arm: str,
        visit: int,
        covariates: Sequence[Fraction],
        shares: Sequence[Sequence[Fraction]],
    ) -> list[Fraction]:
        """Return the coefficients of a least-squares mean: at covariates, and shares of levels."""
        coefficients = [Fraction(0)] * len(self.columns)
        coefficients[self.columns["arm", arm, visit]] = Fraction(1)
        visit_place = visit if self.covariates_by_visit else None
        for place, value in enumerate(covariates):
            coefficients[self.columns["covariate", place, visit_place]] = value
        visit_place = visit if self.factors_by_visit else None
        for place, levels in enumerate(self.levels):
            for level, share in zip(levels[1:], shares[place][1:], strict=True):
                coefficients[self.columns["factor", place, level, visit_place]] = share
        return coefficients


@dataclass(frozen=True)
class _Observed[Number: (float, Decimal)]:
    """What was summed of a pattern, ready for a likelihood: numbers and where they belong.

    `squares[a, b]` has, by two columns, the sums of products of a design's rows at visits a and b
    of the pattern; `mixed[a, b]` by column the sums of rows at a times values at b; `values` the
    products of values.
    """

    pattern: Pattern
    n: Number
    squares: _Blocks[Number]
    mixed: dict[tuple[int, int], dict[int, Number]]
    values: Matrix[Number]


@dataclass(frozen=True)
class _Point[Number: (float, Decimal)]:
    """The likelihood at a covariance, with what follows from it.

    `weights` are derivatives of the information on fixed effects, with the sign changed.
    """

    value: Number
    gradient: list[Number]
    expected: Matrix[Number]
    observed: Matrix[Number]
    effects: list[Number]
    covariance: Matrix[Number]
    weights: list[Matrix[Number]]


@dataclass(frozen=True)
class Repeated:
    """A model for repeated measures, fitted to sums. What the data cannot tell is not made up."""

    design: Design
    sums: RepeatedSums
    structure: str = "unstructured"
    degrees_of_freedom: str = SATTERTHWAITE

    @cached_property
    def reason(self) -> str:
        """Why there is no fit; '' where there is one."""
        if not self.sums or self._observations <= len(self._kept):
            return NOT_ESTIMABLE
        pairs_observed = {(i, j) for pattern, _ in self.sums for i in pattern for j in pattern}
        if not all(pairs_observed & set(places) for places in self._covariances.supports):
            return NOT_ESTIMABLE
        if self.steps > MOST_STEPS:
            return TOO_MUCH_WORK
        return "" if self._solution is not None else NOT_CONVERGED

    @property
    def size(self) -> int:
        """How many parameters the covariance has."""
        return self._covariances.size

    @cached_property
    def steps(self) -> int:
        """How much work one evaluation of the likelihood is."""
        return (
            self.size
            * sum(len(block) for observed in self._binary for block in observed.squares.values())
            + self.size * len(self._kept) ** 3
        )

    @cached_property
    def subjects(self) -> int:
        """How many subjects are in the model."""
        return sum(moments.n for moments in self.sums.values())

    @cached_property
    def _observations(self) -> int:
        """How many values there are, over subjects and visits."""
        return sum(moments.n * len(pattern) for (pattern, _), moments in self.sums.items())

    def n(self, arm: str, visit: int) -> int:
        """Return how many subjects of an arm were observed at a visit."""
        return sum(
            moments.n
            for (pattern, levels), moments in self.sums.items()
            if visit in pattern and levels[0] == arm
        )

    @property
    def deviance(self) -> Decimal | None:
        """Minus twice the restricted log likelihood, with its constant as SAS has it."""
        if self.reason or self._solution is None:
            return None
        with localcontext(WORKING):
            free = self._observations - len(self._kept)
            rescaled = 2 * free * DECIMAL.ratio(self._unit).ln()
            return -2 * self._solution.value + free * Decimal(2 * pi).ln() + rescaled

    def mean(self, arm: str, visit: int, weights: str = EQUAL) -> StudentT | None:
        """Return the least-squares mean of an arm at a visit."""
        return self._estimate(self._mean(arm, visit, weights))

    def difference(self, reference: str, compared: str, visit: int) -> StudentT | None:
        """Return how an arm's least-squares mean at a visit differs from that of a reference."""
        first, second = (self._mean(arm, visit, EQUAL) for arm in (compared, reference))
        return self._estimate([a - b for a, b in zip(first, second, strict=True)])

    def at[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> Slope[Number]:
        """Return the restricted log likelihood of a covariance.

        The information is the observed one, by which steps double the digits; where that is not
        positive definite, which is so far from a maximum alone, the expected one.
        """
        current = self._point(point, numbers)
        is_close = maximisation.solved(current.observed, current.gradient) is not None
        return Slope(
            current.value, current.gradient, current.observed if is_close else current.expected
        )

    def _mean(self, arm: str, visit: int, weights: str) -> list[Fraction]:
        return self.design.mean(arm, visit, self._covariate_means, self._shares(weights))

    @cached_property
    def _covariate_means(self) -> list[Fraction]:
        """The means of covariates over all observations, as the rows of a data set have them."""
        return [
            sum(
                (moments.sums[i] * len(pattern) for (pattern, _), moments in self.sums.items()),
                Fraction(0),
            )
            / self._observations
            for i in range(self.design.covariates)
        ]

    def _shares(self, weights: str) -> list[list[Fraction]]:
        """Return by factor how levels are averaged: alike, or as observations have them."""
        if weights == EQUAL:
            return [[Fraction(1, len(levels))] * len(levels) for levels in self.design.levels]
        counts: list[dict[str, int]] = [{} for _ in self.design.levels]
        for (pattern, levels), moments in self.sums.items():
            for by_level, level in zip(counts, levels[1:], strict=True):
                by_level[level] = by_level.get(level, 0) + moments.n * len(pattern)
        return [
            [Fraction(by_level.get(level, 0), sum(by_level.values())) for level in levels]
            for by_level, levels in zip(counts, self.design.levels, strict=True)
        ]

    def _estimate(self, coefficients: Sequence[Fraction]) -> StudentT | None:
        """Return a combination of effects, with the degrees of freedom of its variance.

        Those of Kenward and Roger (1997, Biometrics 53:983) are Satterthwaite's for one
        combination; both are by the observed information on the covariance, as SAS and R's mmrm do.
        """
        if self.reason or self._final is None or not self._is_estimable(coefficients):
            return None
        final, information = self._final
        with localcontext(WORKING):
            weights = [DECIMAL.ratio(coefficients[column]) for column in self._kept]
            spread = _times(final.covariance, weights)
            estimate = _dot(weights, final.effects)
            variance = _dot(weights, spread)
            slopes = [_dot(spread, _times(weight, spread)) for weight in final.weights]
            uncertainty = maximisation.explained(information, slopes)
            if not variance > 0 or not uncertainty:
                return None
            df = Fraction(2 * variance * variance / uncertainty)
            if self.degrees_of_freedom == KENWARD_ROGER:
                variance += self._adjustment(final, spread)
                if not variance > 0:
                    return None
            unit = Fraction(self._unit)
            return StudentT(Fraction(estimate) * unit, Fraction(variance) * unit**2, df)

    def _adjustment(self, final: _Point[Decimal], spread: Sequence[Decimal]) -> Decimal:
        """Return what Kenward and Roger add to the variance of a combination.

        `spread` is the covariance of effects times the combination.
        """
        total = Decimal(0)
        for observed, doubled in zip(self._decimal, self._doubled, strict=True):
            for (a, b), block in observed.squares.items():
                within = sum(
                    (square * spread[i] * spread[j] for (i, j), square in block.items()),
                    Decimal(0),
                )
                total += doubled[a][b] * within
        pulled = [_times(weight, spread) for weight in final.weights]
        lifted = [_times(final.covariance, pull) for pull in pulled]
        for k, pull in enumerate(pulled):
            for m, lift in enumerate(lifted):
                total -= self._uncertainty[k][m] * _dot(pull, lift)
        return 2 * total

    @cached_property
    def _uncertainty(self) -> Matrix[Decimal]:
        """The covariance of the parameters of the covariance, by the observed information."""
        assert self._final is not None
        with localcontext(WORKING):
            return maximisation.inverse(self._final[1])

    @cached_property
    def _doubled(self) -> list[Matrix[Decimal]]:
        """By pattern, what its design's products have in the adjustment.

        With the inverse W of its covariance and the derivatives E: over pairs of parameters the sum
        of their covariance times W E W F W, less a quarter of that times W D W of second ones D.
        """
        assert self._solution is not None
        with localcontext(WORKING):
            evaluation = _Evaluation(self._decimal, self._covariances, len(self._kept), DECIMAL)
            return evaluation.doubled(self._solution.point, self._uncertainty)

    def _is_estimable(self, coefficients: Sequence[Fraction]) -> bool:
        """Return whether data tell a combination: what they leave open has no part in it."""
        return all(
            not sum(
                (a * b for a, b in zip(coefficients, vector, strict=True) if a and b), Fraction(0)
            )
            for vector in self._open
        )

    @cached_property
    def _whole(self) -> elimination.Solution:
        matrix = self._cross_products
        return elimination.solve(matrix, [0] * len(matrix))

    @cached_property
    def _cross_products(self) -> list[list[Fraction]]:
        size = len(self.design.columns)
        matrix = [[Fraction(0)] * size for _ in range(size)]
        for (pattern, levels), moments in self.sums.items():
            for visit in pattern:
                row = self.design.row(levels, visit)
                for first, i in row:
                    for second, j in row:
                        matrix[first][second] += moments.of(
                            i - 1 if i else None, j - 1 if j else None
                        )
        return matrix

    @property
    def _kept(self) -> tuple[int, ...]:
        """The columns of the design that those before them do not determine."""
        return self._whole.pivots

    @cached_property
    def _open(self) -> list[list[Fraction]]:
        """The combinations of columns that are 0 for everybody: one for each that is not kept."""
        size, columns_kept = len(self.design.columns), self._kept
        vectors = []
        for column in range(size):
            if column in columns_kept:
                continue
            vector = [Fraction(0)] * size
            vector[column] = Fraction(1)
            for i in columns_kept:
                vector[i] = -sum(
                    (
                        self._whole.inverse[i][j] * self._cross_products[j][column]
                        for j in columns_kept
                        if self._cross_products[j][column]
                    ),
                    Fraction(0),
                )
            vectors.append(vector)
        return vectors

    @cached_property
    def _covariances(self) -> Structure:
        return STRUCTURES[self.structure](self.design.visits)

    @cached_property
    def _unit(self) -> Fraction:
        """A power of ten near the spread of values, in which they are fitted."""
        n, total, square = 0, Fraction(0), Fraction(0)
        for (pattern, _), moments in self.sums.items():
            for place in range(self.design.covariates, self.design.covariates + len(pattern)):
                n += moments.n
                total += moments.sums[place]
                square += moments.products[place][place]
        variance = (square - total**2 / n) / n if n else Fraction(0)
        return Fraction(10) ** round(log10(variance) / 2) if variance > 0 else Fraction(1)

    @cached_property
    def _binary(self) -> list[_Observed[float]]:
        return self._prepared(BINARY)

    @cached_property
    def _decimal(self) -> list[_Observed[Decimal]]:
        with localcontext(WORKING):
            return self._prepared(DECIMAL)

    def _prepared[Number: (float, Decimal)](
        self, numbers: Arithmetic[Number]
    ) -> list[_Observed[Number]]:
        """Sum by pattern what its groups have in the columns that are kept."""
        place_of = {column: place for place, column in enumerate(self._kept)}
        by_pattern: dict[Pattern, list[tuple[Levels, CrossProducts]]] = {}
        for (pattern, levels), moments in self.sums.items():
            by_pattern.setdefault(pattern, []).append((levels, moments))
        return [
            self._of_pattern(pattern, by_pattern[pattern], place_of, numbers)
            for pattern in sorted(by_pattern)
        ]

    def _of_pattern[Number: (float, Decimal)](
        self,
        pattern: Pattern,
        groups: Sequence[tuple[Levels, CrossProducts]],
        place_of: Mapping[int, int],
        numbers: Arithmetic[Number],
    ) -> _Observed[Number]:
        size, unit = range(len(pattern)), self._unit
        squares: dict[tuple[int, int], dict[tuple[int, int], Fraction]] = {}
        mixed: dict[tuple[int, int], dict[int, Fraction]] = {}
        values = [[Fraction(0)] * len(pattern) for _ in size]
        for levels, moments in groups:
            rows = [
                [
                    (place_of[column], i - 1 if i else None)
                    for column, i in self.design.row(levels, visit)
                    if column in place_of
                ]
                for visit in pattern
            ]
            first = self.design.covariates
            for a in size:
                for b in size:
                    values[a][b] += moments.products[first + a][first + b] / unit**2
                    block = squares.setdefault((a, b), {})
                    line = mixed.setdefault((a, b), {})
                    for column, i in rows[a]:
                        line[column] = (
                            line.get(column, Fraction(0)) + moments.of(i, first + b) / unit
                        )
                        for other, j in rows[b]:
                            key = column, other
                            block[key] = block.get(key, Fraction(0)) + moments.of(i, j)
        return _Observed(
            pattern,
            numbers.of(sum(moments.n for _, moments in groups)),
            {
                pair: {key: numbers.ratio(value) for key, value in block.items()}
                for pair, block in squares.items()
            },
            {
                pair: {key: numbers.ratio(value) for key, value in line.items()}
                for pair, line in mixed.items()
            },
            [[numbers.ratio(value) for value in row] for row in values],
        )

    @cached_property
    def _start(self) -> list[float]:
        """A covariance to begin with: the spread of all values, at each visit alike."""
        variance = 1e-6
        for observed in self._binary:
            for a in range(len(observed.pattern)):
                variance = max(variance, observed.values[a][a] / max(observed.n, 1.0) / 4)
        return self._covariances.start(variance)

    @cached_property
    def _solution(self) -> maximisation.Maximum | None:
        return maximisation.maximise(self, self._start)

    @cached_property
    def _final(self) -> tuple[_Point[Decimal], Matrix[Decimal]] | None:
        """What follows at the solution, and the observed information on the covariance."""
        if self._solution is None:
            return None
        with localcontext(WORKING):
            solution = self._point(self._solution.point, DECIMAL)
            return solution, solution.observed

    def _patterns[Number: (float, Decimal)](
        self, numbers: Arithmetic[Number]
    ) -> list[_Observed[Number]]:
        prepared: object = self._binary if numbers.exp is BINARY.exp else self._decimal
        return prepared  # type: ignore[return-value]

    def _point[Number: (float, Decimal)](
        self, point: Sequence[Number], numbers: Arithmetic[Number]
    ) -> _Point[Number]:
        """Evaluate the likelihood and its derivatives (Lindstrom and Bates 1988, JASA 83:1014)."""
        return _Evaluation(self._patterns(numbers), self._covariances, len(self._kept), numbers).at(
            point
        )


class _Derivatives[Number: (float, Decimal)]:
    """What patterns add to the derivatives by the parameters of the covariance."""

    def __init__(self, count: int, size: int, zero: Number) -> None:
        def square(width: int) -> Matrix[Number]:
            return [[zero] * width for _ in range(width)]

        self.slopes: list[Number] = [zero] * count
        self.weights: list[Matrix[Number]] = [square(size) for _ in range(count)]
        self.pulls: Matrix[Number] = [[zero] * size for _ in range(count)]
        self.traces: Matrix[Number] = square(count)
        self.squares: Matrix[Number] = square(count)
        self.bends: Matrix[Number] = square(count)

    def add_slopes(
        self,
        n: Number,
        inverse: Matrix[Number],
        sides: Matrix[Number],
        arounds: Mapping[int, tuple[Weighted[Number], Matrix[Number]]],
        bends: Mapping[tuple[int, int], Weighted[Number]],
    ) -> None:
        """Add tr E (n W - W (S + H) W), of which the last part is `sides`; and of second E."""
        for k, (entries, _) in arounds.items():
            for a, b, weight in entries:
                self.slopes[k] += weight * (n * inverse[a][b] - sides[a][b])
        for (k, m), entries in bends.items():
            for a, b, weight in entries:
                self.bends[k][m] += weight * (n * inverse[a][b] - sides[a][b])

    def add_weights(
        self,
        k: int,
        observed: _Observed[Number],
        around: Matrix[Number],
        pulled: Mapping[tuple[int, int], Mapping[int, Number]],
    ) -> None:
        """Add X' W E W X, and X' W E W r."""
        target, pull = self.weights[k], self.pulls[k]
        for (a, b), block in observed.squares.items():
            weight = around[a][b]
            for (i, j), square in block.items():
                target[i][j] += weight * square
            for i, product in pulled[a, b].items():
                pull[i] += weight * product

    def add_squares(
        self,
        k: int,
        n: Number,
        products: tuple[Matrix[Number], Matrix[Number], Matrix[Number]],
        arounds: Mapping[int, tuple[Weighted[Number], Matrix[Number]]],
    ) -> None:
        """Add n tr W E W F - 2 tr W E W F W H, and tr W E W F W S, over all parameters F."""
        around, by_lever, by_spread = products
        for m, (entries, _) in arounds.items():
            for a, b, weight in entries:
                self.traces[k][m] += weight * (n * around[b][a] - 2 * by_lever[b][a])
                self.squares[k][m] += weight * by_spread[b][a]


class _Evaluation[Number: (float, Decimal)]:
    """One evaluation of the restricted likelihood, pattern by pattern.

    With W the inverse covariance of a pattern, E the derivative of the covariance by a parameter,
    X the design, A = X'WX over subjects and r the residuals: the gradient is
    -1/2 tr E (n W - W (S + H) W), where S sums r r' and H sums X inverse(A) X'.
    """

    def __init__(
        self,
        patterns: Sequence[_Observed[Number]],
        structure: Structure,
        size: int,
        numbers: Arithmetic[Number],
    ) -> None:
        self._patterns: Sequence[_Observed[Number]] = patterns
        self._numbers: Arithmetic[Number] = numbers
        self._structure, self._size = structure, size
        self._zero: Number = numbers.of(0)

    def at(self, point: Sequence[Number]) -> _Point[Number]:
        """Return value and derivatives at a covariance; `ValueError` where it is none."""
        zero, size = self._zero, self._size
        covariance = self._structure.covariance(point, self._numbers)
        value, information = zero, self._square(size)
        right: list[Number] = [zero] * size
        inverses: list[Matrix[Number]] = []
        for observed in self._patterns:
            part = [[covariance[i][j] for j in observed.pattern] for i in observed.pattern]
            weights, logarithm = self._inverted(part)
            inverses.append(weights)
            value -= observed.n * logarithm
            for (a, b), block in observed.squares.items():
                weight = weights[a][b]
                for (i, j), square in block.items():
                    information[i][j] += weight * square
            for (a, b), line in observed.mixed.items():
                weight = weights[a][b]
                for i, product in line.items():
                    right[i] += weight * product
                value -= weight * observed.values[a][b]
        inverted, logarithm = self._inverted(information)
        effects = _times(inverted, right)
        value += _dot(effects, right) - logarithm
        return self._derived(point, value / self._numbers.of(2), inverses, inverted, effects)

    def doubled(self, point: Sequence[Number], uncertainty: Matrix[Number]) -> list[Matrix[Number]]:
        """Return by pattern the sums of products of derivatives, weighted by `uncertainty`."""
        covariance = self._structure.covariance(point, self._numbers)
        slopes = self._structure.slopes(point, self._numbers)
        bends = self._structure.bends(point, self._numbers)
        quarter = self._numbers.of(1) / self._numbers.of(4)
        doubled = []
        for observed in self._patterns:
            part = [[covariance[i][j] for j in observed.pattern] for i in observed.pattern]
            inverse, _ = self._inverted(part)
            width = len(observed.pattern)
            middle = self._square(width)
            for k, slope in enumerate(slopes):
                combined = self._square(width)
                for m, inner_slope in enumerate(slopes):
                    for a, b, weight in _within(observed.pattern, inner_slope):
                        combined[a][b] += uncertainty[k][m] * weight
                around = _product(inverse, combined)
                for a, b, weight in _within(observed.pattern, slope):
                    for c in range(width):
                        middle[a][c] += weight * around[b][c]
            for (k, m), bend in bends.items():
                for a, b, weight in _within(observed.pattern, bend):
                    middle[a][b] -= quarter * uncertainty[k][m] * weight
            doubled.append(_product(_product(inverse, middle), inverse))
        return doubled

    def _derived(
        self,
        point: Sequence[Number],
        value: Number,
        inverses: Sequence[Matrix[Number]],
        inverted: Matrix[Number],
        effects: list[Number],
    ) -> _Point[Number]:
        count = self._structure.size
        slopes = self._structure.slopes(point, self._numbers)
        bends = self._structure.bends(point, self._numbers)
        half = self._numbers.of(1) / self._numbers.of(2)
        sums: _Derivatives[Number] = _Derivatives(count, self._size, self._zero)
        for observed, inverse in zip(self._patterns, inverses, strict=True):
            residuals, leverage, pulled = self._residuals(observed, inverted, effects)
            spread, lever = _product(inverse, residuals), _product(inverse, leverage)
            arounds = self._arounds(observed, inverse, slopes)
            sides = _product(_added(spread, lever), inverse)
            within = {pair: _within(observed.pattern, bend) for pair, bend in bends.items()}
            sums.add_slopes(observed.n, inverse, sides, arounds, within)
            for k, (_, around) in arounds.items():
                sums.add_weights(k, observed, around, pulled)
                by_spread, by_lever = _product(spread, around), _product(lever, around)
                sums.add_squares(k, observed.n, (around, by_lever, by_spread), arounds)
        scaled = [_product(inverted, weight) for weight in sums.weights]
        lifted = [_times(inverted, pull) for pull in sums.pulls]
        traces, squares = sums.traces, sums.squares
        for k in range(count):
            for m in range(count):
                traces[k][m] += _trace(scaled[k], scaled[m])
                squares[k][m] -= _dot(sums.pulls[k], lifted[m])
        return _Point(
            value,
            [-half * slope for slope in sums.slopes],
            [[half * entry for entry in row] for row in traces],
            [
                [squares[k][m] - half * (traces[k][m] - sums.bends[k][m]) for m in range(count)]
                for k in range(count)
            ],
            effects,
            inverted,
            sums.weights,
        )

    def _arounds(
        self,
        observed: _Observed[Number],
        inverse: Matrix[Number],
        slopes: Sequence[Weighted[Number]],
    ) -> dict[int, tuple[Weighted[Number], Matrix[Number]]]:
        """Return, by parameter, where it stands in a pattern's covariance, E, and W E W."""
        width = range(len(observed.pattern))
        arounds: dict[int, tuple[Weighted[Number], Matrix[Number]]] = {}
        for k, entries in enumerate(slopes):
            if local := _within(observed.pattern, entries):
                arounds[k] = (
                    local,
                    [
                        [
                            sum(
                                (weight * inverse[a][i] * inverse[j][b] for i, j, weight in local),
                                self._zero,
                            )
                            for b in width
                        ]
                        for a in width
                    ],
                )
        return arounds

    def _residuals(
        self, observed: _Observed[Number], inverted: Matrix[Number], effects: Sequence[Number]
    ) -> tuple[Matrix[Number], Matrix[Number], dict[tuple[int, int], dict[int, Number]]]:
        """Return sums of products of residuals, of leverages, and of design times residuals."""
        width = len(observed.pattern)
        residuals, leverage = self._square(width), self._square(width)
        pulled: dict[tuple[int, int], dict[int, Number]] = {}
        for (a, b), block in observed.squares.items():
            line = dict(observed.mixed[a, b])
            for (i, j), square in block.items():
                line[i] -= square * effects[j]
                leverage[a][b] += inverted[i][j] * square
            pulled[a, b] = line
        for (a, b), line in pulled.items():
            # r_a r_b' = y_a r_b - fitted_a r_b, and y_a r_b = y_a y_b - y_a fitted_b.
            crossed = observed.mixed[b, a]
            fitted = sum((crossed[j] * effects[j] for j in crossed), self._zero)
            mixed = sum((line[i] * effects[i] for i in line), self._zero)
            residuals[a][b] = observed.values[a][b] - fitted - mixed
        return residuals, leverage, pulled

    def _square(self, size: int) -> Matrix[Number]:
        return [[self._zero] * size for _ in range(size)]

    def _inverted(self, matrix: Matrix[Number]) -> tuple[Matrix[Number], Number]:
        """Return the inverse of a positive definite matrix and the logarithm of its determinant."""
        size, numbers = len(matrix), self._numbers
        rows = [list(row) for row in matrix]
        for i, row in enumerate(rows):
            row.extend(numbers.of(int(i == j)) for j in range(size))
        logarithm: Number = self._zero
        for k in range(size):
            pivot = rows[k][k]
            if not pivot > 0:
                raise ValueError("not a covariance")
            logarithm += numbers.log(pivot)
            rows[k] = [entry / pivot for entry in rows[k]]
            for i in range(size):
                factor = rows[i][k]
                if i != k and factor:
                    rows[i] = [a - factor * b for a, b in zip(rows[i], rows[k], strict=True)]
        return [row[size:] for row in rows], logarithm


def _within[Number: (float, Decimal)](
    pattern: Pattern, entries: Weighted[Number]
) -> Weighted[Number]:
    """Return the entries of a covariance that a pattern has, by their places in it."""
    place_of = {visit: place for place, visit in enumerate(pattern)}
    return [
        (place_of[i], place_of[j], weight)
        for i, j, weight in entries
        if i in place_of and j in place_of
    ]


def _product[Number: (float, Decimal)](
    first: Matrix[Number], second: Matrix[Number]
) -> Matrix[Number]:
    columns = list(zip(*second, strict=True))
    return [[_dot(row, column) for column in columns] for row in first]


def _added[Number: (float, Decimal)](
    first: Matrix[Number], second: Matrix[Number]
) -> Matrix[Number]:
    return [
        [a + b for a, b in zip(row, second_row, strict=True)]
        for row, second_row in zip(first, second, strict=True)
    ]


def _times[Number: (float, Decimal)](
    matrix: Matrix[Number], vector: Sequence[Number]
) -> list[Number]:
    return [_dot(row, vector) for row in matrix]


def _dot[Number: (float, Decimal)](first: Sequence[Number], second: Sequence[Number]) -> Number:
    total: Number = first[0] * second[0]
    for place in range(1, len(first)):
        total += first[place] * second[place]
    return total


def _trace[Number: (float, Decimal)](first: Matrix[Number], second: Matrix[Number]) -> Number:
    """Return the trace of a product."""
    columns = list(zip(*second, strict=True))
    total: Number = _dot(first[0], columns[0])
    for row, column in zip(first[1:], columns[1:], strict=True):
        total += _dot(row, column)
    return total
