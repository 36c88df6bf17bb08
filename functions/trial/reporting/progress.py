"""How a study gets on: who was recruited when and where, and which planned visits took place.

Counted from the subjects' records, one after the other: no sums hold it.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import NamedTuple

from trial.deferred import dataclass
from trial.definition.design import Visit
from trial.definition.study import Study
from trial.events import dates
from trial.subject.derivation import Derivation
from trial.subject.fold import Subject
from trial.tables.grid import Figure, Mark, Series

_ENROLLED, _RANDOMISED = "enrolled", "randomised"
_MISSED = "visit.missed"


@dataclass(frozen=True)
class VisitProgress:
    """A planned visit: for how many subjects it is due, and what became of it."""

    label: str
    due: int
    recorded: int
    missed: int
    left: int
    """How many had left the study before the visit's window closed."""

    @property
    def lacking(self) -> int:
        """For how many subjects it is due, and nothing says that it took place or was missed."""
        return self.due - self.recorded - self.missed - self.left


@dataclass(frozen=True)
class Progress:
    """Recruitment by month and by site, and planned visits, of the subjects that were read."""

    subjects: int
    recruited: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    """What counts as recruited, and how many by month: YYYY-MM."""
    sites: tuple[tuple[str, int, int], ...]
    """Site, subjects enrolled, subjects whose study is over."""
    visits: tuple[VisitProgress, ...]

    @property
    def figure(self) -> Figure:
        """The recruitment as a picture: how many by the end of each month."""
        months = sorted({month for _, by_month in self.recruited for month, _ in by_month})
        ends = {month: _last_day(month) for month in months}
        highest = max(
            (sum(number for _, number in by_month) for _, by_month in self.recruited), default=0
        )
        first = min(ends.values(), default=0)
        return Figure(
            "recruitment",
            "Recruitment",
            "All subjects",
            "line",
            "By the end of the month",
            "Subjects",
            tuple(
                Series(name, name.capitalize(), tuple(_cumulated(dict(by_month), ends, first)))
                for name, by_month in self.recruited
            ),
            "",
            places=0,
            y_range=("0", str(highest)),
            x_names=tuple((str(end - first), month) for month, end in ends.items()),
        )


class _Visits(NamedTuple):
    """Counts by visit."""

    due: Counter[str]
    recorded: Counter[str]
    missed: Counter[str]
    left: Counter[str]


def _cumulated(by_month: dict[str, int], ends: dict[str, int], first: int) -> Iterator[Mark]:
    total = 0
    for month, end in ends.items():
        total += by_month.get(month, 0)
        yield Mark(str(end - first), str(total), label=month)


def _last_day(month: str) -> int:
    """Return the last day (ordinal) of a month."""
    year, number = map(int, month.split("-"))
    following = date(year + number // 12, number % 12 + 1, 1)
    return following.toordinal() - 1


def progress(view: Study, subjects: Iterable[Subject]) -> Progress:
    """Return how a study gets on, as an audience may see it."""
    months: dict[str, Counter[str]] = {_ENROLLED: Counter(), _RANDOMISED: Counter()}
    sites, n_over = Counter[str](), Counter[str]()
    visits = _Visits(Counter(), Counter(), Counter(), Counter())
    number = 0
    for subject in subjects:
        derivation = Derivation(view, subject)
        if derivation.superseded:
            continue
        number += 1
        records = {_ENROLLED: derivation.enrolment, _RANDOMISED: derivation.randomisation}
        for name, record in records.items():
            if record is not None:
                months[name][str(record.data["date"])[: dates.MONTH]] += 1
        if derivation.enrolment is not None:
            site = str(derivation.fact("site") or "")
            sites[site] += 1
            n_over[site] += derivation.over
        _count_visits(view, derivation, visits)
    return Progress(
        number,
        tuple(
            (name, tuple(sorted(by_month.items()))) for name, by_month in months.items() if by_month
        ),
        tuple((site, count, n_over[site]) for site, count in sorted(sites.items())),
        tuple(
            VisitProgress(v.label, *(counter[v.id] for counter in visits))
            for v in view.definition.visits
            if visits.due[v.id]
        ),
    )


def _count_visits(
    view: Study,
    derivation: Derivation,
    counts: _Visits,
) -> None:
    """Count a subject's planned visits that are due: one that took place was not missed."""
    if not derivation.begun:
        return
    recorded = derivation.recorded_visits
    reported_missed = {record.data["visit"] for record in derivation.records(_MISSED)}
    for visit in view.definition.visits:
        if visit.id in recorded:
            counts.recorded[visit.id] += 1
        elif visit.id in reported_missed:
            counts.missed[visit.id] += 1
        elif not derivation.due(visit):
            continue
        elif derivation.over and not _outlasted(derivation, visit):
            counts.left[visit.id] += 1
        counts.due[visit.id] += 1


def _outlasted(derivation: Derivation, visit: Visit) -> bool:
    """Return whether anything of a subject is recorded beyond a visit's window."""
    window = derivation.window_of(visit) if visit.window is not None else None
    return window is not None and derivation.seen_beyond(window[2])
