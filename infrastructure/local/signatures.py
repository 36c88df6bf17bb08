"""Who vouches for a cut, and what came before it.

`manifest.sig.json` is a DSSE envelope around an in-toto statement: the SHA-256 of the manifest, of
heads and journals, and the statement before. Verified here with another library than the one that
signed, by the rules of docs/design.md.
"""

import hashlib
import json
import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_public_key,
)

from local.check_result import CheckResult
from local.feed import BadFileError
from local.files import CHANGES, CHANGES_SIGNATURE, HEADS, MANIFEST, SIGNATURE, TRAIL

PAYLOAD = "application/vnd.in-toto+json"
_PEM = re.compile(r"-----BEGIN PUBLIC KEY-----.+?-----END PUBLIC KEY-----", re.DOTALL)
_NO_STATEMENT = (ValueError, KeyError, TypeError, IndexError, AttributeError, NotBase64)
_SHOWN = 16
_OF_MANIFEST = "study", "code_version"
_OF_CUT = ("cut", "id"), ("audience", "audience"), ("content_root", "content_root")

type Keys = Mapping[str, EllipticCurvePublicKey]


@dataclass(frozen=True)
class Statement:
    """What is stated of a cut: files by their SHA-256, and of which cut in which order."""

    payload: bytes
    files: Mapping[str, str]
    predicate: Mapping[str, Any]

    @property
    def sha256(self) -> str:
        """Return the digest by which the next statement names this one."""
        return hashlib.sha256(self.payload).hexdigest()


def read_keys(path: Path | None) -> Keys:
    """Read public keys by their fingerprints: of a PEM file, or the key named in a signature."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8").replace("\\n", "\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFileError(f"cannot read {path}") from error
    keys = [load_pem_public_key(block.encode()) for block in _PEM.findall(text)]
    curve_keys = [key for key in keys if isinstance(key, EllipticCurvePublicKey)]
    if not curve_keys or not all(isinstance(key.curve, SECP256R1) for key in curve_keys):
        raise BadFileError(f"{path} does not hold public keys on the curve NIST P-256 alone")
    return {_fingerprint(key): key for key in curve_keys}


def _fingerprint(key: EllipticCurvePublicKey) -> str:
    der = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def is_of(content: bytes, manifest: Path) -> bool:
    """Return whether a signature is that of a manifest, whoever made it."""
    try:
        digest = _read(json.loads(content), MANIFEST).files[MANIFEST]
    except _NO_STATEMENT:
        return False
    return digest == hashlib.sha256(manifest.read_bytes()).hexdigest()


def check(
    directory: Path,
    manifest: Mapping[str, Any],
    keys: Keys,
    result: CheckResult,
    content: bytes = b"",
) -> Statement | None:
    """Verify what is signed, and hold what that vouches for against what is there.

    `asked` is the signature of the manifest where that is not in the directory.
    """
    if not keys:
        text = "no signature was checked, so anybody may have written these files"
        result.missing.append(f"KEY=…: {text}")
    for name, stated_names in (
        (CHANGES_SIGNATURE, (CHANGES,)),
        (SIGNATURE, (MANIFEST, HEADS, TRAIL)),
    ):
        fetched = content if name == SIGNATURE else b""
        statement = _stated(directory, name, stated_names[0], keys, result, fetched)
        if statement is not None:
            result.differences += _unlike(statement, name, stated_names, directory, manifest)
    return statement


def _stated(
    directory: Path, name: str, stated_name: str, keys: Keys, result: CheckResult, fetched: bytes
) -> Statement | None:
    """Read a statement of a file, which is signed by one of some keys."""
    path = directory / name
    content = path.read_bytes() if path.is_file() else fetched
    if not content:
        if (directory / stated_name).is_file():
            result.missing.append(f"{name}: there is no signature of {stated_name}")
        return None
    try:
        envelope = json.loads(content)
        statement = _read(envelope, stated_name)
        signed = envelope["signatures"][0]
        keyid, signature = signed["keyid"], b64decode(signed["sig"], validate=True)
    except _NO_STATEMENT:
        result.differences.append(f"{name}: is not a signed statement about {stated_name}")
        return None
    if keys:
        _check_signature(name, statement, keyid, signature, keys, result)
    return statement


def _read(envelope: Mapping[str, Any], stated_name: str) -> Statement:
    payload = b64decode(envelope["payload"], validate=True)
    payload_members = json.loads(payload)
    files = {file["name"]: file["digest"]["sha256"] for file in payload_members["subject"]}
    if envelope["payloadType"] != PAYLOAD or stated_name not in files:
        raise ValueError("it states something else")
    return Statement(payload, files, dict(payload_members["predicate"]))


def _check_signature(
    name: str, statement: Statement, keyid: str, signature: bytes, keys: Keys, result: CheckResult
) -> None:
    if keyid not in keys:
        result.differences.append(f"{name}: signed by the key {keyid[:_SHOWN]}…, not by KEY")
        return
    try:
        keys[keyid].verify(signature, _encoded(statement.payload), ECDSA(hashes.SHA256()))
    except InvalidSignature:
        result.differences.append(f"{name}: the signature does not match the statement")
        return
    names = ", ".join(sorted(statement.files))
    result.checked.append(f"signature of {names} by the key {keyid[:_SHOWN]}…")


def _encoded(payload: bytes) -> bytes:
    return b" ".join((b"DSSEv1", *(_sized(part) for part in (PAYLOAD.encode(), payload))))


def _sized(text: bytes) -> bytes:
    return f"{len(text)} ".encode() + text


def _unlike(
    statement: Statement, signature: str, names: Iterable[str], directory: Path,
    manifest: Mapping[str, Any],
) -> Iterable[str]:  # fmt: skip
    for name in names:
        path, digest = directory / name, statement.files.get(name)
        if not path.is_file():
            continue
        if digest is None:
            yield f"{name}: is not covered by {signature}"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            yield f"{name}: does not match its SHA-256 in {signature}"
    pairs = [(name, manifest.get(name)) for name in _OF_MANIFEST]
    pairs += [(name, manifest["cut"].get(member)) for name, member in _OF_CUT]
    for name, expected in pairs:
        if (signed := statement.predicate.get(name)) != expected:
            yield f"{signature}: {name} is {signed}, in {MANIFEST} {expected}"
