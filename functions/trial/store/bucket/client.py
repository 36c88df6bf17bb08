"""The bucket: the few calls that documents need, and what their failures mean.

A failure is `Unavailable` where asking again will help; any other, such as a missing right,
surfaces as botocore's own error.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from itertools import batched, chain
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from trial.deferred import dataclass
from trial.errors import Unavailable
from trial.store.failures import error_code, is_transient, transient_as_unavailable

PART_BYTES = 8 * 1024 * 1024
"""Of an upload in parts; S3 takes none but the last below 5 MiB, and 10,000 at most."""

_ABSENT = {"NoSuchKey", "NoSuchVersion", "InvalidRange", "404", "416"}
_PRECONDITION_FAILED = {"PreconditionFailed", "ConditionalRequestConflict", "412"}


_DELETED_TOGETHER = 1_000
"""So many versions S3 deletes at one request."""


class ObjectVersion(NamedTuple):
    """A version of an object."""

    key: str
    version: str


@dataclass(frozen=True)
class StoredObject:
    """What was read: the bytes, their ETag, which version of the object it is, and since when."""

    content: bytes
    etag: str
    version: str
    written: datetime


class Bucket:
    """A bucket that keeps versions, and its client."""

    def __init__(self, client: Any, name: str) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
        self._client = client
        self.name = name

    def read(self, key: str, **options: str) -> StoredObject | None:
        """Read an object, or a version or a range of it; None where there is none.

        A server may answer a range by the whole (RFC 9110, 14.2): S3 does not, but emulators do.
        """
        try:
            with transient_as_unavailable():
                answer = self._client.get_object(Bucket=self.name, Key=key, **options)
                body = answer["Body"].read()
                if "Range" in options and "ContentRange" not in answer:
                    first, last = options["Range"].removeprefix("bytes=").split("-")
                    body = body[int(first) : int(last) + 1]
                    if not body:
                        return None
                version = answer.get("VersionId", "")
                return StoredObject(body, answer["ETag"], version, answer["LastModified"])
        except ClientError as error:
            if error_code(error) not in _ABSENT:
                raise
            return None

    def exists(self, key: str) -> bool:
        """Return whether there is an object."""
        try:
            with transient_as_unavailable():
                self._client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error_code(error) not in _ABSENT:
                raise
            return False
        return True

    def write(self, key: str, content: Iterable[bytes], **options: Any) -> str:  # noqa: ANN401 (botocore's own)
        """Write an object as it is made; return its version id.

        One that is larger than a part goes up in parts, so that no more than one is in memory.
        """
        request = {"Bucket": self.name, "Key": key, **options}
        parts = _parts(content)
        first, second = next(parts, b""), next(parts, None)
        if second is not None:
            return self._in_parts(request, chain((first, second), parts))
        with transient_as_unavailable():
            version: str = self._client.put_object(**request, Body=first)["VersionId"]
        return version

    def replace(self, key: str, content: bytes, etag: str, **options: Any) -> bool:  # noqa: ANN401 (botocore's own)
        """Write an object if the present one has this ETag, or '': if there is none; say if so."""
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        request = {"Bucket": self.name, "Key": key, "Body": content, **options, **condition}
        try:
            with transient_as_unavailable():
                self._client.put_object(**request)
        except ClientError as error:
            if error_code(error) not in _PRECONDITION_FAILED:
                raise
            return False
        return True

    def versions(self, prefix: str) -> Iterator[ObjectVersion]:
        """Yield every version of the objects whose keys begin so."""
        options: dict[str, str] = {}
        while True:
            with transient_as_unavailable():
                answer = self._client.list_object_versions(
                    Bucket=self.name, Prefix=prefix, **options
                )
            for stored in answer.get("Versions", ()):
                yield ObjectVersion(stored["Key"], stored["VersionId"])
            if not answer.get("IsTruncated"):
                return
            options = {
                "KeyMarker": answer["NextKeyMarker"],
                "VersionIdMarker": answer["NextVersionIdMarker"],
            }

    def delete(self, versions: Iterable[ObjectVersion]) -> None:
        """Delete versions for good; one that is gone already is deleted."""
        for batch in batched(versions, _DELETED_TOGETHER, strict=False):
            objects = [{"Key": key, "VersionId": version} for key, version in batch]
            with transient_as_unavailable():
                answer = self._client.delete_objects(
                    Bucket=self.name, Delete={"Objects": objects, "Quiet": True}
                )
            for failure in answer.get("Errors", ()):
                error = ClientError({"Error": failure}, "DeleteObjects")
                if is_transient(error):
                    raise Unavailable("the service is busy") from error
                raise error

    def link(self, key: str, seconds: int, **options: str) -> str:
        """Sign a link to an object, good for some seconds."""
        request = {"Bucket": self.name, "Key": key, **options}
        link: str = self._client.generate_presigned_url(
            "get_object", Params=request, ExpiresIn=seconds
        )
        return link

    def _in_parts(self, request: Mapping[str, Any], parts: Iterable[bytes]) -> str:
        """Upload parts; of one that fails nothing stays, or what the bucket's rules clear away."""
        with transient_as_unavailable():
            created = self._client.create_multipart_upload(**request, ChecksumAlgorithm="CRC32")
        upload = {"Bucket": self.name, "Key": request["Key"], "UploadId": created["UploadId"]}
        try:
            uploaded = [
                self._upload_part(upload, number, part) for number, part in enumerate(parts, 1)
            ]
            with transient_as_unavailable():
                completed = self._client.complete_multipart_upload(
                    **upload, MultipartUpload={"Parts": uploaded}
                )
        except BaseException:
            with suppress(Exception):  # the first error is the one to raise
                self._client.abort_multipart_upload(**upload)
            raise
        version: str = completed["VersionId"]
        return version

    def _upload_part(self, upload: Mapping[str, str], number: int, part: bytes) -> dict[str, Any]:
        """Upload a part; return what `complete_multipart_upload` has to repeat of the answer."""
        with transient_as_unavailable():
            answer = self._client.upload_part(**upload, PartNumber=number, Body=part)
        identity = {name: answer[name] for name in ("ETag", "ChecksumCRC32") if name in answer}
        return {"PartNumber": number, **identity}


def _parts(content: Iterable[bytes]) -> Iterator[bytes]:
    """Gather pieces into parts of `PART_BYTES`; the last may be shorter."""
    part = bytearray()
    for piece in content:
        part += piece
        while len(part) >= PART_BYTES:
            yield bytes(part[:PART_BYTES])
            del part[:PART_BYTES]
    if part:
        yield bytes(part)
