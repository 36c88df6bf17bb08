"""Every cell of every table of TMB-301, recomputed from the lines of the feed alone.

The oracle below reads JSON itself and uses nothing of the service: plain loops over patients,
`scipy` for the interval, half up written once more. It runs at the end and half-way through.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction
from functools import cache, cached_property
from math import comb
from statistics import median
from typing import Any

import builders
import paired
import pytest
from builders import (
    TINY,
    adverse_event,
    cell,
    coding,
    contact,
    death,
    dose,
    enrolment,
    entry,
    feed_lines,
    statistic,
    tables_of,
    tiny,
    tmb301,
    viral_load,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta

from trial.reporting import report
from trial.statistics import cells
from trial.subject.fold import Subject, fold, fold_all
from trial.tables.grid import Grid

TARGETS = {"day-0": 0, "day-7": 7, "day-14": 14, "day-21": 21} | {
    f"week-{week}": 7 * week for week in range(5, 26, 2)
}
WINDOWS = {"day-0": (-1, 1), "day-7": (6, 8), "day-14": (12, 17), "day-21": (18, 24)} | {
    f"week-{week}": (25 if week == 5 else 7 * week - 6, 7 * week + 7) for week in range(5, 26, 2)
}
CD4_VISITS = ["day-7", "week-5", "week-9", "week-13", "week-17", "week-21", "week-25"]
RASH = {"Rash"} | {
    f"Rash {adjective}"
    for adjective in ("erythematous", "generalised", "macular", "maculo-papular", "papular")
}
PREFIXES = [0, 1, 2, 7, 40, 120, 300, 500, 700, 900, 1100, 1300, 1500, 1700, 1900, 2100, 2226]

Truth = bool | None


# The patients, as the lines of the feed have them


def half_up(value: Fraction | Decimal, places: int) -> str:
    with localcontext() as context:
        context.prec = 60
        exact = Fraction(value)
        number = Decimal(exact.numerator) / exact.denominator
        text = str(number.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP))
    return text.replace("-", "") if set(text) <= set("-0.") else text


def log10(copies: Decimal) -> Decimal:
    with localcontext() as context:
        context.prec = 50
        return copies.log10().quantize(Decimal("0.000001"), ROUND_HALF_UP)


@dataclass(frozen=True)
class Result:
    collected: str
    record: str
    text: str

    @property
    def day(self) -> date:
        return date.fromisoformat(self.collected[:10])

    @property
    def copies(self) -> Decimal:
        return Decimal(self.text.lstrip("<>= "))

    @property
    def censored(self) -> bool:
        return self.text.startswith("<")


class Patient:
    def __init__(self, records: dict[tuple[str, str], dict[str, Any]]) -> None:
        self.records = [
            (kind, data) for (kind, _), data in records.items() if data.get("action") != "void"
        ]

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [data for its, data in self.records if its == kind]

    @cached_property
    def enrolled(self) -> dict[str, Any] | None:
        return min(self.of("subject.enrolled"), key=lambda item: item["date"], default=None)

    @cached_property
    def day0(self) -> date:
        assert self.enrolled is not None
        return date.fromisoformat(self.enrolled["date"])

    @cached_property
    def first_dose(self) -> str | None:
        return min((item["start"] for item in self.of("dose.administered")), default=None)

    @cached_property
    def last_dose(self) -> date:
        return max(day_of(item["start"]) for item in self.of("dose.administered"))

    @cached_property
    def end(self) -> dict[str, Any] | None:
        ends = [item for item in self.of("disposition.recorded") if item["of"] == "study"]
        return max(ends, key=lambda item: item["date"], default=None)

    @property
    def completed(self) -> bool:
        return self.end is not None and self.end["status"] == "completed"

    @property
    def discontinued(self) -> bool:
        return self.end is not None and self.end["status"] == "discontinued"

    @cached_property
    def last_contact(self) -> date:
        days = [date.min]
        for kind, data in self.records:
            if not kind.endswith(".missed"):
                for name in ("date", "collected", "start", "onset", "end"):
                    days += [first_day(data[name])] if data.get(name) else []
        return max(days)

    def results(self, parameter: str) -> list[Result]:
        results = [
            Result(item["collected"], item["record"], item["result"])
            for item in self.of("lab.result.reported")
            if item["parameter"] == parameter
        ]
        return sorted(results, key=lambda result: (result.collected, result.record))

    def counted(self, result: Result) -> bool:
        return not self.discontinued or result.collected[:10] <= self.end["date"]

    def at(self, visit: str, parameter: str = "viral-load") -> Result | None:
        if self.enrolled is None:
            return None
        low, high = (self.day0 + timedelta(days=days) for days in WINDOWS[visit])
        target = self.day0 + timedelta(days=TARGETS[visit])
        best: Result | None = None
        for result in self.results(parameter):
            if not low <= result.day <= high or not self.counted(result):
                continue
            if (
                visit == "day-7"
                and self.first_dose
                and not before(result.collected, self.first_dose)
            ):
                continue
            if visit == "day-14":
                began = min((item["date"] for item in self.of("regimen.started")), default=None)
                inside = began and low <= date.fromisoformat(began) <= high
                if inside and result.collected[:10] > began:
                    continue
            key = (-abs((result.day - target).days), result.day, result.record)
            if best is None or key > (-abs((best.day - target).days), best.day, best.record):
                best = result
        return best

    def baseline(self, parameter: str = "viral-load") -> Result | None:
        if self.first_dose is None:
            return None
        early = [r for r in self.results(parameter) if before(r.collected, self.first_dose)]
        return early[-1] if early else None

    def carried(self) -> Result | None:
        """Give the last result after the first dose, up to the end of week 25's window."""
        if self.enrolled is None or self.first_dose is None:
            return None
        limit = self.day0 + timedelta(days=WINDOWS["week-25"][1])
        late = [
            result
            for result in self.results("viral-load")
            if result.day <= limit and self.counted(result)
            and not before(result.collected, self.first_dose)
        ]  # fmt: skip
        return late[-1] if late else None

    def due(self, visit: str) -> bool:
        if self.end is not None or self.of("death.reported"):
            return True
        return self.enrolled is not None and self.last_contact > self.day0 + timedelta(
            days=WINDOWS[visit][1]
        )

    @property
    def baseline_due(self) -> bool:
        if self.end is not None or self.of("death.reported"):
            return True
        return self.first_dose is not None and self.last_contact > day_of(self.first_dose)

    def decrease(self, result: Result | None, base: Result | None) -> Decimal | None:
        if result is None or base is None:
            return None
        return log10(base.copies) - log10(result.copies)

    @cached_property
    def control(self) -> Decimal | None:
        return self.decrease(self.at("day-7"), self.at("day-0"))

    @cached_property
    def day14(self) -> Decimal | None:
        return self.decrease(self.at("day-14"), self.baseline())

    @cached_property
    def week25(self) -> Decimal | None:
        return self.decrease(self.at("week-25"), self.baseline())

    @cached_property
    def bocf(self) -> Decimal | None:
        if self.at("week-25") or not self.due("week-25") or not self.baseline():
            return self.week25
        return Decimal(0)

    @cached_property
    def locf(self) -> Decimal | None:
        if self.at("week-25") or not self.due("week-25") or not self.baseline():
            return self.week25
        return self.decrease(self.carried() or self.baseline(), self.baseline())

    def settled(self, value: Decimal | None, due: bool, test: Callable[[Decimal], bool]) -> Truth:  # noqa: FBT001
        return test(value) if value is not None else False if due else None

    @cached_property
    def control_responder(self) -> Truth:
        return self.settled(
            self.control, self.due("day-7"), lambda decrease: decrease >= Decimal("0.5")
        )

    def day14_at_least(self, least: str) -> Truth:
        return self.settled(
            self.day14, self.due("day-14"), lambda decrease: decrease >= Decimal(least)
        )

    def week25_decrease(self, test: Callable[[Decimal], bool]) -> Truth:
        return self.settled(self.week25, self.due("week-25"), test)

    def below(self, limit: int, visit: str = "week-25") -> Truth:
        result = self.at(visit)
        if result is None:
            return False if self.due(visit) else None
        return result.copies <= limit if result.censored else result.copies < limit

    def period(self, day: date) -> str | None:
        number = (day - self.day0).days
        return (
            None
            if number < 0
            else ("control" if number < 7 else "monotherapy" if number < 14 else "maintenance")
        )

    @cached_property
    def died_in(self) -> set[str | None]:
        deaths = self.of("death.reported")
        return {self.period(first_day(item["date"])) for item in deaths} if self.enrolled else set()

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """List the treatment-emergent events with their terms."""
        codes: dict[str, dict[str, Any]] = {}
        for item in sorted(self.of("adverse-event.coded"), key=lambda item: item["version"]):
            codes[item["adverse_event"]] = item
        events = []
        for item in self.of("adverse-event.reported"):
            code = codes.get(item["record"], {"soc": "Not coded", "pt": "Not coded"})
            related = item.get("causality", "RELATED") == "RELATED"
            if self.emergent(item):
                events.append(item | {"soc": code["soc"], "pt": code["pt"], "related": related})
        return events

    def emergent(self, event: dict[str, Any]) -> bool:
        if self.first_dose is None:
            return False
        dosed = day_of(self.first_dose)
        end, onset = event.get("end"), event.get("onset")
        if end and last_day(end) < dosed:
            return False
        if not onset:
            return True
        began = first_day(onset)
        if len(onset) < 10 and self.first_dose.startswith(onset):
            began = dosed
        return dosed <= began <= self.last_dose + timedelta(days=30)


