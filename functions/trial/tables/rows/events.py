"""Rows of adverse events: subjects and events, by term, by worst level, by time at risk."""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from trial import dates
from trial.adverse_events import AdverseEvent
from trial.cells import Share, Sums
from trial.derivation import Derivation
from trial.messages import canonical
from trial.rules.dating import Time
from trial.rules.matching import EventMatcher
from trial.statistics.proportions import proportion
from trial.statistics.rates import EXACT_POISSON, poisson_interval, rate
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.comparing import compare_counts
from trial.tables.rows.counts import Placed
from trial.tables.rows.kinds import (
    Head,
    counted,
    limits,
    named,
    number,
    put,
    whole,
    without_date,
)

DAYS_A_YEAR = Fraction(1461, 4)
Found = Mapping[tuple[int, str], int]
"""Subjects (`n`) and events (`e`) by the position of their column."""


def event_cells(heads: Sequence[Head], found: Found) -> tuple[Cell, ...]:
    """Give subjects and events of each column, and compare the subjects."""
    subjects = {i: found.get((i, "n"), 0) for i, head in enumerate(heads) if not head.comparison}
    shown = [
        Cell(heads[i].id, (*counted(n, heads[i]), whole("events", found.get((i, "e"), 0))))
        for i, n in subjects.items()
    ]
    return (*shown, *compare_counts(heads, {i: [n, heads[i].n - n] for i, n in subjects.items()}))


@dataclass(frozen=True)
class EventsRow(Placed):
    """Subjects with at least one adverse event of some description, and how many events."""

    matches: EventMatcher

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

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:
        """Give subjects (n, N, percentage) and events."""
        cells, at = sums.get(self.sums, {}), f"{self.index}."
        found = {
            (i, name): cells.get(f"{at}{i}.{name}", 0) for i in range(len(heads)) for name in "ne"
        }
        return [Row(self.id, self.label, self.level, event_cells(heads, found))]


