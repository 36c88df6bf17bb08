"""The numbers whose subjects can be asked for: cells, boxes of the flow, marks of figures."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol

from trial.definition.figures import BY_VISIT, FigureDefinition
from trial.definition.study import Study
from trial.errors import Rejected, invalid_parameter
from trial.reporting.tracing.explaining import Evidence, Explanations
from trial.reporting.tracing.rows import RowReason
from trial.statistics.cells import Cells, Share
from trial.subject.derivation import Derivation
from trial.tables.analysis import variables
from trial.tables.analysis.kinds import AnalysisRecord
from trial.tables.attribution import CellAddress, SingleSubject
from trial.tables.compiled import CompiledStudy, compiled
from trial.tables.flow import FLOW_ROW, CompiledBox
from trial.tables.tracing import Standing, TracedCell

type Document = dict[str, Any]

_NUMBERS = (
    variables.CHANGE, variables.PERCENT_CHANGE, variables.DECREASE, variables.VALUE,
)  # fmt: skip
"""Where a record of the analysis data has the number that is analysed, a change before a value."""
_BY_ROW = BY_VISIT | {"dots"}
"""The kinds of figure of which a mark has a row of the table of its own."""
AT_RISK = "at_risk"
"""Of a mark of a curve: the subjects who had neither an event nor an end before that day."""


class Number(Protocol):
    """A number whose subjects are asked for: a cell, a box of the flow, a mark of a figure."""

    def standings(self, subject: SingleSubject) -> Sequence[Standing]:
        """Return how a subject stands in it; nothing where it has nothing to do with it."""

    def differs(self, old: SingleSubject, new: SingleSubject) -> bool:
        """Return whether a subject stands in it otherwise in one state than in another."""

    def evidence(self, derivation: Derivation, standing: Standing) -> Iterator[Evidence]:
        """Yield what decides how a subject stands in it."""

    def document(self) -> Document:
        """Return which number it is, as data."""


class CellNumber:
    """A cell of a table, or the denominator of a column."""

    def __init__(self, study: CompiledStudy, address: CellAddress) -> None:
        """Look the cell up; raises `Rejected` (404) where the tables have none such."""
        table = study.tables.get(address.table)
        if table is None:
            raise _not_found(study.study, "Table", "table", address.table, study.tables)
        columns = [column.id for column in table.columns]
        if address.column not in columns:
            kind = f"column in table {address.table}"
            raise _not_found(study.study, "Column", kind, address.column, columns)
        self._cell = TracedCell(address, table)
        if not self._cell.exists:
            rows = [row.id for row in table.definition.rows]
            kind = f"number in table {address.table}, column {address.column}, at a row"
            raise _not_found(study.study, "Cell", kind, address.row, rows)
        self._definition = table.definition
        self._study = study
        self._explanations = Explanations(study.rules)
        self._reasons: dict[str, RowReason] = {}

    def standings(self, subject: SingleSubject) -> Sequence[Standing]:
        """Return how a subject stands in each of the columns that the cell is of."""
        return list(self._cell.standings(subject))

    def differs(self, old: SingleSubject, new: SingleSubject) -> bool:
        """Return whether a subject adds otherwise to what the cell is computed from."""
        return self._cell.differs(old, new)

    def evidence(self, derivation: Derivation, standing: Standing) -> Iterator[Evidence]:
        """Yield what the row asks of the subject; of a column's denominator, what its set does."""
        row, definition = self._cell.compiled_row, self._study.study.definition
        if row is None:
            column = next(c for c in self._definition.columns if c.id == standing.column)
            condition = definition.sets[str(column.set)].condition
            yield from self._explanations.condition(condition, derivation)
            return
        if standing.column not in self._reasons:
            self._reasons[standing.column] = RowReason.of(
                self._explanations, self._study, self._definition, self._cell.address.row, row,
                standing.column,
            )  # fmt: skip
        yield from self._reasons[standing.column].evidence(derivation, standing)

    def document(self) -> Document:
        """Return where the cell stands."""
        address = self._cell.address
        return {"table": address.table, "row": address.row or None, "column": address.column}


