"""Groups of journals as they are kept of a report: one after the other, or shard by shard.

A shard whose journals are read beside the others has an index of its own, which names its groups.
Put together in the order of shards they are what one reader would have kept.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import field
from typing import Any

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.reporting.journals import JournalGroup, JournalReader
from trial.reporting.live.state import sha256
from trial.store import keys
from trial.store.bucket.pieces import Pieces
from trial.store.dynamodb import Store

GROUP = "journals-"
"""Begins the names of groups."""
SHARD = "shard-"
"""Begins the names of the indexes of shards."""


@dataclass(frozen=True)
class ErasedSubjects:
    """Whose texts are erased, in the order in which journals are read: by shard and id."""

    places: Sequence[tuple[int, str]]
    shards: int

    @classmethod
    def read(cls, store: Store, study: Study) -> "ErasedSubjects":
        """Read who is noted as erased: whose row is read after that is read without texts."""
        shards = study.definition.shards
        names = store.erased_subjects(study.id)
        return cls(sorted((keys.shard_of(name, shards), name) for name in names), shards)

    def between(self, after: str, last: str = "") -> list[str]:
        """Return the ids behind one, '' for the first, up to and with another, '' for all."""
        start = bisect_right(self.places, self._place(after)) if after else 0
        end = bisect_right(self.places, self._place(last)) if last else None
        return [name for _, name in self.places[start:end]]

    def _place(self, name: str) -> tuple[int, str]:
        return keys.shard_of(name, self.shards), name


@dataclass(frozen=True)
class GroupPlace:
    """Where a group is kept, how its bytes are recognised, and which subject is its last."""

    name: str
    version: str
    sha256: str
    last: str
    subjects: int
    events: int
    erased: Sequence[str] = ()
    """Who of those up to the last was known to be erased before it was read; of some nothing is."""

    @classmethod
    def write(
        cls, pieces: Pieces, name: str, group: JournalGroup, erased: Sequence[str]
    ) -> "GroupPlace":
        """Keep a group under a name."""
        content = group.encode()
        version, digest = pieces.write(name, content), sha256(content)
        return cls(name, version, digest, group.last, len(group.journals), group.events, erased)

    def read(self, pieces: Pieces) -> bytes | None:
        """Read the group's bytes; None where they are gone, or not what was kept."""
        content = pieces.read(self.name, self.version)
        return content if content is not None and sha256(content) == self.sha256 else None


@dataclass
class ShardJournals:
    """The journals of a shard's subjects, in groups that are kept."""

    pieces: Pieces
    inputs: str
    shard: int
    places: list[GroupPlace] = field(default_factory=list)
    is_read: bool = False
    """Whether the groups hold the journals of all of the shard's subjects."""

    @classmethod
    def read(cls, pieces: Pieces, inputs: str, shard: int) -> "ShardJournals":
        """Read what is kept of a shard; nothing of what other inputs decided."""
        journals = cls(pieces, inputs, shard)
        document = pieces.read_document(journals._name)
        if document is not None and document["inputs"] == inputs:
            journals.places = [GroupPlace(*place) for place in document["groups"]]
            journals.is_read = document["is_read"]
        return journals

    def complete(self, reader: JournalReader, note: Callable[[], None]) -> None:
        """Read the rest of the journals, and keep each group; `note` is told of it."""
        if self.is_read:
            return
        erased = ErasedSubjects.read(reader.store, reader.study)
        after = self.places[-1].last if self.places else ""
        for group in reader.groups_of_shard(self.shard, after):
            name = f"{GROUP}{self.shard:02}-{len(self.places):06}"
            known = erased.between(after, group.last)
            self.places.append(GroupPlace.write(self.pieces, name, group, known))
            after = group.last
            self._write_index()
            note()
        self.is_read = True
        self._write_index()

    def _write_index(self) -> None:
        groups = [list(vars(place).values()) for place in self.places]
        document = {"inputs": self.inputs, "groups": groups, "is_read": self.is_read}
        self.pieces.write_document(self._name, document)

    @property
    def _name(self) -> str:
        return f"{SHARD}{self.shard:02}"


def of_all_shards(pieces: Pieces) -> list[Any]:
    """Return the places of the groups that shards have kept, as data, in order."""
    indexes = map(pieces.read_document, pieces.names(SHARD))
    return [place for index in indexes if index is not None for place in index["groups"]]


def joined(pieces: Pieces, inputs: str, shards: int) -> tuple[Sequence[GroupPlace], bool]:
    """Return the groups of all shards in order, up to where one ends early; whether none does."""
    places: list[GroupPlace] = []
    for shard in range(shards):
        journals = ShardJournals.read(pieces, inputs, shard)
        places += journals.places
        if not journals.is_read:
            return places, False
    return places, True
