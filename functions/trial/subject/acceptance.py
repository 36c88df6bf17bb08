"""What a study's definition demands of an event, beyond its shape.

Whether an event is accepted depends on the event and the definition only, never on what arrived
before it: order must not matter.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

from trial.definition import Definition
from trial.definition.design import Characteristic
from trial.definition.study import Study
from trial.errors import MAX_FIELD_ERRORS, FieldError, Rejected
from trial.events import dates, json_pointer
from trial.events.envelope import Entry
from trial.events.field_errors import not_in_list
from trial.events.fields import has_accepted_digits
from trial.events.kinds import date_fields
from trial.events.payloads import ERASURE, KINDS
from trial.subject.ages import years
from trial.subject.results import limit_errors, result_errors

_DAY_OF_TIME_ZONES = 1  # a site's calendar can be a day ahead of the sender's clock


def check_acceptable(study: Study, entry: Entry) -> None:
    """Raise `Rejected` (422), naming fields at fault, unless the study takes the event."""
    if entry.kind == ERASURE:
        fault = FieldError("/type", "cannot be posted: erase by POST …/subjects/{subject}/erase")
        raise Rejected(422, "Event not accepted", "", fault)
    if entry.void:
        return
    # Looking for what was perhaps meant takes its time: no more faults are looked for than named.
    if faults := list(islice(_faults(study, entry), MAX_FIELD_ERRORS)):
        raise Rejected(422, "Event not accepted", "", *faults)


def _faults(study: Study, entry: Entry) -> Iterator[FieldError]:
    yield from _calendar(study.definition, entry)
    yield from _spans(entry)
    yield from _vocabularies(study, entry.kind, entry.data, "/data")
    yield from _visit(study, entry.data)
    yield from _measured(study, entry)
    yield from _CHECKS.get(entry.kind, _nothing)(study, entry.data)
    yield from _superseded(entry)


def _nothing(_study: Study, _data: Mapping[str, Any]) -> Iterator[FieldError]:
    yield from ()


def _calendar(definition: Definition, entry: Entry) -> Iterator[FieldError]:
    first = dates.earliest(definition.calendar.earliest)
    last = dates.earliest(definition.calendar.latest)
    last_possible = dates.earliest(entry.time) + _DAY_OF_TIME_ZONES
    began_before = KINDS[entry.kind].began_before
    for name in date_fields(entry.kind):
        if not (text := entry.data.get(name)):
            continue
        too_early = dates.latest(text) < first and not began_before
        if too_early or dates.earliest(text) > last:
            within = f"{definition.calendar.earliest} to {definition.calendar.latest}"
            yield FieldError(
                f"/data/{name}", f"is outside the study's `calendar`: must be {within}"
            )
        elif dates.earliest(text) > last_possible:
            yield FieldError(f"/data/{name}", "is later than the event's `time`")


def _spans(entry: Entry) -> Iterator[FieldError]:
    """No other date of a record lies before the first, which is when it happened."""
    start, *ends = date_fields(entry.kind) or ("",)
    before = entry.data.get(start)
    for end in ends:
        after = entry.data.get(end)
        if before and after and not _in_order(before, after):
            yield FieldError(f"/data/{end}", f"is before `{start}`")


def _in_order(before: str, after: str) -> bool:
    if "T" in before and "T" in after:
        return dates.not_after(before, after)
    return dates.earliest(before) <= dates.latest(after)


def _vocabularies(
    study: Study, kind: str, data: Mapping[str, Any], pointer: str
) -> Iterator[FieldError]:
    """Compare words with the study's lists, exactly: one spelt otherwise would count nowhere."""
    for field, vocabulary in study.vocabularies.get(kind, {}).items():
        value = data.get(field)
        if isinstance(value, list):
            for i, word in enumerate(value):
                if word not in vocabulary:
                    yield FieldError(f"{pointer}/{field}/{i}", not_in_list(word, vocabulary))
        elif value is not None and value not in vocabulary:
            yield FieldError(f"{pointer}/{field}", not_in_list(value, vocabulary))


def _superseded(entry: Entry) -> Iterator[FieldError]:
    if entry.data.get("by") == entry.subject:
        yield FieldError("/data/by", "must name another subject")


