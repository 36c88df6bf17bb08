"""What a definition may say and probably does not mean: said beside it, never refused."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from trial.checking import places
from trial.checking.fields import field_of, known, members, parts
from trial.checking.known import fields_of
from trial.checking.walking import Named, Raw, escaped, walk
from trial.complaints import closest, some_of
from trial.definition import Definition
from trial.definition.outputs import TableColumn, TableRow
from trial.errors import Fault
from trial.messages import KINDS

type Rule = Callable[[Definition, Raw, list[Named]], Iterator[Fault]]


def warnings(definition: Definition, value: Raw) -> list[Fault]:
    """List what is odd about a definition that was accepted; `value` is it as posted."""
    named = list(walk(value))
    found = (fault for rule in RULES for fault in rule(definition, value, named))
    return places.in_order(value, dict.fromkeys(found))


def _unused(_definition: Definition, value: Raw, named: list[Named]) -> Iterator[Fault]:
    """Find parts with a name that nothing refers to."""
    used = {(section, name) for each in named for section, name in _refers(each)}
    for section in _SECTIONS:
        for name in members(value, section):
            if (section, name) not in used:
                yield Fault(f"/{section}/{escaped(name)}", "is not used")
    unseen = [name for name in members(value, "parameters") if ("parameters", name) not in used]
    if unseen:
        yield Fault("/parameters", f"are accepted and never shown: {some_of(unseen)}")
    for i, visit in enumerate(parts(value, "visits")):
        every = any(row.get("visits") == "all" for row in _rows(value))
        if ("visits", visit.get("id")) not in used and not every and visit.get("day") is not None:
            yield Fault(f"/visits/{i}", "is not used: no measure, baseline or row is at it")


def _refers(named: Named) -> Iterator[tuple[str, Any]]:
    """Say which parts a name stands for: by their section."""
    for section in _REFERS.get(named.what, ()):
        yield section, named.value
    if named.what == "source" and isinstance(named.value, str):
        what, _, name = named.value.partition(":")
        yield _OF_SOURCE.get(what, ""), name
    if named.what == "records" and isinstance(named.value, str):
        for name in named.value.partition(":")[2].split(","):
            yield "parameters", name


_SECTIONS = ("baselines", "classes", "conditions", "measures", "times")
_REFERS: Mapping[str, tuple[str, ...]] = {
    "analysis set": ("sets",),
    "baseline": ("baselines",),
    "characteristic, stratum or class": ("classes",),
    "classes": ("classes",),
    "condition": ("conditions",),
    "measure": ("measures",),
    "parameter": ("parameters",),
    "reported parameter": ("parameters",),
    "time to event": ("times",),
    "visit": ("visits",),
    "visit or baseline": ("visits", "baselines"),
}
_OF_SOURCE = {"class": "classes", "condition": "conditions", "measure": "measures", "set": "sets"}


def _rows(value: Raw) -> Iterator[Raw]:
    for table in parts(value, "tables"):
        yield from parts(table, "rows")


def _free_text(_definition: Definition, value: Raw, named: list[Named]) -> Iterator[Fault]:
    """Find values that are asked of a field which may hold any text: nobody can check them."""
    for each in named:
        if each.what != "fields" or not isinstance(each.value, dict):
            continue
        kind = each.scope.own.get("recorded", each.scope.own.get("records"))
        kind = kind if kind in KINDS else "measurement"
        for name in each.value if fields_of(each.scope) is not None else ():
            if field_of(kind, name).form == "text" and known(kind, name, value) is None:
                where = "visit.recorded" if kind == "measurement" else kind
                detail = (
                    f"compares free text: a word spelt otherwise is not found. List the words of"
                    f" {name} under vocabularies, {where}"
                )
                yield Fault(f"{each.path}/{escaped(name)}", detail)


def _untested(definition: Definition, _value: Raw, _named: list[Named]) -> Iterator[Fault]:
    """Find tests that are shown while no order of testing says which confirm."""
    for i, table in enumerate(definition.tables):
        compared = any(each.compare is not None for each in table.columns)
        if definition.testing is None and (compared or any(row.pairs for row in table.rows)):
            yield Fault(f"/tables/{i}", "shows tests, and `testing` is not there: all are nominal")


def _unlike(definition: Definition, _value: Raw, _named: list[Named]) -> Iterator[Fault]:
    """Find comparisons of columns of different sets: who is in both is counted twice."""
    for i, table in enumerate(definition.tables):
        columns = {each.id: each for each in table.columns}
        for j, column in enumerate(table.columns):
            compared = [columns[name] for name in column.compare or () if name in columns]
            if len({each.set for each in compared}) > 1:
                detail = "compares columns of different analysis sets"
                yield Fault(f"/tables/{i}/columns/{j}/compare", detail)
            elif len({(each.set, each.arm, _key(each)) for each in compared}) < len(compared):
                detail = "compares columns of the same subjects: tests take them for independent"
                yield Fault(f"/tables/{i}/columns/{j}/compare", detail)


def _key(column: TableColumn) -> str:
    return str(column.where)


def _empty_columns(definition: Definition, _value: Raw, _named: list[Named]) -> Iterator[Fault]:
    """Find columns of subjects in which no row shows anything."""
    for i, table in enumerate(definition.tables):
        for j, column in enumerate(table.columns):
            if column.set is not None and not any(_fills(row, column.id) for row in table.rows):
                yield Fault(f"/tables/{i}/columns/{j}", "is filled by no row of its table")


def _fills(row: TableRow, column: str) -> bool:
    given = getattr(row, row.kind) if row.kind else {}
    if row.pairs is not None:
        return row.column in (None, column)
    return column in given if isinstance(given, dict) else True


def _unreachable(definition: Definition, _value: Raw, _named: list[Named]) -> Iterator[Fault]:
    """Find visits whose days count from what this trial never has."""
    for i, visit in enumerate(definition.visits):
        if visit.days_from == "randomisation" and definition.design == "single-group":
            yield Fault(f"/visits/{i}/days_from", "counts from randomisation, and nobody is")
    for i, period in enumerate(definition.periods):
        if period.last_day is not None and period.last_day < period.first_day:
            yield Fault(f"/periods/{i}", "ends before it begins: nothing lies in it")


def _placebo(definition: Definition, _value: Raw, _named: list[Named]) -> Iterator[Fault]:
    """Find a placebo that is spelt almost as what an arm gives."""
    given = [each for arm in definition.arms for each in arm.treatments]
    for i, name in enumerate(definition.placebo):
        if name not in given and (meant := closest(name, given)) is not None:
            yield Fault(f"/placebo/{i}", f"is no treatment of an arm: {meant} is. Is it another?")


def _causality(definition: Definition, _value: Raw, _named: list[Named]) -> Iterator[Fault]:
    """Find causality that is judged by words which are not listed."""
    events = definition.adverse_events
    if events.related and not events.causality:
        detail = "are compared with free text: list all words under `causality`"
        yield Fault("/adverse_events/related", detail)
    elif events.causality and not events.related:
        yield Fault("/adverse_events/causality", "`related` is empty: no event is ever related")


def _thresholds(_definition: Definition, _value: Raw, named: list[Named]) -> Iterator[Fault]:
    """Find bounds that nothing can lie within."""
    for each in named:
        if each.what == "measure" and each.path.endswith("/measure"):
            own = each.scope.own
            low = _bound(own, "at_least", "more_than", max)
            high = _bound(own, "at_most", "below", min)
            if low is not None and high is not None and low > high:
                yield Fault(each.path.rpartition("/")[0], "holds of nobody: its bounds cross")


def _bound(
    part: Raw, one: str, other: str, choose: Callable[[Iterable[float]], float]
) -> float | None:
    found = [float(part[name]) for name in (one, other) if isinstance(part.get(name), int | float)]
    return choose(found) if found else None


RULES: tuple[Rule, ...] = (
    _unused,
    _free_text,
    _untested,
    _unlike,
    _empty_columns,
    _unreachable,
    _placebo,
    _causality,
    _thresholds,
)
