"""Why a subject counts as it does, in words made from the rules, with the records behind them.

Each form of the language that can decide (conditions, measures, categories, dates, adverse events)
says what it took of the subject: values with their dates and records. What it asks is said in the
words of the Methods.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from trial.deferred import dataclass
from trial.definition.base import BOUNDS, Bounds
from trial.definition.conditions import (
    AdverseEventFilter,
    Condition,
    DateRef,
    EventDate,
    Measure,
    RecordDate,
    Ref,
    ResultDate,
    Where,
    selection,
)
from trial.definition.design import ARM
from trial.definition.precision import Precision
from trial.events import dates
from trial.events.blinding import HIDDEN
from trial.events.kinds import DECIDING_DATE, SAID, reference
from trial.reporting.methods.wording import DATES, RECORDS, Wording, bounds, where
from trial.rules import Rules, dating
from trial.rules.categories import level_text
from trial.rules.matching import bounded, matcher
from trial.rules.measures import Quantity
from trial.subject import codings
from trial.subject.adverse_events import AdverseEvent
from trial.subject.derivation import Derivation
from trial.subject.fold import Key, Record
from trial.subject.results import Observation, Value
from trial.subject.truth import Truth
from trial.tables.listings.facts import decimal, plain
from trial.tables.rounding import decimal_text
from trial.tables.rows.incidence import Risk

EVENT, CODING = "adverse-event.reported", "adverse-event.coded"
_ROLES = {"value": "", "baseline": "baseline ", "carried": "carried forward "}
_DIGITS_MORE = 2
_CHANGED = {"": "", "decrease of ": ", decrease", "change of ": ", change"}
_VERDICTS = {True: "yes", False: "no", None: "not known"}
_COMBINED = (("all", False), ("any", True), ("none", True))
"""The forms that combine conditions, and the answer of a part that decides alone."""
_NAMED: dict[str, Callable[[Derivation], Record | None]] = {
    "enrolment": lambda derivation: derivation.enrolment,
    "randomisation": lambda derivation: derivation.randomisation,
    "first-dose": lambda derivation: next(iter(derivation.doses), None),
    "end-of-study": lambda derivation: derivation.end_of_study,
    "death": lambda derivation: derivation.death,
}
"""The record that a date with a name is of; the last dose and the last contact are of several."""


@dataclass(frozen=True)
class Evidence:
    """Something that a rule took of a subject, in words, and the records that it took it from."""

    words: str
    records: tuple[Key, ...] = ()
    value: "Taken | None" = None


@dataclass(frozen=True)
class Taken:
    """A value of a subject that decides, as listings show it: with all its digits."""

    label: str
    value: str
    unit: str = ""


def _key(record: Record) -> Key:
    return record.kind, record.record


class Explanations:
    """Explains the parts of one definition for subjects, as one audience sees both."""

    def __init__(self, rules: Rules) -> None:
        """Keep the compiled rules; what is written in place is compiled when it is first asked."""
        self._rules = rules
        self._definition = rules.study.definition
        self._words = Wording(self._definition)
        self._compiled: dict[int, tuple[object, Any]] = {}

    def _once[Part: object](self, part: object, compile_part: Callable[[], Part]) -> Part:
        """Return a part written in place, compiled once as long as it is the same object."""
        if id(part) not in self._compiled:
            self._compiled[id(part)] = part, compile_part()  # kept, so that its id stays its own
        compiled: Part = self._compiled[id(part)][1]
        return compiled

    def _test(self, ref: Ref) -> Callable[[Derivation], Truth]:
        if isinstance(ref, str):
            return self._rules.condition(ref, "")
        return self._once(ref, lambda: self._rules.condition(ref, ""))

    def _quantity(self, ref: str | Measure) -> Quantity:
        if isinstance(ref, str):
            return self._rules.measure(ref, "")
        return self._once(ref, lambda: self._rules.measure(ref, ""))

    # Conditions

    def condition(self, ref: Ref, derivation: Derivation) -> Iterator[Evidence]:
        """Yield what decides a condition for a subject: of several parts those that do."""
        condition = ref if isinstance(ref, Condition) else self._definition.conditions[ref]
        truth = self._test(ref)(derivation)
        for form, decisive in _COMBINED:
            if (parts := getattr(condition, form)) is not None:
                for part in self._deciding(parts, derivation, decisive=decisive):
                    yield from self.condition(part, derivation)
                return
        if condition.recorded is not None:
            yield from self._recorded(condition, derivation)
        elif condition.characteristic is not None:
            yield from self.category(condition.characteristic, derivation)
        elif condition.adverse_event is not None:
            events = self._matching(condition.adverse_event, derivation)
            yield from self.events(events, derivation)
            if not events:
                yield Evidence(f"{self._words.condition(condition)}: {_VERDICTS[truth]}")
        elif condition.results is not None:
            yield from self._results(condition, derivation, truth)
        elif condition.measure is not None:
            yield from self._threshold(condition, condition.measure, derivation, truth)

    def _deciding(
        self, parts: Sequence[Ref], derivation: Derivation, *, decisive: bool
    ) -> list[Ref]:
        """Return the parts that decide: the first that does so alone, or else all of them.

        While the answer is not known, those of which it is not.
        """
        truths = [(part, self._test(part)(derivation)) for part in parts]
        alone = [part for part, truth in truths if truth is decisive]
        unknown = [part for part, truth in truths if truth is None]
        return alone[:1] or unknown or [part for part, _ in truths]

    def _recorded(self, condition: Condition, derivation: Derivation) -> Iterator[Evidence]:
        kind, matches = str(condition.recorded), matcher(condition.where)
        records = [record for record in derivation.ordered(kind) if matches(record.data)]
        if condition.period is not None:
            days = ((record, derivation.dated(record)) for record in records)
            records = [
                record
                for record, dated in days
                if dated and derivation.period_of(dated.day) == condition.period
            ]
        yield from self.records(records)
        if not records:
            yield Evidence(f"not recorded: {RECORDS[kind]}{where(condition.where)}")

    def _matching(
        self, event_filter: AdverseEventFilter, derivation: Derivation
    ) -> list[AdverseEvent]:
        matches = self._once(
            event_filter, lambda: self._rules.adverse_event_matcher(event_filter, "")
        )
        return [event for event in derivation.adverse_events if matches(event)]

    def _results(
        self, condition: Condition, derivation: Derivation, truth: Truth
    ) -> Iterator[Evidence]:
        for part in condition.results or ():
            if part.adverse_event is not None:
                yield from self.events(self._matching(part.adverse_event, derivation), derivation)
                continue
            name = str(part.parameter)
            parameter = self._definition.parameters[name]
            is_within = bounded(parameter.precision, part, "")
            results = derivation.series(name, selection(part.where)).on_treatment(
                condition.days_after_last_dose
            )
            for result in results:
                if is_within(result.value):
                    text = _text(result.value, parameter.precision, part)
                    words = f"{parameter.label} {text} {parameter.unit}".strip()
                    yield _observed(words, result)
        yield Evidence(f"{self._words.condition(condition)}: {_VERDICTS[truth]}")

    # Measures

    def measure(
        self,
        ref: str | Measure,
        derivation: Derivation,
        limits: Bounds | None = None,
        truth: Truth = None,
    ) -> Iterator[Evidence]:
        """Yield the value of a measure, with the results that it is of; or why there is none."""
        measure = self._definition.measures[ref] if isinstance(ref, str) else ref
        if measure.by_arm is not None:
            part = measure.by_arm.get(derivation.planned_arm or "")
            if part is None:
                yield from self._value(measure, self._quantity(ref), derivation, limits)
            else:
                yield from self.measure(part, derivation, limits, truth)
            return
        for part in measure.difference or ():
            yield from self.measure(part, derivation)
        yield from self._inputs(measure, derivation)
        yield from self._value(measure, self._quantity(ref), derivation, limits)
        is_missing = self._quantity(ref).evaluate(derivation) is None
        if limits is not None and not is_missing:
            yield Evidence(f"{bounds(limits, self._quantity(ref).unit)}: {_VERDICTS[truth]}")
        elif is_missing and truth is False:
            yield Evidence("it counts as a failure")

    def _threshold(
        self, condition: Condition, ref: str | Measure, derivation: Derivation, truth: Truth
    ) -> Iterator[Evidence]:
        """Yield what decides a condition on a measure: its value, or that there is none."""
        if condition.not_done:
            yield from self._not_done(ref, derivation)
            yield from self.measure(ref, derivation)
        else:
            limits = None if condition.assessed else condition
            yield from self.measure(ref, derivation, limits, truth)

    def _not_done(self, ref: str | Measure, derivation: Derivation) -> Iterator[Evidence]:
        """Yield what is reported as not done of a measure's parameter, with the records."""
        measure = self._definition.measures[ref] if isinstance(ref, str) else ref
        label = self._definition.parameters[str(measure.parameter)].label
        reports = derivation.not_done(str(measure.parameter), selection(measure.where))
        for report in reports.observations:
            yield _observed(f"{label}: reported as not done", report)

    def _value(
        self, measure: Measure, quantity: Quantity, derivation: Derivation, limits: Bounds | None
    ) -> Iterator[Evidence]:
        """Yield the value, and the results that it is of; or why there is none."""
        value = quantity.evaluate(derivation)
        if value is None:
            reason = "not yet due" if quantity.pending(derivation) else "missing"
            yield Evidence(f"{quantity.label}: no value, {reason}")
            return
        unit, change = quantity.unit, _of_change(measure)
        text = _text(value, quantity.precision, limits)
        exact = f"{value.operator}{decimal(value.units, quantity.precision)}"
        yield Evidence(
            f"{quantity.label}: {change}{text} {unit}".rstrip(),
            value=Taken(f"{quantity.label}{_CHANGED[change]}", exact, unit),
        )
        if measure.parameter is not None:
            parameter = self._definition.parameters[measure.parameter]
            for source in quantity.sources(derivation):
                precision = parameter.precision
                result = _text(source.observation.at(precision, precision), precision)
                words = f"{_ROLES[source.role]}{result} {parameter.unit}"
                yield _observed(words.strip(), source.observation)

    def _inputs(self, measure: Measure, derivation: Derivation) -> Iterator[Evidence]:
        """Yield what a measure takes that is no result: facts, records, dates, doses."""
        if measure.characteristic is not None:
            yield from self._fact(measure.characteristic, derivation)
        if measure.records is not None:
            matches = matcher(measure.where)
            records = derivation.ordered(measure.records)
            yield from self.records(record for record in records if matches(record.data))
        if measure.days is not None:
            start = self._date(measure.days.start, derivation, 0)
            yield from start[1]
            yield from self._date(measure.days.end, derivation, start[0] or 0)[1]
        if measure.exposure is not None:
            yield from self.records(derivation.doses)

    # Categories

    def category(self, name: str, derivation: Derivation) -> Iterator[Evidence]:
        """Yield at which level of a category a subject is, and why."""
        classes = self._definition.classes.get(name)
        if classes is None:
            yield from self._fact(name, derivation)
            return
        level = self._rules.category(name, "")(derivation)
        if classes.measure is not None:
            yield from self.measure(classes.measure, derivation)
        for part in classes.classes if classes.measure is None else ():
            if part.condition is not None and self._test(part.condition)(derivation) is not False:
                yield from self.condition(part.condition, derivation)
                break
        labels = self._words.labels(name)
        text = "not known" if level is None else labels.get(level, level)
        yield Evidence(f"{classes.label}: {text}", value=Taken(classes.label, text))

    def _fact(self, name: str, derivation: Derivation) -> Iterator[Evidence]:
        """Yield a fact of enrolment, a stratum or the arm."""
        level = derivation.fact(name)
        record = derivation.enrolment
        if name == ARM or name in self._definition.strata:
            record = derivation.randomisation or record
            level = self._rules.category(name, "")(derivation)
        label = self._words.category(name)
        text = "not known" if level is None else level_text(level)
        value_label = self._words.labels(name).get(text, text)
        keys = (_key(record),) if record and level is not None else ()
        yield Evidence(f"{label}: {value_label}", keys, Taken(label, value_label))

    # Dates and times

    def time(self, name: str, derivation: Derivation) -> Iterator[Evidence]:
        """Yield the dates that a time to event is from and to."""
        definition = self._definition.times[name]
        time = self._rules.time(name, "")(derivation)
        day, start = self._date(definition.start, derivation, 0)
        yield from start
        if time is None or day is None:
            yield Evidence(f"{definition.label}: not begun")
            return
        outcome = "event" if time.event else "competing event" if time.competing else "censored"
        refs = {
            "event": definition.events,
            "competing event": definition.competing,
            "censored": definition.censored,
        }[outcome]
        ends = [self._date(ref, derivation, day) for ref in refs]
        last = day + time.days - 1
        yield from (part for end_day, evidence in ends if end_day == last for part in evidence)
        yield Evidence(
            f"{definition.label}: {time.days} days, {outcome} on {dates.iso(last)}",
            value=Taken(definition.label, f"{time.days}, {outcome}", "days"),
        )

    def at_risk(self, derivation: Derivation) -> Iterator[Evidence]:
        """Yield from which dose on a subject is at risk, and for how many days."""
        if (risk := Risk.of(derivation)) is not None:
            _, first = self._date("first-dose", derivation, 0)
            yield from first
            evidence = Taken("Time at risk", str(risk.days), "days")
            yield Evidence(f"at risk for {risk.days} days", value=evidence)

    def _date(
        self, ref: DateRef, derivation: Derivation, since: int
    ) -> tuple[int | None, list[Evidence]]:
        """Return the day of a date on or after another, and the records that have it."""
        day = dating.date(self._rules.study, ref, "").find(derivation, since)
        if day is None:
            return None, []
        return day, list(self._dated(ref, derivation, since, day))

    def _dated(
        self, ref: DateRef, derivation: Derivation, since: int, day: int
    ) -> Iterator[Evidence]:
        match ref:
            case RecordDate():
                matches = matcher(ref.where)
                records = (r for r in derivation.ordered(ref.recorded) if matches(r.data))
                dated = ((record, derivation.dated(record)) for record in records)
                yield from self.records(r for r, d in dated if d and d.since(since) == day)
            case EventDate():
                matches_event = self._rules.adverse_event_matcher(ref.adverse_event, "")
                events = filter(matches_event, derivation.adverse_events)
                onsets = ((event, event.onset) for event in events)
                yield from self.events(
                    [event for event, onset in onsets if onset and onset.since(since) == day],
                    derivation,
                )
            case ResultDate():
                parameter = self._definition.parameters[ref.parameter]
                in_bounds = bounded(parameter.precision, ref, "")
                for result in derivation.series(ref.parameter, selection(ref.where)).observations:
                    if result.day == day and in_bounds(result.value):
                        text = _text(result.value, parameter.precision, ref)
                        yield _observed(f"{parameter.label} {text}", result)
            case _:
                find = _NAMED.get(ref)
                record = find(derivation) if find else None
                keys = (_key(record),) if record else ()
                yield Evidence(f"{DATES[ref]}: {dates.iso(day)}", keys)

    # Records

    @staticmethod
    def records(records: Iterable[Record]) -> Iterator[Evidence]:
        """Yield some records, each with its date and with what it says, such as a cause."""
        for record in records:
            date = record.data.get(DECIDING_DATE.get(record.kind, "date"))
            when = f" of {_day(date)}" if date else ""
            words = f"{RECORDS[record.kind]}{when}{_said(record)}, record {record.record}"
            yield Evidence(words, (_key(record),))

    @staticmethod
    def events(events: Iterable[AdverseEvent], derivation: Derivation) -> Iterator[Evidence]:
        """Yield some adverse events, each as it is coded, with its onset; why it is serious."""
        coded = codings.by_record(derivation.records(CODING), reference(CODING))
        for event in events:
            onset = event.data.get("onset")
            when = f", onset {_day(onset)}" if onset else ", no onset"
            keys = [(EVENT, event.record)]
            keys += [_key(coding) for coding in coded.get(event.record, ())[-1:]]
            words = f"{event.pt}{when}{_seriousness(event)}, record {event.record}"
            yield Evidence(words, tuple(keys))

    def levels(
        self, kind: str, field: str, derivation: Derivation, conditions: Where, level: str | None
    ) -> Iterator[Evidence]:
        """Yield the records of a kind that have a level in a field; all where none is named."""
        matches = matcher(conditions)
        for record in derivation.ordered(kind):
            value = record.data.get(field)
            values = (value or [None]) if isinstance(value, list) else [value]
            levels = {"" if part is None else level_text(part) for part in values}
            if matches(record.data) and (level is None or level in levels):
                yield from self.records([record])


