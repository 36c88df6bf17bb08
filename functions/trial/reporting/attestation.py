"""Signed statements of a publication: its files, where its journals stood, which cut came before.

A cut's files depend on its content alone; a signature and the order of cuts do not. So what is
signed stands beside the cut, in one file: an in-toto statement in a DSSE envelope. Each statement
names the one before it of the same study and audience, so that no cut can be replaced unnoticed.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from hashlib import sha256
from textwrap import wrap
from typing import Any

from trial.deferred import dataclass
from trial.errors import Unavailable
from trial.events.json_body import canonical
from trial.render.documents import File
from trial.reporting.signing import ALGORITHM, Signature, Signer
from trial.store.bucket.documents import Documents
from trial.tables.file_names import SIGNATURE
from trial.tables.grid import Cut

PAYLOAD = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "https://livetlf.org/cut/v1"


@dataclass(frozen=True)
class Statement:
    """A signed statement: the file that holds it, and what it says."""

    content: bytes
    payload: bytes

    @classmethod
    def parse(cls, content: bytes) -> "Statement":
        """Parse a file that this service wrote."""
        return cls(content, b64decode(json.loads(content)["payload"]))

    @property
    def predicate(self) -> dict[str, Any]:
        """Return study, audience, cut, code, epoch, number and the statement before."""
        predicate: dict[str, Any] = json.loads(self.payload)["predicate"]
        return predicate

    @property
    def link(self) -> dict[str, Any]:
        """Return what the next statement names this one by."""
        return {"cut": self.predicate["cut"], "sha256": sha256(self.payload).hexdigest()}

    def files(self, name: str = SIGNATURE) -> Iterator[File]:
        """Return it as a file."""
        yield File(name, (self.content,))


@dataclass(frozen=True)
class Attestor:
    """Signs what one code version publishes of a study for one audience in one epoch."""

    documents: Documents
    signer: Signer
    study: str
    audience: str
    code_version: str
    epoch: int

    def sign_unchained(self, cut: Cut, digests: Mapping[str, str]) -> Statement:
        """Sign what is no link of the chain: what is live, and is replaced; a report's changes."""
        return self._sign(cut, digests, {})

    def predicate_of(self, cut: str) -> dict[str, Any] | None:
        """Return what a cut's statement says; None where it has none, so that it is not complete.

        A publisher that was interrupted may have added the chain's last link and not have stored
        it beside its cut: that is made good first.
        """
        last, _ = self.documents.last_signature(self.study, self.audience)
        if last is not None:
            last_cut = Statement.parse(last).predicate["cut"]
            self.documents.write_signature_once(self.study, self.audience, last_cut, last)
        signature = self.documents.signature(self.study, self.audience, cut)
        return Statement.parse(signature).predicate if signature else None

    def sign_next(self, cut: Cut, digests: Mapping[str, str]) -> Statement:
        """Sign a cut as the next of the chain; raises `Unavailable` if another was added."""
        last, tag = self.documents.last_signature(self.study, self.audience)
        previous = Statement.parse(last) if last else None
        link = {
            "number": previous.predicate["number"] + 1 if previous else 1,
            "previous": previous.link if previous else None,
        }
        statement = self._sign(cut, digests, link)
        # The chain's end is written only if it is still the one that was read: two publishers
        # cannot both follow the same statement.
        if not self.documents.replace_last_signature(
            self.study, self.audience, statement.content, tag
        ):
            raise Unavailable("another cut was signed meanwhile")
        return statement

    def _sign(self, cut: Cut, digests: Mapping[str, str], link: Mapping[str, Any]) -> Statement:
        predicate: dict[str, Any] = {
            "study": self.study,
            "audience": self.audience,
            "cut": cut.id,
            "content_root": cut.content_root,
            "code_version": self.code_version,
            "epoch": self.epoch,
        }
        payload = statement_payload(digests, {**predicate, **link})
        signature = self.signer.sign(signed_bytes(payload))
        return Statement(envelope(payload, signature), payload)


def statement_payload(digests: Mapping[str, str], predicate: Mapping[str, Any]) -> bytes:
    """Write an in-toto statement of files, by their SHA-256."""
    files = [
        {"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())
    ]
    statement = {"_type": STATEMENT, "subject": files, "predicateType": PREDICATE}
    return canonical(statement | {"predicate": dict(predicate)}).encode()


def signed_bytes(payload: bytes) -> bytes:
    """Return the bytes that are signed: a payload and its type, as DSSE encodes them (PAE)."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD), PAYLOAD.encode(), len(payload), payload)


def envelope(payload: bytes, signature: Signature) -> bytes:
    """Put a payload and its signature into one file (DSSE), with the key to verify it by.

    The key proves nothing by itself: a reader must know from elsewhere that it is this service's.
    """
    entry = {
        "keyid": signature.fingerprint,
        "algorithm": ALGORITHM,
        "sig": b64encode(signature.value).decode(),
        "publicKey": pem(signature.public_key),
    }
    document = {
        "payloadType": PAYLOAD,
        "payload": b64encode(payload).decode(),
        "signatures": [entry],
    }
    return json.dumps(document, indent=2).encode() + b"\n"


def pem(public_key: bytes) -> str:
    """Return a public key as other tools read it (RFC 7468)."""
    lines = wrap(b64encode(public_key).decode(), 64)
    return "\n".join(("-----BEGIN PUBLIC KEY-----", *lines, "-----END PUBLIC KEY-----", ""))
