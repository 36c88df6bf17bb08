"""What a definition may say and probably does not mean: said beside it, never refused."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

from trial.definition import Definition
from trial.definition.outputs import TableColumn, TableRow
from trial.definition.reference_walk import (
    JsonObject,
    NamedReference,
    find_references,
    parts_named,
)
from trial.errors import FieldError
from trial.events import json_pointer
from trial.events.field_errors import abbreviated, closest_match, known_names_hint
from trial.events.payloads import KINDS
from trial.tables.checking import inconsistencies, locations
from trial.tables.checking.known_names import fields_of
from trial.tables.checking.record_fields import allowed_values, field_of, members, parts

type Rule = Callable[[Definition, JsonObject, list[NamedReference]], Iterator[FieldError]]


def find_warnings(definition: Definition, value: JsonObject) -> list[FieldError]:
    """List what is odd about a definition that was accepted; `value` is it as posted."""
    references = list(find_references(value))
    faults = (fault for rule in RULES for fault in rule(definition, value, references))
    return locations.in_document_order(value, dict.fromkeys(faults))


def _unused(
    _definition: Definition, value: JsonObject, names: list[NamedReference]
) -> Iterator[FieldError]:
    """Find parts with a name that nothing refers to."""
    references = {
        (section, name) for reference in names for section, name in parts_named(reference)
    }
    for section in _SECTIONS:
        for name in members(value, section):
            if (section, name) not in references:
                yield FieldError(f"/{section}/{json_pointer.escape(name)}", "is not used")
    unseen = [
        name for name in members(value, "parameters") if ("parameters", name) not in references
    ]
    if unseen:
        yield FieldError(
            "/parameters",
            f"results are accepted, but no measure, row or listing uses {abbreviated(unseen)}",
        )
    for i, visit in enumerate(parts(value, "visits")):
        at_all_visits = any(row.get("visits") == "all" for row in _rows(value))
        if (
            ("visits", visit.get("id")) not in references
            and not at_all_visits
            and visit.get("day") is not None
        ):
            yield FieldError(
                f"/visits/{i}", "is not used: no measure, baseline or row refers to this visit"
            )


_SECTIONS = ("baselines", "classes", "conditions", "measures", "times")


def _rows(value: JsonObject) -> Iterator[JsonObject]:
    for table in parts(value, "tables"):
        yield from parts(table, "rows")


def _free_text(
    _definition: Definition, value: JsonObject, references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find values that are asked of a field which may hold any text: nobody can check them."""
    for reference in references:
        if reference.target != "fields" or not isinstance(reference.value, dict):
            continue
        kind = reference.scope.own.get("recorded", reference.scope.own.get("records"))
        kind = kind if kind in KINDS else "measurement"
        for name in reference.value if fields_of(reference.scope) is not None else ():
            if field_of(kind, name).form == "text" and allowed_values(kind, name, value) is None:
                where = "visit.recorded" if kind == "measurement" else kind
                detail = (
                    f"compares free text, so other spellings are not found: list the values of"
                    f" {name} in `vocabularies`, under {where}"
                )
                yield FieldError(f"{reference.path}/{json_pointer.escape(name)}", detail)


