"""What arrived between two reports, and the journals up to the later: as listings of a workbook.

All of it depends on the order of arrival, so it is no part of a cut's documents; and it can reveal
arms, so that of a blinded study only the unblinded may read it.
"""

import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from functools import cached_property

from trial.deferred import dataclass
from trial.events.blinding import OPEN, UNBLINDED
from trial.events.envelope import Entry
from trial.render.workbook.parts import MOST_RECORDS
from trial.reporting.spool import Packed
from trial.store.bucket import object_keys
from trial.store.bucket.documents import Documents
from trial.store.reports import ReportRequest
from trial.store.rows import JournalRow
from trial.subject.changes import Change, changes
from trial.subject.cut_spec import LIVE_SPEC, CutSpec
from trial.subject.fold import Subject, fold_all
from trial.tables.file_names import HEADS, WORKBOOK
from trial.tables.file_names import TRAIL as TRAIL_FILE
from trial.tables.grid import Cut, Flow, Listing, ListingColumn, Report, RuleCount, Value

CHANGES, TRAIL = "CHANGES", "AUDIT"
_COLUMNS = {
    CHANGES: (
        "Subject", "Kind", "Record", "Change", "Revision before", "Revision after", "Action",
        "Received", "By", "Source", "Reason for change", "Changed fields",
    ),
    TRAIL: (
        "Received", "By", "Source", "Event", "Subject", "Kind", "Record", "Revision", "Action",
        "Reason for change", "Version", "Hash",
    ),
}  # fmt: skip
_NUMBERS = {"Revision", "Revision before", "Revision after", "Version"}
_NOT_THERE = "(none)"
_Line = tuple[str | int | None, ...]


@dataclass(frozen=True)
class JournalSlice:
    """One subject's journal, and how many of its events each of two reports counts."""

    subject: str
    rows: Sequence[JournalRow]
    before: int
    after: int

    @cached_property
    def entries(self) -> list[Entry]:
        """The events that either report counts."""
        return [row.entry() for row in self.rows[: max(self.before, self.after)]]

    @cached_property
    def recorded(self) -> Subject:
        """The subject as recorded by the later report, whatever its cut-off date."""
        return fold_all(self.subject, self.entries[: self.after])

    @cached_property
    def recorded_before(self) -> Subject:
        """The subject as recorded by the earlier report."""
        return fold_all(self.subject, self.entries[: self.before])

    def decisive(self, change: Change) -> tuple[JournalRow, Entry]:
        """Find the event that made a record differ, or that is not in it any more."""
        record = change.decided_by
        decisive = (record.kind, record.record, record.revision)
        return next(
            (row, entry)
            for row, entry in zip(self.rows, self.entries, strict=False)
            if (entry.kind, entry.record, entry.revision) == decisive
        )


def versions(documents: Documents, study_id: str, request: ReportRequest) -> dict[str, int]:
    """Return how many events of each subject a report counts, as published with its cut."""
    if request.unblinded_cut:
        audience, cut = UNBLINDED, request.unblinded_cut
    else:
        audience, cut = OPEN, request.cut
    heads = json.loads(documents.read(study_id, audience, object_keys.audit_prefix(cut), HEADS))
    return {subject: head["version"] for subject, head in heads["subjects"].items()}


