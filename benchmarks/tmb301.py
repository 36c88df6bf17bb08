"""What TMB-301's tables count and measure, as masks and columns over one frame of subjects.

Written once for pandas' series and polars' expressions: both know `&`, `|`, `~` and comparisons.
A mask is never missing: what a missing value is compared with is false.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any

type Column = Any
"""A series of pandas', or an expression of polars'."""
type Cell = tuple[str, str, str, str]
"""Table, row, column and statistic."""
type Counts = Iterator[tuple[Cell, Column]]
type Columns = dict[str, list[Any]]
"""Records of a kind, a list a column."""
CONTACTS = "contacts"
"""Every date of a record, by which a visit's window is known to be over."""
STATISTICS = ("n", "mean", "sd", "median", "min", "max")

DAYS = {"day-0": 0, "day-7": 7, "day-14": 14, "day-21": 21, "week-5": 35, "week-7": 49,
        "week-9": 63, "week-11": 77, "week-13": 91, "week-15": 105, "week-17": 119,
        "week-19": 133, "week-21": 147, "week-23": 161, "week-25": 175}  # fmt: skip
LOWS = (-1, 6, 12, 18, 25, 43, 57, 71, 85, 99, 113, 127, 141, 155, 169)
HIGHS = (1, 8, 17, 24, 42, 56, 70, 84, 98, 112, 126, 140, 154, 168, 182)
CD4_VISITS = ("day-7", "week-5", "week-9", "week-13", "week-17", "week-21", "week-25")
LOW, HIGH = (dict(zip(DAYS, bounds, strict=True)) for bounds in (LOWS, HIGHS))
OBSERVED = [
    f"{name}@{timepoint}" for name in ("log", "copies", "cd4") for timepoint in (*DAYS, "baseline")
]
"""The columns of what was observed."""
LOG_UNIT = 1_000_000
REASONS = {"death": "DEATH", "withdrawal": "WITHDRAWAL BY SUBJECT", "lost": "LOST TO FOLLOW-UP"}
PERIODS = {"control": (0, 6), "monotherapy": (7, 13), "maintenance": (14, 9_999)}
"""First and last protocol day."""
RASHES = ("Rash", "Rash erythematous", "Rash generalised", "Rash macular", "Rash maculo-papular",
          "Rash papular")  # fmt: skip
LEVELS = (
    ("14.1.4", "sex"), ("14.1.4", "race"), ("14.1.4", "ethnicity"), ("14.1.4", "country"),
    ("14.1.5", "oss"),
)  # fmt: skip
"""Characteristics counted by level, by table; the row has the characteristic's name."""
HAVING = {"screened": "subject.screened", "failed": "screening.failed", "missed": "dose.missed",
          "deviated": "deviation.recorded"}  # fmt: skip
"""Who has a record of a kind."""
EARLY = (0, 13)
"""The first and last protocol day on which a background regimen began too early."""
RECORDED = (
    ("14.1.1", "reason", "screening.failed", "reason", "screened"),
    ("14.1.6", "reason", "dose.missed", "reason", "treated"),
    ("14.1.7", "category", "deviation.recorded", "category", "all"),
    ("14.3.2.1", "cause", "death.reported", "cause", "treated"),
)
"""Fields of records counted by level: table, row, kind, field and the column of who counts."""


@dataclass(frozen=True)
class Subjects:
    """The frame of subjects, and how its kind of column says that a value is there."""

    columns: Mapping[str, Column]
    is_known: Callable[[Column], Column]

    def __getitem__(self, name: str) -> Column:
        """Give a column."""
        return self.columns[name]

    def at_least(self, value: Column, threshold: float) -> Column:
        """Say whose value is known and no less."""
        return self.is_known(value) & (value >= threshold)

    def below(self, threshold: int, visit: str = "week-25") -> Column:
        """Say who was below so many copies at a visit; "<20" is below 20."""
        value, below_limit = self[f"copies@{visit}"], self[f"less@{visit}"]
        return self.is_known(value) & ((value < threshold) | (below_limit & (value == threshold)))

    @property
    def control(self) -> Column:
        """The decrease in the control period."""
        return self["log@day-0"] - self["log@day-7"]

    def decrease(self, visit: str) -> Column:
        """Give the decrease from baseline to a visit."""
        return self["log@baseline"] - self[f"log@{visit}"]


