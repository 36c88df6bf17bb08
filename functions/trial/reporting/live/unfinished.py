"""Blocks made from nothing, kept as they are made: one function may not end them.

They are written some at a time, each with what it was made of; an index names them. Whoever begins
again takes those of which nothing has changed since. Like the state this is a cache: what is not
what was kept is made anew, and documents are the same with it and without.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from itertools import batched

from trial.deferred import dataclass
from trial.errors import Beat, OutOfTime
from trial.reporting.blocks import in_blocks
from trial.reporting.live.kept_blocks import KeptBlock
from trial.reporting.live.state import (
    BlockPlace,
    mark,
    read_blocks,
    sha256,
    write_blocks,
)
from trial.reporting.report import Disputes
from trial.reporting.snapshot import JournalPosition
from trial.reporting.spool import Spool
from trial.store.bucket.pieces import Pieces
from trial.tables.discrepancies.across import CrossSubjectSurvey

UNFINISHED = "unfinished"
PART = f"{UNFINISHED}-part-"
"""Begins the names of indexes of blocks that were made side by side."""
AT_ONCE = 64
"""How many blocks are written together: some seconds' work. A study of fewer keeps none early."""
_NOTED_SHARE = 8


def is_index_due(unnoted: int, kept: int) -> bool:
    """Return whether an index is to be written anew: an eighth of what is kept is not in it.

    So all that is written of an index is some nine times the last. Who runs out of time writes it
    anyway; a process that is killed loses no more than that eighth.
    """
    return unnoted * _NOTED_SHARE >= kept


