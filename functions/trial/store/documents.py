"""Published documents in S3: written whole, found through `latest.json`, handed out by link.

Files under `live/` are overwritten, and two publications can overlap. `latest.json` therefore
names the version of every file of one publication, moves only forward, and is written last: what
is read through it is always of one state.
"""

import json
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from trial.errors import Rejected
from trial.store import places
from trial.store.places import AUDIT, LIVE, MANIFEST
from trial.store.retention import Retention

LINK_SECONDS = 60
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

    def put(
        self, study: str, audience: str, place: str, files: Mapping[str, bytes],
        media_types: Mapping[str, str],
    ) -> dict[str, str]:  # fmt: skip
        """Write a publication's files; give the version that each became."""
        versions = {}
        for name, content in files.items():
            answer = self._client.put_object(
                Bucket=self._bucket,
                Key=_key(study, audience, f"{place}/{name}"),
                Body=content,
                ContentType=media_types[name],
                **(self._retention.arguments(place) if self._retention else {}),
            )
            versions[name] = answer["VersionId"]
        return versions

    def made_by(self, study: str, audience: str, cut: str) -> str:
        """Say by which code a cut's documents were made, the last time that all were written.

        '' where they are not there. A cut and the code decide every byte of its documents.
        """
        try:
            manifest = self.read(study, audience, places.cut(cut), MANIFEST)
        except Rejected:
            return ""
        code_version: str | None = json.loads(manifest)["code_version"]
        return code_version or ""

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


def _key(study: str, audience: str, rest: str) -> str:
    return f"studies/{study}/{audience}/{rest}"
