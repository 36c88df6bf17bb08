"""The issuer that people sign in with: any that speaks OpenID Connect.

Its addresses come from its discovery document; nothing else about it is known here. The client is
public: it holds no secret, and proves by PKCE that who brings a code is who asked for it.
"""

import base64
import hashlib
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import jwt

from trial.deferred import dataclass
from trial.errors import Unavailable
from trial.web.access import tokens
from trial.web.access.person import Person, read_roles

type Fetch = Callable[[str, Mapping[str, str] | None], tuple[int, Any]]
"""Asks an address, with a form or without, for status and JSON."""

SCOPE = "openid profile email"
_NEVER = datetime.min.replace(tzinfo=UTC)
_KEPT = timedelta(hours=1)
_LOOKED_UP = timedelta(minutes=1)
_DISCOVERY = "/.well-known/openid-configuration"
_NAMES = ("name", "preferred_username", "email", "cognito:username")
_LONGEST_NAME = 200
_LOCAL = frozenset({"127.0.0.1", "localhost", "::1"})
_UNSEEN = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True)
class Client:
    """What this service is at the issuer, and which of its claims say who may do what.

    `local` says that the service itself runs on somebody's own machine.
    """

    issuer: str
    id: str
    roles_claim: str
    principal_claim: str = "sub"
    session: timedelta = timedelta(hours=1)
    local: bool = False


@dataclass(frozen=True)
class Addresses:
    """Where an issuer is asked for what; it need not have a place to sign out."""

    authorization: str
    token: str
    keys: str
    sign_out: str


class Issuer:
    """An issuer, with its addresses and keys as they were read last."""

    def __init__(self, client: Client, fetch: Fetch, now: Callable[[], datetime]) -> None:
        self.client = client
        self._fetch = fetch
        self._now = now
        self._addresses: Addresses | None = None
        self._addresses_at = self._keys_at = _NEVER
        self._keys: tokens.Keys = {}

    def sign_in_address(self, back: str, state: str, nonce: str, verifier: str) -> str:
        """Return where a browser is sent to sign in; it comes back with a code."""
        query = {
            "response_type": "code",
            "client_id": self.client.id,
            "redirect_uri": back,
            "scope": SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge(verifier),
            "code_challenge_method": "S256",
        }
        return _with(self._discovered().authorization, query)

    def sign_out_address(self, back: str) -> str:
        """Return where a browser signs out of the issuer too; '' where that has no such place."""
        start = self._discovered().sign_out
        # Cognito calls the way back otherwise than the standard does.
        query = {"client_id": self.client.id, "post_logout_redirect_uri": back, "logout_uri": back}
        return _with(start, query) if start else ""

    def exchange(self, code: str, verifier: str, back: str) -> str:
        """Return the ID token for a code; raises `Rejected` (401) where the issuer gives none."""
        form = {
            "grant_type": "authorization_code",
            "client_id": self.client.id,
            "code": code,
            "redirect_uri": back,
            "code_verifier": verifier,
        }
        _, document = self._fetch(self._discovered().token, form)
        token = document.get("id_token") if isinstance(document, dict) else None
        if not isinstance(token, str):
            raise tokens.not_signed_in("The issuer did not accept the sign-in: start it again.")
        return token

    def person(self, token: str, nonce: str | None = None) -> Person:
        """Return whose token it is; raises `Rejected` (401) unless it is valid now.

        With a nonce it must have been issued for the sign-in that began with that.
        """
        claims = self._claims(token)
        if nonce is not None and claims.get("nonce") != nonce:
            raise tokens.not_signed_in("The token is of another sign-in: start it again.")
        principal = _text(claims.get(self.client.principal_claim))
        if not principal:
            raise tokens.not_signed_in("The token does not say whose it is.")
        names = (_text(claims.get(name)) for name in _NAMES)
        roles, ignored = read_roles(claims.get(self.client.roles_claim))
        name = next(filter(None, names), principal)
        return Person(f"{self.client.issuer}#{principal}", name, roles, ignored)

    def seconds_left(self, token: str) -> int:
        """Return for how long a verified token is good yet: as it says, and no longer session."""
        claims = self._claims(token)
        ends = min(claims["exp"], claims["iat"] + self.client.session.total_seconds())
        return int(ends - self._now().timestamp())

    def _claims(self, token: str) -> dict[str, Any]:
        key = self._key(tokens.key_id(token))
        claims = tokens.verified_claims(token, key, self.client.issuer, self.client.id)
        age = self._now().timestamp() - claims["iat"]
        if age >= self.client.session.total_seconds():
            raise tokens.not_signed_in("The session has ended.")
        return claims

    def _key(self, key_id: str) -> jwt.PyJWK:
        """Return a key by its id; one that is not known yet is looked for, once in a minute."""
        age = self._now() - self._keys_at
        if age > _KEPT or (key_id not in self._keys and age > _LOOKED_UP):
            _, document = self._fetch(self._discovered().keys, None)
            self._keys, self._keys_at = tokens.read_keys(document), self._now()
        if key_id not in self._keys:
            raise tokens.not_signed_in(
                "The token is signed by a key that the issuer does not have."
            )
        return self._keys[key_id]

    def _discovered(self) -> Addresses:
        """Return the issuer's addresses, as read within the last hour."""
        if self._addresses is None or self._now() - self._addresses_at > _KEPT:
            check_address(self.client.issuer, local=self.client.local)
            url = self.client.issuer.rstrip("/") + _DISCOVERY
            self._addresses = self._read_addresses(self._fetch(url, None)[1])
            self._addresses_at = self._now()
        return self._addresses

    def _read_addresses(self, document: object) -> Addresses:
        if not isinstance(document, dict) or document.get("issuer") != self.client.issuer:
            raise Unavailable("the discovery document is of another issuer")
        names = "authorization_endpoint", "token_endpoint", "jwks_uri", "end_session_endpoint"
        addresses = [document.get(name) or "" for name in names]
        for number, address in enumerate(addresses):
            if address or number < len(names) - 1:  # only the last may be left out
                check_address(address, local=self.client.local)
        return Addresses(*addresses)


def check_address(address: object, *, local: bool) -> None:
    """Raise `Unavailable` unless an address is one of HTTPS.

    On a developer's own machine, and nowhere else, the issuer may be a program beside this one.
    """
    parts = urlsplit(address) if isinstance(address, str) else urlsplit("")
    beside = local and parts.scheme == "http" and parts.hostname in _LOCAL
    if not (parts.hostname and not parts.fragment and (parts.scheme == "https" or beside)):
        raise Unavailable("an address of the issuer is not one of HTTPS")


def challenge(verifier: str) -> str:
    """Return what PKCE (S256) sends ahead of a verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _with(address: str, query: Mapping[str, str]) -> str:
    return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(query)}"


def _text(value: object) -> str:
    """Return a claim that is a text, in one line; '' for anything else."""
    return _UNSEEN.sub(" ", value).strip()[:_LONGEST_NAME] if isinstance(value, str) else ""
