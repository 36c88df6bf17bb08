"""A cut's files in the bucket against what was signed of them.

Of each file the manifest has the SHA-256, and a signed statement that of the manifest. So whoever
trusts the key knows of every byte whether it is the one that was published. That the numbers follow
from the records is another question, which takes the journals.
"""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.errors import Beat, OutOfTime, Rejected
from trial.reporting.attestation import signed_bytes
from trial.store.bucket import object_keys
from trial.store.bucket.documents import Documents
from trial.tables.file_names import MANIFEST

_NO_STATEMENT = (ValueError, KeyError, TypeError, IndexError, AttributeError)
"""What reading a file raises that this service did not write."""


@dataclass(frozen=True)
class FileCheck:
    """A file as it was published and as it is."""

    name: str
    published: str
    """SHA-256, in hexadecimal."""
    current: str | None
    """The same now; None where there is no such file."""

    @property
    def agrees(self) -> bool:
        """Whether it has the bytes that were published."""
        return self.current == self.published


@dataclass(frozen=True)
class SignedStatement:
    """What is stated of files, by whom."""

    key: str
    """The fingerprint of the key that came with it: SHA-256 of its public half as DER."""
    is_valid: bool
    """Whether that key signed it."""
    digests: Mapping[str, str]
    """SHA-256 by file."""
    predicate: Mapping[str, Any]

    def is_of(self, view: Study, cut: str) -> bool:
        """Return whether it is of a cut for the audience of a study."""
        names = (("study", view.id), ("audience", view.audience), ("cut", cut))
        return all(self.predicate.get(name) == value for name, value in names)


@dataclass(frozen=True)
class CutCheck:
    """What is found of a cut."""

    key: str
    """The fingerprint of the key that signed; '' where the signature is none."""
    number: int
    """Which cut of the study and the audience it is, by what is signed; 0 where it does not say."""
    is_signed: bool
    """Whether that key signed a statement of this cut."""
    is_manifest_stated: bool
    """Whether the manifest is the one that is stated."""
    files: Sequence[FileCheck]
    unread: int
    """How many files there was no time for."""

    @property
    def agrees(self) -> bool:
        """Whether all that was read is as it was published."""
        files_agree = all(check.agrees for check in self.files)
        return self.is_signed and self.is_manifest_stated and files_agree


def check_cut(documents: Documents, view: Study, cut: str, beat: Beat) -> CutCheck:
    """Read a cut's files, as long as there is time; raises `Rejected` (404) where none is whole."""
    signature = documents.signature(view.id, view.audience, cut)
    if signature is None:
        raise Rejected(404, "Cut not found", "There are no signed documents of such a cut.")
    statement = _read(signature)
    prefix = object_keys.cut_prefix(cut)
    manifest = documents.read(view.id, view.audience, prefix, MANIFEST)
    digests = _digests(manifest)
    checks = list(_checks(documents, view, prefix, digests, beat))
    is_signed = statement.is_valid and statement.is_of(view, cut)
    return CutCheck(
        statement.key,
        statement.predicate.get("number", 0) if is_signed else 0,
        is_signed,
        statement.digests.get(MANIFEST) == sha256(manifest).hexdigest(),
        checks,
        len(digests) - len(checks),
    )


def _read(content: bytes) -> SignedStatement:
    """Read a statement in its envelope; of what is none, nothing is valid."""
    try:
        envelope = json.loads(content)
        entry, payload = envelope["signatures"][0], b64decode(envelope["payload"])
        statement = json.loads(payload)
        digests = {file["name"]: file["digest"]["sha256"] for file in statement["subject"]}
        key = load_pem_public_key(entry["publicKey"].encode())
        fingerprint = sha256(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))
        is_valid = _is_signature(key, b64decode(entry["sig"]), signed_bytes(payload))
        return SignedStatement(fingerprint.hexdigest(), is_valid, digests, statement["predicate"])
    except _NO_STATEMENT:
        return SignedStatement("", is_valid=False, digests={}, predicate={})


def _is_signature(key: object, signature: bytes, message: bytes) -> bool:
    if not isinstance(key, EllipticCurvePublicKey):
        return False
    try:
        key.verify(signature, message, ECDSA(SHA256()))
    except InvalidSignature:
        return False
    return True


def _digests(manifest: bytes) -> Mapping[str, str]:
    """Return the SHA-256 by file that a manifest has; none of what is no manifest."""
    try:
        return {entry["name"]: entry["sha256"] for entry in json.loads(manifest)["files"]}
    except _NO_STATEMENT:
        return {}


def _checks(
    documents: Documents, view: Study, prefix: str, digests: Mapping[str, str], beat: Beat
) -> Iterator[FileCheck]:
    """Yield the files one after the other: of none but one the bytes are in memory."""
    for name, published in digests.items():
        try:
            beat()
        except OutOfTime:
            return
        content = documents.find(view.id, view.audience, prefix, name)
        current = None if content is None else sha256(content).hexdigest()
        yield FileCheck(name, published, current)
