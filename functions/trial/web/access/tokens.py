"""ID tokens, verified: signed by a key of the issuer, for this client, and good at this moment."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import jwt

from trial.errors import Rejected, Unavailable

ALGORITHMS = frozenset({"RS256", "ES256"})
"""By which tokens may be signed: both with a key of which only the public half is known here."""
LEEWAY = timedelta(seconds=10)
"""How far the issuer's clock may be off."""
_REQUIRED = ["iss", "aud", "sub", "exp", "iat"]

type Keys = Mapping[str, jwt.PyJWK]
"""An issuer's public keys by their ids."""


def not_signed_in(detail: str) -> Rejected:
    """Return the refusal of who could not be verified; it never quotes a token."""
    return Rejected(401, "Not signed in", detail)


def read_keys(document: object) -> dict[str, jwt.PyJWK]:
    """Return those keys of a key set that can verify a token; others are for something else.

    Raises `Unavailable` where there is none: nobody could sign in.
    """
    members = document.get("keys") if isinstance(document, dict) else None
    keys = {}
    for member in members if isinstance(members, list) else []:
        try:
            key = jwt.PyJWK(member)
        except (jwt.PyJWTError, AttributeError, LookupError, TypeError, ValueError):
            continue
        if key.algorithm_name in ALGORITHMS and member.get("use", "sig") == "sig":
            keys[str(member.get("kid", ""))] = key
    if not keys:
        raise Unavailable("the issuer has no keys that can be used")
    return keys


def key_id(token: str) -> str:
    """Return the id of the key by which a token says that it is signed; nothing is verified yet."""
    try:
        header = jwt.get_unverified_header(token)
    except jwt.PyJWTError:
        raise not_signed_in("This is no token.") from None
    if header.get("alg") not in ALGORITHMS or str(header.get("typ") or "JWT").upper() != "JWT":
        raise not_signed_in("A token of this kind is not accepted.")
    return str(header.get("kid", ""))


def verified_claims(token: str, key: jwt.PyJWK, issuer: str, client: str) -> dict[str, Any]:
    """Return the claims of a token; raises `Rejected` (401) unless all of it is as it must be."""
    try:
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer,
            audience=client,
            leeway=LEEWAY,
            options={"require": _REQUIRED, "strict_aud": False},
        )
    except jwt.ExpiredSignatureError:
        raise not_signed_in("The session has ended.") from None
    except jwt.PyJWTError:
        raise not_signed_in("The token is not valid here.") from None
    several = isinstance(claims["aud"], list) and len(claims["aud"]) > 1
    if claims.get("azp", "" if several else client) != client:
        raise not_signed_in("The token is of another client.")
    if claims.get("token_use", "id") != "id":  # Cognito's word for what a token is
        raise not_signed_in("The token is no ID token.")
    return claims