def _untested(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find tests that are shown while no order of testing says which confirm."""
    for i, table in enumerate(definition.tables):
        compared = any(column.compare is not None for column in table.columns)
        if definition.testing is None and (compared or any(row.pairs for row in table.rows)):
            yield FieldError(
                f"/tables/{i}",
                "shows P values, but the definition has no `testing`: all of them are nominal",
            )


def _unlike(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find comparisons of columns that may share subjects: who is in both is counted twice."""
    for i, table in enumerate(definition.tables):
        columns = {column.id: column for column in table.columns}
        for j, column in enumerate(table.columns):
            compared = [columns[name] for name in column.compare or () if name in columns]
            for first, second in combinations(compared, 2):
                if (reason := _shared(definition, first, second)) is not None:
                    detail = f"compares columns {reason}: {first.id}, {second.id}"
                    consequence = "the tests assume that they are independent"
                    yield FieldError(f"/tables/{i}/columns/{j}/compare", f"{detail}; {consequence}")


def _shared(definition: Definition, first: TableColumn, second: TableColumn) -> str | None:
    """Return why two columns may have subjects in common; None where nobody is in both."""
    if first.set != second.set:
        return "of different analysis sets"
    arms, other_arms = set(first.arms_counted), set(second.arms_counted)
    if arms and other_arms and not arms & other_arms:
        return None
    (characteristic, first_levels), (other_characteristic, second_levels) = (
        _levels(definition, first),
        _levels(definition, second),
    )
    if (
        characteristic is not None
        and characteristic == other_characteristic
        and not set(first_levels) & set(second_levels)
    ):
        return None
    alike = (arms, first.where) == (other_arms, second.where)
    return "of the same subjects" if alike else "that may share subjects"


def _levels(definition: Definition, column: TableColumn) -> tuple[str | None, Sequence[str]]:
    """Return the characteristic by which a column shows subjects, and at which of its levels."""
    where = column.where
    condition = definition.conditions.get(where) if isinstance(where, str) else where
    return (None, ()) if condition is None else (condition.characteristic, condition.levels)


def _empty_columns(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find columns of subjects in which no row shows anything."""
    for i, table in enumerate(definition.tables):
        for j, column in enumerate(table.columns):
            if column.set is not None and not any(_fills(row, column) for row in table.rows):
                yield FieldError(f"/tables/{i}/columns/{j}", "is empty in every row of its table")


def _fills(row: TableRow, column: TableColumn) -> bool:
    value = getattr(row, row.kind) if row.kind else {}
    if not row.fills(column):
        return False
    if row.pairs is not None:
        return row.column in (None, column.id)
    return column.id in value if isinstance(value, dict) else True


def _unreachable(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find visits whose days count from what this trial never has."""
    for i, visit in enumerate(definition.visits):
        if visit.days_from == "randomisation" and definition.design == "single-group":
            yield FieldError(
                f"/visits/{i}/days_from",
                "counts from randomisation, but nobody is randomised in a single-group study",
            )
        first_day = visit.window[0] if visit.window else None
        if (visit.limit, visit.days_from) == ("before-first-dose", "first-dose") and (
            first_day is not None and first_day > 1
        ):
            yield FieldError(
                f"/visits/{i}/limit", "leaves no day of the window, which begins after day 1"
            )
    for i, period in enumerate(definition.periods):
        if period.last_day is not None and period.last_day < period.first_day:
            yield FieldError(
                f"/periods/{i}", "`last_day` is before `first_day`: no day is in this period"
            )


def _placebo(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find a placebo that no arm gives, where arms say what they give."""
    treatments = [treatment for arm in definition.arms for treatment in arm.treatments]
    for i, name in enumerate(definition.placebo):
        if treatments and name not in treatments:
            yield FieldError(
                f"/placebo/{i}",
                f"is not in the `treatments` of any arm{known_names_hint(name, treatments)}",
            )


def _causality(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find causality that is judged by words which are not listed."""
    events = definition.adverse_events
    if events.related and not events.causality:
        detail = "are compared with free text: list all permitted values in `causality`"
        yield FieldError("/adverse_events/related", detail)
    elif events.causality and not events.related:
        yield FieldError(
            "/adverse_events/causality", "`related` is empty: no event counts as related"
        )


def _schedules(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find a schedule of one visit that is spelt almost as one of several."""
    schedules = Counter(visit.schedule for visit in definition.visits)
    shared = [name for name, n in schedules.items() if n > 1]
    for i, visit in enumerate(definition.visits):
        if schedules[visit.schedule] == 1 and (suggestion := closest_match(visit.schedule, shared)):
            detail = f"is used by this visit only. Did you mean {suggestion}, used by several?"
            yield FieldError(f"/visits/{i}/schedule", detail)


def _visit_or_baseline(
    definition: Definition, _value: JsonObject, references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find what is measured at a name that a visit and a baseline share: the visit is taken."""
    shared = {reference.id for reference in definition.visits} & definition.baselines.keys()
    for reference in references:
        if reference.target == "visit or baseline" and reference.value in shared:
            yield FieldError(
                reference.path,
                f"means the visit {reference.value}, not the baseline with the same name",
            )


def _same_classes(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find shifts from classes to themselves: nobody ever leaves the diagonal."""
    for i, table in enumerate(definition.tables):
        for j, row in enumerate(table.rows):
            if row.shift is not None and row.shift.before == row.shift.after:
                yield FieldError(
                    f"/tables/{i}/rows/{j}/shift",
                    "has the same classes as `before` and `after`: give two different ones",
                )


def _whole_numbers(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find means of parameters of which nothing says to how many decimals they are printed."""
    for i, table in enumerate(definition.tables):
        for j, row in enumerate(table.rows):
            names = [] if row.decimals is not None else _parameters(definition, row)
            for name in dict.fromkeys(names):
                parameter = definition.parameters[name]
                if (
                    not parameter.is_derived
                    and parameter.places is None
                    and parameter.decimals is None
                ):
                    detail = (
                        f"prints {name} as whole numbers: it has neither `places` nor `decimals`"
                    )
                    yield FieldError(f"/tables/{i}/rows/{j}", detail)


def _parameters(definition: Definition, row: TableRow) -> Iterator[str]:
    """Yield the parameters that a row describes; of differences and measures by arm none."""
    model = row.ancova or row.repeated
    measures = model.measure if model is not None else row.summary
    for ref in measures.values() if isinstance(measures, dict) else [measures]:
        measure = definition.measures[ref] if isinstance(ref, str) else ref
        if measure is not None and measure.parameter is not None:
            yield measure.parameter


def _out_of_range(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find bounds on a reported result that no result which is accepted can meet.

    A result that is reported as below the minimum itself, or above the maximum, is accepted.
    """
    for name, condition in definition.conditions.items():
        ref = condition.measure
        measure = definition.measures.get(ref) if isinstance(ref, str) else ref
        parameter = definition.parameters.get(str(measure.parameter)) if measure else None
        if measure is None or parameter is None or measure.baseline is not None:
            continue
        if parameter.is_derived:  # nothing is refused by its limits
            continue
        low, high = parameter.minimum, parameter.maximum
        beyond = high is not None and any(bound > high for bound, _ in condition.lows)
        short = low is not None and any(bound < low for bound, _ in condition.highs)
        if beyond or short:
            side = f"above {high:f}" if beyond else f"below {low:f}"
            detail = f"is never true: no result of {measure.parameter} {side} is accepted"
            yield FieldError(f"/conditions/{json_pointer.escape(name)}", detail)


def _classes_left_empty(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find classes all values of which are in one before them."""
    for path, classes in inconsistencies.classes_by_path(definition).items():
        bounded = classes.classes if classes.measure is not None else []
        for i, later in enumerate(bounded):
            if earlier := next((c for c in bounded[:i] if c.holds_all_of(later)), None):
                detail = f"holds nobody: whatever is in it is in {earlier.value} before it"
                yield FieldError(f"{path}/classes/{i}", detail)


def _arms_alike(
    definition: Definition, _value: JsonObject, _references: list[NamedReference]
) -> Iterator[FieldError]:
    """Find arms that what was received cannot tell apart, where a set goes by that."""
    by_received = any(part.arm == "received" for part in definition.sets.values())
    if definition.design != "parallel" or not by_received:
        return
    for i, arm in enumerate(definition.arms):
        for earlier in definition.arms[:i]:
            if arm.treatments and set(arm.treatments) == set(earlier.treatments):
                detail = f"are those of {earlier.id}: a set by the arm received cannot tell which"
                yield FieldError(f"/arms/{i}/treatments", detail)


RULES: tuple[Rule, ...] = (
    _unused,
    _free_text,
    _untested,
    _unlike,
    _empty_columns,
    _unreachable,
    _placebo,
    _causality,
    _schedules,
    _visit_or_baseline,
    _same_classes,
    _whole_numbers,
    _out_of_range,
    _classes_left_empty,
    _arms_alike,
    inconsistencies.gaps_of_classes,
    inconsistencies.denominators_of_others,
    inconsistencies.alpha_spent_twice,
    inconsistencies.mixed_units,
    inconsistencies.impossible_flow,
)