def day_of(text: str) -> date:
    return date.fromisoformat(text[:10])


def first_day(text: str) -> date:
    return date.fromisoformat((text + "-01-01")[:10])


def last_day(text: str) -> date:
    day = first_day(text)
    if len(text) == 4:
        return date(day.year, 12, 31)
    if len(text) == 7:
        return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)
    return day


def before(collected: str, dose: str) -> bool:
    if "T" in collected and "T" in dose:
        return collected <= dose
    return collected[:10] <= dose[:10]


# What the tables must say


Expected = dict[str, tuple[Fraction | int | None, str]]


def counted(
    n: int, size: int, *, interval: bool = False, not_due: int = 0, missing: int = 0
) -> Expected:
    percent = Fraction(100 * n, size) if size else None
    text = ""
    if n:
        assert percent is not None
        text = half_up(percent, 0)
        text = "<1" if text == "0" else ">99" if text == "100" and n < size else text
    numbers: Expected = {"n": (n, str(n)), "N": (size, str(size)), "percent": (percent, text)}
    if interval and size:
        low = beta.ppf(0.025, n, size - n + 1) * 100 if n else 0.0
        high = beta.ppf(0.975, n + 1, size - n) * 100 if n < size else 100.0
        for name, limit in (("ci_low", low), ("ci_high", high)):
            numbers[name] = (Fraction(limit), half_up(Fraction(limit), 1))
    beside = {"not_due": not_due, "missing": missing}
    return numbers | {name: (count_, str(count_)) for name, count_ in beside.items() if count_}


def described(
    values: list[Decimal], decimals: int, names: str, *, imputed: int | None = None
) -> Expected:
    exact = [Fraction(value) for value in values]
    numbers: Expected = {"n": (len(exact), str(len(exact)))}
    mean = sum(exact, Fraction(0)) / len(exact) if exact else None
    spread = None
    if len(exact) > 1:
        variance = sum(((number - mean) ** 2 for number in exact), Fraction(0)) / (len(exact) - 1)
        with localcontext() as context:
            context.prec = 50
            root = (Decimal(variance.numerator) / variance.denominator).sqrt()
        spread = Fraction(root)
    statistics: dict[str, tuple[Fraction | None, int]] = {
        "mean": (mean, decimals + 1),
        "sd": (spread, decimals + 2),
        "median": (median(exact) if exact else None, decimals + 1),
        "min": (min(exact, default=None), decimals),
        "max": (max(exact, default=None), decimals),
    }
    for name in names.split():
        value, places = statistics[name]
        absent = "" if exact else "not reported"
        numbers[name] = (value, absent if value is None else half_up(value, places))
    if imputed is not None:
        numbers["observed"] = (len(exact) - imputed, str(len(exact) - imputed))
        numbers["imputed"] = (imputed, str(imputed))
    return numbers


ALL = "mean sd median min max"


