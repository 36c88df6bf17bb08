"""A blinded study's definition as everybody may see it: without what tells arms apart.

Whatever depends on the arm is left out of the definition altogether, so that nothing which is left
can refer to it. Rows that are nothing without arms go; a table of arms alone shows all of them
together.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile
from typing import Any

from trial.definition import Definition, in_place
from trial.definition.available_statistics import has_p_value
from trial.definition.dependence import ArmDependence
from trial.definition.figures import FigureDefinition
from trial.definition.flow import FlowBox, FlowDefinition, FlowStage
from trial.definition.narratives import (
    NarrativeDefinition,
    Paragraph,
    without,
    words_shown,
)
from trial.definition.outputs import (
    CellRef,
    ListingDefinition,
    Table,
    TableColumn,
    TableRow,
    Terms,
    TermSorting,
)
from trial.definition.references import find_output, find_row
from trial.definition.reporting import CompletionDefinition, Testing

ALL_ARMS = "All arms"
HIDDEN_VALUE = "(blinded)"
"""What reads in a narrative in place of a value that tells the arm."""
_BY_ARM = ("stratified", "ancova", "mmrm", "multiple_imputation", "logistic", "event_rate")
_BY_COLUMN = ("count", "summary", "not_due", "statistics")

type _Stands = Mapping[str, str]
"""By the name of a column: that of the one that stands for it."""


def pooled(definition: Definition) -> Definition:
    """Leave out whatever tells arms apart."""
    dependence = ArmDependence(definition)
    tables = [
        open_table
        for table in definition.tables
        if (open_table := _table(table, definition, dependence)) is not None
    ]
    parts: Mapping[str, Callable[[str], bool]] = {
        "measures": dependence.measure,
        "classes": dependence.category,
        "times": dependence.time,
        "conditions": dependence.condition,
        "sets": dependence.set,
    }
    named = {
        name: {key: part for key, part in getattr(definition, name).items() if not tells_of(key)}
        for name, tells_of in parts.items()
    }
    open_definition = definition.model_copy(
        update={
            **named,
            "classes": in_place.of_rows(named["classes"], tables),
            "arms": [],
            "tables": tables,
            "completion": _completion(definition.completion, dependence),
            "estimands": [
                estimand
                for estimand in definition.estimands
                if _stands(estimand.source, tables) and not dependence.set(estimand.population)
            ],
            "testing": _testing(definition.testing, tables),
            "key_results": [
                result for result in definition.key_results if _stands(result.source, tables)
            ],
            "figures": [
                open_figure
                for figure in definition.figures
                if (open_figure := _figure(figure, tables)) is not None
            ],
            "flow": _flow(definition.flow, tables, dependence),
            "listings": [
                open_listing
                for listing in definition.listings
                if (open_listing := _listing(listing, dependence)) is not None
            ],
            "narratives": [
                open_narrative
                for narrative in definition.narratives
                if (open_narrative := _narrative(narrative, dependence)) is not None
            ],
        }
    )
    outputs_by_item = {
        item: [name for name in names if find_output(name, open_definition) is not None]
        for item, names in definition.consort.items()
    }
    return open_definition.model_copy(
        update={"consort": {item: names for item, names in outputs_by_item.items() if names}}
    )


def _completion(
    declared: CompletionDefinition | None, dependence: ArmDependence
) -> CompletionDefinition | None:
    """Leave out a condition of completion that tells the arm: who has met it would too."""
    if declared is None or dependence.set(declared.set) or dependence.condition(declared.condition):
        return None
    return declared


def _testing(testing: Testing | None, tables: list[Table]) -> Testing | None:
    """Keep the order up to the first test that is hidden: what follows would tell its result.

    Nothing is kept where a hidden test, or hidden information, decides on those that are seen.
    """
    if testing is None:
        return None
    order = list(takewhile(lambda ref: has_p_value(ref, tables), testing.order))
    if testing.tests_all and len(order) < len(testing.order):
        return None
    counted = testing.spending.information if testing.spending is not None else None
    if counted is not None and not _stands(counted, tables):
        return None
    return testing.model_copy(update={"order": order}) if order else None


def _table(table: Table, definition: Definition, dependence: ArmDependence) -> Table | None:
    columns, column_of = _columns(table, definition, dependence)
    pooled_rows = {
        row.id: _row(row, column_of, dependence)
        if row.kind is None or any(map(row.fills, columns))
        else None
        for row in table.rows
    }
    rows = []
    for i, row in enumerate(table.rows):
        under = takewhile(lambda following: following.kind is not None, table.rows[i + 1 :])
        rows_below = (
            [pooled_rows[following.id] is not None for following in under]
            if row.kind is None
            else []
        )
        if (pooled_row := pooled_rows[row.id]) is not None and (not rows_below or any(rows_below)):
            rows.append(pooled_row)
    if not columns or all(row.kind is None for row in rows):
        return None
    return table.model_copy(update={"columns": columns, "rows": rows})


def _columns(
    table: Table, definition: Definition, dependence: ArmDependence
) -> tuple[list[TableColumn], _Stands]:
    """Return the columns of all arms or, where there is none, one of each set of subjects."""
    visible = [
        column
        for column in table.columns
        if column.set is not None and not _hidden(column, dependence)
    ]
    if of_all_arms := [column for column in visible if not column.arms_counted]:
        return of_all_arms, {column.id: column.id for column in of_all_arms}
    groups: list[list[TableColumn]] = []
    for column in visible:
        group = next((group for group in groups if _alike(group[0], column)), None)
        group.append(column) if group is not None else groups.append([column])
    columns = []
    for i, (first, *_) in enumerate(groups, 1):
        label, under = ALL_ARMS, ""
        if len(groups) > 1:
            label = f"{definition.sets[str(first.set)].label}: {ALL_ARMS.lower()}"
        if first.narrows:
            label, under = _label_of_part(groups[i - 1]), label
        update = {
            "id": f"all-arms-{i}", "label": label, "under": under, "arm": None, "arms": None,
        }  # fmt: skip
        columns.append(first.model_copy(update=update))
    pairs = zip(columns, groups, strict=True)
    return columns, {member.id: column.id for column, group in pairs for member in group}


def _alike(first: TableColumn, second: TableColumn) -> bool:
    """Return whether two columns differ in nothing but their arms."""
    names = ("set", "where", "events", "worst")
    return all(getattr(first, name) == getattr(second, name) for name in names)


def _label_of_part(columns: Sequence[TableColumn]) -> str:
    """Return what columns of some events are called in every arm; else the label could name one."""
    labels = {column.label for column in columns}
    if len(labels) == 1 < len(columns):
        return labels.pop()
    return "Some grades" if columns[0].events is None else "Some adverse events"


def _hidden(column: TableColumn, dependence: ArmDependence) -> bool:
    narrowed = column.where is not None and dependence.condition(column.where)
    by_treatment = column.events is not None and dependence.events(column.events)
    return narrowed or by_treatment or dependence.set(str(column.set))


def _row(row: TableRow, column_of: _Stands, dependence: ArmDependence) -> TableRow | None:
    if row.kind is None:
        return row
    if row.kind in _BY_ARM or dependence.row(row):
        return None
    update: dict[str, Any] = {"margin": None} if row.margin is not None else {}
    for name in _BY_COLUMN:
        if isinstance(value := getattr(row, name), dict):
            update[name] = _by_column(value, column_of, _TELLS[name](dependence))
            if name == row.kind and not update[name]:
                return None
    update |= _sorted(row, column_of)
    if row.column is not None:
        if row.column not in column_of:
            return None
        update["column"] = column_of[row.column]
    return row.model_copy(update=update)


def _sorted(row: TableRow, column_of: _Stands) -> dict[str, TermSorting]:
    """Sort terms by what is left: a difference between arms would tell which term is whose."""
    parts: Mapping[str, TermSorting | None] = {
        "terms": row.terms,
        "record_terms": row.record_terms,
        "incidence": row.incidence if row.by_term else None,
        "resolution": row.resolution if row.by_term else None,
    }
    return {
        name: part.model_copy(
            update={
                "order": "frequency" if part.order == "difference" else part.order,
                "order_by": column_of.get(part.order_by or ""),
                **_of_one_column(part),
            }
        )
        for name, part in parts.items()
        if part is not None
    }


def _of_one_column(part: TermSorting) -> dict[str, None]:
    """Show all terms where those were left out that one arm has not more often than another."""
    excess = part.minimum_excess if isinstance(part, Terms) else None
    return {} if excess is None else {"minimum_excess": None}


_TELLS: Mapping[str, Callable[[ArmDependence], Callable[[Any], bool]]] = {
    "count": lambda dependence: dependence.condition,
    "not_due": lambda dependence: dependence.condition,
    "summary": lambda dependence: dependence.measure,
    "statistics": lambda _: lambda _statistics: False,
}


def _by_column(
    values: Mapping[str, Any], column_of: _Stands, is_dependent: Callable[[Any], bool]
) -> dict[str, Any]:
    """Keep what each column shows; one that stands for several must show the same of each."""
    shared = {}
    for name in dict.fromkeys(column_of.values()):
        first, *rest = [
            values.get(source_column)
            for source_column, column in column_of.items()
            if column == name
        ]
        if (
            first is not None
            and all(other_value == first for other_value in rest)
            and not is_dependent(first)
        ):
            shared[name] = first
    return shared


def _stands(ref: CellRef, tables: list[Table]) -> bool:
    """Return whether a cell is still there."""
    if (match := find_row(ref, tables)) is None:
        return False
    _, row = match
    value = getattr(row, row.kind) if row.kind else None
    return not isinstance(value, dict) or ref.column in value


def _figure(figure: FigureDefinition, tables: list[Table]) -> FigureDefinition | None:
    """Show of a row the columns that are left, or where none is those that stand for them."""
    source = figure.source
    for table in tables:
        for row in table.rows if table.id == source.table else ():
            if row.id == source.row and (visible := figure.fitting(table, row)):
                columns = [name for name in source.columns if name in visible]
                names = {column.id for column in table.columns}
                return figure.model_copy(
                    update={
                        "source": source.model_copy(update={"columns": columns}),
                        "differences": figure.differences if figure.differences in names else None,
                    }
                )
    return None


def _flow(flow: FlowDefinition, tables: list[Table], dependence: ArmDependence) -> FlowDefinition:
    stages = [
        pooled_stage
        for stage in flow.stages
        if (pooled_stage := _stage(stage, tables, dependence)) is not None
    ]
    box_ids = {box.id for open_stage in stages for box in (open_stage.box, *open_stage.side)}
    identities = [
        identity
        for identity in flow.identities
        if box_ids.issuperset({identity.total, *identity.parts})
    ]
    return flow.model_copy(update={"stages": stages, "identities": identities})


def _stage(stage: FlowStage, tables: list[Table], dependence: ArmDependence) -> FlowStage | None:
    box, *side = (_box(part, tables, dependence) for part in (stage.box, *stage.side))
    if box is None:
        return None
    side_boxes = [side_box for side_box in side if side_box is not None]
    return stage.model_copy(update={"box": box, "side": side_boxes, "by_arm": False})


def _box(box: FlowBox, tables: list[Table], dependence: ArmDependence) -> FlowBox | None:
    if dependence.condition(box.count):
        return None
    update: dict[str, None] = {}
    if box.reasons is not None and dependence.levels(box.reasons):
        update["reasons"] = None
    if box.not_due is not None and not _stands(box.not_due, tables):
        update["not_due"] = None
    return box.model_copy(update=update)


def _listing(listing: ListingDefinition, dependence: ArmDependence) -> ListingDefinition | None:
    if dependence.selection(listing):
        return None
    if listing.subjects is not None and dependence.condition(listing.subjects):
        return None
    columns = [
        column
        for column in listing.columns
        if column.source is None or not dependence.source(column.source, listing.records)
    ]
    return listing.model_copy(update={"columns": columns}) if columns else None


def _narrative(
    narrative: NarrativeDefinition, dependence: ArmDependence
) -> NarrativeDefinition | None:
    """Keep the paragraphs of which no one can tell from what stands there whose arm it is."""
    paragraphs = [
        _paragraph(paragraph, dependence)
        for paragraph in narrative.paragraphs
        if not dependence.selection(paragraph)
    ]
    if not paragraphs or dependence.condition(narrative.subjects):
        return None
    words = words_shown(narrative.words, paragraphs)
    return narrative.model_copy(
        update={"paragraphs": paragraphs, **({"words": words} if narrative.words else {})}
    )


def _paragraph(paragraph: Paragraph, dependence: ArmDependence) -> Paragraph:
    """Hide the values that tell the arm, and each optional part that shows one."""
    text = without(
        paragraph.text, lambda name: dependence.source(name, paragraph.records), HIDDEN_VALUE
    )
    return paragraph.model_copy(update={"text": text})