def _dose(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    treatments = study.treatments
    if (
        treatments
        and (treatment := data.get("treatment")) is not None
        and treatment not in treatments
    ):
        detail = f"is not a treatment of this study: {not_in_list(treatment, treatments)}"
        yield FieldError("/data/treatment", detail)
    placebo = data.get("treatment") in study.definition.placebo
    if data["amount"] < 0 or (data["amount"] == 0 and not placebo):
        detail = (
            "must be greater than 0, except for a placebo; post a dose not given as dose.missed"
        )
        yield FieldError("/data/amount", detail)
    if (planned := data.get("planned")) is not None and planned < 0:
        yield FieldError("/data/planned", "must not be negative")


def _visit(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    visit = data.get("visit")
    if visit is not None and visit not in study.visits:
        yield FieldError(
            "/data/visit", f"is not a visit of this study: {not_in_list(visit, list(study.visits))}"
        )


def _measured(study: Study, entry: Entry) -> Iterator[FieldError]:
    for i, item in enumerate(entry.data.get("measurements", ())):
        pointer = f"/data/measurements/{i}"
        yield from _result(study, item, pointer)
        yield from _vocabularies(study, entry.kind, item, pointer)


def _observation(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    """Check the result of a test that is a parameter; that of any other may be any text."""
    parameter = study.definition.parameters.get(data["test"])
    if parameter is not None and parameter.is_derived:
        yield FieldError("/data/test", "is a parameter that is derived, and not reported")
    elif parameter is not None and "result" in data:
        yield from _result(study, {"parameter": data["test"], **data}, "/data")


def _laboratory(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    yield from _result(study, data, "/data")
    for name in ("lloq", "uloq"):
        if (limit := data.get(name)) is not None and limit <= 0:
            yield FieldError(f"/data/{name}", "must be greater than 0")


def _result(study: Study, item: Mapping[str, Any], pointer: str) -> Iterator[FieldError]:
    parameter = study.definition.parameters.get(item["parameter"])
    if parameter is None or parameter.is_derived:
        yield FieldError(f"{pointer}/parameter", "is not a reported parameter of this study")
        return
    for name, detail in result_errors(parameter, item) if "result" in item else ():
        yield FieldError(f"{pointer}/{name}", detail)


def _enrolment(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    age, days = data.get("age"), data.get("age_in_days")
    if age is not None and days is not None and age not in years(days):
        yield FieldError("/data/age_in_days", "does not agree with `age`, which is in years")
    for name, value in data.get("characteristics", {}).items():
        pointer = f"/data/characteristics/{json_pointer.escape(name)}"
        characteristic = study.definition.characteristics.get(name)
        if characteristic is None:
            yield FieldError(pointer, "is not a characteristic of this study")
        elif value is not None:
            yield from _characteristic(value, characteristic, pointer)


def _characteristic(
    value: object, characteristic: Characteristic, pointer: str
) -> Iterator[FieldError]:
    if characteristic.levels is not None:
        if not isinstance(value, str) or value not in characteristic.levels:
            yield FieldError(pointer, not_in_list(str(value), characteristic.levels))
    elif isinstance(value, bool) or not isinstance(value, int | Decimal):
        yield FieldError(pointer, "must be a number")
    elif not has_accepted_digits(value):
        yield FieldError(pointer, "must have at most 18 digits before the point and 9 after it")
    else:
        for detail in limit_errors([Decimal(value)], characteristic):
            yield FieldError(pointer, detail)


def _randomisation(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    if data["arm"] not in {arm.id for arm in study.definition.arms}:
        yield FieldError("/data/arm", "is not an arm of this study")
    for name, level in data.get("strata", {}).items():
        pointer, levels = (
            f"/data/strata/{json_pointer.escape(name)}",
            study.definition.strata.get(name),
        )
        if levels is None:
            yield FieldError(pointer, "is not a stratum of this study")
        elif level not in levels:
            yield FieldError(pointer, not_in_list(level, levels))


def _adverse_event(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    terms = study.definition.adverse_events.causality
    causality = data.get("causality")
    if terms and causality is not None and causality not in terms:
        yield FieldError("/data/causality", not_in_list(causality, terms))


def _adjudication(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    if data["outcome"] not in study.definition.outcomes:
        yield FieldError("/data/outcome", not_in_list(data["outcome"], study.definition.outcomes))


def _disposition(study: Study, data: Mapping[str, Any]) -> Iterator[FieldError]:
    if data["status"] == "discontinued" and not data.get("reason"):
        yield FieldError("/data/reason", "is required when the status is discontinued")
    period = data.get("period")
    if period is not None and period not in {plan.id for plan in study.definition.periods}:
        yield FieldError("/data/period", "is not a period of this study")


_CHECKS: Mapping[str, Callable[[Study, Mapping[str, Any]], Iterator[FieldError]]] = {
    "adverse-event.reported": _adverse_event,
    "disposition.recorded": _disposition,
    "dose.administered": _dose,
    "lab.result.reported": _laboratory,
    "observation.recorded": _observation,
    "outcome.adjudicated": _adjudication,
    "subject.enrolled": _enrolment,
    "subject.randomised": _randomisation,
}
