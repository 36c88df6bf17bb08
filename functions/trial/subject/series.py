"""One subject's results of one parameter, and which of them counts for a visit or a baseline.

Results come in the order of their day and time of collection; what has no time comes first on its
day. Only where that does not tell two apart does the accession, the record's id, and then it is
said (`UndecidedChoice`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from fractions import Fraction
from functools import partial
from operator import attrgetter
from typing import Any, Protocol

from trial.deferred import dataclass
from trial.definition.conditions import (
    FARTHEST,
    MOST_ABNORMAL,
    AfterFirstDose,
    Selection,
)
from trial.definition.design import Parameter, Visit
from trial.definition.study import Study
from trial.definition.usage import CARRIED, Place
from trial.events import dates
from trial.events.fields import term
from trial.events.kinds import DECIDING_DATE
from trial.subject.choosing import (
    ANY,
    CHOICES,
    UndecidedChoice,
    accession,
    choice_of,
    differing,
    in_time,
    moment,
    untold,
)
from trial.subject.combining import Combination
from trial.subject.fold import Record
from trial.subject.grading import Grader
from trial.subject.results import Observation, Value, distance, read_value

_day = attrgetter("day")
Reported = tuple[Record, str, int, Mapping[str, Any]]
"""The record of a result, the visit that it was recorded with ('' where a laboratory names none),
its place among the record's results, and the result."""


class SubjectCourse(Protocol):
    """What a subject's results are read against: its doses, its regimen, its visits."""

    study: Study

    @property
    def first_dose(self) -> str | None:
        """The local time of the first dose."""

    @property
    def last_dose_day(self) -> int | None:
        """The last day (ordinal) on which a dose was given so far."""

    @property
    def regimen_day(self) -> int | None:
        """The day (ordinal) on which the background regimen began."""

    def reported(self, parameter: str) -> Sequence[Reported]:
        """List the results of a parameter that is reported."""

    def observations(self, parameter: str, where: Selection) -> Sequence[Observation]:
        """List the results of a parameter that were obtained in some way, in their order."""

    def of_visits(
        self, parameter: str, where: Selection, visits: Sequence[str]
    ) -> Sequence[Observation]:
        """List those of them that may count for one of some visits."""

    def series(self, parameter: str, where: Selection = ()) -> "Series":
        """Return the results of a parameter that were obtained in some way."""

    def fact(self, name: str) -> Any:  # noqa: ANN401 (as posted)
        """Return what was recorded of a characteristic at enrolment."""

    @property
    def age_in_days(self) -> int | None:
        """The age in days at enrolment, of an infant of whom it was recorded."""

    def protocol_day(self, day: int) -> int | None:
        """Count the days from enrolment to a day (ordinal)."""

    def counts(self, observation: Observation) -> bool:
        """Return whether a sample may count."""

    def window_of(self, visit: Visit) -> tuple[int, int, int] | None:
        """Return a visit's first, planned and last day (ordinals)."""

    def planned_day(self, visit: Visit) -> int | None:
        """Return the day (ordinal) that a visit is planned for."""

    @property
    def entry(self) -> str | None:
        """The date of randomisation or, without one, of enrolment."""

    def due(self, visit: Visit) -> bool:
        """Return whether a visit is due."""

    def closes(self, visit: Visit) -> int | None:
        """Return the last day (ordinal) whose results can stand in for a visit's."""

    def before(self, visit: Visit) -> Iterable[Visit]:
        """List the visits that come before one."""


@dataclass
class SeriesCache:
    """What a series has computed, so that it is computed once."""

    observations: list[Observation] | None = None
    chosen: dict[str, Observation | None] = field(default_factory=dict)


