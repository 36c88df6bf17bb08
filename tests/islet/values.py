"""Measures and conditions of a subject of ISLET-9: a value, or why there is none."""

import math
from collections.abc import Callable
from fractions import Fraction

from islet.records import AFTER_LAST_DOSE, PLANNED, WINDOWED, Data, Result, Subject, span, started

NOT_DUE, MISSING = "not due", "missing"
Value = Fraction | float | str  # a number, or one of the two above
Answer = bool | str
SCHEDULE = list(WINDOWED)
NORMAL_BOUND = 2


def number(value: Value) -> bool:
    """Whether there is a value."""
    return not isinstance(value, str)


def taken(subject: Subject, parameter: str, position: str | None = None) -> list[Result]:
    """Results of a parameter that may count for a visit.

    None after the day of a discontinuation, if that is what the last disposition says.
    """
    ends = sorted(subject.of("disposition.recorded", of="study"), key=lambda item: item["date"])
    until = subject.discontinued if ends and ends[-1]["status"] == "discontinued" else None
    return [
        result
        for result in subject.results
        if result.parameter == parameter
        and (position is None or result.position == position)
        and (until is None or result.day <= until)
    ]


def window(subject: Subject, visit: str) -> tuple[int, float] | None:
    """Give the days of a visit; None without a randomisation."""
    if subject.randomised is None:
        return None
    low, high = WINDOWED[visit]
    return subject.randomised + low, math.inf if high is None else subject.randomised + high


def chosen(subject: Subject, visit: str, results: list[Result]) -> Fraction | None:
    """Which of the results of a visit counts."""
    if not results:
        return None
    if visit in {"screening", "baseline"}:
        return results[-1].value
    if visit == "week-8":
        return Fraction(sum(result.value for result in results), len(results))
    assert subject.randomised is not None
    planned = subject.randomised + PLANNED[visit]
    nearest = min(abs(result.day - planned) for result in results)
    closest = [result.value for result in results if abs(result.day - planned) == nearest]
    return Fraction(sum(closest), len(closest)) if visit == "week-4" else closest[0]


def due(subject: Subject, visit: str) -> bool:
    """Give a visit is due once something is recorded after its window, or all is over."""
    days = window(subject, visit)
    return subject.over or (days is not None and days[1] < math.inf and subject.past(int(days[1])))


def at(subject: Subject, parameter: str, visit: str, position: str | None = None) -> Value:
    """Give the result of a visit with a window."""
    days, results = window(subject, visit), taken(subject, parameter, position)
    inside = [result for result in results if days and days[0] <= result.day <= days[1]]
    value = chosen(subject, visit, inside)
    return value if value is not None else MISSING if due(subject, visit) else NOT_DUE


def unscheduled(subject: Subject) -> Value:
    """Give the result of the visit without a window, by its name."""
    results = [result for result in taken(subject, "glucose") if result.visit == "unscheduled"]
    if results:
        return results[-1].value
    is_known = subject.over or subject.of("visit.recorded", visit="unscheduled")
    return MISSING if is_known or subject.of("visit.missed", visit="unscheduled") else NOT_DUE


def lacking(*values: Value) -> str | None:
    """Why something made of these has no value."""
    reasons = [value for value in values if isinstance(value, str)]
    return (NOT_DUE if NOT_DUE in reasons else MISSING) if reasons else None


def less(value: Value, base: Value) -> Value:
    return lacking(value, base) or value - base


def carried(subject: Subject, rule: str) -> tuple[Value, str]:
    """Glucose's change at week 12 by a rule for missing values, and whose value that is."""
    base, end = at(subject, "glucose", "baseline"), at(subject, "glucose", "week-12")
    if number(end) or end == NOT_DUE or not number(base):
        return less(end, base), "observed"
    stand_in = None if rule == "bocf" else last(subject) if rule == "locf" else last_visit(subject)
    if rule == "bocf":
        return Fraction(0), "imputed"
    return (Fraction(0), "baseline") if stand_in is None else (less(stand_in, base), "imputed")


def begun(subject: Subject) -> Callable[[Result], bool]:
    """Give what comes after the first dose or, never dosed, after the result of the baseline."""
    dose = subject.first("dose.administered")
    if dose is None:
        days = window(subject, "baseline")
        base = [
            result
            for result in taken(subject, "glucose")
            if days and days[0] <= result.day <= days[1]
        ][-1]
        order = taken(subject, "glucose")
        return lambda visit: order.index(visit) > order.index(base)
    day, time = span(dose["start"])[0], dose["start"][10:]
    return lambda result: (
        result.day > day
        or (result.day == day and bool(result.time) and bool(time) and result.time > time)
    )


