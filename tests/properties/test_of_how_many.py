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
    seen: int
    over: bool
    dosed: bool
    events: tuple[tuple[bool, int | None], ...]
    """Of each adverse event whether it was serious, and its grade."""

    def entries(self) -> Iterator[Entry]:
        yield enrolment(subject=self.name, **({"sex": self.sex} if self.sex else {}))
        if self.arm:
            strata = {"strata": {"region": self.region}} if self.region else {}
            drawn = {"date": day(0), "arm": self.arm} | strata
            yield entry("subject.randomised", self.name, **drawn)
        for visit, x in self.x.items():
            result = {"record": visit, "parameter": "x", "collected": day(DAYS[visit])}
            yield entry("lab.result.reported", self.name, **result, result=str(x), unit="u")
        if self.dosed:
            yield dose(0, subject=self.name)
        for i, (serious, grade) in enumerate(self.events):
            known = {} if grade is None else {"grade": grade}
            yield adverse_event(0, f"AE-{i}", self.name, serious=serious, **known)
        yield contact(self.seen, self.name)
        if self.over:
            yield disposition(self.seen, "completed", self.name)

    def due(self, *visits: str) -> bool:
        last = max([self.seen, *(DAYS[visit] for visit in self.x)])
        return self.over or all(last > WINDOWS[visit][1] for visit in visits)


