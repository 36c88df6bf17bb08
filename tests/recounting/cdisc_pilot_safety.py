"""The CDISC pilot: exposure, adverse events, time to discontinuation, and the liver."""

from collections import Counter
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction

from recounting import methods
from recounting.arithmetic import count, describe, p_value
from recounting.cdisc_pilot_trial import Arms, Trial
from recounting.counting import column, days_between, grouped
from recounting.sheets import Line

RELATED = {"POSSIBLE", "PROBABLE"}
LIVER = {"Up to the limit": lambda times: times <= 1, "Above it": lambda times: 1 < times <= 3,
         "More than 3 times it": lambda times: times > 3}  # fmt: skip


def exposure(trial: Trial) -> None:
    table = trial.table("14-4.01", trial.safety)
    doses = Counter(column(trial.rows["16.2.5"], "Subject"))
    for at, of in table.groups.items():
        days = [days_between(each["First dose"], each["Last dose"]) + 1 for each in of]
        shown = describe(days, 0, ("mean", "sd", "se", "ci"))
        table.put(["Days on treatment"], at, shown)
        given = [doses[each["Subject"]] for each in of]
        table.put(["Doses recorded"], at, describe(given, 0, ("mean", "sd")))


def terms(trial: Trial) -> None:
    compared = {"P: low dose, placebo": "Xanomeline low dose",
                "P: high dose, placebo": "Xanomeline high dose"}  # fmt: skip
    table = trial.table("14-5.01", trial.safety, *compared)

    def met(row: Sequence[str], events: Sequence[Line]) -> None:
        found = table.events(row, events, places=1)
        for at, arm in compared.items():
            pair = [(found[name], len(table.groups[name]) - found[name])
                    for name in ("Placebo", arm)]  # fmt: skip
            table.put(row, at, {"p": p_value(methods.fisher(pair))})

    met(["Any body system"], trial.emergent)
    for soc, of_class in grouped(trial.emergent, lambda it: it["System organ class"]):
        met([soc], of_class)
        for pt, of_term in grouped(of_class, lambda it: it["Preferred term"]):
            met([soc, pt], of_term)


def severities(trial: Trial) -> None:
    table = trial.table("14-5.02", trial.safety)
    table.worst("Any adverse event", trial.emergent)
    for soc, of_class in grouped(trial.emergent, lambda it: it["System organ class"]):
        table.events([soc], of_class)
        table.worst(soc, of_class)


def overview(trial: Trial) -> None:
    table = trial.table("14-5.03", trial.safety)
    top = "Any treatment-emergent adverse event"
    table.events([top], trial.emergent)
    for label, test in (
        ("Related", lambda it: it["Causality"] in RELATED),
        ("Serious", lambda it: it["Serious"] == "Y"),
        ("Severe", lambda it: it["Severity"] == "SEVERE"),
        ("Fatal", lambda it: it["Outcome"] == "FATAL"),
    ):
        table.events([top, label], list(filter(test, trial.emergent)))
    table.events(["Not treatment-emergent"], trial.not_emergent)
    first_events(trial, table)


def first_events(trial: Trial, table: Arms) -> None:
    """At risk is a subject from the first dose to the first event, or to the last contact."""
    onsets: dict[str, str] = {}
    for row in trial.emergent:
        began = row["Onset (date)"]
        onsets[row["Subject"]] = min(began, onsets.get(row["Subject"], began))
    for at, of in table.groups.items():
        events = days = 0
        for each in of:
            onset, last = onsets.get(each["Subject"]), each["Last contact"]
            ended = onset if onset is not None and onset <= last else None
            events += ended is not None
            days += days_between(each["First dose"], ended or last) + 1
        table.put(["First events per 100 years at risk"], at, methods.rate(events, days))


def discontinuation(trial: Trial) -> None:
    table = trial.table("14-1.04", trial.itt, "P")
    row, groups = "Discontinuation", []
    for at, of in table.groups.items():
        times = [followed(each) for each in of]
        groups.append(times)
        events = sum(event for _, event in times)
        curve = methods.Curve(times)
        shown = count(events, len(of)) | {"censored": str(len(of) - events)}
        table.put([row], at, shown)
        for label, share in (("First quartile", 1), ("Median", 2), ("Third quartile", 3)):
            table.put([row, f"{label} (days)"], at, curve.quantile(Fraction(share, 4)))
        for day in (56, 112, 168):
            table.put([row, f"Without event at day {day} (%)"], at, curve.at(day))
    table.put([row], "P", {"p": methods.log_rank(groups)})


def followed(subject: Line) -> tuple[int, bool]:
    """Give the days from randomisation to the end of the study, and whether it was discontinued."""
    end = subject["End date"] or subject["Last contact"]
    days = days_between(subject["Randomised"], end) + 1
    return days, subject["End of study"] == "discontinued"


def liver(trial: Trial) -> None:
    """Before: chosen until day 1. After: the highest after the day of the first dose."""
    before: dict[str, Decimal] = {}
    after: dict[str, Decimal] = {}
    for each in trial.rows["16.2.8"]:
        subject, times = each["Subject"], each["Times the upper limit"]
        if times is None:
            continue
        if "Until day 1" in each["Chosen for visit"].split("; "):
            before[subject] = times
        if each["Collected (date)"] > each["First dose"]:
            after[subject] = max(times, after.get(subject, times))
    table = trial.table("14-6.07", trial.safety)
    head = "Multiples of the upper limit"
    both = {at: [(before[name], after[name]) for name in column(of, "Subject")
                 if name in before and name in after]
            for at, of in table.groups.items()}  # fmt: skip

    def row(labels: Sequence[str], test: Callable[[tuple[Decimal, Decimal]], bool]) -> None:
        found = {at: sum(map(test, pairs)) for at, pairs in both.items()}
        for at, n in found.items() if any(found.values()) else ():
            table.put([head, *labels], at, count(n, len(both[at])))

    for first, is_first in LIVER.items():
        row([first], lambda pair, one=is_first: one(pair[0]))
        for last, is_last in LIVER.items():
            row([first, last],
                lambda pair, one=is_first, two=is_last: one(pair[0]) and two(pair[1]))  # fmt: skip
    lacking = {at: len(of) - len(both[at]) for at, of in table.groups.items()}  # all are over
    for at, n in lacking.items() if any(lacking.values()) else ():
        table.put([head, "Missing"], at, {"n": str(n)})


TABLES = (exposure, terms, severities, overview, discontinuation, liver)
