"""Multiple imputation of a measure by visit, and what all imputed data together say of it.

The imputation model is a regression of each visit on the arm, the covariates and the visits before
it, which together are a multivariate normal distribution with a mean of each arm at each visit and
one unstructured covariance: Bayesian regression with Jeffreys' prior, visit after visit (Rubin
1987, Multiple Imputation for Nonresponse in Surveys, example 5.1; SAS: MI MONOTONE REG). Values
missing before the last one observed are drawn beforehand, by data augmentation (Schafer 1997,
Analysis of Incomplete Multivariate Data, 6.5; SAS: MI MCMC IMPUTE=MONOTONE).
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property, lru_cache

from trial.deferred import dataclass
from trial.statistics.inference import NOT_ESTIMABLE, TOO_MUCH_WORK, StudentT
from trial.statistics.random_numbers import RandomNumbers

AT_RANDOM, JUMP, COPY, INCREMENTS = (
    "missing-at-random",
    "jump-to-reference",
    "copy-reference",
    "copy-increments-in-reference",
)
METHODS: Mapping[str, str] = {
    AT_RANDOM: "missing at random",
    JUMP: "jump to reference",
    COPY: "copy reference",
    INCREMENTS: "copy increments in reference",
}
"""What is taken of those who were not observed to the end: the default first.

Carpenter, Roger and Kenward (2013), J Biopharm Stat 23:1352: who is missing at random goes on in
its own arm; who jumps has the mean of the reference after the last value; who copies it has its
mean from the beginning; and who copies its increments keeps what it had gained by then.
"""
MULTIPLE_IMPUTATION = "multiple imputation"
RUBIN = "Rubin's rules, degrees of freedom by Barnard and Rubin"
BURN_IN, BETWEEN = 100, 20
"""Cycles of data augmentation before the first imputation, and from one to the next."""
MOST_STEPS = 25_000_000
"""How much work all imputations may be, in products: some ten seconds."""
_DETERMINED = 1e-10
"""The share of a column's square below which those before it leave nothing of it."""
_ROUNDING = 1e-24
"""Squared residuals of no more than this share of the squared values are 0."""
_DIGITS = 12
"""The significant digits that are kept of an estimate: binary numbers give some 14."""

_AROUND, _SHARE = 10, 4
"""The work of a cycle beside that of subjects with gaps, as if of so many of them; and of how many
of these the work is one product for each pair of columns."""

type Column = list[float]
type Matrix = list[list[float]]


@dataclass(frozen=True)
class Incomplete:
    """A subject: its values at as many visits as are due to it, None where one is missing."""

    arm: str
    covariates: tuple[float, ...]
    values: tuple[float | None, ...]

    @property
    def reached(self) -> int:
        """How many visits there are up to the last one with a value."""
        return max((i + 1 for i, value in enumerate(self.values) if value is not None), default=0)

    @property
    def gaps(self) -> list[int]:
        """The visits without a value before the last one with one."""
        return [i for i in range(self.reached) if self.values[i] is None]


@dataclass(frozen=True)
class ImputationModel:
    """What is imputed: by which method, against which arm, how often, out of which stream.

    `origins` are the values of the covariates at which means are.
    """

    arms: tuple[str, ...]
    visits: int
    origins: tuple[float, ...]
    method: str = AT_RANDOM
    reference: str = ""
    number: int = 100