def counts(s: Subjects) -> Counts:
    """Name every count of subjects."""
    for row, mask in (("screened", s["all"]), ("failed", s["failed"]), ("enrolled", s["all"])):
        yield ("14.1.1", row, "total", "n"), mask & s["screened"]
    yield from _disposition(s)
    for row, mask in (("itt", s["all"]), ("safety", s["treated"]), ("not-treated", ~s["treated"]),
                      ("completers", s["completed"])):  # fmt: skip
        yield ("14.1.3", row, "total", "n"), mask
    yield from _baseline(s)
    yield ("14.1.6", "missed", "total", "n"), s["missed"] & s["treated"]
    yield ("14.1.7", "any", "total", "n"), s["deviated"]
    yield ("14.1.7", "early-regimen", "total", "n"), s["early-regimen"]
    yield from _primary(s)
    for row, least in (("at-least-0.5", 0.5), ("at-least-1.0", 1.0)):
        yield ("14.2.2", row, "total", "n"), s.at_least(s.decrease("day-14"), least * LOG_UNIT)
    yield from _week25(s)
    for name, mask in _subgroups(s):
        yield ("14.2.5", "below-50", name, "n"), s.below(50) & mask
    yield from _snapshot(s)
    for visit in DAYS:
        yield ("14.2.9", f"below-50/{visit}", "total", "n"), s.below(50, visit)
    either = s["virologic-failure"] | s["rebound"]
    for row, mask in (
        ("failure-or-rebound", either),
        ("failure", s["virologic-failure"]),
        ("rebound", s["rebound"]),
        ("lower-susceptibility", either & s["lower"]),
    ):
        yield ("14.2.7", row, "total", "n"), mask
    yield ("14.3.1.1", "deaths", "total", "n"), s["died"] & s["treated"]
    yield ("14.3.2.1", "deaths", "total", "n"), s["died"] & s["treated"]
    yield ("14.3.2.1", "related", "total", "n"), s["died-related"] & s["treated"]


def sizes(s: Subjects) -> Iterator[tuple[str, Column]]:
    """Name the sizes of the analysis sets."""
    yield from (("screened", s["screened"]), ("enrolled", s["all"]), ("itt", s["all"]),
                ("safety", s["treated"]), ("completers", s["completed"]))  # fmt: skip
    for name, mask in _subgroups(s):
        yield f"itt-{name}", mask


def _subgroups(s: Subjects) -> Iterator[tuple[str, Column]]:
    copies, cd4, resistant = s["copies@baseline"], s["cd4@baseline"], s["insti-resistant"]
    yield from (
        ("cd4-low", cd4 < 50),  # noqa: PLR2004 (the definition's)
        ("cd4-middle", (cd4 >= 50) & (cd4 <= 200)),  # noqa: PLR2004
        ("cd4-high", cd4 > 200),  # noqa: PLR2004
        ("load-low", copies <= 100_000),  # noqa: PLR2004
        ("load-high", copies > 100_000),  # noqa: PLR2004
        ("insti", resistant == "Y"),
        ("no-insti", resistant == "N"),
    )


def _disposition(s: Subjects) -> Counts:
    table = "14.1.2"
    yield (table, "enrolled", "total", "n"), s["all"]
    yield (table, "treated", "total", "n"), s["treated"]
    yield (table, "completed", "total", "n"), s["completed"]
    yield (table, "ongoing", "total", "n"), ~(s["completed"] | s["discontinued"])
    for row, mask in (("discontinued", s["discontinued"]), *((row, s[row]) for row in REASONS)):
        yield (table, row, "total", "n"), mask
        for period in PERIODS:
            yield (table, row, period, "n"), mask & s[f"ended-in-{period}"]
    yield (table, "died", "total", "n"), s["died"]
    for period in PERIODS:
        yield (table, "died", period, "n"), s[f"died-in-{period}"]


def _baseline(s: Subjects) -> Counts:
    table, copies, cd4 = "14.1.5", s["copies@baseline"], s["cd4@baseline"]
    for row, mask in (
        ("up-to-100000", (copies <= 100_000)),  # noqa: PLR2004 (the definition's)
        ("above-100000", (copies > 100_000)),  # noqa: PLR2004
        ("cd4-below-10", (cd4 < 10)),  # noqa: PLR2004
        ("cd4-10-49", (cd4 >= 10) & (cd4 < 50)),  # noqa: PLR2004
        ("cd4-50-200", (cd4 >= 50) & (cd4 <= 200)),  # noqa: PLR2004
        ("cd4-above-200", (cd4 > 200)),  # noqa: PLR2004
        ("insti", s["insti-resistant"] == "Y"),
        ("agent", s["investigational-agent"] == "Y"),
    ):
        yield (table, row, "total", "n"), mask