class Oracle:
    """All tables of TMB-301 at some state, as (table, row, column) to what stands there."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.everyone = [Patient(records) for records in builders.recorded(lines).values()]
        self.itt = [patient for patient in self.everyone if patient.enrolled is not None]
        self.safety = [
            patient
            for patient in self.everyone
            if any(
                dose.get("treatment") == "ibalizumab" for dose in patient.of("dose.administered")
            )
        ]
        self.completers = [patient for patient in self.itt if patient.completed]
        self.cells: dict[tuple[str, str, str], Expected] = {}
        self.rows: dict[str, list[str]] = {}
        for table in (self.screening, self.disposition, self.populations, self.demographics,
                      self.disease, self.exposure, self.deviations, self.primary, self.day14,
                      self.week25, self.week25_change, self.by_visit, self.subgroups, self.failure,
                      self.snapshot, self.suppressed, self.overview, self.by_term, self.common,
                      self.related, self.worst_grades, self.deaths, self.serious):  # fmt: skip
            table()

    def put(self, table: str, row: str, **columns: Expected) -> None:
        self.rows.setdefault(table, []).append(row)
        for column, expected in columns.items():
            self.cells[table, row, column.replace("_", "-")] = expected

    def count(self, patients: list[Patient], test: Callable[[Patient], Any]) -> Expected:
        return self.settled(patients, test)

    @staticmethod
    def settled(
        patients: list[Patient],
        test: Callable[[Patient], Truth],
        waits: Callable[[Patient], bool] = lambda _: True,
        *,
        interval: bool = False,
    ) -> Expected:
        """Count of those of whom it is known; the others wait, or are missing."""
        open_ = [patient for patient in patients if test(patient) is None]
        waiting = sum(map(waits, open_))
        n, size = sum(test(patient) is True for patient in patients), len(patients) - len(open_)
        missing = len(open_) - waiting
        return counted(n, size, interval=interval, not_due=waiting, missing=missing)

    def recorded(self, kind: str) -> Callable[[Patient], bool]:
        return lambda patient: bool(patient.of(kind))

    def screening(self) -> None:
        table, failed = "14.1.1", "screening.failed"
        patients = [patient for patient in self.everyone if patient.of("subject.screened")]
        self.put(table, "screened", total=counted(len(patients), len(patients)))
        self.put(table, "failed", total=self.count(patients, self.recorded(failed)))
        self.levels(
            table,
            "reason",
            [[e["reason"] for e in patient.of(failed)] for patient in patients],
            len(patients),
        )
        self.put(
            table,
            "enrolled",
            total=self.count(patients, lambda patient: patient.enrolled is not None),
        )

    def disposition(self) -> None:
        table, patients = "14.1.2", self.itt
        self.put(table, "enrolled", total=self.count(patients, lambda _: True))
        self.put(
            table, "treated", total=self.count(patients, lambda patient: patient in self.safety)
        )
        self.put(table, "completed", total=self.count(patients, lambda patient: patient.completed))

        def ended(status: Callable[[Patient], bool]) -> dict[str, Expected]:
            def within(name: str) -> Expected:
                return self.count(
                    patients,
                    lambda patient: (
                        status(patient) and patient.period(day_of(patient.end["date"])) == name
                    ),
                )

            periods = {name: within(name) for name in ("control", "monotherapy", "maintenance")}
            return periods | {"total": self.count(patients, status)}

        self.put(table, "discontinued", **ended(lambda patient: patient.discontinued))
        for row, reason in (("death", "DEATH"), ("withdrawal", "WITHDRAWAL BY SUBJECT"),
                            ("lost", "LOST TO FOLLOW-UP")):  # fmt: skip
            self.put(
                table,
                row,
                **ended(
                    lambda patient, reason_=reason: bool(
                        patient.end and patient.end.get("reason") == reason_
                    )
                ),
            )
        self.put(table, "ongoing", total=self.count(patients, lambda patient: patient.end is None))
        died = {
            name: self.count(patients, lambda patient, period=name: period in patient.died_in)
            for name in ("control", "monotherapy", "maintenance")
        }
        dead = self.count(patients, lambda patient: bool(patient.of("death.reported")))
        self.put(table, "died", **died, total=dead)

    def populations(self) -> None:
        patients = self.itt
        self.put("14.1.3", "itt", total=self.count(patients, lambda _: True))
        self.put(
            "14.1.3", "safety", total=self.count(patients, lambda patient: patient in self.safety)
        )
        self.put(
            "14.1.3",
            "not-treated",
            total=self.count(patients, lambda patient: patient not in self.safety),
        )
        self.put(
            "14.1.3", "completers", total=self.count(patients, lambda patient: patient.completed)
        )

    def fact(self, name: str) -> list[Decimal]:
        values = []
        for patient in self.itt:
            assert patient.enrolled is not None
            value = patient.enrolled.get(
                name, patient.enrolled.get("characteristics", {}).get(name)
            )
            if value is not None:
                values.append(Decimal(value))
        return values

    def levels(
        self, table: str, row: str, value_lists: list[list[str]], size: int, *fixed: str
    ) -> None:
        self.put(table, row)
        tally = Counter(value for values in value_lists for value in set(values))
        remaining = sorted(tally.keys() - set(fixed), key=lambda value: (-tally[value], value))
        for value in (*fixed, *remaining):
            self.put(table, f"{row}/{value}", total=counted(tally[value], size))

    def sorted_out(self, table: str, row: str, value_lists: list[list[str]], *fixed: str) -> None:
        """Put the levels of a fact of enrolment: who has none is in no percentage."""
        lacks = 0 if "" in fixed else value_lists.count([""])
        self.levels(table, row, [values for values in value_lists if values != [""] or not lacks],
                    len(value_lists) - lacks, *fixed)  # fmt: skip
        if lacks:
            self.put(table, f"{row}/", total={"n": (lacks, str(lacks))})

    def level_of(self, name: str) -> list[list[str]]:
        values = []
        for patient in self.itt:
            assert patient.enrolled is not None
            value = patient.enrolled.get(
                name, patient.enrolled.get("characteristics", {}).get(name)
            )
            values.append(["" if value is None else str(value)])
        return values

    def demographics(self) -> None:
        table = "14.1.4"
        self.put(table, "age", total=described(self.fact("age"), 0, ALL))
        self.sorted_out(table, "sex", self.level_of("sex"), "M", "F")
        races = ("WHITE", "BLACK OR AFRICAN AMERICAN", "ASIAN", "OTHER")
        self.sorted_out(table, "race", self.level_of("race"), *races)
        ethnicities = ("HISPANIC OR LATINO", "NOT HISPANIC OR LATINO")
        self.sorted_out(table, "ethnicity", self.level_of("ethnicity"), *ethnicities)
        self.sorted_out(table, "country", self.level_of("country"), "USA", "TWN")

    def disease(self) -> None:
        table, patients = "14.1.5", self.itt
        load = [base.copies for patient in patients if (base := patient.baseline())]
        cd4 = [base.copies for patient in patients if (base := patient.baseline("cd4"))]
        logs = [log10(copies) for copies in load]
        self.put(table, "viral-load", total=described(logs, 1, ALL))
        self.put(table, "copies", total=described(load, 0, "mean median min max"))
        self.put(
            table,
            "up-to-100000",
            total=self.at_base("viral-load", lambda copies: copies <= 100_000),
        )
        self.put(
            table, "above-100000", total=self.at_base("viral-load", lambda copies: copies > 100_000)
        )
        self.put(table, "cd4", total=described(cd4, 0, ALL))
        self.put(table, "cd4-below-10", total=self.at_base("cd4", lambda count: count < 10))
        self.put(table, "cd4-10-49", total=self.at_base("cd4", lambda count: 10 <= count < 50))
        self.put(table, "cd4-50-200", total=self.at_base("cd4", lambda count: 50 <= count <= 200))
        self.put(table, "cd4-above-200", total=self.at_base("cd4", lambda count: count > 200))
        years = self.fact("years-since-diagnosis")
        self.put(table, "years", total=described(years, 0, ALL))
        self.put(table, "insti", total=self.yes("insti-resistant"))
        self.sorted_out(table, "oss", self.level_of("oss"), "0", "1", "2", "3", "")
        self.put(table, "agent", total=self.yes("investigational-agent"))

    def yes(self, name: str) -> Expected:
        """Count the yeses of a fact of enrolment: who has none is missing."""
        levels = self.level_of(name)
        lacks = levels.count([""])
        return counted(levels.count(["Y"]), len(levels) - lacks, missing=lacks)

    def exposure(self) -> None:
        table, patients, missed = "14.1.6", self.safety, "dose.missed"
        infusions = [
            Decimal(
                sum(e.get("treatment") == "ibalizumab" for e in patient.of("dose.administered"))
            )
            for patient in patients
        ]
        self.put(table, "infusions", total=described(infusions, 0, "mean sd"))
        self.put(table, "missed", total=self.count(patients, self.recorded(missed)))
        self.levels(
            table,
            "reason",
            [[e["reason"] for e in patient.of(missed)] for patient in patients],
            len(patients),
        )

    def deviations(self) -> None:
        table, patients, kind = "14.1.7", self.itt, "deviation.recorded"
        self.put(table, "any", total=self.count(patients, self.recorded(kind)))
        categories = [[e["category"] for e in patient.of(kind)] for patient in patients]
        self.levels(table, "category", categories, len(patients))
        early = {"control", "monotherapy"}
        self.put(table, "early-regimen", total=self.count(patients, lambda patient: any(
            patient.period(day_of(e["date"])) in early for e in patient.of("regimen.started")
        )))  # fmt: skip

    def at_base(self, parameter: str, test: Callable[[Decimal], bool]) -> Expected:
        def truth(patient: Patient) -> Truth:
            base = patient.baseline(parameter)
            return None if base is None else test(base.copies)

        return self.settled(self.itt, truth, lambda patient: not patient.baseline_due)

    def responders(self, patients: list[Patient], test: Callable[[Patient], Truth]) -> Expected:
        return self.settled(patients, test, interval=True)

    def not_due(self, patients: list[Patient], test: Callable[[Patient], Truth]) -> Expected:
        return counted(sum(test(patient) is None for patient in patients), len(patients))

    def primary(self) -> None:
        table, patients = "14.2.1", self.itt
        first = lambda patient: patient.control_responder  # noqa: E731
        second = lambda patient: patient.day14_at_least("0.5")  # noqa: E731
        columns = {"control": first, "day_14": second}
        self.put(
            table, "responders", **{c: self.responders(patients, t) for c, t in columns.items()}
        )
        self.put(table, "not-due", **{c: self.not_due(patients, t) for c, t in columns.items()})
        gains = [
            patient.control
            for patient in patients
            if first(patient) and patient.control is not None
        ]
        self.put(table, "responders-decrease", control=described(gains, 1, "mean"))
        pairs = [(first(patient), second(patient)) for patient in patients]
        pairs = [pair for pair in pairs if None not in pair]
        a, b, c = (pairs.count(pair) for pair in ((True, True), (False, True), (True, False)))
        n, fewer = len(pairs), min(b, c)
        tail = sum(comb(b + c, k) for k in range(fewer + 1))
        p = min(Fraction(1), Fraction(2 * tail, 2 ** (b + c))) if n else None
        gain = Fraction(100 * (b - c), n) if n else None
        text = "not reported" if p is None else half_up(p, 4)
        text = "<0.0001" if p is not None and p < Fraction(1, 10_000) else text
        self.put(
            table,
            "pairs",
            comparison={
                "n": (n, str(n)),
                "both": (a, str(a)),
                "first": (c, str(c)),
                "second": (b, str(b)),
                "neither": (n - a - b - c, str(n - a - b - c)),
                "difference": (gain, "not reported" if gain is None else half_up(gain, 1)),
                **{
                    name: (Fraction(limit), half_up(Fraction(limit), 1))
                    for name, limit in zip(
                        ("ci_low", "ci_high"), paired.tango(b, c, n) if n else (), strict=False
                    )
                },
                "p": (p, text),
                **(
                    {"not_due": (len(patients) - n, str(len(patients) - n))}
                    if len(patients) > n
                    else {}
                ),
            },
        )

    def day14(self) -> None:
        table, patients = "14.2.2", self.itt
        values = [log10(result.copies) for patient in patients if (result := patient.at("day-14"))]
        changes = [patient.day14 for patient in patients if patient.day14 is not None]
        self.put(table, "value", total=described(values, 1, ALL))
        self.put(table, "decrease", total=described(changes, 1, ALL))
        for least in ("0.5", "1.0"):
            expected = self.responders(
                patients, lambda patient, limit=least: patient.day14_at_least(limit)
            )
            self.put(table, f"at-least-{least}", total=expected)

    def week25(self) -> None:
        tests: dict[str, Callable[[Patient], Truth]] = {
            "below-50": lambda patient: patient.below(50),
            "below-200": lambda patient: patient.below(200),
            "below-400": lambda patient: patient.below(400),
            "at-least-0.5": lambda patient: patient.week25_decrease(lambda d: d >= Decimal("0.5")),
            "at-least-1.0": lambda patient: patient.week25_decrease(lambda d: d >= 1),
            "more-than-2.0": lambda patient: patient.week25_decrease(lambda d: d > 2),
        }
        populations = {"itt": self.itt, "completers": self.completers}
        for row, test in tests.items():
            self.put(
                "14.2.3.1",
                row,
                **{c: self.responders(patients, test) for c, patients in populations.items()},
            )
        below = tests["below-50"]
        self.put(
            "14.2.3.1",
            "not-due",
            **{c: self.not_due(patients, below) for c, patients in populations.items()},
        )

    def week25_change(self) -> None:
        def values(patients: list[Patient], name: str) -> Expected:
            assessed = [patient for patient in patients if getattr(patient, name) is not None]
            imputed = (
                sum(patient.at("week-25") is None for patient in assessed)
                if name != "week25"
                else None
            )
            numbers = [getattr(patient, name) for patient in assessed]
            return described(numbers, 1, ALL, imputed=imputed)

        self.put(
            "14.2.3.2",
            "decrease",
            bocf=values(self.itt, "bocf"),
            locf=values(self.itt, "locf"),
            observed=values(self.itt, "week25"),
            completers=values(self.completers, "week25"),
        )

        def suppressed(patients: list[Patient]) -> Expected:
            decreases = [
                patient.week25
                for patient in patients
                if patient.below(50) and patient.week25 is not None
            ]
            return described(decreases, 1, "mean sd")

        self.put(
            "14.2.3.2",
            "decrease-below-50",
            observed=suppressed(self.itt),
            completers=suppressed(self.completers),
        )

    def by_visit(self) -> None:
        for table, parameter, visits, decimals, scale in (
            ("14.2.4", "viral-load", list(TARGETS), 1, log10),
            ("14.2.6", "cd4", CD4_VISITS, 0, Decimal),
        ):
            self.put(table, "visit")
            for visit in visits:
                values, changes = [], []
                for patient in self.itt:
                    result, base = patient.at(visit, parameter), patient.baseline(parameter)
                    if result is not None:
                        values.append(scale(result.copies))
                        if base is not None:
                            changes.append(scale(result.copies) - scale(base.copies))
                self.put(
                    table,
                    f"visit/{visit}",
                    value=described(values, decimals, "mean sd median"),
                    change=described(changes, decimals, "mean sd"),
                )

    def subgroups(self) -> None:
        def base(parameter: str, test: Callable[[Decimal], bool]) -> list[Patient]:
            return [
                patient
                for patient in self.itt
                if (at_baseline := patient.baseline(parameter)) and test(at_baseline.copies)
            ]

        groups = {
            "cd4_low": base("cd4", lambda value: value < 50),
            "cd4_middle": base("cd4", lambda value: 50 <= value <= 200),
            "cd4_high": base("cd4", lambda value: value > 200),
            "load_low": base("viral-load", lambda value: value <= 100_000),
            "load_high": base("viral-load", lambda value: value > 100_000),
        }
        resistant = self.level_of("insti-resistant")
        for column, level in (("insti", "Y"), ("no_insti", "N")):
            groups[column] = [
                patient
                for patient, patient_levels in zip(self.itt, resistant, strict=True)
                if patient_levels == [level]
            ]
        self.put(
            "14.2.5",
            "below-50",
            **{
                column: self.responders(patients, lambda patient: patient.below(50))
                for column, patients in groups.items()
            },
        )

    def failure(self) -> None:
        def judged(*outcomes: str) -> Callable[[Patient], bool]:
            return lambda patient: any(
                item["outcome"] in outcomes for item in patient.of("outcome.adjudicated")
            )

        def reduced(patient: Patient) -> bool:
            return any(
                (item["drug"], item.get("susceptibility")) == ("ibalizumab", "reduced")
                for item in patient.of("resistance.reported")
            )

        either = judged("virologic-failure", "rebound")
        rows: dict[str, Callable[[Patient], bool]] = {
            "failure-or-rebound": either,
            "failure": judged("virologic-failure"),
            "rebound": judged("rebound"),
            "lower-susceptibility": lambda patient: either(patient) and reduced(patient),
        }
        for row, test in rows.items():
            self.put("14.2.7", row, total=self.count(self.itt, test))

    def snapshot(self) -> None:
        table, patients = "14.2.8", self.itt

        def missing(patient: Patient) -> Truth:
            return None if patient.below(50) is None else patient.at("week-25") is None

        def present(patient: Patient) -> Truth:
            return None if patient.below(50) is None else patient.at("week-25") is not None

        for row, test in {
            "suppressed": lambda patient: patient.below(50),
            "not-suppressed": lambda patient: present(patient) and not patient.below(50),
            "no-data": missing,
            "discontinued": lambda patient: patient.discontinued and missing(patient),
            "on-study": lambda patient: not patient.discontinued and missing(patient),
        }.items():
            self.put(table, row, total=self.count(patients, test))
        self.put(table, "not-due", total=self.not_due(patients, lambda patient: patient.below(50)))

    def suppressed(self) -> None:
        self.put("14.2.9", "below-50")
        for visit in TARGETS:
            below = self.responders(
                self.itt, lambda patient, visit_=visit: patient.below(50, visit_)
            )
            self.put("14.2.9", f"below-50/{visit}", total=below)

    def having(self, test: Callable[[dict[str, Any]], Any]) -> Expected:
        event_counts = [
            sum(bool(test(event)) for event in patient.events) for patient in self.safety
        ]
        subjects = sum(n > 0 for n in event_counts)
        return counted(subjects, len(self.safety)) | {
            "events": (sum(event_counts), str(sum(event_counts)))
        }

    def overview(self) -> None:
        table = "14.3.1.1"
        for row, test in {
            "any": lambda _: True,
            "related": lambda event: event["related"],
            "grade-3": lambda event: (event.get("grade") or 0) >= 3,
            "serious": lambda event: event["serious"],
            "serious-related": lambda event: event["serious"] and event["related"],
            "serious-death": lambda event: "DEATH" in event.get("seriousness", []),
            "serious-hospitalisation": lambda event: (
                "HOSPITALISATION" in event.get("seriousness", [])
            ),
            "withdrawn": lambda event: event.get("action_taken") == "DRUG WITHDRAWN",
            "fatal": lambda event: event.get("outcome") == "FATAL",
        }.items():
            self.put(table, row, total=self.having(test))
        dead = self.count(self.safety, lambda patient: bool(patient.of("death.reported")))
        self.put(table, "deaths", total=dead)

    def terms(self, table: str, test: Callable[[dict[str, Any]], Any]) -> None:
        met = [event for patient in self.safety for event in patient.events if test(event)]

        def size(**names: str) -> int:
            return sum(
                any(test(e) and all(e[k] == v for k, v in names.items()) for e in patient.events)
                for patient in self.safety
            )

        for soc in sorted({event["soc"] for event in met}, key=lambda soc: (-size(soc=soc), soc)):
            counts = self.having(lambda e, soc=soc: test(e) and e["soc"] == soc)
            self.put(table, f"term/{soc}", total=counts)
            terms = {event["pt"] for event in met if event["soc"] == soc}
            for pt in sorted(terms, key=lambda pt, soc=soc: (-size(soc=soc, pt=pt), pt)):
                pair = (soc, pt)
                inner = self.having(lambda e, n=pair: test(e) and (e["soc"], e["pt"]) == n)
                self.put(table, f"term/{soc}/{pt}", total=inner)

    def by_term(self) -> None:
        self.put("14.3.1.2", "any", total=self.having(lambda _: True))
        self.terms("14.3.1.2", lambda _: True)

    def frequent(self, table: str, terms: Iterable[list[str]]) -> None:
        """Put the terms, of each subject's events, that one in twenty subjects has."""
        counts_of: dict[str, list[int]] = {}
        for names in terms:
            for name, events in Counter(names).items():
                counts_of.setdefault(name, []).append(events)
        self.rows.setdefault(table, [])
        for name in sorted(counts_of, key=lambda name: (-len(counts_of[name]), name)):
            subjects, size, events = len(counts_of[name]), len(self.safety), sum(counts_of[name])
            if Fraction(subjects, size) >= Fraction(5, 100):
                expected = counted(subjects, size) | {"events": (events, str(events))}
                self.put(table, f"term/{name}", total=expected)

    def common(self) -> None:
        self.frequent("14.3.1.3", ([e["pt"] for e in patient.events] for patient in self.safety))

    def related(self) -> None:
        self.frequent(
            "14.3.1.4",
            (
                [
                    "Rash (pooled)" if e["pt"] in RASH else e["pt"]
                    for e in patient.events
                    if e["related"]
                ]
                for patient in self.safety
            ),
        )

    def worst(self, row: str, test: Callable[[dict[str, Any]], Any]) -> None:
        worst = Counter(
            max((e.get("grade") or 0 for e in patient.events if test(e)), default=0)
            for patient in self.safety
        )
        for grade in range(1, 6):
            expected = counted(worst[grade], len(self.safety))
            self.put("14.3.1.5", f"{row}/{grade}", total=expected)

    def worst_grades(self) -> None:
        table = "14.3.1.5"
        self.put(table, "any")
        self.worst("any", lambda _: True)
        self.put(table, "related")
        self.worst("related", lambda e: e["related"])
        of_class = {
            soc: self.having(lambda e, soc=soc: e["soc"] == soc)
            for soc in {e["soc"] for patient in self.safety for e in patient.events}
        }
        for soc in sorted(of_class, key=lambda soc: (-of_class[soc]["n"][0], soc)):
            self.put(table, f"soc/{soc}", total=of_class[soc])
            self.worst(f"soc/{soc}", lambda e, soc=soc: e["soc"] == soc)

    def deaths(self) -> None:
        table, patients = "14.3.2.1", self.safety
        self.put(
            table,
            "deaths",
            total=self.count(patients, lambda patient: bool(patient.of("death.reported"))),
        )
        causes = [[item["cause"] for item in patient.of("death.reported")] for patient in patients]
        self.levels(table, "cause", causes, len(patients))
        related = lambda patient: any(  # noqa: E731
            e.get("related") is True for e in patient.of("death.reported")
        )
        self.put(table, "related", total=self.count(patients, related))

    def serious(self) -> None:
        self.put("14.3.2.2", "any", total=self.having(lambda e: e["serious"]))
        self.terms("14.3.2.2", lambda e: e["serious"])


