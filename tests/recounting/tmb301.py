"""TMB-301's tables, recounted from the listings of the same workbook.

The rules that a reviewer needs beyond the listings' columns stand here as the protocol and the
tables' footnotes have them: who is in a set, what a responder is, which events count.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

from recounting.arithmetic import Texts, count, describe, p_value, text
from recounting.claims import Claims, Recounted
from recounting.sheets import Book, Line
from scipy import stats

Test = Callable[[Line], Any]

SEXES = {"Male": "M", "Female": "F"}
RACES = {"White": "WHITE", "Black or African American": "BLACK OR AFRICAN AMERICAN",
         "Asian": "ASIAN", "Other": "OTHER"}  # fmt: skip
ETHNICITIES = {"Hispanic or Latino": "HISPANIC OR LATINO",
               "Not Hispanic or Latino": "NOT HISPANIC OR LATINO"}  # fmt: skip
COUNTRIES = {"United States": "USA", "Taiwan": "TWN"}
SCORES = {"0": "0", "1": "1", "2": "2", "3": "3", "Unknown": ""}
PERIODS = {"Control period": (0, 6), "Functional monotherapy": (7, 13),
           "Maintenance": (14, 10**6)}  # fmt: skip
"""Protocol days of each period; day 0 is enrolment."""
ENDS = {"Death": "DEATH", "Withdrawal by subject": "WITHDRAWAL BY SUBJECT",
        "Lost to follow-up": "LOST TO FOLLOW-UP"}  # fmt: skip
GRADES = {1: "Grade 1 (mild)", 2: "Grade 2 (moderate)", 3: "Grade 3 (severe)",
          4: "Grade 4 (life-threatening)", 5: "Grade 5 (fatal)"}  # fmt: skip
RASH = {"Rash", *(f"Rash {which}" for which in ("erythematous", "generalised", "macular",
                                                "maculo-papular", "papular"))}  # fmt: skip
VISITS = ("Day 0", "Day 7", "Day 14", "Day 21",
          *(f"Week {week}" for week in (5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25)))  # fmt: skip
CD4_VISITS = ("Day 7", "Week 5", "Week 9", "Week 13", "Week 17", "Week 21", "Week 25")
COMMON = 5
"""The per cent of the safety population from which a common event is shown, inclusive."""
TOTAL = "Total"


def recount(book: Book) -> Claims:
    """Recount every table."""
    return Recount(book).claims


class Recount:
    def __init__(self, book: Book) -> None:
        self.rows = book.listings
        self.claims = Claims()
        subjects: dict[str, Line] = {}
        for listing in ("16.2.4", "16.2.4.2", "16.2.6.3"):
            for row in self.rows[listing]:
                subjects.setdefault(row["Subject"], {}).update(row)
        everyone = list(subjects.values())
        self.itt = [each for each in everyone if each["Intention-to-treat"] == "Y"]
        self.safety = [each for each in everyone if each["Safety"] == "Y"]
        self.completers = [each for each in everyone if each["Completers"] == "Y"]
        emergent = [row for row in self.rows["16.2.7"] if row["Treatment-emergent"] == "Y"]
        self.emergent = among(self.safety, emergent)
        self.disposition()
        self.demographics()
        self.conduct()
        self.primary()
        self.week25()
        self.visits()
        self.failure()
        self.overview()
        self.terms()
        self.grades()
        self.deaths()

    def total(self, name: str, of: Sequence[Line]) -> Recounted:
        return self.claims.table(name, {TOTAL: len(of)})

    def disposition(self) -> None:
        screened = list({row["Subject"]: row for row in self.rows["16.2.1.2"]}.values())
        failed = among(screened, self.rows["16.2.1.3"])
        table = self.total("14.1.1", screened)
        counted(table, ["Screened"], screened, lambda _: True)
        having(table, ["Screening failures"], screened, failed)
        having_each(table, ["Reason"], screened, failed, "Reason")
        counted(table, ["Enrolled"], screened, lambda it: it["Enrolled"] == "Y")

        of = self.itt
        table = self.claims.table("14.1.2", dict.fromkeys([*PERIODS, TOTAL], len(of)))
        counted(table, ["Enrolled"], of, lambda it: it["Enrolled"])
        counted(table, ["Received the loading dose"], of, lambda it: it["Safety"] == "Y")
        counted(table, ["Completed the study"], of, lambda it: it["End of study"] == "completed")
        counted(table, ["Ongoing"], of, lambda it: it["End of study"] is None)
        left = "Discontinued the study"
        by_period(table, [left], of, "End date", lambda it: it["End of study"] == "discontinued")
        for label, why in ENDS.items():
            by_period(table, [left, label], of, "End date", lambda it, w=why: it["Reason"] == w)
        by_period(table, ["Died (any report of death)"], of, "Date of death",
                  lambda it: it["Date of death"])  # fmt: skip

        table = self.total("14.1.3", of)
        counted(table, ["Intention-to-treat"], of, lambda _: True)
        counted(table, ["Safety"], of, lambda it: it["Safety"] == "Y")
        counted(table, ["Safety", "Excluded from safety (not treated)"], of,
                lambda it: it["Safety"] == "N")  # fmt: skip
        counted(table, ["Completers"], of, lambda it: it["Completers"] == "Y")

    def demographics(self) -> None:
        of = self.itt
        table = self.total("14.1.4", of)
        summarised(table, ["Age (years)"], column(of, "Age"), 0)
        for label, levels in (("Sex", SEXES), ("Race", RACES), ("Ethnicity", ETHNICITIES),
                              ("Country", COUNTRIES)):  # fmt: skip
            levelled(table, label, of, label, levels)

        table = self.total("14.1.5", of)
        copies, cd4 = "HIV-1 RNA (copies/mL)", "CD4 (cells/uL)"
        load, count_ = "HIV-1 RNA (copies/mL, arithmetic)", "CD4 cell count (cells/uL)"
        summarised(table, ["HIV-1 RNA (log10 copies/mL)"],
                   column(of, "HIV-1 RNA (log10 copies/mL)"), 1)  # fmt: skip
        summarised(table, [load], column(of, copies), 0, ("mean", "median", "min", "max"))
        summarised(table, [count_], column(of, cd4), 0)
        for row, name, test in (
            ([load, "100 000 copies/mL or less"], copies, lambda x: x <= 100_000),
            ([load, "More than 100 000 copies/mL"], copies, lambda x: x > 100_000),
            ([count_, "Below 10"], cd4, lambda x: x < 10),
            ([count_, "10 to 49"], cd4, lambda x: 10 <= x < 50),
            ([count_, "50 to 200"], cd4, lambda x: 50 <= x <= 200),
            ([count_, "Above 200"], cd4, lambda x: x > 200),
        ):
            counted(table, row, of, lambda it, n=name, t=test: it[n] is not None and t(it[n]))
        summarised(table, ["Years since HIV-1 diagnosis"], column(of, "Years since diagnosis"), 0)
        counted(table, ["Resistant to integrase inhibitors"], of,
                lambda it: it["Resistant to integrase inhibitors"] == "Y")  # fmt: skip
        levelled(table, "Overall susceptibility score", of, "Overall susceptibility score", SCORES)
        counted(table, ["Investigational agent in the background regimen"], of,
                lambda it: it["Investigational agent"] == "Y")  # fmt: skip

    def conduct(self) -> None:
        of = self.safety
        table = self.total("14.1.6", of)
        given = Counter(
            row["Subject"] for row in self.rows["16.2.5"] if row["Treatment"] == "ibalizumab"
        )
        infusions = [given[each["Subject"]] for each in of]
        summarised(table, ["Infusions"], infusions, 0, ("mean", "sd"))
        missed = among(of, self.rows["16.2.5.3"])
        having(table, ["At least one infusion missed"], of, missed)
        having_each(table, ["At least one infusion missed", "Reason"], of, missed, "Reason")

        of = self.itt
        table = self.total("14.1.7", of)
        deviations = among(of, self.rows["16.2.2"])
        having(table, ["Any protocol deviation"], of, deviations)
        having_each(table, ["Category"], of, deviations, "Category")
        early = [row for row in self.rows["16.2.5.2"] if 0 <= row["Protocol day"] < 14]
        having(table, ["Background regimen begun before day 14"], of, among(of, early))

    def primary(self) -> None:
        of = self.itt
        responses = {"Control period (day 0 to 7)": "Control-period responder",
                     "Day 7 to day 14": "Day-14 responder"}  # fmt: skip
        table = self.claims.table("14.2.1", dict.fromkeys([*responses, "Comparison"], len(of)))
        for at, name in responses.items():
            yes = sum(each[name] == "Y" for each in of)
            table.put(["Responders"], at, count(yes, len(of), exact=True))
            counted(table, ["Not yet due"], of, lambda it, n=name: it[n] is None, at)
        decreases = [each["Control-period decrease (log10)"] for each in of
                     if each["Control-period responder"] == "Y"]  # fmt: skip
        table.put(["Decrease among control-period responders (log10 copies/mL)"],
                  "Control period (day 0 to 7)", describe(decreases, 1, ("mean",)))  # fmt: skip
        table.put(["Paired responses (control, day 14)"], "Comparison", self.pairs())

        table = self.total("14.2.2", of)
        summarised(table, ["Day 14 (log10 copies/mL)"], column(of, "Day 14 (log10)"), 1)
        decrease = "Day-14 decrease (log10)"
        summarised(table, ["Decrease from baseline (log10 copies/mL)"], column(of, decrease), 1)
        for least in ("0.5", "1.0"):
            counted(table, [f"Decrease of at least {least} log10"], of,
                    lambda it, x=least: reaches(it[decrease], x), exact=True)  # fmt: skip

    def pairs(self) -> Texts:
        """McNemar's exact test looks at those alone who responded in one period and not both."""
        pairs = Counter(
            (each["Control-period responder"], each["Day-14 responder"]) for each in self.itt
        )
        both, first, second, neither = (
            pairs[control, day_14] for control in "YN" for day_14 in "YN"
        )
        n = both + first + second + neither
        discordant = first + second
        p = stats.binomtest(first, discordant).pvalue if discordant else 1.0
        names = ("n", "both", "first", "second", "neither")
        numbers = dict(zip(names, map(str, (n, both, first, second, neither)), strict=True))
        difference = text(Fraction(100 * (second - first), n), 1) if n else ""
        return numbers | {"difference": difference, "p": p_value(float(p)) if n else ""}

    def week25(self) -> None:
        sets = {"Intention-to-treat": self.itt, "Completers": self.completers}
        sizes = {name: len(of) for name, of in sets.items()}
        table = self.claims.table("14.2.3.1", sizes)
        decrease = "Week-25 decrease (log10)"
        for at, of in sets.items():
            for limit in (50, 200, 400):
                counted(table, [f"Below {limit} copies/mL"], of,
                        lambda it, x=limit: it[f"Below {x}"] == "Y", at, exact=True)  # fmt: skip
            for least in ("0.5", "1.0"):
                counted(table, [f"Decrease of at least {least} log10"], of,
                        lambda it, x=least: reaches(it[decrease], x), at, exact=True)  # fmt: skip
            counted(table, ["Decrease of more than 2.0 log10"], of,
                    lambda it: it[decrease] is not None and it[decrease] > 2, at, exact=True)  # fmt: skip
            counted(table, ["Not yet due"], of, lambda it: it["Below 50"] is None, at)

        shown = {
            "Baseline carried forward": ("Week-25 decrease, baseline carried forward", self.itt),
            "Last observation carried forward":
                ("Week-25 decrease, last carried forward", self.itt),
            "Observed": (decrease, self.itt),
            "Completers (observed)": (decrease, self.completers),
        }  # fmt: skip
        table = self.claims.table("14.2.3.2", {at: len(of) for at, (_, of) in shown.items()})
        for at, (name, of) in shown.items():
            imputed = sum(each[name] is not None and each[decrease] is None for each in of)
            table.put(["Decrease from baseline"], at,
                      describe(column(of, name), 1, imputed=None if name == decrease else imputed))  # fmt: skip
            if name == decrease:
                low = [each[name] for each in of if each["Below 50"] == "Y"]
                table.put(["Decrease among those below 50 copies/mL"], at,
                          describe(low, 1, ("mean", "sd")))  # fmt: skip

        cd4, load, insti = ("CD4 (cells/uL)", "HIV-1 RNA (copies/mL)",
                            "Resistant to integrase inhibitors")  # fmt: skip
        groups: dict[str, tuple[str, Callable[[Any], bool]]] = {
            "CD4 below 50": (cd4, lambda x: x < 50),
            "CD4 50 to 200": (cd4, lambda x: 50 <= x <= 200),
            "CD4 above 200": (cd4, lambda x: x > 200),
            "100 000 copies/mL or less": (load, lambda x: x <= 100_000),
            "More than 100 000 copies/mL": (load, lambda x: x > 100_000),
            "Resistant to integrase inhibitors": (insti, lambda x: x == "Y"),
            "Not resistant": (insti, lambda x: x == "N"),
        }
        members = {
            at: [each for each in self.itt if each[name] is not None and test(each[name])]
            for at, (name, test) in groups.items()
        }
        table = self.claims.table("14.2.5", {at: len(of) for at, of in members.items()})
        for at, of in members.items():
            counted(table, ["Below 50 copies/mL"], of, lambda it: it["Below 50"] == "Y", at,
                    exact=True)  # fmt: skip

    def visits(self) -> None:
        for name, listing, value, base, places, visits in (
            ("14.2.4", "16.2.6", "log10 as counted", "Baseline (log10)", 1, VISITS),
            ("14.2.6", "16.2.6.2", "Value as counted", "Baseline", 0, CD4_VISITS),
        ):
            sizes = dict.fromkeys(("Value", "Change from baseline"), len(self.itt))
            table = self.claims.table(name, sizes)
            for visit in visits:
                rows = [row for row in among(self.itt, self.rows[listing])
                        if visit in (row["Chosen for visit"] or "").split("; ")]  # fmt: skip
                table.put([visit], "Value",
                          describe(column(rows, value), places, ("mean", "sd", "median")))  # fmt: skip
                changes = [row[value] - row[base] for row in rows if row[base] is not None]
                table.put(
                    [visit], "Change from baseline", describe(changes, places, ("mean", "sd"))
                )

    def failure(self) -> None:
        of = self.itt
        table = self.total("14.2.7", of)
        outcomes = {
            name: {row["Subject"] for row in self.rows["16.2.6.5"] if row["Outcome"] == name}
            for name in ("virologic-failure", "rebound")
        }
        either = set().union(*outcomes.values())
        lower = {row["Subject"] for row in self.rows["16.2.6.4"]
                 if (row["Drug"], row["Susceptibility"]) == ("ibalizumab", "reduced")}  # fmt: skip
        any_of = "Virologic failure or rebound (adjudicated)"
        for row, subjects in (
            ([any_of], either),
            ([any_of, "Virologic failure"], outcomes["virologic-failure"]),
            ([any_of, "Rebound"], outcomes["rebound"]),
            (["Failure or rebound with lower susceptibility than at baseline"], either & lower),
        ):
            counted(table, row, of, lambda it, s=subjects: it["Subject"] in s)

        table = self.total("14.2.8", of)
        none = "No virologic data in the window"
        due = [each for each in of if each["Below 50"] == "N"]
        missing = [each for each in due if each["Week 25 (copies/mL)"] is None]
        left = [each for each in missing if each["End of study"] == "discontinued"]
        for row, n in (
            (["HIV-1 RNA below 50 copies/mL"], sum(each["Below 50"] == "Y" for each in of)),
            (["HIV-1 RNA of 50 copies/mL or more"], len(due) - len(missing)),
            ([none], len(missing)),
            ([none, "Discontinued the study"], len(left)),
            ([none, "On study"], len(missing) - len(left)),
            (["Not yet due"], sum(each["Below 50"] is None for each in of)),
        ):
            table.put(row, TOTAL, count(n, len(of)))

    def met(self, table: Recounted, row: Sequence[str], events: Sequence[Line]) -> None:
        n = len({each["Subject"] for each in events})
        table.put(row, TOTAL, count(n, len(self.safety)) | {"events": str(len(events))})

    def overview(self) -> None:
        table = self.total("14.3.1.1", self.safety)
        top = "Any treatment-emergent adverse event"
        self.met(table, [top], self.emergent)
        for label, test in (
            ("Related to treatment", related),
            ("Grade 3 or higher", lambda it: (it["Grade"] or 0) >= 3),
            ("Serious", serious),
            ("Serious and related to treatment", lambda it: serious(it) and related(it)),
            ("Serious: death", lambda it: "DEATH" in criteria(it)),
            ("Serious: hospitalisation", lambda it: "HOSPITALISATION" in criteria(it)),
            ("Leading to withdrawal of treatment",
             lambda it: it["Action taken"] == "DRUG WITHDRAWN"),
            ("Fatal outcome", lambda it: it["Outcome"] == "FATAL"),
        ):  # fmt: skip
            self.met(table, [top, label], list(filter(test, self.emergent)))
        dead = among(self.safety, self.rows["16.2.7.3"])
        having(table, ["Deaths (any cause, no time limit)"], self.safety, dead)

    def terms(self) -> None:
        for name, top, events in (
            ("14.3.1.2", "Any treatment-emergent adverse event", self.emergent),
            ("14.3.2.2", "Any serious treatment-emergent adverse event",
             list(filter(serious, self.emergent))),
        ):  # fmt: skip
            table = self.total(name, self.safety)
            self.met(table, [top], events)
            for soc, of_class in grouped(events, lambda it: it["System organ class"]):
                self.met(table, [soc], of_class)
                for pt, of_term in grouped(of_class, lambda it: it["Preferred term"]):
                    self.met(table, [soc, pt], of_term)
        for name, events, term in (
            ("14.3.1.3", self.emergent, lambda it: it["Preferred term"]),
            ("14.3.1.4", list(filter(related, self.emergent)), pooled),
        ):
            table = self.total(name, self.safety)
            for label, of_term in grouped(events, term):
                n = len({each["Subject"] for each in of_term})
                if 100 * n >= COMMON * len(self.safety):
                    self.met(table, [label], of_term)

    def grades(self) -> None:
        table = self.total("14.3.1.5", self.safety)
        self.worst(table, "Worst grade of any event", self.emergent)
        self.worst(table, "Worst grade of related events", list(filter(related, self.emergent)))
        for soc, of_class in grouped(self.emergent, lambda it: it["System organ class"]):
            self.met(table, [soc], of_class)
            self.worst(table, soc, of_class)

    def worst(self, table: Recounted, label: str, events: Iterable[Line]) -> None:
        """Each subject counts once, at its worst grade."""
        worst: dict[str, int] = {}
        for each in events:
            worst[each["Subject"]] = max(worst.get(each["Subject"], 0), int(each["Grade"] or 0))
        for grade, name in GRADES.items():
            n = sum(each == grade for each in worst.values())
            table.put([label, name], TOTAL, count(n, len(self.safety)))

    def deaths(self) -> None:
        of = self.safety
        table, dead = self.total("14.3.2.1", of), among(of, self.rows["16.2.7.3"])
        having(table, ["Deaths"], of, dead)
        having_each(table, ["Cause of death as reported"], of, dead, "Cause as reported")
        by_treatment = [row for row in dead if row["Related to treatment"] == "Y"]
        having(table, ["Related to treatment"], of, by_treatment)