def _primary(s: Subjects) -> Counts:
    table, half = "14.2.1", 0.5 * LOG_UNIT
    control, late = s.control, s.decrease("day-14")
    first, second = s.at_least(control, half), s.at_least(late, half)
    settled = (s.is_known(control) | s["due@day-7"]), (s.is_known(late) | s["due@day-14"])
    yield (table, "responders", "control", "n"), first
    yield (table, "responders", "day-14", "n"), second
    yield (table, "not-due", "control", "n"), ~settled[0]
    yield (table, "not-due", "day-14", "n"), ~settled[1]
    both_settled = settled[0] & settled[1]
    for name, mask in (
        ("both", first & second),
        ("first", first & ~second),
        ("second", ~first & second),
        ("neither", ~first & ~second),
        ("n", s["all"]),
    ):
        yield (table, "pairs", "comparison", name), both_settled & mask


def _week25(s: Subjects) -> Counts:
    table, decrease = "14.2.3.1", s.decrease("week-25")
    rows = {
        **{f"below-{copies}": s.below(copies) for copies in (50, 200, 400)},
        "at-least-0.5": s.at_least(decrease, 0.5 * LOG_UNIT),
        "at-least-1.0": s.at_least(decrease, 1.0 * LOG_UNIT),
        "more-than-2.0": s.is_known(decrease) & (decrease > 2 * LOG_UNIT),
        "not-due": ~(s.is_known(s["copies@week-25"]) | s["due@week-25"]),
    }
    for row, mask in rows.items():
        yield (table, row, "itt", "n"), mask
        yield (table, row, "completers", "n"), mask & s["completed"]
    for column, decreases in (("bocf", s["bocf"]), ("locf", s["locf"])):
        imputed = s.is_known(decreases) & ~s.is_known(s["log@week-25"])
        yield ("14.2.3.2", "decrease", column, "imputed"), imputed
        yield ("14.2.3.2", "decrease", column, "observed"), s.is_known(decreases) & ~imputed


def _snapshot(s: Subjects) -> Counts:
    below, assessed = s.below(50), s.is_known(s["copies@week-25"])
    missing = s["due@week-25"] & ~assessed
    for row, mask in (
        ("suppressed", below),
        ("not-suppressed", assessed & ~below),
        ("no-data", missing),
        ("discontinued", missing & s["discontinued"]),
        ("on-study", missing & ~s["discontinued"]),
        ("not-due", ~(assessed | s["due@week-25"])),
    ):
        yield ("14.2.8", row, "total", "n"), mask


@dataclass(frozen=True)
class Measure:
    """A value that is described: where, of whom, with which decimal places and statistics."""

    place: tuple[str, str, str]
    value: Column
    mask: Column
    places: int
    statistics: Sequence[str] = STATISTICS

    def described(self, results: Sequence[float | None]) -> dict[Cell, float]:
        """Name statistics found in units of the last place; those of nobody are left out."""
        unit = 10**self.places
        return {
            (*self.place, name): value if name == "n" else value / unit
            for name, value in zip(self.statistics, results, strict=True)
            if value is not None and not isnan(value)
        }


def measures(s: Subjects) -> Iterator[Measure]:
    """Name every value that is described."""
    all_subjects = s["all"]
    yield Measure(("14.1.4", "age", "total"), s["age"], all_subjects, 0)
    yield Measure(("14.1.5", "viral-load", "total"), s["log@baseline"], all_subjects, 6)
    copies = ("n", "mean", "median", "min", "max")
    yield Measure(("14.1.5", "copies", "total"), s["copies@baseline"], all_subjects, 0, copies)
    yield Measure(("14.1.5", "cd4", "total"), s["cd4@baseline"], all_subjects, 0)
    yield Measure(("14.1.5", "years", "total"), s["years-since-diagnosis"], all_subjects, 0)
    infusions = ("14.1.6", "infusions", "total")
    yield Measure(infusions, s["infusions"], s["treated"], 0, STATISTICS[:3])
    responders = s.at_least(s.control, 0.5 * LOG_UNIT)
    place = ("14.2.1", "responders-decrease", "control")
    yield Measure(place, s.control, responders, 6, ("n", "mean"))
    yield Measure(("14.2.2", "value", "total"), s["log@day-14"], all_subjects, 6)
    yield Measure(("14.2.2", "decrease", "total"), s.decrease("day-14"), all_subjects, 6)
    yield from _decreases(s)
    for table, name, visits, places in (
        ("14.2.4", "log", DAYS, 6),
        ("14.2.6", "cd4", CD4_VISITS, 0),
    ):
        for visit in visits:
            value, base = s[f"{name}@{visit}"], s[f"{name}@baseline"]
            row = f"visit/{visit}"
            yield Measure((table, row, "value"), value, all_subjects, places, STATISTICS[:4])
            yield Measure(
                (table, row, "change"), value - base, all_subjects, places, STATISTICS[:3]
            )


