"""What the store's items mean: journal rows, sums, what is quarantined; see `paging` for subjects.

Item names are short where they are written with every event: capacity is billed by the kilobyte.
"""

import hashlib
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from trial.deferred import dataclass
from trial.errors import Rejected, Unavailable
from trial.events import blinding, envelope, json_body
from trial.events.blinding import HIDDEN, blinded_body
from trial.events.envelope import Entry
from trial.events.json_body import canonical
from trial.events.privacy import ERASED
from trial.statistics.cells import Cells, Share
from trial.store import cell_names, keys
from trial.store.encoding import sealing
from trial.store.table import Item, binary, key, number, sort_key, text
from trial.subject.fold import Outcome, Subject

GENESIS = bytes(32)
"""What the first row of a subject's chain names as the hash before it."""

COMMITS = "commits"
TICK = timedelta(microseconds=1)


@dataclass(frozen=True)
class Receipt:
    """An entry and who sent it, as authenticated."""

    entry: Entry
    principal: str


@dataclass(frozen=True)
class SubjectChange:
    """The subject just before an entry and with it, and what is counted of it by this call.

    The share is that of the generation in force, None where this code cannot compute it.
    """

    before: Subject
    after: Subject
    share: Share | None


@dataclass(frozen=True)
class Result:
    """What became of an entry: what it was to its subject, or why it was not stored.

    `Rejected`: it never can be. `Unavailable`: it may or may not be; send it again. `change` is
    what it did, where this call recorded it.
    """

    outcome: Outcome | Rejected | Unavailable
    change: SubjectChange | None = None


@dataclass(frozen=True)
class StoredSubject:
    """A subject as of one version, with the share that the sums count for it at that version."""

    id: str
    shard: int
    version: int
    subject: Subject
    share: Share
    head: bytes
    cipher_key: bytes


@dataclass(frozen=True)
class JournalRow:
    """One accepted event and its place in its subject's chain.

    `body` is what was received, its personal texts replaced; `texts` are these, sealed under the
    subject's key. `received` is the body with them, as far as they can be read: it is not part of
    the row, and None where the row is damaged.
    `hash` is the SHA-256 of `previous` followed by the canonical JSON of every other field here:
    texts as they are, bytes in hexadecimal, `stamp` as its text. Whoever holds a subject's
    last hash can tell that no row before it was changed, added, dropped or moved.
    """

    study: str
    subject: str
    kind: str
    record: str
    revision: int
    body: str
    digest: bytes
    event_id: str
    source: str
    time: str
    principal: str
    stamp: str
    version: int
    format: int
    previous: bytes
    texts: bytes = b""
    hash: bytes = b""
    received: str | None = None

    def entry(self) -> Entry:
        """Read the event again, with the digest of what was received, whatever is left of that.

        Raises `Unavailable` where the row is damaged.
        """
        try:
            received = self.received or ""
            value = json_body.read_json(received)
            entry = envelope.parse(value, received, self.study, self.format)
        except Rejected as rejected:
            raise Unavailable("a journal row cannot be read") from rejected
        if entry.digest != self.digest and ERASED not in received:
            raise Unavailable("a journal row is not what was received")
        return replace(entry, digest=self.digest)

    def expected_hash(self) -> bytes:
        """Compute the hash that this row must carry."""
        return hashlib.sha256(self.previous + canonical(self._fields()).encode()).digest()

    @property
    def has_valid_hash(self) -> bool:
        """Whether the row carries the hash that it must carry."""
        return self.hash == self.expected_hash()

    def document(self) -> dict[str, Any]:
        """Return the row as data: what the hash covers, and both hashes in hexadecimal."""
        return self._fields() | {"previous": self.previous.hex(), "hash": self.hash.hex()}

    def received_document(self) -> dict[str, Any]:
        """Return it so, with the event as it was received."""
        return self.document() | {"received": self.received}

    def blinded_document(self) -> dict[str, Any]:
        """Return it so for those who must not tell arms apart.

        Digests and hashes of what tells the arm would let it be guessed, and every later hash too.
        """
        hidden: dict[str, Any] = {"previous": HIDDEN, "hash": HIDDEN}
        hidden["body"] = blinded_body(self.kind, self.body)
        hidden["received"] = self.received and blinded_body(self.kind, self.received)
        if blinding.unblinding_fields(self.kind):
            hidden |= {"digest": HIDDEN, "texts": HIDDEN}
        return self.document() | hidden

    def _fields(self) -> dict[str, Any]:
        return {
            "study": self.study,
            "subject": self.subject,
            "kind": self.kind,
            "record": self.record,
            "revision": self.revision,
            "body": self.body,
            "texts": self.texts.hex(),
            "digest": self.digest.hex(),
            "event_id": self.event_id,
            "source": self.source,
            "time": self.time,
            "principal": self.principal,
            "stamp": self.stamp,
            "version": self.version,
            "format": self.format,
        }


