"""Keys to sign with: of KMS, made as the template makes it, and one that needs no KMS."""

from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def make_key(kms: Any, alias: str = "") -> str:
    """Make a key of KMS; give its alias, or its id where it is to have none."""
    keyid: str = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"][
        "KeyId"
    ]
    if alias:
        kms.create_alias(AliasName=alias, TargetKeyId=keyid)
    return alias or keyid


class KeyInMemory:
    """A key as KMS keeps it, where no KMS runs: what it signs, its public half verifies."""

    def __init__(self) -> None:
        self._key = generate_private_key(SECP256R1())

    def sign(self, KeyId: str, Message: bytes, **parameters: str) -> dict[str, Any]:  # noqa: N803
        assert parameters == {"MessageType": "DIGEST", "SigningAlgorithm": "ECDSA_SHA_256"}
        signed = self._key.sign(Message, ECDSA(Prehashed(SHA256())))
        return {"KeyId": KeyId, "Signature": signed}

    def get_public_key(self, **_: str) -> dict[str, Any]:
        form = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
        return {"PublicKey": self._key.public_key().public_bytes(*form)}
