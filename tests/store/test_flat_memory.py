"""A first publication's memory does not grow with what its subjects' records take."""

import gc
import tracemalloc
from pathlib import Path
from random import Random
from typing import Any

import pytest
from builders import adverse_event, enrolment
from doubles import Clock, MemoryClient, MemoryS3
from parallel import parallel
from signing import KeyInMemory
from toy import SENDER

from trial.reporting import blocks, document_writer, report, spool
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live import contents, publishing, state, unfinished
from trial.reporting.signing import Signer
from trial.store import Receipt, Store
from trial.store.bucket import client
from trial.store.bucket.documents import Documents
from trial.store.table import Table

SMALL, LARGE = 60, 240
RECORDS, CHARACTERS = 8, 2_000
A_SUBJECT = 4_500
"""Bytes of memory: its place among the others, that of its rows, what the interpreter reuses.

Of these some 3,000 are its own; two parts of a file that threads hold at the peak are the rest.
"""

AS_IN_A_FUNCTION = 2_000, 10, 10
"""Python's own thresholds of the garbage collector."""


class Forgetful(MemoryS3):
    """A bucket that keeps no more than small objects: a publication from nothing reads none."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.size = 0

    def _write(self, key: str, body: bytes) -> str:
        assert not list(self.folder.iterdir())  # no file that anybody else could find
        self.size += len(body)
        return super()._write(key, body if len(body) < 1_000 else b"")

    def upload_part(self, UploadId: str, PartNumber: int, Body: bytes, **_: Any) -> Any:  # noqa: N803
        self.size += len(Body)
        return super().upload_part(UploadId, PartNumber, b"")


def peak(size: int, folder: Path) -> tuple[int, int]:
    """Publish so many subjects; return the peak of memory, and the bytes written."""
    chance, clock = Random(size), Clock()  # noqa: S311 (no secret)
    store = Store(Table(MemoryClient(page=20), "t"), report.contribute, clock, clock.pause)
    study = parallel([{"id": "treated", "count": "treated"}], shards=2)
    store.put_definition(study, study.source)
    for number in range(size):
        name = f"S-{number:05}"
        events = [enrolment(subject=name)]
        for record in range(RECORDS):
            term = chance.randbytes(CHARACTERS // 2).hex()
            events.append(adverse_event(1, f"AE-{record}", name, term=term))
        store.record(study, [Receipt(event, SENDER) for event in events])
    bucket = Forgetful(folder)
    writer = DocumentWriter(store, Documents(bucket, "b"), Signer(KeyInMemory(), "key"), "code")
    usual = gc.get_threshold()
    gc.collect()
    gc.set_threshold(*AS_IN_A_FUNCTION)  # the tests let garbage lie longer
    tracemalloc.start()
    try:
        assert publishing.publish(writer, study).cut
        return tracemalloc.get_traced_memory()[1], bucket.size
    finally:
        tracemalloc.stop()
        gc.set_threshold(*usual)


def test_memory_grows_by_the_number_of_subjects_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(blocks, "_USUAL_SIZE", 4)  # the largest would decide the peak
    monkeypatch.setattr(spool, "HELD_BYTES", 100_000)
    monkeypatch.setattr(contents, "KEPT_RECORDS", 100)
    monkeypatch.setattr(state, "_AT_ONCE", 1)
    monkeypatch.setattr(client, "PART_BYTES", 50_000)
    monkeypatch.setattr(document_writer, "PART_BYTES", 50_000)
    monkeypatch.setattr(unfinished, "AT_ONCE", 1)
    peak(20, tmp_path)  # what is made once in a process
    (small, small_bytes), (large, large_bytes) = peak(SMALL, tmp_path), peak(LARGE, tmp_path)
    grown = LARGE - SMALL
    assert large_bytes - small_bytes > grown * 4 * A_SUBJECT
    assert large - small < grown * A_SUBJECT
    assert large < 1.5 * small
    assert not list(tmp_path.iterdir())
