"""Quantiles and tails of the reference distributions, to 20 significant digits.

The only module that knows mpmath, and it loads it when first asked: those who only count never do.
Precision is set here and nowhere else: mpmath in a context of its own, `decimal` in a local one, so
neither depends on what a caller has set, and nothing passes through a binary float whose last bit
may differ between two platforms. mpmath gives error functions and log gamma. Incomplete beta and
gamma are computed here, because mpmath's do not come back for shapes of some ten thousand; every
loop is bounded, and where the bound is reached an `ArithmeticError` is raised.
"""

from collections.abc import Callable
from decimal import MIN_EMIN, Context, Decimal, localcontext
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

type Real = Fraction | int

_WORKING = Context(prec=40)
_RESULT = Context(prec=20)
_CONVERGED = Decimal("1e-36")
_SOLVED = Decimal("1e-16")  # a Newton step this small leaves an error below 1e-25
_MOST_STEPS = 200
_MOST_TERMS = 100_000  # some ten times the square root of the shape are needed
_FEW = Decimal("1e-9999")  # in place of 0, which Lentz's method cannot divide by


@cache
def _mp() -> Any:  # noqa: ANN401  (mpmath has no types)
    import mpmath  # noqa: PLC0415

    context = mpmath.MPContext()
    context.dps = _WORKING.prec
    return context


@lru_cache(maxsize=64)  # milliseconds each, and a report asks for a few of them very often
def normal_quantile(p: Fraction) -> Decimal:
    """Return the standard normal value below which a share `p` lies (0 < p < 1)."""
    _inside(p)
    mp = _mp()
    digits = len(str(min(p, 1 - p).denominator))  # 2 p - 1 loses as many next to 1
    with mp.workdps(_WORKING.prec + digits):
        return _RESULT.plus(_decimal(mp.sqrt(2) * mp.erfinv(_mpf(2 * p - 1))))


def normal_tail(z: Decimal) -> Decimal:
    """Return the probability that a standard normal value exceeds `z`, which may be infinite."""
    if z.is_infinite():
        return Decimal(int(z < 0))
    mp = _mp()
    return _RESULT.plus(_decimal(mp.erfc(mp.mpf(str(z)) / mp.sqrt(2)) / 2))


def t_quantile(p: Fraction, df: Real) -> Decimal:
    """Return the Student t value on `df` >= 1 degrees of freedom below which a share `p` lies."""
    _inside(p)
    if 2 * p == 1:
        return Decimal(0)
    outside = 2 * min(p, 1 - p)
    with localcontext(_WORKING):
        x, complement = _beta_split(outside, Fraction(df) / 2, Fraction(1, 2))
        t = (ratio(df) * complement / x).sqrt()
        return _RESULT.plus(t if 2 * p > 1 else -t)


def t_tails(squared: Real, df: Real) -> Decimal:
    """Return the two-sided P value of a Student t on `df` >= 1, given its exact square."""
    return f_tail(squared, 1, df)


def f_tail(f: Real, df: Real, error_df: Real) -> Decimal:
    """Return the probability that F on `df` and `error_df` >= 1 degrees of freedom exceeds `f`."""
    if f < 0 or min(df, error_df) < 1:
        raise ValueError("F is defined for values from 0 and degrees of freedom from 1")
    share = Fraction(error_df) / (error_df + df * Fraction(f))
    with localcontext(_WORKING):
        return _RESULT.plus(_beta_below(share, Fraction(error_df) / 2, Fraction(df) / 2))


def f_quantile(p: Fraction, df: Real, error_df: Real) -> Decimal:
    """Return the quantile `p` of F on `df` and `error_df` >= 1 degrees of freedom (0 < p < 1)."""
    _inside(p)
    with localcontext(_WORKING):
        x, complement = _beta_split(p, Fraction(df) / 2, Fraction(error_df) / 2)
        return _RESULT.plus(ratio(Fraction(error_df) / df) * x / complement)


def beta_quantile(p: Fraction, a: Real, b: Real) -> Decimal:
    """Return the value below which a share `p` of the beta distribution on `a` and `b` lies.

    Exactly 0 at p = 0 and exactly 1 at p = 1; a quantile near 0 has all its digits too. Shapes from
    one half upwards, which is what binomial, t and F need.
    """
    if p in (0, 1):
        return Decimal(int(p))
    _inside(p)
    with localcontext(_WORKING):
        return _RESULT.plus(_beta_split(p, Fraction(a), Fraction(b))[0])


