"""Sums of squares and products by combination of factor levels: what linear models start from."""

from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import chain, combinations_with_replacement
from typing import Self

from trial.deferred import dataclass
from trial.statistics.limbs import from_limbs, to_limbs

type Levels = tuple[str, ...]


@dataclass(frozen=True)
class Products:
    """Sums of squares and products of the covariates, in order, and last the response.

    Each is recorded to its number of `places`; sums are kept in units of the last place.
    """

    places: tuple[int, ...]

    def contribution(self, units: Sequence[int]) -> dict[str, int]:
        """Return the cells of one subject's values, in units of the last place."""
        pairs = combinations_with_replacement(range(len(self.places)), 2)
        numbers = {f"s{i}": unit for i, unit in enumerate(units)}
        numbers |= {f"q{i}_{j}": units[i] * units[j] for i, j in pairs}
        return {"n": 1} | dict(chain.from_iterable(to_limbs(*number) for number in numbers.items()))

    def estimate(self, cells: Mapping[str, int]) -> "CrossProducts":
        """Read the moments, in the values' own units, out of summed cells."""
        size = len(self.places)
        units = [Fraction(1, 10**places) for places in self.places]
        return CrossProducts(
            cells.get("n", 0),
            tuple(from_limbs(f"s{i}", cells) * units[i] for i in range(size)),
            tuple(
                tuple(
                    from_limbs(f"q{min(i, j)}_{max(i, j)}", cells) * units[i] * units[j]
                    for j in range(size)
                )
                for i in range(size)
            ),
        )


@dataclass(frozen=True)
class CrossProducts:
    """n, sums, and sums of products, of covariates and response."""

    n: int
    sums: tuple[Fraction, ...]
    products: tuple[tuple[Fraction, ...], ...]

    @classmethod
    def nobody(cls, size: int) -> Self:
        """Return the moments of no subjects."""
        return cls(0, (Fraction(0),) * size, ((Fraction(0),) * size,) * size)

    def of(self, i: int | None, j: int | None) -> Fraction:
        """Return the sum of the product of two values; None stands for the constant 1."""
        if i is None:
            return Fraction(self.n) if j is None else self.sums[j]
        return self.sums[i] if j is None else self.products[i][j]

    def __add__(self, other: "CrossProducts") -> "CrossProducts":
        return CrossProducts(
            self.n + other.n,
            tuple(a + b for a, b in zip(self.sums, other.sums, strict=True)),
            tuple(
                tuple(a + b for a, b in zip(row, other_row, strict=True))
                for row, other_row in zip(self.products, other.products, strict=True)
            ),
        )


type Sums = Mapping[Levels, CrossProducts]
"""What was summed for each combination of factor levels that occurs."""


def pool_levels(
    sums: Sums, factor: int, pooled_levels: Mapping[str, str]
) -> dict[Levels, CrossProducts]:
    """Merge levels of one factor, as with sparse sites; levels not named stay as they are."""
    merged: dict[Levels, CrossProducts] = {}
    for levels, moments in sums.items():
        level = pooled_levels.get(levels[factor], levels[factor])
        key = (*levels[:factor], level, *levels[factor + 1 :])
        merged[key] = merged[key] + moments if key in merged else moments
    return merged