class Series:
    """The results of a parameter, or those of them that were obtained in a certain way.

    Whoever gives the course holds what is `kept`; a series itself lasts no longer than a question.
    """

    def __init__(
        self, course: SubjectCourse, parameter: str, where: Selection, cache: SeriesCache
    ) -> None:
        self._course = course
        self._parameter = parameter
        self._where = where
        self._kept = cache
        self._chosen = cache.chosen

    @property
    def observations(self) -> list[Observation]:
        """List the results by day and time and, where those do not tell, by accession."""
        if self._kept.observations is None:
            self._kept.observations = self._observed()
        return self._kept.observations

    def _observed(self) -> list[Observation]:
        parameters = self._course.study.definition.parameters
        counted = parameters[self._parameter]
        if counted.formula is not None:
            return sorted(self._combination().results(), key=accession)
        if counted.grades is not None:
            return list(self._graded())
        source = counted.derived_from or self._parameter
        observations = []
        for record, visit, place, item in self._course.reported(source):
            if not self._selects(item):
                continue
            value = read_value(item, parameters[source], counted)
            if value is not None:
                observations.append(_observation(record, value, visit, place, item))
        return _in_order(observations)

    def without_value(self, reported: Iterable[Reported]) -> list[Observation]:
        """Return what was not done as observations without text or value, in their order.

        A selection by how results were obtained takes those that name it.
        """
        return _in_order(
            [
                _observation(record, Value(0), visit, place, item)
                for record, visit, place, item in reported
                if self._selects(item)
            ]
        )

    def _graded(self) -> Iterator[Observation]:
        """Yield the results of another parameter that have a grade, each with that as its value."""
        course, grading = self._course, self._course.study.gradings[self._parameter]
        graded = grading.grades.of
        source = course.series(graded, self._where)
        baseline = grading.grades.baseline
        grader = Grader(
            grading,
            course.study.definition.parameters[graded],
            None if baseline is None else source.at_baseline(baseline),
            course.fact,
            course.age_in_days,
            course.protocol_day,
        )
        for observation in source.observations:
            if (grade := grader.grade(observation)) is not None:
                yield replace(observation, value=Value(grade))

    def _combination(self) -> Combination:
        course = self._course
        parameters = course.study.definition.parameters
        combined = parameters[self._parameter]
        joined = course.observations
        if (visits := combined.at_visits) is not None:
            joined = partial(course.of_visits, visits=visits)
        return Combination(
            combined, parameters, self._where, joined, course.observations, course.fact
        )

    def _selects(self, item: Mapping[str, Any]) -> bool:
        return all(term(item.get(name) or "") in values for name, values in self._where)

    def at_visit(self, visit: Visit) -> Observation | None:
        """Choose a visit's result, as the definition says; of one without a window, of its own."""
        if visit.id not in self._chosen:
            self._chosen[visit.id] = choice_of(visit)(self._nearest(visit))
        return self._chosen[visit.id]

    def _nearest(self, visit: Visit) -> list[Observation]:
        """List what may count for a visit; if the closest is to count, all that are as close."""
        candidates = self._candidates(visit)
        if visit.choose != "closest" or not candidates:
            return candidates
        planned = self._course.planned_day(visit)
        if planned is None:
            return candidates
        closest = min(abs(candidate.day - planned) for candidate in candidates)
        return [candidate for candidate in candidates if abs(candidate.day - planned) == closest]

    def _candidates(self, visit: Visit) -> list[Observation]:
        counts = self._course.counts
        if visit.window is None:
            return [
                observation
                for observation in self.observations
                if observation.visit == visit.id and counts(observation)
            ]
        if (window := self._course.window_of(visit)) is None:
            return []
        low, _, high = window
        first = bisect_left(self.observations, low, key=_day)
        end = bisect_right(self.observations, high, lo=first, key=_day)
        return [
            observation
            for observation in self.observations[first:end]
            if self._within(visit, low, high, observation) and counts(observation)
        ]

    def _within(self, visit: Visit, low: int, high: int, observation: Observation) -> bool:
        match visit.limit:
            case "before-first-dose":
                first = self._course.first_dose
                return first is None or dates.not_after(observation.collected, first)
            case "before-regimen":
                began = self._course.regimen_day
                return began is None or not low <= began <= high or observation.day <= began
            case _:
                return True

    def at_baseline(self, name: str) -> Observation | None:
        """Find a named baseline: of a visit, or the last result at or before the first dose."""
        baseline = self._course.study.definition.baselines[name]
        if baseline.visit is not None:
            return self.at_visit(self._course.study.visits[baseline.visit])
        key = f"{name} baseline"  # no visit's id holds a space
        if key not in self._chosen:
            self._chosen[key] = next(reversed(self._until_first_dose()), None)
        return self._chosen[key]

    def _until_first_dose(self) -> list[Observation]:
        first = self._course.first_dose
        return [
            observation
            for observation in self.observations
            if first and dates.not_after(observation.collected, first)
        ]

    def after_first_dose(self, choice: AfterFirstDose) -> Observation | None:
        """Find the first, last or an extreme result after the first dose."""
        results = self._wanted(choice)
        if choice.choice in _SIZES:
            return CHOICES["last" if choice.tie == "later" else "first"](
                self._most_extreme(results, choice.choice)
            )
        return CHOICES[choice.choice](results)

    def _wanted(self, choice: AfterFirstDose) -> list[Observation]:
        """List the results after the first dose of which one is taken."""
        results = self.on_treatment(choice.until)
        return self._of_visits(results, choice.visits) if choice.visits else results

    def of_visits(self, visits: Sequence[str]) -> list[Observation]:
        """List the results that may count for one of some visits."""
        return self._of_visits(self.observations, visits)

    def _of_visits(
        self, results: Iterable[Observation], visits: Iterable[str]
    ) -> list[Observation]:
        planned = (self._course.study.visits[name] for name in visits)
        candidate_ids = {id(result) for visit in planned for result in self._candidates(visit)}
        return [result for result in results if id(result) in candidate_ids]

    def on_treatment(self, until: int | None) -> list[Observation]:
        """List the results after the first dose, not later than some days after the last."""
        results = self._after(self._course.first_dose)
        if until is None or (last := self._course.last_dose_day) is None:
            return results
        return [observation for observation in results if observation.day <= last + until]

    def _most_extreme(self, results: list[Observation], choice: str) -> list[Observation]:
        """List the results that lie farthest from 0, or beyond their range; all that are as far.

        One without a limit of its range cannot be compared.
        """
        parameter = self._course.study.definition.parameters[self._parameter]
        sizes = [(_SIZES[choice](result, parameter), result) for result in results]
        greatest = max((size for size, _ in sizes if size is not None), default=None)
        return [result for size, result in sizes if size is not None and size == greatest]

    def before_visit(self, visit: Visit) -> Observation | None:
        """Find the result of the visit before one that has any."""
        earlier = (self.at_visit(before) for before in reversed([*self._course.before(visit)]))
        return next(filter(None, earlier), None)

    def _after(self, start: str | None) -> list[Observation]:
        return [
            observation
            for observation in self.observations
            if start is not None
            and not dates.not_after(observation.collected, start)
            and self._course.counts(observation)
        ]

    def carried(self, visit: Visit, baseline: str) -> Observation | None:
        """Find the last result that can stand in for a visit's (LOCF)."""
        candidates = self._to_carry(visit, baseline)
        return candidates[-1] if candidates else None

    def _to_carry(self, visit: Visit, baseline: str) -> list[Observation]:
        end, after = self._course.closes(visit), self._after(self._start(baseline))
        return [observation for observation in after if end is not None and observation.day <= end]

    def carried_visit(self, visit: Visit, baseline: str) -> Observation | None:
        """Find the result of the last visit before one that has any that can stand in."""
        eligible = {id(observation) for observation in self._to_carry(visit, baseline)}
        latest = None
        for earlier in self._course.before(visit):
            candidate = self.at_visit(earlier)
            if candidate is not None and id(candidate.sources[-1]) in eligible:
                latest = max(candidate, latest or candidate, key=moment)
        return latest

    def _start(self, baseline: str) -> str | None:
        """Return when carrying forward starts (a local time), so that what came later is carried.

        It is the first dose; of who was never dosed the baseline's result or, where there is none,
        the day of randomisation or of enrolment.
        """
        if self._course.first_dose is not None:
            return self._course.first_dose
        base = self.at_baseline(baseline) if baseline else None
        return base.collected if base else self._course.entry

    def undecided(self, places: Sequence[Place]) -> Iterator[UndecidedChoice]:
        """Yield the choices, of visits, baselines, first or last results, that only ids decide."""
        parameter = self._course.study.definition.parameters[self._parameter]
        label = parameter.label
        if parameter.formula is not None:
            yield from self._combination().undecided(label)
        if not places or (
            in_time(self.observations)
            and not any(observation.visit for observation in self.observations)
        ):
            return
        for place in places:
            for name, candidates, choice in self._choices(place):
                yield from differing(f"{label}, {name}", untold(candidates, choice))

    def _choices(self, place: Place) -> Iterator[tuple[str, list[Observation], str]]:
        """Return what was chosen from at a place, by what it is called, and which was to count."""
        if isinstance(place, AfterFirstDose):
            yield from self._extremes(place)
            return
        name = place.removeprefix(CARRIED)
        visit = self._course.study.visits.get(name)
        if visit is None:
            if name in self._course.study.definition.baselines:
                yield name, self._until_first_dose(), "last"
        elif name == place:
            if visit.window is None and "choose" not in visit.model_fields_set:
                yield visit.label, self._candidates(visit), ANY
            else:
                yield visit.label, self._nearest(visit), visit.choice
        elif self.at_visit(visit) is None and self._course.due(visit):
            yield f"carried forward to {visit.label}", self._to_carry(visit, ""), "last"

    def _extremes(self, choice: AfterFirstDose) -> Iterator[tuple[str, list[Observation], str]]:
        """Return what was chosen from after the first dose; of equally extreme results one is."""
        if choice.tie is None and choice.choice != FARTHEST:
            yield choice.choice, self._wanted(choice), choice.choice
        elif choice.choice in _SIZES:
            extremes = self._most_extreme(self._wanted(choice), choice.choice)
            yield choice.choice, extremes, "last" if choice.tie == "later" else "first"


def _observation(
    record: Record, value: Value, visit: str, place: int, item: Mapping[str, Any]
) -> Observation:
    collected: str = record.data[DECIDING_DATE[record.kind]]
    return Observation(
        record.record,
        collected,
        dates.earliest(collected),
        item.get("result", ""),
        value,
        visit,
        place,
        item,
        kind=record.kind,
    )


def _in_order(observations: list[Observation]) -> list[Observation]:
    observations.sort(key=moment)
    return observations if in_time(observations) else sorted(observations, key=accession)


_SIZES: Mapping[str, Callable[[Observation, Parameter], Fraction | int | None]] = {
    FARTHEST: lambda result, _: abs(result.value.units),
    MOST_ABNORMAL: distance,
}
"""How extreme a result is, of the extremes that can lie to two sides."""