@dataclass
class Changelog:
    """What is listed, packed subject by subject as the journals are read, some bytes an event."""

    previous: ReportRequest | None
    specs: tuple[CutSpec, CutSpec]
    before: Mapping[str, int]
    hold: Callable[[bytes], Packed] = bytes
    """Holds bytes in memory, or in a spool."""
    events: int = 0
    """How many events the later report counts of those whose journals are kept."""
    _packed: dict[str, Packed] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        documents: Documents,
        study_id: str,
        previous: ReportRequest | None,
        spec: CutSpec,
        hold: Callable[[bytes], Packed] = bytes,
    ) -> "Changelog":
        """Begin with where the journals stood at the report before, if there is one."""
        if previous is None:
            return cls(None, (LIVE_SPEC, spec), {}, hold)
        earlier = CutSpec(previous.as_of, previous.cutoff)
        return cls(previous, (earlier, spec), versions(documents, study_id, previous), hold)

    def slice_of(self, subject: str, rows: Sequence[JournalRow], after: int) -> JournalSlice:
        """Return a subject's journal, which the report counts up to a version."""
        return JournalSlice(subject, rows, self.before.get(subject, 0), after)

    def lines_of(self, journal: JournalSlice) -> bytes:
        """Return what is listed of a journal, packed; nothing where nothing is."""
        lines = {CHANGES: list(self._changes(journal)), TRAIL: list(_trail(journal))}
        return zlib.compress(json.dumps(lines).encode()) if any(lines.values()) else b""

    def keep(self, subject: str, packed: bytes, events: int) -> None:
        """Keep what is listed of a subject's journal, of which the later report counts so many."""
        self.events += events
        if self._lists_nothing:
            self._packed.clear()
        elif packed:
            self._packed[subject] = self.hold(packed)

    @property
    def _lists_nothing(self) -> bool:
        """Whether the workbook leaves out the records too: those of a first report, if too many."""
        return self.previous is None and self.events > MOST_RECORDS

    def _changes(self, journal: JournalSlice) -> Iterator[_Line]:
        earlier, later = self.specs
        if journal.before == journal.after and earlier.cutoff == later.cutoff:
            return
        before, after = (
            earlier.apply_cutoff(journal.recorded_before),
            later.apply_cutoff(journal.recorded),
        )
        for change in changes(before, after):
            row, entry = journal.decisive(change)
            yield (
                journal.subject, *change.key, change.status,
                change.revision_before, change.revision_after, _action(entry),
                row.stamp, row.principal, row.source, entry.reason, _changed_fields(change),
            )  # fmt: skip

    def report(self, cut: Cut, discrepancies: Iterable[RuleCount] = ()) -> Report:
        """Make the contents of the workbook; discrepancies are listed in the cut's own workbook.

        What is more than a workbook is for, and stands elsewhere, is left out: the trail beside it
        in its file, and of a first report the records, which are all of the cut's.
        """
        compared = "The first report of the study: every record is new."
        if self.previous:
            compared = (
                f"Since the report asked for at {self.previous.requested_at}:"
                f" cut {self.previous.cut}, request {self.previous.id}."
            )
        hidden = "Sorted by subject, kind and record. Of personal texts no values are shown."
        chain = "Sorted by subject and version. Hash: the event's place in its subject's chain."
        changed = "Records that are new, corrected or voided since the previous report"
        trail = "Audit trail: every event up to this cut, as it was received"
        rows = {name: _PackedRows(self._packed, name) for name in (CHANGES, TRAIL)}
        if self.events > MOST_RECORDS:
            left_out = f"Left out: {self.events:,} events are more than a workbook is for."
            rows[TRAIL], chain = _NO_ROWS, f"{left_out} {TRAIL_FILE} holds them all."
            if self._lists_nothing:
                rows[CHANGES], hidden = _NO_ROWS, f"{left_out} The data sets hold every record."
        listings = (
            self._listing(CHANGES, changed, rows[CHANGES], compared, hidden),
            self._listing(TRAIL, trail, rows[TRAIL], chain),
        )
        rule_counts = tuple(
            replace(rule_count, listing=f"{rule_count.listing} of {WORKBOOK}")
            for rule_count in discrepancies
        )
        return Report(cut, (), Flow("", "", ()), (), listings, rule_counts)

    def _listing(
        self, name: str, title: str, rows: Iterable[tuple[Value, ...]], *notes: str
    ) -> Listing:
        columns = tuple(
            ListingColumn(f"{name}{i}", label, "number" if label in _NUMBERS else "text")
            for i, label in enumerate(_COLUMNS[name])
        )
        return Listing(name, title, "All subjects", columns, rows, notes)


@dataclass(frozen=True)
class _PackedRows:
    """A listing's rows, in order of the subjects: unpacked anew by each reader."""

    packed: Mapping[str, Packed]
    listing: str

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        for subject in sorted(self.packed):
            lines = json.loads(zlib.decompress(bytes(self.packed[subject])))
            yield from map(tuple, lines[self.listing])


_NO_ROWS = _PackedRows({}, "")


def _action(entry: Entry) -> str:
    return "void" if entry.void else "record"


def _trail(journal: JournalSlice) -> Iterator[_Line]:
    for row, entry in zip(journal.rows[: journal.after], journal.entries, strict=False):
        yield (
            row.stamp, row.principal, row.source, row.event_id, row.subject, row.kind, row.record,
            row.revision, _action(entry), entry.reason, row.version, row.hash.hex(),
        )  # fmt: skip


def _changed_fields(change: Change) -> str | None:
    texts = [
        f"{name}: changed"
        if old is None and new is None
        else f"{name}: {old or _NOT_THERE} \N{RIGHTWARDS ARROW} {new or _NOT_THERE}"
        for name, old, new in change.fields()
    ]
    return "; ".join(texts) or None
