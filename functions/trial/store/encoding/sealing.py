"""Personal texts under their subject's key: without it, nobody can read them again.

In a journal row the body stands without its personal texts; these follow enciphered, and the
chain covers both. So destroying the key erases them, and no row has to change. The cipher is
loaded when there is something to seal or to open, for most events have no such text.
"""

import json
import secrets
from typing import Any

from trial.events import privacy
from trial.events.envelope import Entry

type Identity = tuple[str, str, str, str, int]
"""Study, subject, kind, record and revision: texts sealed for one cannot stand for another."""

KEY_BYTES = 32
_NONCE_BYTES = 12


def new_key() -> bytes:
    """Make a subject's key."""
    return secrets.token_bytes(KEY_BYTES)


def seal(key: bytes, entry: Entry) -> tuple[str, bytes]:
    """Return an entry's body without its personal texts, and these sealed.

    They are dropped where there is no key any more.
    """
    body, texts = privacy.extract_personal(entry)
    if not texts or not key:
        return body, b""
    nonce = secrets.token_bytes(_NONCE_BYTES)
    identity = (entry.study, entry.subject, entry.kind, entry.record, entry.revision)
    return body, nonce + _cipher(key).encrypt(nonce, _joined(texts), _bound(identity))


def unseal(key: bytes, sealed: bytes, body: str, identity: Identity) -> str | None:
    """Return a body as received; without the key, as stored; None where it is damaged."""
    if not sealed or not key:
        return body
    from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (only where it is needed)

    nonce, hidden = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
    try:
        texts = _parted(_cipher(key).decrypt(nonce, hidden, _bound(identity)))
        return privacy.restore_personal(identity[2], body, texts)
    except (InvalidTag, ValueError, LookupError):
        return None


def _cipher(key: bytes) -> Any:  # noqa: ANN401 (its class is loaded only here)
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305  # noqa: PLC0415

    return ChaCha20Poly1305(key)


def _bound(identity: Identity) -> bytes:
    return " ".join(map(str, identity)).encode()


def _joined(texts: list[str]) -> bytes:
    """Write texts one after the other, after their lengths: nothing needs to be escaped."""
    return f"{json.dumps([len(text) for text in texts])}{''.join(texts)}".encode()


def _parted(joined: bytes) -> list[str]:
    text = joined.decode()
    lengths, start = json.JSONDecoder().raw_decode(text)
    texts = []
    for length in lengths:
        texts.append(text[start : start + length])
        start += length
    return texts