@dataclass(frozen=True)
class Severity:
    """Which field of an adverse event says how bad it was, and its levels, mildest first."""

    field: str
    values: Mapping[str, str]

    def worst(self, events: Iterable[AdverseEvent]) -> int | None:
        """Give the place of the worst level that one of some events reached; None if unknown."""
        levels = list(self.values)
        reached = (str(event.data.get(self.field, "")) for event in events)
        return max((levels.index(each) for each in reached if each in self.values), default=None)


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
    matches: EventMatcher
    names: Callable[[AdverseEvent], Sequence[tuple[str, ...]]]
    minimum_percent: Decimal | None
    severity: Severity | None
    factors: tuple[str, ...]

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject once a class and once a term, and each event."""
        found: dict[tuple[str, ...], list[AdverseEvent]] = {}
        for event in filter(self.matches, derivation.adverse_events):
            for name in self.names(event):
                found.setdefault(name, []).append(event)
        for name, events in found.items():
            text = canonical(list(name))
            row = f"{self.sums}{zlib.crc32(text.encode()) % self.chunks}"
            counts = {"n": 1, "e": len(events)}
            if self.severity and (worst := self.severity.worst(events)) is not None:
                counts[str(worst)] = 1
            for column, member in enumerate(members):
                if member:
                    for statistic, n in counts.items():
                        put(share, row, f"{self.index}.{column}.{statistic}{text}", n)

    def touched(self) -> set[str]:
        """Touch all of its rows of sums, at worst."""
        return {f"{self.sums}{chunk}" for chunk in range(self.chunks)}

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:
        """Give classes by frequency over all columns and, within each, terms likewise."""
        counts = self._counts(sums)

        def order(name: tuple[str, ...]) -> tuple[Any, ...]:
            parts = [name[:depth] for depth in range(1, len(name) + 1)]
            return tuple((-_subjects(counts.get(part, {})), part[-1]) for part in parts)

        wanted = [name for name in counts if self._frequent(counts[name], heads)]
        return [
            row
            for name in sorted(wanted, key=order)
            for row in self._rows(name, counts[name], heads)
        ]

    def subjects(self, sums: Share, heads: Sequence[Head]) -> dict[tuple[str, ...], dict[int, int]]:
        """Read, for each term that the table shows, how many subjects each column counts."""
        counts = self._counts(sums)
        deepest = max(map(len, counts), default=0)
        return {
            name: {column: n for (column, statistic), n in found.items() if statistic == "n"}
            for name, found in counts.items()
            if len(name) == deepest and self._frequent(found, heads)
        }

    def _counts(self, sums: Share) -> dict[tuple[str, ...], dict[tuple[int, str], int]]:
        counts: dict[tuple[str, ...], dict[tuple[int, str], int]] = {}
        for chunk in range(self.chunks):
            for cell, value in sums.get(f"{self.sums}{chunk}", {}).items():
                index, column, rest = cell.split(".", 2)
                if int(index) == self.index:
                    name = tuple(json.loads(rest[1:]))
                    counts.setdefault(name, {})[int(column), rest[0]] = value
        return counts

    def _frequent(self, found: Found, heads: Sequence[Head]) -> bool:
        if self.minimum_percent is None:
            return True
        shares = (proportion(found.get((i, "n"), 0), head.n) for i, head in enumerate(heads))
        return any(each is not None and each >= self.minimum_percent for each in shares)

    def _named(self, name: tuple[str, ...]) -> str:
        """Name a term's row; a term that is called like a level is told from its class's level."""
        levels = self.severity.values if self.severity and len(name) > 1 else ()
        row = named(self.id, *name)
        if name[-1] not in levels:
            return row
        above, _, last = row.rpartition("/")
        return f"{above}/~~{last}"  # no part that is written with ~0 and ~1 begins so

    def _rows(self, name: tuple[str, ...], found: Found, heads: Sequence[Head]) -> Iterator[Row]:
        row, level = self._named(name), len(name) - 1
        groups = tuple(zip(self.factors, name, strict=False))
        yield Row(row, name[-1], level, event_cells(heads, found), groups)
        for place, (value, label) in enumerate(
            self.severity.values.items() if self.severity else ()
        ):
            cells = tuple(
                Cell(head.id, counted(found.get((i, str(place)), 0), head))
                for i, head in enumerate(heads)
                if head.comparison is None
            )
            yield Row(named(row, value), label, level + 1, cells, (*groups, ("level", value)))


def _subjects(found: Found) -> int:
    return sum(n for (_, statistic), n in found.items() if statistic == "n")


@dataclass(frozen=True)
class IncidenceRow(Placed):
    """First events by time at risk: from the first dose to the event, or to where risk ends.

    Risk ends with the last contact, or with the study's days after the last dose.
    """

    matches: EventMatcher
    per: int

    def contribute(self, derivation: Derivation, members: Sequence[bool], share: Share) -> None:
        """Count the subject's first event, its days at risk, and an event that has no date."""
        if (risk := self._risk(derivation)) is None:
            return
        counts = {"d": risk.days, "n": int(risk.event), "u": int(risk.undated)}
        for column, member in enumerate(members):
            for name, count in counts.items() if member else ():
                if count:
                    put(share, self.sums, f"{self.index}.{column}.{name}", count)

    def _risk(self, derivation: Derivation) -> Time | None:
        if derivation.first_dose is None or derivation.last_dose_day is None:
            return None
        first = dates.earliest(derivation.first_dose)
        end, window = derivation.last_contact, derivation.rules.adverse_events.days_after_last_dose
        if window is not None:
            end = min(end, derivation.last_dose_day + window)
        onsets = [each.onset for each in derivation.adverse_events if self.matches(each)]
        days = (day for each in onsets if each and (day := each.since(first)) is not None)
        event = min(days, default=None)
        if event is not None and event <= end:
            return Time(event - first + 1, event=True)
        undated = None in onsets
        return Time(end - first + 1, event=False, undated=undated) if end >= first else None

    def read(self, sums: Sums, heads: Sequence[Head]) -> list[Row]:
        """Give subjects with an event, years at risk, the rate and its exact interval."""
        cells = sums.get(self.sums, {})
        shown, undated = [], {}
        for i, head in enumerate(heads):
            if head.comparison is None:
                n, days, missed = (cells.get(f"{self.index}.{i}.{name}", 0) for name in "ndu")
                undated[head.label] = missed
                found = (*self._rate(n, days), *without_date(missed))
                shown.append(Cell(head.id, found, f"{EXACT_POISSON}, 95 %"))
        said = notes.undated(self.label, undated)
        return [Row(self.id, self.label, self.level, tuple(shown), notes=said)]

    def _rate(self, n: int, days: int) -> tuple[Statistic, ...]:
        found, interval = rate(n, days), poisson_interval(n, days)
        years = number("years", Fraction(days) / DAYS_A_YEAR, 1)
        if found is None or interval is None:
            return whole("n", n), years
        scale = DAYS_A_YEAR * self.per
        low, high = (Fraction(limit) * scale for limit in interval)
        return (
            whole("n", n),
            years,
            number("rate", found * scale, 1),
            *limits((low, high), 1),
        )
