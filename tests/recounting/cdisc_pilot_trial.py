"""The CDISC pilot: who is meant, and tables by arm.

The listings say what was recorded and when; who is in the efficacy set, which events are
treatment-emergent and how a score is carried forward, this says as the analysis plan does.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from recounting import methods
from recounting.arithmetic import Texts, count, describe, p_value
from recounting.claims import Claims, Recounted
from recounting.counting import TOTAL, Test, column, subjects
from recounting.sheets import Line

ARMS = {
    "Placebo": "placebo",
    "Xanomeline low dose": "xanomeline-low",
    "Xanomeline high dose": "xanomeline-high",
}
SEVERITIES = {"MILD": "Mild", "MODERATE": "Moderate", "SEVERE": "Severe"}
START, WEEKS = "Until day 1", ("Week 8", "Week 16", "Week 24")
BASELINE = {"mean": 1, "sd": 2, "median": 1, "min": 1, "max": 1}
"""Decimals that every baseline characteristic is printed to."""
Groups = Mapping[str, Sequence[Line]]


@dataclass(frozen=True)
class Trial:
    """The rows of the listings, and who of the subjects is meant by what."""

    rows: Mapping[str, list[Line]]
    claims: Claims

    @cached_property
    def itt(self) -> list[Line]:
        """All who were randomised, with the day."""
        arm_drawn = {row["Subject"]: row["Randomised"] for row in self.rows["16.2.4.2"]}
        return [
            row | {"Randomised": arm_drawn[row["Subject"]]}
            for row in self.rows["16.2.4"]
            if row["Subject"] in arm_drawn
        ]

    @cached_property
    def safety(self) -> list[Line]:
        """All who had a dose."""
        return [line for line in self.itt if line["First dose"]]

    @cached_property
    def efficacy(self) -> list[Line]:
        """All who have an ADAS-Cog and a CIBIC+ after the day of the first dose."""
        after = [
            {row["Subject"] for row in self.rows[listing] if row["Scored (study day)"] > 1}
            for listing in ("16.2.6", "16.2.6.2")
        ]
        return [line for line in self.itt if line["Subject"] in after[0] & after[1]]

    @cached_property
    def scores(self) -> dict[str, dict[str, Decimal]]:
        """Each subject's ADAS-Cog at the visits that scores were chosen for."""
        by_subject: dict[str, dict[str, Decimal]] = {}
        for row in self.rows["16.2.6"]:
            for visit in row["Chosen for visit"].split("; "):
                if visit in (START, *WEEKS):
                    score = Decimal(str(row["Score as counted"]))  # a text where it has many digits
                    by_subject.setdefault(row["Subject"], {})[visit] = score
        return by_subject

    def carried(self, subject: str, week: str) -> Decimal | None:
        """Give the score of a week or, where there is none, of the last week before it."""
        scores = self.scores.get(subject, {})
        carried_scores = [
            scores[earlier] for earlier in WEEKS[: WEEKS.index(week) + 1] if earlier in scores
        ]
        return carried_scores[-1] if carried_scores else None

    @cached_property
    def emergent(self) -> list[Line]:
        """Adverse events that began on the day of the first dose or later, on a known day."""
        first = {line["Subject"]: line["First dose"] for line in self.safety}
        return [
            event
            for event in self.rows["16.2.7"]
            if event["Onset (date)"] is not None
            and event["Onset (date)"] >= first.get(event["Subject"], "9999")
        ]

    @cached_property
    def not_emergent(self) -> list[Line]:
        """All other adverse events."""
        emergent = {id(event) for event in self.emergent}
        return [event for event in self.rows["16.2.7"] if id(event) not in emergent]

    def table(
        self, name: str, lines: Sequence[Line], *compared: str, total: bool = False
    ) -> "Arms":
        """Begin a table by arm; `compared` are its columns that compare arms."""
        groups: dict[str, Sequence[Line]] = {**by_arm(lines), **({TOTAL: lines} if total else {})}
        sizes: dict[str, int | None] = {
            group_name: len(group) for group_name, group in groups.items()
        }
        return Arms(self.claims.table(name, sizes | dict.fromkeys(compared)), groups)


