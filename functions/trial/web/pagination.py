"""Long answers in pages: Lambda answers 6 MB at most, and every quotation mark counts twice."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

from trial.deferred import dataclass
from trial.errors import Rejected, invalid_parameter
from trial.web.routing import Answer, Request

PAGE_BYTES = 1_000_000
"""About how long a page is, in bytes as Lambda sends them; its last row may exceed it."""


MOST_BYTES = 6_000_000
"""The longest answer: Lambda's limit, less what it writes around the text."""


@dataclass(frozen=True)
class Page[Row]:
    """Rows as data and, where more follow, the last of them."""

    rows: Sequence[Mapping[str, Any]]
    last: Row | None


def fill_page[Row](
    rows: Iterable[Row], to_document: Callable[[Row], Mapping[str, Any]]
) -> Page[Row]:
    """Return rows as data until a page is full."""
    documents: list[Mapping[str, Any]] = []
    last, room = None, PAGE_BYTES
    for row in rows:
        if documents and room <= 0:
            return Page(documents, last)
        documents.append(to_document(row))
        last, room = row, room - answer_bytes(documents[-1])
    return Page(documents, None)


def answer_bytes(value: object) -> int:
    """Return how many bytes data take in an answer: their JSON, escaped as a JSON string."""
    return _escaped_bytes(json.dumps(value, ensure_ascii=False))


def _escaped_bytes(text: str) -> int:
    return len(json.dumps(text, ensure_ascii=False).encode())


def check_size(answer: Answer) -> Answer:
    """Return the answer; raises `Rejected` (422) where Lambda could not send it."""
    if len(answer.text) > MOST_BYTES // 8 and _escaped_bytes(answer.text) > MOST_BYTES:
        detail = "read the file under …/reports/live instead, or one table at a time"
        raise Rejected(422, "Answer too large", detail)
    return answer


def next_call(request: Request, **start: object) -> str:
    """Return the path and query of the next page: the same request with another start."""
    query = {**request.query, **{name: str(value) for name, value in start.items()}}
    return f"{request.path}?{urlencode(query)}"


def parse_number(request: Request, name: str) -> int:
    """Parse a query parameter of a `next`; raises `Rejected` (422) where it is no number."""
    text = request.query.get(name, "0")
    if not text.isascii() or not text.isdecimal() or len(text) > len(str(PAGE_BYTES)):
        detail = "must be left out, or as in the `next` of an earlier answer"
        raise invalid_parameter(name, detail)
    return int(text)