def near(raw: object, expected: Fraction | int | None) -> bool:
    if expected is None or isinstance(expected, int):
        return raw == expected
    return isinstance(raw, str) and abs(Fraction(raw) - expected) <= Fraction(1, 10**9)


@cache
def grids_at(lines: int) -> dict[str, Grid]:
    return tables_of(tmb301(), builders.feed()[:lines])


@cache
def oracle_at(lines: int) -> Oracle:
    return Oracle(feed_lines()[:lines])


def nothing(name: str, text: str) -> tuple[int | None, str]:
    """Give what stands in a table of nobody in the place of a statistic."""
    return (0, "0") if name == "N" else (None, "not reported" if text else "")


class TestTmb301:
    @pytest.mark.parametrize("lines", PREFIXES)
    def test_every_cell_of_every_table_is_what_the_lines_amount_to(self, lines):
        oracle, places = oracle_at(lines), set()
        for table, grid in grids_at(lines).items():
            nobody = not any(column.n for column in grid.columns)
            for row in grid.rows:
                for row_cell in row.cells:
                    place = table, row.id, row_cell.column
                    expected = oracle.cells[place]
                    if nobody:
                        expected = {
                            name: nothing(name, text) for name, (_, text) in expected.items()
                        }
                    statistics = {statistic_.name: statistic_ for statistic_ in row_cell.statistics}
                    assert list(statistics) == list(expected), place
                    for name, (value, text) in expected.items():
                        assert near(statistics[name].raw, value), (place, name)
                        assert statistics[name].text == text, (place, name)
                    places.add(place)
        assert places == set(oracle.cells)

    @pytest.mark.parametrize("lines", PREFIXES)
    def test_every_row_stands_where_it_belongs(self, lines):
        row_ids = {table: [row.id for row in grid.rows] for table, grid in grids_at(lines).items()}
        assert row_ids == oracle_at(lines).rows

    def test_the_oracle_looked_at_all_of_it(self):
        assert len(oracle_at(2226).cells) == 308
        assert len(grids_at(2226)) == 24

    def test_the_columns_show_the_size_of_their_analysis_set(self):
        sizes = {
            (table, column.id): column.n
            for table, grid in grids_at(2226).items()
            for column in grid.columns
        }
        assert {key: n for key, n in sizes.items() if n != 40} == {
            ("14.1.1", "total"): 0,
            ("14.2.3.1", "completers"): 31,
            ("14.2.3.2", "completers"): 31,
            ("14.2.5", "cd4-low"): 17,
            ("14.2.5", "cd4-middle"): 10,
            ("14.2.5", "cd4-high"): 13,
            ("14.2.5", "load-low"): 33,
            ("14.2.5", "load-high"): 7,
            ("14.2.5", "insti"): 27,
            ("14.2.5", "no-insti"): 13,
        }


