"""What a publication keeps for the next one: pieces of documents, which nobody else reads.

They hold records of patients, and of a blinded study the arms. So they stand apart from what is
published: no reader of documents has rights to them.
"""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import field, replace
from typing import Any

from trial.deferred import dataclass
from trial.store.bucket.client import Bucket, ObjectVersion

LIVE_TAGS = {"Tagging": "kind=live"}
"""Marks what is overwritten: the bucket's rules delete its former versions after a time."""
_READ_AHEAD = 8_000_000
_PREFIX = "pieces/"
REPORTS = "reports/"
"""Where pieces of reports stand, beside those of live documents."""


def is_piece(key: str) -> bool:
    """Return whether an object is a piece, not a document."""
    return key.startswith(_PREFIX)


def clear_study(bucket: Bucket, study: str) -> None:
    """Delete every version of every piece of a study, for whichever audience."""
    bucket.delete(list(bucket.versions(f"{_PREFIX}{study}/")))


@dataclass(frozen=True)
class Pieces:
    """The pieces of a study's live documents for one audience, or those of a report."""

    bucket: Bucket
    study: str
    audience: str
    folder: str = ""
    """Where those of a report stand, which go with it; it ends in a slash."""

    def of_report(self, report_id: str) -> "Pieces":
        """Return the pieces of a report that is not there yet."""
        return replace(self, folder=f"{REPORTS}{report_id}/")

    def clear(self, start: str = "") -> None:
        """Delete every version of every piece of the folder whose name starts so."""
        self.bucket.delete(list(self.bucket.versions(self._key(start))))

    def limit_to(self, versions: Collection[ObjectVersion], *spared: str) -> None:
        """Delete every version of every piece but these, and those whose names start so.

        Pieces of reports stay: they go with their reports.
        """
        starts = tuple(map(self._key, (REPORTS, *spared)))
        self.bucket.delete(
            [
                stored
                for stored in self.bucket.versions(self._key(""))
                if stored not in versions and not stored.key.startswith(starts)
            ]
        )

    def names(self, start: str) -> list[str]:
        """Return the names of the folder's pieces that begin so, in order."""
        stored_keys = {stored.key for stored in self.bucket.versions(self._key(start))}
        return sorted(key.removeprefix(self._key("")) for key in stored_keys)

    def write_document(self, name: str, document: Mapping[str, Any]) -> str:
        """Write a piece that is JSON, behind its own digest; return its version."""
        body = json.dumps(document).encode()
        return self.write(name, hashlib.sha256(body).digest() + body)

    def read_document(self, name: str) -> dict[str, Any] | None:
        """Read such a piece; None where it is gone, or not what was written."""
        content, size = self.read(name) or b"", hashlib.sha256().digest_size
        if hashlib.sha256(content[size:]).digest() != content[:size]:
            return None
        document: dict[str, Any] = json.loads(content[size:])
        return document

    def write(self, name: str, content: bytes) -> str:
        """Write a piece; return its version id. Former versions expire as those of documents do."""
        return self.bucket.write(self._key(name), (content,), **LIVE_TAGS)

    def read(self, name: str, version: str = "") -> bytes | None:
        """Read a version of a piece, or the one that it has now; None where it is gone."""
        options = {"VersionId": version} if version else {}
        stored = self.bucket.read(self._key(name), **options)
        return stored.content if stored else None

    def current_version(self, name: str) -> str:
        """Return the version that a piece has now, '' where it has none."""
        stored = self.bucket.read(self._key(name))
        return stored.version if stored else ""

    def version(self, name: str, version: str) -> ObjectVersion:
        """Return where a version of a piece is in the bucket."""
        return ObjectVersion(self._key(name), version)

    def _key(self, name: str) -> str:
        return f"{_PREFIX}{self.study}/{self.audience}/{self.folder}{name}"


@dataclass
class VersionReader:
    """A version of an object, read in large parts as its bytes are asked for in their order."""

    bucket: Bucket
    key: str
    version: str
    _begin: int = 0
    _held: bytes = field(default=b"", repr=False)

    def read(self, offset: int, length: int) -> bytes:
        """Read some bytes: fewer, or none, where there are no more."""
        start = offset - self._begin
        if start < 0 or start + length > len(self._held):
            last = offset + max(length, _READ_AHEAD) - 1
            byte_range = f"bytes={offset}-{last}"
            part = self.bucket.read(self.key, VersionId=self.version, Range=byte_range)
            self._begin, self._held, start = offset, part.content if part else b"", 0
        return self._held[start : start + length]
