"""Of random definitions and subjects, every count, denominator and percentage is recounted.

Who waits and who is missing too. The recount knows the subjects as they are made up here, and has
a three-valued logic of its own: nothing of the service says what is due or settled.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import builders
import soak
from builders import adverse_event, contact, day, disposition, dose, enrolment, entry
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from parallel import PARALLEL

from trial.definition.study import Study
from trial.events.envelope import Entry
from trial.tables.grid import Grid

Json = dict[str, Any]
Truth = bool | None
WINDOWS = {"v1": (8, 12), "v2": (18, 25)}
DAYS = {"v1": 10, "v2": 20}


@dataclass(frozen=True)
class Person:
    """A subject: what is known of it, and how far it has come."""

    name: str
    sex: str | None
    arm: str | None
    region: str | None
    x: Mapping[str, int]
    """Results by the visit that they are of."""
    contact_day: int
    has_ended: bool
    dosed: bool
    events: tuple[tuple[bool, int | None], ...]
    """Of each adverse event whether it was serious, and its grade."""

    def entries(self) -> Iterator[Entry]:
        yield enrolment(subject=self.name, **({"sex": self.sex} if self.sex else {}))
        if self.arm:
            strata = {"strata": {"region": self.region}} if self.region else {}
            allocation = {"date": day(0), "arm": self.arm} | strata
            yield entry("subject.randomised", self.name, **allocation)
        for visit, x in self.x.items():
            result = {"record": visit, "parameter": "x", "collected": day(DAYS[visit])}
            yield entry("lab.result.reported", self.name, **result, result=str(x), unit="u")
        if self.dosed:
            yield dose(0, subject=self.name)
        for i, (serious, grade) in enumerate(self.events):
            fields = {} if grade is None else {"grade": grade}
            yield adverse_event(0, f"AE-{i}", self.name, serious=serious, **fields)
        yield contact(self.contact_day, self.name)
        if self.has_ended:
            yield disposition(self.contact_day, "completed", self.name)

    def due(self, *visits: str) -> bool:
        last = max([self.contact_day, *(DAYS[visit] for visit in self.x)])
        return self.has_ended or all(last > WINDOWS[visit][1] for visit in visits)


@st.composite
def persons(draw: st.DrawFn) -> list[Person]:
    people = []
    for i in range(draw(st.integers(1, 9))):
        arm = draw(st.sampled_from(["a", "b", "a", "b", None]))
        people.append(
            Person(
                f"S-{i}",
                draw(st.sampled_from(["M", "F", None])),
                arm,
                draw(st.sampled_from(["north", "south", None])) if arm else None,
                draw(st.dictionaries(st.sampled_from(["v1", "v2"]), st.integers(0, 6))),
                draw(st.sampled_from([0, 15, 40])),
                draw(st.booleans()),
                draw(st.booleans()),
                tuple(draw(st.lists(st.tuples(st.booleans(), st.sampled_from([None, 1, 3])),
                                    max_size=2))),
            )
        )  # fmt: skip
    return people


# What is asked, and the answers


MEASURES: Mapping[str, Json] = {
    "m1": {"parameter": "x", "at": "v1"},
    "m2": {"parameter": "x", "at": "v2"},
    "change": {"parameter": "x", "at": "v2", "change_from": "first"},
    "less": {"difference": ["m1", "m2"]},
}
CLASSES: Mapping[str, Json] = {
    "g1": {"label": "G", "measure": "m1", "classes": [
        {"value": "low", "label": "Low", "at_most": 1},
        {"value": "high", "label": "High", "at_least": 4}]},
    "g2": {"label": "G", "measure": "m2", "missing": "none", "classes": [
        {"value": "low", "label": "Low", "at_most": 2},
        {"value": "none", "label": "None", "at_least": 3}]},
    "g3": {"label": "G", "missing": "ill", "classes": [
        {"value": "ill", "label": "Ill", "condition": {"adverse_event": {"grade_at_least": 3}}},
        {"value": "up", "label": "Up", "condition": {"measure": "change", "at_least": 1}},
        {"value": "dosed", "label": "Dosed", "condition": {"all": [
            {"recorded": "dose.administered"}, {"characteristic": "g2", "levels": ["low"]}]}}]},
    "g4": {"label": "G", "classes": [
        {"value": "zero", "label": "Zero", "condition": "c0"},
        {"value": "one", "label": "One", "condition": {"any": ["c1", {"characteristic": "g3",
                                                                    "levels": ["up"]}]}}]},
}  # fmt: skip
LEVELS: Mapping[str, Sequence[str]] = {
    "sex": ["M", "F"], "arm": ["a", "b"], "region": ["north", "south"],
    "g1": ["low", "high"], "g2": ["low", "none"], "g3": ["ill", "up", "dosed"],
    "g4": ["zero", "one"],
}  # fmt: skip
NAMED_IN_CONDITIONS = sorted(LEVELS.keys() - {"g4"})  # which is made of them


def measured(person: Person, name: str) -> tuple[int | None, bool]:
    """Give a measure of a subject, and whether it is due."""
    first, two = person.x.get("v1"), person.x.get("v2")
    both_known = first is not None and two is not None
    match name:
        case "m1":
            return first, person.due("v1")
        case "m2":
            return two, person.due("v2")
        case "change":
            return (two - first if both_known else None), person.due("v2")  # type: ignore[operator]
        case _:
            return (first - two if both_known else None), person.due("v1", "v2")  # type: ignore[operator]


def level(person: Person, name: str, conditions: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Give the level of a subject and, where there is none, whether it waits."""
    if name == "sex":
        return person.sex, False
    if name in ("arm", "region"):
        return getattr(person, name), person.arm is None and not person.has_ended
    return classed(person, CLASSES[name], conditions, str(CLASSES[name].get("measure")))