class TestRunningTrial:
    """At many moments of the feed, and not only at its end."""

    @pytest.mark.parametrize("lines", range(97, 2226, 97))
    def test_responders_failures_and_those_not_due_add_up(self, lines):
        oracle = oracle_at(lines)
        for table, row, column, test in (
            ("14.2.1", "responders", "control", lambda patient: patient.control_responder),
            ("14.2.1", "responders", "day-14", lambda patient: patient.day14_at_least("0.5")),
            ("14.2.3.1", "below-50", "itt", lambda patient: patient.below(50)),
        ):
            grid = grids_at(lines)[table]
            responders = statistic(grid, row, column, "n")
            not_due = statistic(grid, "not-due", column, "n")
            failures = sum(test(patient) is False for patient in oracle.itt)
            assert responders + failures + not_due == len(oracle.itt)

    @pytest.mark.parametrize("lines", range(0, 2226, 97))
    def test_no_percentage_leaves_0_to_100_and_no_count_its_denominator(self, lines):
        for grid in grids_at(lines).values():
            for row_cell in (row_cell for row in grid.rows for row_cell in row.cells):
                raws = {number.name: number.raw for number in row_cell.statistics}
                if "percent" in raws and raws["percent"] is not None:
                    assert 0 <= Fraction(raws["percent"]) <= 100
                    assert 0 <= raws["n"] <= raws["N"]
                if "ci_low" in raws:
                    low, high = Fraction(raws["ci_low"]), Fraction(raws["ci_high"])
                    least = -100 if "difference" in raws else 0
                    middle = Fraction(raws["difference" if least else "percent"])
                    assert least <= low <= middle <= high <= 100

    def test_nobody_of_a_running_trial_is_a_failure_before_the_visit_is_due(self):
        oracle = oracle_at(900)
        assert any(patient.below(50) is None for patient in oracle.itt)
        assert statistic(grids_at(900)["14.2.3.1"], "not-due", "itt", "n") == sum(
            patient.below(50) is None for patient in oracle.itt
        )

    def test_the_sums_are_the_total_of_the_shares_after_every_event(self):
        study, states, sums = tmb301(), {}, {}
        for number, event in enumerate(builders.feed()):
            before = states.get(event.subject, (Subject(event.subject), {}))
            after, _ = fold(before[0], event)
            share = report.contribute(study, after)
            for row, change in cells.difference(share, before[1]).items():
                cells.add(sums.setdefault(row, {}), change)
            states[event.subject] = after, share
            if number % 211 == 0:
                current = {row: row_sums for row, row_sums in sums.items() if row_sums}
                assert current == cells.total(share for _, share in states.values())
        fresh = builders.sums_of(study, builders.subjects(builders.feed()))
        assert {row: row_sums for row, row_sums in sums.items() if row_sums} == fresh

    def test_a_share_holds_no_cell_of_0(self):
        study = tmb301()
        for subject in builders.subjects(builders.feed()[:1100]):
            for row in report.contribute(study, subject).values():
                assert row
                assert 0 not in row.values()