class BoxNumber:
    """A box of the participant flow; of one arm, or at one reason, where these are named."""

    def __init__(
        self, study: CompiledStudy, box: CompiledBox, arm: str, reason: str | None
    ) -> None:
        """Keep the box; `arm` '' is all of them, `reason` '' one that is not reported."""
        self._study = study
        self._box = box
        self._arm = arm
        self._reason = reason
        self._explanations = Explanations(study.rules)

    def _cells(self, subject: SingleSubject) -> Cells:
        """Return the cells of the flow that a subject counts in by this box."""
        share: Share = {}
        if subject.derivation is not None:
            self._box.contribute(subject.derivation, share)
        return share.get(FLOW_ROW, {})

    def standings(self, subject: SingleSubject) -> Sequence[Standing]:
        """Return that a subject is in the box, if it is; its column is the arm."""
        standings = []
        for name in self._cells(subject):
            box_and_arm, at_reason, reason = name.partition("=")
            arm = box_and_arm.partition("@")[2]
            is_right = bool(at_reason) if self._reason is not None else not at_reason
            if is_right and self._arm in ("", arm) and self._reason in (None, reason):
                standings.append(Standing(arm, {"n": 1}))
        return standings

    def differs(self, old: SingleSubject, new: SingleSubject) -> bool:
        """Return whether a subject is in the box in one state only, or otherwise."""
        return self._cells(old) != self._cells(new)

    def evidence(self, derivation: Derivation, standing: Standing) -> Iterator[Evidence]:  # noqa: ARG002
        """Yield what the box counts, and the reason."""
        box = self._box.definition
        yield from self._explanations.condition(box.count, derivation)
        if box.reasons is None:
            return
        if box.reasons.characteristic is not None:
            yield from self._explanations.category(box.reasons.characteristic, derivation)
            return
        kind, field, criteria = box.reasons.recorded, box.reasons.field, box.reasons.where
        yield from self._explanations.levels(
            str(kind), str(field), derivation, criteria, self._reason
        )

    def document(self) -> Document:
        """Return which box it is."""
        return {"box": self._box.definition.id, "arm": self._arm or None, "reason": self._reason}


class MarkNumber:
    """A mark of a figure that has no row of its own: a bar, or a day of a curve."""

    def __init__(
        self, figure: FigureDefinition, cell: CellNumber, series: str, mark: str,
        is_at: Callable[[Sequence[AnalysisRecord]], bool],
    ) -> None:  # fmt: skip
        """Keep the cell that the figure's series is read from, and the test of who is at a mark."""
        self._figure = figure
        self._cell = cell
        self._series = series
        self._mark = mark
        self._is_at = is_at

    def standings(self, subject: SingleSubject) -> Sequence[Standing]:
        """Return how a subject stands in the cell, if it is at the mark."""
        return [
            standing for standing in self._cell.standings(subject) if self._is_at(standing.records)
        ]

    def differs(self, old: SingleSubject, new: SingleSubject) -> bool:
        """Return whether a subject is at the mark otherwise in one state than in another."""
        return self._cell.differs(old, new) or self.standings(old) != self.standings(new)

    def evidence(self, derivation: Derivation, standing: Standing) -> Iterator[Evidence]:
        """Yield what decides how a subject stands in the cell."""
        return self._cell.evidence(derivation, standing)

    def document(self) -> Document:
        """Return which mark it is, and which cell the series is read from."""
        identity = {"figure": self._figure.id, "series": self._series, "mark": self._mark or None}
        return self._cell.document() | identity


class NamedNumber:
    """A number by another name: a key result is a cell, and so are most marks of figures."""

    def __init__(self, number: Number, name: Document) -> None:
        """Keep the number, and the name."""
        self._name = name
        self._number = number
        self.standings = number.standings
        self.differs = number.differs
        self.evidence = number.evidence

    def document(self) -> Document:
        """Return both names."""
        return self._number.document() | self._name


def cell_number(view: Study, table: str, row: str, column: str) -> CellNumber:
    """Return a cell of a study as an audience sees it; without a row its column's denominator."""
    return CellNumber(compiled(view), CellAddress(table, row, column))


def key_result_number(view: Study, name: str) -> tuple[Number, str]:
    """Return the cell of a key result, and the statistic that it shows; raises `Rejected` (404)."""
    key_results = {result.id: result for result in view.definition.key_results}
    if name not in key_results:
        raise _not_found(view, "Key result", "key result", name, key_results)
    source, show = key_results[name].source, key_results[name].show
    number = cell_number(view, source.table, source.row, source.column)
    return NamedNumber(number, {"key_result": name}), show if show == "events" else ""


