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
    for arm_name, lines in table.groups.items():
        days = [days_between(line["First dose"], line["Last dose"]) + 1 for line in lines]
        days_texts = describe(days, 0, ("mean", "sd", "se", "ci"))
        table.put(["Days on treatment"], arm_name, days_texts)
        dose_counts = [doses[line["Subject"]] for line in lines]
        table.put(["Doses recorded"], arm_name, describe(dose_counts, 0, ("mean", "sd")))


def terms(trial: Trial) -> None:
    compared = {"P: low dose, placebo": "Xanomeline low dose",
                "P: high dose, placebo": "Xanomeline high dose"}  # fmt: skip
    table = trial.table("14-5.01", trial.safety, *compared)

    def met(row: Sequence[str], events: Sequence[Line]) -> None:
        subject_counts = table.events(row, events, places=1)
        for arm_name, arm in compared.items():
            pair = [(subject_counts[name], len(table.groups[name]) - subject_counts[name])
                    for name in ("Placebo", arm)]  # fmt: skip
            table.put(row, arm_name, {"p": p_value(methods.fisher(pair))})

    met(["Any body system"], trial.emergent)
    for soc, of_class in grouped(trial.emergent, lambda line: line["System organ class"]):
        met([soc], of_class)
        for pt, of_term in grouped(of_class, lambda line: line["Preferred term"]):
            met([soc, pt], of_term)


def severities(trial: Trial) -> None:
    table = trial.table("14-5.02", trial.safety)
    table.worst("Any adverse event", trial.emergent)
    for soc, of_class in grouped(trial.emergent, lambda line: line["System organ class"]):
        table.events([soc], of_class)
        table.worst(soc, of_class)


def overview(trial: Trial) -> None:
    table = trial.table("14-5.03", trial.safety)
    top = "Any treatment-emergent adverse event"
    table.events([top], trial.emergent)
    for label, test in (
        ("Related", lambda line: line["Causality"] in RELATED),
        ("Serious", lambda line: line["Serious"] == "Y"),
        ("Severe", lambda line: line["Severity"] == "SEVERE"),
        ("Fatal", lambda line: line["Outcome"] == "FATAL"),
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
    for arm_name, lines in table.groups.items():
        events = days = 0
        for line in lines:
            onset, last = onsets.get(line["Subject"]), line["Last contact"]
            ended = onset if onset is not None and onset <= last else None
            events += ended is not None
            days += days_between(line["First dose"], ended or last) + 1
        table.put(["First events per 100 years at risk"], arm_name, methods.rate(events, days))


def discontinuation(trial: Trial) -> None:
    table = trial.table("14-1.04", trial.itt, "P")
    row, groups = "Discontinuation", []
    for arm_name, lines in table.groups.items():
        times = [followed(line) for line in lines]
        groups.append(times)
        events = sum(event for _, event in times)
        curve = methods.Curve(times)
        texts = count(events, len(lines)) | {"censored": str(len(lines) - events)}
        table.put([row], arm_name, texts)
        for label, share in (("First quartile", 1), ("Median", 2), ("Third quartile", 3)):
            table.put([row, f"{label} (days)"], arm_name, curve.quantile(Fraction(share, 4)))
        for day in (56, 112, 168):
            table.put([row, f"Without event at day {day} (%)"], arm_name, curve.at(day))
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
    for line in trial.rows["16.2.8"]:
        subject, times = line["Subject"], line["Times the upper limit"]
        if times is None:
            continue
        if "Until day 1" in line["Chosen for visit"].split("; "):
            before[subject] = times
        if line["Collected (date)"] > line["First dose"]:
            after[subject] = max(times, after.get(subject, times))
    table = trial.table("14-6.07", trial.safety)
    head = "Multiples of the upper limit"
    pairs_of = {arm_name: [(before[name], after[name]) for name in column(lines, "Subject")
                 if name in before and name in after]
            for arm_name, lines in table.groups.items()}  # fmt: skip

    def row(labels: Sequence[str], test: Callable[[tuple[Decimal, Decimal]], bool]) -> None:
        counts_of = {arm_name: sum(map(test, pairs)) for arm_name, pairs in pairs_of.items()}
        for arm_name, n in counts_of.items() if any(counts_of.values()) else ():
            table.put([head, *labels], arm_name, count(n, len(pairs_of[arm_name])))

    for first, is_first in LIVER.items():
        row([first], lambda pair, test=is_first: test(pair[0]))
        for last, is_last in LIVER.items():
            row(
                [first, last],
                lambda pair, first_test=is_first, two=is_last: first_test(pair[0]) and two(pair[1]),
            )
    lacking = {
        arm_name: len(lines) - len(pairs_of[arm_name]) for arm_name, lines in table.groups.items()
    }  # all are over
    for arm_name, n in lacking.items() if any(lacking.values()) else ():
        table.put([head, "Missing"], arm_name, {"n": str(n)})


TABLES = (exposure, terms, severities, overview, discontinuation, liver)