LOG = "parameters/viral-load-log10"


class TestOtherRules:
    """What week 25 would be under other rules (domain.md, E0): the rule is what makes it 1.6."""

    @staticmethod
    def grid(*changes: tuple[str, Any], table: str = "14.2.3.2") -> Grid:
        return tables_of(tmb301(*changes), builders.feed())[table]

    @staticmethod
    def mean(grid: Grid, row: str, column: str) -> str:
        return half_up(Fraction(statistic(grid, row, column, "mean")), 3)

    def test_the_published_mean_is_the_baseline_carried_forward_at_the_limit(self):
        grid = self.grid()
        assert self.mean(grid, "decrease", "bocf") == "1.592"
        assert self.mean(grid, "decrease", "locf") == "1.632"
        assert half_up(Fraction(statistic(grid, "decrease", "observed", "mean")), 2) == "2.05"

    def test_imputed_values_say_so(self):
        grid = self.grid()
        for column in ("bocf", "locf"):
            counts = [statistic(grid, "decrease", column, name) for name in ("observed", "imputed")]
            assert counts == [31, 9]
        assert statistic(grid, "decrease", "observed", "imputed") is None

    def test_half_the_limit_gives_1_70(self):
        grid = self.grid(("parameters/viral-load/below_quantification", "half"))
        assert half_up(Fraction(statistic(grid, "decrease", "bocf", "mean")), 2) == "1.70"
        observed = statistic(grid, "decrease-below-50", "observed", "mean")
        assert half_up(Fraction(observed), 1) == "3.3"
        completers = statistic(grid, "decrease", "completers", "median")
        assert half_up(Fraction(completers), 1) == "2.6"

    def test_a_limit_of_50_gives_1_45(self):
        lines = [line.replace('"result":"<20"', '"result":"<50"') for line in feed_lines()]
        entries = [builders.read(line, "TMB-301") for line in lines]
        tables = tables_of(tmb301(), entries)
        grid = tables["14.2.3.2"]
        assert half_up(Fraction(statistic(grid, "decrease", "bocf", "mean")), 2) == "1.45"
        below = statistic(grid, "decrease-below-50", "observed", "mean")
        assert half_up(Fraction(below), 1) == "2.8"
        completers = statistic(grid, "decrease", "completers", "median")
        assert half_up(Fraction(completers), 1) == "2.2"
        assert statistic(tables["14.2.3.1"], "below-50", "itt", "n") == 17
        assert statistic(tables["14.2.3.1"], "more-than-2.0", "itt", "n") == 17

    def test_a_limit_above_50_is_not_below_50(self):
        lines = [line.replace('"result":"<20"', '"result":"<60"') for line in feed_lines()]
        assert sum('"<60"' in line for line in lines) > 14
        entries = [builders.read(line, "TMB-301") for line in lines]
        grid = tables_of(tmb301(), entries)["14.2.3.1"]
        assert statistic(grid, "below-50", "itt", "n") == 3
        assert statistic(grid, "below-200", "itt", "n") == 20

    def test_the_median_of_all_is_1_8006(self):
        grid = self.grid((f"{LOG}/order_places", 6))
        assert half_up(Fraction(statistic(grid, "decrease", "bocf", "median")), 4) == "1.8006"
        completers = Fraction(statistic(grid, "decrease", "completers", "median"))
        assert half_up(completers, 3) == "2.498"

    def test_the_baseline_of_day_0_gives_34_responders(self):
        grid = self.grid(("measures/day14-decrease/decrease_from", "control"), table="14.2.2")
        assert statistic(grid, "at-least-0.5", "total", "n") == 34

    def test_carrying_the_last_value_forward_gives_26_responders(self):
        grid = self.grid(("measures/week25-decrease/missing", "locf"), table="14.2.3.1")
        assert statistic(grid, "at-least-0.5", "itt", "n") == 26

    def test_inclusive_and_strict_thresholds_agree_on_this_cohort(self):
        changed = {"measure": "week25-decrease", "at_least": 2.0, "missing": "failure"}
        grid = self.grid(("conditions/week25-more-than-2.0", changed), table="14.2.3.1")
        assert statistic(grid, "more-than-2.0", "itt", "n") == 19

    def test_the_arithmetic_mean_of_copies_is_another_number(self):
        grid = self.grid(table="14.1.5")
        assert statistic(grid, "copies", "total", "mean") == "100287"
        assert self.mean(grid, "viral-load", "total") == "4.543"

    def test_without_pooling_the_rash_drops_out(self):
        grid = self.grid(("adverse_events/groups", []), table="14.3.1.4")
        assert [row.id for row in grid.rows] == [
            "term/Diarrhoea",
            "term/Dizziness",
            "term/Nausea",
        ]


