"""The two cookies of the reading room, and what is derived from them.

The session's holds the verified ID token itself: nothing is stored, no secret is needed, and it is
verified anew on each request. The sign-in's holds what a browser began with, until it comes back.
Both are kept from scripts and from other hosts, and neither can be set by another host (`__Host-`).
"""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping

from trial.deferred import dataclass

SESSION, SIGN_IN = "__Host-session", "__Host-sign-in"
LONGEST_COOKIE = 3_800
"""How many characters a cookie's value may have: browsers keep 4,096 bytes with its attributes."""
SIGN_IN_SECONDS = 600
"""For how long a sign-in that was begun can be ended."""
_LONGEST_PATH = 1_000
# Whatever a browser could take for the start of another host's address is no local path.
_LOCAL_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_ATTRIBUTES = "Path=/; Secure; HttpOnly; SameSite=Lax"


@dataclass(frozen=True)
class SignIn:
    """What a browser began to sign in with: kept by it, and compared when it comes back."""

    state: str
    nonce: str
    verifier: str
    to: str

    def text(self) -> str:
        """Return it as the value of a cookie."""
        path = base64.urlsafe_b64encode(self.to.encode()).decode().rstrip("=")
        return f"{self.state}.{self.nonce}.{self.verifier}.{path}"


def begin(to: str) -> SignIn:
    """Return a new sign-in that will lead to a path of this host."""
    state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
    return SignIn(state, nonce, verifier, local_path(to))


def read_sign_in(text: str) -> SignIn | None:
    """Return the sign-in that a cookie holds; None where it holds none."""
    try:
        state, nonce, verifier, path = text.split(".")
        to = base64.urlsafe_b64decode(path + "=" * (-len(path) % 4)).decode()
    except ValueError:
        return None
    return SignIn(state, nonce, verifier, local_path(to)) if state and nonce and verifier else None


def local_path(text: str) -> str:
    """Return a path of this host, with its query; `/` for anything that could lead elsewhere."""
    is_local = len(text) <= _LONGEST_PATH and _LOCAL_PATH.fullmatch(text)
    return text if is_local and not text.startswith(("/sign-", "/signed-")) else "/"


def read(headers: Iterable[str]) -> Mapping[str, str]:
    """Return the cookies that a browser sent; a name that has two values has none."""
    cookies: dict[str, set[str]] = {}
    for pair in (part for header in headers for part in header.split(";")):
        name, _, value = pair.strip().partition("=")
        cookies.setdefault(name, set()).add(value)
    return {name: values.pop() for name, values in cookies.items() if len(values) == 1}


def write(name: str, value: str, seconds: int) -> str:
    """Return the header that sets a cookie for so long."""
    return f"{name}={value}; Max-Age={seconds}; {_ATTRIBUTES}"


def clear(name: str) -> str:
    """Return the header that removes a cookie."""
    return write(name, "", 0)


def form_token(session: str) -> str:
    """Return what every form of a session carries: only who was shown one can know it.

    It is derived from the session's cookie, which no other site can read, and tells nothing of it.
    """
    return hmac.new(session.encode(), b"form", hashlib.sha256).hexdigest()


def same(value: str, expected: str) -> bool:
    """Return whether two texts are the same, in a time that does not tell where they differ."""
    return hmac.compare_digest(value.encode(), expected.encode())
