"""What may be named in a definition: for each kind of name, those that are there.

Read from the definition as posted. None stands for anything: nobody says which there are.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal

from trial.definition.base import Model
from trial.definition.conditions import PREVIOUS_VISIT, Classes
from trial.definition.design import ARM
from trial.definition.outputs import Ancova, Table
from trial.definition.reference_walk import JsonObject, Scope
from trial.events.payloads import CIRCUMSTANCES, KINDS
from trial.rules.categories import ENROLMENT_FIELDS
from trial.tables.checking.record_fields import (
    Limits,
    allowed_values,
    fields_of_kind,
    ids,
    members,
    parts,
    reported_parameters,
    texts,
    treatments,
    vocabulary_fields,
)

type NameLister = Callable[[Scope], Sequence[str] | None]
ENROLMENT = "subject.enrolled"


def _section(*names: str) -> NameLister:
    def found(scope: Scope) -> Sequence[str]:
        return [key for name in names for key in sorted(members(scope.definition, name))]

    return found


def _listed(name: str) -> NameLister:
    return lambda scope: ids(scope.definition, name)


def _numeric(scope: Scope) -> Sequence[str]:
    characteristics = members(scope.definition, "characteristics")
    numbers = [
        name
        for name, characteristic in characteristics.items()
        if not isinstance(characteristic, dict) or characteristic.get("levels") is None
    ]
    return ["age", *sorted(numbers)]


def categories(definition: JsonObject) -> Sequence[str]:
    """Return the names of what sorts subjects: the arm, facts of enrolment, strata, classes."""
    name_lists = (
        sorted(members(definition, section)) for section in ("characteristics", "strata", "classes")
    )
    return [ARM, *ENROLMENT_FIELDS, *(name for names in name_lists for name in names)]


def levels_of(name: str, definition: JsonObject) -> Sequence[str] | None:
    """List the levels that a category can have."""
    all_classes = members(definition, "classes")
    if name in all_classes:
        return [str(level.get("value")) for level in parts(members(all_classes, name), "classes")]
    if name == ARM:
        return ids(definition, "arms")
    if name in ENROLMENT_FIELDS:
        return allowed_values(ENROLMENT, name, definition)
    if name in members(definition, "strata"):
        return texts(members(definition, "strata"), name)
    characteristic = members(definition, "characteristics").get(name)
    return (
        texts(characteristic, "levels")
        if isinstance(characteristic, dict) and characteristic.get("levels") is not None
        else None
    )


def limits_of(name: str, definition: JsonObject) -> Limits | None:
    """Return the limits of a category that is a number; None where it is none."""
    if name in ENROLMENT_FIELDS:
        field = fields_of_kind(ENROLMENT)[name]
        return field.limits if field.form == "number" else None
    characteristic = members(definition, "characteristics").get(name)
    if not isinstance(characteristic, dict):
        return None
    bounds = [characteristic.get(bound) for bound in ("minimum", "maximum")]
    low, high = (Decimal(str(bound)) if isinstance(bound, int | float | Decimal) else None
                 for bound in bounds)  # fmt: skip
    return low, high


def table_of(scope: Scope) -> JsonObject:
    """Find the table that a part is about: the one it names, or else the one it stands in."""
    table_name = scope.own.get("table")
    if table_name is None:
        return scope.nearest(Table)
    return next(
        (table for table in parts(scope.definition, "tables") if table.get("id") == table_name), {}
    )


def _columns(scope: Scope) -> Sequence[str] | None:
    return ids(table_of(scope), "columns") if table_of(scope) else None


def _of_subjects(scope: Scope) -> Sequence[str] | None:
    table = table_of(scope)
    subject_columns = (
        column for column in parts(table, "columns") if column.get("compare") is None
    )
    return ids({"columns": list(subject_columns)}, "columns") if table else None


def _arms_of_columns(scope: Scope) -> Sequence[str]:
    columns = parts(scope.nearest(Table), "columns")
    return [column["arm"] for column in columns if isinstance(column.get("arm"), str)]


def _rows(scope: Scope) -> Sequence[str] | None:
    return ids(table_of(scope), "rows") if table_of(scope) else None


def _boxes(scope: Scope) -> Sequence[str]:
    stages = parts(members(scope.definition, "flow"), "stages")
    boxes = [box for stage in stages for box in (members(stage, "box"), *parts(stage, "side"))]
    return ids({"boxes": boxes}, "boxes")


def _kind_of(scope: Scope) -> str | None:
    """Return the kind of record whose fields a part asks for."""
    kind = scope.own.get("recorded", scope.own.get("records"))
    return kind if isinstance(kind, str) and kind in KINDS else None


def fields_of(scope: Scope) -> Sequence[str] | None:
    """Return the fields of the records that a part is of, or of what is measured."""
    if (kind := _kind_of(scope)) is not None:
        return [name for name, field in fields_of_kind(kind).items() if field.form != "parts"]
    return list(CIRCUMSTANCES) if "parameter" in scope.own else None


def _level(scope: Scope) -> Sequence[str] | None:
    name = scope.own.get("characteristic")
    return levels_of(name, scope.definition) if isinstance(name, str) else None


def _own(model: type[Model], name: str) -> NameLister:
    return lambda scope: texts(scope.nearest(model), name)


def _of_event(name: str) -> NameLister:
    return lambda scope: allowed_values("adverse-event.reported", name, scope.definition)


def _groups(scope: Scope) -> Sequence[str]:
    groups = parts(members(scope.definition, "adverse_events"), "groups")
    return [group["label"] for group in groups if isinstance(group.get("label"), str)]


def _class(scope: Scope) -> Sequence[str]:
    return [str(level.get("value")) for level in parts(scope.nearest(Classes), "classes")]


def _gradable(scope: Scope) -> Sequence[str]:
    """Return the parameters whose results can be graded: reported ones, and those of a formula."""
    parameters = members(scope.definition, "parameters")
    of_formulas = {
        name
        for name, parameter in parameters.items()
        if isinstance(parameter, dict) and parameter.get("formula") is not None
    }
    return sorted(of_formulas.union(reported_parameters(scope.definition)))


def _terms_of_scale(scope: Scope) -> Sequence[str] | None:
    scale = members(scope.definition, "scales").get(str(scope.own.get("scale")))
    return sorted(members(scale, "terms")) if isinstance(scale, dict) else None


def _words(scope: Scope) -> Iterable[str]:
    kinds = (kind for kind, declared in members(scope.definition, "vocabularies").items()
             if declared is scope.own)  # fmt: skip
    return next((vocabulary_fields(kind) for kind in kinds if kind in KINDS), ())


def _outputs(scope: Scope) -> Sequence[str]:
    return [
        name
        for kind in ("table", "listing", "key_result", "figure")
        for id_ in ids(scope.definition, f"{kind}s")
        for name in (id_, f"{kind}:{id_}")
    ]  # fmt: skip


KNOWN_NAMES: Mapping[str, NameLister] = {
    "action_taken": _of_event("action_taken"),
    "analysis set": _section("sets"),
    "arm": _listed("arms"),
    "arm of a column": _arms_of_columns,
    "baseline": lambda scope: [*sorted(members(scope.definition, "baselines")), PREVIOUS_VISIT],
    "box of the flow": _boxes,
    "causality": _of_event("causality"),
    "characteristic that is a number": _numeric,
    "characteristic, stratum or class": lambda scope: categories(scope.definition),
    "class": _class,
    "classes": _section("classes"),
    "column": _columns,
    "column of subjects": _of_subjects,
    "condition": _section("conditions"),
    "factor": _own(Ancova, "factors"),
    "field": fields_of,
    "gradable parameter": _gradable,
    "grading scale": _section("scales"),
    "group of terms": _groups,
    "kind of event": lambda _: list(KINDS),
    "level": _level,
    "measure": _section("measures"),
    "named baseline": _section("baselines"),
    "outcome": _of_event("outcome"),
    "output": _outputs,
    "parameter": _section("parameters"),
    "period": _listed("periods"),
    "reported parameter": lambda scope: reported_parameters(scope.definition),
    "row": _rows,
    "row of its own": _rows,
    "seriousness": _of_event("seriousness"),
    "severity": _of_event("severity"),
    "table": _listed("tables"),
    "term of the scale": _terms_of_scale,
    "time to event": _section("times"),
    "treatment": lambda scope: treatments(scope.definition),
    "visit": _listed("visits"),
    "visit or baseline": lambda scope: [
        *ids(scope.definition, "visits"),
        *sorted(members(scope.definition, "baselines")),
    ],
}
"""The names of each kind that `definition.base.RefersTo` tells of."""
