"""The components in which a subject is counted: what each reads, and which cells are its own.

A component is a row of a definition, the columns of a table that show only some, an analysis set,
the flow, an edit check, who is complete. Where none of its inputs changed (`definition.inputs`),
its cells are what they were, and the share that was counted before has them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import chain

from trial.deferred import dataclass
from trial.definition import Definition
from trial.definition.inputs import Inputs
from trial.statistics.cells import Cells, Share
from trial.tables import discrepancies
from trial.tables.compiling import PLACED, STUDY_SUMS, Owner, SumsLayout
from trial.tables.completion import COMPLETE
from trial.tables.flow import FLOW_ROW

ACCEPTED = "accepted"
"""The cell of the study's row that counts the accepted revisions."""
_INDEX_IN_ROW = re.compile(r"[^#]*#(?:tally#|[a-z]+)(\d+)[#.-]")
"""A row of sums that one row of a table has alone: its index stands in the name."""
_DETERMINED = re.compile(r"(\d+)\.\d\.n")
_DETERMINED_ROW = re.compile(r"(settled|missing)#\d+")
_KEPT_PLANS = 256
_ROWS_KNOWN = 4_096
"""Of how many rows a process remembers what their names say: subjects of a study share theirs."""


@dataclass(frozen=True)
class Recount:
    """Which components are counted anew, and so which cells of the former share are dropped."""

    rules: frozenset[str]
    sets: frozenset[str]
    """Cells of analysis sets."""
    is_complete: bool
    """Whether it is asked again who is complete."""
    flow: bool
    rows: Mapping[str, frozenset[str]]
    """By table, the ids of its definition's rows; `` for its columns."""
    indexes: frozenset[int]
    placed: frozenset[str]
    """The rows of sums that have cells of these indexes, among those that rows share."""
    determined: tuple[frozenset[int], frozenset[int]]
    """The indexes of conditions whose determined subjects are counted, or the missing only."""


class Components:
    """The components of a compiled definition."""

    def __init__(
        self,
        definition: Definition,
        layout: SumsLayout,
        sets: Mapping[str, str],
        rules: Mapping[str, frozenset[str]],
    ) -> None:
        """Find what each reads: `sets` by their cells, and `rules` with their inputs."""
        inputs = Inputs(definition)
        self._layout = layout
        self.rules = rules
        self.sets = {cell: inputs.of(name) for cell, name in sets.items()}
        self.completion = inputs.of(definition.completion)
        self.flow = inputs.of(definition.flow)
        self.rows = _joined(
            _of_tables(definition, inputs),
            chain.from_iterable(owners.values() for owners in layout.determined_owners),
        )
        self._known = frozenset[str]().union(
            *rules.values(),
            *self.sets.values(),
            *self.rows.values(),
            self.completion,
            self.flow,
        )
        self._recount = lru_cache(_KEPT_PLANS)(self._plan)

    def recount(self, changed: frozenset[str]) -> Recount:
        """Return what is counted anew where these inputs changed."""
        return self._recount(changed & self._known)

    def _plan(self, changed: frozenset[str]) -> Recount:
        owners = set(_reading(self.rows, changed))
        indexes = [i for i, owner in enumerate(self._layout.owners) if owner in owners]
        return Recount(
            frozenset(_reading(self.rules, changed)),
            frozenset(_reading(self.sets, changed)),
            not changed.isdisjoint(self.completion),
            not changed.isdisjoint(self.flow),
            {
                table: frozenset(row for name, row in owners if name == table)
                for table, _ in sorted(owners)
            },
            frozenset(indexes),
            frozenset(self._layout.places[index][0] for index in indexes),
            (
                _counted_by(owners, self._layout.determined_owners[0]),
                _counted_by(owners, self._layout.determined_owners[1]),
            ),
        )

    def kept(self, share: Share, recount: Recount) -> Share | None:
        """Return of a share what is not counted anew; None if a name in it is none of the study's.

        Rows that keep all their cells are the same objects, which nothing is added to; the study's
        row is a new one.
        """
        kept: Share = {STUDY_SUMS: {}}
        for row, cells in share.items():
            kept_cells = self._kept_cells(row, cells, recount)
            if kept_cells is None:
                return None
            if kept_cells:
                kept[row] = kept_cells
        return kept

    def _kept_cells(self, row: str, cells: Cells, recount: Recount) -> Cells | None:
        if row.startswith(PLACED):
            return _but_of(recount.indexes, cells) if row in recount.placed else cells
        if row == STUDY_SUMS:
            return self._kept_of_study(cells, recount)
        if row == discrepancies.ROW:
            return {name: n for name, n in cells.items() if name not in recount.rules}
        if match := _DETERMINED_ROW.match(row):
            return _but_of(recount.determined[match[1] == "missing"], cells)
        index = _index_in(row)
        if index is None and row != FLOW_ROW:
            return None
        is_dropped = recount.flow if index is None else index in recount.indexes
        return {} if is_dropped else cells

    @staticmethod
    def _kept_of_study(cells: Cells, recount: Recount) -> Cells | None:
        kept: Cells = {}
        for cell, n in cells.items():
            if match := _DETERMINED.fullmatch(cell):
                if int(match[1]) not in recount.determined[False]:
                    kept[cell] = n
            elif cell.startswith("set:"):
                if cell not in recount.sets:
                    kept[cell] = n
            elif cell == COMPLETE:
                if not recount.is_complete:
                    kept[cell] = n
            elif cell != ACCEPTED:
                return None
        return kept


@lru_cache(_ROWS_KNOWN)
def _index_in(row: str) -> int | None:
    """Return the index that the name of a row of sums holds; None where it holds none."""
    match = _INDEX_IN_ROW.match(row)
    return int(match[1]) if match else None


def _counted_by(owners: set[Owner], sharing: Mapping[int, Iterable[Owner]]) -> frozenset[int]:
    """Return the indexes of the cells that one of some owners counts into."""
    return frozenset(index for index, sharers in sharing.items() if not owners.isdisjoint(sharers))


def _but_of(indexes: frozenset[int], cells: Cells) -> Cells:
    """Return the cells whose names begin with other indexes."""
    return {cell: n for cell, n in cells.items() if int(cell[: cell.index(".")]) not in indexes}


def _reading[Component](
    components: Mapping[Component, frozenset[str]], changed: frozenset[str]
) -> list[Component]:
    """List the components that read something which changed."""
    return [component for component, inputs in components.items() if not changed.isdisjoint(inputs)]


def _of_tables(definition: Definition, inputs: Inputs) -> Iterator[tuple[Owner, frozenset[str]]]:
    """Yield the inputs of each row, of its table's columns too, and of the columns themselves."""
    for table in definition.tables:
        of_columns = inputs.of(table.columns)
        if any(column.where is not None for column in table.columns):
            yield (table.id, ""), of_columns
        for row in table.rows:
            if row.kind is not None:
                yield (table.id, row.id), of_columns | inputs.of(row)


def _joined(
    owners: Iterable[tuple[Owner, frozenset[str]]], sharing: Iterable[Iterable[Owner]]
) -> dict[Owner, frozenset[str]]:
    """Return the inputs of owners; those that share a cell read what any of them reads."""
    inputs = dict(owners)
    groups = {owner: [owner] for owner in inputs}
    for sharers in sharing:
        first, *others = sharers
        for other in others:
            if groups[other] is not groups[first]:
                groups[first] += groups[other]
                for owner in groups[other]:
                    groups[owner] = groups[first]
    return {
        owner: frozenset[str]().union(*(inputs[member] for member in groups[owner]))
        for owner in inputs
    }
