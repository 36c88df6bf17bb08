"""Published documents in S3: written whole, found through `latest.json`, handed out by link.

Files under `live/` are overwritten, and two publications can overlap. `latest.json` therefore
names the version of every file of one publication, moves only forward, and is written last: what
is read through it is always of one state.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from trial.errors import Rejected, Unavailable
from trial.store.bucket import object_keys
from trial.store.bucket.client import Bucket, ObjectVersion
from trial.store.bucket.object_keys import AUDIT, LIVE
from trial.store.bucket.pieces import LIVE_TAGS, Pieces, VersionReader, clear_study
from trial.store.bucket.retention import Retention
from trial.tables.file_names import LATEST, MANIFEST, SIGNATURE

LINK_SECONDS = 60
STATE = "state"
"""The member of `latest.json` that names what the next publication is made from."""
COLUMNS = "columns"
"""Its member that names the versions of long data sets by column, which only the service reads."""
_VERSIONED = {LIVE: "files", f"{AUDIT}/{LIVE}": "audit"}
"""The prefixes whose files `latest.json` names by version, and its member for each."""
_LAST_SIGNATURE = f"{AUDIT}/latest.sig.json"


class Latest(NamedTuple):
    """What `latest.json` says, if there is one; the ETag that a newer must match; its time."""

    document: dict[str, Any] | None = None
    etag: str = ""
    written: datetime = datetime.min.replace(tzinfo=UTC)


class Documents:
    """The documents of one deployment."""

    def __init__(self, client: Any, bucket: str, retention: Retention | None = None) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
        """Use a bucket that keeps versions and, for a retention of some days, can lock them."""
        self.bucket = Bucket(client, bucket)
        self._retention = retention

    def write(
        self, study: str, audience: str, prefix: str, name: str, media_type: str,
        content: Iterable[bytes],
    ) -> str:  # fmt: skip
        """Write a document as it is made; return its version id."""
        locks = self._retention.lock_arguments(prefix) if self._retention else {}
        tags = {} if object_keys.is_retained(prefix) else LIVE_TAGS
        key = _key(study, audience, f"{prefix}/{name}")
        return self.bucket.write(key, content, ContentType=media_type, **locks, **tags)

    def manifest(self, study: str, audience: str, cut: str) -> dict[str, Any] | None:
        """Read a cut's manifest; None while its documents are not all there, for it comes last.

        The cut and the code that it names decide every byte of them.
        """
        key = _key(study, audience, f"{object_keys.cut_prefix(cut)}/{MANIFEST}")
        stored = self.bucket.read(key)
        return _parse(stored.content) if stored else None

    def latest(self, study: str, audience: str) -> Latest:
        """Read which publication is the latest."""
        stored = self.bucket.read(_key(study, audience, LATEST))
        if stored is None:
            return Latest()
        return Latest(_parse(stored.content), stored.etag, stored.written)

    def named_versions(
        self, study: str, audience: str, latest: Mapping[str, Any]
    ) -> Iterator[ObjectVersion]:
        """Yield the versions of documents that a publication names."""
        for prefix, member in (*_VERSIONED.items(), (LIVE, COLUMNS)):
            for name, version in latest.get(member, {}).items():
                yield ObjectVersion(_key(study, audience, f"{prefix}/{name}"), version)

    def signature(self, study: str, audience: str, cut: str) -> bytes | None:
        """Read a cut's signature; None while the cut is not complete: it is written last."""
        return self.find(study, audience, object_keys.audit_prefix(cut), SIGNATURE)

    def write_signature_once(self, study: str, audience: str, cut: str, content: bytes) -> None:
        """Write a cut's signature, unless it is there."""
        if self.signature(study, audience, cut) is None:
            prefix = object_keys.audit_prefix(cut)
            self.write(study, audience, prefix, SIGNATURE, "application/json", (content,))

    def last_signature(self, study: str, audience: str) -> tuple[bytes | None, str]:
        """Read the signature of a study's last cut, and the ETag that the next must match."""
        stored = self.bucket.read(_key(study, audience, _LAST_SIGNATURE))
        return (stored.content, stored.etag) if stored else (None, "")

    def replace_last_signature(self, study: str, audience: str, content: bytes, etag: str) -> bool:
        """Make this the last signature, unless another was since `etag` was read."""
        key = _key(study, audience, _LAST_SIGNATURE)
        return self.bucket.replace(key, content, etag, ContentType="application/json", **LIVE_TAGS)

    def read(self, study: str, audience: str, prefix: str, name: str) -> bytes:
        """Read a document; raises `Rejected` (404)."""
        content = self.find(study, audience, prefix, name)
        if content is None:
            raise _not_published()
        return content

    def find(self, study: str, audience: str, prefix: str, name: str) -> bytes | None:
        """Read a document; None where it is not there."""
        stored = self.bucket.read(_key(study, audience, f"{prefix}/{name}"))
        return stored.content if stored else None

    def read_live(
        self,
        study: str,
        audience: str,
        name: str,
        version: str,
        part: tuple[int, int] | None = None,
    ) -> bytes | None:
        """Read a version of a live document, or a part of it by its first byte and its length.

        None where there is none, or nothing in that part.
        """
        options = {} if part is None else {"Range": f"bytes={part[0]}-{sum(part) - 1}"}
        key = _key(study, audience, f"{LIVE}/{name}")
        stored = self.bucket.read(key, VersionId=version, **options)
        return stored.content if stored else None

    def pieces(self, study: str, audience: str) -> Pieces:
        """Return what a publication of a study to an audience keeps for the next one."""
        return Pieces(self.bucket, study, audience)

    def clear_pieces(self, study: str) -> None:
        """Delete all that publications and reports of a study have kept."""
        clear_study(self.bucket, study)

    def live_version(self, study: str, audience: str, name: str, version: str) -> VersionReader:
        """Return a version of a live document, to read parts of it."""
        return VersionReader(self.bucket, _key(study, audience, f"{LIVE}/{name}"), version)

    def replace_latest(
        self, study: str, audience: str, latest: Mapping[str, Any], etag: str
    ) -> bool:
        """Make a publication the latest, unless another did so since `etag` was read."""
        content = json.dumps(latest, indent=2).encode()
        key = _key(study, audience, LATEST)
        return self.bucket.replace(key, content, etag, ContentType="application/json", **LIVE_TAGS)

    def link(self, study: str, audience: str, prefix: str, name: str) -> str:
        """Sign a link to a document, good for a minute; raises `Rejected` (404)."""
        key = _key(study, audience, f"{prefix}/{name}")
        if prefix not in _VERSIONED:
            if not self.bucket.exists(key):
                raise Rejected(404, "Document not found", "no file of this name is kept there")
            return self.bucket.link(key, LINK_SECONDS)
        latest = self.latest(study, audience).document
        versions = latest[_VERSIONED[prefix]] if latest else {}
        if name not in versions:
            raise _not_published()
        return self.bucket.link(key, LINK_SECONDS, VersionId=versions[name])


def _parse(content: bytes) -> dict[str, Any]:
    """Read an object of JSON; what the service itself wrote and cannot read arrived corrupted."""
    try:
        document: dict[str, Any] = json.loads(content)
    except ValueError as error:
        raise Unavailable("a document read from the bucket is corrupted") from error
    return document


def _not_published() -> Rejected:
    return Rejected(404, "Document not found", "no file of this name is published yet")


def _key(study: str, audience: str, name: str) -> str:
    return f"studies/{study}/{audience}/{name}"
