"""A subject's row and its pages.

Capacity is billed by the kilobyte, and an event writes its subject's row whole. So the row holds
what changed last, and what it held is moved to a page whenever that has become too much. To read a
subject is to read its row and, in order, the pages that the row names: of a record that stands
there more than once, the last is the one that counts.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from trial.errors import Unavailable
from trial.statistics.cells import Share
from trial.store import keys
from trial.store.encoding import subjects
from trial.store.encoding.shares import decode_share
from trial.store.rows import GENESIS
from trial.store.table import KEYS_A_BATCH, Item, Table, binary, key, key_of, number, text
from trial.subject.fold import Subject

FILLS = "fills"
_NEVER = datetime.min.replace(tzinfo=UTC)


class PagesReplaced(Unavailable):
    """The pages that a subject's row names are gone: it names others by now."""


@dataclass(frozen=True)
class Pages:
    """What was moved out of a subject's row: rows of their own, in order, never changed again.

    A page may hold a record again that changed since an earlier one; the row itself holds what
    changed since the last. So a row and the pages that it names are the subject at its version,
    whenever each of them was read; others are not of that version.
    """

    numbers: range
    subject: Subject
    """What they amount to."""
    length: int = 0
    """Of their text, together."""


_NO_PAGES = Pages(range(0), Subject(""))


@dataclass(frozen=True)
class Row:
    """A subject's row as read; shares of generations not asked for stay closed."""

    subject: Subject
    version: int = 0
    head: bytes = GENESIS
    stamp: datetime = _NEVER
    shares: Mapping[str, bytes] | None = None
    """Encoded shares by generation; None where there is no row yet."""
    fills: int = 0
    """How often a share was replaced without an event."""
    size: int = 0
    """Of the records that it holds itself, in bytes."""
    pages: Pages = _NO_PAGES
    cipher_key: bytes = b""
    """Of the subject's personal texts; there is none before the first event and once erased."""

    def share(self, generation: str) -> Share:
        """Give what a generation's sums count for the subject; nothing where it was never filled.

        This is what was counted, whatever today's code would count.
        """
        share = self.readable(generation)
        if share is None:
            raise Unavailable("what is counted for a subject cannot be read: Audit must repair it")
        return share

    def readable(self, generation: str) -> Share | None:
        """Give that share, or None where its bytes are damaged."""
        return self.counted(generation)[0]

    def fresh(self, generation: str) -> Share | None:
        """Give that share if it is of the subject as it is now; None if it has to be filled."""
        share, version = self.counted(generation)
        return share if version == self.version else None

    def counted(self, generation: str) -> tuple[Share | None, int]:
        """Give that share and the version it was computed at; -1 where it was never filled."""
        body = (self.shares or {}).get(generation)
        if body is None:
            return {}, -1
        try:
            return decode_share(body)
        except (zlib.error, ValueError, LookupError):
            return None, -1


def row(table: Table, at: keys.Key) -> Row | None:
    """Read one subject's row; None where there is none yet."""
    item = table.get(at)
    if item is None:
        return None
    pages = table.query(at[0], keys.pages(at)) if _named(item) else ()
    return _whole(item, pages)


def rows(table: Table, wanted: Sequence[keys.Key]) -> dict[keys.Key, Row]:
    """Read the rows that there are, of at most as many as one call takes."""
    heads = {key_of(item): item for item in table.get_batch(wanted)}
    named = [keys.page(at, each) for at, item in heads.items() for each in _named(item)]
    pages: dict[keys.Key, list[Item]] = {at: [] for at in heads}
    for start in range(0, len(named), KEYS_A_BATCH):
        for item in table.get_batch(named[start : start + KEYS_A_BATCH]):
            pages[keys.owner(key_of(item))].append(item)
    return {at: _whole(item, pages[at]) for at, item in heads.items()}


def scan_rows(table: Table, partition: str) -> Iterator[Row]:
    """Read every subject's row of a shard."""
    found = table.query(partition, keys.SUBJECT)
    for at, (first, *pages) in groupby(found, lambda item: keys.owner(key_of(item))):
        if key_of(first) != at:
            continue  # pages without a row: it is gone, or came after the reading had begun
        try:
            whole: Row | None = _whole(first, pages)
        except PagesReplaced:
            whole = row(table, at)
        if whole is not None:
            yield whole


def write_pages(numbers: range, length: int) -> Item:
    """Write what a subject's row says of its pages."""
    return {"pages": text(f"{numbers.start}:{numbers.stop}"), "paged": number(length)}


def write_page(at: keys.Key, body: bytes) -> Item:
    """Write a page."""
    return key(at) | {"format": number(subjects.FORMAT), "body": binary(body)}


def _named(item: Item) -> range:
    """Say which pages a subject's row names."""
    if "pages" not in item:
        return range(0)
    start, _, stop = item["pages"]["S"].partition(":")
    return range(int(start), int(stop))


def _whole(item: Item, pages: Iterable[Item]) -> Row:
    """Read a row and its pages; others among them are passed over, and none may be missing."""
    older = _read_pages(item, {keys.page_number(key_of(each)[1]): each for each in pages})
    return Row(
        subjects.decode(older.subject, _body(item)),
        int(item["version"]["N"]),
        item["head"]["B"],
        datetime.fromisoformat(item["stamp"]["S"]),
        {generation: share["B"] for generation, share in item["shares"]["M"].items()},
        int(item[FILLS]["N"]) if FILLS in item else 0,
        len(item["body"]["B"]),
        older,
        item["cipher_key"]["B"],
    )


def _read_pages(item: Item, found: Mapping[int, Item]) -> Pages:
    numbers, subject = _named(item), Subject(keys.subject_id(item["SK"]["S"]))
    if not numbers:
        return Pages(numbers, subject)
    if not found.keys() >= set(numbers):
        raise PagesReplaced("the subject is being written to")
    subject = subjects.decode(subject, *(_body(found[each]) for each in numbers))
    return Pages(numbers, subject, int(item["paged"]["N"]))


def _body(item: Item) -> bytes:
    written_as = int(item["format"]["N"])
    if written_as != subjects.FORMAT:
        raise Unavailable(
            f"a subject's row has format {written_as}, which this release cannot read"
        )
    body: bytes = item["body"]["B"]
    return body
