"""Documents in the bucket: written as they are made, large ones in parts."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from doubles import MemoryS3

from trial.errors import Unavailable
from trial.store.bucket import client as buckets
from trial.store.bucket.client import PART_BYTES, ObjectVersion
from trial.store.bucket.documents import Documents
from trial.store.bucket.retention import Retention

_NUMBER = count(1)
PLACE = ("S", "open", "live", "listings.xlsx", "application/x-test")
KEY = "studies/S/open/live/listings.xlsx"


@pytest.fixture
def s3(ministack: str) -> Any:
    return boto3.session.Session().client(
        "s3",
        endpoint_url=ministack,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture
def bucket(s3: Any) -> str:
    name = f"documents-{next(_NUMBER)}"
    s3.create_bucket(Bucket=name, ObjectLockEnabledForBucket=True)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Enabled"})
    return name


def pieces(size: int, piece: int) -> Iterator[bytes]:
    for start in range(0, size, piece):
        yield bytes([start // piece % 251]) * min(piece, size - start)


@pytest.mark.parametrize(
    ("size", "piece"),
    [
        (0, 1),
        (1, 1),
        (PART_BYTES, 1_000_000),
        (PART_BYTES + 1, PART_BYTES + 1),
        (2 * PART_BYTES, 777_777),
        (2 * PART_BYTES + 5, 65_536),
    ],
)
def test_a_document_of_any_size_is_what_its_pieces_were(s3, bucket, size, piece):
    version = Documents(s3, bucket).write(*PLACE, pieces(size, piece))
    result = s3.get_object(Bucket=bucket, Key=KEY, VersionId=version)
    assert result["Body"].read() == b"".join(pieces(size, piece))
    assert result["ContentType"] == "application/x-test"
    assert ("-" in result["ETag"]) == (size > PART_BYTES)


def test_what_fails_while_it_is_made_leaves_no_document_and_no_parts(s3, bucket):
    def broken() -> Iterator[bytes]:
        yield from pieces(2 * PART_BYTES, 1_000_000)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Documents(s3, bucket).write(*PLACE, broken())
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")


def test_a_large_locked_document_is_asked_to_be_locked_and_its_parts_are_vouched_for(s3, bucket):
    """The emulator does not lock what comes in parts: what it is asked for is looked at."""
    values = {}

    def note(model: Any, params: Any, **_: Any) -> None:
        values.setdefault(model.name, []).append(params)

    s3.meta.events.register("before-call.s3", note)
    until = datetime(2030, 1, 1, tzinfo=UTC)
    retention = Retention("COMPLIANCE", 7, lambda: until - timedelta(days=7))
    place = ("S", "open", "cuts/abc", "listings.xlsx", "application/x-test")
    Documents(s3, bucket, retention).write(*place, pieces(PART_BYTES + 1, 1_000_000))
    (item,) = values["CreateMultipartUpload"]
    assert item["headers"]["x-amz-object-lock-mode"] == "COMPLIANCE"
    assert item["headers"]["x-amz-object-lock-retain-until-date"].startswith("2030-01-01")
    assert item["headers"]["x-amz-checksum-algorithm"] == "CRC32"
    sums = [part["headers"]["x-amz-checksum-crc32"] for part in values["UploadPart"]]
    (value,) = values["CompleteMultipartUpload"]
    assert len(sums) == 2
    assert all(candidate in str(value["body"]) for candidate in sums)


def test_no_more_than_two_parts_are_in_memory(monkeypatch):
    monkeypatch.setattr(buckets, "PART_BYTES", 1_000)
    items = []

    def watched() -> Iterator[bytes]:
        for number in range(100):
            items.append(number)
            yield b"x" * 100

    parts = buckets._parts(watched())
    assert next(parts) == b"x" * 1_000
    assert len(items) == 10


@pytest.mark.parametrize("kind", ["ministack", "memory"])
def test_a_part_of_a_version_is_that_part_whoever_keeps_it(kind, request):
    s3, name = (MemoryS3(), "memory")
    if kind == "ministack":
        s3, name = request.getfixturevalue("s3"), request.getfixturevalue("bucket")
    documents = Documents(s3, name)
    version = documents.write(*PLACE, [b"0123456789"])
    documents.write(*PLACE, [b"another"])
    reader = documents.live_version("S", "open", "listings.xlsx", version)
    assert reader.read(3, 4) == b"3456"
    parts = {None: b"0123456789", (0, 4): b"0123", (3, 4): b"3456", (8, 5): b"89", (10, 4): None}
    for part, expected in parts.items():
        assert documents.read_live("S", "open", "listings.xlsx", version, part) == expected


def test_versions_are_deleted_for_good_and_those_beside_them_stay(s3, bucket):
    documents = Documents(s3, bucket)
    former, current = (
        ObjectVersion(KEY, documents.write(*PLACE, (content,))) for content in (b"1", b"2")
    )
    for _ in range(2):  # what is gone already is deleted
        documents.bucket.delete([former])
    assert documents.bucket.read(KEY, VersionId=former.version) is None
    stored = documents.bucket.read(KEY)
    assert stored is not None
    assert (stored.content, stored.version) == (b"2", current.version)
    assert abs(datetime.now(UTC) - stored.written) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("code", "raised"), [("AccessDenied", ClientError), ("SlowDown", Unavailable)]
)
def test_a_version_that_could_not_be_deleted_is_told(code, raised):
    class Refusing(MemoryS3):
        def delete_objects(self, Delete: Any, **_: Any) -> Any:  # noqa: N803
            return {"Errors": [{"Key": item["Key"], "Code": code} for item in Delete["Objects"]]}

    with pytest.raises(raised):
        Documents(Refusing(), "bucket").bucket.delete([ObjectVersion(KEY, "1")])
