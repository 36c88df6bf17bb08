"""Random numbers that follow from a seed, the same on every machine.

Only sums, products, quotients and square roots of binary numbers are taken, which IEEE 754 rounds
in one way; a logarithm of a platform's library may differ in its last bit.
"""

import hashlib
import math
import struct
from collections.abc import Iterator

GENERATOR = "SHAKE-256"
_BLOCK = 4_096  # numbers that are made at a time
_HALF_STEP = 2.0**-54
_LN_2 = 0.6931471805599453
_TERMS = tuple(1 / (2 * i + 1) for i in reversed(range(1, 11)))


def uniform_numbers(seed: bytes) -> Iterator[float]:
    """Yield uniform numbers from [0, 1): SHAKE-256 of the seed, 53 bits each."""
    block = 0
    while True:
        stream = hashlib.shake_256(b"%d %b" % (block, seed)).digest(8 * _BLOCK)
        yield from ((word >> 11) * 2.0**-53 for word in struct.unpack(f">{_BLOCK}Q", stream))
        block += 1


def logarithm(value: float) -> float:
    """Return the natural logarithm of a number above 0, to about 2e-16 of itself or absolutely."""
    mantissa, exponent = math.frexp(value)
    if mantissa < 0.7071067811865476:  # noqa: PLR2004 (the root of a half: nearest 1 on its scale)
        mantissa, exponent = 2 * mantissa, exponent - 1
    ratio = (mantissa - 1) / (mantissa + 1)
    square, series = ratio * ratio, 0.0
    for coefficient in _TERMS:
        series = (series + coefficient) * square
    return exponent * _LN_2 + 2 * (ratio + ratio * series)


class RandomNumbers:
    """Draws from distributions, one after another, out of one stream of uniform numbers."""

    def __init__(self, seed: bytes) -> None:
        """Begin the stream of a seed."""
        self._uniforms = uniform_numbers(seed)
        self._spare: float | None = None

    def normal(self) -> float:
        """Return a standard normal number, by Marsaglia's polar method.

        Marsaglia and Bray (1964), SIAM Review 6:260.
        """
        if self._spare is not None:
            number, self._spare = self._spare, None
            return number
        while True:
            x = 2 * (next(self._uniforms) + _HALF_STEP) - 1
            y = 2 * (next(self._uniforms) + _HALF_STEP) - 1
            square = x * x + y * y
            if 0 < square < 1:
                scale = math.sqrt(-2 * logarithm(square) / square)
                self._spare = y * scale
                return x * scale

    def chi_square(self, df: int) -> float:
        """Return a chi-square number on `df` >= 1 degrees of freedom.

        Marsaglia and Tsang (2000), ACM Trans Math Softw 26:363, which takes a shape from 1.
        """
        if df == 1:
            number = self.normal()
            return number * number
        shape = df / 2 - 1 / 3
        scale = 1 / math.sqrt(9 * shape)
        while True:
            x = self.normal()
            v = 1 + scale * x
            if v <= 0:
                continue
            v = v * v * v
            u = next(self._uniforms) + _HALF_STEP
            if logarithm(u) < x * x / 2 + shape * (1 - v + logarithm(v)):
                return 2 * shape * v
