"""The key that signs: an asymmetric key of AWS KMS, of which nobody ever holds the private half."""

import hashlib
from typing import Any

from trial.deferred import dataclass
from trial.store.failures import transient_as_unavailable

ALGORITHM = "ECDSA_SHA_256"
"""Of a key on the curve NIST P-256; a signature is DER, as in ANSI X9.62 and RFC 3279."""


@dataclass(frozen=True)
class Signature:
    """A signature, and the public half of the key that made it, as DER (RFC 5280)."""

    value: bytes
    public_key: bytes

    @property
    def fingerprint(self) -> str:
        """Return the key's fingerprint: SHA-256 of its public half."""
        return hashlib.sha256(self.public_key).hexdigest()


class Signer:
    """A key by its alias, which may come to stand for another: each signature names its own."""

    def __init__(self, client: Any, alias: str) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
        self._client = client
        self._alias = alias
        self._public_keys: dict[str, bytes] = {}

    def sign(self, message: bytes) -> Signature:
        """Sign a message of any length; raises `Unavailable` where asking again will help.

        KMS takes 4,096 bytes, so it is handed the digest.
        """
        with transient_as_unavailable():
            answer = self._client.sign(
                KeyId=self._alias,
                Message=hashlib.sha256(message).digest(),
                MessageType="DIGEST",
                SigningAlgorithm=ALGORITHM,
            )
        return Signature(answer["Signature"], self._public_key(answer["KeyId"]))

    def _public_key(self, key: str) -> bytes:
        if key not in self._public_keys:
            with transient_as_unavailable():
                self._public_keys[key] = self._client.get_public_key(KeyId=key)["PublicKey"]
        return self._public_keys[key]