def among(subjects: Iterable[Line], rows: Iterable[Line]) -> list[Line]:
    """Keep the rows that are of these subjects."""
    names = {each["Subject"] for each in subjects}
    return [row for row in rows if row["Subject"] in names]


def column(rows: Iterable[Line], name: str) -> list[Any]:
    return [row[name] for row in rows]


def grouped(rows: Iterable[Line], name: Callable[[Line], str]) -> list[tuple[str, list[Line]]]:
    found: dict[str, list[Line]] = {}
    for row in rows:
        found.setdefault(name(row), []).append(row)
    return list(found.items())


def counted(
    table: Recounted, row: Sequence[str], of: Sequence[Line], test: Test, at: str = TOTAL,
    *, exact: bool = False,
) -> None:  # fmt: skip
    """Claim how many of some subjects pass a test."""
    table.put(row, at, count(sum(bool(test(each)) for each in of), len(of), exact=exact))


def summarised(
    table: Recounted, row: Sequence[str], values: Iterable[Any], places: int,
    wanted: Sequence[str] = ("mean", "sd", "median", "min", "max"),
) -> None:  # fmt: skip
    table.put(row, TOTAL, describe(values, places, wanted))


def having(table: Recounted, row: Sequence[str], of: Sequence[Line], rows: list[Line]) -> None:
    """Claim how many subjects have a row at all."""
    table.put(row, TOTAL, count(len({each["Subject"] for each in rows}), len(of)))


