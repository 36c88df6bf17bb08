"""TMB-301: adverse events of the treated, and deaths.

Treatment-emergent is what began from the day of the first infusion to 30 days after the last, or
began on no known day and did not end before. Related is what was reported so, or not reported on.
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from recounting.arithmetic import count
from recounting.claims import Claims, Recounted
from recounting.counting import TOTAL, among, grouped, having, having_each, subjects
from recounting.sheets import Line
from recounting.tmb301_subjects import Listings

GRADES = {
    1: "Grade 1 (mild)",
    2: "Grade 2 (moderate)",
    3: "Grade 3 (severe)",
    4: "Grade 4 (life-threatening)",
    5: "Grade 5 (fatal)",
}
SEVERE = 3
RASH = {"Rash", *(f"Rash {name}" for name in ("erythematous", "generalised", "macular",
                                                "maculo-papular", "papular"))}  # fmt: skip
COMMON = 5
"""The per cent of the treated from which an event is common, inclusive."""
AFTER_LAST = timedelta(30)


def recount(claims: Claims, rows: Listings, treated: list[Line]) -> None:
    """Recount tables 14.3."""
    values = {item["Subject"]: item for item in treated}
    events = [item for item in among(treated, rows["16.2.7"])
              if is_emergent(item, values[item["Subject"]])]  # fmt: skip
    dead = among(treated, rows["16.2.7.3"])
    overview(Treated(claims, "14.3.1.1", treated), events, dead)
    for name, top, result in (
        ("14.3.1.2", "Any treatment-emergent adverse event", events),
        ("14.3.2.2", "Any serious treatment-emergent adverse event", list(filter(serious, events))),
    ):
        by_term(Treated(claims, name, treated), top, result)
    common(Treated(claims, "14.3.1.3", treated), events, pool=False)
    common(Treated(claims, "14.3.1.4", treated), list(filter(related, events)), pool=True)
    worst_grades(Treated(claims, "14.3.1.5", treated), events)
    deaths(Treated(claims, "14.3.2.1", treated), dead)


class Treated:
    """A table of the treated: how many of them, and events where it shows events."""

    def __init__(self, claims: Claims, name: str, treated: list[Line]) -> None:
        self.of = treated
        self.table: Recounted = claims.table(name, {TOTAL: len(treated)})

    def events(self, row: Sequence[str], events: Sequence[Line]) -> None:
        """Claim how many had these events, and how many those are."""
        result = count(subjects(events), len(self.of)) | {"events": str(len(events))}
        self.table.put(row, TOTAL, result)

    def worst(self, label: str, events: Iterable[Line]) -> None:
        """Claim subjects by the worst grade of these events; each counts once."""
        worst: dict[str, int] = {}
        for event in events:
            worst[event["Subject"]] = max(worst.get(event["Subject"], 0), int(event["Grade"] or 0))
        for grade, name in GRADES.items():
            n = sum(item == grade for item in worst.values())
            self.table.put([label, name], TOTAL, count(n, len(self.of)))


def is_emergent(event: Line, subject: Line) -> bool:
    first, last = subject["First infusion"], date.fromisoformat(subject["Last infusion"])
    began, ended = event["Onset (date)"], event["End (date)"]
    if ended is not None and ended < first:
        return False
    return began is None or first <= began <= (last + AFTER_LAST).isoformat()


def serious(event: Line) -> bool:
    return bool(event["Serious"] == "Y")


def related(event: Line) -> bool:
    return event["Causality"] in ("RELATED", None)


def criteria(event: Line) -> list[str]:
    return (event["Seriousness criteria"] or "").split("; ")


def overview(table: Treated, events: list[Line], dead: list[Line]) -> None:
    top = "Any treatment-emergent adverse event"
    table.events([top], events)
    for label, test in (
        ("Related to treatment", related),
        ("Grade 3 or higher", lambda item: (item["Grade"] or 0) >= SEVERE),
        ("Serious", serious),
        ("Serious and related to treatment", lambda item: serious(item) and related(item)),
        ("Serious: death", lambda item: "DEATH" in criteria(item)),
        ("Serious: hospitalisation", lambda item: "HOSPITALISATION" in criteria(item)),
        (
            "Leading to withdrawal of treatment",
            lambda item: item["Action taken"] == "DRUG WITHDRAWN",
        ),
        ("Fatal outcome", lambda item: item["Outcome"] == "FATAL"),
    ):
        table.events([top, label], list(filter(test, events)))
    having(table.table, ["Deaths (any cause, no time limit)"], table.of, dead)


def by_term(table: Treated, top: str, events: list[Line]) -> None:
    table.events([top], events)
    for soc, of_class in grouped(events, lambda item: item["System organ class"]):
        table.events([soc], of_class)
        for pt, of_term in grouped(of_class, lambda item: item["Preferred term"]):
            table.events([soc, pt], of_term)


def common(table: Treated, events: list[Line], *, pool: bool) -> None:
    def term(event: Line) -> str:
        name = str(event["Preferred term"])
        return "Rash (pooled)" if pool and name in RASH else name

    for label, of_term in grouped(events, term):
        if 100 * subjects(of_term) >= COMMON * len(table.of):
            table.events([label], of_term)


def worst_grades(table: Treated, events: list[Line]) -> None:
    table.worst("Worst grade of any event", events)
    table.worst("Worst grade of related events", filter(related, events))
    for soc, of_class in grouped(events, lambda item: item["System organ class"]):
        table.events([soc], of_class)
        table.worst(soc, of_class)


def deaths(table: Treated, dead: list[Line]) -> None:
    having(table.table, ["Deaths"], table.of, dead)
    having_each(table.table, ["Cause of death as reported"], table.of, dead, "Cause as reported")
    by_treatment = [row for row in dead if row["Related to treatment"] == "Y"]
    having(table.table, ["Related to treatment"], table.of, by_treatment)
