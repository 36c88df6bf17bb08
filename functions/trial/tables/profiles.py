"""A subject's profile as renderers receive it: what happened when, on one axis of days."""

from typing import Any

from trial.deferred import dataclass

type Document = dict[str, Any]


@dataclass(frozen=True)
class Point:
    """A result: its text as reported, and the number that it counts as, in the curve's unit.

    `beyond` says on which side of that number the result lies where it was not quantified.
    """

    kind: str
    record: str
    collected: str
    day: int | None
    study_day: int | None
    visit: str
    result: str
    value: str
    beyond: str = ""

    def document(self) -> dict[str, Any]:
        """Return it as data."""
        return {**vars(self), "visit": self.visit or None, "beyond": self.beyond or None}


@dataclass(frozen=True)
class Curve:
    """The results of one parameter in order of time."""

    parameter: str
    label: str
    unit: str
    points: tuple[Point, ...]

    def document(self) -> dict[str, Any]:
        """Return it as data."""
        return {
            "parameter": self.parameter,
            "label": self.label,
            "unit": self.unit,
            "points": [point.document() for point in self.points],
        }


@dataclass(frozen=True)
class Happening:
    """A record on the time axis: `start` and `end` as recorded, `first` and `last` as they count.

    `first` and `last` are days since the origin; None where that is not known. What has no end is
    `last` None too. `study_day` counts from the first dose, which is day 1.
    """

    kind: str
    record: str
    revision: int
    label: str
    details: tuple[tuple[str, str], ...] = ()
    start: str = ""
    end: str = ""
    first: int | None = None
    last: int | None = None
    study_day: int | None = None

    def document(self) -> Document:
        """Return it as data."""
        return {
            **vars(self),
            "details": dict(self.details),
            "start": self.start or None,
            "end": self.end or None,
        }


@dataclass(frozen=True)
class Profile:
    """A subject as an audience may see it; days count from `origin`, which is day 0."""

    study: str
    audience: str
    subject: str
    origin: str
    origin_label: str
    first_dose: int | None
    last_contact: int | None
    facts: tuple[tuple[str, str], ...]
    visits: tuple[Happening, ...]
    doses: tuple[Happening, ...]
    adverse_events: tuple[Happening, ...]
    medications: tuple[Happening, ...]
    milestones: tuple[Happening, ...]
    curves: tuple[Curve, ...]

    @property
    def happenings(self) -> tuple[Happening, ...]:
        """Everything on the axis but results, by day; what has none comes last."""
        groups = self.milestones, self.visits, self.doses, self.adverse_events, self.medications
        happenings = [happening for group in groups for happening in group]
        return tuple(
            sorted(happenings, key=lambda h: (h.first is None, h.first or 0, h.kind, h.record))
        )

    def document(self) -> Document:
        """Return it as data."""
        groups = "visits", "doses", "adverse_events", "medications", "milestones"
        return {
            "study": self.study,
            "audience": self.audience,
            "subject": self.subject,
            "origin": {"date": self.origin or None, "is": self.origin_label},
            "first_dose": self.first_dose,
            "last_contact": self.last_contact,
            "facts": [{"label": label, "value": value} for label, value in self.facts],
            **{group: [h.document() for h in getattr(self, group)] for group in groups},
            "curves": [curve.document() for curve in self.curves],
        }
