"""What live documents were made of, kept for the next publication: it then makes what changed.

The state names every subject's version, and where its block is kept. It is a cache: whatever it
lacks is made anew from the subjects' rows, and a document is the same either way. Nothing is used
that has not the digest by which it is named; the state begins with its own, for that of what tells
arms apart must not stand in `latest.json`.
"""

import hashlib
import json
import struct
import zlib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import field
from itertools import batched
from typing import Any

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.render.documents import EarlierFile
from trial.render.workbook.rows import StyleKey
from trial.render.workbook.segments import Place, RunShape
from trial.reporting.live.former import FormerVersions
from trial.reporting.live.kept_blocks import KeptBlock
from trial.reporting.report import Disputes
from trial.reporting.snapshot import JournalPosition
from trial.reporting.spool import Spool
from trial.statistics.cells import Share
from trial.store.bucket.documents import STATE
from trial.store.bucket.pieces import Pieces
from trial.store.encoding.shares import decode_share, encode_share
from trial.subject.fold import Dispute, Subject
from trial.tables.discrepancies.across import Verdict, terms_of

FORMAT = 7
BEGUN, BLOCK = "begun", "block-"
_THREADS = 8
_AT_ONCE = 64  # blocks whose bytes may be in memory together, some 400 KB each
_LENGTH = struct.Struct(">I")
_LEVEL = 1


def mark(verdict: Verdict) -> str:
    """Return a short mark of a verdict: two may share one, and then a block is made in vain."""
    return sha256("\0".join(verdict).encode())[:8]


def marks_of(subject: Subject) -> str:
    """Return the marks of what subjects together decide that a subject's rows depend on."""
    return " ".join(sorted({mark(verdict) for verdict in terms_of(subject)}))


@dataclass(frozen=True)
class BlockPlace:
    """Where a block is kept, and how its bytes are recognised."""

    name: str
    version: str
    sha256: str
    ids: tuple[str, ...]


@dataclass(frozen=True)
class LiveState:
    """What one publication for one audience was made of."""

    cut: str
    inputs: str
    """The digest of what decides everything: definition, code, epoch."""
    positions: Mapping[str, JournalPosition]
    sums: Share
    survey: Mapping[str, Any]
    disputes: Sequence[Dispute]
    open_disputes: Disputes
    blocks: Sequence[BlockPlace]
    files: Mapping[str, EarlierFile] = field(default_factory=dict)
    segments: Mapping[str, Place] = field(default_factory=dict)
    widths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    runs: Mapping[str, RunShape] = field(default_factory=dict)
    former: Sequence[FormerVersions] = ()
    """What this publication and those before it replaced, and is to be deleted."""

    def encode(self) -> bytes:
        """Write it."""
        document = {
            "cut": self.cut,
            "inputs": self.inputs,
            "positions": {
                name: [position.version, position.head.hex()]
                for name, position in self.positions.items()
            },
            "survey": self.survey,
            "disputes": [list(vars(dispute).values()) for dispute in self.disputes],
            "open_disputes": self.open_disputes,
            "blocks": [[b.name, b.version, b.sha256, len(b.ids)] for b in self.blocks],
            "files": {name: list(vars(file).values()) for name, file in self.files.items()},
            "segments": self.segments,
            "widths": self.widths,
            "runs": self.runs,
            "former": [versions.document() for versions in self.former],
        }
        text = zlib.compress(json.dumps(document).encode(), _LEVEL)
        body = b"".join((_LENGTH.pack(len(text)), text, encode_share(self.sums, 0)))
        return hashlib.sha256(body).digest() + body

    @classmethod
    def decode(cls, content: bytes) -> "LiveState | None":
        """Read it again; None where it is not what was written."""
        size = hashlib.sha256().digest_size
        digest, content = content[:size], content[size:]
        if hashlib.sha256(content).digest() != digest:
            return None
        (length,) = _LENGTH.unpack_from(content)
        end = _LENGTH.size + length
        document = json.loads(zlib.decompress(content[_LENGTH.size : end]))
        positions = {
            name: JournalPosition(version, bytes.fromhex(head))
            for name, (version, head) in document["positions"].items()
        }
        ids = iter(sorted(positions))
        return cls(
            document["cut"],
            document["inputs"],
            positions,
            decode_share(content[end:])[0],
            document["survey"],
            [Dispute(*dispute) for dispute in document["disputes"]],
            {
                name: tuple((kind, record, revision) for kind, record, revision in rows)
                for name, rows in document["open_disputes"].items()
            },
            [
                BlockPlace(name, version, digest, tuple(next(ids) for _ in range(size)))
                for name, version, digest, size in document["blocks"]
            ],
            {name: EarlierFile(*file) for name, file in document["files"].items()},
            {name: Place(*place) for name, place in document["segments"].items()},
            {name: tuple(widths) for name, widths in document["widths"].items()},
            {
                name: RunShape(rows, [StyleKey(*key) for key in keys])
                for name, (rows, keys) in document["runs"].items()
            },
            [*map(FormerVersions.read, document["former"])],
        )