def classed(
    person: Person, classes: Json, conditions: Mapping[str, Any], measure: str
) -> tuple[str | None, bool]:
    """Give the class of a subject and, where there is none, whether it waits."""
    if "measure" not in classes:
        return by_condition(person, classes, conditions, measure)
    value, due = measured(person, measure)
    if value is None:
        return (classes.get("missing") if due else None), not due
    for class_ in classes["classes"]:
        if class_.get("at_most", 99) >= value >= class_.get("at_least", -99):
            return class_["value"], False
    return "Other", False


def by_condition(
    person: Person, classes: Json, conditions: Mapping[str, Any], measure: str
) -> tuple[str | None, bool]:
    """Give the first class whose condition is true, unless one before it is not known."""
    for class_ in classes["classes"]:
        condition = class_["condition"]
        if isinstance(condition, dict) and condition.get("measure") == {"parameter": "x"}:
            condition = condition | {"measure": measure}
        truth, waits = answer(person, condition, conditions, strict=True)
        if truth is None:
            return (None if waits else classes.get("missing")), waits
        if truth:
            return class_["value"], False
    return "Other", False


def needs(condition: Any, conditions: Mapping[str, Any]) -> Iterator[str]:
    """List the measures that a condition, or a category, is about."""
    if isinstance(condition, str):
        condition = conditions[condition]
    for operator in ("all", "any", "none"):
        for part in condition.get(operator, ()):
            yield from needs(part, conditions)
    if "measure" in condition:
        yield condition["measure"]
    classes = CLASSES.get(condition.get("characteristic"), {})
    yield from [classes["measure"]] if "measure" in classes else ()
    for class_ in classes.get("classes", ()):
        yield from needs(class_["condition"], conditions) if "condition" in class_ else ()


