"""What a report takes from journals: read side by side, subject by subject, in groups.

A group is what one piece keeps where a report takes more than one invocation: the subjects as
recorded by then, packed, the sum of their shares, and their lines of the trail and of the changes.
"""

import json
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from functools import cached_property

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat
from trial.reporting import provenance, report
from trial.reporting.changelog import Changelog
from trial.reporting.snapshot import JournalPosition, StudySnapshot
from trial.statistics import cells
from trial.statistics.cells import Share
from trial.store.dynamodb import Store
from trial.store.encoding import subjects
from trial.store.encoding.shares import decode_share, encode_share
from trial.store.paging import SubjectRow
from trial.store.rows import JournalRow
from trial.subject.cut_spec import CutSpec
from trial.subject.fold import Subject

NOWHERE = JournalPosition(0, b"")
"""Where a journal stands of which nothing was recorded by a report's instant."""
GROUP_EVENTS = 8_192
"""From how many events on a group ends: some seconds' work."""
_LENGTH = struct.Struct(">I")
_LEVEL = 1  # of compression: these bytes are written once and read often


@dataclass(frozen=True)
class ReadJournal:
    """What a report takes from one subject's journal."""

    id: str
    position: JournalPosition
    """Where the journal stood by the report's instant."""
    events: int
    """How many were read, of which the report may count fewer."""
    state: Subject | bytes
    """The subject as recorded by then, perhaps packed."""
    trail: bytes
    """Its lines of the audit trail, compressed."""
    changes: bytes
    """What the workbook of changes lists of it, packed; nothing where it lists nothing."""

    @cached_property
    def packed(self) -> bytes:
        """The subject, packed."""
        return self.state if isinstance(self.state, bytes) else subjects.encode(self.state)


@dataclass
class JournalGroup:
    """Subjects' journals that were read together, in order of shards and ids."""

    journals: list[ReadJournal] = field(default_factory=list)
    sums: Share = field(default_factory=dict)
    """The sum of their shares."""

    @property
    def events(self) -> int:
        """How many events were read."""
        return sum(journal.events for journal in self.journals)

    @property
    def last(self) -> str:
        """The subject behind which the next group begins."""
        return self.journals[-1].id

    def put_into(self, snapshot: StudySnapshot, log: Changelog) -> None:
        """Add all of it to what a report is made of."""
        cells.add_share(snapshot.sums, self.sums)
        for journal in self.journals:
            log.keep(journal.id, journal.changes, journal.position.version)
            if journal.position != NOWHERE:
                snapshot.add_read(journal.id, journal.state, journal.position, journal.trail)

    def encode(self) -> bytes:
        """Write it: a head, and the parts that the head tells the lengths of."""
        head, parts = [], list[bytes]()
        for journal in self.journals:
            place = journal.position
            encoded = journal.packed, journal.trail, journal.changes
            head.append([
                journal.id, place.version, place.head.hex(), place.erased, journal.events,
                *map(len, encoded),
            ])  # fmt: skip
            parts += encoded
        text = zlib.compress(json.dumps(head).encode(), _LEVEL)
        return b"".join((_LENGTH.pack(len(text)), text, *parts, encode_share(self.sums, 0)))

    @classmethod
    def decode(cls, content: bytes) -> "JournalGroup":
        """Read it again; its digest is known to be right."""
        (length,) = _LENGTH.unpack_from(content)
        start = _LENGTH.size + length
        head = json.loads(zlib.decompress(content[_LENGTH.size : start]))
        journals = []
        for name, version, chain, erased_since, events, *lengths in head:
            parts: list[bytes] = []
            for size in lengths:
                parts.append(content[start : start + size])
                start += size
            position = JournalPosition(version, bytes.fromhex(chain), erased_since)
            journals.append(ReadJournal(name, position, events, *parts))
        return cls(journals, decode_share(content[start:])[0])


@dataclass(frozen=True)
class JournalReader:
    """Reads the journals of a study for a report, up to its instant.

    Which versions that were, the stamps say for ever: they rise within a subject and nothing
    commits with one older than 30 s, so an instant a minute old gives the same versions whenever it
    is asked for.
    """

    store: Store
    study: Study
    spec: CutSpec
    log: Changelog
    beat: Beat = lambda: None

    def groups(self, after: str = "") -> Iterator[JournalGroup]:
        """Read the journals of all subjects behind one, '' for the first, in groups."""
        return self._read(self.store.subjects_after(self.study, after))

    def groups_of_shard(self, shard: int, after: str = "") -> Iterator[JournalGroup]:
        """Read the journals of a shard's subjects behind one of them, '' for the first."""
        return self._read(self.store.shard_rows(self.study, shard, after))

    def group_between(self, after: str, last: str) -> JournalGroup:
        """Read a group anew: the subjects behind one, up to and with another."""
        rows = _up_to(self.store.subjects_after(self.study, after), last)
        group = JournalGroup()
        for part in self._read(rows):
            group.journals += part.journals
            cells.add_share(group.sums, part.sums)
        return group

    def _read(self, rows: Iterable[SubjectRow]) -> Iterator[JournalGroup]:
        group, events = JournalGroup(), 0
        for row, journal_rows in self.store.journals(self.study.id, rows):
            self.beat()
            journal = self._journal(row, journal_rows)
            group.journals.append(journal)
            if isinstance(journal.state, Subject):
                share = report.share_as_of(self.study, journal.state, self.spec)
                cells.add_share(group.sums, share)
            events += journal.events
            if events >= GROUP_EVENTS:
                yield group
                group, events = JournalGroup(), 0
        if group.journals:
            yield group

    def _journal(self, row: SubjectRow, rows: Sequence[JournalRow]) -> ReadJournal:
        as_of, name = self.spec.as_of, row.subject.id
        by_then = [journal_row for journal_row in rows if not as_of or journal_row.stamp <= as_of]
        journal = self.log.slice_of(name, rows, len(by_then))
        changes = self.log.lines_of(journal)
        if not by_then:
            return ReadJournal(name, NOWHERE, len(rows), b"", b"", changes)
        subject, last = journal.recorded, by_then[-1]
        position = JournalPosition(
            last.version, last.hash, row.subject.erased and not subject.erased
        )
        trail = zlib.compress(provenance.trail_lines(by_then), _LEVEL)
        return ReadJournal(name, position, len(rows), subject, trail, changes)


def _up_to(rows: Iterable[SubjectRow], last: str) -> Iterator[SubjectRow]:
    for row in rows:
        yield row
        if row.subject.id == last:
            return
