"""A first publication, and one event after it: memory, CPU, units and bytes by the study's size.

Subjects are like TMB-301's, as in `live_documents`. The doubles of DynamoDB and S3 keep what they
hold on disk, so that memory is the publication's. Each size runs in a process of its own, where
the peak counts from behind the making of the subjects. Invocations are those of Lambda that the
CPU would fill: 15 minutes each of about one processor, with nothing waited for.
"""

import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator, MutableMapping
from concurrent.futures import ProcessPoolExecutor
from itertools import starmap
from math import ceil
from pickle import dumps, loads
from tempfile import TemporaryFile
from typing import Any

from doubles import MemoryClient, MemoryS3, Rows
from policies import FUNCTIONS

from benchmarks import ROOT, world
from benchmarks.live_documents import SeededRow, Trial, seeded
from benchmarks.rows import Measured

SIZES, LARGE_SIZES = (100, 400), (4_000, 40_000)
_PATHS = ("functions", "infrastructure", "tests", "")
_INVOCATION = 15 * 60
_MEMORY = FUNCTIONS["PublishFunction"]["MemorySize"]
_TARGETS = {40_000: 15.0}
"""Seconds of CPU that one event may take after it, by the size of the study."""


class Stored:
    """Bytes in a file, in pieces."""

    def __init__(self, file: Any, pieces: list[tuple[int, int]]) -> None:  # noqa: ANN401 (a file)
        self.file, self.pieces = file, pieces

    def __len__(self) -> int:
        return sum(length for _, length in self.pieces)

    def __getitem__(self, place: slice) -> bytes:
        start, end, _ = place.indices(len(self))
        content, offset = bytearray(), 0
        for piece_offset, length in self.pieces:
            first, last = max(start - offset, 0), min(end - offset, length)
            if first < last:
                content += self._read(piece_offset + first, last - first)
            offset += length
        return bytes(content)

    def __bytes__(self) -> bytes:
        return b"".join(starmap(self._read, self.pieces))

    def __buffer__(self, _: int) -> memoryview:
        return memoryview(bytes(self))

    def _read(self, offset: int, length: int) -> bytes:
        return os.pread(self.file.fileno(), length, offset)


class Disk:
    """A file to which bytes are added."""

    def __init__(self) -> None:
        self._file = TemporaryFile(buffering=0)  # noqa: SIM115 (until the process ends)

    def keep(self, content: bytes) -> Any:  # noqa: ANN401 (stands for bytes)
        """Add some bytes; return what reads them, as `Stored` does."""
        offset = self._file.seek(0, os.SEEK_END)
        self._file.write(content)
        return Stored(self._file, [(offset, len(content))])


class RowsOnDisk(MutableMapping[tuple[str, str], dict[str, Any]]):
    """The rows of a table: in memory is where each is."""

    def __init__(self) -> None:
        self._disk, self._places = Disk(), dict[tuple[str, str], Stored]()

    def __getitem__(self, key: tuple[str, str]) -> dict[str, Any]:
        row: dict[str, Any] = loads(bytes(self._places[key]))  # noqa: S301 (its own)
        return row

    def __setitem__(self, key: tuple[str, str], row: dict[str, Any]) -> None:
        self._places[sys.intern(key[0]), key[1]] = self._disk.keep(dumps(row))

    def __delitem__(self, key: tuple[str, str]) -> None:
        del self._places[key]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)


class S3OnDisk(MemoryS3):
    """A bucket of which memory holds where each version is."""

    def __init__(self) -> None:
        super().__init__()
        self._disk = Disk()

    def _write(self, key: str, body: Any) -> str:  # noqa: ANN401 (bytes, or where they are)
        stored: Any = body if isinstance(body, Stored) else self._disk.keep(body)
        return super()._write(key, stored)

    def upload_part(self, UploadId: str, PartNumber: int, Body: bytes, **_: Any) -> Any:  # noqa: N803, ANN401
        """Keep a part."""
        with self._lock:
            self.uploads[UploadId][PartNumber] = self._disk.keep(Body)
        return {"ETag": f"part {PartNumber}"}

    def complete_multipart_upload(self, Key: str, UploadId: str, **_: Any) -> Any:  # noqa: N803, ANN401
        """Let the parts be a version."""
        with self._lock:
            parts = self.uploads.pop(UploadId)
            stored: list[Any] = [parts[number] for number in sorted(parts)]
            pieces = [piece for part in stored for piece in part.pieces]
            return {"VersionId": self._write(Key, Stored(self._disk._file, pieces))}


def seeded_rows(size: int) -> Iterator[SeededRow]:
    """Make the rows of so many subjects, on all processors."""
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(seeded, range(size), chunksize=50)


def made(size: int) -> dict[str, float]:
    """Publish so many subjects, and one event more; tell what both took."""
    dynamodb = MemoryClient(page=150)  # some 1 MB of subjects like these
    dynamodb.tables[world.TABLE] = Rows(RowsOnDisk())
    trial = Trial(size, seeded_rows(size), dynamodb, S3OnDisk())
    before = _peak()
    first, first_peak = trial.publish(None), _peak()
    changed = trial.post()
    second, second_peak = trial.publish([changed]), _peak()
    return {
        "before": before,
        "peak": first_peak,
        "seconds": first.seconds,
        "units": first.units,
        "bytes": first.bytes_written,
        "changed_peak": second_peak,
        "changed_seconds": second.seconds,
        "changed_units": second.units,
        "changed_bytes": second.bytes_written,
    }


def _peak() -> float:
    """Give the peak of this process's memory so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def apart(benchmark: str, size: int) -> dict[str, float]:
    """Run a benchmark of a study of so many subjects in a process of its own."""
    path = ":".join(str(ROOT / path) for path in _PATHS)
    command = [sys.executable, "-m", f"benchmarks.{benchmark}", str(size)]
    process = subprocess.run(  # noqa: S603 (this module itself)
        command, cwd=ROOT, env={"PYTHONPATH": path}, check=True, stdout=subprocess.PIPE, text=True
    )
    result: dict[str, float] = json.loads(process.stdout)
    return result


def measure(*, large: bool = False) -> list[Measured]:
    """Publish a small and a larger study; compare memory."""
    small, larger = LARGE_SIZES if large else SIZES
    results = {size: apart("first_publication", size) for size in (small, larger)}
    peaks = [result["peak"] for result in results.values()]
    sizes = f"{peaks[0]:.0f} MB at {small:,} subjects, {peaks[1]:.0f} MB at {larger:,}"
    rows = [Measured("memory, larger / smaller study", peaks[1] / peaks[0], None, sizes)]
    for size, result in results.items():
        detail = (
            f"{ceil(result['seconds'] / _INVOCATION)} invocations, {result['units']:,.0f} units,"
            f" {result['bytes'] / 1e6:,.0f} MB written; {result['before']:.0f} MB of memory before"
        )
        event_detail = (
            f"{result['changed_units']:.0f} units, {result['changed_bytes'] / 1e6:,.1f} MB written;"
            f" peak of both {result['changed_peak']:.0f} MB"
        )
        title = f"{size:,} subjects"
        rows += [
            Measured(f"MB at the peak, first publication, {title}", result["peak"], _MEMORY,
                     "what Publish has in the template"),
            Measured(f"CPU seconds, first publication, {title}", result["seconds"], None, detail),
            Measured(f"CPU seconds, one event after it, {title}", result["changed_seconds"],
                     _TARGETS.get(size), event_detail),
        ]  # fmt: skip
    return rows


if __name__ == "__main__":
    print(json.dumps(made(int(sys.argv[1]))))
