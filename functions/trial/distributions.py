"""Quantiles and tails of the reference distributions, to 20 significant digits.

The only module that imports mpmath. Precision is set here and nowhere else: mpmath in a context of
its own, `decimal` in a local one, so neither depends on what a caller has set, and nothing passes
through a binary float whose last bit may differ between two platforms.
"""

from decimal import Context, Decimal, localcontext
from fractions import Fraction
from functools import lru_cache

import mpmath

type Real = Fraction | int

_WORKING = Context(prec=40)
_RESULT = Context(prec=20)
_CONVERGED = Decimal("1e-36")
_SOLVED = Decimal("1e-16")  # a Newton step this small leaves an error below 1e-25
_MOST_STEPS = 200

_MP = mpmath.MPContext()
_MP.dps = _WORKING.prec


def normal_quantile(p: Fraction) -> Decimal:
    """Give the standard normal value below which a share `p` lies (0 < p < 1)."""
    _inside(p)
    return _RESULT.plus(_decimal(_MP.sqrt(2) * _MP.erfinv(_mpf(2 * p - 1))))


def t_quantile(p: Fraction, df: Real) -> Decimal:
    """Give the Student t value on `df` >= 1 degrees of freedom below which a share `p` lies."""
    _inside(p)
    if 2 * p == 1:
        return Decimal(0)
    outside = 2 * min(p, 1 - p)
    with localcontext(_WORKING):
        x, rest = _beta_split(outside, Fraction(df) / 2, Fraction(1, 2))
        t = (_ratio(df) * rest / x).sqrt()
        return _RESULT.plus(t if 2 * p > 1 else -t)


def beta_quantile(p: Fraction, a: Real, b: Real) -> Decimal:
    """Give the value below which a share `p` of the beta distribution on `a` and `b` lies.

    Exactly 0 at p = 0 and exactly 1 at p = 1; a quantile near 0 has all its digits too. Shapes from
    one half upwards, which is what binomial, t and F need.
    """
    if p in (0, 1):
        return Decimal(int(p))
    _inside(p)
    with localcontext(_WORKING):
        return _RESULT.plus(_beta_split(p, Fraction(a), Fraction(b))[0])


def chi_square_tail(x: Real, df: Real) -> Decimal:
    """Give the probability that chi-square on `df` > 0 degrees of freedom exceeds `x` >= 0."""
    if x < 0 or df <= 0:
        raise ValueError("chi-square is defined for values from 0 and positive degrees of freedom")
    halves = _mpf(Fraction(df) / 2), _mpf(Fraction(x) / 2)
    return _RESULT.plus(_decimal(_MP.gammainc(*halves, regularized=True)))


def _inside(p: Fraction) -> None:
    if not 0 < p < 1:
        raise ValueError("a probability strictly between 0 and 1 is needed")


def _beta_split(p: Fraction, a: Fraction, b: Fraction) -> tuple[Decimal, Decimal]:
    """Quantile of the beta distribution and its distance to 1."""
    if min(a, b) < Fraction(1, 2):
        raise ValueError("shapes and half the degrees of freedom are at least one half")
    if 2 * p <= 1:
        x = _lower_beta(p, a, b)
        return x, 1 - x
    rest = _lower_beta(1 - p, b, a)
    return 1 - rest, rest


@lru_cache(maxsize=1024)
def _lower_beta(p: Fraction, a: Fraction, b: Fraction) -> Decimal:
    """Solve I_x(a, b) = p for p <= 1/2: Newton on log I over log x, kept inside a bracket.

    On these scales the curve is close to a straight line. For b >= 1 it is concave and the start
    lies left of the root, so every step stays left of it; the bracket is there for b < 1.
    """
    shape_a, shape_b, target = _ratio(a), _ratio(b), _ratio(p).ln()
    log_beta = _log_beta(a, b)
    low, high = Decimal("-Infinity"), Decimal(0)
    mean = shape_a / (shape_a + shape_b)
    u = min((target + log_beta + shape_a.ln()) / shape_a, mean.ln())
    for _ in range(_MOST_STEPS):
        x = u.exp()
        fraction = _continued_fraction(x, shape_a, shape_b)
        log_cdf = shape_a * u + shape_b * (1 - x).ln() - log_beta + fraction.ln()
        low, high = (u, high) if log_cdf < target else (low, u)
        step = (target - log_cdf) * (1 - x) * fraction
        if abs(step) < _SOLVED:
            return (u + step).exp()
        u = u + step if low < u + step < high else (low + high) / 2
    raise ArithmeticError("the beta quantile did not converge")


def _continued_fraction(x: Decimal, a: Decimal, b: Decimal) -> Decimal:
    """I_x(a, b) without its factor x^a (1-x)^b / B(a, b): DiDonato and Morris (1992), TOMS 708.

    Used in place of mpmath's `betainc`, which does not come back for shapes of some ten thousand.
    """
    excess = a - (a + b) * x
    above, below = Decimal(1), a / (a + 1) * (excess + 1)
    above_before, below_before = Decimal(0), Decimal(1)
    value, n = above / below, 0
    while True:
        n += 1
        reach = a + 2 * n - 1
        slack = n * (b - n) * x / reach
        alpha = (a + n - 1) * (a + b + n - 1) * slack * x / reach
        beta = n + slack + (a + n) / (reach + 2) * (excess + 1 + n * (2 - x))
        above, above_before = beta * above + alpha * above_before, above
        below, below_before = beta * below + alpha * below_before, below
        before, value = value, above / below
        if abs(value - before) <= _CONVERGED * abs(value):
            return value


def _log_beta(a: Fraction, b: Fraction) -> Decimal:
    log_gamma = _MP.loggamma
    return _decimal(log_gamma(_mpf(a)) + log_gamma(_mpf(b)) - log_gamma(_mpf(a + b)))


def _ratio(value: Real) -> Decimal:
    return Decimal(value.numerator) / value.denominator


def _mpf(value: Real) -> mpmath.mpf:
    return _MP.mpf(value.numerator) / value.denominator


def _decimal(value: mpmath.mpf) -> Decimal:
    return Decimal(_MP.nstr(value, _WORKING.prec))
