"""What a page of a long listing takes in the reading room: 160,000 rows, as of 4,000 subjects.

The room's own code answers, from a table and a bucket in memory, in a process that has read nothing
yet. The time is that of a function: the CPU that this process takes, for the function has as much
memory as comes with one processor, and the bytes that are read of S3.
"""

import json
import time
from collections.abc import Iterator
from io import BytesIO
from itertools import batched
from typing import Any

from doubles import MemoryClient, MemoryS3

import wiring
from benchmarks import world
from benchmarks.rows import Measured
from trial import room
from trial.render import columns
from trial.room import rows
from trial.store.bucket.documents import COLUMNS, Documents
from trial.store.bucket.object_keys import LIVE
from trial.web.access.person import EVERY_STUDY, Person, Role

SUBJECTS, LARGE_SUBJECTS, ROWS_A_SUBJECT, BLOCK_SUBJECTS = 4_000, 16_000, 40, 16
TARGET = 0.5
S3_BYTES_A_SECOND = 50_000_000
"""What a function reads of S3 by one request, taken low."""
_KINDS = {"VSSEQ": "integer", "VSSTRESN": "decimal", "VISITDY": "integer"}
_NAMES = (
    "STUDYID", "USUBJID", "SITEID", "VSSEQ", "VSTEST", "VSPOS", "VSORRES", "VSORRESU", "VSSTRESN",
    "VISIT", "VISITDY", "VSDTC", "ARM", "VSBLFL", "VSREASND",
)  # fmt: skip
_CHOICES = {
    "as they stand": "",
    "sorted by subject, downwards": "sort=-USUBJID",
    "sorted by date": "sort=VSDTC",
    "sorted by a number": "sort=-VSSTRESN",
    "sorted by a number, the last page": "sort=VSSTRESN&page=100000",
    "filtered by a number and a text": "column1=VSSTRESN&how1=from&value1=120"
    "&column2=VSTEST&how2=contains&value2=blood",
    "any column contains, sorted": "any=site+11&sort=VSDTC",
}


def _rows(subjects: int) -> Iterator[list[Any]]:
    for i in range(subjects * ROWS_A_SUBJECT):
        subject, visit = i // ROWS_A_SUBJECT, i % ROWS_A_SUBJECT
        value = f"{60 + i * 7919 % 1_013 / 10:.1f}"
        test, unit = (("Pulse", "beats/min"), ("Temperature", "C"), ("Blood pressure", "mmHg"))[
            i % 3
        ]
        yield [
            "S", f"S-{subject * 7 % subjects:06}", f"Site {101 + subject % 97}", visit + 1, test,
            None if i % 4 else "SITTING", value, unit, value, f"Week {visit * 2}",
            visit * 14 + i % 3,
            f"2016-{(subject + visit) % 12 + 1:02}-{i % 28 + 1:02}T{i % 24:02}:{i % 60:02}",
            "PLACEBO" if subject % 2 else "ACTIVE", "Y" if visit == 0 else None,
            f"not done at visit {i}" if i % 97 == 0 else None,
        ]  # fmt: skip


def _publish(documents: Documents, subjects: int, name: str) -> str:
    """Put a data set and its columns where a publication would; tell how many MB it has."""
    study, data = world.study(1), list(_rows(subjects))
    heads = [{"name": n, "label": n, "dataType": _KINDS.get(n, "string")} for n in _NAMES]
    lines = [{"records": len(data), "columns": heads}, *data]
    content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    blocks = [
        columns.pack(list(zip(*block, strict=True)))
        for block in batched(data, BLOCK_SUBJECTS * ROWS_A_SUBJECT, strict=False)
    ]
    files = {f"datasets/{name}.ndjson": [content], columns.file_name(name): blocks}
    versions = {
        file: documents.write(study.id, study.audience, LIVE, file, "application/x-ndjson", parts)
        for file, parts in files.items()
    }
    latest = {"events": 1, "files": versions, COLUMNS: versions}
    documents.replace_latest(study.id, study.audience, latest, "")
    return f"{sum(map(len, files[f'datasets/{name}.ndjson'])) / 1e6:.1f}"


class _CountingS3(MemoryS3):
    """A bucket that counts what is read of it."""

    read = 0

    def get_object(self, Key: str, **options: str) -> Any:  # noqa: ANN401, N803 (botocore's)
        """Read an object, or a part of it."""
        answer = super().get_object(Key, **options)
        content = answer["Body"].read()
        self.read += len(content)
        return answer | {"Body": BytesIO(content)}


def measure(*, large: bool = False) -> list[Measured]:
    """Ask for pages of the listing, each in a process that has read nothing yet."""
    bucket = _CountingS3()
    documents, store = Documents(bucket, "b"), world.open_store(MemoryClient(), None, 1)
    services = {"documents": documents, "store": store}
    before = {name: getattr(wiring, name) for name in services}
    for name, service in services.items():
        setattr(wiring, name, lambda service=service: service)
    try:
        listing = world.study(1).definition.listings[0]
        megabytes = _publish(documents, LARGE_SUBJECTS if large else SUBJECTS, listing.data_name)
        path = f"/studies/{world.study(1).id}/listings/{listing.id}"
        return [_page(bucket, path, *choice, megabytes) for choice in _CHOICES.items()]
    finally:
        for name, service in before.items():
            setattr(wiring, name, service)


def _page(bucket: _CountingS3, path: str, label: str, query: str, megabytes: str) -> Measured:
    person = Person("p", "n", {EVERY_STUDY: frozenset({Role.READER})})
    for kept in (rows.head, rows._whole, rows._by_column, rows.chosen):
        kept.cache_clear()
    bucket.read, began = 0, time.process_time()
    answer = room.serve(room.RoomRequest("GET", path, query), person)
    seconds = time.process_time() - began
    assert answer.status == 200, answer.text  # noqa: PLR2004
    transfer = bucket.read / S3_BYTES_A_SECOND
    detail = f"{seconds:.2f} s CPU, {bucket.read / 1e6:.1f} of {megabytes} MB read"
    return Measured(f"{label}, s", seconds + transfer, TARGET, detail)