class Arms:
    """A table by arm: what is claimed of each arm, and of their comparison in the column P."""

    def __init__(self, table: Recounted, groups: Groups) -> None:
        self.groups = groups
        self.put = table.put

    def count(
        self, row: Sequence[str], test: Test,
        compared: Callable[[methods.Counts], float | None] | None = None,
    ) -> None:  # fmt: skip
        """Claim how many pass a test, and compare the arms by who does and who does not."""
        counts_of = {
            arm_name: sum(bool(test(line)) for line in lines)
            for arm_name, lines in self.groups.items()
        }
        for arm_name, n in counts_of.items():
            self.put(row, arm_name, count(n, len(self.groups[arm_name])))
        if compared:
            counts = [
                (counts_of[arm_name], len(self.groups[arm_name]) - counts_of[arm_name])
                for arm_name in ARMS
            ]
            self.put(row, "P", {"p": p_value(compared(counts))})

    def levels(self, label: str, tests: Mapping[str, Test]) -> None:
        """Claim how many are at each level, of those at any; compare the arms over the levels."""
        missing = {arm_name: sum(not any(test(line) for test in tests.values()) for line in lines)
                   for arm_name, lines in self.groups.items()}  # fmt: skip
        for level, test in tests.items():
            for arm_name, lines in self.groups.items():
                n = sum(bool(test(line)) for line in lines)
                self.put([label, level], arm_name, count(n, len(lines) - missing[arm_name]))
        if any(missing.values()):
            for arm_name, n in missing.items():
                self.put([label, "Missing"], arm_name, {"n": str(n)})
        counts = [
            [sum(bool(test(group)) for group in self.groups[arm_name]) for test in tests.values()]
            for arm_name in ARMS
        ]
        self.put([label], "P", {"p": p_value(methods.pearson(counts))})

    def describe(self, label: str, name: str) -> None:
        """Claim the statistics of a column, and compare the arms' means."""
        for arm_name, lines in self.groups.items():
            self.put([label], arm_name, describe(column(lines, name), BASELINE))
        groups = [
            [float(value) for value in column(self.groups[arm_name], name) if value is not None]
            for arm_name in ARMS
        ]
        self.put([label], "P", {"p": p_value(methods.anova(groups))})

    def events(self, row: Sequence[str], events: Iterable[Line], places: int = 0) -> dict[str, int]:
        """Claim subjects with events and events by arm; give the subjects."""
        of_arm = by_arm(events)
        subject_counts = {arm_name: subjects(of_arm[arm_name]) for arm_name in self.groups}
        for arm_name, n in subject_counts.items():
            event_texts: Texts = {"events": str(len(of_arm[arm_name]))}
            self.put(row, arm_name, count(n, len(self.groups[arm_name]), places) | event_texts)
        return subject_counts

    def worst(self, label: str, events: Iterable[Line]) -> None:
        """Claim subjects by the worst severity that an event of theirs reached."""
        order = list(SEVERITIES)
        for arm_name, of_arm in by_arm(events).items():
            worst: dict[str, int] = {}
            for event in of_arm:
                if event["Severity"] in SEVERITIES:
                    place = order.index(event["Severity"])
                    worst[event["Subject"]] = max(place, worst.get(event["Subject"], 0))
            for place, level in enumerate(SEVERITIES.values()):
                n = sum(worst_place == place for worst_place in worst.values())
                self.put([label, level], arm_name, count(n, len(self.groups[arm_name])))


def by_arm(rows: Iterable[Line]) -> dict[str, list[Line]]:
    """Sort rows by the arm that was drawn."""
    lines = list(rows)
    return {label: [row for row in lines if row["Arm"] == arm] for label, arm in ARMS.items()}
