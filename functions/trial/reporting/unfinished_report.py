"""A report that one function may not end: what was read, made and written of it is kept.

The journals' groups stand in pieces, and an index names them and the files that are written; blocks
are kept as those of live documents are. Whoever goes on takes all that is still right. A group in
which somebody's personal texts stand that are erased by now is deleted, with all blocks, as soon as
the study's documents are looked at, and read anew by whoever goes on.
When the report is there, or is given up, all its pieces go.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import field, replace
from functools import partial
from itertools import batched

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import OutOfTime, Unavailable
from trial.events.blinding import AUDIENCES
from trial.render.documents import EarlierFile, File
from trial.reporting.blocks import Block
from trial.reporting.document_writer import DocumentWriter, WrittenFiles
from trial.reporting.journals import GROUP_EVENTS, JournalGroup, JournalReader
from trial.reporting.kept_journals import (
    GROUP,
    SHARD,
    ErasedSubjects,
    GroupPlace,
    joined,
    of_all_shards,
)
from trial.reporting.live.kept_blocks import KeptBlock
from trial.reporting.live.state import BLOCK, inputs_of, marks_of, sha256
from trial.reporting.live.unfinished import UNFINISHED, UnfinishedBlocks, is_index_due
from trial.reporting.report import Contents
from trial.reporting.snapshot import StudySnapshot
from trial.reporting.spool import Spool
from trial.store.bucket.documents import Documents
from trial.store.bucket.pieces import Pieces
from trial.store.dynamodb import Store
from trial.store.reports import ReportProgress, Reports

INDEX = "report"
_THREADS = 8


@dataclass
class Attempt:
    """One try to make a report; it counts as one unless it keeps something for the next."""

    reports: Reports
    study: str
    report: str
    has_kept: bool = False

    def begin(self) -> None:
        """Count it: the process may end before it can note anything else."""
        self.reports.count_attempt(self.study, self.report)

    def excuse(self) -> None:
        """Count it no more: not the report was at fault."""
        if not self.has_kept:
            with suppress(Unavailable):
                self.reports.count_attempt(self.study, self.report, -1)

    def keep(self) -> None:
        """Note that something more is kept."""
        self.excuse()
        self.has_kept = True

    def note(self, progress: ReportProgress) -> None:
        """Note so, and how far the report is by it."""
        self.keep()
        self.reports.note_report(self.study, self.report, progress)


@dataclass
class UnfinishedReport:
    """What is kept of a report until it is there."""

    pieces: Pieces
    inputs: str
    """The digest of what decides the report, but for journals, disputes and verdicts."""
    attempt: Attempt
    is_kept: bool = False
    """Whether anything is: of a report that takes some seconds nothing ever is."""
    places: list[GroupPlace] = field(default_factory=list)
    is_read: bool = False
    """Whether the groups hold the journals of all subjects."""
    files: dict[str, dict[str, EarlierFile]] = field(default_factory=dict)
    """What is written, by prefix and name."""
    unnoted: int = 0
    """How many of the groups that are kept the index does not name yet."""

    @classmethod
    def read(
        cls,
        writer: DocumentWriter,
        study: Study,
        report_id: str,
        request: object,
        attempt: Attempt,
    ) -> "UnfinishedReport":
        """Read what was kept of a report; nothing of one that other inputs would decide now.

        `request` is what it is asked to show, and the report that it is compared with.
        """
        pieces = writer.documents.pieces(study.id, study.audience).of_report(report_id)
        unfinished = cls(pieces, inputs_of_report(writer, study, request), attempt)
        document = pieces.read_document(INDEX)
        if document is None:
            unfinished._join_shards(study.definition.shards)
            return unfinished
        if document["inputs"] != unfinished.inputs:
            clear(writer.documents, study.id, report_id)
            return unfinished
        unfinished.is_kept = True
        unfinished.places = [GroupPlace(*place) for place in document["groups"]]
        unfinished.is_read = document["is_read"]
        unfinished.files = {
            prefix: {name: EarlierFile(*file) for name, file in files.items()}
            for prefix, files in document["files"].items()
        }
        return unfinished

    def _join_shards(self, shards: int) -> None:
        """Take what was read shard by shard, side by side, as read one after the other.

        Groups behind a shard that is not read whole go: nothing would name them any more.
        """
        if not self.pieces.names(SHARD):
            return
        places, self.is_read = joined(self.pieces, self.inputs, shards)
        self.places = [*places]
        for name in {*self.pieces.names(GROUP)} - {place.name for place in places}:
            self.pieces.clear(name)
        self._write_index()
        self.pieces.clear(SHARD)

    def journals(self, reader: JournalReader) -> Iterator[JournalGroup]:
        """Yield the groups of all subjects: those that are kept, and those that are read now."""
        try:
            yield from self._kept_or_read(reader)
        except OutOfTime:
            if self.unnoted:
                self._write_index()
            raise

    def _kept_or_read(self, reader: JournalReader) -> Iterator[JournalGroup]:
        erased = ErasedSubjects.read(reader.store, reader.study)
        if self.is_kept:
            _forget_outdated(self.pieces, self.places, erased, are_all=self.is_read)
        after = ""
        for number, group in enumerate(self._kept_groups()):
            reader.beat()
            place = self.places[number]
            if group is None:
                group = reader.group_between(after, place.last)  # noqa: PLW2901
                self._replace(number, group, erased.between(after, place.last))
            yield group
            after = place.last
        if self.is_read:
            return
        total = max(reader.store.accepted(reader.study), 1)
        for group in reader.groups(after):
            if self.places or group.events >= GROUP_EVENTS:
                self._keep(group, erased.between(after, group.last), total)
            yield group
            after = group.last
        if self.places:
            self.is_read = True
            self._write_index()

    def _kept_groups(self) -> Iterator[JournalGroup | None]:
        """Yield the groups that are kept, several read at a time; None for one that is lost."""
        with ThreadPoolExecutor(_THREADS) as threads:
            for batch in batched([*self.places], _THREADS, strict=False):
                for content in threads.map(lambda place: place.read(self.pieces), batch):
                    yield None if content is None else JournalGroup.decode(content)

    def _keep(self, group: JournalGroup, erased: Sequence[str], total: int) -> None:
        self.places.append(self._write_group(len(self.places), group, erased))
        self._note_group()
        events = sum(place.events for place in self.places)
        subjects = sum(place.subjects for place in self.places)
        self.attempt.note(ReportProgress("events", events, max(total, events), subjects))

    def _replace(self, number: int, group: JournalGroup, erased: Sequence[str]) -> None:
        """Keep a group instead of one that is lost or forgotten."""
        self.places[number] = self._write_group(number, group, erased)
        if self.files:
            self.files.clear()  # they may show what it held
            self._write_index()
        else:
            self._note_group()

    def _note_group(self) -> None:
        self.unnoted += 1
        if is_index_due(self.unnoted, len(self.places)):
            self._write_index()

    def _write_group(self, number: int, group: JournalGroup, erased: Sequence[str]) -> GroupPlace:
        return GroupPlace.write(self.pieces, f"{GROUP}{number:06}", group, erased)

    def _write_index(self) -> None:
        document = {
            "inputs": self.inputs,
            "groups": [list(vars(place).values()) for place in self.places],
            "is_read": self.is_read,
            "files": {
                prefix: {name: list(vars(file).values()) for name, file in files.items()}
                for prefix, files in self.files.items()
            },
        }
        self.pieces.write_document(INDEX, document)
        self.is_kept, self.unnoted = True, 0

    def blocks(
        self,
        writer: DocumentWriter,
        view: Study,
        snapshot: StudySnapshot,
        spool: Spool,
        contents: Contents,
    ) -> Sequence[Block]:
        """Return the blocks of what one audience sees: those that are kept, and the others made."""
        pieces = writer.documents.pieces(view.id, view.audience).of_report(self.attempt.report)
        inputs = sha256(f"{self.inputs} {_inputs(writer, view)}".encode())
        unfinished = UnfinishedBlocks.read(
            pieces, inputs, spool, snapshot.positions, contents.disputes, contents.survey
        )

        def make(names: Sequence[str]) -> KeptBlock:
            people = {name: snapshot.subject(name) for name in names}
            block = contents.maker.make(names, people)
            return KeptBlock.of(block, (), [*map(marks_of, people.values())], spool)

        def note(_new: int, done: int, total: int) -> None:
            if not self.is_kept:
                self._write_index()
            self.attempt.note(ReportProgress("blocks", done, total, len(snapshot.positions)))

        blocks = unfinished.complete(snapshot.ids, make, writer.beat, note)
        return [kept_block.block for kept_block in blocks]

    def write(
        self, writer: DocumentWriter, study: Study, prefix: str, files: Iterable[File]
    ) -> WrittenFiles:
        """Write files under a prefix; not those of this report that are there already."""
        finished = self.finished(study, prefix)
        to_write = (
            file.as_earlier(finished[file.name]) if file.name in finished else file
            for file in files
        )
        return writer.write(study, prefix, to_write, note=partial(self._note_file, study, prefix))

    def finished(self, study: Study, prefix: str) -> Mapping[str, EarlierFile]:
        """Return the files under a prefix that an earlier invocation wrote, by name."""
        return self.files.get(f"{study.audience}/{prefix}", {})

    def _note_file(self, study: Study, prefix: str, name: str, file: EarlierFile) -> None:
        if self.is_kept:
            self.files.setdefault(f"{study.audience}/{prefix}", {})[name] = file
            self._write_index()
            self.attempt.keep()


def clear(documents: Documents, study_id: str, report_id: str) -> None:
    """Delete all that may be kept of a report, for every audience that the study may have had."""
    for audience in AUDIENCES:
        documents.pieces(study_id, audience).of_report(report_id).clear()


def forget_erased(store: Store, documents: Documents, study: Study, report_id: str) -> None:
    """Delete what is kept of a report that waits and holds texts that are erased by now."""
    erased = ErasedSubjects.read(store, study)
    if not erased.places:
        return  # as nearly always: no piece is looked for
    for audience in AUDIENCES:
        pieces = documents.pieces(study.id, audience).of_report(report_id)
        document = pieces.read_document(INDEX)
        groups = of_all_shards(pieces) if document is None else document["groups"]
        if groups:
            places = [GroupPlace(*place) for place in groups]
            are_all = document is not None and document["is_read"]
            _forget_outdated(pieces, places, erased, are_all=are_all)


def _forget_outdated(
    pieces: Pieces, places: Sequence[GroupPlace], erased: ErasedSubjects, *, are_all: bool
) -> None:
    """Delete groups in which texts are erased by now, and all blocks: some hold them too.

    Who goes on finds the groups lost, and reads them anew. Unless these `are_all`, a process that
    was killed may have left further ones that no index names.
    """
    after, outdated = "", list[GroupPlace]()
    for place in places:
        if {*erased.between(after, place.last)} - {*place.erased}:
            outdated.append(place)
        after = place.last
    has_further = not are_all and bool(erased.between(after))
    if outdated or has_further:
        for audience in AUDIENCES:
            of_audience = replace(pieces, audience=audience)
            of_audience.clear(UNFINISHED)
            of_audience.clear(BLOCK)
        named = {place.name for place in places} - {place.name for place in outdated}
        for name in {*pieces.names(GROUP)} - named:
            pieces.clear(name)


def is_begun(documents: Documents, study: Study, report_id: str) -> bool:
    """Return whether one process after the other keeps something of a report."""
    pieces = documents.pieces(study.id, study.audience).of_report(report_id)
    return pieces.read_document(INDEX) is not None


def inputs_of_report(writer: DocumentWriter, study: Study, request: object) -> str:
    """Return the digest of what decides a report, but for journals, disputes and verdicts.

    `request` is what it is asked to show, and the report that it is compared with.
    """
    parts = (_inputs(writer, study), request)
    return sha256(repr(parts).encode())


def _inputs(writer: DocumentWriter, view: Study) -> str:
    return inputs_of(view, writer.store.epoch(view.id), writer.code_version)
