"""What ISLET-9 makes of its fasting visits.

Results that name their visit, parameters by formula, exposure, and medication before and beside.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from fractions import Fraction
from itertools import groupby

from islet.records import AFTER_LAST_DOSE, Data, Result, Subject, half_up, span
from islet.values import (
    MISSING,
    NOT_DUE,
    Answer,
    Value,
    begun,
    characteristic,
    chosen,
    due,
    lacking,
    less,
    number,
    taken,
    window,
)

PLANNED = {"fasting-1": 0, "fasting-2": 42, "fasting-3": 84}
PER_PACK, WEEK, DIGITS = 20, 7, 60
NAMED = ("lab.result.reported", "visit.recorded", "ecg.recorded", "questionnaire.recorded")
Results = list[Result]


def at_visit(subject: Subject, visit: str, results_given: Results) -> Value:
    """Give the result that counts for a visit that is known by its name alone."""
    results = [result for result in results_given if result.visit == visit]
    if not results:
        return MISSING if named(subject, visit) else NOT_DUE
    if visit == "fasting-1":
        return results[-1].value
    if visit == "fasting-3":
        return max(result.value for result in results)
    assert subject.randomised is not None
    planned = subject.randomised + PLANNED[visit]
    nearest = min(abs(result.day - planned) for result in results)
    closest = [result.value for result in results if abs(result.day - planned) == nearest]
    return Fraction(sum(closest), len(closest))


def named(subject: Subject, visit: str) -> bool:
    """Whether a visit is due: recorded, missed, named by a result, or all is over."""
    return (
        subject.over
        or bool(subject.of("visit.recorded", visit=visit))
        or bool(subject.of("visit.missed", visit=visit))
        or any(result.visit == visit for result in subject.results)
    )


def in_window(subject: Subject, visit: str, subject_results: Results) -> Value:
    """Give the result that counts for a visit with a window."""
    days = window(subject, visit)
    inside = [result for result in subject_results if days and days[0] <= result.day <= days[1]]
    value = chosen(subject, visit, inside)
    return value if value is not None else MISSING if due(subject, visit) else NOT_DUE


def by_day(results: Results) -> list[Results]:
    return [list(group) for _, group in groupby(results, key=lambda result: result.day)]


def derived(last: Result, value: Fraction) -> Result:
    return Result("derived", last.day, last.time, value, last.id, None, last.visit, None)


def body_mass(subject: Subject) -> Results:
    """Weight by the last height up to its day."""
    heights, results = taken(subject, "height"), []
    for group in by_day(taken(subject, "weight")):
        known_heights = [height.value for height in heights if height.day <= group[-1].day]
        if known_heights:
            value = group[-1].value / (known_heights[-1] / 100) ** 2
            results.append(derived(group[-1], half_up(value, 1)))
    return results


def lipid_ratio(subject: Subject) -> Results:
    """Of each visit, the highest triglycerides by the highest HDL."""
    results = []
    for visit in PLANNED:
        fats = [result for result in taken(subject, "triglycerides") if result.visit == visit]
        goods = [result for result in taken(subject, "hdl") if result.visit == visit]
        if fats and goods and max(good.value for good in goods):
            ratio = max(fat.value for fat in fats) / max(good.value for good in goods)
            results.append(derived([*fats, *goods][-1], half_up(ratio, 3)))
    return results


def creatinine_step(subject: Subject) -> Results:
    """Take the mean of a day less that of the day before which has one."""
    days = by_day(taken(subject, "creatinine"))
    means = [Fraction(sum(result.value for result in group), len(group)) for group in days]
    return [derived(days[k][-1], half_up(means[k] - means[k - 1], 1)) for k in range(1, len(days))]


def filtration(subject: Subject) -> Results:
    """Give the CKD-EPI equation of 2009 of the last creatinine of a day."""
    age, sex = characteristic(subject, "age"), (subject.first("subject.enrolled") or {}).get("sex")
    if isinstance(age, str) or sex is None:
        return []
    results = []
    with localcontext(prec=DIGITS):
        kappa, alpha = {"F": ("0.7", "-0.329"), "M": ("0.9", "-0.411")}[sex]
        years = Decimal(age.numerator) / age.denominator
        for group in by_day(taken(subject, "creatinine")):
            level = group[-1].value / Fraction("88.4") / Fraction(kappa)
            ratio = Decimal(level.numerator) / level.denominator
            if not ratio:
                continue
            value = 141 * min(ratio, Decimal(1)) ** Decimal(alpha)
            value *= max(ratio, Decimal(1)) ** Decimal("-1.209") * Decimal("0.993") ** years
            value *= Decimal("1.018") if sex == "F" else 1
            results.append(derived(group[-1], half_up(Fraction(value), 1)))
    return results


def alt_share(subject: Subject) -> Results:
    """ALT by the upper limit that was reported with it."""
    return [
        derived(group[-1], group[-1].value / group[-1].high)
        for group in by_day(taken(subject, "alt"))
        if group[-1].high
    ]


def qtcf(subject: Subject) -> Results:
    """QT by the cube root of RR in seconds, of one moment."""
    results = []
    for qt in taken(subject, "qt"):
        rates = [
            rr for rr in taken(subject, "rr") if (rr.day, rr.time) == (qt.day, qt.time) and rr.value
        ]
        if rates:
            with localcontext(prec=DIGITS):
                seconds = Decimal(rates[-1].value.numerator) / rates[-1].value.denominator / 1000
                value = Decimal(qt.value.numerator) / seconds ** (1 / Decimal(3))
            results.append(derived(qt, half_up(Fraction(value), 0)))
    return results


PARAMETERS: dict[str, Callable[[Subject], Results]] = {
    "fat": lambda s: taken(s, "triglycerides"),
    "creatinine": lambda s: taken(s, "creatinine"),
    "ratio": lipid_ratio,
    "step": creatinine_step,
    "gfr": filtration,
    "mass": body_mass,
    "warmth": lambda s: taken(s, "temperature"),
    "share": alt_share,
    "qtcf": qtcf,
}


def at(subject: Subject, name: str, visit: str) -> Value:
    """Give the value of a row of the fasting table at a visit."""
    results = PARAMETERS[name](subject)
    return (at_visit if visit in PLANNED else in_window)(subject, visit, results)


def baseline(subject: Subject) -> Value:
    """Give the baseline of the fasting visits, which is due like any: after the first dose."""
    value = at(subject, "fat", "fasting-1")
    if number(value):
        return value
    begun_since = subject.dosed is not None and subject.past(subject.dosed)
    return MISSING if subject.over or begun_since else NOT_DUE


def change(subject: Subject) -> Value:
    end, base = at(subject, "fat", "fasting-3"), baseline(subject)
    return end if end == NOT_DUE else MISSING if lacking(end, base) else end - base


def carried(subject: Subject) -> tuple[Value, str]:
    """Give the change at the last fasting visit; missing, that of the last before with a value."""
    base, end = baseline(subject), at(subject, "fat", "fasting-3")
    if number(end) or end == NOT_DUE or not number(base):
        return less(end, base), "observed"
    after = begun_fasting(subject)
    for visit in ("fasting-2", "fasting-1"):
        inside = [r for r in taken(subject, "triglycerides") if r.visit == visit and after(r)]
        if inside:
            return less(at_visit(subject, visit, inside), base), "imputed"
    return Fraction(0), "baseline"


def begun_fasting(subject: Subject) -> Callable[[Result], bool]:
    """Give what comes after the first dose or, never dosed, after the fasting baseline."""
    if subject.dosed is not None:
        return begun(subject)
    order = taken(subject, "triglycerides")
    base = [result for result in order if result.visit == "fasting-1"][-1]
    return lambda result: order.index(result) > order.index(base)


def foot_fine(subject: Subject) -> Answer:
    score = at_visit(subject, "fasting-2", taken(subject, "foot-score"))
    return score if isinstance(score, str) else score >= 8


# Exposure


@dataclass(frozen=True)
class Given:
    """A dose: its days, None without an end; its treatment; its amounts by day in mg, if known."""

    days: int | None
    treatment: str
    amount: Fraction | None
    planned: Fraction | None


def given(subject: Subject) -> list[Given]:
    result = []
    for dose in subject.of("dose.administered"):
        factor = {"mg": 1, "g": 1000}.get(dose["unit"])
        end, planned = dose.get("end"), dose.get("planned")
        result.append(
            Given(
                span(end)[1] - span(dose["start"])[0] + 1 if end else None,
                dose["treatment"],
                None if factor is None else Fraction(str(dose["amount"])) * factor,
                Fraction(PER_PACK)
                if planned is None
                else None
                if factor is None
                else Fraction(str(planned)) * factor,
            )
        )
    return result


def cumulative(doses: Sequence[Given]) -> Value:
    """Give the amount of all days of all doses; none without a dose, or with one that is open."""
    if not doses or any(dose.amount is None or dose.days is None for dose in doses):
        return MISSING
    return Fraction(sum(dose.days * dose.amount for dose in doses))


def planned(subject: Subject) -> Value:
    """Give what was planned of doses and of missed ones, which are of a day each."""
    doses = given(subject)
    if not doses or any(dose.planned is None or dose.days is None for dose in doses):
        return MISSING
    missed = PER_PACK * len(subject.of("dose.missed"))
    return Fraction(sum(dose.days * dose.planned for dose in doses) + missed)


def compliance(subject: Subject) -> Value:
    amount, plan = cumulative(given(subject)), planned(subject)
    return MISSING if lacking(amount, plan) or not plan else 100 * amount / plan


def duration(subject: Subject) -> Value:
    if subject.dosed is None or subject.last_dose is None:
        return MISSING
    return Fraction(subject.last_dose - subject.dosed + 1)


def intensity(subject: Subject) -> Value:
    amount, days = cumulative(given(subject)), duration(subject)
    return lacking(amount, days) or WEEK * amount / days


def relative(subject: Subject) -> Value:
    """Amount by its duration, in percent of the planned amount by the days it was for."""
    amount, days, plan = intensity(subject), duration(subject), planned(subject)
    if lacking(amount, days, plan) or not plan:
        return MISSING
    planned_days = sum(dose.days for dose in given(subject)) + len(subject.of("dose.missed"))
    return 100 * amount / WEEK / (plan / planned_days)


EXPOSURE: dict[str, Callable[[Subject], Value]] = {
    "dose": lambda s: cumulative(given(s)),
    "high-dose": lambda s: cumulative([dose for dose in given(s) if dose.treatment == "ISL-20"]),
    "planned-dose": planned,
    "compliance": compliance,
    "duration": duration,
    "intensity": intensity,
    "relative": relative,
}


def compliance_group(subject: Subject) -> str:
    value = compliance(subject)
    if isinstance(value, str):
        return value
    return "low" if value < 80 else "good" if value <= 100 else "Other"


# History and medication


def coding(subject: Subject, kind: str, field: str, record: str) -> Data | None:
    """Of several codings of a record the latest version counts."""
    codes = sorted(subject.of(kind, **{field: record}), key=lambda code: code["version"])
    return codes[-1] if codes else None


def history_level(subject: Subject, entry: Data, level: str) -> str:
    code = coding(subject, "medical-history.coded", "medical_history", entry["record"])
    return code[level] if code else "Not coded"


def classes(subject: Subject, medication: Data) -> list[str]:
    """Every ATC class of a medication; without one it is not coded by class."""
    code = coding(subject, "conmed.coded", "medication", medication["record"])
    if code is None:
        return ["Not coded"]
    return [atc["atc2"] for atc in code.get("atc", [])] or ["Not coded"]


def name(subject: Subject, medication: Data) -> str:
    code = coding(subject, "conmed.coded", "medication", medication["record"])
    return code["preferred_name"] if code else "Not coded"


def courses(medication: Data) -> tuple[tuple[float, float], tuple[float, float]]:
    """Give the days that its start and its end can mean."""
    start = span(medication["start"]) if medication.get("start") else (-math.inf, math.inf)
    if medication.get("end"):
        end: tuple[float, float] = span(medication["end"])
        return (start[0], min(start[1], end[1])), (max(start[0], end[0]), end[1])
    return start, (math.inf if medication.get("ongoing") else start[0], math.inf)


def is_prior(subject: Subject, medication: Data) -> bool | None:
    """Whether it started before the day of the first dose."""
    if subject.dosed is None:
        return None
    (earliest, latest), _ = courses(medication)
    return True if latest < subject.dosed else False if earliest >= subject.dosed else None


def is_concomitant(subject: Subject, medication: Data) -> bool | None:
    """Whether it was taken from the first dose on, and started by 14 days after the last."""
    if subject.dosed is None or subject.last_dose is None:
        return None
    (earliest, latest), (first_end, last_end) = courses(medication)
    until = subject.last_dose + AFTER_LAST_DOSE
    if last_end < subject.dosed or earliest > until:
        return False
    taken_for_sure = latest >= subject.dosed and earliest >= subject.dosed
    if (first_end >= subject.dosed or taken_for_sure) and latest <= until:
        return True
    return None


def any_of(answers: Sequence[bool | None]) -> bool | None:
    """Whether one is true; not known if none is and one is not known."""
    return True if True in answers else None if None in answers else False


def all_of(*answers: bool | None) -> bool | None:
    return False if False in answers else None if None in answers else True


def of_records(subject: Subject, kind: str, test: Callable[[Data], bool | None]) -> Answer:
    """Whether one of its records matches.

    What is open is missing; before the first dose, or never dosed until all is over, not yet due.
    """
    answer = any_of([test(record) for record in subject.of(kind)])
    if answer is not None:
        return answer
    return MISSING if subject.over or subject.dosed is not None else NOT_DUE


def of_lipids(subject: Subject, medication: Data) -> bool | None:
    if coding(subject, "conmed.coded", "medication", medication["record"]) is None:
        return None
    return "LIPID MODIFYING AGENTS" in classes(subject, medication)
