"""What a formula comes to: exact where it is rational, and to 100 digits where it is not.

What has no value (a division by 0, a root or a logarithm of what has none, a missing operand, a
number of 10^15 or more) is missing.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Context, Decimal
from fractions import Fraction

from trial.definition.formulas import Case, Fact, Node, Operand, Operation

_DIGITS = 100
_MAX_EXPONENT = 5_000
_MORE = Context(prec=_DIGITS + 20, Emin=-_MAX_EXPONENT, Emax=_MAX_EXPONENT)
_WIDE = Context(prec=_DIGITS, Emin=-_MAX_EXPONENT, Emax=_MAX_EXPONENT)
_MAX_EXACT_POWER = 64
_MAX_BITS = 20_000
"""Of a fraction's terms: a longer one is brought to 100 digits, so that it takes no time."""
_LIMIT = Fraction(10**15)
"""No result reaches it, and so no number that is derived of results."""

Look = Callable[[Operand | Fact], Fraction | None]
"""Returns the number that a name stands for; None where it is missing."""
Level = Callable[[str], str | None]
"""Returns the level at which the subject is of a characteristic."""


def evaluate(node: Node, look: Look, level: Level) -> Fraction | None:
    """Return what a formula comes to; None where it has no value."""
    try:
        number = _value(node, look, level)
    except (ArithmeticError, _Missing):
        return None
    return number if abs(number) < _LIMIT else None


class _Missing(Exception):
    """An operand has no value, and so the whole has none."""


def _value(node: Node, look: Look, level: Level) -> Fraction:
    match node:
        case Fraction():
            return node
        case Operation():
            parts = [_value(part, look, level) for part in node.parts]
            return _bounded(_OPERATIONS[node.function](parts))
        case Case():
            current = level(node.characteristic)
            for name, number in node.numbers:
                if name == current:
                    return _value(number, look, level)
            raise _Missing
        case _:
            value = look(node)
            if value is None:
                raise _Missing
            return value


def _bounded(number: Fraction) -> Fraction:
    bits = max(number.numerator.bit_length(), number.denominator.bit_length())
    return number if bits <= _MAX_BITS else Fraction(decimal(number))


def decimal(number: Fraction, context: Context = _WIDE) -> Decimal:
    """Return a fraction to 100 digits."""
    return context.divide(Decimal(number.numerator), Decimal(number.denominator))


def _power(parts: Sequence[Fraction]) -> Fraction:
    base, exponent = parts
    if exponent.denominator == 1 and abs(exponent) <= _MAX_EXACT_POWER:
        return base ** int(exponent)
    return _to_digits(_MORE.power(decimal(base, _MORE), decimal(exponent, _MORE)))


def _to_digits(number: Decimal) -> Fraction:
    return Fraction(_WIDE.plus(number))


def _cube_root(number: Fraction) -> Fraction:
    root = _power([abs(number), Fraction(1, 3)])
    return root if number >= 0 else -root


def rounded(number: Fraction, places: int) -> Fraction:
    """Round to some decimals, half up (ties away from zero)."""
    scaled = abs(number) * 10**places
    units = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Fraction(-units if number < 0 else units, 10**places)


def _of_decimal(function: Callable[[Decimal, Context], Decimal]) -> "_Operation":
    return lambda parts: _to_digits(function(decimal(parts[0], _MORE), _MORE))


_Operation = Callable[[Sequence[Fraction]], Fraction]
_OPERATIONS: Mapping[str, _Operation] = {
    "+": lambda parts: parts[0] + parts[1],
    "-": lambda parts: parts[0] - parts[1],
    "*": lambda parts: parts[0] * parts[1],
    "/": lambda parts: parts[0] / parts[1],
    "^": _power,
    "abs": lambda parts: abs(parts[0]),
    "cbrt": lambda parts: _cube_root(parts[0]),
    "exp": _of_decimal(Decimal.exp),
    "ln": _of_decimal(Decimal.ln),
    "log10": _of_decimal(Decimal.log10),
    "sqrt": _of_decimal(Decimal.sqrt),
    "max": max,
    "mean": lambda parts: sum(parts, Fraction(0)) / len(parts),
    "min": min,
    "round": lambda parts: rounded(parts[0], int(parts[1])),
    "sum": lambda parts: sum(parts, Fraction(0)),
}
