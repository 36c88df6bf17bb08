"""What arrived between two reports, and the journals up to the later: as listings of a workbook.

All of it depends on arrival, so it is no part of a cut's documents; and it tells arms, so that of
a blinded study it is for the unblinded alone.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from trial.events.blinding import OPEN, UNBLINDED
from trial.events.envelope import Entry
from trial.file_names import WORKBOOK
from trial.store.bucket import object_keys
from trial.store.bucket.documents import Documents
from trial.store.reports import ReportRequest
from trial.store.rows import JournalRow
from trial.subject.changes import Change, changes
from trial.subject.cut_spec import NOW, Asked
from trial.subject.fold import Subject, gather
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
    """One subject's journal, and how many of its events each of two reports is made of."""

    subject: str
    rows: Sequence[JournalRow]
    before: int
    after: int

    @cached_property
    def entries(self) -> list[Entry]:
        """The events that either report is made of."""
        return [row.entry() for row in self.rows[: max(self.before, self.after)]]

    @cached_property
    def recorded(self) -> Subject:
        """The subject as recorded by the later report, whatever its cut-off date."""
        return gather(self.subject, self.entries[: self.after])

    @cached_property
    def recorded_before(self) -> Subject:
        """The subject as recorded by the earlier report."""
        return gather(self.subject, self.entries[: self.before])

    def decisive(self, change: Change) -> tuple[JournalRow, Entry]:
        """Find the event that made a record differ, or that is not in it any more."""
        record = change.decided_by
        wanted = (record.kind, record.record, record.revision)
        return next(
            (row, entry)
            for row, entry in zip(self.rows, self.entries, strict=False)
            if (entry.kind, entry.record, entry.revision) == wanted
        )


def versions(documents: Documents, study_id: str, asked: ReportRequest) -> dict[str, int]:
    """Say how many events of each subject a report is made of: it stands with its cut."""
    audience, cut = (UNBLINDED, asked.unblinded_cut) if asked.unblinded_cut else (OPEN, asked.cut)
    heads = json.loads(
        documents.read(study_id, audience, object_keys.audit(cut), object_keys.HEADS)
    )
    return {name: each["version"] for name, each in heads["subjects"].items()}


@dataclass
class Changelog:
    """What is listed, packed subject by subject as the journals are read, some bytes an event."""

    since: ReportRequest | None
    asked: tuple[Asked, Asked]
    before: Mapping[str, int]
    _packed: dict[str, bytes] = field(default_factory=dict)

    @classmethod
    def begin(
        cls, documents: Documents, study_id: str, since: ReportRequest | None, asked: Asked
    ) -> "Changelog":
        """Begin with where the journals stood at the report before, if there is one."""
        if since is None:
            return cls(None, (NOW, asked), {})
        earlier = Asked(since.as_of, since.cutoff)
        return cls(since, (earlier, asked), versions(documents, study_id, since))

    def add(self, subject: str, rows: Sequence[JournalRow], after: int) -> JournalSlice:
        """Take in a subject's journal, of which the report is made up to a version."""
        window = JournalSlice(subject, rows, self.before.get(subject, 0), after)
        lines = {CHANGES: list(self._changes(window)), TRAIL: list(_trail(window))}
        if any(lines.values()):
            self._packed[subject] = zlib.compress(json.dumps(lines).encode())
        return window

    def _changes(self, window: JournalSlice) -> Iterator[_Line]:
        earlier, later = self.asked
        if window.before == window.after and earlier.cutoff == later.cutoff:
            return
        before, after = earlier.seen(window.recorded_before), later.seen(window.recorded)
        for each in changes(before, after):
            row, entry = window.decisive(each)
            yield (
                window.subject, *each.key, each.what, each.revision_before, each.revision_after,
                _action(entry), row.stamp, row.principal, row.source, entry.reason, _fields(each),
            )  # fmt: skip

    def report(self, cut: Cut, discrepancies: Iterable[RuleCount] = ()) -> Report:
        """Make the contents of the workbook of a cut; what is found is listed beside it."""
        compared = "The first report of the study: every record is new."
        if self.since:
            asked = f"Since the report asked for at {self.since.requested_at}"
            compared = f"{asked}: cut {self.since.cut}, request {self.since.id}."
        hidden = "Sorted by subject, kind and record. Of personal texts no values are shown."
        chain = "Sorted by subject and version. Hash: the event's place in its subject's chain."
        changed = "Records that are new, corrected or voided since the previous report"
        trail = "Audit trail: every event up to this cut, as it was received"
        listings = (
            self._listing(CHANGES, changed, compared, hidden),
            self._listing(TRAIL, trail, chain),
        )
        found = tuple(
            replace(each, listing=f"{each.listing} of {WORKBOOK}") for each in discrepancies
        )
        return Report(cut, (), Flow("", "", ()), (), listings, found)

    def _listing(self, name: str, title: str, *notes: str) -> Listing:
        columns = tuple(
            ListingColumn(f"{name}{i}", label, "number" if label in _NUMBERS else "text")
            for i, label in enumerate(_COLUMNS[name])
        )
        return Listing(name, title, "All subjects", columns, _Rows(self._packed, name), notes)


@dataclass(frozen=True)
class _Rows:
    """A listing's rows, in order of the subjects: unpacked anew by each reader."""

    packed: Mapping[str, bytes]
    listing: str

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        for subject in sorted(self.packed):
            lines = json.loads(zlib.decompress(self.packed[subject]))
            yield from map(tuple, lines[self.listing])


def _action(entry: Entry) -> str:
    return "void" if entry.void else "record"


def _trail(window: JournalSlice) -> Iterator[_Line]:
    for row, entry in zip(window.rows[: window.after], window.entries, strict=False):
        yield (
            row.stamp, row.principal, row.source, row.event_id, row.subject, row.kind, row.record,
            row.revision, _action(entry), entry.reason, row.version, row.hash.hex(),
        )  # fmt: skip


def _fields(change: Change) -> str | None:
    shown = [
        f"{name}: changed"
        if old is None and new is None
        else f"{name}: {old or _NOT_THERE} \N{RIGHTWARDS ARROW} {new or _NOT_THERE}"
        for name, old, new in change.fields()
    ]
    return "; ".join(shown) or None