@dataclass(frozen=True)
class _Regression:
    """A regression on columns, of which those that the ones before determine are left out."""

    width: int
    kept: list[int]
    factor: Matrix
    """The lower triangular factor of the products of the columns kept."""
    coefficients: list[float]
    squares: float
    """The sum of the squared residuals."""
    df: int

    @classmethod
    def of(cls, products: Matrix, n: int, least: float = 0.0) -> "_Regression":
        """Regress the last of some columns on the others by the products of all, below a diagonal.

        Squared residuals of no more than `least` are what rounding left of 0.
        """
        *columns, last = products
        columns_kept: list[int] = []
        factor: Matrix = []
        for j, row_of_products in enumerate(columns):
            row = _forward(factor, [row_of_products[i] for i in columns_kept])
            pivot = row_of_products[j] - math.sumprod(row, row)
            if pivot > _DETERMINED * row_of_products[j]:
                columns_kept.append(j)
                factor.append([*row, math.sqrt(pivot)])
        solution = _forward(factor, [last[i] for i in columns_kept])
        squares = last[-1] - math.sumprod(solution, solution)
        squares = squares if squares > least else 0.0
        return cls(
            len(columns),
            columns_kept,
            factor,
            _back(factor, solution),
            squares,
            n - len(columns_kept),
        )

    def drawn(self, numbers: RandomNumbers) -> tuple[list[float], float]:
        """Draw coefficients of all columns, and the standard deviation, from their posterior."""
        deviation = math.sqrt(self.squares / numbers.chi_square(self.df))
        noise = _back(self.factor, [numbers.normal() for _ in self.kept])
        coefficients = [0.0] * self.width
        for j, mean, error in zip(self.kept, self.coefficients, noise, strict=True):
            coefficients[j] = mean + deviation * error
        return coefficients, deviation

    def solved(self, right: Sequence[float]) -> list[float]:
        """Return the coefficients of another response, by its products with the columns kept."""
        return _back(self.factor, _forward(self.factor, right))

    def inverse(self) -> Matrix:
        """Return the inverse of the products of the columns kept."""
        size = range(len(self.kept))
        return [self.solved([float(i == j) for i in size]) for j in size]


def _products(columns: Sequence[Column]) -> Matrix:
    """Return the products of columns, each with those up to itself."""
    return [
        [math.sumprod(column, other) for other in columns[: place + 1]]
        for place, column in enumerate(columns)
    ]


def _forward(factor: Matrix, right: Sequence[float]) -> list[float]:
    solution: list[float] = []
    for row, number in zip(factor, right, strict=True):
        solution.append((number - math.sumprod(row[:-1], solution)) / row[-1])
    return solution


def _back(factor: Matrix, right: Sequence[float]) -> list[float]:
    solution = [0.0] * len(factor)
    for i in reversed(range(len(factor))):
        below = math.sumprod([row[i] for row in factor[i + 1 :]], solution[i + 1 :])
        solution[i] = (right[i] - below) / factor[i][i]
    return solution


@dataclass(frozen=True)
class _Drawn:
    """Parameters of one imputation: of each visit its coefficients and its standard deviation."""

    coefficients: Sequence[list[float]]
    deviations: Sequence[float]


@dataclass(frozen=True)
class _Analysis:
    """What one visit's analysis of covariance has in common for all imputed data."""

    rows: list[int]
    columns: Sequence[Column]
    flags: Mapping[str, Column]
    """By arm, who has an imputed value."""
    regression: _Regression
    inverse: Matrix
    moved: Mapping[str, list[float]]
    """By arm, the coefficients of its flags: what a delta of 1 adds to those of the values."""
    unmoved: Mapping[str, Column]
    """By arm, its flags less what the columns say of them."""


@dataclass(frozen=True)
class _Fitted:
    """One imputed data set at a visit: coefficients, squared residuals, and these with flags."""

    coefficients: list[float]
    squares: float
    with_flags: Mapping[str, float]


class NotEstimableError(ArithmeticError):
    """The data do not tell what the model needs."""