def _said(record: Record) -> str:
    """Return what a record says, less what is hidden from the audience: ': Sepsis' of a death."""
    values = (plain(record.data.get(field)) for field in SAID.get(record.kind, ()))
    texts = [str(value) for value in values if value not in (None, HIDDEN)]
    return f": {', '.join(texts)}" if texts else ""


def _seriousness(event: AdverseEvent) -> str:
    """Return why a serious event is so, and how it ended, as far as they are reported."""
    if not event.data["serious"]:
        return ""
    criteria = ", ".join(event.data.get("seriousness") or ())
    outcome = event.data.get("outcome")
    return f", serious{f' ({criteria})' if criteria else ''}{f', {outcome}' if outcome else ''}"


def _observed(words: str, observation: Observation) -> Evidence:
    """Return a result in words, with its date and record; of a mean all that it is the mean of."""
    sources = observation.sources
    records = tuple(dict.fromkeys((source.kind, source.record) for source in sources))
    record_names = " and ".join(dict.fromkeys(source.record for source in sources))
    noun = "record" if len(records) == 1 else "the mean of records"
    return Evidence(f"{words} on {_day(observation.collected)}, {noun} {record_names}", records)


def _day(text: str) -> str:
    """Return the date of a local time."""
    return text[: dates.FULL]


def _of_change(measure: Measure) -> str:
    """Return what a number is of, where it is the change of a parameter."""
    if measure.decrease_from is not None:
        return "decrease of "
    return "change of " if measure.baseline is not None else ""


def _text(value: Value, precision: Precision, limits: Bounds | None = None) -> str:
    """Show a value with its digits; one with many, as derived ones have, to one more than data.

    That is not done where the shorter number would be on another side of a bound.
    """
    exact, text = Fraction(value.units, 10**precision.places), str(decimal(value.units, precision))
    if len(text.partition(".")[2]) > precision.decimals + _DIGITS_MORE:
        rounded = decimal_text(exact, precision.decimals + 1)
        numbers = exact, Fraction(rounded)
        if limits is None or len({tuple(_sides(number, limits)) for number in numbers}) == 1:
            text = rounded
    return f"{value.operator}{text}"


def _sides(number: Fraction, limits: Bounds) -> list[int]:
    """Return on which side of each bound a number is: -1, 0 or 1."""
    named = (getattr(limits, name) for name in BOUNDS)
    exact = [Fraction(bound) for bound in named if bound is not None]
    return [(number > bound) - (number < bound) for bound in exact]