@dataclass(frozen=True)
class Mending:
    """Who mended a rejected body, why, and the revisions of records that are recorded instead.

    Each revision is given by its subject, kind, record and number.
    """

    principal: str
    reason: str
    records: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class RejectedBody:
    """What was not accepted, and why; `body` is None where it was too large to keep, or erased."""

    sha256: str
    size: int
    body: bytes | None
    problem: dict[str, Any]
    principal: str
    at: str
    resolved: str = ""
    """When it was accepted after all, as it is or mended; empty while it waits."""
    erased: str = ""
    """When its body was erased with a subject's personal texts; empty where it was not."""
    mending: Mending | None = None
    """How it was mended; None where it was not."""

    @property
    def text(self) -> str | None:
        """The body as text; None where it is none, or is not kept."""
        try:
            return None if self.body is None else self.body.decode()
        except UnicodeDecodeError:
            return None

    def document(self) -> dict[str, Any]:
        """Return it as data; a body that is no text, or mostly escapes as one, comes in base 64."""
        document: dict[str, Any] = {"sha256": self.sha256, "size": self.size}
        document |= {"at": self.at, "principal": self.principal, "problem": self.problem}
        document |= {"resolved": self.resolved or None, "erased": self.erased or None}
        document["mended"] = self.mending and vars(self.mending)
        if self.body is None:
            return document | {"body": None}
        if (body_text := self.text) is not None and _is_compact(body_text, len(self.body)):
            return document | {"body": body_text}
        return document | {"body": None, "body_base64": b64encode(self.body).decode()}

    def blinded_document(self) -> dict[str, Any]:
        """Return it as data for those who must not tell arms apart.

        Of an event that may tell the arm, only how it went.
        Digest and size of its body, and where it is wrong, would let the arm be guessed.
        """
        if self.body is not None and not blinding.could_unblind(self.body):
            return self.document()
        problem = {name: self.problem.get(name) for name in ("type", "title", "status")}
        hidden: dict[str, Any] = {"sha256": HIDDEN, "size": None, "body": HIDDEN, "mended": None}
        document = {**self.document(), **hidden, "problem": problem}
        document.pop("body_base64", None)
        return document


def _is_compact(body_text: str, size: int) -> bool:
    """Return whether JSON writes a text in at most twice its bytes."""
    return len(json.dumps(body_text, ensure_ascii=False)) <= 2 * size + 2


def second_text(moment: datetime) -> str:
    """Write an instant to the second."""
    return moment.isoformat(timespec="seconds")


def stamp_text(stamp: datetime) -> str:
    """Write a receipt stamp: UTC, to the microsecond."""
    return stamp.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def write_journal(row: JournalRow, entry: Entry) -> Item:
    """Write a journal row."""
    return key(keys.journal_row(entry)) | {
        "body": text(row.body),
        "texts": binary(row.texts),
        "digest": binary(row.digest),
        "event": text(row.event_id),
        "source": text(row.source),
        "time": text(row.time),
        "who": text(row.principal),
        "stamp": text(row.stamp),
        "version": number(row.version),
        "format": number(row.format),
        "previous": binary(row.previous),
        "hash": binary(row.hash),
    }


def read_journal(study: str, subject: str, item: Item, cipher_key: bytes) -> JournalRow:
    """Read a journal row; without the subject's key, or once it is erased, less its texts."""
    kind, record, revision = keys.journalled_revision(sort_key(item))
    identity = study, subject, kind, record, revision
    body, texts = item["body"]["S"], item["texts"]["B"]
    return JournalRow(
        study=study,
        subject=subject,
        kind=kind,
        record=record,
        revision=revision,
        body=body,
        digest=item["digest"]["B"],
        event_id=item["event"]["S"],
        source=item["source"]["S"],
        time=item["time"]["S"],
        principal=item["who"]["S"],
        stamp=item["stamp"]["S"],
        version=int(item["version"]["N"]),
        format=int(item["format"]["N"]),
        previous=item["previous"]["B"],
        texts=texts,
        hash=item["hash"]["B"],
        received=sealing.unseal(cipher_key, texts, body, identity),
    )


def verify(rows: Iterable[JournalRow], head: bytes) -> bool:
    """Return whether journal rows, in order of version, are the whole chain that ends in `head`."""
    previous = GENESIS
    for version, row in enumerate(rows, start=1):
        if (row.version, row.previous, row.hash) != (version, previous, row.expected_hash()):
            return False
        previous = row.hash
    return previous == head


def read_cells(item: Item) -> Cells:
    """Read a row of sums; a cell whose changes cancelled out is absent."""
    cells = {name: read_number(value["N"]) for _, name, value in cell_names.cells_of(item)}
    return {name: n for name, n in cells.items() if n} if 0 in cells.values() else cells


def read_number(digits: str) -> int:
    """Read an integer, which DynamoDB may give back with an exponent."""
    try:
        return int(digits)
    except ValueError:
        return int(Decimal(digits))
