"""The definition's parts in plain words: conditions, measures, dates, adverse events.

Each form of the language has its words here, and nothing else has: a form without words fails. What
a part names is spelled out, so that a sentence suffices without the definition beside it.
"""

from collections.abc import Iterable, Iterator, Mapping

from trial.definition import Definition
from trial.definition.base import Bounds
from trial.definition.conditions import (
    CONDITION_FORMS,
    FARTHEST,
    MEASURE_FORMS,
    MOST_ABNORMAL,
    PREVIOUS_VISIT,
    AdverseEventFilter,
    Coincident,
    Condition,
    DateRef,
    EventDate,
    Measure,
    RecordDate,
    Ref,
    ResultDate,
    ResultFilter,
    Where,
)
from trial.definition.design import ARM
from trial.definition.exposure import DURATION, OF_PLAN, Exposure
from trial.definition.outputs import Table
from trial.events.payloads import KINDS
from trial.tables.bidi import isolated

RECORDS = {kind: model.noun for kind, model in KINDS.items()}
"""What is recorded, by the kind of the record."""

DATES = {
    "enrolment": "the date of enrolment",
    "randomisation": "the date of randomisation",
    "first-dose": "the first dose",
    "last-dose": "the last dose",
    "end-of-study": "the end of the study (its latest disposition)",
    "death": "death",
    "last-contact": "the last contact",
}
"""The dates that go by a name."""

STAND_INS = {
    "observed": "",
    "bocf": "BOCF",
    "locf": "LOCF",
    "locf-visit": "LOCF by visit",
}
"""What stands in for a visit that is due and has no result, by its short name."""
_CHANGES = {
    "decrease_from": "the decrease (baseline less value) of {} from {}",
    "change_from": "the change (value less baseline) of {} from {}",
    "percent_change_from": "the change of {} in percent of the baseline's size from {}",
}
_EXTREMES = {FARTHEST: "result farthest from 0", MOST_ABNORMAL: "most abnormal result"}
"""The result after the first dose that is taken, where its name does not say it."""
_BOUNDS = {
    "at_least": "at least",
    "more_than": "more than",
    "at_most": "at most",
    "below": "below",
}


def labels_of(table: Table) -> dict[str, str]:
    """Return the labels of the rows and the columns of a table, by their ids."""
    rows = {row.id: row.label for row in table.rows}
    return rows | {column.id: column.name for column in table.columns}


def by_name[Part](parts: Mapping[str, Part]) -> Iterator[tuple[str, Part]]:
    """Yield the members of an object in order of their names: their written order means nothing."""
    yield from sorted(parts.items(), key=lambda member: member[0])


def joined(texts: Iterable[str], last: str = "and") -> str:
    """Join texts as a sentence does: a, b and c."""
    *before, end = [isolated(text) for text in texts] or [""]
    return f"{', '.join(before)} {last} {end}" if before else end


def where(fields: Where) -> str:
    """Return which values the fields of a record must have."""
    conditions = (
        f"{name} = {joined([value] if isinstance(value, str) else value, 'or')}"
        for name, value in by_name(fields)
    )
    return f" ({', '.join(conditions)})" if fields else ""


def bounds(limits: Bounds, unit: str = "") -> str:
    """Return within which bounds a value must lie."""
    after = f" {unit}" if unit else ""
    values = ((words, getattr(limits, name)) for name, words in _BOUNDS.items())
    return joined(f"{words} {value:f}{after}" for words, value in values if value is not None)


def _baseline(name: str) -> str:
    if name == PREVIOUS_VISIT:
        return "the visit before that has a result"
    return name if name == "baseline" else f"the baseline {name}"


_EXPOSURES = {
    "cumulative-dose": "the sum of the amounts of {}",
    "planned-dose": "the sum of the amounts that were to be given of {}",
    "dose-intensity": "the sum of the amounts of {} by the days of treatment",
    "relative-dose-intensity": (
        "the sum of the amounts of {} by the days of treatment, in percent of the amounts that were"
        " to be given by the days that these were for"
    ),
    "compliance": (
        "the sum of the amounts of {}, in percent of the sum of those that were to be given"
    ),
    "duration": "the days from the first to the last of {}, both counted",
}
_UNKNOWN_EXPOSURE = "not known where a dose leaves it open: by another unit, or no planned amount"


