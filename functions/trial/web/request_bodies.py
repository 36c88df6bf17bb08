"""Read what a report is asked for: why, as recorded by which instant, as of which clinical date."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from trial.definition.reporting import Testing
from trial.errors import FieldError, Rejected
from trial.events.field_errors import not_in_list
from trial.events.fields import FullDate, Identifier, Instant, Text, validate
from trial.events.payloads import KINDS
from trial.store.reports import PENDING, ReportRequest
from trial.store.rows import stamp_text
from trial.subject.rights import Sender

SETTLED = timedelta(seconds=60)
"""How old an instant must be: what commits now may still bear a stamp 30 s old."""

_TITLE = "Report not accepted"


class Ask(BaseModel):
    """The body of a request for a report."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    reason: Annotated[str, Field(max_length=4_000)] = ""
    as_of: Instant | None = None
    cutoff: FullDate | None = None
    final: bool = False
    look: Annotated[str, Field(max_length=64)] | None = None


class Because(BaseModel):
    """The body of a request that only says why."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    reason: Text


class SenderAsk(BaseModel):
    """One sender, as it is asked for."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    principal: Annotated[str, Field(min_length=1, max_length=2_048)]
    kinds: Annotated[list[str], Field(max_length=len(KINDS))] | None = None
    sites: Annotated[list[Identifier], Field(max_length=2_000)] | None = None


class SendersAsk(BaseModel):
    """The body of a request that says who may post what, and why."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    senders: Annotated[list[SenderAsk], Field(max_length=500)]
    reason: Text


def senders(value: object) -> tuple[list[Sender], str]:
    """Read who may post what, and why that is so; raises `Rejected` (422, 413)."""
    asked = validate(SendersAsk, value, "", _NO_SENDERS)
    faults = [
        FieldError(f"/senders/{number}/kinds/{place}", not_in_list(kind, list(KINDS)))
        for number, each in enumerate(asked.senders)
        for place, kind in enumerate(each.kinds or ())
        if kind not in KINDS
    ]
    if faults:
        raise Rejected(422, _NO_SENDERS, "", *faults)
    if len(asked.model_dump_json()) > _SENDERS:
        raise Rejected(413, _NO_SENDERS, f"more than {_SENDERS} bytes")
    listed = [Sender(each.principal, each.kinds, each.sites) for each in asked.senders]
    return listed, asked.reason


_NO_SENDERS = "Senders not accepted"
_SENDERS = 200_000  # bytes: a list is one item


def because(value: object, title: str) -> str:
    """Read why something is asked for; raises `Rejected` (422)."""
    return validate(Because, value, "", title).reason


def read(value: object, principal: str, now: datetime, testing: Testing | None) -> ReportRequest:
    """Read a request for a report; raises `Rejected` (422) naming each field at fault.

    A look must be one that the study's `testing` plans.
    """
    ask = validate(Ask, value, "", _TITLE)
    _check_look(ask, testing)
    final = ask.final or (testing is not None and ask.look == testing.planned[-1].id)
    if final and not ask.reason.strip():
        detail = "must be given: a report that is asked for as final says why"
        raise Rejected(422, _TITLE, "", FieldError("/reason", detail))
    as_of = _in_utc(ask.as_of) if ask.as_of else None
    if as_of is not None and as_of > now - SETTLED:
        detail = f"must lie {SETTLED.seconds} s in the past, when nothing before it can still come"
        raise Rejected(422, _TITLE, "", FieldError("/as_of", detail))
    return ReportRequest(
        id=identifier(),
        status=PENDING,
        requested_by=principal,
        requested_at=now.isoformat(timespec="seconds"),
        reason=ask.reason,
        as_of="" if as_of is None else stamp_text(as_of),
        cutoff=ask.cutoff or "",
        final=final,
        look=ask.look or "",
    )


def _check_look(ask: Ask, testing: Testing | None) -> None:
    """Refuse a look that is not planned, and one that is not the final one as final."""
    if ask.look is None:
        return
    planned = [each.id for each in testing.planned] if testing else []
    if ask.look not in planned:
        known = f"; planned are: {', '.join(planned)}" if planned else "; none is planned"
        detail = f"names no look that the study's definition plans{known}"
        raise Rejected(422, _TITLE, "", FieldError("/look", detail))
    if ask.final and ask.look != planned[-1]:
        detail = f"is not the final look, which is {planned[-1]}: leave out this one, or final"
        raise Rejected(422, _TITLE, "", FieldError("/look", detail))


def identifier() -> str:
    """Name a request."""
    return uuid4().hex


def _in_utc(instant: str) -> datetime:
    try:
        return datetime.fromisoformat(instant).astimezone(UTC)
    except OverflowError:  # in the first or the last hours that the calendar has
        detail = "is not an instant: it lies outside the calendar"
        raise Rejected(422, _TITLE, "", FieldError("/as_of", detail)) from None
