"""The kinds of row a table can have: what a subject contributes, and how the sum is read.

Contribution and read-out of a kind stand side by side so that they never drift apart. Cells are
named `<row>.<column>.<statistic>` by position: the definition's digest, which names the sums,
fixes the positions.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any, Protocol

from trial import numbers
from trial.cells import Cells, Share
from trial.derivation import Derivation
from trial.messages import canonical
from trial.rules import Quantity, Test, characteristic
from trial.statistics.moments import Moments
from trial.statistics.pairs import MCNEMAR_EXACT, mcnemar_exact
from trial.statistics.proportions import CLOPPER_PEARSON, clopper_pearson, proportion
from trial.statistics.tallies import tally_readout
from trial.tables.grid import Cell, Column, Row, Statistic

TALLY_POINTS = 32
"""Grid points a row of sums holds: a tally spreads over rows by value, so that none grows."""


class RowPlan(Protocol):
    """A row of a definition, ready to count and to read."""

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Put the subject's part into its share, for the columns it is a member of."""

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:
        """Give the row, or the rows, that the sums amount to."""


def put(share: Share, row: str, cell: str, value: int) -> None:
    """Add a value to one cell of a share."""
    cells = share.get(row)
    if cells is None:
        share[row] = {cell: value}
    else:
        cells[cell] = cells.get(cell, 0) + value


def counted(n: int, size: int, *, interval: bool = False) -> tuple[Statistic, ...]:
    """Give a count of subjects with its denominator, percentage and, if wanted, exact interval."""
    percent = proportion(n, size)
    statistics = [
        Statistic("n", n, str(n)),
        Statistic("N", size, str(size)),
        Statistic(
            "percent",
            None if percent is None else numbers.exact_text(percent),
            numbers.percent_text(n, size),
        ),
    ]
    limits = clopper_pearson(n, size) if interval else None
    if limits is not None:
        for name, limit in zip(("ci_low", "ci_high"), limits, strict=True):
            bound = Fraction(limit) * 100
            statistics.append(
                Statistic(name, numbers.exact_text(bound), numbers.decimal_text(bound, 1))
            )
    return tuple(statistics)


@dataclass(frozen=True)
class HeadingRow:
    """A row with a label and no numbers."""

    id: str
    label: str
    level: int

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Contribute nothing."""

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:  # noqa: ARG002
        """Give the heading."""
        return [Row(self.id, self.label, self.level)]


@dataclass(frozen=True)
class CountRow:
    """Subjects of whom a condition holds, by column."""

    id: str
    label: str
    level: int
    sums: str
    index: int
    tests: Sequence[Test | None]
    interval: bool

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject once in each column where the condition is true."""
        for column, test, cell in self._counts:
            if members[column] and test(derivation):
                put(share, self.sums, cell, 1)

    @cached_property
    def _counts(self) -> list[tuple[int, Test, str]]:
        """The columns that count, their conditions and cells, laid out once for all subjects."""
        return [
            (column, test, f"{self.index}.{column}.n")
            for column, test in enumerate(self.tests)
            if test is not None
        ]

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:
        """Give n, N, percentage and, if wanted, the exact confidence interval."""
        cells = sums.get(self.sums, {})
        method = f"{CLOPPER_PEARSON}, 95 %" if self.interval else ""
        return [
            Row(
                self.id,
                self.label,
                self.level,
                tuple(
                    Cell(
                        each.id,
                        counted(
                            cells.get(f"{self.index}.{i}.n", 0), each.n, interval=self.interval
                        ),
                        method,
                    )
                    for i, each in enumerate(columns)
                    if self.tests[i] is not None
                ),
            )
        ]