def box_number(
    view: Study, name: str, arm: str = "", reason: str | None = None, statistic: str = ""
) -> tuple[Number, str]:
    """Return a box of the flow, and the statistic of it; raises `Rejected` (404).

    Who may still come into a box (`not_due`) stands in a cell of a table.
    """
    study = compiled(view)
    boxes = {box.definition.id: box for stage, side in study.flow.stages for box in (stage, *side)}
    if name not in boxes:
        raise _not_found(view, "Box", "box in its flow", name, boxes)
    box = boxes[name]
    arms = [box_arm.id for box_arm in box.arms]
    if arm and arm not in arms:
        raise _not_found(view, "Arm", f"arm in box {name}", arm, arms)
    if reason is not None and box.reasons is None:
        raise Rejected(404, "Reason not found", f"box {name} has no reasons")
    if statistic == "not_due" and (ref := box.definition.not_due) is not None:
        number = cell_number(view, ref.table, ref.row, ref.column)
        return NamedNumber(number, {"box": name}), "n"
    return BoxNumber(study, box, arm, reason), statistic


def mark_number(
    view: Study, name: str, series: str, mark: str, statistic: str = ""
) -> tuple[Number, str]:
    """Return a mark of a figure's series, and the statistic of it; raises `Rejected` (404).

    Of means and shares by visit `mark` is the visit, of dots the term after those that it is under
    (`soc/pt`), of a waterfall the bar's value, of a curve the day, of a forest the row of its
    table. Without one, all of a series whose marks are of one row.
    """
    figures = {figure.id: figure for figure in view.definition.figures}
    if name not in figures:
        raise _not_found(view, "Figure", "figure", name, figures)
    figure, source = figures[name], figures[name].source
    table = next(t for t in view.definition.tables if t.id == source.table)
    row = next(r for r in table.rows if r.id == source.row)
    columns = figure.columns_of(table, row)
    if series not in columns:
        raise _not_found(view, "Series", f"series in figure {name}", series, columns)
    if figure.kind == "forest":
        number = cell_number(view, source.table, _row_of(view, figure, mark), series)
        return NamedNumber(number, {"figure": name, "series": series, "mark": mark}), statistic
    if figure.kind in _BY_ROW:
        number = cell_number(view, source.table, f"{source.row}/{mark}", series)
        return NamedNumber(number, {"figure": name, "series": series, "mark": mark}), statistic
    cell = cell_number(view, source.table, source.row, series)
    at_risk = statistic == AT_RISK
    is_at = _test_of_value(mark, at_risk=at_risk)
    # A day of a curve has those censored too, whom the cell has in its denominator alone.
    name_of_statistic = "N" if at_risk else statistic
    return MarkNumber(figure, cell, series, mark, is_at), name_of_statistic


def _row_of(view: Study, figure: FigureDefinition, mark: str) -> str:
    """Return the row that a mark of a forest is of, its first where none is named."""
    row = mark or figure.source.row
    if row.partition("/")[0] not in figure.source.all_rows:
        raise _not_found(view, "Mark", f"mark in figure {figure.id}", mark, figure.source.all_rows)
    return row


def _test_of_value(mark: str, *, at_risk: bool) -> Callable[[Sequence[AnalysisRecord]], bool]:
    """Return the test of records for a value; at risk on a day are all whose time is not less."""
    if not mark:
        return bool
    try:
        value = Decimal(mark)
    except InvalidOperation as error:
        detail = "must be a number: the value of a bar, or a day of a curve"
        raise invalid_parameter("mark", detail) from error

    def is_at(records: Sequence[AnalysisRecord]) -> bool:
        numbers = [next((r[n] for n in _NUMBERS if r.get(n) is not None), None) for r in records]
        values_present = [Decimal(str(number)) for number in numbers if number is not None]
        return any(number >= value if at_risk else number == value for number in values_present)

    return is_at


def _not_found(
    view: Study, title: str, kind: str, name: str, known_names: Iterable[str]
) -> Rejected:
    """Return the refusal of a name; what is hidden while a study is blinded is not among the known.

    So nobody learns whether the definition has it, only where it would be.
    """
    names = ", ".join(known_names) or "none"
    hidden = " (what depends on the arm is under /unblinded)" if view.pooled else ""
    detail = f"the definition has no {kind} {name!r}{hidden}, but: {names}"
    return Rejected(404, f"{title} not found", detail)
