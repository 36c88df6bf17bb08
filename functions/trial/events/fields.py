"""The types of an event's fields, and a model read of a value with every fault named.

Clinical dates stay the text that was collected: they are site-local and may be partial.
"""

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    Field,
    ValidationError,
    ValidationInfo,
)

from trial.errors import FieldError, Rejected
from trial.events import json_pointer
from trial.events.field_errors import IDENTIFIER, message_for

_T = TypeVar("_T")


AS_WRITTEN, NORMAL = 1, 2
"""How the content of a journal row is read: as it was written, or in its normal form."""


_DATE = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?", re.ASCII)
_FULL_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_LOCAL_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2})?)?", re.ASCII)
_INSTANT = re.compile(
    r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})", re.ASCII | re.IGNORECASE
)


def _partial_date(text: str) -> str:
    if not _DATE.fullmatch(text):
        raise ValueError("is not a date: expected YYYY-MM-DD, YYYY-MM or YYYY")
    try:
        date.fromisoformat((text + "-01-01")[:10])
    except ValueError:
        raise ValueError("is a date that does not exist") from None
    return text


def _full_date(text: str) -> str:
    if not _FULL_DATE.fullmatch(text):
        raise ValueError("must be a complete date, YYYY-MM-DD")
    return _partial_date(text)


def _local_time(text: str) -> str:
    if not _LOCAL_TIME.fullmatch(text):
        raise ValueError("is not a local date or time: expected YYYY-MM-DD or YYYY-MM-DDThh:mm")
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("is a date or time that does not exist") from None
    return text


def _instant(text: str) -> str:
    try:
        if _INSTANT.fullmatch(text) and datetime.fromisoformat(text.upper()):
            return text
    except ValueError:
        pass
    raise ValueError(
        "is not a timestamp: expected RFC 3339 with an offset, such as 2015-08-03T14:12:00Z"
    )


def _not_blank(text: str, info: ValidationInfo) -> str:
    """Refuse a text of nothing visible; journals of before that was refused stay readable."""
    visible = any(character.isprintable() and not character.isspace() for character in text)
    if not visible and info.context != AS_WRITTEN:
        raise ValueError("must not be blank")
    return text


def _not_text(value: object) -> object:
    if isinstance(value, str):
        raise ValueError("must be a number, not text")  # noqa: TRY004 (pydantic wants ValueError)
    return value


def has_accepted_digits(number: int | Decimal) -> bool:
    """Return whether a number has at most 18 digits before the point and 9 after it."""
    exponent = Decimal(number).as_tuple().exponent
    return (
        isinstance(exponent, int) and exponent >= -_MAX_DECIMALS and abs(number) < 10**_MAX_DIGITS
    )


def _accepted_digits(number: Decimal) -> Decimal:
    if not has_accepted_digits(number):
        raise ValueError("must have at most 18 digits before the point and 9 after it")
    return number


_MAX_DIGITS, _MAX_DECIMALS = 18, 9
Identifier = Annotated[str, Field(pattern=IDENTIFIER)]
LONGEST_TEXT = 4_000
"""How many characters a free text may have."""
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT), AfterValidator(_not_blank)]
Verbatim = Annotated[str, Field(min_length=1, max_length=32_767), AfterValidator(_not_blank)]
PERSONAL = "personal"
"""Marks a field that may hold a person's free text or identifiers: it can be erased."""
Personal = Annotated[_T, PERSONAL]
UNBLINDING = "unblinding"
"""Marks a field that could reveal the arm: while a study is blinded, it is hidden."""
Unblinding = Annotated[_T, UNBLINDING]


def marked(types: Mapping[str, Any], mark: str) -> frozenset[str]:
    """Return the names of the fields that have a mark, such as `PERSONAL`."""
    return frozenset(
        name for name, field in types.items() if mark in getattr(field, "__metadata__", ())
    )


PartialDate = Annotated[str, AfterValidator(_partial_date)]
FullDate = Annotated[str, AfterValidator(_full_date)]
LocalTime = Annotated[str, AfterValidator(_local_time)]
Instant = Annotated[str, AfterValidator(_instant)]
Number = Annotated[
    Decimal,
    BeforeValidator(_not_text),
    Field(strict=False, allow_inf_nan=False),
    AfterValidator(_accepted_digits),
]


def term(text: str) -> str:
    """Return a term or reason in the form in which it is compared: NFC, without outer blanks."""
    if text.isascii():
        return text.strip()
    from unicodedata import normalize  # noqa: PLC0415 (few texts need it)

    return normalize("NFC", text).strip()


def is_identifier(text: str) -> bool:
    """Return whether a text can name a study, a subject or a record."""
    return re.fullmatch(IDENTIFIER, text) is not None


def validate[Model: BaseModel](
    model: type[Model],
    value: object,
    pointer: str,
    title: str = "Event not accepted",
    context: object = None,
) -> Model:
    """Read a value as a model; raises `Rejected` (422) with a pointer to each field at fault.

    `context` is what the model's validators are told beside the value.
    """
    try:
        return model.model_validate(value, context=context)
    except ValidationError as error:
        faults = tuple(
            FieldError(
                pointer + "".join(f"/{json_pointer.escape(part)}" for part in failure["loc"]),
                message_for(failure),
            )
            for failure in error.errors(include_input=False, include_url=False)
        )
        raise Rejected(422, title, "", *faults) from None
