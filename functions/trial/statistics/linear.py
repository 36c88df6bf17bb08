"""Linear models (ANCOVA) from sums: factors, covariates and a response, without the subjects.

Subjects are summed by their combination of factor levels. X'X, X'y and y'y of any model of these
factors and covariates follow exactly, so estimates and F statistics are fractions.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from fractions import Fraction
from functools import cached_property

from trial.deferred import dataclass
from trial.statistics.elimination import Solution, solve
from trial.statistics.inference import FRatio, StudentT
from trial.statistics.products import Levels, Sums

ANCOVA = "analysis of covariance, type III F test"
EQUAL = "least-squares means, other factors' levels weighted equally"
OBSERVED = "least-squares means, other factors weighted by observed margins"
TREND = "linear trend over the given scores"

type Vector = list[Fraction]


@dataclass(frozen=True)
class Column:
    """A column of the design: a number for each combination of levels, times a covariate or 1."""

    term: str
    name: str
    value: Callable[[Levels], Fraction]
    covariate: int | None = None


@dataclass(frozen=True)
class Model:
    """What the response is explained by, in the order of the sequential tests.

    `factors` and `covariates` name positions: the factor's in the combinations of levels, the
    covariate's among the values. A factor with `scores` enters as one covariate, its level's score,
    and not as a factor: a linear trend (dose 0, 54, 81). `crossed` are two factors with an
    interaction; its term is their names with a star between.
    """

    factors: Mapping[str, int]
    covariates: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, Mapping[str, Fraction]] = field(default_factory=dict)
    crossed: tuple[str, str] | None = None

    def fit(self, sums: Sums) -> "Fit":
        """Fit by least squares; combinations without subjects are as if not there."""
        occupied = {levels: moments for levels, moments in sums.items() if moments.n}
        return Fit(self, occupied)

    def levels(self, factor: str, sums: Sums) -> list[str]:
        """Return the levels of a factor that occur."""
        return sorted({levels[self.factors[factor]] for levels in sums})

    def columns(self, sums: Sums) -> list[Column]:
        """Return the design: intercept, factors (sum to zero), scores, covariates."""
        columns = [Column("intercept", "intercept", lambda _: Fraction(1))]
        for factor, position in self.factors.items():
            if factor in self.scores:
                columns.append(Column(factor, factor, _scored(position, self.scores[factor])))
            else:
                *earlier_levels, last = self.levels(factor, sums) or [""]
                columns += [
                    Column(factor, f"{factor} {level}", _coded(position, level, last))
                    for level in earlier_levels
                ]
        columns += [
            Column(name, name, lambda _: Fraction(1), position)
            for name, position in self.covariates.items()
        ]
        return [*columns, *self._products(columns)]

    def _products(self, columns: Sequence[Column]) -> Iterator[Column]:
        """Yield the columns of an interaction: the products of those of both factors."""
        first, second = self.crossed or ("", "")
        for first_column in (column for column in columns if column.term == first):
            for second_column in (column for column in columns if column.term == second):
                name = f"{first_column.name} * {second_column.name}"
                yield Column(f"{first}*{second}", name, _multiplied(first_column, second_column))


def _coded(position: int, level: str, last: str) -> Callable[[Levels], Fraction]:
    return lambda levels: Fraction((levels[position] == level) - (levels[position] == last))


def _multiplied(first: Column, second: Column) -> Callable[[Levels], Fraction]:
    return lambda levels: first.value(levels) * second.value(levels)


def _scored(position: int, scores: Mapping[str, Fraction]) -> Callable[[Levels], Fraction]:
    return lambda levels: Fraction(scores[levels[position]])


@dataclass(frozen=True)
class Fit:
    """A model fitted to sums. What the data cannot tell is None: no estimate is made up."""

    model: Model
    sums: Sums

    @cached_property
    def n(self) -> int:
        """Subjects."""
        return sum(moments.n for moments in self.sums.values())

    @cached_property
    def columns(self) -> list[Column]:
        """The design's columns."""
        return self.model.columns(self.sums)

    @cached_property
    def aliased(self) -> tuple[str, ...]:
        """The columns that those before them determine: collinear, or without any variation."""
        pivots = set(self._solution.pivots)
        return tuple(column.name for i, column in enumerate(self.columns) if i not in pivots)

    @property
    def error_df(self) -> int:
        """Degrees of freedom that the residuals have."""
        return self.n - len(self._solution.pivots)

    @property
    def error(self) -> Fraction | None:
        """Residual mean square, the estimate of the variance; None without degrees of freedom."""
        return self._solution.residuals[-1] / self.error_df if self.error_df > 0 else None

    def type_three(self, term: str) -> FRatio | None:
        """Test a term given all others (SAS type III; without interactions type II is the same).

        None where the others leave nothing of the term to test, or no residuals.
        """
        reduced_residual, reduced_rank = self._without(term)
        return self._f(
            reduced_residual - self._solution.residuals[-1],
            len(self._solution.pivots) - reduced_rank,
        )

    def sequential(self, term: str) -> FRatio | None:
        """Test a term given those before it (SAS type I)."""
        places = [i for i, column in enumerate(self.columns) if column.term == term]
        residuals = self._solution.residuals
        df = len(set(places) & set(self._solution.pivots))
        return self._f(residuals[places[0]] - residuals[places[-1] + 1], df) if places else None

    def mean(self, factor: str, level: str, weights: str = EQUAL) -> StudentT | None:
        """Return a level's least-squares mean, at the covariates' means over all subjects.

        `weights` names how the other factors' levels are averaged: `EQUAL` (coefficients balanced,
        SAS LSMEANS) or `OBSERVED` (SAS LSMEANS with OM). None where it is not estimable.
        """
        if level not in self.model.levels(factor, self.sums):
            return None
        return self._estimate(self._at(factor, level, weights))

    def difference(self, factor: str, first: str, second: str) -> StudentT | None:
        """Return the difference of two levels' least-squares means, whatever their weights."""
        if not {first, second} <= set(self.model.levels(factor, self.sums)):
            return None
        first_mean, second_mean = (self._at(factor, level, EQUAL) for level in (first, second))
        return self._estimate([a - b for a, b in zip(first_mean, second_mean, strict=True)])

    def mean_at(self, first: str, second: str) -> StudentT | None:
        """Return the least-squares mean at a level of each of two factors with an interaction."""
        weights = self._at_both(first, second)
        return None if weights is None else self._estimate(weights)

    def difference_at(self, first: str, reference: str, second: str) -> StudentT | None:
        """Return how two levels of the first factor differ at a level of the second."""
        means = [self._at_both(level, second) for level in (first, reference)]
        if any(mean is None for mean in means):
            return None
        first_mean, second_mean = (mean or [] for mean in means)
        return self._estimate([a - b for a, b in zip(first_mean, second_mean, strict=True)])

    def slope(self, term: str) -> StudentT | None:
        """Return the coefficient of a covariate or of a factor's scores."""
        return self._estimate([Fraction(column.name == term) for column in self.columns])

    @cached_property
    def _solution(self) -> Solution:
        return self._solve(range(len(self.columns)))

    @cached_property
    def _aliases(self) -> dict[int, Vector]:
        """Give, for each column passed over, the columns that make it up."""
        pivots = set(self._solution.pivots)
        aliases = {}
        for place in (i for i in range(len(self.columns)) if i not in pivots):
            products = [self._product(column, self.columns[place]) for column in self.columns]
            aliases[place] = [
                sum((a * b for a, b in zip(row, products, strict=True) if a), Fraction(0))
                for row in self._solution.inverse
            ]
        return aliases

    def _estimable(self, weights: Vector) -> bool:
        """Return whether every solution of the normal equations gives these weights one answer."""
        return all(
            weights[place] == sum(w * a for w, a in zip(weights, alias, strict=True))
            for place, alias in self._aliases.items()
        )

    def _solve(self, places: Sequence[int]) -> Solution:
        """Solve for some columns."""
        columns = [self.columns[i] for i in places]
        matrix = [[self._product(a, b) for b in columns] for a in columns]
        right = [self._product(column, None) for column in columns]
        return solve(matrix, right, self._product(None, None))

    def _product(self, a: Column | None, b: Column | None) -> Fraction:
        """Sum the product of two columns; None stands for the response."""
        total = Fraction(0)
        for levels, moments in self.sums.items():
            weight = (a.value(levels) if a else 1) * (b.value(levels) if b else 1)
            if weight:
                total += weight * moments.of(a.covariate if a else -1, b.covariate if b else -1)
        return total

    def _without(self, term: str) -> tuple[Fraction, int]:
        places = [i for i, column in enumerate(self.columns) if column.term != term]
        solution = self._solve(places)
        return solution.residuals[-1], len(solution.pivots)

    def _f(self, squares: Fraction, df: int) -> FRatio | None:
        if df < 1 or self.error is None:
            return None
        return FRatio(squares / df / self.error if self.error else None, df, self.error_df)

    def _at_both(self, first: str, second: str) -> Vector | None:
        """Return the mean of the design's columns were everybody at two levels; None for others."""
        assert self.model.crossed is not None
        levels = dict(zip(self.model.crossed, (first, second), strict=True))
        if any(level not in self.model.levels(name, self.sums) for name, level in levels.items()):
            return None
        places = {self.model.factors[name]: level for name, level in levels.items()}
        combination = tuple(places.get(place, "") for place in range(max(places) + 1))
        fixed = {*levels, "*".join(self.model.crossed)}
        return [
            column.value(combination)
            if column.term in fixed
            else self._mean_column(column, "", "", EQUAL)
            for column in self.columns
        ]

    def _at(self, factor: str, level: str, weights: str) -> Vector:
        """Return the mean of the design's columns were everybody in this level."""
        return [self._mean_column(column, factor, level, weights) for column in self.columns]

    def _mean_column(self, column: Column, factor: str, level: str, weights: str) -> Fraction:
        if column.covariate is not None:
            return sum((m.sums[column.covariate] for m in self.sums.values()), Fraction(0)) / self.n
        if column.term == factor:
            position = self.model.factors[factor]
            return column.value(tuple(level for _ in range(position + 1)))
        coded = self.model.factors.keys() - self.model.scores.keys()
        if weights == EQUAL and column.term in coded:
            return Fraction(0)  # the codes of a factor's levels sum to zero
        values = (m.n * column.value(levels) for levels, m in self.sums.items())
        return sum(values, Fraction(0)) / self.n

    def _estimate(self, weights: Vector) -> StudentT | None:
        if not self._estimable(weights) or self.error is None:
            return None
        solution = self._solution
        estimate = sum(
            (w * b for w, b in zip(weights, solution.coefficients, strict=True)), Fraction(0)
        )
        variance = solution.bilinear(weights, weights) * self.error
        return StudentT(estimate, variance, self.error_df)