def responders(count: int, total: int, *, day14: int = 100) -> list[Any]:
    """Build subjects of whom `count` respond at day 14 and the others are seen later."""
    entries: list[Any] = []
    for i in range(total):
        name = f"S-{i}"
        entries += [
            enrolment(subject=name),
            dose(subject=name),
            viral_load(7, 10_000, subject=name),
            viral_load(14, day14 if i < count else 10_000, subject=name),
        ]
    return entries


class TestAwkward:
    def test_no_subjects_at_all(self):
        for study in (tiny(), tmb301()):
            for grid in tables_of(study, []).values():
                assert {column.n for column in grid.columns} == {0}
                for row_cell in (row_cell for row in grid.rows for row_cell in row.cells):
                    statistics = {number.name: number for number in row_cell.statistics}
                    assert (statistics["n"].raw, statistics["n"].text) == (None, "not reported")
                    for name in ("percent", "mean", "sd", "median", "min", "max", "difference"):
                        if name in statistics:
                            absent = "" if name == "percent" else "not reported"
                            assert (statistics[name].raw, statistics[name].text) == (None, absent)
                    assert "ci_low" not in statistics

    def test_without_pairs_there_is_no_p_value(self):
        assert statistic(tables_of(tiny(), [])["one"], "pairs", "second", "p") is None

    def test_one_subject_has_a_mean_and_no_spread(self):
        grid = tables_of(tiny(), [enrolment(age=41)])["one"]
        assert {number.name: number.text for number in cell(grid, "age").statistics} == {
            "n": "1", "mean": "41.0", "sd": "", "median": "41.0", "min": "41", "max": "41",
        }  # fmt: skip

    @pytest.mark.parametrize(("count", "limits"), [(0, ("0.0", "52.2")), (5, ("47.8", "100.0"))])
    def test_none_and_all_responding_have_intervals_that_end_at_0_and_100(self, count, limits):
        grid = tables_of(tiny(), responders(count, 5))["one"]
        row_cell = cell(grid, "responders")
        assert tuple(row_cell.get(name).text for name in ("ci_low", "ci_high")) == limits
        ends = [row_cell.get(name).raw for name in ("ci_low", "ci_high")]
        assert ends[0 if count == 0 else 1] == ("0" if count == 0 else "100")

    @pytest.mark.parametrize(
        ("count", "denominator", "text"), [(1, 8, "13"), (3, 8, "38"), (1, 40, "3"), (33, 40, "83"),
                                  (5, 8, "63"), (1, 200, "1"), (199, 200, ">99")],
    )  # fmt: skip
    def test_a_tie_at_half_a_per_cent_goes_up(self, count, denominator, text):
        grid = tables_of(tiny(), responders(count, denominator))["one"]
        percent = cell(grid, "responders").get("percent")
        assert percent is not None
        assert percent.text == text

    def test_a_median_between_two_values_is_their_mean_and_ties_go_up(self):
        ages = [enrolment(subject=f"S-{i}", age=age) for i, age in enumerate((40, 41, 50, 60))]
        grid = tables_of(tiny(), ages)["one"]
        assert cell(grid, "age").get("median").text == "45.5"

    def test_order_statistics_are_shown_half_up(self):
        # log10 of 279 is 2.445604: 2.45 with two places and 2.4 with one.
        entries = [enrolment(), dose(), viral_load(7, 279)]
        grid = tables_of(tiny(), entries)["one"]
        assert cell(grid, "log").get("median").text == "2.45"
        assert cell(grid, "log").get("min").text == "2.4"

    def test_the_median_of_one_value_is_that_value_as_its_mean_shows_it(self):
        # log10 of 2784 is 3.444669: 3.44, and not first 3.445 and then 3.45.
        entries = [enrolment(), dose(), viral_load(7, 2784)]
        row_cell = cell(tables_of(tiny(), entries)["one"], "log")
        assert row_cell.get("median").text == row_cell.get("mean").text

    def test_the_median_of_two_values_is_their_mean_as_it_is_shown(self):
        # log10 is 3.444045 and 3.445915: in the middle 3.444980, which two places show as 3.44.
        entries = [enrolment(), dose(), viral_load(7, 2780)]
        entries += [enrolment(subject="S-2"), dose(subject="S-2"),
                    viral_load(7, 2792, subject="S-2")]  # fmt: skip
        row_cell = cell(tables_of(tiny(), entries)["one"], "log")
        assert [row_cell.get(name).text for name in ("mean", "median")] == ["3.44", "3.44"]

    def test_an_order_statistic_kept_to_all_its_places_is_exact(self):
        # log10 of 1700 is 3.230449.
        entries = [enrolment(), dose(), viral_load(7, 1700)]
        row_cell = cell(tables_of(tiny(), entries)["one"], "log")
        assert row_cell.get("min").raw == "3.230449"

    def test_a_missing_baseline_is_counted_in_the_denominator_and_no_mean(self):
        entries = [enrolment(), dose(), viral_load(14, 100), contact(50)]
        grid = tables_of(tiny(), entries)["one"]
        assert statistic(grid, "responders", "total", "n") == 0
        assert statistic(grid, "responders", "total", "N") == 1
        assert statistic(grid, "not-due", "total", "n") == 0
        assert statistic(grid, "log", "total", "n") == 0
        assert statistic(grid, "week5", "total", "n") == 0

    def test_a_subject_who_was_never_enrolled_counts_in_no_table_of_the_enrolled(self):
        entries = [dose(), viral_load(7, 10_000), viral_load(14, 10)]
        tables = tables_of(tiny(), entries)
        assert {column.n for column in tables["one"].columns} == {0}
        assert tables["events"].columns[0].n == 1

    def test_a_value_of_0_is_a_value(self):
        grid = tables_of(tiny(), [enrolment(age=0), enrolment(subject="S-2", age=0)])["one"]
        assert {number.name: number.text for number in cell(grid, "age").statistics} == {
            "n": "2", "mean": "0.0", "sd": "0.00", "median": "0.0", "min": "0", "max": "0",
        }  # fmt: skip

    def test_a_level_that_is_not_named_is_shown_as_it_was_recorded(self):
        entries = [enrolment(sex="U"), enrolment(subject="S-2")]
        grid = tables_of(tiny(), entries)["one"]
        assert [(row.id, row.label) for row in grid.rows if row.id.startswith("sex")] == [
            ("sex", "Sex"), ("sex/M", "Male"), ("sex/F", "Female"), ("sex/U", "U"),
            ("sex/", "Missing"),
        ]  # fmt: skip

    def test_a_number_is_one_level_however_it_was_written(self):
        def scored(text: str, subject: str) -> Any:
            value = builders.event("subject.enrolled", subject, date="2015-06-01", site="1",
                                   characteristics={"score": "@"})  # fmt: skip
            return builders.read(json.dumps(value).replace('"@"', text))

        grid = tables_of(tiny(), [scored("2", "S-1"), scored("2.0", "S-2")])["one"]
        assert [row.id for row in grid.rows if row.id.startswith("score/")] == ["score/2"]

    def test_those_not_due_are_only_sought_among_those_a_column_shows(self):
        table = TINY["tables"][0]
        women = {"characteristic": "sex", "levels": ["F"]}
        column = {"id": "total", "label": "Women", "set": "enrolled", "where": women}
        row = {"id": "open", "label": "Open", "not_due": "day14-responder"}
        study = tiny(tables=[{**table, "columns": [column], "rows": [row]}], key_results=[])
        entries = [enrolment(sex="F"), enrolment(subject="S-2", sex="M")]
        assert statistic(tables_of(study, entries)["one"], "open", "total", "n") == 1

    def test_a_subject_counts_once_a_term_and_its_events_count_each(self):
        entries = [enrolment(), dose()]
        for number, term in enumerate(["Rash", "Rash", "Rash macular", "Headache"]):
            entries += [adverse_event(8 + number, record=f"AE-{number}"),
                        coding(term, adverse_event=f"AE-{number}", soc="S")]  # fmt: skip
        grid = tables_of(tiny(), entries)["events"]
        counts = {
            row.id: tuple(row.cells[0].get(name).raw for name in ("n", "events"))
            for row in grid.rows
            if row.cells
        }
        assert counts == {
            "any": (1, 4), "term/S": (1, 4), "term/S/Headache": (1, 1), "term/S/Rash": (1, 2),
            "term/S/Rash macular": (1, 1), "pooled/Headache": (1, 1),
            "pooled/Rash (pooled)": (1, 3),
        }  # fmt: skip

    def test_the_limit_of_a_frequency_is_inclusive_and_not_rounded(self):
        def seen(total: int, having: int) -> list[str]:
            entries: list[Any] = []
            for i in range(total):
                name = f"S-{i}"
                entries += [enrolment(subject=name), dose(subject=name)]
                if i < having:
                    entries += [adverse_event(subject=name), coding(subject=name)]
            grid = tables_of(tiny(), entries)["events"]
            return [row.id for row in grid.rows if row.id.startswith("pooled/")]

        assert seen(4, 2) == ["pooled/Headache"]
        assert seen(199, 99) == []

    def test_an_event_that_is_not_coded_still_counts(self):
        grid = tables_of(tiny(), [enrolment(), dose(), adverse_event()])["events"]
        assert statistic(grid, "term/Not coded/Not coded", "total", "n") == 1

    def test_no_free_text_makes_a_cell_s_name_too_long_for_a_row_of_sums(self):
        (subject,) = builders.subjects([enrolment(), dose(), death(cause="x" * 4_000)])
        names = [name for row in report.contribute(tiny(), subject).values() for name in row]
        assert max(map(len, names)) < 400  # a row holds some 48 cells and may have 400 KB

    def test_a_cause_of_death_that_looks_like_a_cell_is_a_cause(self):
        entries = [enrolment(), dose(), death(cause="a=b.0=c/d")]
        grid = tables_of(tiny(), entries)["events"]
        assert statistic(grid, "cause/a=b.0=c~1d", "total", "n") == 1

    def test_a_corrected_value_is_taken_out_exactly(self):
        mistaken = viral_load(7, 999_999_999)
        right = viral_load(7, 10_000, record=mistaken.record, revision=2)
        rest = [enrolment(), dose(), viral_load(14, 17)]
        assert tables_of(tiny(), [*rest, mistaken, right]) == tables_of(
            tiny(), [right, *rest, mistaken]
        )
        void = entry("lab.result.reported", record=mistaken.record, revision=2, action="void")
        assert tables_of(tiny(), [*rest, mistaken, void])["one"] == tables_of(tiny(), rest)["one"]