class MultipleImputation:
    """All imputations of some subjects, and the analysis of covariance of each visit over them."""

    def __init__(
        self, model: ImputationModel, subjects: tuple[Incomplete, ...], seed: bytes
    ) -> None:
        """Keep the subjects, those observed for longest first: a visit is of the first of them."""
        self._model = model
        self._subjects = sorted(subjects, key=lambda subject: -subject.reached)
        self._seed = seed
        self._width = len(model.arms) + len(model.origins)

    @cached_property
    def reason(self) -> str:
        """Why there is no estimate; '' where there is one."""
        if self.steps > MOST_STEPS:
            return TOO_MUCH_WORK
        try:
            return "" if self._fitted else NOT_ESTIMABLE
        except NotEstimableError:
            return NOT_ESTIMABLE

    @cached_property
    def steps(self) -> int:
        """How much work it is, in products of two numbers."""
        widths = range(self._width + 1, self._width + self._model.visits + 1)
        gaps = sum(bool(subject.gaps) for subject in self._subjects)
        cycles = BURN_IN + BETWEEN * (self._model.number - 1) if gaps else 1
        drawing = cycles * (gaps + _AROUND) * sum(width * width for width in widths) // _SHARE
        values = len(self._subjects) * self._model.visits
        return drawing + self._model.number * values * (self._width + len(self._model.arms))

    def n(self, arm: str, visit: int) -> tuple[int, int]:
        """Return how many of an arm are observed at a visit, and how many are imputed there."""
        values = [
            subject.values[visit]
            for subject in self._subjects
            if subject.arm == arm and visit < len(subject.values)
        ]
        missing = sum(value is None for value in values)
        return len(values) - missing, missing

    def mean(self, arm: str, visit: int) -> StudentT | None:
        """Return the least-squares mean of an arm; None where there is none."""
        return self._combined(visit, {arm: 1.0}, {})

    def difference(
        self, reference: str, arm: str, visit: int, deltas: Mapping[str, float] | None = None
    ) -> StudentT | None:
        """Return the difference of an arm from the reference, with a delta on imputed values."""
        return self._combined(visit, {arm: 1.0, reference: -1.0}, deltas or {})

    # The columns and values, by visit, of all subjects

    @cached_property
    def _design(self) -> list[Column]:
        arms = [[float(s.arm == arm) for s in self._subjects] for arm in self._model.arms]
        covariates = [
            [subject.covariates[place] - origin for subject in self._subjects]
            for place, origin in enumerate(self._model.origins)
        ]
        return [*arms, *covariates]

    @cached_property
    def _origins(self) -> list[float]:
        """About the mean of each visit: the analyses are the same from any origin."""
        origins = []
        for visit in range(self._model.visits):
            observed = [v for s in self._subjects for v in s.values[visit : visit + 1]
                     if v is not None]  # fmt: skip
            origins.append(sum(observed) / len(observed) if observed else 0.0)
        return origins

    def _start(self) -> list[Column]:
        """Return the values by visit, gaps filled by the mean of the arm; 0 after the last."""
        values = [[0.0] * len(self._subjects) for _ in range(self._model.visits)]
        for visit, column in enumerate(values):
            sums = dict.fromkeys(self._model.arms, (0.0, 0))
            for i, subject in enumerate(self._subjects):
                value = subject.values[visit] if visit < len(subject.values) else None
                if value is not None:
                    column[i] = value - self._origins[visit]
                    total, n = sums[subject.arm]
                    sums[subject.arm] = total + column[i], n + 1
            for i, subject in enumerate(self._subjects):
                if visit in subject.gaps:
                    total, n = sums[subject.arm]
                    column[i] = total / n if n else 0.0
        return values

    # Drawing

    @cached_property
    def _fitted(self) -> list[list[_Fitted]]:
        """The fits, by imputation and visit; raises `NotEstimableError`."""
        numbers, values = RandomNumbers(self._seed), self._start()
        gaps = [(i, subject.gaps) for i, subject in enumerate(self._subjects) if subject.gaps]
        regressions = self._regressions(values, gaps)
        fits = []
        for imputation in range(self._model.number):
            cycles = (BETWEEN if imputation else BURN_IN) if gaps else 1
            for _ in range(cycles):
                draw = self._draw(regressions, numbers)
                if gaps:
                    self._fill(values, draw, gaps, numbers)
                    regressions = self._regressions(values, gaps)
            self._impute(values, draw, numbers)
            fits.append([self._fit(visit, values[visit]) for visit in range(self._model.visits)])
        return fits

    @cached_property
    def _complete(self) -> list[Matrix]:
        """The products of design and values up to each visit, of all who have no gap before it."""
        values, products = self._start(), []
        for visit in range(self._model.visits):
            rows = [i for i in range(self._reached[visit]) if not self._subjects[i].gaps]
            columns = (*self._design, *values[: visit + 1])
            products.append(_products([[column[i] for i in rows] for column in columns]))
        return products

    @cached_property
    def _reached(self) -> list[int]:
        """How many subjects have a value at each visit or after it: they stand first."""
        return [
            sum(subject.reached > visit for subject in self._subjects)
            for visit in range(self._model.visits)
        ]

    @cached_property
    def _least(self) -> list[float]:
        """What rounding can leave of squared residuals at each visit."""
        return [
            _ROUNDING * sum(v * v for s in self._subjects for v in s.values[visit : visit + 1] if v)
            for visit in range(self._model.visits)
        ]

    def _regressions(
        self, values: Sequence[Column], gaps: Sequence[tuple[int, list[int]]]
    ) -> list[_Regression]:
        """Regress each visit on all before it, of those who reached it."""
        products = [[list(row) for row in matrix] for matrix in self._complete]
        for i, _ in gaps:
            row = [column[i] for column in (*self._design, *values)]
            for visit in range(self._subjects[i].reached):
                for j, sums in enumerate(products[visit]):
                    number = row[j]
                    if number:
                        for k in range(j + 1):
                            sums[k] += number * row[k]
        regressions = []
        for visit, matrix in enumerate(products):
            regression = _Regression.of(matrix, self._reached[visit], self._least[visit])
            self._check(regression)
            regressions.append(regression)
        return regressions

    def _check(self, regression: _Regression) -> None:
        arms = list(range(len(self._model.arms)))
        if regression.df < 1 or regression.kept[: len(arms)] != arms:
            raise NotEstimableError

    def _draw(self, regressions: Sequence[_Regression], numbers: RandomNumbers) -> _Drawn:
        pairs = [regression.drawn(numbers) for regression in regressions]
        return _Drawn([pair[0] for pair in pairs], [pair[1] for pair in pairs])

    def _fill(
        self, values: Sequence[Column], draw: _Drawn, gaps: Sequence[tuple[int, list[int]]],
        numbers: RandomNumbers,
    ) -> None:  # fmt: skip
        """Draw each gap given all other values of the subject up to the last one observed."""
        for i, visits in gaps:
            arm, reached = self._subjects[i].arm, self._subjects[i].reached
            history = [values[visit][i] for visit in range(reached)]
            for gap in visits:
                history[gap] = 0.0
                precision = pull = 0.0
                for visit in range(gap, reached):
                    slopes = draw.coefficients[visit][self._width :]
                    rest = history[visit] - self._base(draw, visit, i, arm)
                    rest -= math.sumprod(slopes, history[:visit])
                    effect = 1.0 if visit == gap else -slopes[gap]
                    variance = draw.deviations[visit] * draw.deviations[visit]
                    if variance:
                        precision += effect * effect / variance
                        pull -= effect * rest / variance
                noise = numbers.normal()
                if precision:
                    history[gap] = pull / precision + noise / math.sqrt(precision)
                values[gap][i] = history[gap]

    def _base(self, draw: _Drawn, visit: int, subject: int, arm: str) -> float:
        """Return what arm and covariates make of a visit, without the visits before it."""
        coefficients = draw.coefficients[visit]
        base = coefficients[self._model.arms.index(arm)]
        for place in range(len(self._model.arms), self._width):
            base += coefficients[place] * self._design[place][subject]
        return base

    def _impute(self, values: Sequence[Column], draw: _Drawn, numbers: RandomNumbers) -> None:
        """Draw the values after the last one observed, as far as visits are due."""
        for i, subject in enumerate(self._subjects):
            if subject.reached == len(subject.values):
                continue
            means = self._means(draw, i)
            apart = [values[visit][i] - means[visit] for visit in range(subject.reached)]
            for visit in range(subject.reached, len(subject.values)):
                slopes = draw.coefficients[visit][self._width :]
                error = draw.deviations[visit] * numbers.normal()
                apart.append(math.sumprod(slopes, apart) + error)
                values[visit][i] = means[visit] + apart[visit]

    def _means(self, draw: _Drawn, place: int) -> list[float]:
        """Return the means by visit that a subject's values are taken to lie about."""
        subject, method = self._subjects[place], self._model.method
        own_means = self._means_of(draw, place, subject.arm)
        if method == AT_RANDOM or subject.arm == self._model.reference:
            return own_means
        reference = self._means_of(draw, place, self._model.reference)
        if method == COPY:
            return reference
        reached = subject.reached
        gained = 0.0
        if method == INCREMENTS and reached:
            gained = own_means[reached - 1] - reference[reached - 1]
        return [*own_means[:reached], *(mean + gained for mean in reference[reached:])]

    def _means_of(self, draw: _Drawn, place: int, arm: str) -> list[float]:
        means: list[float] = []
        for visit in range(self._model.visits):
            slopes = draw.coefficients[visit][self._width :]
            means.append(self._base(draw, visit, place, arm) + math.sumprod(slopes, means))
        return means

    # Analysing

    @cached_property
    def _analyses(self) -> list[_Analysis]:
        return [self._analysis(visit) for visit in range(self._model.visits)]

    def _analysis(self, visit: int) -> _Analysis:
        rows = [i for i, subject in enumerate(self._subjects) if visit < len(subject.values)]
        columns = [[column[i] for i in rows] for column in self._design]
        flags = {
            arm: [
                float(s.arm == arm and s.values[visit] is None)
                for s in (self._subjects[i] for i in rows)
            ]
            for arm in self._model.arms
        }
        regression = _Regression.of([*_products(columns), [0.0] * (len(columns) + 1)], len(rows))
        self._check(regression)
        columns_kept = [columns[j] for j in regression.kept]
        moved = {
            arm: regression.solved([math.sumprod(column, other) for other in columns_kept])
            for arm, column in flags.items()
        }
        unmoved = {
            arm: _residuals(columns_kept, moved[arm], column) for arm, column in flags.items()
        }
        return _Analysis(
            rows, columns_kept, flags, regression, regression.inverse(), moved, unmoved
        )

    def _fit(self, visit: int, values: Column) -> _Fitted:
        analysis = self._analyses[visit]
        response = [values[i] for i in analysis.rows]
        right = [math.sumprod(response, column) for column in analysis.columns]
        coefficients = analysis.regression.solved(right)
        squares = math.sumprod(response, response) - math.sumprod(coefficients, right)
        with_flags = {
            arm: math.sumprod(response, column) for arm, column in analysis.unmoved.items()
        }
        squares = squares if squares > self._least[visit] else 0.0
        return _Fitted(coefficients, squares, with_flags)

    def _combined(
        self, visit: int, weights: Mapping[str, float], deltas: Mapping[str, float]
    ) -> StudentT | None:
        """Combine the analyses of all imputed data by Rubin's rules."""
        if self.reason:
            return None
        analysis = self._analyses[visit]
        contrast = [0.0] * len(analysis.columns)
        for arm, weight in weights.items():
            contrast[self._model.arms.index(arm)] = weight
        spread = math.sumprod(contrast, [math.sumprod(row, contrast) for row in analysis.inverse])
        shift = sum(self._origins[visit] * weight for weight in weights.values())
        shift += sum(
            delta * math.sumprod(contrast, analysis.moved[arm]) for arm, delta in deltas.items()
        )
        flagged = sum(
            delta * other * math.sumprod(analysis.unmoved[arm], analysis.unmoved[second])
            for arm, delta in deltas.items()
            for second, other in deltas.items()
        )
        estimates, variances = [], []
        for fits in self._fitted:
            fit = fits[visit]
            twice = 2 * sum(delta * fit.with_flags[arm] for arm, delta in deltas.items())
            squares = max(fit.squares + twice + flagged, 0.0)
            estimates.append(shift + math.sumprod(contrast, fit.coefficients))
            variances.append(spread * squares / analysis.regression.df)
        imputed = any(any(column) for column in analysis.flags.values())
        return combined(estimates, variances, analysis.regression.df, imputed=imputed)