def answer(  # noqa: PLR0911 (a form each)
    person: Person, condition: Any, conditions: Mapping[str, Any], *, strict: bool = False
) -> tuple[Truth, bool]:
    """Give the answer to a condition and, where it is open, whether it waits for something.

    If it is strict, an event without a grade has none that is known.
    """
    if isinstance(condition, str):
        return answer(person, conditions[condition], conditions, strict=strict)
    for operator in ("all", "any", "none"):
        if operator in condition:
            parts = [
                answer(person, part, conditions, strict=strict) for part in condition[operator]
            ]
            truths = [truth for truth, _ in parts]
            decisive = operator != "all"
            kleene: Truth = None if None in truths else not decisive
            kleene = decisive if decisive in truths else kleene
            if operator == "none" and kleene is not None:
                kleene = not kleene
            return kleene, any(truth is None and waits for truth, waits in parts)
    if "recorded" in condition:
        recorded = {"dose.administered": person.dosed, "subject.randomised": person.arm is not None,
                "disposition.recorded": person.has_ended, "visit.recorded": True}  # fmt: skip
        return recorded[condition["recorded"]], False
    if "adverse_event" in condition:
        criteria = condition["adverse_event"]
        ungraded = strict and "grade_at_least" in criteria and any(not g for _, g in person.events)
        met = any(
            serious is criteria.get("serious", serious)
            and (grade or 0) >= criteria.get("grade_at_least", 0)
            for serious, grade in person.events
        )
        return (None if ungraded and not met else met), False
    if "characteristic" in condition:
        level_found, waits = level(person, condition["characteristic"], conditions)
        return (None if level_found is None else level_found in condition["levels"]), waits
    value, due = measured(person, condition["measure"])
    if value is None:
        fails = "assessed" in condition or condition.get("missing") == "failure"
        return (False if due and fails else None), not due
    if "assessed" in condition:
        return True, False
    return value >= condition.get("at_least", -99) and value <= condition.get("at_most", 99), False


