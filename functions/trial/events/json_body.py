"""JSON as it is posted: read with its numbers as written, and written in one form for digests."""

import hashlib
import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

from trial.errors import Rejected
from trial.events import wellformed

DIGEST_BYTES = 16  # of a content's SHA-256: 128 bits tell any two contents of a study apart


def canonical(value: object) -> str:
    """Write JSON in the one form that digests are taken of: keys sorted, numbers as written."""
    try:
        return _CANONICAL.encode(value)
    except TypeError:  # it holds a Decimal, which must stay as it was written
        return _as_written(value)


_CANONICAL = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _as_written(value: object) -> str:
    match value:
        case dict():
            members = [f"{_text(name)}:{_as_written(value[name])}" for name in sorted(value)]
            return "{" + ",".join(members) + "}"
        case list():
            return "[" + ",".join(map(_as_written, value)) + "]"
        case str():
            return _text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)


_text = json.encoder.encode_basestring  # as the encoder above does, without asking what it is


def readable(value: object, indent: str = "") -> str:
    """Write JSON for people: on lines, members in their order, numbers as written."""
    inner = f"{indent}  "
    match value:
        case dict() if value:
            members = (f"{inner}{_text(name)}: {readable(value[name], inner)}" for name in value)
            return "{\n" + ",\n".join(members) + f"\n{indent}}}"
        case list() if value:
            elements = (inner + readable(element, inner) for element in value)
            return "[\n" + ",\n".join(elements) + f"\n{indent}]"
        case _:
            return _as_written(value)


def digest(value: object) -> bytes:
    """Identify a JSON value by its canonical form."""
    return digest_of_canonical(canonical(value))


def digest_of_canonical(text: str) -> bytes:
    """Identify a JSON value by its canonical form, already written."""
    return hashlib.sha256(text.encode()).digest()[:DIGEST_BYTES]


def integer(text: str) -> int | Decimal:
    """Read an integer; one of absurd length stays decimal, for reading it takes too long."""
    return int(text) if len(text) < 40 else Decimal(text)  # noqa: PLR2004 (int() is quadratic)


class _ConstantError(ValueError):
    pass


class _DuplicateError(ValueError):
    pass


