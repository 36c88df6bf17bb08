"""Bodies of requests: for a report, for a list of senders, and those that only give a reason."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from uuid import uuid4

from pydantic import BaseModel, ConfigDict, Field

from trial.definition.reporting import Testing
from trial.errors import FieldError, Rejected
from trial.events.field_errors import not_in_list
from trial.events.fields import LONGEST_TEXT, FullDate, Identifier, Instant, Text, validate
from trial.events.payloads import KINDS
from trial.store.discrepancy_states import DiscrepancyState
from trial.store.reports import PENDING, ReportRequest
from trial.store.rows import stamp_text
from trial.subject.rights import Sender

SETTLED = timedelta(seconds=60)
"""How old an instant must be: what commits now may still bear a stamp 30 s old."""

_TITLE = "Report not accepted"


class ReportRequestBody(BaseModel):
    """The body of a request for a report."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    reason: Annotated[str, Field(max_length=LONGEST_TEXT)] = ""
    as_of: Instant | None = None
    cutoff: FullDate | None = None
    final: bool = False
    look: Annotated[str, Field(max_length=64)] | None = None


class ReasonBody(BaseModel):
    """The body of a request that only gives a reason."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    reason: Text


class StateBody(BaseModel):
    """The body of a request that changes the state of a discrepancy."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    state: DiscrepancyState
    reason: Text


class SenderBody(BaseModel):
    """One sender of a list."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    principal: Annotated[str, Field(min_length=1, max_length=2_048)]
    kinds: Annotated[list[str], Field(max_length=len(KINDS))] | None = None
    sites: Annotated[list[Identifier], Field(max_length=2_000)] | None = None


class SendersBody(BaseModel):
    """The body of a request that sets who may post what, and why."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, defer_build=True)

    senders: Annotated[list[SenderBody], Field(max_length=500)]
    reason: Text


def parse_senders(value: object) -> tuple[list[Sender], str]:
    """Parse who may post what, and the reason; raises `Rejected` (422, 413)."""
    body = validate(SendersBody, value, "", _NO_SENDERS)
    errors = [
        FieldError(f"/senders/{number}/kinds/{place}", not_in_list(kind, list(KINDS)))
        for number, sender in enumerate(body.senders)
        for place, kind in enumerate(sender.kinds or ())
        if kind not in KINDS
    ]
    if errors:
        raise Rejected(422, _NO_SENDERS, "", *errors)
    if len(body.model_dump_json()) > _MOST_BYTES:
        raise Rejected(413, _NO_SENDERS, f"the list must have at most {_MOST_BYTES} bytes")
    listed = [Sender(sender.principal, sender.kinds, sender.sites) for sender in body.senders]
    return listed, body.reason


_NO_SENDERS = "Senders not accepted"
_MOST_BYTES = 200_000  # bytes: a list is one item


def parse_reason(value: object, title: str) -> str:
    """Parse the reason of a request; raises `Rejected` (422)."""
    return validate(ReasonBody, value, "", title).reason


def parse_state(value: object) -> StateBody:
    """Parse the state of a discrepancy, and the reason; raises `Rejected` (422)."""
    return validate(StateBody, value, "", "State not changed")


def parse_report_request(
    value: object, principal: str, now: datetime, testing: Testing | None
) -> ReportRequest:
    """Parse a request for a report; raises `Rejected` (422) naming each field at fault.

    A look must be one that the study's `testing` plans.
    """
    body = validate(ReportRequestBody, value, "", _TITLE)
    _check_look(body, testing)
    final = body.final or (testing is not None and body.look == testing.planned[-1].id)
    if final and not body.reason.strip():
        detail = "must be given where `final` is true, or `look` is the final look"
        raise Rejected(422, _TITLE, "", FieldError("/reason", detail))
    as_of = _in_utc(body.as_of) if body.as_of else None
    if as_of is not None and as_of > now - SETTLED:
        detail = (
            f"must be at least {SETTLED.seconds} s ago: until then, earlier events may still arrive"
        )
        raise Rejected(422, _TITLE, "", FieldError("/as_of", detail))
    return ReportRequest(
        id=new_request_id(),
        status=PENDING,
        requested_by=principal,
        requested_at=now.isoformat(timespec="milliseconds"),
        reason=body.reason,
        as_of="" if as_of is None else stamp_text(as_of),
        cutoff=body.cutoff or "",
        final=final,
        look=body.look or "",
    )


def _check_look(body: ReportRequestBody, testing: Testing | None) -> None:
    """Refuse a look that is not planned, and one that is not the final one as final."""
    if body.look is None:
        return
    planned = [look.id for look in testing.planned] if testing else []
    if body.look not in planned:
        detail = (
            f"must be one of the definition's planned looks: {', '.join(planned)}"
            if planned
            else "must be left out: the study's definition plans no looks"
        )
        raise Rejected(422, _TITLE, "", FieldError("/look", detail))
    if body.final and body.look != planned[-1]:
        detail = f"must be {planned[-1]}, the final look, where `final` is true"
        raise Rejected(422, _TITLE, "", FieldError("/look", detail))


def new_request_id() -> str:
    """Return a new id for a request."""
    return uuid4().hex


def _in_utc(instant: str) -> datetime:
    try:
        return datetime.fromisoformat(instant).astimezone(UTC)
    except OverflowError:  # in the first or the last hours that the calendar has
        detail = "must be in the years 1 to 9999"
        raise Rejected(422, _TITLE, "", FieldError("/as_of", detail)) from None