@dataclass(frozen=True)
class NotDueRow:
    """Subjects for whom a condition is not settled: missing data that are not yet due."""

    id: str
    label: str
    level: int
    sums: str
    index: int
    tests: Sequence[Test | None]
    narrowed: Sequence[bool]

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count those settled, so that a subject newly enrolled changes nothing here.

        A column that shows only some of its set counts them too: they are not the denominator.
        """
        for column, test in enumerate(self.tests):
            member = members[column]
            if member and test is not None and test(derivation) is not None:
                put(share, self.sums, f"{self.index}.{column}.s", 1)
            if member and self.narrowed[column]:
                put(share, self.sums, f"{self.index}.{column}.m", 1)

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:
        """Give those of the denominator who are not settled."""
        cells = sums.get(self.sums, {})
        return [
            Row(
                self.id,
                self.label,
                self.level,
                tuple(
                    Cell(each.id, counted(self._not_due(cells, i, each), each.n))
                    for i, each in enumerate(columns)
                    if self.tests[i] is not None
                ),
            )
        ]

    def _not_due(self, cells: Cells, column: int, head: Column) -> int:
        at = f"{self.index}.{column}."
        shown = cells.get(f"{at}m", 0) if self.narrowed[column] else head.n
        return shown - cells.get(f"{at}s", 0)


@dataclass(frozen=True)
class LevelsRow:
    """Subjects by level of a characteristic or field; unnamed levels come as they occur."""

    id: str
    label: str
    level: int
    sums: str
    index: int
    find: Callable[[Derivation], Iterable[str]]
    values: Mapping[str, str]

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject once at each of its levels."""
        for value in sorted(set(self.find(derivation))):
            for column, member in enumerate(members):
                if member:
                    put(share, self.sums, f"{self.index}.{column}={value}", 1)

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:
        """Give a heading and a row a level: named ones in their order, others by frequency."""
        cells = sums.get(self.sums, {})
        found = self._found(cells)
        others = sorted(found.keys() - self.values.keys(), key=lambda value: (-found[value], value))
        rows = [Row(self.id, self.label, self.level)] if self.label else []
        inner = self.level + 1 if self.label else self.level
        for value, label in (
            *self.values.items(),
            *((each, each or "Not reported") for each in others),
        ):
            rows.append(
                Row(
                    f"{self.id}/{value}",
                    label,
                    inner,
                    tuple(
                        Cell(each.id, counted(cells.get(f"{self.index}.{i}={value}", 0), each.n))
                        for i, each in enumerate(columns)
                    ),
                )
            )
        return rows

    def _found(self, cells: Cells) -> dict[str, int]:
        found: dict[str, int] = {}
        start = f"{self.index}."
        for name, n in cells.items():
            if name.startswith(start) and "=" in name:
                value = name.split("=", 1)[1]
                found[value] = max(n, found.get(value, 0))
        return found


