"""Segments of workbooks that earlier ones may have: the rows of a block, compressed in place.

A cell's address holds the number of its row. So a segment is named after its rows, the number of
the first, and all else that decides its bytes; under one name there are the same bytes always.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from typing import NamedTuple, Protocol

from trial.deferred import dataclass
from trial.render.workbook.archive import Segment, segment_of
from trial.render.workbook.rows import StyleKey


class Place(NamedTuple):
    """In which file a segment is and where, and how its bytes are recognised."""

    file: str
    offset: int
    length: int
    sha256: str
    size: int
    crc: int
    """As the archive says of what is read: see `Segment`."""


class RunShape(NamedTuple):
    """Of rows that stand together: how many, and the styles of their cells as they come first."""

    rows: int
    styles: Sequence[StyleKey]


class ReadableFile(Protocol):
    """A file of which parts can be read."""

    def read(self, offset: int, length: int) -> bytes:
        """Read some of its bytes: fewer, or none, where it has no more."""


@dataclass
class Segments:
    """The segments of a publication's workbooks in the making, and those of the one before it."""

    earlier: Mapping[str, ReadableFile] = field(default_factory=dict)
    """The workbooks of that one, by name."""
    earlier_places: Mapping[str, Place] = field(default_factory=dict)
    earlier_widths: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    known_widths: dict[str, tuple[int, ...]] = field(default_factory=dict)
    """The widths of columns, by the name of the rows that decide them."""
    earlier_runs: Mapping[str, RunShape] = field(default_factory=dict)
    known_runs: dict[str, RunShape] = field(default_factory=dict)
    """The shapes of rows of figures, by the name of what decides them."""

    def find(self, name: str) -> Segment | None:
        """Return a segment as an earlier file has it.

        None where none of this name is there, or other bytes than there were.
        """
        place = self.earlier_places.get(name)
        file = self.earlier.get(place.file) if place else None
        if place is None or file is None:
            return None
        packed = file.read(place.offset, place.length)
        return Segment(packed, place.size, place.crc) if _sha256(packed) == place.sha256 else None

    def note(self, name: str, file: str, offset: int, content: bytes) -> Segment:
        """Compress a segment that is to stand at an offset of a file, and remember where."""
        segment = segment_of(content)
        packed, *told = segment
        self.places[name] = Place(file, offset, len(packed), _sha256(packed), *told)
        return segment

    def keep(self, file: str) -> None:
        """Remember the segments of a file that stays as it is."""
        if file in self.earlier:
            self.places |= {
                name: place for name, place in self.earlier_places.items() if place.file == file
            }

    def widths(self, name: str, fit: Callable[[], tuple[int, ...]]) -> tuple[int, ...]:
        """Return the widths of columns, fitted where they are not known."""
        if not name:
            return fit()
        widths = self.known_widths[name] = self.earlier_widths.get(name) or fit()
        return widths

    def run(self, name: str, count: Callable[[], RunShape]) -> RunShape:
        """Return the shape of some rows, counted where it is not known."""
        shape = self.known_runs[name] = self.earlier_runs.get(name) or count()
        return shape

    def move(self, name: str, file: str, offset: int) -> None:
        """Remember where a segment of an earlier file stands now."""
        self.places[name] = self.earlier_places[name]._replace(file=file, offset=offset)


def name_of(*parts: str) -> str:
    """Return a name for what is made of these parts alone."""
    return _sha256("\0".join(parts).encode())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]