def _no_constant(text: str) -> None:
    raise _ConstantError(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise _DuplicateError
    return members


DECODER = json.JSONDecoder(
    parse_float=Decimal,
    parse_int=integer,
    parse_constant=_no_constant,
    object_pairs_hook=_unique,
)


def read_json(body: bytes | str) -> Any:  # noqa: ANN401 (any JSON value)
    """Parse a body, keeping numbers as written; broken JSON is a 400 with its line and column."""
    text = _decode(body)
    value, end = _scan(text, skip(text, 0))
    if (end := skip(text, end)) < len(text):
        raise _broken("unexpected text after the JSON value", text, end)
    return value


def read_posted(body: bytes | str) -> Any:  # noqa: ANN401 (any JSON value)
    """Parse a body that is no event; refused (400) too where what it says could not be kept."""
    value = read_json(body)
    wellformed.check_wellformed(text_of(body), value)
    return value


def split_batch(body: bytes | str) -> list[tuple[Any, str]]:
    """Split a JSON array into its elements and the text each was written as.

    An element that cannot be read, though it is plain where it ends, has a `Rejected` for a value:
    its neighbours are read all the same. Its places are those in its own text.
    """
    text = text_of(body)
    start = skip(text, 0)
    if text[start : start + 1] != "[":
        raise _broken("a batch must be a JSON array", text, start)
    return list(_elements(text, skip(text, start + 1)))


def _elements(text: str, position: int) -> Iterator[tuple[Any, str]]:
    if text[position : position + 1] == "]":
        _end_of(text, position + 1)
        return
    while True:
        value, end = _element(text, position)
        yield value, text[position:end]
        position = skip(text, end)
        match text[position : position + 1]:
            case ",":
                position = skip(text, position + 1)
            case "]":
                _end_of(text, position + 1)
                return
            case _:
                raise _broken("expected a comma or the end of the batch", text, position)


def _element(text: str, position: int) -> tuple[Any, int]:
    try:
        return _scan(text, position)
    except _IllegibleError as error:
        end = _past(text, position)
        try:
            _scan(text[position:end], 0)
        except _IllegibleError as alone:
            return alone, end
        return error, end


_NESTING = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]]|[^"{}\[\]]+', re.DOTALL)
_SCALAR = re.compile(r"[^\s,\]]*")


def _past(text: str, position: int) -> int:
    """Find where a value ends that is JSON but for what cannot be read of it."""
    depth = 0
    if text[position] in "{[":
        for match in _NESTING.finditer(text, position):
            depth += (match[0] in "{[") - (match[0] in "}]")
            if not depth:
                return match.end()
        return len(text)
    scalar = _SCALAR.match(text, position)
    return scalar.end() if scalar else position


def _end_of(text: str, position: int) -> None:
    if (end := skip(text, position)) < len(text):
        raise _broken("unexpected text after the end of the batch", text, end)


_SPACE = re.compile(r"[ \t\r\n]*")


def skip(text: str, position: int) -> int:
    """Return the next place that holds no white space."""
    match = _SPACE.match(text, position)
    return match.end() if match else position


class _IllegibleError(Rejected):
    """JSON whose parts are in order, and which cannot be read all the same."""


def _scan(text: str, position: int) -> tuple[Any, int]:
    try:
        return DECODER.raw_decode(text, position)
    except json.JSONDecodeError as error:
        raise _broken(error.msg, text, error.pos) from error
    except _ConstantError as error:
        problem_position = _token_at(text, position, str(error))
        raise _illegible(f"{error} is not a JSON value", text, problem_position) from error
    except InvalidOperation as error:
        raise _illegible("a number's exponent is too large", text, position) from error
    except _DuplicateError as error:
        problem_position = _second_of_a_name(text, position)
        raise _illegible("an object has a duplicate member name", text, problem_position) from error
    except RecursionError as error:
        raise _illegible("nested too deeply", text, position) from error


def _illegible(problem: str, text: str, position: int) -> _IllegibleError:
    return _IllegibleError(
        400, "Invalid JSON", f"{problem} at {wellformed.line_and_column(text, position)}"
    )


_STRING_OR_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|-?Infinity|NaN', re.DOTALL)


def _token_at(text: str, start: int, token: str) -> int:
    matches = _STRING_OR_CONSTANT.finditer(text, start)
    return next((match.start() for match in matches if match.group() == token), start)


_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]', re.DOTALL)


def _second_of_a_name(text: str, start: int) -> int:
    """Find where an object names a member again; the parser only tells that one does."""
    open_objects: list[set[str] | None] = []
    before = ""
    for match in _TOKEN.finditer(text, start):
        mark = match.group()
        names = open_objects[-1] if open_objects else None
        if mark in "{[":
            open_objects.append(set() if mark == "{" else None)
        elif mark in "}]":
            if not open_objects:
                break
            open_objects.pop()
        elif mark[0] == '"' and names is not None and before in "{,":
            name = json.loads(mark, strict=False)
            if name in names:
                return match.start()
            names.add(name)
        before = mark
    return start


def _broken(problem: str, text: str, position: int) -> Rejected:
    return Rejected(
        400, "Invalid JSON", f"{problem} at {wellformed.line_and_column(text, position)}"
    )


def _decode(body: bytes | str) -> str:
    try:
        text = body.decode() if isinstance(body, bytes) else body
        text.encode()
    except UnicodeError as error:
        raise Rejected(400, "Invalid JSON", f"invalid UTF-8 at byte {error.start}") from error  # type: ignore[attr-defined]
    return text


def text_of(body: bytes | str) -> str:
    """Read a body as text; bytes that are no UTF-8 stay in it, as `surrogateescape` has them."""
    return body.decode(errors="surrogateescape") if isinstance(body, bytes) else body
