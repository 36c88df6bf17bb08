"""What a publication holds of subjects, in a temporary file where memory would not hold it.

The file has no name: it is gone with the process that made it, however that ends, and no other
call finds it. That matters, for it holds records of patients, and a function's temporary storage
outlives the call. What is little stays in memory.
"""

import errno
import io
from collections.abc import Iterator, Sequence
from itertools import accumulate
from tempfile import TemporaryFile
from typing import IO, Self

from trial.deferred import dataclass
from trial.errors import NoRoom

HELD_BYTES = 32_000_000
"""So much stays in memory: a study of some 1,000 subjects makes no file."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class Spool:
    """Bytes that one thread keeps once and reads again and again, until it is closed."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._file: IO[bytes] | None = None
        self._size = 0

    def __enter__(self) -> Self:
        """Use it until the end of the block."""
        return self

    def __exit__(self, *_: object) -> None:
        """Give up all that it holds."""
        self.close()

    def close(self) -> None:
        """Give up all that it holds."""
        self._held = bytearray()  # not cleared: an error may hold a view of its bytes
        if self._file is not None:
            self._file.close()

    def add(self, content: bytes) -> int:
        """Keep some bytes; return where they begin. Raises `NoRoom` where the disk is full."""
        offset = self._size
        if self._file is None and offset + len(content) > HELD_BYTES:
            self._file = TemporaryFile(buffering=0)  # noqa: SIM115 (it is closed with the spool)
            self._write(self._held)
            self._held.clear()
        if self._file is None:
            self._held += content
        else:
            self._write(content)
        self._size = offset + len(content)
        return offset

    def keep(self, content: bytes) -> "Span":
        """Keep some bytes; return what reads them. Raises `NoRoom` where the disk is full."""
        return Span(self, self.add(content), len(content))

    def read(self, offset: int, length: int) -> bytes:
        """Read some of the bytes again."""
        if self._file is None:
            return bytes(self._held[offset : offset + length])
        self._file.seek(offset)
        return self._file.read(length)

    def _write(self, content: bytes | bytearray) -> None:
        assert self._file is not None
        rest = memoryview(content)
        self._file.seek(0, io.SEEK_END)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError as error:
            if error.errno in _FULL:
                raise NoRoom("the temporary storage is full") from error
            raise


@dataclass(frozen=True, slots=True)
class Span:
    """Some bytes in a spool; `bytes` reads them."""

    spool: Spool
    offset: int
    length: int

    def __len__(self) -> int:
        return self.length

    def __bytes__(self) -> bytes:
        return self.spool.read(self.offset, self.length)


type Packed = bytes | Span
"""Bytes in memory, or in a spool."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Spans of one spool that stand one after the other: so many need the memory of few."""

    spool: Spool
    offset: int
    lengths: Sequence[int]

    def __len__(self) -> int:
        return len(self.lengths)

    def __iter__(self) -> Iterator[Span]:
        for end, length in zip(accumulate(self.lengths), self.lengths, strict=True):
            yield Span(self.spool, self.offset + end - length, length)

    def __getitem__(self, number: int) -> Span:
        offset = self.offset + sum(self.lengths[:number])
        return Span(self.spool, offset, self.lengths[number])
