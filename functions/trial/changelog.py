"""What arrived between two reports, and the journals up to the later: as listings of a workbook.

All of it depends on arrival, so it is no part of a cut's documents; and it tells arms, so that of
a blinded study it is for the unblinded alone.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from trial.blinding import OPEN, UNBLINDED
from trial.changes import Change, as_seen, changes
from trial.messages import read_json
from trial.store import places
from trial.store.documents import Documents
from trial.store.dynamodb import Store
from trial.store.reports import Requested
from trial.store.rows import JournalRow
from trial.study import Study
from trial.subject import Key, Subject, gather
from trial.tables.grid import Cut, Flow, Listing, ListingColumn, Report, Value

CHANGES, TRAIL = "CHANGES", "AUDIT"
_CHANGES = (
    "Subject", "Kind", "Record", "Change", "Revision before", "Revision after", "Action",
    "Received", "By", "Source", "Reason for change", "Changed fields",
)  # fmt: skip
_TRAIL = (
    "Received", "By", "Source", "Event", "Subject", "Kind", "Record", "Revision", "Action",
    "Reason for change", "Version", "Hash",
)  # fmt: skip
_NUMBERS = {"Revision", "Revision before", "Revision after", "Version"}
_NOT_THERE = "(none)"


@dataclass(frozen=True)
class Window:
    """One subject's whole journal, and how much of it each of two reports is made of."""

    subject: str
    rows: Sequence[JournalRow]
    before: int
    after: int

    def states(self, before: str, after: str) -> tuple[Subject, Subject]:
        """Give the subject as each report shows it, by their cut-off dates."""
        upto = max(self.before, self.after)
        entries = [row.entry() for row in self.rows[:upto]]
        old, new = (gather(self.subject, entries[:n]) for n in (self.before, self.after))
        return as_seen(old, before), as_seen(new, after)

    def decisive(self) -> dict[tuple[Key, int], JournalRow]:
        """Find the row of each revision."""
        return {((row.kind, row.record), row.revision): row for row in self.rows}


def versions(documents: Documents, study_id: str, asked: Requested) -> dict[str, int]:
    """Say how much of each subject's journal a report is made of: it stands with its cut."""
    audience, cut = (UNBLINDED, asked.unblinded_cut) if asked.unblinded_cut else (OPEN, asked.cut)
    heads = json.loads(documents.read(study_id, audience, places.audit(cut), places.HEADS))
    return {name: each["version"] for name, each in heads["subjects"].items()}


def journal(store: Store, study: Study, subject: str) -> tuple[JournalRow, ...]:
    """Read a subject's journal with whatever is left of its personal texts."""
    stored = store.subject(study, subject)
    return tuple(store.journal(study.id, subject, stored.cipher_key)) if stored else ()


def said(row: JournalRow) -> tuple[str, str | None]:
    """Give what an event was to do with its record, and why, as far as it is still known."""
    data: dict[str, Any] = read_json(row.received or row.body)["data"]
    return data.get("action", "record"), data.get("reason_for_change")


def report(
    cut: Cut,
    windows: Callable[[], Iterator[Window]],
    since: Requested | None,
    findings: tuple[str, ...] = (),
) -> Report:
    """Make the workbook's contents; `windows` gives every subject, in order, each time anew."""
    compared = (
        f"Since the report {since.id}, asked for {since.requested_at}: cut {since.cut}."
        if since
        else "The first report of the study: every record is new."
    )
    cutoffs = (since.cutoff if since else "", cut.cutoff)
    listings = (
        Listing(
            CHANGES,
            "Records that are new, corrected or voided since the previous report",
            "All subjects",
            _columns(_CHANGES),
            _Rows(lambda: (row for each in windows() for row in _changes(each, cutoffs))),
            (
                compared,
                "Sorted by subject, kind and record. Of personal texts no values are shown.",
            ),
        ),
        Listing(
            TRAIL,
            "Audit trail: every event up to this cut, as it was received",
            "All subjects",
            _columns(_TRAIL),
            _Rows(lambda: (_event(row) for each in windows() for row in each.rows[: each.after])),
            ("Sorted by subject and version. Hash: the row's place in its subject's chain.",),
        ),
    )
    return Report(cut, (), Flow("", "", ()), (), listings, findings)


@dataclass(frozen=True)
class _Rows:
    """Rows that are made anew at each iteration: never all of them are in memory."""

    make: Callable[[], Iterator[tuple[Value, ...]]]

    def __iter__(self) -> Iterator[tuple[Value, ...]]:
        return self.make()


def _columns(labels: Sequence[str]) -> tuple[ListingColumn, ...]:
    return tuple(
        ListingColumn(
            each.upper().replace(" ", "_"), each, "number" if each in _NUMBERS else "text"
        )
        for each in labels
    )


def _changes(window: Window, cutoffs: tuple[str, str]) -> Iterator[tuple[Value, ...]]:
    decisive = window.decisive()
    for each in changes(*window.states(*cutoffs)):
        row = decisive[each.key, each.decided_by.revision]
        action, reason = said(row)
        yield (
            window.subject, *each.key, each.what,
            each.before.revision if each.before else None,
            each.after.revision if each.after else None,
            action, row.stamp, row.principal, row.source, reason, _fields(each),
        )  # fmt: skip


def _fields(change: Change) -> str | None:
    shown = [
        f"{name}: {_NOT_THERE if old is None else old} \N{RIGHTWARDS ARROW}"
        f" {_NOT_THERE if new is None else new}"
        if (old, new) != (None, None)
        else f"{name}: changed"
        for name, old, new in change.fields()
    ]
    return "; ".join(shown) or None


def _event(row: JournalRow) -> tuple[Value, ...]:
    action, reason = said(row)
    return (
        row.stamp, row.principal, row.source, row.event_id, row.subject, row.kind, row.record,
        row.revision, action, reason, row.version, row.hash.hex(),
    )  # fmt: skip