@dataclass(frozen=True)
class SummaryRow:
    """Descriptive statistics of a measure, by column."""

    id: str
    label: str
    level: int
    sums: str
    table: str
    index: int
    quantities: Sequence[Quantity | None]
    statistics: Sequence[Sequence[str]]
    methods: Sequence[str]
    decimals: int | None
    where: Test | None

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Add n, the value and its square and, for order statistics, its tally."""
        if self.where is not None and not self.where(derivation):
            return
        for column, quantity, names, tallied in self._measured:
            value = quantity.evaluate(derivation) if members[column] else None
            if value is None:
                continue
            cells = share.setdefault(self.sums, {})
            for name, lifted in Moments(quantity.places).lift(value.units).items():
                cells[names[name]] = lifted
            if value.imputed:
                cells[names["i"]] = 1
            if tallied:
                point = _coarser(value.units, quantity.places - quantity.order_places)
                put(share, f"{self._tally(column)}{point // TALLY_POINTS}", str(point), 1)

    @cached_property
    def _measured(self) -> list[tuple[int, Quantity, dict[str, str], bool]]:
        """The columns that measure: quantity, cells by statistic, and whether it is tallied."""
        return [
            (
                column,
                quantity,
                {name: f"{self.index}.{column}.{name}" for name in ("n", "s", "q", "i")},
                not {"median", "min", "max"}.isdisjoint(self.statistics[column]),
            )
            for column, quantity in enumerate(self.quantities)
            if quantity is not None
        ]

    def _tally(self, column: int) -> str:
        return f"{self.table}#tally#{self.index}.{column}#"

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:
        """Give the statistics asked for, means to one decimal more than the data and SD to two."""
        return [
            Row(
                self.id,
                self.label,
                self.level,
                tuple(
                    Cell(each.id, self._statistics(sums, i), self.methods[i])
                    for i, each in enumerate(columns)
                    if self.quantities[i] is not None
                ),
            )
        ]

    def _statistics(self, sums: Share, column: int) -> tuple[Statistic, ...]:
        quantity = self.quantities[column]
        assert quantity is not None
        cells = sums.get(self.sums, {})
        at = f"{self.index}.{column}."
        moments = Moments(quantity.places).read(
            {name: cells.get(at + name, 0) for name in ("n", "s", "q")}
        )
        imputed = cells.get(at + "i", 0)
        found: dict[str, Fraction | Decimal | None] = {"mean": moments.mean, "sd": moments.sd}
        if not {"median", "min", "max"}.isdisjoint(self.statistics[column]):
            found |= self._order(sums, column, quantity.order_places)
        decimals = quantity.decimals if self.decimals is None else self.decimals
        statistics = [Statistic("n", moments.n, str(moments.n))]
        for name in self.statistics[column]:
            if name != "n":
                places = decimals + {"mean": 1, "median": 1, "sd": 2}.get(name, 0)
                statistics.append(_number(name, found[name], places))
        if self.methods[column]:
            observed = moments.n - imputed
            statistics.append(Statistic("observed", observed, str(observed)))
            statistics.append(Statistic("imputed", imputed, str(imputed)))
        return tuple(statistics)

    def _order(self, sums: Share, column: int, places: int) -> dict[str, Fraction | None]:
        start = self._tally(column)
        points = {
            int(point): n
            for row, cells in sums.items()
            if row.startswith(start)
            for point, n in cells.items()
        }
        readout = tally_readout(points)
        unit = 10**places
        return {
            name: None if value is None else Fraction(value) / unit
            for name, value in (
                ("median", readout.median),
                ("min", readout.minimum),
                ("max", readout.maximum),
            )
        }


@dataclass(frozen=True)
class PairsRow:
    """Two conditions of the same subjects, as pairs: margins would not determine McNemar's test."""

    id: str
    label: str
    level: int
    sums: str
    index: int
    column: int
    first: Test
    second: Test

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject in one of the four pairs, once both conditions are settled."""
        first, second = self.first(derivation), self.second(derivation)
        if members[self.column] and first is not None and second is not None:
            pair = {(True, True): "a", (False, True): "b", (True, False): "c"}
            put(share, self.sums, f"{self.index}.{pair.get((first, second), 'd')}", 1)

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:
        """Give the pairs, the paired difference and the exact two-sided P value."""
        cells = sums.get(self.sums, {})
        both, second, first, neither = (cells.get(f"{self.index}.{pair}", 0) for pair in "abcd")
        n = both + second + first + neither
        p = mcnemar_exact(first, second) if n else None
        gain = Fraction(100 * (second - first), n) if n else None
        statistics = (
            Statistic("n", n, str(n)),
            Statistic("both", both, str(both)),
            Statistic("first", first, str(first)),
            Statistic("second", second, str(second)),
            Statistic("neither", neither, str(neither)),
            _number("difference", gain, 1),
            _p_value(p),
        )
        column = columns[self.column].id
        return [Row(self.id, self.label, self.level, (Cell(column, statistics, MCNEMAR_EXACT),))]


@dataclass(frozen=True)
class EventsRow:
    """Subjects with at least one adverse event of some description, and how many events."""

    id: str
    label: str
    level: int
    sums: str
    index: int
    matches: Callable[[Any], bool]

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject once, and each of its events."""
        adverse_events = derivation.adverse_events
        events = sum(map(self.matches, adverse_events)) if adverse_events else 0
        if not events:
            return
        for column, member in enumerate(members):
            if member:
                put(share, self.sums, f"{self.index}.{column}.n", 1)
                put(share, self.sums, f"{self.index}.{column}.e", events)

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:
        """Give subjects (n, N, percentage) and events."""
        cells = sums.get(self.sums, {})
        return [
            Row(
                self.id,
                self.label,
                self.level,
                tuple(
                    Cell(
                        each.id,
                        (
                            *counted(cells.get(f"{self.index}.{i}.n", 0), each.n),
                            _events(cells.get(f"{self.index}.{i}.e", 0)),
                        ),
                    )
                    for i, each in enumerate(columns)
                ),
            )
        ]