def chi_square_tail(x: Real, df: Real) -> Decimal:
    """Return the probability that chi-square on `df` > 0 degrees of freedom exceeds `x` >= 0."""
    if x < 0 or df <= 0:
        raise ValueError("chi-square is defined for values from 0 and positive degrees of freedom")
    with localcontext(_WORKING):
        return _RESULT.plus(_gamma_split(ratio(Fraction(x) / 2), Fraction(df) / 2)[1])


def chi_square_quantile(p: Fraction, df: Real) -> Decimal:
    """Return the value below which a share `p` of chi-square on `df` >= 1 lies (0 < p < 1).

    Newton on the logarithm of the smaller tail: over log x for the lower one, which is concave
    there, over x for the upper one. A bracket keeps what is neither on the way.
    """
    _inside(p)
    if df < 1:
        raise ValueError("a quantile of chi-square needs degrees of freedom from 1")
    shape = Fraction(df) / 2
    with localcontext(_WORKING):
        return _RESULT.plus(2 * (_low_gamma(p, shape) if 2 * p <= 1 else _high_gamma(1 - p, shape)))


def binomial_half(successes: int, trials: int) -> Decimal:
    """Return the probability of so many successes, of probability one half each.

    What its logarithm takes before the point is lost of the digits: 25 are left at 10^9 trials.
    """
    with localcontext(_WORKING, Emin=MIN_EMIN):  # 2^-n of four million is 10^-1204120
        ways = _log_gamma(Fraction(trials + 1))
        ways -= _log_gamma(Fraction(successes + 1)) + _log_gamma(Fraction(trials - successes + 1))
        return (ways - trials * Decimal(2).ln()).exp()


def ratio(value: Real) -> Decimal:
    """Return a fraction as a decimal of the precision in force."""
    return Decimal(value.numerator) / value.denominator


def _inside(p: Fraction) -> None:
    if not 0 < p < 1:
        raise ValueError("a probability strictly between 0 and 1 is needed")


def _beta_split(p: Fraction, a: Fraction, b: Fraction) -> tuple[Decimal, Decimal]:
    """Quantile of the beta distribution and its distance to 1."""
    if min(a, b) < Fraction(1, 2):
        raise ValueError("shapes and half the degrees of freedom must be at least one half")
    if 2 * p <= 1:
        x = _lower_beta(p, a, b)
        return x, 1 - x
    complement = _lower_beta(1 - p, b, a)
    return 1 - complement, complement


@lru_cache(maxsize=1024)
def _lower_beta(p: Fraction, a: Fraction, b: Fraction) -> Decimal:
    """Solve I_x(a, b) = p for p <= 1/2: Newton on log I over log x, kept inside a bracket.

    On these scales the curve is close to a straight line. For b >= 1 it is concave and the start
    lies left of the root, so every step stays left of it; the bracket is there for b < 1.
    """
    shape_a, shape_b, target = ratio(a), ratio(b), ratio(p).ln()
    log_beta = _log_beta(a, b)
    mean = shape_a / (shape_a + shape_b)

    def step(u: Decimal) -> Decimal:
        x = u.exp()
        fraction = _continued_fraction(x, shape_a, shape_b)
        log_cdf = shape_a * u + shape_b * (1 - x).ln() - log_beta + fraction.ln()
        return (target - log_cdf) * (1 - x) * fraction

    start = min((target + log_beta + shape_a.ln()) / shape_a, mean.ln())
    return _solve(step, start, Decimal("-Infinity"), Decimal(0)).exp()


def _solve(step: Callable[[Decimal], Decimal], u: Decimal, low: Decimal, high: Decimal) -> Decimal:
    """Follow Newton's steps to where they vanish, halving the bracket where one leaves it.

    A positive step means that the root is above, so that `u` is a lower end, and else an upper.
    """
    for _ in range(_MOST_STEPS):
        move = step(u)
        low, high = (u, high) if move > 0 else (low, u)
        if abs(move) <= _SOLVED * (1 + abs(u)):
            return u + move
        u = u + move if low < u + move < high else (low + high) / 2
    raise ArithmeticError("the quantile did not converge")


def _beta_below(x: Fraction, a: Fraction, b: Fraction) -> Decimal:
    """I_x(a, b), with all its digits where it is small too."""
    if x in (0, 1):
        return Decimal(int(x))
    if x * (a + b) > a:
        return 1 - _beta_below(1 - x, b, a)
    share, shape_a, shape_b = ratio(x), ratio(a), ratio(b)
    log_power = shape_a * share.ln() + shape_b * ratio(1 - x).ln() - _log_beta(a, b)
    return log_power.exp() * _continued_fraction(share, shape_a, shape_b)