@st.composite
def persons(draw: st.DrawFn) -> list[Person]:
    made = []
    for i in range(draw(st.integers(1, 9))):
        arm = draw(st.sampled_from(["a", "b", "a", "b", None]))
        made.append(
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
    return made


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


def measured(who: Person, name: str) -> tuple[int | None, bool]:
    """Give a measure of a subject, and whether it is due."""
    one, two = who.x.get("v1"), who.x.get("v2")
    known = one is not None and two is not None
    match name:
        case "m1":
            return one, who.due("v1")
        case "m2":
            return two, who.due("v2")
        case "change":
            return (two - one if known else None), who.due("v2")  # type: ignore[operator]
        case _:
            return (one - two if known else None), who.due("v1", "v2")  # type: ignore[operator]


def level(who: Person, name: str, named: Mapping[str, Any]) -> tuple[str | None, bool]:
    """Give the level of a subject and, where there is none, whether it waits."""
    if name == "sex":
        return who.sex, False
    if name in ("arm", "region"):
        return getattr(who, name), who.arm is None and not who.over
    return classed(who, CLASSES[name], named, str(CLASSES[name].get("measure")))


def classed(
    who: Person, classes: Json, named: Mapping[str, Any], measure: str
) -> tuple[str | None, bool]:
    """Give the class of a subject and, where there is none, whether it waits."""
    if "measure" not in classes:
        return by_condition(who, classes, named, measure)
    value, due = measured(who, measure)
    if value is None:
        return (classes.get("missing") if due else None), not due
    for each in classes["classes"]:
        if each.get("at_most", 99) >= value >= each.get("at_least", -99):
            return each["value"], False
    return "Other", False


def by_condition(
    who: Person, classes: Json, named: Mapping[str, Any], measure: str
) -> tuple[str | None, bool]:
    """Give the first class whose condition is true, unless one before it is not known."""
    for each in classes["classes"]:
        asked = each["condition"]
        if isinstance(asked, dict) and asked.get("measure") == {"parameter": "x"}:
            asked = asked | {"measure": measure}
        truth, waits = answer(who, asked, named, strict=True)
        if truth is None:
            return (None if waits else classes.get("missing")), waits
        if truth:
            return each["value"], False
    return "Other", False


def needs(asked: Any, named: Mapping[str, Any]) -> Iterator[str]:
    """List the measures that a condition, or a category, is about."""
    if isinstance(asked, str):
        asked = named[asked]
    for how in ("all", "any", "none"):
        for part in asked.get(how, ()):
            yield from needs(part, named)
    if "measure" in asked:
        yield asked["measure"]
    classes = CLASSES.get(asked.get("characteristic"), {})
    yield from [classes["measure"]] if "measure" in classes else ()
    for each in classes.get("classes", ()):
        yield from needs(each["condition"], named) if "condition" in each else ()


def answer(  # noqa: PLR0911 (a form each)
    who: Person, asked: Any, named: Mapping[str, Any], *, strict: bool = False
) -> tuple[Truth, bool]:
    """Give the answer to a condition and, where it is open, whether it waits for something.

    If it is strict, an event without a grade has none that is known.
    """
    if isinstance(asked, str):
        return answer(who, named[asked], named, strict=strict)
    for how in ("all", "any", "none"):
        if how in asked:
            parts = [answer(who, each, named, strict=strict) for each in asked[how]]
            truths = [truth for truth, _ in parts]
            decisive = how != "all"
            found: Truth = None if None in truths else not decisive
            found = decisive if decisive in truths else found
            if how == "none" and found is not None:
                found = not found
            return found, any(truth is None and waits for truth, waits in parts)
    if "recorded" in asked:
        held = {"dose.administered": who.dosed, "subject.randomised": who.arm is not None,
                "disposition.recorded": who.over, "visit.recorded": True}  # fmt: skip
        return held[asked["recorded"]], False
    if "adverse_event" in asked:
        wanted = asked["adverse_event"]
        ungraded = strict and "grade_at_least" in wanted and any(not g for _, g in who.events)
        met = any(
            serious is wanted.get("serious", serious)
            and (grade or 0) >= wanted.get("grade_at_least", 0)
            for serious, grade in who.events
        )
        return (None if ungraded and not met else met), False
    if "characteristic" in asked:
        at, waits = level(who, asked["characteristic"], named)
        return (None if at is None else at in asked["levels"]), waits
    value, due = measured(who, asked["measure"])
    if value is None:
        fails = "assessed" in asked or asked.get("missing") == "failure"
        return (False if due and fails else None), not due
    if "assessed" in asked:
        return True, False
    return value >= asked.get("at_least", -99) and value <= asked.get("at_most", 99), False


LEAVES = st.one_of(
    st.sampled_from(["dose.administered", "subject.randomised", "disposition.recorded"]).map(
        lambda kind: {"recorded": kind}
    ),
    st.sampled_from([{"serious": True}, {"grade_at_least": 3}]).map(
        lambda wanted: {"adverse_event": wanted}
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
        lambda how, parts: {how: parts},
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
    of = draw(st.sampled_from([{}, {}, {"denominator": "column"}, {"denominator": "determined"},
                               {"denominator": "c1"},
                               {"denominator": {"set": "dosed"}}]))  # fmt: skip
    match kind:
        case "count":
            where = {"where": draw(REFS)} if draw(st.booleans()) else {}
            by_column = {"total": draw(REFS), "a": draw(REFS)}
            return {"count": draw(st.one_of(REFS, st.just(by_column)))} | where | of
        case "visits":
            return {"count": draw(VISIT), "visits": ["v1", "v2"]} | of
        case "levels":
            of = draw(st.sampled_from([of, {"denominator": "assessed"}]))
            return {"levels": {"characteristic": draw(st.sampled_from(sorted(LEVELS)))}} | of
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
            return {"levels": {"characteristic": classes}, "visits": ["v1", "v2"]} | of
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
    return st.sampled_from([row, row, *(row | {"subgroups": of} for of in (women, *by_class))])


@st.composite
def options(draw: st.DrawFn, *factors: str) -> Json:
    """Draw what percentages are of, and what else is shown, each given or left out."""
    given: Json = {}
    if draw(st.booleans()):
        given["percent_of"] = draw(st.sampled_from(["known", "column", *factors]))
    for name in ("missing", "zero_counts"):
        if draw(st.booleans()):
            given[name] = draw(st.booleans())
    return given


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
    asked = [draw(subgrouped(row)) for row in draw(st.lists(rows(), min_size=1, max_size=5))]
    return {
        "conditions": {"c0": draw(CONDITIONS), "c1": draw(CONDITIONS)},
        "columns": columns,
        "rows": [{"id": f"r{i}", "label": f"Row {i}"} | row for i, row in enumerate(asked)],
    }


def study_of(made: Json) -> Study:
    window = {"days_from": "enrolment"}
    table = {"id": "t", "title": "T", "population": "P"}
    return builders.tiny(
        **dict(PARALLEL)
        | {
            "visits": [{"id": name, "label": name, "day": DAYS[name], "window": list(of)} | window
                       for name, of in WINDOWS.items()]
            + [{"id": "day-0", "label": "Day 0"}],
            "parameters": {"x": {"label": "X", "unit": "u", "minimum": 0, "maximum": 99}},
            "baselines": {"first": {"visit": "v1"}},
            "measures": MEASURES,
            "classes": CLASSES,
            "conditions": made["conditions"] | {"all": {"recorded": "subject.enrolled"}},
            "sets": {"enrolled": {"label": "Enrolled", "condition": "all"},
                     "dosed": {"label": "Dosed", "condition": DOSED}},
            "tables": [table | {"columns": made["columns"], "rows": made["rows"]}],
            "key_results": [], "listings": [],
            "flow": {"title": "F", "stages": [{"id": "s", "label": "S", "box":
                     {"id": "e", "label": "E", "count": "all"}}]},
        }
    )  # fmt: skip


# The recount


Cells = dict[tuple[str, str], dict[str, Any]]
"""By row and column: the statistics as they should be, exactly."""


class Recount:
    """What every row of counts should print."""

    def __init__(self, made: Json, people: Sequence[Person]) -> None:
        self.made, self.people = made, people
        self.named = made["conditions"]
        self.cells: Cells = {}
        for row in made["rows"]:
            if "subgroups" in row:
                self.subgroups(row)
                continue
            kind = next(each for each in ("count", "not_due", "levels", "pairs", "stratified",
                                          "shift", "cross") if each in row)  # fmt: skip
            getattr(self, kind)(row)

    def subgroups(self, row: Json) -> None:
        """Count the row again of the people of each subgroup."""
        inner, of = dict(row), row["subgroups"]
        del inner["subgroups"]
        name = of["characteristic"]
        for value in [each["value"] for each in of.get("values", ())] or LEVELS[name]:
            people = [person for person in self.people if self.level(person, name)[0] == value]
            rows = [inner | {"id": f"{row['id']}/{value}"}]
            self.cells |= Recount(self.made | {"rows": rows}, people).cells

    def level(self, who: Person, name: str) -> tuple[str | None, bool]:
        return level(who, name, self.named)

    def columns(self) -> Iterator[tuple[str, list[Person], Any]]:
        for column in self.made["columns"]:
            if "set" in column:
                of = [person for person in self.people if column.get("arm") in (None, person.arm)]
                yield column["id"], of, column.get("where")

    def shown(self, of: list[Person], where: Any) -> tuple[list[Person], int]:
        """Give who a column shows, and of how many it is known whether it does."""
        if where is None:
            return of, len(of)
        truths = [(each, answer(each, where, self.named)[0]) for each in of]
        return [each for each, truth in truths if truth], sum(t is not None for _, t in truths)

    def ask(self, of: list[Person], parts: list[Any], row: Json) -> dict[str, Any]:
        """Count the yeses of those of whom the answer is known, and who waits or is missing."""
        wanted = row.get("denominator", "determined")
        if wanted not in ("determined", "column"):
            of = [each for each in of if self.based(each, wanted)]
        answers = [answer(each, {"all": parts}, self.named) for each in of]
        n = sum(truth is True for truth, _ in answers)
        waiting = sum(truth is None and waits for truth, waits in answers)
        missing = sum(truth is None and not waits for truth, waits in answers)
        size = len(of) if wanted == "column" else len(of) - waiting - missing
        return counted(n, size, waiting, missing)

    def count(self, row: Json) -> None:
        for visit in row.get("visits", [None]):
            found: dict[str, dict[str, Any]] = {}
            for column, of, where in self.columns():
                asked = row["count"]
                if not isinstance(asked, str) and not _is_condition(asked):
                    if column not in asked:
                        continue
                    asked = asked[column]
                if visit:
                    asked = asked | {"measure": {"v1": "m1", "v2": "m2"}[visit]}
                parts = [each for each in (where, row.get("where"), asked) if each is not None]
                found[column] = self.ask(of, parts, row)
            name = f"{row['id']}/{visit}" if visit else row["id"]
            self.cells |= {(name, column): cell for column, cell in found.items()}
            if {"a", "b"} <= found.keys():
                self.cells[name, "c"] = compared(found["b"], found["a"])

    def not_due(self, row: Json) -> None:
        for column, of, where in self.columns():
            parts = [each for each in (where, row["not_due"]) if each is not None]
            waiting = self.ask(of, parts, {}).get("not_due", 0)
            self.cells[row["id"], column] = counted(waiting, len(of), 0, 0)

    def levels(self, row: Json) -> None:
        name = row["levels"]["characteristic"]
        if "visits" not in row:
            return self.at_levels(row, row["id"], lambda who: self.level(who, name), name)
        for visit, measure in (("v1", "m1"), ("v2", "m2")):
            self.at_levels(
                row,
                f"{row['id']}/{visit}",
                lambda who, measure=measure: classed(who, name, self.named, measure),
                "g1",
            )
        return None

    def based(self, who: Person, wanted: Any) -> bool:
        """Say whether a subject is in a denominator that a row names."""
        return bool(answer(who, DOSED if "set" in wanted else wanted, self.named)[0])

    def at_levels(self, row: Json, id_: str, placed: Any, name: str) -> None:
        wanted = row.get("denominator", "determined")
        tallies: dict[str, tuple[Counter[str], int]] = {}
        for column, of, where in self.columns():
            if wanted == "assessed" and name in CLASSES:
                measures = list(needs({"characteristic": name}, self.named))
                of = [  # noqa: PLW2901
                    each for each in of
                    if all(measured(each, measure)[0] is not None for measure in measures)
                ]  # fmt: skip
            elif wanted not in ("determined", "column", "assessed"):
                of = [each for each in of if self.based(each, wanted)]  # noqa: PLW2901
            shown, known = self.shown(of, where)
            tally = Counter(_placed(*placed(each)) for each in shown)
            left = tally["(not yet due)"] + tally[""]
            tallies[column] = tally, len(of) if wanted == "column" else known - left
        found = set().union(*(tally for tally, _ in tallies.values()))
        always = set(LEVELS[name]) if name in CLASSES else set()
        for value in found | always:
            for column, (tally, size) in tallies.items():
                apart = value in ("", "(not yet due)") and wanted != "column"
                cell = {"n": tally[value]} if apart else counted(tally[value], size, 0, 0)
                self.cells[f"{id_}/{value}", column] = cell
        at_a_level = (found | always) - {"", "(not yet due)"}
        if name == "sex" or len(at_a_level) > len(
            LEVELS[name]
        ):  # else of the first, in the heading
            for value in at_a_level:
                one, other = (counted(tallies[c][0][value], tallies[c][1], 0, 0) for c in "ba")
                self.cells[f"{id_}/{value}", "c"] = compared(one, other)

    def pairs(self, row: Json) -> None:
        _, of, _ = next(self.columns())
        answers = [[answer(each, asked, self.named) for asked in row["pairs"]] for each in of]
        known = Counter(
            (one, other) for (one, _), (other, _) in answers if None not in (one, other)
        )
        waiting = sum(any(truth is None and waits for truth, waits in both) for both in answers)
        n = sum(known.values())
        cell = {"n": n, "both": known[True, True], "first": known[True, False],
                "second": known[False, True], "neither": known[False, False]}  # fmt: skip
        self.cells[row["id"], "total"] = cell | beside(waiting, len(of) - n - waiting)

    def stratified(self, row: Json) -> None:
        asked, strata = row["stratified"]["count"], row["stratified"]["strata"]
        for column, of, where in self.columns():
            shown, _ = self.shown(of, where)
            n = size = waiting = 0
            for each in shown:
                parts = [
                    answer(each, asked, self.named),
                    *(self.level(each, name) for name in strata),
                ]
                if all(part is not None for part, _ in parts):
                    size, n = size + 1, n + bool(parts[0][0])
                elif any(part is None and waits for part, waits in parts):
                    waiting += 1
            self.cells[row["id"], column] = counted(n, size, waiting, len(shown) - size - waiting)

    def shift(self, row: Json) -> None:
        shift = row["shift"]
        if "visits" not in row:
            finders = [lambda who, name=name: self.level(who, name) for name in ("g1", "g2")]
            seconds = [*LEVELS["g2"], "Other"]
            self.crossed(row["id"], shift, ("before", "after"), finders, seconds)
        for visit in row.get("visits", ()):
            measure = {"v1": "m1", "v2": "m2"}[visit]
            finders = [
                lambda who: self.level(who, "g1"),
                lambda who, measure=measure: classed(who, shift["after"], self.named, measure),
            ]
            seconds = [*LEVELS["g1"], "Other"]
            self.crossed(f"{row['id']}/{visit}", shift, ("before", "after"), finders, seconds)

    def cross(self, row: Json) -> None:
        cross, factors = row["cross"], ("first", "second")
        finders = [lambda who, name=cross[factor]: self.level(who, name) for factor in factors]
        self.crossed(row["id"], cross, factors, finders, [])

    def pairs_of_levels(self, asked: Json, finders: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Count pairs by column, with all of the column; and apart who is at none."""
        everybody: dict[str, tuple[Counter[tuple[str, ...]], int]] = {}
        apart: dict[str, Counter[str]] = {}
        for column, of, where in self.columns():
            shown, _ = self.shown(of, where)
            pairs: Counter[tuple[str, ...]] = Counter()
            left: Counter[str] = Counter()
            for who in shown:
                both = [find(who) for find in finders]
                if any(at is None and waits for at, waits in both):
                    left["(not yet due)"] += 1
                elif asked.get("missing") or all(at is not None for at, _ in both):
                    pairs[tuple(at or "(missing)" for at, _ in both)] += 1
                else:
                    left["(missing)"] += 1
            everybody[column], apart[column] = (pairs, len(of)), left
        return everybody, apart

    def crossed(
        self, id_: str, asked: Json, factors: tuple[str, str], finders: Any, seconds: list[str]
    ) -> None:
        """Count pairs of levels, and what they are of."""
        everybody, apart = self.pairs_of_levels(asked, finders)
        rows = {
            pair[:depth] for pairs, _ in everybody.values() for pair in pairs for depth in (1, 2)
        }
        if asked.get("zero_counts"):
            missing = ["(missing)"] if asked.get("missing") else []
            firsts = [*LEVELS["g1"], "Other", *missing]
            rows |= {(first,) for first in firsts}
            rows |= {(first, second) for first in firsts for second in [*seconds, *missing]}
        of_what = asked.get("percent_of", "known")
        for levels in rows:
            for column, (pairs, whole) in everybody.items():
                n = sum(count for pair, count in pairs.items() if pair[: len(levels)] == levels)
                size = whole if of_what == "column" else pairs.total()
                if of_what in factors and len(levels) == 2:
                    at = factors.index(of_what)
                    size = sum(count for pair, count in pairs.items() if pair[at] == levels[at])
                self.cells["/".join([id_, *levels]), column] = counted(n, size, 0, 0)
        for value in set().union(*apart.values()):
            for column, left in apart.items():
                n, whole = left[value], everybody[column][1]
                cell = counted(n, whole, 0, 0) if of_what == "column" else {"n": n}
                self.cells[f"{id_}/{value}", column] = cell


def _is_condition(asked: Json) -> bool:
    return asked.keys() != {"total", "a"}


def _placed(at: str | None, waits: bool) -> str:  # noqa: FBT001
    return at if at is not None else "(not yet due)" if waits else ""


def counted(n: int, size: int, waiting: int, missing: int) -> dict[str, Any]:
    percent = Fraction(100 * n, size) if size else None
    return {"n": n, "N": size, "percent": percent} | beside(waiting, missing)


def beside(waiting: int, missing: int) -> dict[str, Any]:
    return {name: n for name, n in (("not_due", waiting), ("missing", missing)) if n}


def compared(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Give the difference of two percentages, where both groups and both answers have anybody."""
    yes, no = one["n"] + other["n"], one["N"] + other["N"] - one["n"] - other["n"]
    if not (one["N"] and other["N"] and yes and no):
        return {}
    return {"difference": other["percent"] - one["percent"]}


def printed(grid: Grid) -> Cells:
    """Read what a table prints: numbers as they are kept, and a percentage as it is told."""
    found: Cells = {}
    for row in grid.rows:
        for cell in row.cells:
            kept = {statistic.name: statistic for statistic in cell.statistics}
            numbers: dict[str, Any] = {}
            for name in ("n", "N", "percent", "not_due", "missing", "both", "first", "second",
                         "neither", "difference"):  # fmt: skip
                if name in kept:
                    raw = kept[name].raw
                    numbers[name] = None if raw is None else Fraction(str(raw))
            if "both" in kept:
                numbers.pop("difference", None)
            if "percent" in kept:
                assert kept["percent"].text == told(numbers["n"], numbers["N"])
            found[row.id, cell.column] = numbers
    return found


def told(n: Fraction, size: Fraction) -> str:
    """Write a percentage: none for nobody, and neither 0 for some nor 100 for less than all."""
    if not n:
        return ""
    exact = Decimal(int(100 * n)) / Decimal(int(size))
    shown = exact.quantize(Decimal(1), ROUND_HALF_UP)
    return "<1" if not shown else ">99" if shown == 100 and n < size else f"{shown}"


def near(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one - other) < Fraction(1, 10**9)


EXAMPLES = soak.size(120, 20_000)
TRIED: Counter[str] = Counter()


@seed(soak.seed(f"{EXAMPLES:,} definitions of counts"))
@settings(max_examples=EXAMPLES, deadline=None, database=None)
@given(definitions(), persons())
def test_every_count_and_denominator_is_recounted(made: Json, people: list[Person]) -> None:
    entries = [each for person in people for each in person.entries()]
    grid = builders.tables_of(study_of(made), entries)["t"]
    expected, found = Recount(made, people).cells, printed(grid)
    found = {at: cell for at, cell in found.items() if at[1] != "c" or at in expected}
    assert found.keys() == expected.keys()
    for at, cell in expected.items():
        assert found[at].keys() == cell.keys(), (at, found[at], cell)
        for name, number in cell.items():
            assert near(found[at][name], number), (at, name, found[at], cell)
    TRIED.update(definitions=1, cells=len(found))


def test_how_many_were_tried() -> None:
    soak.note(f"{TRIED['definitions']:,} definitions, {TRIED['cells']:,} cells recounted")
    assert TRIED["cells"] > 5 * TRIED["definitions"] > 0