def _decreases(s: Subjects) -> Iterator[Measure]:
    late, below, completed = s.decrease("week-25"), s.below(50), s["completed"]
    for column, value, mask in (
        ("bocf", s["bocf"], s["all"]),
        ("locf", s["locf"], s["all"]),
        ("observed", late, s["all"]),
        ("completers", late, completed),
    ):
        yield Measure(("14.2.3.2", "decrease", column), value, mask, 6)
    for column, mask in (("observed", below), ("completers", below & completed)):
        place = ("14.2.3.2", "decrease-below-50", column)
        yield Measure(place, late, mask, 6, STATISTICS[:3])


@dataclass(frozen=True)
class Events:
    """A row of adverse events: table, row and the mask of its events (all safety subjects')."""

    table: str
    row: str
    mask: Column


def events(e: Mapping[str, Column], has: Callable[[Column, str], Column]) -> Iterator[Events]:
    """Name every row of adverse events; `has` says whether a list holds a criterion."""
    emergent, related, serious = e["emergent"], e["related"], e["serious"]
    for row, mask in (
        ("any", emergent),
        ("related", emergent & related),
        ("grade-3", emergent & (e["grade"] >= 3)),  # noqa: PLR2004 (the definition's)
        ("serious", emergent & serious),
        ("serious-related", emergent & serious & related),
        ("serious-death", emergent & has(e["seriousness"], "DEATH")),
        ("serious-hospitalisation", emergent & has(e["seriousness"], "HOSPITALISATION")),
        ("withdrawn", emergent & (e["action_taken"] == "DRUG WITHDRAWN")),
        ("fatal", emergent & (e["outcome"] == "FATAL")),
    ):
        yield Events("14.3.1.1", row, mask)
    yield Events("14.3.1.2", "any", emergent)
    yield Events("14.3.2.2", "any", emergent & serious)


@dataclass(frozen=True)
class Terms:
    """A table's row for each term: by which columns, of some events, common terms only."""

    table: str
    row: str
    by: Sequence[str]
    mask: Column
    minimum_percent: int = 0


def terms(e: Mapping[str, Column]) -> Iterator[Terms]:
    """Name every table of terms, that of classes and terms once for each."""
    emergent, related, serious = e["emergent"], e["related"], e["serious"]
    for table, mask in (("14.3.1.2", emergent), ("14.3.2.2", emergent & serious)):
        yield Terms(table, "term", ["soc"], mask)
        yield Terms(table, "term", ["soc", "pt"], mask)
    yield Terms("14.3.1.3", "term", ["pt"], emergent, minimum_percent=5)
    yield Terms("14.3.1.4", "term", ["pooled"], emergent & related, minimum_percent=5)
    yield Terms("14.3.1.5", "soc", ["soc"], emergent)


@dataclass(frozen=True)
class Worst:
    """Rows of subjects by the worst grade of some events, of all or of each class's."""

    table: str
    row: str
    by: Sequence[str]
    mask: Column


def worst(e: Mapping[str, Column]) -> Iterator[Worst]:
    """Name every row of worst grades."""
    emergent, table = e["emergent"], "14.3.1.5"
    yield Worst(table, "any", [], emergent)
    yield Worst(table, "related", [], emergent & e["related"])
    yield Worst(table, "soc", ["soc"], emergent)


def level(value: object) -> str:
    """Name a level as the tables do: a number as briefly as it can be written."""
    if isinstance(value, str):
        return value
    return "" if value is None or isnan(value) else f"{value:g}"  # type: ignore[arg-type]