def having_each(
    table: Recounted, row: Sequence[str], of: Sequence[Line], rows: list[Line], name: str
) -> None:
    """Claim how many subjects have a row with each of the values that occur."""
    for value, those in grouped(rows, lambda it: it[name]):
        having(table, [*row, value], of, those)


def levelled(
    table: Recounted, label: str, of: Sequence[Line], name: str, levels: dict[str, str]
) -> None:
    """Claim how many subjects are at each level, and at what is none of them."""
    tally = Counter("" if each[name] is None else str(each[name]) for each in of)
    named = {**{value: value or "Not reported" for value in tally},
             **{value: shown for shown, value in levels.items()}}  # fmt: skip
    for value, shown in named.items():
        table.put([label, shown], TOTAL, count(tally[value], len(of)))


def by_period(
    table: Recounted, row: Sequence[str], of: Sequence[Line], at: str, test: Test
) -> None:
    """Claim how many there are in all, and by the period that a date lies in."""
    counted(table, row, of, test)
    for period, (first, last) in PERIODS.items():
        counted(table, row, of,
                lambda it, a=first, b=last: test(it) and a <= protocol_day(it, at) <= b, period)  # fmt: skip


def protocol_day(row: Line, name: str) -> int:
    """Count days from enrolment to a date; of a partial one, to the first day it can mean."""
    if row[name] is None:
        return -1
    began, at = (date.fromisoformat((row[each] + "-01-01")[:10]) for each in ("Enrolled", name))
    return (at - began).days


def reaches(value: Decimal | None, least: str) -> bool:
    return value is not None and value >= Decimal(least)


def serious(event: Line) -> bool:
    return bool(event["Serious"] == "Y")


def related(event: Line) -> bool:
    """Related as reported; and where no causality was."""
    return event["Causality"] in ("RELATED", None)


def criteria(event: Line) -> list[str]:
    return (event["Seriousness criteria"] or "").split("; ")


def pooled(event: Line) -> str:
    return "Rash (pooled)" if event["Preferred term"] in RASH else str(event["Preferred term"])
