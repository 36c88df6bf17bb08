"""Small documents are sent while the next are made; which were written is told in any case."""

from collections.abc import Iterator
from threading import Barrier
from typing import Any

import pytest
from doubles import MemoryS3
from signing import KeyInMemory
from toy import toy_study

from trial.errors import OutOfTime, Unavailable
from trial.render.documents import EarlierFile, File
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.signing import Signer
from trial.store.bucket.client import PART_BYTES
from trial.store.bucket.documents import Documents

STUDY = toy_study("SENT")


class Meeting(MemoryS3):
    """A bucket that answers no put before another has come."""

    def __init__(self) -> None:
        super().__init__()
        self.barrier = Barrier(2, timeout=20)

    def put_object(self, **options: Any) -> Any:
        self.barrier.wait()
        return super().put_object(**options)


def writer_to(s3: MemoryS3) -> DocumentWriter:
    store: Any = None  # documents alone are written
    return DocumentWriter(store, Documents(s3, "b"), Signer(KeyInMemory(), "key"), "code")


def files(*names: str, size: int = 1) -> list[File]:
    return [File(name, (name[:1].encode() * size,)) for name in names]


def test_small_files_are_sent_side_by_side_and_told_in_their_order() -> None:
    told: list[str] = []

    def note(name: str, _: EarlierFile) -> None:
        told.append(name)

    names = ["a.json", "b.json", "c.json", "d.json"]
    written = writer_to(Meeting()).write(STUDY, "live", files(*names), note=note)
    assert [*written.versions] == told == names


@pytest.mark.parametrize("size", [1, PART_BYTES, PART_BYTES + 1])
def test_a_file_that_cannot_be_written_fails_them_all(size: int) -> None:
    class Busy(MemoryS3):
        def put_object(self, Key: str, **options: Any) -> Any:  # noqa: N803
            if Key.endswith("b.json"):
                raise Unavailable("the service is busy")
            return super().put_object(Key=Key, **options)

    sent = [*files("a.json", size=size), *files("b.json", "c.json")]
    with pytest.raises(Unavailable):
        writer_to(Busy()).write(STUDY, "live", sent)


def test_what_was_sent_before_the_time_ended_is_told() -> None:
    told: list[str] = []

    def made() -> Iterator[File]:
        yield from files("a.json", "b.json")
        raise OutOfTime

    with pytest.raises(OutOfTime):
        writer_to(Meeting()).write(STUDY, "live", made(), note=lambda name, _: told.append(name))
    assert told == ["a.json", "b.json"]
