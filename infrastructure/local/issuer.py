"""An issuer for development: OpenID Connect on this machine, where anybody may be anyone.

It lives as long as its process, with a key that is made when it starts. It is no place for people:
it asks for no password, says so on every page, and has no address but one of this machine, which
the reading room refuses unless its AWS is an emulator.
"""

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

CLIENT = "reading-room"
ROLES_CLAIM = "roles"
_HOST = "127.0.0.1"
_SECONDS, _CODE_SECONDS = 3_600, 60
_LONGEST_FORM = 10_000
_WARNING = "Development issuer: it asks for no password. Not for real people, not for real data."
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<title>{title} (development)</title></head>
<body style="font: 1.1rem/1.5 sans-serif; max-width: 40rem; margin: 2rem auto; padding: 0 1rem">
<p role="alert" style="border: 2px solid; padding: .5rem 1rem"><strong>{warning}</strong></p>
<main><h1>{title}</h1>
{body}
</main></body></html>
"""


@dataclass(frozen=True)
class User:
    """Somebody whom anybody may be here, with what the roles' claim will say."""

    name: str
    text: str
    grants: Sequence[str]


USERS = (
    User("reader", "reads what everybody may see, and asks for cuts", ["*:reader"]),
    User("unblinded-reader", "reads results by arm, too", ["*:unblinded-reader"]),
    User("data-manager", "sees what was refused and tries it again", ["*:data-manager"]),
    User("administrator", "sees who did what, and reads no results", ["*:administrator"]),
    User("submitter", "posts events, and reads no results", ["*:submitter"]),
    User("visitor", "has no role anywhere", []),
)
"""One for each role, and one without any."""


@dataclass
class _Code:
    """What a code was given for; it is good once."""

    query: Mapping[str, str]
    user: str
    until: float = field(default_factory=lambda: time.time() + _CODE_SECONDS)


class DevelopmentIssuer:
    """An issuer that listens on a port of this machine, from `start` to `stop`."""

    def __init__(self, port: int = 0, users: Sequence[User] = USERS) -> None:
        self.users = {user.name: user for user in users}
        self.codes: dict[str, _Code] = {}
        self._lock = Lock()
        development_issuer = self

        class Handler(_Handler):
            """A request of this issuer."""

            issuer = development_issuer

        self._server = ThreadingHTTPServer((_HOST, port), Handler)
        self.address = f"http://{_HOST}:{self._server.server_port}"
        self.renew_key()

    def start(self) -> "DevelopmentIssuer":
        """Listen, beside what this process does otherwise."""
        Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def renew_key(self) -> None:
        """Sign by another key from now on; the key set holds that one alone."""
        self.key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
        self.key_id = secrets.token_hex(8)

    @property
    def discovery(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.address,
            "authorization_endpoint": f"{self.address}/authorize",
            "token_endpoint": f"{self.address}/token",
            "jwks_uri": f"{self.address}/keys",
            "end_session_endpoint": f"{self.address}/sign-out",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none"],
        }

    @property
    def keys(self) -> dict[str, Any]:
        """The key set."""
        public = RSAAlgorithm.to_jwk(self.key.public_key(), as_dict=True)
        return {"keys": [public | {"kid": self.key_id, "use": "sig", "alg": "RS256"}]}

    def claims(self, user: str, nonce: str = "") -> dict[str, Any]:
        """Return what an ID token says of a user."""
        moment = int(time.time())
        return {
            "iss": self.address,
            "aud": CLIENT,
            "sub": user,
            "name": f"{user} (development)",
            "iat": moment,
            "exp": moment + _SECONDS,
            ROLES_CLAIM: list(self.users[user].grants),
        } | ({"nonce": nonce} if nonce else {})

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Return a token with these claims."""
        return jwt.encode(dict(claims), self.key, "RS256", headers={"kid": self.key_id})

    def give_code(self, query: Mapping[str, str], user: str) -> str:
        """Return the address to which a browser goes back, with a code."""
        code = secrets.token_urlsafe(24)
        with self._lock:
            self.codes[code] = _Code(query, user)
        back = {"code": code, "state": query.get("state", "")}
        return f"{query['redirect_uri']}?{urlencode(back)}"

    def take_code(self, form: Mapping[str, str]) -> str | None:
        """Return the token for a code; None unless all is as when it was asked for."""
        with self._lock:
            grant = self.codes.pop(form.get("code", ""), None)
        if grant is None or grant.until < time.time():
            return None
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        proof = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        is_valid = (
            hmac.compare_digest(proof, grant.query["code_challenge"])
            and form.get("client_id") == CLIENT
            and form.get("redirect_uri") == grant.query["redirect_uri"]
            and form.get("grant_type") == "authorization_code"
        )
        return (
            self.sign(self.claims(grant.user, grant.query.get("nonce", ""))) if is_valid else None
        )


class _Handler(BaseHTTPRequestHandler):
    issuer: DevelopmentIssuer

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query))
        documents = {
            "/.well-known/openid-configuration": self.issuer.discovery,
            "/keys": self.issuer.keys,
        }
        if parts.path in documents:
            self._json(200, documents[parts.path])
        elif parts.path == "/authorize":
            self._authorize(query)
        elif parts.path == "/sign-out":
            back = query.get("post_logout_redirect_uri", "")
            body = f'<p><a href="{escape(back)}">Back</a></p>' if _is_local(back) else ""
            self._page(200, "Signed out", body)
        else:
            self._page(404, "Not found", "")

    def do_POST(self) -> None:
        length = min(int(self.headers.get("Content-Length") or 0), _LONGEST_FORM)
        form = dict(parse_qsl(self.rfile.read(length).decode(errors="replace")))
        token = self.issuer.take_code(form) if self.path == "/token" else None
        if token is None:
            self._json(400, {"error": "invalid_grant"})
        else:
            document = {"access_token": secrets.token_urlsafe(24), "token_type": "Bearer"}
            self._json(200, document | {"expires_in": _SECONDS, "id_token": token})

    def _authorize(self, query: Mapping[str, str]) -> None:
        """Ask who one wants to be, or go back as the one chosen."""
        right = (
            query.get("client_id") == CLIENT
            and query.get("response_type") == "code"
            and query.get("code_challenge_method") == "S256"
            and bool(query.get("code_challenge"))
            and _is_local(query.get("redirect_uri", ""))
        )
        if not right:
            self._page(400, "Not for this client", "")
        elif query.get("user") in self.issuer.users:
            self.send_response(303)
            self.send_header("Location", self.issuer.give_code(query, query["user"]))
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            links = "".join(
                f'<li><a href="?{escape(urlencode({**query, "user": user.name}))}">'
                f"{escape(user.name)}</a> {escape(user.text)}</li>\n"
                for user in self.issuer.users.values()
            )
            self._page(200, "Who do you want to be?", f"<ul>\n{links}</ul>")

    def _page(self, status: int, title: str, body: str) -> None:
        text = _PAGE.format(title=title, warning=_WARNING, body=body)
        self._send(status, "text/html; charset=utf-8", text)

    def _json(self, status: int, document: Mapping[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(document))

    def _send(self, status: int, kind: str, text: str) -> None:
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Write no line for a request: its address holds a code."""


def _is_local(address: str) -> bool:
    return urlsplit(address).scheme == "http" and urlsplit(address).hostname == _HOST
