"""The tables of a definition that is not in force, from today's records; nothing is written.

The share of each subject is computed by both definitions, from one reading of its row. So the two
are of the same records, even where time allows only some of the subjects.
"""

from collections.abc import Iterable, Mapping

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat, OutOfTime
from trial.render import tables_json
from trial.reporting import report
from trial.reporting.comparison.published import CellDiff, changed_cells
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.paging import SubjectRow
from trial.tables.attribution import CellAddress
from trial.tables.compiled import audience_share, compiled, contribute
from trial.tables.grid import Grid


@dataclass(frozen=True)
class Preview:
    """What two definitions make of the same subjects, as the open audience sees it."""

    subjects: int
    records: int
    """Accepted revisions of these subjects."""
    is_whole: bool
    """Whether they are all subjects of the study."""
    in_force: tuple[Grid, ...]
    proposed: tuple[Grid, ...]
    changed: Mapping[CellAddress, CellDiff]
    """The numbers that differ."""


def preview(rows: Iterable[SubjectRow], in_force: Study, proposed: Study, beat: Beat) -> Preview:
    """Read subjects as long as there is time, and the tables of both definitions out of them.

    Both studies are as a whole; what is shown of a blinded one is pooled.
    """
    before, after = Share(), Share()
    subjects = records = 0
    is_whole = True
    for row in rows:
        try:
            beat()
        except OutOfTime:
            is_whole = False
            break
        counted = row.current_share(in_force.generation)
        cells.add_share(before, contribute(in_force, row.subject) if counted is None else counted)
        cells.add_share(after, compiled(proposed.open).contribute(row.subject))
        subjects, records = subjects + 1, records + row.subject.accepted
    grids = (
        report.tables(in_force.open, audience_share(in_force.open, before)),
        report.tables(proposed.open, after),
    )
    documents = [
        tables_json.tables(report.live_cut(study.open, {}), tables)
        for study, tables in zip((in_force, proposed), grids, strict=True)
    ]
    return Preview(subjects, records, is_whole, *grids, changed_cells(*documents))
