"""Rows of events by time at risk: first events or all of them, together or by term."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import cached_property

from trial.deferred import dataclass
from trial.events import dates
from trial.statistics.cells import Share, Sums
from trial.statistics.inference import CONFIDENCE_95, Confidence
from trial.statistics.rates import EXACT_POISSON, poisson_interval, rate
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.imputation import Dated
from trial.tables import notes
from trial.tables.grid import Cell, Row, Statistic
from trial.tables.rows.comparing import compare_rates
from trial.tables.rows.counts import PlacedRow
from trial.tables.rows.events import EventCounts, EventSelection, by_part, selection_notes
from trial.tables.rows.intervals import limit_statistics
from trial.tables.rows.kinds import (
    ColumnHead,
    Members,
    integer_statistic,
    number_statistic,
    put_cell,
    undated_statistic,
)
from trial.tables.rows.terms import TermCells, TermCounts, TermPath, TermView

DAYS_PER_YEAR = Fraction(1461, 4)
PLACES = 1
"""Decimals of years and rates."""


@dataclass(frozen=True)
class Risk:
    """The days (ordinals) from the first dose to where risk ends; both count."""

    first: int
    last: int

    @classmethod
    def of(cls, derivation: Derivation) -> "Risk | None":
        """Return when a subject is at risk; None where it never is.

        Risk ends with the last contact, or with the study's days after the last dose.
        """
        if derivation.first_dose is None or derivation.last_dose_day is None:
            return None
        first = dates.earliest(derivation.first_dose)
        end, window = derivation.last_contact, derivation.rules.adverse_events.days_after_last_dose
        if window is not None:
            end = min(end, derivation.last_dose_day + window)
        return cls(first, end) if end >= first else None

    @property
    def days(self) -> int:
        """How many days those are."""
        return self.last - self.first + 1

    def onsets(self, events: Iterable[AdverseEvent]) -> list[int]:
        """Return the days on which some events began while at risk."""
        days = (self._day(event.onset) for event in events)
        return [day for day in days if day is not None and day <= self.last]

    def _day(self, onset: Dated | None) -> int | None:
        return onset.since(self.first) if onset else None


@dataclass(frozen=True)
class RateMeasure:
    """How often events come: the first of each subject or all, per so many years."""

    recurrent: bool
    per: int
    confidence: Confidence = CONFIDENCE_95

    @property
    def counted(self) -> str:
        """What is counted: subjects (`n`), or events."""
        return "events" if self.recurrent else "n"

    def statistics(self, n: int, days: int) -> tuple[Statistic, ...]:
        """Return the number counted, the years at risk, the rate and its exact interval."""
        counted = integer_statistic(self.counted, n)
        years = number_statistic("years", Fraction(days) / DAYS_PER_YEAR, PLACES)
        incidence = rate(n, days)
        limits = self.confidence.chosen(poisson_interval(n, days, self.confidence.two_sided))
        if incidence is None:
            return counted, years
        scaled = {side: Fraction(limit) * self.scale for side, limit in limits.items()}
        per_years = number_statistic("rate", incidence * self.scale, PLACES)
        return counted, years, per_years, *limit_statistics(scaled, PLACES)

    @property
    def scale(self) -> Fraction:
        """What events per day are multiplied by."""
        return DAYS_PER_YEAR * self.per

    def cells(
        self, heads: Sequence[ColumnHead], rates: Mapping[int, tuple[int, int]],
        undated: Mapping[int, int],
    ) -> tuple[Cell, ...]:  # fmt: skip
        """Return the rates of columns, of what each counts and its days, and their comparisons."""
        method = f"{EXACT_POISSON}, {self.confidence.words}"
        described = [
            Cell(
                heads[i].id,
                (*self.statistics(n, days), *undated_statistic(undated.get(i, 0))),
                method,
                self.confidence.label,
            )
            for i, (n, days) in rates.items()
        ]
        return (*described, *compare_rates(heads, rates, self.scale, PLACES))


@dataclass(frozen=True)
class IncidenceRow(PlacedRow):
    """Events by time at risk: the first of each subject, or all."""

    selections: Sequence[EventSelection]
    measure: RateMeasure

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject's events, its days at risk, and whether an event has no date."""
        if (risk := Risk.of(derivation)) is None:
            return
        for selection, columns in self._columns_by_selection:
            if columns_counted := [column for column in columns if members[column]]:
                events = [event for event in derivation.adverse_events if selection.matches(event)]
                counts = self._counts(risk, events)
                counts |= selection.undetermined_counts(derivation.adverse_events)
                for column in columns_counted:
                    for name, count in counts.items():
                        if count:
                            put_cell(share, self.sums, f"{self.index}.{column}.{name}", count)

    def _counts(self, risk: Risk, events: Sequence[AdverseEvent]) -> dict[str, int]:
        onsets = risk.onsets(events)
        undated = any(event.onset is None for event in events)
        if self.measure.recurrent:
            return {"d": risk.days, "n": len(onsets), "u": int(undated)}
        if onsets:
            return {"d": min(onsets) - risk.first + 1, "n": 1}
        return {"d": risk.days, "u": int(undated)}

    @cached_property
    def _columns_by_selection(self) -> list[tuple[EventSelection, list[int]]]:
        return by_part(self.selections)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return what is counted, the years at risk, the rate and its exact interval."""
        counts = {
            (i, name): sums.get(self.sums, {}).get(f"{self.index}.{i}.{name}", 0)
            for i in range(len(heads))
            for name in "nduvw"
        }
        columns = [i for i, head in enumerate(heads) if head.comparison is None]
        rates = {i: (counts[i, "n"], counts[i, "d"]) for i in columns}
        undated = {i: counts[i, "u"] for i in columns}
        cells = self.measure.cells(heads, rates, undated)
        footnotes = (
            *notes.undated(self.label, {heads[i].label: n for i, n in undated.items()}),
            *selection_notes(self.label, heads, self.selections, counts),
        )
        return [Row(self.id, self.label, self.level, cells, notes=footnotes)]


@dataclass(frozen=True)
class IncidenceTermsRow(TermCells[TermView]):
    """Events by term and time at risk: of each term the first of each subject, or all.

    Subjects without an event of a term are at risk of it all their days. So these are counted once
    for all terms, and for a term only the days that its first event takes away.
    """

    measure: RateMeasure

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count the subject's days at risk and, by term, its events and the days they take away."""
        if (risk := Risk.of(derivation)) is None:
            return
        for view, columns in self.columns_by_view:
            columns_counted = [column for column in columns if members[column]]
            lack = view.selection.undetermined_counts(derivation.adverse_events)
            self.put_counts(share, columns_counted, (), {"d": risk.days} | lack)
            if columns_counted:
                for path, events in view.sorted_events(derivation).items():
                    self.put_counts(share, columns_counted, path, self._term_counts(risk, events))

    def _term_counts(self, risk: Risk, events: Sequence[AdverseEvent]) -> dict[str, int]:
        onsets = risk.onsets(events)
        undated = any(event.onset is None for event in events)
        if self.measure.recurrent:
            counts = {"n": len(onsets), "u": int(undated)}
        elif onsets:
            counts = {"n": 1, "x": risk.last - min(onsets)}
        else:
            counts = {"u": int(undated)}
        return {name: n for name, n in counts.items() if n}

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the outermost terms in their order and, within each, those below it likewise."""
        counts = self.term_counts(sums)
        whole = counts.pop((), {})
        rows = [
            Row(
                self.term_row_id(path),
                path[-1],
                len(path) - 1,
                self._cells(heads, whole, counts[path]),
                tuple(zip(self.levels, path, strict=False)),
            )
            for path in self.order.sorted(
                counts, lambda path: self._rank(path, counts, whole, heads)
            )
        ]
        footnotes = tuple(self._notes(heads, counts, whole))
        if footnotes and not rows:
            return [Row(self.id, self.label, 0, notes=footnotes)]
        return self.with_notes(rows, footnotes)

    def days(self, sums: Share, column: int) -> int:
        """Read the days at risk of a column, before any event."""
        return self.term_counts(sums).get((), {}).get((column, "d"), 0)

    def _notes(
        self, heads: Sequence[ColumnHead], counts: TermCounts, whole: EventCounts
    ) -> Iterator[str]:
        selections = [view.selection for view in self.views]
        yield from selection_notes(self.label, heads, selections, whole)
        if any(n for term in counts.values() for (_, name), n in term.items() if name == "u"):
            yield notes.undated_terms(self.label)

    def _rates(
        self, heads: Sequence[ColumnHead], whole: EventCounts, term: EventCounts
    ) -> dict[int, tuple[int, int]]:
        """Return, by column, what is counted of a term and the days at risk of it."""
        return {
            i: (term.get((i, "n"), 0), whole.get((i, "d"), 0) - term.get((i, "x"), 0))
            for i, head in enumerate(heads)
            if head.comparison is None
        }

    def _cells(
        self, heads: Sequence[ColumnHead], whole: EventCounts, term: EventCounts
    ) -> tuple[Cell, ...]:
        rates = self._rates(heads, whole, term)
        return self.measure.cells(heads, rates, {i: term.get((i, "u"), 0) for i in rates})

    def _rank(
        self, path: TermPath, counts: TermCounts, whole: EventCounts, heads: Sequence[ColumnHead]
    ) -> Fraction:
        """Return what a term is sorted by: what is counted of it, or its difference of rates."""
        rates = self._rates(heads, whole, counts.get(path, {}))
        if self.order.kind != "difference":
            return Fraction(sum(n for i, (n, _) in rates.items() if self.order.decided_by(i)))
        reference, compared = (
            rate(*rates[column]) or Fraction(0) for column in self.order.compared(heads)
        )
        return compared - reference
