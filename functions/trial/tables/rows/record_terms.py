"""Rows of records by their fields: a history by its terms, a medication by its classes."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from itertools import product
from typing import Any

from trial.deferred import dataclass
from trial.events.kinds import derived_fields
from trial.rules.categories import level_text
from trial.rules.matching import Matcher
from trial.subject import medications
from trial.subject.codings import NOT_CODED
from trial.subject.derivation import Derivation
from trial.subject.derived_fields import Unknown
from trial.subject.fold import Record
from trial.tables import notes
from trial.tables.grid import MISSING
from trial.tables.rows.events import EventCounts
from trial.tables.rows.kinds import ColumnHead
from trial.tables.rows.terms import TermPath, TermsRow


@dataclass(frozen=True)
class RecordView:
    """Which records of a kind are counted, sorted by which of their fields.

    `unknown_fields` are those asked for that may not be known: then a record is not counted, and a
    footnote says how many there are.
    """

    kind: str
    levels: tuple[str, ...]
    matches: Matcher
    unknown_fields: tuple[str, ...]

    def sorted_events(self, derivation: Derivation) -> dict[TermPath, list[Record]]:
        """Return a subject's records by all that each counts under."""
        records_by_path: dict[TermPath, list[Record]] = {}
        for record in self.selected(derivation):
            for path in dict.fromkeys(self._paths(derivation, record)):
                records_by_path.setdefault(path, []).append(record)
        return records_by_path

    def selected(self, derivation: Derivation) -> list[Record]:
        """Return a subject's records that are counted, whatever they count under."""
        return [record for record in derivation.records(self.kind) if self.matches(record.data)]

    def undetermined_counts(self, derivation: Derivation) -> dict[str, int]:
        """Count a subject's records that may match or not, and the subject if none does."""
        if not self.unknown_fields:
            return {}
        truths = [self.matches(record.data) for record in derivation.records(self.kind)]
        if None not in truths:
            return {}
        return {"v": truths.count(None), **({} if True in truths else {"w": 1})}

    def _paths(self, derivation: Derivation, record: Record) -> Iterator[TermPath]:
        """Yield all that a record counts under, at every level, along each of its classes."""
        for names_of_classes in self._classes(derivation, record.data):
            names = [
                [names_of_classes.get(level, NOT_CODED)]
                if level in self._class_levels
                else _texts(record.data.get(level))
                for level in self.levels
            ]
            for depth in range(1, len(names) + 1):
                yield from product(*names[:depth])

    @cached_property
    def _class_levels(self) -> frozenset[str]:
        """The levels of the ATC classification: one class names them together."""
        has_classes = "atc1" in derived_fields(self.kind)
        return frozenset(level for level in self.levels if has_classes and level.startswith("atc"))

    def _classes(
        self, derivation: Derivation, data: Mapping[str, Any]
    ) -> Sequence[Mapping[str, str]]:
        if not self._class_levels or isinstance(data.get("atc"), Unknown):
            return [{}]
        return medications.classes(derivation.rules.medications, data) or [{}]


def _texts(value: object) -> list[str]:
    """Return the names that a field's value counts under."""
    values = value if isinstance(value, list) and value else [value]
    return [str(MISSING) if text is None or text == "" else level_text(text) for text in values]


@dataclass(frozen=True)
class RecordTermsRow(TermsRow):
    """Records of a kind by their fields: subjects, and records."""

    def _lacking_notes(self, heads: Sequence[ColumnHead], lack: EventCounts) -> tuple[str, ...]:
        view = self.views[0]
        assert isinstance(view, RecordView)
        counts = [
            (head.label, lack.get((i, "v"), 0), lack.get((i, "w"), 0))
            for i, head in enumerate(heads)
        ]
        return tuple(notes.unknown_records(self.label, view.unknown_fields, counts))
