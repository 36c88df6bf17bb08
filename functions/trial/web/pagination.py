"""Long answers in pages: Lambda answers 6 MB at most, and every quotation mark counts twice."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from trial.errors import FieldError, Rejected
from trial.web.routing import Answer, Request

PAGE_BYTES = 1_000_000
"""About how long a page is, in bytes as Lambda sends them; the last row may pass it."""


MOST_BYTES = 6_000_000
"""The longest answer: what Lambda sends, less what stands around it."""


@dataclass(frozen=True)
class Page[Row]:
    """Rows as data and, where more follow, the last of them."""

    rows: Sequence[Mapping[str, Any]]
    last: Row | None


def page[Row](rows: Iterable[Row], written: Callable[[Row], Mapping[str, Any]]) -> Page[Row]:
    """Write rows as data until a page is full."""
    documents: list[Mapping[str, Any]] = []
    last, left = None, PAGE_BYTES
    for row in rows:
        if documents and left <= 0:
            return Page(documents, last)
        documents.append(written(row))
        last, left = row, left - weight(documents[-1])
    return Page(documents, None)


def weight(value: object) -> int:
    """Say how many bytes data take in an answer: JSON that Lambda writes as a text of JSON."""
    return _sent(json.dumps(value, ensure_ascii=False))


def _sent(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def bounded(answer: Answer) -> Answer:
    """Give an answer back; raises `Rejected` (422) where Lambda could not send it."""
    if len(answer.text) > MOST_BYTES // 8 and _sent(answer.text) > MOST_BYTES:
        detail = "its file under reports/live has it, and so has one of its tables"
        raise Rejected(422, "Too long for an answer", detail)
    return answer


def following(request: Request, **after: object) -> str:
    """Write the call that goes on after a place: the same question, asked from there."""
    asked = {**request.query, **{name: str(each) for name, each in after.items()}}
    return f"{request.path}?{urlencode(asked)}"


def number(request: Request, name: str) -> int:
    """Read a number that stands in a `next`; raises `Rejected` (422) where it is none."""
    given = request.query.get(name, "0")
    if not given.isascii() or not given.isdecimal() or len(given) > len(str(PAGE_BYTES)):
        raise Rejected(
            422, "Not listed", "", FieldError(f"/{name}", "must be a number given in `next`")
        )
    return int(given)