@lru_cache(maxsize=8)
def multiple_imputation(
    model: ImputationModel, subjects: tuple[Incomplete, ...], seed: bytes
) -> MultipleImputation:
    """Return the imputations of some subjects: what is asked for again is not drawn again."""
    return MultipleImputation(model, subjects, seed)


def combined(
    estimates: Sequence[float], variances: Sequence[float], df: int, *, imputed: bool = True
) -> StudentT:
    """Combine the estimates of imputed data, with their variances, on `df` of complete data.

    Rubin (1987); degrees of freedom by Barnard and Rubin (1999), Biometrika 86:948. Where nothing
    was `imputed` it is the analysis of what was observed.
    """
    m = len(estimates)
    mean = sum(estimates) / m
    within = sum(variances) / m
    between = sum((number - mean) * (number - mean) for number in estimates) / (m - 1)
    added = (1 + 1 / m) * between
    total = within + added
    if not imputed or not total or not added:
        return StudentT(_kept(mean), _kept(within), Fraction(df))
    share = added / total
    sampled = (m - 1) / (share * share)
    observed = (df + 1) / (df + 3) * df * (1 - share)
    joined = sampled * observed / (sampled + observed)
    return StudentT(_kept(mean), _kept(total), _kept(joined))


def _residuals(
    columns: Sequence[Column], coefficients: Sequence[float], response: Column
) -> Column:
    fitted = [math.sumprod(coefficients, row) for row in zip(*columns, strict=True)]
    return [a - b for a, b in zip(response, fitted, strict=True)]


def _kept(number: float) -> Fraction:
    """Return a number with the digits that are kept: rounded once, so no platform differs."""
    return Fraction(Decimal(f"{number:.{_DIGITS - 1}e}"))