LEAVES = st.one_of(
    st.sampled_from(["dose.administered", "subject.randomised", "disposition.recorded"]).map(
        lambda kind: {"recorded": kind}
    ),
    st.sampled_from([{"serious": True}, {"grade_at_least": 3}]).map(
        lambda criteria: {"adverse_event": criteria}
    ),
    st.sampled_from(NAMED_IN_CONDITIONS).flatmap(
        lambda name: st.sampled_from(LEVELS[name]).map(
            lambda level: {"characteristic": name, "levels": [level]}
        )
    ),
    st.builds(
        lambda name, bound, least, rule: {"measure": name, bound: least} | rule,
        st.sampled_from(sorted(MEASURES)),
        st.sampled_from(["at_least", "at_most"]),
        st.integers(-2, 5),
        st.sampled_from([{}, {"missing": "failure"}, {"missing": "excluded"}]),
    ),
    st.sampled_from(sorted(MEASURES)).map(lambda name: {"measure": name, "assessed": True}),
)
CONDITIONS = st.recursive(
    LEAVES,
    lambda inner: st.builds(
        lambda operator, parts: {operator: parts},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=4,
)
REFS = st.one_of(CONDITIONS, st.sampled_from(["c0", "c1"]))
VISIT = st.builds(
    lambda bound, rule: {"measure": {"parameter": "x"}, "at_least": bound} | rule,
    st.integers(0, 5),
    st.sampled_from([{}, {"missing": "failure"}]),
)


IN_PLACE: Json = {
    "label": "X", "measure": {"parameter": "x"}, "classes": CLASSES["g1"]["classes"],
}  # fmt: skip
IN_PLACE_BY_CONDITION: Json = {"label": "Y", "missing": "high", "classes": [
    {"value": "low", "label": "Low", "condition": {"measure": {"parameter": "x"}, "at_most": 2}},
    {"value": "high", "label": "High", "condition": {"recorded": "dose.administered"}}],
}  # fmt: skip


@st.composite
def rows(draw: st.DrawFn) -> Json:  # noqa: PLR0911 (a kind each)
    kind = draw(st.sampled_from(["count", "count", "count", "visits", "not_due", "levels",
                                 "pairs", "stratified", "shift", "cross",
                                 "levels-by-visit", "shift-by-visit"]))  # fmt: skip
    denominator = draw(
        st.sampled_from(
            [
                {},
                {},
                {"denominator": "column"},
                {"denominator": "determined"},
                {"denominator": "c1"},
                {"denominator": {"set": "dosed"}},
            ]
        )
    )
    match kind:
        case "count":
            where_part = {"where": draw(REFS)} if draw(st.booleans()) else {}
            by_column = {"total": draw(REFS), "a": draw(REFS)}
            return {"count": draw(st.one_of(REFS, st.just(by_column)))} | where_part | denominator
        case "visits":
            return {"count": draw(VISIT), "visits": ["v1", "v2"]} | denominator
        case "levels":
            denominator = draw(st.sampled_from([denominator, {"denominator": "assessed"}]))
            return {
                "levels": {"characteristic": draw(st.sampled_from(sorted(LEVELS)))}
            } | denominator
        case "pairs":
            return {"pairs": [draw(REFS), draw(REFS)], "column": "total"}
        case "stratified":
            strata = draw(st.sampled_from([["region"], ["sex", "region"], ["g1"]]))
            return {"stratified": {"count": draw(REFS), "strata": strata}}
        case "shift":
            return {"shift": {"before": "g1", "after": "g2"} | draw(options("before", "after"))}
        case "cross":
            first, second = draw(st.lists(st.sampled_from(sorted(LEVELS)), min_size=2, max_size=2,
                                          unique=True))  # fmt: skip
            crossed = {"first": first, "second": second} | draw(options("first", "second"))
            crossed.pop("zero_counts", None)
            return {"cross": crossed}
        case "levels-by-visit":
            classes = draw(st.sampled_from([IN_PLACE, IN_PLACE_BY_CONDITION]))
            return {"levels": {"characteristic": classes}, "visits": ["v1", "v2"]} | denominator
        case "shift-by-visit":
            after = draw(st.sampled_from([IN_PLACE, IN_PLACE_BY_CONDITION]))
            shift = {"before": "g1", "after": after} | draw(options("before", "after"))
            return {"shift": shift, "visits": ["v1", "v2"] if draw(st.booleans()) else ["v2"]}
        case _:
            return {kind: draw(REFS)}


def subgrouped(row: Json) -> st.SearchStrategy[Json]:
    """Draw whether a row is made for each subgroup, of some levels or of all that are declared."""
    women = {"characteristic": "sex", "values": [{"value": "F", "label": "Female"}]}
    by_class = [{"characteristic": name} for name in ("g1", "g4", "region")]
    return st.sampled_from(
        [row, row, *(row | {"subgroups": subgroup} for subgroup in (women, *by_class))]
    )


@st.composite
def options(draw: st.DrawFn, *factors: str) -> Json:
    """Draw what percentages are of, and what else is shown, each given or left out."""
    options_drawn: Json = {}
    if draw(st.booleans()):
        options_drawn["percent_of"] = draw(st.sampled_from(["known", "column", *factors]))
    for name in ("missing", "zero_counts"):
        if draw(st.booleans()):
            options_drawn[name] = draw(st.booleans())
    return options_drawn


DOSED = {"recorded": "dose.administered"}
COLUMNS: Sequence[Json] = (
    {"id": "total", "label": "Total", "set": "enrolled"},
    {"id": "a", "label": "A", "set": "enrolled", "arm": "a"},
    {"id": "b", "label": "B", "set": "enrolled", "arm": "b"},
    {"id": "some", "label": "Some", "set": "enrolled"},
    {"id": "c", "label": "C", "compare": ["b", "a"], "counts": "newcombe"},
)


@st.composite
def definitions(draw: st.DrawFn) -> Json:
    columns = [dict(column) for column in COLUMNS]
    columns[3]["where"] = draw(REFS)
    rows_drawn = [draw(subgrouped(row)) for row in draw(st.lists(rows(), min_size=1, max_size=5))]
    return {
        "conditions": {"c0": draw(CONDITIONS), "c1": draw(CONDITIONS)},
        "columns": columns,
        "rows": [{"id": f"r{i}", "label": f"Row {i}"} | row for i, row in enumerate(rows_drawn)],
    }


def study_of(definition: Json) -> Study:
    window = {"days_from": "enrolment"}
    table = {"id": "t", "title": "T", "population": "P"}
    return builders.tiny(
        **dict(PARALLEL)
        | {
            "visits": [
                {"id": name, "label": name, "day": DAYS[name], "window": list(bounds)} | window
                for name, bounds in WINDOWS.items()
            ]
            + [{"id": "day-0", "label": "Day 0"}],
            "parameters": {"x": {"label": "X", "unit": "u", "minimum": 0, "maximum": 99}},
            "baselines": {"first": {"visit": "v1"}},
            "measures": MEASURES,
            "classes": CLASSES,
            "conditions": definition["conditions"] | {"all": {"recorded": "subject.enrolled"}},
            "sets": {
                "enrolled": {"label": "Enrolled", "condition": "all"},
                "dosed": {"label": "Dosed", "condition": DOSED},
            },
            "tables": [table | {"columns": definition["columns"], "rows": definition["rows"]}],
            "key_results": [],
            "listings": [],
            "flow": {
                "title": "F",
                "stages": [
                    {"id": "s", "label": "S", "box": {"id": "e", "label": "E", "count": "all"}}
                ],
            },
        }
    )


# The recount


Cells = dict[tuple[str, str], dict[str, Any]]
"""By row and column: the statistics as they should be, exactly."""


class Recount:
    """What every row of counts should print."""

    def __init__(self, definition: Json, people: Sequence[Person]) -> None:
        self.made, self.people = definition, people
        self.named = definition["conditions"]
        self.cells: Cells = {}
        for row in definition["rows"]:
            if "subgroups" in row:
                self.subgroups(row)
                continue
            kind = next(kind_ for kind_ in ("count", "not_due", "levels", "pairs", "stratified",
                                          "shift", "cross") if kind_ in row)  # fmt: skip
            getattr(self, kind)(row)

    def subgroups(self, row: Json) -> None:
        """Count the row again of the people of each subgroup."""
        inner, subgroup = dict(row), row["subgroups"]
        del inner["subgroups"]
        name = subgroup["characteristic"]
        for value in [value_["value"] for value_ in subgroup.get("values", ())] or LEVELS[name]:
            people = [person for person in self.people if self.level(person, name)[0] == value]
            rows = [inner | {"id": f"{row['id']}/{value}"}]
            self.cells |= Recount(self.made | {"rows": rows}, people).cells

    def level(self, person: Person, name: str) -> tuple[str | None, bool]:
        return level(person, name, self.named)

    def columns(self) -> Iterator[tuple[str, list[Person], Any]]:
        for column in self.made["columns"]:
            if "set" in column:
                members = [
                    person for person in self.people if column.get("arm") in (None, person.arm)
                ]
                yield column["id"], members, column.get("where")

    def shown(self, people: list[Person], condition: Any) -> tuple[list[Person], int]:
        """Give who a column shows, and of how many it is known whether it does."""
        if condition is None:
            return people, len(people)
        truths = [(person, answer(person, condition, self.named)[0]) for person in people]
        return [person for person, truth in truths if truth], sum(t is not None for _, t in truths)

    def ask(self, people: list[Person], parts: list[Any], row: Json) -> dict[str, Any]:
        """Count the yeses of those of whom the answer is known, and who waits or is missing."""
        denominator = row.get("denominator", "determined")
        if denominator not in ("determined", "column"):
            people = [person for person in people if self.based(person, denominator)]
        answers = [answer(person, {"all": parts}, self.named) for person in people]
        n = sum(truth is True for truth, _ in answers)
        waiting = sum(truth is None and waits for truth, waits in answers)
        missing = sum(truth is None and not waits for truth, waits in answers)
        size = len(people) if denominator == "column" else len(people) - waiting - missing
        return counted(n, size, waiting, missing)

    def count(self, row: Json) -> None:
        for visit in row.get("visits", [None]):
            cells: dict[str, dict[str, Any]] = {}
            for column, members, condition in self.columns():
                counted_ = row["count"]
                if not isinstance(counted_, str) and not _is_condition(counted_):
                    if column not in counted_:
                        continue
                    counted_ = counted_[column]
                if visit:
                    counted_ = counted_ | {"measure": {"v1": "m1", "v2": "m2"}[visit]}
                parts = [
                    part for part in (condition, row.get("where"), counted_) if part is not None
                ]
                cells[column] = self.ask(members, parts, row)
            name = f"{row['id']}/{visit}" if visit else row["id"]
            self.cells |= {(name, column): cell for column, cell in cells.items()}
            if {"a", "b"} <= cells.keys():
                self.cells[name, "c"] = compared(cells["b"], cells["a"])

    def not_due(self, row: Json) -> None:
        for column, members, condition in self.columns():
            parts = [part for part in (condition, row["not_due"]) if part is not None]
            waiting = self.ask(members, parts, {}).get("not_due", 0)
            self.cells[row["id"], column] = counted(waiting, len(members), 0, 0)

    def levels(self, row: Json) -> None:
        name = row["levels"]["characteristic"]
        if "visits" not in row:
            return self.at_levels(row, row["id"], lambda person: self.level(person, name), name)
        for visit, measure in (("v1", "m1"), ("v2", "m2")):
            self.at_levels(
                row,
                f"{row['id']}/{visit}",
                lambda person, measure=measure: classed(person, name, self.named, measure),
                "g1",
            )
        return None

    def based(self, person: Person, denominator: Any) -> bool:
        """Say whether a subject is in a denominator that a row names."""
        return bool(answer(person, DOSED if "set" in denominator else denominator, self.named)[0])

    def at_levels(self, row: Json, id_: str, placed: Any, name: str) -> None:
        denominator = row.get("denominator", "determined")
        tallies: dict[str, tuple[Counter[str], int]] = {}
        for column, members, condition in self.columns():
            if denominator == "assessed" and name in CLASSES:
                measures = list(needs({"characteristic": name}, self.named))
                members = [  # noqa: PLW2901
                    person for person in members
                    if all(measured(person, measure)[0] is not None for measure in measures)
                ]  # fmt: skip
            elif denominator not in ("determined", "column", "assessed"):
                members = [person for person in members if self.based(person, denominator)]  # noqa: PLW2901
            shown_people, n_known = self.shown(members, condition)
            tally = Counter(_placed(*placed(person)) for person in shown_people)
            n_left_out = tally["(not yet due)"] + tally[""]
            tallies[column] = (
                tally,
                len(members) if denominator == "column" else n_known - n_left_out,
            )
        values = set().union(*(tally for tally, _ in tallies.values()))
        fixed = set(LEVELS[name]) if name in CLASSES else set()
        for value in values | fixed:
            for column, (tally, size) in tallies.items():
                apart = value in ("", "(not yet due)") and denominator != "column"
                cell = {"n": tally[value]} if apart else counted(tally[value], size, 0, 0)
                self.cells[f"{id_}/{value}", column] = cell
        at_a_level = (values | fixed) - {"", "(not yet due)"}
        if name == "sex" or len(at_a_level) > len(
            LEVELS[name]
        ):  # else of the first, in the heading
            for value in at_a_level:
                first, second = (counted(tallies[c][0][value], tallies[c][1], 0, 0) for c in "ba")
                self.cells[f"{id_}/{value}", "c"] = compared(first, second)

    def pairs(self, row: Json) -> None:
        _, members, _ = next(self.columns())
        answers = [
            [answer(person, condition, self.named) for condition in row["pairs"]]
            for person in members
        ]
        pair_counts = Counter(
            (first, second) for (first, _), (second, _) in answers if None not in (first, second)
        )
        waiting = sum(any(truth is None and waits for truth, waits in pair) for pair in answers)
        n = sum(pair_counts.values())
        cell = {
            "n": n,
            "both": pair_counts[True, True],
            "first": pair_counts[True, False],
            "second": pair_counts[False, True],
            "neither": pair_counts[False, False],
        }
        self.cells[row["id"], "total"] = cell | beside(waiting, len(members) - n - waiting)

    def stratified(self, row: Json) -> None:
        condition, strata = row["stratified"]["count"], row["stratified"]["strata"]
        for column, members, column_condition in self.columns():
            subset, _ = self.shown(members, column_condition)
            n = size = waiting = 0
            for person in subset:
                parts = [
                    answer(person, condition, self.named),
                    *(self.level(person, name) for name in strata),
                ]
                if all(part is not None for part, _ in parts):
                    size, n = size + 1, n + bool(parts[0][0])
                elif any(part is None and waits for part, waits in parts):
                    waiting += 1
            self.cells[row["id"], column] = counted(n, size, waiting, len(subset) - size - waiting)

    def shift(self, row: Json) -> None:
        shift = row["shift"]
        if "visits" not in row:
            finders = [lambda person, name=name: self.level(person, name) for name in ("g1", "g2")]
            seconds = [*LEVELS["g2"], "Other"]
            self.crossed(row["id"], shift, ("before", "after"), finders, seconds)
        for visit in row.get("visits", ()):
            measure = {"v1": "m1", "v2": "m2"}[visit]
            finders = [
                lambda person: self.level(person, "g1"),
                lambda person, measure=measure: classed(
                    person, shift["after"], self.named, measure
                ),
            ]
            seconds = [*LEVELS["g1"], "Other"]
            self.crossed(f"{row['id']}/{visit}", shift, ("before", "after"), finders, seconds)

    def cross(self, row: Json) -> None:
        cross, factors = row["cross"], ("first", "second")
        finders = [
            lambda person, name=cross[factor]: self.level(person, name) for factor in factors
        ]
        self.crossed(row["id"], cross, factors, finders, [])

    def pairs_of_levels(self, part: Json, finders: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Count pairs by column, with all of the column; and apart who is at none."""
        everybody: dict[str, tuple[Counter[tuple[str, ...]], int]] = {}
        apart: dict[str, Counter[str]] = {}
        for column, members, column_condition in self.columns():
            subset, _ = self.shown(members, column_condition)
            pairs: Counter[tuple[str, ...]] = Counter()
            left_out: Counter[str] = Counter()
            for person in subset:
                levels = [find(person) for find in finders]
                if any(level_ is None and waits for level_, waits in levels):
                    left_out["(not yet due)"] += 1
                elif part.get("missing") or all(level_ is not None for level_, _ in levels):
                    pairs[tuple(level_ or "(missing)" for level_, _ in levels)] += 1
                else:
                    left_out["(missing)"] += 1
            everybody[column], apart[column] = (pairs, len(members)), left_out
        return everybody, apart

    def crossed(
        self, id_: str, part: Json, factors: tuple[str, str], finders: Any, seconds: list[str]
    ) -> None:
        """Count pairs of levels, and what they are of."""
        everybody, apart = self.pairs_of_levels(part, finders)
        rows = {
            pair[:depth] for pairs, _ in everybody.values() for pair in pairs for depth in (1, 2)
        }
        if part.get("zero_counts"):
            missing = ["(missing)"] if part.get("missing") else []
            firsts = [*LEVELS["g1"], "Other", *missing]
            rows |= {(first,) for first in firsts}
            rows |= {(first, second) for first in firsts for second in [*seconds, *missing]}
        of_what = part.get("percent_of", "known")
        for levels in rows:
            for column, (pairs, whole) in everybody.items():
                n = sum(count for pair, count in pairs.items() if pair[: len(levels)] == levels)
                size = whole if of_what == "column" else pairs.total()
                if of_what in factors and len(levels) == 2:
                    position = factors.index(of_what)
                    size = sum(
                        count for pair, count in pairs.items() if pair[position] == levels[position]
                    )
                self.cells["/".join([id_, *levels]), column] = counted(n, size, 0, 0)
        for value in set().union(*apart.values()):
            for column, left_out in apart.items():
                n, whole = left_out[value], everybody[column][1]
                cell = counted(n, whole, 0, 0) if of_what == "column" else {"n": n}
                self.cells[f"{id_}/{value}", column] = cell


def _is_condition(part: Json) -> bool:
    return part.keys() != {"total", "a"}


def _placed(level_: str | None, waits: bool) -> str:  # noqa: FBT001
    return level_ if level_ is not None else "(not yet due)" if waits else ""


def counted(n: int, size: int, waiting: int, missing: int) -> dict[str, Any]:
    percent = Fraction(100 * n, size) if size else None
    return {"n": n, "N": size, "percent": percent} | beside(waiting, missing)


def beside(waiting: int, missing: int) -> dict[str, Any]:
    return {name: n for name, n in (("not_due", waiting), ("missing", missing)) if n}


def compared(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Give the difference of two percentages, where both groups and both answers have anybody."""
    yes, no = first["n"] + second["n"], first["N"] + second["N"] - first["n"] - second["n"]
    if not (first["N"] and second["N"] and yes and no):
        return {}
    return {"difference": second["percent"] - first["percent"]}


def printed(grid: Grid) -> Cells:
    """Read what a table prints: numbers as they are kept, and a percentage as it is told."""
    numbers_of: Cells = {}
    for row in grid.rows:
        for cell in row.cells:
            statistics = {statistic.name: statistic for statistic in cell.statistics}
            numbers: dict[str, Any] = {}
            for name in ("n", "N", "percent", "not_due", "missing", "both", "first", "second",
                         "neither", "difference"):  # fmt: skip
                if name in statistics:
                    raw = statistics[name].raw
                    numbers[name] = None if raw is None else Fraction(str(raw))
            if "both" in statistics:
                numbers.pop("difference", None)
            if "percent" in statistics:
                assert statistics["percent"].text == told(numbers["n"], numbers["N"])
            numbers_of[row.id, cell.column] = numbers
    return numbers_of


def told(n: Fraction, size: Fraction) -> str:
    """Write a percentage: none for nobody, and neither 0 for some nor 100 for less than all."""
    if not n:
        return ""
    exact = Decimal(int(100 * n)) / Decimal(int(size))
    rounded = exact.quantize(Decimal(1), ROUND_HALF_UP)
    return "<1" if not rounded else ">99" if rounded == 100 and n < size else f"{rounded}"


def near(first: Any, second: Any) -> bool:
    if first is None or second is None:
        return first is second
    return abs(first - second) < Fraction(1, 10**9)


EXAMPLES = soak.size(120, 20_000)
TRIED: Counter[str] = Counter()


@seed(soak.seed(f"{EXAMPLES:,} definitions of counts"))
@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(definitions(), persons())
def test_every_count_and_denominator_is_recounted(definition: Json, people: list[Person]) -> None:
    entries = [event for person in people for event in person.entries()]
    grid = builders.tables_of(study_of(definition), entries)["t"]
    expected, printed_cells = Recount(definition, people).cells, printed(grid)
    printed_cells = {
        place: cell for place, cell in printed_cells.items() if place[1] != "c" or place in expected
    }
    assert printed_cells.keys() == expected.keys()
    for place, cell in expected.items():
        assert printed_cells[place].keys() == cell.keys(), (place, printed_cells[place], cell)
        for name, number in cell.items():
            assert near(printed_cells[place][name], number), (
                place,
                name,
                printed_cells[place],
                cell,
            )
    TRIED.update(definitions=1, cells=len(printed_cells))


def test_how_many_were_tried() -> None:
    soak.note(f"{TRIED['definitions']:,} definitions, {TRIED['cells']:,} cells recounted")
    assert TRIED["cells"] > 5 * TRIED["definitions"] > 0
