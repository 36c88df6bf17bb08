"""A subject's row and its pages.

Capacity is billed by the kilobyte, and an event writes its subject's row whole. So the row holds
what changed last, and what it held is moved to a page whenever that has become too much. To read a
subject is to read its row and, in order, the pages that the row names: of a record that stands
there more than once, the last is the one that counts.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby

from trial.deferred import dataclass
from trial.errors import Unavailable
from trial.statistics.cells import Share
from trial.store import keys
from trial.store.encoding import subjects
from trial.store.encoding.shares import decode_share
from trial.store.rows import GENESIS
from trial.store.table import KEYS_A_BATCH, Item, Table, binary, key, key_of, number, sort_key, text
from trial.subject.fold import Subject

FILLS = "fills"
PARTIAL, PARTIAL_MARKED = -1, -2
"""Stand for the version of a share of which some is still to be moved (`moving`).

A marked one has a mark on its generation's header that whoever completes it reconciles. A share
that was never counted is as one that is partial and has moved nothing.
"""
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
    """The subject as these pages hold it."""
    length: int = 0
    """How long their text is, all together."""


_NO_PAGES = Pages(range(0), Subject(""))


@dataclass(frozen=True)
class CountedShare:
    """What a generation's sums count for a subject: None where its bytes are damaged."""

    share: Share | None
    version: int
    """Of the subject that it was computed at; `PARTIAL` or `PARTIAL_MARKED` for a part of one."""

    @property
    def is_marked(self) -> bool:
        """Whether it is partial and has a mark of its own on the header."""
        return self.version == PARTIAL_MARKED


_NOT_COUNTED = CountedShare({}, PARTIAL)


@dataclass(frozen=True)
class SubjectRow:
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
        """Return what a generation's sums count for the subject; nothing where it was never filled.

        This is what was counted, whatever today's code would count.
        """
        return self.readable_share(generation).share or {}

    def readable_share(self, generation: str) -> CountedShare:
        """Return that share with its version; raises `Unavailable` where its bytes are damaged."""
        counted = self.counted_share(generation)
        if counted.share is None:
            raise Unavailable("a subject's share cannot be read: Audit must repair it")
        return counted

    def current_share(self, generation: str) -> Share | None:
        """Return that share if it is of the subject as it is now; None if it has to be filled."""
        counted = self.counted_share(generation)
        return counted.share if counted.version == self.version else None

    def counted_share(self, generation: str) -> CountedShare:
        """Return that share and the version it was computed at, damaged or not."""
        body = (self.shares or {}).get(generation)
        if body is None:
            return _NOT_COUNTED
        try:
            return CountedShare(*decode_share(body))
        except (zlib.error, ValueError, LookupError):
            return CountedShare(None, PARTIAL)

    def is_partial(self, generation: str) -> bool:
        """Return whether some of a share that was begun is still to be moved."""
        counted = self.counted_share(generation)
        return generation in (self.shares or {}) and bool(
            counted.share is not None and counted.version < 0
        )


def read_row(table: Table, row_key: keys.Key) -> SubjectRow | None:
    """Read one subject's row; None where there is none yet."""
    item = table.get(row_key)
    if item is None:
        return None
    # A query instead of a read by key: one request, however many pages, and few subjects have any.
    pages = table.query(row_key[0], keys.page_prefix(row_key)) if _page_numbers(item) else ()
    return _assemble(item, pages)


def read_rows(table: Table, row_keys: Sequence[keys.Key]) -> dict[keys.Key, SubjectRow]:
    """Read the rows that there are, of at most as many as one call takes."""
    return assemble_rows(table, table.get_batch(row_keys))


def assemble_rows(table: Table, row_items: Iterable[Item]) -> dict[keys.Key, SubjectRow]:
    """Read the pages of rows that were just read, and return each row with its own."""
    items = {key_of(item): item for item in row_items}
    page_keys = [
        keys.page(row_key, page_number)
        for row_key, item in items.items()
        for page_number in _page_numbers(item)
    ]
    # Rows come first: pages never change, so those that a row names can be read after it.
    pages: dict[keys.Key, list[Item]] = {row_key: [] for row_key in items}
    for start in range(0, len(page_keys), KEYS_A_BATCH):
        for page in table.get_batch(page_keys[start : start + KEYS_A_BATCH]):
            pages[keys.subject_row_of(key_of(page))].append(page)
    return {row_key: _assemble(item, pages[row_key]) for row_key, item in items.items()}


def scan_rows(table: Table, partition: str, after: str = "") -> Iterator[SubjectRow]:
    """Read every subject's row of a shard; or, of those in the order of keys, what follows one.

    One query gives a row and then its pages, for their keys follow its own. Between the query's
    pages a subject may move records to a new page or, once erased, name others: its row as read
    then names pages that the query did not give, and it alone is read again.
    """
    items = table.query(partition, keys.SUBJECT, after)
    for row_key, (first, *pages) in groupby(items, lambda item: keys.subject_row_of(key_of(item))):
        if key_of(first) != row_key:
            continue  # pages without a row: it is gone, or came after the query had begun
        try:
            row: SubjectRow | None = _assemble(first, pages)
        except PagesReplaced:
            row = read_row(table, row_key)
        if row is not None:
            yield row


def write_pages(numbers: range, length: int) -> Item:
    """Write what a subject's row says of its pages."""
    # A range and no list: pages are added at the end, or all written anew under the next numbers.
    return {"pages": text(f"{numbers.start}:{numbers.stop}"), "paged": number(length)}


def write_page(page_key: keys.Key, body: bytes) -> Item:
    """Write a page."""
    return key(page_key) | {"format": number(subjects.FORMAT), "body": binary(body)}


def _page_numbers(item: Item) -> range:
    """Return the numbers of the pages that a subject's row names."""
    if "pages" not in item:
        return range(0)
    start, _, stop = item["pages"]["S"].partition(":")
    return range(int(start), int(stop))


def _assemble(item: Item, pages: Iterable[Item]) -> SubjectRow:
    """Read a row and its pages; others among them are passed over, and none may be missing."""
    older = _read_pages(item, {keys.page_number(sort_key(page)): page for page in pages})
    return SubjectRow(
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


def _read_pages(item: Item, pages: Mapping[int, Item]) -> Pages:
    numbers, subject = _page_numbers(item), Subject(keys.subject_id(sort_key(item)))
    if not numbers:
        return Pages(numbers, subject)
    # Others are of another version of the subject: not yet named by this row, or no more.
    if not pages.keys() >= set(numbers):
        raise PagesReplaced("the subject is being written to")
    # In the order of their numbers: of a record on several pages the last is the one that counts.
    subject = subjects.decode(subject, *(_body(pages[number]) for number in numbers))
    return Pages(numbers, subject, int(item["paged"]["N"]))


def _body(item: Item) -> bytes:
    item_format = int(item["format"]["N"])
    if item_format != subjects.FORMAT:
        raise Unavailable(
            f"a subject's row has format {item_format}, which this release cannot read"
        )
    body: bytes = item["body"]["B"]
    return body
