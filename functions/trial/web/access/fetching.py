"""What an issuer is asked: small JSON documents over HTTPS, in a few seconds."""

import json
from collections.abc import Mapping
from typing import Any

import urllib3

from trial.errors import Unavailable

MOST_BYTES = 256_000
"""How long an answer may be: key sets and tokens are much shorter."""
_CLIENT = urllib3.PoolManager(
    num_pools=2,
    retries=False,  # nothing is followed elsewhere, and a code is good for one attempt
    timeout=urllib3.Timeout(connect=2, read=5),
    headers={"Accept": "application/json", "User-Agent": "LiveTLF"},
)


def fetch(url: str, form: Mapping[str, str] | None = None) -> tuple[int, Any]:
    """Return status and JSON of a GET or, with a form, of a POST; None where it is no JSON.

    Raises `Unavailable` where the issuer does not answer or is out of order. No error quotes what
    was sent: a code and its verifier are secrets.
    """
    try:
        if form is None:
            response = _CLIENT.request("GET", url, preload_content=False)
        else:
            response = _CLIENT.request("POST", url, fields=form, encode_multipart=False,
                                       preload_content=False)  # fmt: skip
        body = response.read(MOST_BYTES + 1)
        response.release_conn()
    except urllib3.exceptions.HTTPError:
        raise Unavailable("the issuer does not answer") from None
    if response.status >= 500 or response.status == 429 or len(body) > MOST_BYTES:  # noqa: PLR2004
        raise Unavailable("the issuer is out of order")
    try:
        return response.status, json.loads(body)
    except ValueError:
        return response.status, None