HISTORY = [
    event
    for name in ("S-1", "S-2")
    for event in (
        enrolment(subject=name, sex="F", age=40),
        enrolment(subject=name, sex="M", age=41, revision=2),
        dose(subject=name),
        viral_load(0, 33_113, subject=name),
        viral_load(7, 10_000, subject=name),
        viral_load(7, 20_000, subject=name, revision=2),
        viral_load(14, "<20", subject=name),
        entry("lab.result.reported", name, record="VL-14", revision=2, action="void"),
        adverse_event(10, subject=name),
        adverse_event(None, subject=name, revision=2),
        coding(subject=name),
        death(subject=name),
        contact(50, subject=name),
        entry("subject.superseded", name, by="S-3"),
        builders.disposition(20, subject=name),
    )
]


class TestIncrement:
    @settings(max_examples=150, deadline=None)
    @given(st.lists(st.sampled_from(HISTORY), max_size=25))
    def test_changes_of_shares_telescope_to_the_total_after_every_prefix(self, history):
        study = tiny()
        sums: dict[str, dict[str, int]] = {}
        states: dict[str, Subject] = {}
        shares: dict[str, cells.Share] = {}
        for number, event in enumerate(history, start=1):
            before = states.get(event.subject, Subject(event.subject))
            states[event.subject], _ = fold(before, event)
            share = report.contribute(study, states[event.subject])
            change = cells.difference(share, shares.get(event.subject, {}))
            shares[event.subject] = share
            sums = cells.total([sums, change])
            fresh = builders.sums_of(study, builders.subjects(history[:number]))
            assert sums == fresh
            assert report.tables(study, sums) == report.tables(study, fresh)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from(HISTORY), max_size=25), st.randoms(use_true_random=False))
    def test_any_order_and_repetition_gives_the_same_tables(self, history, random):
        shuffled = random.sample(history, len(history)) + history[:5]
        assert tables_of(tiny(), shuffled) == tables_of(tiny(), history)

    @settings(max_examples=100, deadline=None)
    @given(st.lists(st.sampled_from(HISTORY), max_size=25))
    def test_nothing_of_any_history_is_impossible(self, history):
        for grid in tables_of(tiny(), history).values():
            nobody = not any(column.n for column in grid.columns)
            for row_cell in (row_cell for row in grid.rows for row_cell in row.cells):
                raws = {number.name: number.raw for number in row_cell.statistics}
                if nobody:
                    assert set(raws.values()) <= {None, 0}
                    continue
                if "N" in raws:
                    assert 0 <= raws["n"] <= raws["N"]
                if "observed" in raws:
                    assert raws["observed"] + raws["imputed"] == raws["n"]
                if "both" in raws:
                    assert raws["n"] == sum(
                        raws[name] for name in ("both", "first", "second", "neither")
                    )
                if raws.get("mean") is not None and "min" in raws:
                    low, high = (Fraction(raws[name]) for name in ("min", "max"))
                    assert (
                        low - Fraction(1, 1000)
                        <= Fraction(raws["mean"])
                        <= high + Fraction(1, 1000)
                    )

    def test_a_share_is_a_function_of_the_subject_alone(self):
        study = tiny()
        subject = fold_all("S-1", HISTORY[:9])
        reordered = fold_all("S-1", HISTORY[:9][::-1])
        assert report.contribute(study, subject) == report.contribute(study, reordered)