@dataclass
class UnfinishedBlocks:
    """The blocks of a publication from nothing, or of a report, that are kept for one audience."""

    pieces: Pieces
    inputs: str
    """The digest of what decides everything: definition, code, epoch."""
    spool: Spool
    """What holds the blocks."""
    positions: Mapping[str, JournalPosition]
    disputes: Disputes
    verdicts: Mapping[str, str]
    """What subjects decide together, by its mark."""
    kept: dict[str, BlockPlace] = field(default_factory=dict)
    """By the digest of what the block was made of, but for the verdicts."""
    moved: Collection[str] = frozenset()
    """The verdicts that are others than they were for some of the blocks kept."""
    doubtful: Collection[str] = frozenset()
    """The digests of those of which it is not known whether a verdict that they depend on moved."""
    part: int | None = None
    """Which part of the blocks these are; None of all."""
    unnoted: int = 0
    """How many of the blocks that are kept the index does not name yet."""

    @classmethod
    def read(
        cls,
        pieces: Pieces,
        inputs: str,
        spool: Spool,
        positions: Mapping[str, JournalPosition],
        disputes: Disputes,
        survey: CrossSubjectSurvey,
        part: int | None = None,
    ) -> "UnfinishedBlocks":
        """Read what an earlier publication kept that did not end; nothing where none did.

        What was made side by side is found in its parts, and from then on is one.
        """
        verdicts = {
            mark(verdict): sha256(decided.encode()) for verdict, decided in survey.verdicts.items()
        }
        blocks = cls(pieces, inputs, spool, positions, disputes, verdicts, part=part)
        if part is not None:
            blocks._take(blocks._index)
            return blocks
        parts = pieces.names(PART)
        for index in (UNFINISHED, *parts):
            blocks._take(index)
        if parts:
            blocks._write_index()
            pieces.clear(PART)
        return blocks

    @property
    def _index(self) -> str:
        return UNFINISHED if self.part is None else f"{PART}{self.part:03}"

    def _take(self, index: str) -> None:
        """Add the blocks that an index names, if the same would decide them now."""
        document = self.pieces.read_document(index)
        if document is None or document["inputs"] != self.inputs:
            return
        before, kept = document["verdicts"], document["blocks"]
        moved = {
            name
            for name in before.keys() | self.verdicts.keys()
            if before.get(name) != self.verdicts.get(name)
        }
        self.kept |= {
            key: BlockPlace(name, version, digest, tuple(ids))
            for key, (name, version, digest, ids) in kept.items()
        }
        self.moved = {*self.moved, *moved, *document["moved"]}
        self.doubtful = {*self.doubtful, *(kept if moved else document["doubtful"])}

    def complete(
        self,
        subject_ids: Iterable[str],
        make: Callable[[Sequence[str]], KeptBlock],
        beat: Beat,
        note: Callable[[int, int, int], None],
    ) -> Iterator[KeptBlock]:
        """Yield all blocks of these subjects, in order of their ids: found where kept, or made.

        `note` is told how many were kept just now, how many are by then, and of how many. When
        time is over, and at the end, the index names all that is kept.
        """
        try:
            yield from self._found_or_made(subject_ids, make, beat, note)
        except OutOfTime:
            self._note_rest()
            raise
        self._note_rest()

    def _found_or_made(
        self,
        subject_ids: Iterable[str],
        make: Callable[[Sequence[str]], KeptBlock],
        beat: Beat,
        note: Callable[[int, int, int], None],
    ) -> Iterator[KeptBlock]:
        ids = list(in_blocks(subject_ids, str))
        self.limit_to(ids)
        for names_together in batched(ids, AT_ONCE, strict=False):
            batch = [*map(tuple, names_together)]
            early_blocks, new_blocks = self.find(batch), dict[tuple[str, ...], KeptBlock]()
            for names in batch:
                beat()
                if names not in early_blocks:
                    new_blocks[names] = make(names)
            if new_blocks and (len(ids) > len(batch) or self.part is not None):
                self.keep(early_blocks.values(), list(new_blocks.values()))
                note(len(new_blocks), len(self.kept), len(ids))
            yield from (
                (early_blocks.get(names) or new_blocks[names]) for names in map(tuple, batch)
            )

    def limit_to(self, ids: Iterable[Sequence[str]]) -> None:
        """Delete the blocks that are none of these any more: texts in them may be erased by now."""
        keys = {*map(self._key, ids)}
        forgotten = [place for key, place in self.kept.items() if key not in keys]
        self.kept = {key: place for key, place in self.kept.items() if key in keys}
        self.doubtful = {*self.doubtful} & keys
        self.pieces.bucket.delete(
            [self.pieces.version(place.name, place.version) for place in forgotten]
        )

    def find(self, ids: Iterable[Sequence[str]]) -> Mapping[tuple[str, ...], KeptBlock]:
        """Return those of some blocks that are kept and still right, by their subjects' ids."""
        places = [self.kept[key] for key in map(self._key, ids) if key in self.kept]
        return {
            place.ids: block
            for place, block in read_blocks(self.pieces, places, self.spool).items()
            if self._key(place.ids) not in self.doubtful or block.verdicts.isdisjoint(self.moved)
        }

    def keep(self, early_blocks: Iterable[KeptBlock], new_blocks: Sequence[KeptBlock]) -> None:
        """Keep blocks that were made, and those found that are still right."""
        if self.doubtful:
            known = {self._key(block.block.ids) for block in (*early_blocks, *new_blocks)}
            self.doubtful = {*self.doubtful} - known
        for block, place in zip(new_blocks, write_blocks(self.pieces, new_blocks), strict=True):
            self.kept[self._key(block.block.ids)] = place
        self.unnoted += len(new_blocks)
        if is_index_due(self.unnoted, len(self.kept)):
            self._write_index()

    def _note_rest(self) -> None:
        if self.unnoted:
            self._write_index()

    def _write_index(self) -> None:
        document = {
            "inputs": self.inputs,
            "verdicts": self.verdicts,
            "moved": sorted(self.moved) if self.doubtful else [],
            "doubtful": sorted(self.doubtful),
            "blocks": {key: list(vars(place).values()) for key, place in self.kept.items()},
        }
        self.pieces.write_document(self._index, document)
        self.unnoted = 0

    def _key(self, ids: Sequence[str]) -> str:
        """Return the digest of what a block of subjects is made of, but for the verdicts."""
        states = [
            (name, self.positions[name].version, self.positions[name].head.hex(),
             self.positions[name].erased, self.disputes.get(name, ()))
            for name in ids
        ]  # fmt: skip
        return sha256(json.dumps(states).encode())


def is_begun(pieces: Pieces, inputs: str) -> bool:
    """Return whether one publication after the other keeps blocks that the same decides."""
    document = pieces.read_document(UNFINISHED)
    return document is not None and document["inputs"] == inputs
