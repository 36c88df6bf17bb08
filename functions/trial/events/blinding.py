"""Who may see what of a blinded study, and what of its records tells the arm.

While a study is blinded, results by arm are for the unblinded audience alone. All others see it
pooled: by a definition that leaves out what tells arms apart (`definition.pooling`), and of
records in which every unblinding field (`fields.Unblinding`) is hidden. So nothing that the open
audience sees can depend on an arm, whatever is made of the records.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from trial.errors import Rejected
from trial.events.envelope import kind_of
from trial.events.fields import UNBLINDING, marked
from trial.events.json_body import canonical, read_json
from trial.events.payloads import KINDS, field_types
from trial.statistics.cells import Share

AUDIENCES = OPEN, UNBLINDED = "open", "unblinded"
"""The audiences. A study that is not blinded has the first alone."""

HIDDEN = "[blinded]"
"""Stands in place of an unblinding value."""

UNBLINDING_SOURCES = frozenset({"arm", "received-arm", "treatment-at-onset", "dose-at-onset"})
"""What listings derive from unblinding fields."""

_MARK = f"{UNBLINDED}:"


@cache
def unblinding_fields(kind: str) -> frozenset[str]:
    """Return the names of the unblinding fields of a kind's data."""
    return marked(field_types(kind), UNBLINDING) if kind in KINDS else frozenset()


def blinded(kind: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return data with its unblinding fields hidden; empty ones too, for that may unblind."""
    telling = unblinding_fields(kind)
    return {**data, **dict.fromkeys(telling, HIDDEN)} if telling else data


def blinded_body(kind: str, body: str) -> str:
    """Return an event's body so, in one form for all; why a telling record changed may tell too."""
    if not unblinding_fields(kind):
        return body
    event = read_json(body)
    data = event["data"]
    if data.get("action") != "void":
        data = blinded(kind, data)
    if "reason_for_change" in data:
        data = {**data, "reason_for_change": HIDDEN}
    return canonical({**event, "data": data})


def is_unblinding(kind: str) -> bool:
    """Return whether events of a kind tell the arm, or why it was told."""
    return bool(unblinding_fields(kind))


def could_unblind(body: bytes) -> bool:
    """Return whether a rejected body could unblind: unless each event is of a safe kind."""
    try:
        value = read_json(body)
    except Rejected:
        return True
    events = value if isinstance(value, list) else [value]
    kinds = [kind_of(str(event.get("type"))) for event in events if isinstance(event, dict)]
    return len(kinds) < len(events) or any(
        kind not in KINDS or unblinding_fields(kind) for kind in kinds
    )


def merged(pooled: Share, unblinded: Share) -> Share:
    """Join what a subject contributes for both audiences: rows are apart by their names."""
    return {**pooled, **{f"{_MARK}{row}": cells for row, cells in unblinded.items()}}


def is_unblinded_row(row: str) -> bool:
    """Return whether a row of sums is for the unblinded audience alone."""
    return row.startswith(_MARK)


def row_of_audience(row: str, audience: str) -> str:
    """Return the name by which a row of sums is stored for an audience."""
    return f"{_MARK}{row}" if audience == UNBLINDED else row


def share_of_audience(share: Share, audience: str) -> Share:
    """Return an audience's part of what was joined, its rows by their own names."""
    if audience == UNBLINDED:
        return {row[len(_MARK) :]: cells for row, cells in share.items() if is_unblinded_row(row)}
    return {row: cells for row, cells in share.items() if not is_unblinded_row(row)}