def last(subject: Subject) -> Fraction | None:
    """Give the last result after the first dose and not after the window, which has no end here."""
    after = begun(subject)
    results = [result for result in taken(subject, "glucose") if after(result)]
    return results[-1].value if results else None


def last_visit(subject: Subject) -> Fraction | None:
    """Give the result of the last visit before week 12 that has one after the first dose."""
    after, results = begun(subject), taken(subject, "glucose")
    for visit in reversed(SCHEDULE[:-1]):
        days = window(subject, visit)
        inside = [
            result
            for result in results
            if days and days[0] <= result.day <= days[1] and after(result)
        ]
        if inside:
            return chosen(subject, visit, inside)
    return None


def multiples(subject: Subject) -> list[Result]:
    """ALT in multiples of the limit that was reported beside it."""
    return [
        Result("alt-uln", e.day, e.time, e.value / e.high, e.id, None, None, None)
        for e in subject.results
        if e.parameter == "alt" and e.high
    ]


def alt_base(subject: Subject) -> Value:
    """ALT at baseline: the last of the window, of those with a limit."""
    days = window(subject, "baseline")
    results = [
        multiple for multiple in multiples(subject) if days and days[0] <= multiple.day <= days[1]
    ]
    return results[-1].value if results else MISSING if due(subject, "baseline") else NOT_DUE


def alt_worst(subject: Subject) -> Value:
    after = begun(subject) if subject.dosed else lambda _: False
    return max(
        (multiple.value for multiple in multiples(subject) if after(multiple)),
        default=MISSING if subject.over else NOT_DUE,
    )


def crp_last(subject: Subject) -> Value:
    results = [
        result for result in subject.results if result.parameter == "crp" and begun(subject)(result)
    ]
    return results[-1].value if results else MISSING


def log_crp_change(subject: Subject) -> Value:
    """Give the change at week 4 of the logarithm.

    Of several results the mean of their logarithms.
    """
    ends = []
    for visit in ("week-4", "baseline"):
        days = window(subject, visit)
        logs = [
            Result("log", e.day, e.time, Fraction(math.log10(e.value)), e.id, None, None, None)
            for e in taken(subject, "crp")
            if days and days[0] <= e.day <= days[1]
        ]
        value = chosen(subject, visit, logs)
        ends.append(value if value is not None else MISSING if due(subject, visit) else NOT_DUE)
    return less(*ends)


def exposure(subject: Subject) -> Value:
    if subject.dosed is None or subject.last_dose is None:
        return MISSING
    return Fraction(subject.last_dose - subject.dosed + 1)


def followed(subject: Subject) -> Value:
    """Days of treatment, of the device's patients days in the study."""
    if subject.arm != "device":
        return exposure(subject)
    assert subject.randomised is not None
    return Fraction(subject.contact - subject.randomised + 1)


def characteristic(subject: Subject, name: str) -> Value:
    """Give a number of enrolment, its own or among those of the trial."""
    enrolled = subject.first("subject.enrolled") or {}
    value = enrolled.get(name, enrolled.get("characteristics", {}).get(name))
    return MISSING if value is None else Fraction(str(value))


def weight_percent(subject: Subject) -> Value:
    end, base = at(subject, "weight", "week-12"), at(subject, "weight", "baseline")
    return lacking(end, base) or (end - base) / base * 100


def pressure(subject: Subject, position: str, visit: str = "week-8") -> Value:
    return at(subject, "sbp", visit, position)


def worse(subject: Subject) -> Value:
    return Fraction(
        sum(
            item.get("severity") in {"MODERATE", "SEVERE"}
            for item in subject.of("adverse-event.reported")
        )
    )


