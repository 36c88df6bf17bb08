"""Published documents in S3: written whole, found through `latest.json`, handed out by link.

Files under `live/` are overwritten, and two publications can overlap. `latest.json` therefore
names the version of every file of one publication, moves only forward, and is written last: what
is read through it is always of one state.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

from botocore.exceptions import ClientError

from trial.errors import Rejected
from trial.store import places
from trial.store.places import AUDIT, LIVE, MANIFEST
from trial.store.retention import Retention

LINK_SECONDS = 60
PART_BYTES = 8 * 1024 * 1024
"""Of an upload in parts; S3 takes none but the last below 5 MiB, and 10,000 at most."""
_NAMED = {LIVE: "files", f"{AUDIT}/{LIVE}": "audit"}
"""The places whose files `latest.json` names by version, and where in it."""
_ABSENT = {"NoSuchKey", "404"}
_OVERTAKEN = {"PreconditionFailed", "ConditionalRequestConflict"}


class Documents:
    """The bucket of one deployment."""

    def __init__(self, client: Any, bucket: str, retention: Retention | None = None) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
        """Use a bucket that keeps versions and, for a retention of some days, can lock them."""
        self._client = client
        self._bucket = bucket
        self._retention = retention

    def write(
        self, study: str, audience: str, place: str, name: str, media_type: str,
        content: Iterable[bytes],
    ) -> str:  # fmt: skip
        """Write a document as it is made; give the version that it became.

        One that is larger than a part goes up in parts, so that no more than one is in memory.
        """
        request = {
            "Bucket": self._bucket,
            "Key": _key(study, audience, f"{place}/{name}"),
            "ContentType": media_type,
            **(self._retention.arguments(place) if self._retention else {}),
        }
        parts = _parts(content)
        first, second = next(parts, b""), next(parts, None)
        if second is None:
            version: str = self._client.put_object(**request, Body=first)["VersionId"]
            return version
        return self._in_parts(request, chain((first, second), parts))

    def _in_parts(self, request: Mapping[str, Any], parts: Iterable[bytes]) -> str:
        """Upload parts; of one that fails nothing stays."""
        made = self._client.create_multipart_upload(**request, ChecksumAlgorithm="CRC32")
        upload = made["UploadId"]
        of = {"Bucket": request["Bucket"], "Key": request["Key"], "UploadId": upload}
        try:
            sent = [self._part(of, number, part) for number, part in enumerate(parts, 1)]
            whole = self._client.complete_multipart_upload(**of, MultipartUpload={"Parts": sent})
        except BaseException:
            self._client.abort_multipart_upload(**of)
            raise
        version: str = whole["VersionId"]
        return version

    def _part(self, of: Mapping[str, str], number: int, part: bytes) -> dict[str, Any]:
        """Upload a part; whatever S3 says of it has to be said again in the end."""
        answer = self._client.upload_part(**of, PartNumber=number, Body=part)
        said = {name: answer[name] for name in ("ETag", "ChecksumCRC32") if name in answer}
        return {"PartNumber": number, **said}

    def manifest(self, study: str, audience: str, cut: str) -> dict[str, Any] | None:
        """Read a cut's manifest; None while its documents are not all there, for it comes last.

        The cut and the code that it names decide every byte of them.
        """
        try:
            found: dict[str, Any] = json.loads(
                self.read(study, audience, places.cut(cut), MANIFEST)
            )
        except Rejected:
            return None
        return found

    def latest(self, study: str, audience: str) -> tuple[dict[str, Any] | None, str]:
        """Read which publication is the latest, and the tag that a newer one must match."""
        key = _key(study, audience, "latest.json")
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            return None, ""
        return json.loads(answer["Body"].read()), answer["ETag"]

    def read(self, study: str, audience: str, place: str, name: str) -> bytes:
        """Read a document; raises `Rejected` (404)."""
        key = _key(study, audience, f"{place}/{name}")
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            detail = "nothing of this name is published yet"
            raise Rejected(404, "No such document", detail) from error
        content: bytes = answer["Body"].read()
        return content

    def advance(self, study: str, audience: str, latest: Mapping[str, Any], tag: str) -> bool:
        """Make a publication the latest, unless another did so since `tag` was read."""
        condition = {"IfMatch": tag} if tag else {"IfNoneMatch": "*"}
        try:
            self._client.put_object(
                Bucket=self._bucket,
                Key=_key(study, audience, "latest.json"),
                Body=json.dumps(latest, indent=2).encode(),
                ContentType="application/json",
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in _OVERTAKEN:
                raise
            return False
        return True

    def link(self, study: str, audience: str, place: str, name: str) -> str:
        """Sign a link to a document, good for a minute; raises `Rejected` (404)."""
        request = {"Bucket": self._bucket, "Key": _key(study, audience, f"{place}/{name}")}
        if place in _NAMED:
            latest, _ = self.latest(study, audience)
            versions = latest[_NAMED[place]] if latest else {}
            if name not in versions:
                raise Rejected(404, "No such document", "nothing of this name is published yet")
            request["VersionId"] = versions[name]
        else:
            self._must_exist(request)
        link: str = self._client.generate_presigned_url(
            "get_object", Params=request, ExpiresIn=LINK_SECONDS
        )
        return link

    def _must_exist(self, request: Mapping[str, str]) -> None:
        try:
            self._client.head_object(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] not in _ABSENT:
                raise
            raise Rejected(404, "No such document") from error


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


def _key(study: str, audience: str, rest: str) -> str:
    return f"studies/{study}/{audience}/{rest}"