def inputs_of(study: Study, epoch: int, code_version: str) -> str:
    """Return the digest of what decides every piece of a study's live documents."""
    parts = (FORMAT, study.generation, study.digest, study.audience, epoch, code_version)
    return sha256(" ".join(map(str, parts)).encode())


def sha256(content: bytes) -> str:
    """Return the digest by which pieces are recognised."""
    return hashlib.sha256(content).hexdigest()


def read_state(pieces: Pieces, latest: Mapping[str, Any] | None, inputs: str) -> LiveState | None:
    """Read the state of the latest publication; None where there is none that can be used."""
    if latest is None or STATE not in latest:
        return None
    content = pieces.read(STATE, latest[STATE])
    state = LiveState.decode(content) if content is not None else None
    is_of_latest = state is not None and (state.inputs, state.cut) == (inputs, latest["cut"])
    return state if is_of_latest else None


def write_state(pieces: Pieces, state: LiveState) -> str:
    """Keep a state; return its version."""
    return pieces.write(STATE, state.encode())


def is_overtaken(pieces: Pieces, latest: Mapping[str, Any] | None) -> bool:
    """Return whether another publication began since the latest, which names its own mark.

    It may have overwritten any file: then the versions that the latest names are former ones, which
    expire, so every file is to be written. That is known also where the state is lost.
    """
    if latest is None or BEGUN not in latest:
        return False
    return bool(pieces.current_version(BEGUN) != latest[BEGUN])


def begin(pieces: Pieces) -> str:
    """Set the mark of a publication that is about to write its first file; return it."""
    return pieces.write(BEGUN, b"")


def read_blocks(
    pieces: Pieces, places: Iterable[BlockPlace], spool: Spool
) -> Mapping[BlockPlace, KeptBlock]:
    """Read blocks into a spool, several at a time: those that are there and are what was kept."""

    def read(place: BlockPlace) -> bytes | None:
        content = pieces.read(place.name, place.version)
        return content if content is not None and sha256(content) == place.sha256 else None

    blocks = {}
    with ThreadPoolExecutor(_THREADS) as threads:
        for some_places in batched(places, _AT_ONCE, strict=False):
            contents = zip(some_places, threads.map(read, some_places), strict=True)
            for place, content in contents:
                if content is not None:
                    blocks[place] = KeptBlock.decode(place.ids, content, spool)
    return blocks


def write_blocks(pieces: Pieces, blocks: Iterable[KeptBlock]) -> list[BlockPlace]:
    """Keep blocks, several at a time; return where they are, in their order."""

    def write(ids: tuple[str, ...], content: bytes) -> BlockPlace:
        # A block has its name as long as it begins with the same subject.
        name = f"{BLOCK}{sha256(ids[0].encode())[:24]}"
        return BlockPlace(name, pieces.write(name, content), sha256(content), ids)

    places: list[BlockPlace] = []
    with ThreadPoolExecutor(_THREADS) as threads:
        for some_blocks in batched(blocks, _AT_ONCE, strict=False):
            ids = [block.block.ids for block in some_blocks]
            places += threads.map(write, ids, [block.encode() for block in some_blocks])
    return places