def _continued_fraction(x: Decimal, a: Decimal, b: Decimal) -> Decimal:
    """I_x(a, b) without its factor x^a (1-x)^b / B(a, b): DiDonato and Morris (1992), TOMS 708."""
    excess = a - (a + b) * x
    above, below = Decimal(1), a / (a + 1) * (excess + 1)
    above_before, below_before = Decimal(0), Decimal(1)
    value = above / below
    for n in range(1, _MOST_TERMS):
        reach = a + 2 * n - 1
        slack = n * (b - n) * x / reach
        alpha = (a + n - 1) * (a + b + n - 1) * slack * x / reach
        beta = n + slack + (a + n) / (reach + 2) * (excess + 1 + n * (2 - x))
        above, above_before = beta * above + alpha * above_before, above
        below, below_before = beta * below + alpha * below_before, below
        before, value = value, above / below
        if abs(value - before) <= _CONVERGED * abs(value):
            return value
    raise ArithmeticError("the incomplete beta function did not converge")


def _log_beta(a: Fraction, b: Fraction) -> Decimal:
    return _log_gamma(a) + _log_gamma(b) - _log_gamma(a + b)


@lru_cache(maxsize=1024)
def _low_gamma(p: Fraction, a: Fraction) -> Decimal:
    """Solve P(a, x) = p for p <= 1/2, from the left: x^a / Gamma(a + 1) is never less than P."""
    shape, target, log_gamma = ratio(a), ratio(p).ln(), _log_gamma(a)

    def step(u: Decimal) -> Decimal:
        x = u.exp()
        below = _gamma_split(x, a)[0]
        return (target - below.ln()) * below / (shape * u - x - log_gamma).exp()

    start = (target + _log_gamma(a + 1)) / shape
    return _solve(step, start, Decimal("-Infinity"), (2 * shape).ln()).exp()


@lru_cache(maxsize=1024)
def _high_gamma(q: Fraction, a: Fraction) -> Decimal:
    """Solve Q(a, x) = q for q <= 1/2."""
    shape, target, log_gamma = ratio(a), ratio(q).ln(), _log_gamma(a)

    def step(x: Decimal) -> Decimal:
        above = _gamma_split(x, a)[1]
        return (above.ln() - target) * above / ((shape - 1) * x.ln() - x - log_gamma).exp()

    # Chernoff: beyond the upper end less than q is left.
    reach = 2 * shape + 4 * (1 - target)
    return _solve(step, shape, Decimal(0), reach)


def _gamma_split(x: Decimal, a: Fraction) -> tuple[Decimal, Decimal]:
    """P(a, x) and Q(a, x), the smaller by series or continued fraction, the other as its rest."""
    if x == 0:
        return Decimal(0), Decimal(1)
    shape = ratio(a)
    power = (shape * x.ln() - x - _log_gamma(a)).exp()
    if x < shape + 1:
        below = power * _gamma_series(x, shape)
        return below, 1 - below
    above = power * _gamma_fraction(x, shape)
    return 1 - above, above


def _gamma_series(x: Decimal, a: Decimal) -> Decimal:
    """P(a, x) without its factor x^a exp(-x) / Gamma(a): DLMF 8.11.4."""
    total = term = 1 / a
    for n in range(1, _MOST_TERMS):
        term *= x / (a + n)
        total += term
        if term <= _CONVERGED * total:
            return total
    raise ArithmeticError("the incomplete gamma function did not converge")


def _gamma_fraction(x: Decimal, a: Decimal) -> Decimal:
    """Q(a, x) without its factor x^a exp(-x) / Gamma(a): DLMF 8.9.2, even part, by Lentz."""
    step = x + 1 - a
    down = value = 1 / step
    up = Decimal(1) / _FEW
    for n in range(1, _MOST_TERMS):
        numerator = n * (a - n)
        step += 2
        down = 1 / (numerator * down + step)
        up = step + numerator / up
        value, before = value * down * up, value
        if abs(value - before) <= _CONVERGED * abs(value):
            return value
    raise ArithmeticError("the incomplete gamma function did not converge")


@lru_cache(maxsize=1024)
def _log_gamma(a: Fraction) -> Decimal:
    return _decimal(_mp().loggamma(_mpf(a)))


def _mpf(value: Real) -> Any:  # noqa: ANN401
    return _mp().mpf(value.numerator) / value.denominator


def _decimal(value: Any) -> Decimal:  # noqa: ANN401
    return Decimal(_mp().nstr(value, _WORKING.prec))