def exposure(part: Exposure) -> str:
    """Return how much of treatment is meant."""
    doses = "all doses" if part.treatment is None else f"the doses of {part.treatment}"
    parts = [_EXPOSURES[part.of].format(doses), *_exposure_terms(part)]
    return "; ".join(parts)


def _exposure_terms(part: Exposure) -> Iterator[str]:
    if part.of != DURATION:
        yield f"in {part.printed_unit}, of amounts in {part.unit}"
    for unit, factor in by_name(part.units):
        yield f"1 {unit} is {factor:f} {part.unit}"
    if part.per_day:
        yield "an amount is of each day of its record, and not known while that has no end"
    if part.interval is not None:
        yield f"a dose is for {part.interval} days, the last one too"
    if part.of in OF_PLAN:
        missed = "a missed dose counts among those that were to be given"
        planned = part.planned_dose
        yield f"{missed}, of {planned:f} {part.unit}" if planned is not None else missed
    if part.of != DURATION:
        yield _UNKNOWN_EXPOSURE


class Wording:
    """The parts of one definition in words."""

    def __init__(self, definition: Definition) -> None:
        """Keep the definition, whose names are spelled out."""
        self._definition = definition
        self._visits = {visit.id: visit.label for visit in definition.visits}

    # Conditions

    def condition(self, ref: Ref) -> str:
        """Return when a condition, by its name or as written in place, is true of a subject."""
        if not isinstance(ref, Condition):
            return self.condition(self._definition.conditions[ref])
        form = next(name for name in CONDITION_FORMS if getattr(ref, name) is not None)
        text: str = getattr(self, f"_{form}")(ref)
        return text

    def _all(self, condition: Condition) -> str:
        return " and ".join(map(self._part, condition.all or ())) or "always"

    def _any(self, condition: Condition) -> str:
        return " or ".join(map(self._part, condition.any or ())) or "never"

    def _none(self, condition: Condition) -> str:
        refs = condition.none or []
        text = "; ".join(map(self.condition, refs))
        return f"not ({text})" if len(refs) == 1 else f"none of ({text})"

    def _part(self, ref: Ref) -> str:
        """Return a condition within another: one that joins several stands in brackets."""
        condition = ref if isinstance(ref, Condition) else self._definition.conditions[ref]
        text = self.condition(condition)
        several = any(len(parts or ()) > 1 for parts in (condition.all, condition.any))
        return f"({text})" if several or ";" in text else text

    def _recorded(self, condition: Condition) -> str:
        text = f"{RECORDS[str(condition.recorded)]} is recorded{where(condition.where)}"
        if condition.period is None:
            return text
        return f"{text}, dated in the period {self.period(condition.period)}"

    def _characteristic(self, condition: Condition) -> str:
        name = str(condition.characteristic)
        labels = self.labels(name)
        levels = (labels.get(level, level) or "not reported" for level in condition.levels)
        return f"{self.category(name)} is {joined(levels, 'or')}"

    def _adverse_event(self, condition: Condition) -> str:
        assert condition.adverse_event is not None
        return f"there is {self.events(condition.adverse_event)}"

    def _measure(self, condition: Condition) -> str:
        assert condition.measure is not None
        text = self.measure(condition.measure)
        if condition.assessed:
            return f"there is a value of {text}"
        if condition.not_done:
            return f"there is no result, and it is reported as not done, of {text}"
        counted = "counts as a failure" if condition.missing == "failure" else "is left out"
        within = bounds(condition, self.unit(condition.measure))
        return f"{text} is {within} (a value that is due and missing {counted})"

    def _results(self, condition: Condition) -> str:
        listed = condition.results or []
        parts = [self._coincident(part) for part in listed]
        results = [part for part in listed if part.parameter is not None]
        condition_words = "each of these parameters has a result then"
        unknown = f" (unknown until {condition_words})" if results else ""
        until = condition.days_after_last_dose
        last = "" if until is None else f" and not more than {until} days after the last"
        days = "on one day" if not condition.within_days else f"within {condition.within_days} days"
        when = "collected at one moment" if condition.one_sample else days
        order = ", none before the one named before it" if condition.in_order else ""
        return f"after the first dose{last} there are, {when}{order}, {joined(parts)}{unknown}"

    def _coincident(self, part: Coincident) -> str:
        several = f"{part.number} times " if part.number > 1 else ""
        if part.adverse_event is not None:
            return f"{several}the onset of {self.events(part.adverse_event)}"
        return f"{several}{self.results_within(part)}"

    def results_within(self, part: ResultFilter | Coincident) -> str:
        """Return which results of a parameter a filter selects."""
        name = str(part.parameter)
        within = bounds(part, self._definition.parameters[name].unit)
        is_within = f" that is {within}" if within else ""
        return f"a result of {self.parameter(name)}{where(part.where)}{is_within}"

    # Measures

    def measure(self, ref: str | Measure) -> str:
        """Return what a measure, by its name or as written in place, is.

        One that is made of others goes by its name: `Measures` spell it out.
        """
        if isinstance(ref, str):
            measure = self._definition.measures[ref]
            composed = measure.by_arm is not None or measure.difference is not None
            return f"the measure {ref}" if composed else self.measure(measure)
        form = next(name for name in MEASURE_FORMS if getattr(ref, name) is not None)
        text: str = getattr(self, f"_of_{form}")(ref)
        return text

    def _of_characteristic(self, measure: Measure) -> str:
        return f"{self.category(str(measure.characteristic))} as recorded at enrolment"

    def _of_parameter(self, measure: Measure) -> str:
        text = f"{self._changed(measure)}{where(measure.where)}{self._taken(measure)}"
        stand_in = STAND_INS[measure.missing]
        return f"{text} ({stand_in} where it is due and missing)" if stand_in else text

    def _changed(self, measure: Measure) -> str:
        parameter = self.parameter(str(measure.parameter))
        for name, words in _CHANGES.items():
            if (baseline := getattr(measure, name)) is not None:
                return words.format(parameter, _baseline(baseline))
        return parameter

    def _taken(self, measure: Measure) -> str:
        joint = " to" if measure.baseline else " at"
        if measure.after_first_dose is not None:
            until = measure.days_after_last_dose
            last = "" if until is None else f" and not more than {until} days after the last"
            choice = _EXTREMES.get(measure.after_first_dose, f"{measure.after_first_dose} result")
            return f"{joint} the {choice} after the first dose{last}{self._bounded(measure)}"
        if measure.at is None:
            return f"{joint} the visit of the row"
        if measure.at in self._visits:
            return f"{joint} the visit {self._visits[measure.at]}"
        return f"{joint} {_baseline(measure.at)}"

    def _bounded(self, measure: Measure) -> str:
        """Return of which results an extreme is, and which of two that are equally extreme."""
        labels = [self._visits[name] for name in measure.at_visits or ()]
        among = f", of those of {joined(labels, 'or')}" if labels else ""
        if "tie" not in measure.model_fields_set and measure.after_first_dose != FARTHEST:
            return among
        return f"{among}; of results that lie equally far the {measure.tie} counts"

    def _of_records(self, measure: Measure) -> str:
        record = RECORDS[str(measure.records)]
        return f"how many times {record}{where(measure.where)} is recorded"

    def _of_days(self, measure: Measure) -> str:
        assert measure.days is not None
        start, end = self.date(measure.days.start), self.date(measure.days.end)
        return f"the days from {start} to {end}, both counted"

    def _of_exposure(self, measure: Measure) -> str:
        assert measure.exposure is not None
        return exposure(measure.exposure)

    def _of_by_arm(self, measure: Measure) -> str:
        labels = self.labels(ARM)
        text = (f"{labels.get(arm, arm)}: {self.measure(ref)}"
                for arm, ref in by_name(measure.by_arm or {}))  # fmt: skip
        return f"by planned arm ({'; '.join(text)})"

    def _of_difference(self, measure: Measure) -> str:
        first, second = map(self.measure, measure.difference or ())
        return f"({first}) less ({second}), of subjects who have both"

    def unit(self, ref: str | Measure) -> str:
        """Return the unit of a measure; '' where it has none."""
        if isinstance(ref, str):
            return self.unit(self._definition.measures[ref])
        if ref.percent_change_from is not None:
            return "%"
        if ref.parameter is not None:
            return self._definition.parameters[ref.parameter].unit
        if ref.characteristic in self._definition.characteristics:
            return self._definition.characteristics[str(ref.characteristic)].unit
        if ref.exposure is not None:
            return ref.exposure.printed_unit
        inner = [*(part for _, part in by_name(ref.by_arm or {})), *(ref.difference or ())]
        return self.unit(inner[0]) if inner else "days" if ref.days is not None else ""

    # Dates

    def date(self, ref: DateRef) -> str:
        """Return which date is meant."""
        match ref:
            case RecordDate():
                return f"the {ref.which} date of {RECORDS[ref.recorded]}{where(ref.where)}"
            case EventDate():
                return f"the onset of the {ref.which} of {self.events(ref.adverse_event)}"
            case ResultDate():
                parameter = self._definition.parameters[ref.parameter]
                text = (
                    f"the first result of {parameter.label}{where(ref.where)} after the first dose"
                )
                within = bounds(ref, parameter.unit)
                return f"{text} that is {within}" if within else text
            case _:
                return DATES[ref]

    # Adverse events

    def events(self, event_filter: AdverseEventFilter) -> str:
        """Return which adverse events a filter selects."""
        words = (_filter_part(name, getattr(event_filter, name)) for name in _EVENTS)
        parts = list(filter(None, words))
        if terms := [*event_filter.groups, *event_filter.terms]:
            spelled = {
                group.label: f"{group.label} ({', '.join(group.of_scope(event_filter.scope))})"
                for group in self._definition.adverse_events.groups
            }
            parts.append(f"preferred term {joined((spelled.get(n, n) for n in terms), 'or')}")
        if event_filter.scope is not None:
            its_group = "its group" if event_filter.grouped is not False else "any group"
            parts.append(f"of the {event_filter.scope} scope of {its_group}")
        if event_filter.onset_days is not None:
            parts.append(f"onset on study day {_days(*event_filter.onset_days)}")
        return f"an adverse event: {'; '.join(parts)}" if parts else "an adverse event of any kind"

    # Names

    def parameter(self, name: str) -> str:
        """Return a parameter's label with its unit."""
        parameter = self._definition.parameters[name]
        return f"{parameter.label} ({parameter.unit})" if parameter.unit else parameter.label

    def category(self, name: str) -> str:
        """Return what a category is called."""
        definition = self._definition
        if name == ARM:
            return "the planned arm"
        for parts in (definition.classes, definition.characteristics):
            if name in parts:
                return parts[name].label
        return f"the stratum {name}" if name in definition.strata else name

    def labels(self, name: str) -> dict[str, str]:
        """Return the labels of a category's levels, where they differ from the values."""
        if name == ARM:
            return {arm.id: arm.label for arm in self._definition.arms}
        classes = self._definition.classes.get(name)
        return {level.value: level.label for level in classes.classes} if classes else {}

    def period(self, name: str) -> str:
        """Return the label of a period."""
        return next(
            definition.label for definition in self._definition.periods if definition.id == name
        )


_EVENTS: dict[str, str | tuple[str, str]] = {
    "emergent": ("treatment-emergent", "not treatment-emergent"),
    "related": ("related", "not related"),
    "grouped": ("of a term in a group", "of a term in no group"),
    "serious": ("serious", "not serious"),
    "grade_at_least": "of grade {} or higher",
    "grade": "of grade {}",
    "severity": "severity {}",
    "seriousness": "serious because of {}",
    "action_taken": "action taken {}",
    "outcome": "outcome {}",
    "treatment": "after a last dose of {}",
}


def _days(first: int | None, last: int | None) -> str:
    """Return a stretch of study days in words."""
    if first is None or last is None:
        return f"{last} or before" if first is None else f"{first} or after"
    return f"{first} to {last}"


def _filter_part(name: str, value: object) -> str:
    """Return what one part of a filter of adverse events requires; '' where it requires nothing."""
    words = _EVENTS[name]
    if value is None or value == []:
        return ""
    if not isinstance(words, str):
        return words[0] if value else words[1]
    return words.format(joined(map(str, value), "or") if isinstance(value, list) else value)
