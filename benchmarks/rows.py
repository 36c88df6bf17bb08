"""A row of design.md's table of budgets: what was measured, and the target beside it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """One number, what it says, and how it is to lie; a number without a target is only told."""

    title: str
    value: float
    target: float | None = None
    detail: str = ""

    @property
    def met(self) -> bool:
        """Whether the target is kept."""
        return self.target is None or self.value <= self.target

    def __str__(self) -> str:
        """Write the row as `make bench` prints it."""
        target = "" if self.target is None else f"target {self.target:g}"
        verdict = "" if self.target is None else ("met" if self.met else "MISSED")
        line = f"  {self.title:<58}{self.value:>9.3g}  {target:<12}{verdict:<7}{self.detail}"
        return line.rstrip()


def percentile(values: Sequence[float], percent: int) -> float:
    """Give the smallest value that so many per cent do not exceed."""
    return sorted(values)[max(0, -(-len(values) * percent // 100) - 1)]


def spread(values: Sequence[float]) -> str:
    """Say where the 95th percentile and the greatest value lie."""
    return f"p95 {percentile(values, 95):g}, max {max(values):g}"