MEASURES: dict[str, Callable[[Subject], Value]] = {
    "age": lambda s: characteristic(s, "age"),
    "bmi": lambda s: characteristic(s, "bmi"),
    "days": followed,
    "exposure": exposure,
    "observed": lambda s: (
        carried(s, "observed")[0]
        if number(at(s, "glucose", "week-12"))
        else less(at(s, "glucose", "week-12"), at(s, "glucose", "baseline"))
    ),
    "weight": weight_percent,
    "fall": lambda s: less(pressure(s, "SITTING", "baseline"), pressure(s, "SITTING")),
    "upright": lambda s: less(pressure(s, "STANDING"), pressure(s, "SITTING")),
    "events": worse,
    "crp": crp_last,
    "log-crp": log_crp_change,
    "extra/unscheduled": unscheduled,
    **{f"visit/{name}": (lambda s, name=name: at(s, "glucose", name)) for name in WINDOWED},
}


def below(value: Value, bound: int, *, failure: bool = False, strict: bool = True) -> Answer:
    """Whether a value lies below a bound, or at it; missing may count as a failure."""
    if isinstance(value, str):
        return False if value == MISSING and failure else value
    return value < bound if strict else value <= bound


def recorded(kind: str, **criteria: str) -> Callable[[Subject], Answer]:
    return lambda subject: bool(subject.of(kind, **criteria))


def both(*answers: Answer) -> Answer:
    """All of them: false where one is, else unknown where one is."""
    if any(answer is False for answer in answers):
        return False
    return next((answer for answer in answers if isinstance(answer, str)), True)


def responds(subject: Subject, *, failure: bool) -> Answer:
    return below(MEASURES["observed"](subject), -1, failure=failure, strict=False)


def woman(subject: Subject) -> bool:
    return (subject.first("subject.enrolled") or {}).get("sex") == "F"


def seen(visit: str) -> Callable[[Subject], Answer]:
    def answer(subject: Subject) -> Answer:
        value = at(subject, "glucose", visit)
        return value if value == NOT_DUE else number(value)

    return answer


completed = recorded("disposition.recorded", of="study", status="completed")
has_left = recorded("disposition.recorded", of="study", status="discontinued")
CONDITIONS: dict[str, Callable[[Subject], Answer]] = {
    "completed": completed,
    "left": has_left,
    "ongoing": lambda s: not completed(s) and not has_left(s),
    "women-left": lambda s: both(has_left(s), woman(s)),
    "responders": lambda s: responds(s, failure=True),
    "responders-known": lambda s: responds(s, failure=False),
    "responders-column": lambda s: responds(s, failure=False),
    "responders-poor": lambda s: responds(s, failure=False),
    "responders-women": lambda s: both(woman(s), responds(s, failure=False)),
    "stratified": lambda s: responds(s, failure=True),
    "low": lambda s: any(
        pt(s, event) == "Hypoglycaemia" for event in s.of("adverse-event.reported")
    ),
    **{f"seen/{name}": seen(name) for name in ("week-4", "week-8", "week-12")},
    **{
        f"controlled/{name}": (lambda s, name=name: below(at(s, "glucose", name), 9))
        for name in PLANNED
    },
}


def pt(subject: Subject, event: Data) -> str:
    """Give the preferred term of an event."""
    coding = subject.coded.get(event["record"])
    return coding["pt"] if coding else "Not coded"


def soc(subject: Subject, event: Data) -> str:
    coding = subject.coded.get(event["record"])
    return coding["soc"] if coding else "Not coded"


def onset(subject: Subject, event: Data) -> int | None:
    """Give the day an onset counts as."""
    if not event.get("onset"):
        return None
    return started(subject, event["onset"], event.get("end"))


def end(subject: Subject, event: Data) -> int | None:
    """Give the day an end counts as: its last, but not after death or the cut-off."""
    if not event.get("end"):
        return None
    low, high = span(event["end"])
    limits = [day for day in (subject.died, subject.cutoff) if day is not None]
    return max(low, min([high, *limits]))


def emergent(subject: Subject, event: Data) -> bool:
    """Begun from the first dose on, until 14 days after the last.

    Not what ended before the first.
    """
    if subject.dosed is None or subject.last_dose is None:
        return False
    ended, begun_on = end(subject, event), onset(subject, event)
    if ended is not None and ended < subject.dosed:
        return False
    return begun_on is None or subject.dosed <= begun_on <= subject.last_dose + AFTER_LAST_DOSE


def treatment(subject: Subject, event: Data) -> str | None:
    """Give that of the last dose given on or before the onset."""
    begun_on = onset(subject, event)
    doses = [
        (dose["start"], dose["treatment"])
        for dose in subject.of("dose.administered")
        if begun_on is not None and span(dose["start"])[0] <= begun_on
    ]
    return max(doses)[1] if doses else None