@dataclass(frozen=True)
class TermsRow:
    """Adverse events by system organ class and preferred term, most frequent first.

    The terms are those that occur; their cells spread over a fixed number of rows of sums by a
    checksum of their name.
    """

    id: str
    sums: str
    index: int
    chunks: int
    matches: Callable[[Any], bool]
    pooled: Mapping[str, str]
    by_class: bool
    minimum_percent: Decimal | None

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject once a class and once a term, and each event."""
        events: dict[tuple[str, ...], int] = {}
        for event in filter(self.matches, derivation.adverse_events):
            term = self.pooled.get(event.pt, event.pt)
            names: list[tuple[str, ...]] = [(term,)]
            if self.by_class:
                names = [(event.soc,), (event.soc, term)]
            for name in names:
                events[name] = events.get(name, 0) + 1
        for name, n in events.items():
            text = canonical(list(name))
            row = f"{self.sums}{zlib.crc32(text.encode()) % self.chunks}"
            for column, member in enumerate(members):
                if member:
                    put(share, row, f"{self.index}.{column}.n{text}", 1)
                    put(share, row, f"{self.index}.{column}.e{text}", n)

    def read(self, sums: Share, columns: Sequence[Column]) -> list[Row]:
        """Give classes by frequency and, within each, terms by frequency, then by name."""
        counts = self._counts(sums)
        names = [name for name in counts if self._frequent(counts[name], columns)]

        def order(name: tuple[str, ...]) -> tuple[Any, ...]:
            key: list[Any] = []
            for depth in range(1, len(name) + 1):
                part = name[:depth]
                key += [-counts[part].get((0, "n"), 0) if part in counts else 0, part[-1]]
            return tuple(key)

        return [self._row(name, counts[name], columns) for name in sorted(names, key=order)]

    def _counts(self, sums: Share) -> dict[tuple[str, ...], dict[tuple[int, str], int]]:
        counts: dict[tuple[str, ...], dict[tuple[int, str], int]] = {}
        for chunk in range(self.chunks):
            for cell, value in sums.get(f"{self.sums}{chunk}", {}).items():
                index, column, rest = cell.split(".", 2)
                if int(index) == self.index:
                    name = tuple(json.loads(rest[1:]))
                    counts.setdefault(name, {})[int(column), rest[0]] = value
        return counts

    def _frequent(self, found: Mapping[tuple[int, str], int], columns: Sequence[Column]) -> bool:
        if self.minimum_percent is None:
            return True
        percents = (proportion(found.get((i, "n"), 0), each.n) for i, each in enumerate(columns))
        return any(each is not None and each >= self.minimum_percent for each in percents)

    def _row(
        self,
        name: tuple[str, ...],
        found: Mapping[tuple[int, str], int],
        columns: Sequence[Column],
    ) -> Row:
        return Row(
            f"{self.id}/{'/'.join(name)}",
            name[-1],
            len(name) - 1,
            tuple(
                Cell(
                    each.id,
                    (*counted(found.get((i, "n"), 0), each.n), _events(found.get((i, "e"), 0))),
                )
                for i, each in enumerate(columns)
            ),
        )


def _events(n: int) -> Statistic:
    return Statistic("events", n, str(n))


def _p_value(p: Fraction | None) -> Statistic:
    if p is None:
        return Statistic("p", None, "")
    return Statistic("p", numbers.exact_text(p), numbers.p_text(p, Decimal("0.0001")))


def _number(name: str, value: Fraction | Decimal | None, places: int) -> Statistic:
    if value is None:
        return Statistic(name, None, "")
    return Statistic(name, numbers.exact_text(value), numbers.decimal_text(value, places))


def _coarser(units: int, places: int) -> int:
    """Round units to fewer decimal places so that rounding once more later does no harm.

    Towards zero, but away from it where that would end in 0 or 5 (decimal's ROUND_05UP): what is
    then rounded half up to fewer places comes out as if it had been rounded once.
    """
    step = int(10**places)
    whole, rest = divmod(abs(units), step)
    if rest and whole % 5 == 0:
        whole += 1
    return -whole if units < 0 else whole


LEVEL_CHARACTERS = 120
"""Of a text that names a level: free text must not make rows of sums grow without bound."""


def level_text(value: object) -> str:
    """Name a level: a number is one level however it was written."""
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return str(value)[:LEVEL_CHARACTERS]


def levels_of_characteristic(name: str) -> Callable[[Derivation], Iterable[str]]:
    """Find the level of a characteristic; a subject without one has the level ''."""

    def find(derivation: Derivation) -> Iterable[str]:
        value = characteristic(derivation, name)
        return ["" if value is None else level_text(value)]

    return find
