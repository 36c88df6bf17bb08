"""A row made once for each level of a classification: its subjects, and their denominators."""

from collections.abc import Sequence
from dataclasses import replace

from trial.deferred import dataclass
from trial.rules.categories import Category
from trial.statistics.cells import Share, Sums
from trial.subject.derivation import Derivation
from trial.tables import notes
from trial.tables.grid import Row
from trial.tables.rows.kinds import ColumnHead, CompiledRow, Members

type Place = tuple[str, int]
"""A row of sums, and the index in the names of its cells."""
SUBGROUP = "subgroup"
"""The factor that the rows of a subgroup are of."""


@dataclass(frozen=True)
class SubgroupRow:
    """A row of the subjects at one level; the columns' sizes are those of the subgroup.

    `places` are where the sizes of all subgroups of the row are counted, this one's at `place`.
    `named` is the label of the row that is made for each subgroup, `label` that of this one.
    """

    inner: CompiledRow
    category: Category
    level: str
    place: Place
    places: Sequence[Place]
    named: str
    label: str
    indent: int = 0

    @property
    def id(self) -> str:
        """The id of the row that it narrows."""
        return self.inner.id

    def contribute(self, derivation: Derivation, members: Members, share: Share) -> None:
        """Count a subject at the level, in the sizes of its columns, and as the row does.

        Several rows of a subgroup count its sizes, so cells are set to 1 and never added to.
        """
        if self.category(derivation) != self.level:
            return
        sums, index = self.place
        for column, (belongs, is_shown) in enumerate(
            zip(members.belongs, members.where, strict=True)
        ):
            if belongs:
                letters = "" if is_shown is None else "k" if is_shown else "h"
                for cell in ("n", *letters):
                    share.setdefault(sums, {})[f"{index}.{column}.{cell}"] = 1
        self.inner.contribute(derivation, members, share)

    def head(self, sums: Share, column: int, head: ColumnHead) -> ColumnHead:
        """Return a column with the sizes that it has in the subgroup."""
        n, n_shown, hidden = (self._size(sums, self.place, column, cell) for cell in "nkh")
        return replace(head, n=n, hidden=hidden, undetermined=n - n_shown - hidden)

    @staticmethod
    def _size(sums: Share, place: Place, column: int, cell: str) -> int:
        row, index = place
        return sums.get(row, {}).get(f"{index}.{column}.{cell}", 0)

    def read(self, sums: Sums, heads: Sequence[ColumnHead]) -> list[Row]:
        """Return the rows of the subgroup; a note tells how many subjects are in none."""
        narrowed = [self.head(sums, i, head) for i, head in enumerate(heads)]
        outside = {
            head.label: head.n - sum(self._size(sums, place, i, "n") for place in self.places)
            for i, head in enumerate(heads)
            if head.comparison is None
        }
        footnotes = notes.in_no_subgroup(self.named, outside)
        return [
            replace(
                row,
                level=row.level + self.indent,
                groups=((SUBGROUP, self.level), *row.groups),
                notes=(*notes.under(self.named, self.label, row.notes), *footnotes),
            )
            for row in self.inner.read(sums, narrowed)
        ]

    def touched(self) -> set[str]:
        """Return the rows of sums of the row, and that of the subgroup's sizes."""
        return {self.place[0]} | self.inner.touched()


def narrowed_row(row: CompiledRow | None) -> CompiledRow | None:
    """Return the row that one of a subgroup narrows; any other row is itself."""
    return row.inner if isinstance(row, SubgroupRow) else row
