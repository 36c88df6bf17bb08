"""Which subjects changed what between two cuts: folded again, as each of the cuts saw them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import field
from functools import cached_property
from typing import Any

from trial.deferred import dataclass
from trial.definition.study import Study
from trial.events import blinding
from trial.events.blinding import HIDDEN
from trial.reporting.changelog import JournalSlice
from trial.reporting.comparison.cuts import ComparedCut
from trial.store.dynamodb import Store
from trial.subject.changes import Change, changes, undone
from trial.subject.derivation import Derivation
from trial.subject.fold import Key, Subject, blinded
from trial.tables.attribution import CellAddress, CellAttribution
from trial.tables.compiled import compiled

SUBJECTS, EVENTS, BYTES = 100, 10_000, 2_000_000
"""What a page holds at most, if more than one subject: how many, their events, its length."""
MOST_TRIED = 25
"""Where more records of a subject changed, they are not tried one by one for what each changed."""


@dataclass(frozen=True)
class CutComparison:
    """Two cuts and what changed: `view` counts, `seen` decides what of records may be shown."""

    view: Study
    seen: Study
    old: ComparedCut
    new: ComparedCut
    cells: Iterable[CellAddress]
    key_results: Iterable[CellAddress]

    @cached_property
    def candidates(self) -> list[str]:
        """The subjects that may differ, in order; with another cut-off date everybody may."""
        old, new = self.old.versions, self.new.versions
        subjects = sorted(old.keys() | new.keys())
        if self.old.request.cutoff != self.new.request.cutoff:
            return subjects
        return [subject for subject in subjects if old.get(subject) != new.get(subject)]

    @cached_property
    def cell_attribution(self) -> CellAttribution:
        """Tells which subjects changed any of the cells."""
        return CellAttribution(compiled(self.view), {*self.cells, *self.key_results})

    @cached_property
    def key_result_attribution(self) -> CellAttribution:
        """Tells which subjects changed what a key result shows."""
        return CellAttribution(compiled(self.view), self.key_results)

    def journal(self, store: Store, subject: str) -> JournalSlice:
        """Read a subject's journal, with how much of it each cut counts."""
        row = store.subject(self.seen, subject)
        journal = store.journal(self.seen.id, subject, row.cipher_key) if row else []
        return JournalSlice(
            subject,
            journal,
            self.old.versions.get(subject, 0),
            self.new.versions.get(subject, 0),
        )

    def events(self, subject: str) -> int:
        """Return the number of events that must be read of a subject."""
        return max(self.old.versions.get(subject, 0), self.new.versions.get(subject, 0))

    def derivation(self, subject: Subject, cut: ComparedCut) -> Derivation | None:
        """Derive a subject as one of the cuts does; None where it has no records there."""
        return Derivation(self.view, subject, cut.spec.day) if subject.records else None


@dataclass
class Page:
    """What some subjects changed; `last` is the one after which the next page begins."""

    subjects: list[dict[str, Any]] = field(default_factory=list)
    contributors: dict[CellAddress, list[str]] = field(default_factory=dict)
    decisive_records: dict[tuple[CellAddress, str], list[Key]] = field(default_factory=dict)
    """The records by which a subject changed a key result's cell, where single ones did."""
    last: str = ""


def page(store: Store, comparison: CutComparison, subjects: Sequence[str]) -> Page:
    """Look at as many of these subjects, in order, as an answer has room and time for."""
    page, events, size = Page(), 0, 0
    for number, subject in enumerate(subjects):
        events += comparison.events(subject)
        if number and (number >= SUBJECTS or events > EVENTS or size > BYTES):
            page.last = subjects[number - 1]
            break
        size += _add(page, comparison, comparison.journal(store, subject))
    return page


def _add(page: Page, comparison: CutComparison, journal: JournalSlice) -> int:
    """Add a subject to a page; return about how many bytes that adds to the answer."""
    old = comparison.old.spec.apply_cutoff(journal.recorded_before)
    new = comparison.new.spec.apply_cutoff(journal.recorded)
    before = comparison.derivation(old, comparison.old)
    after = comparison.derivation(new, comparison.new)
    addresses = comparison.cell_attribution.affected_cells(before, after)
    for address in addresses:
        page.contributors.setdefault(address, []).append(journal.subject)
    hide = blinded if comparison.seen.pooled else (lambda subject: subject)
    changed = list(changes(hide(old), hide(new)))
    if 0 < len(changed) <= MOST_TRIED:
        for address, keys in _decisive_records(comparison, changed, before, old, new).items():
            page.decisive_records[address, journal.subject] = keys
    if not changed and not addresses:
        return 0
    records = [_record(change, journal, hidden=comparison.seen.pooled) for change in changed]
    page.subjects.append({"subject": journal.subject, "records": records})
    return len(json.dumps(records)) + len(addresses) * (len(journal.subject) + 4)


def _decisive_records(
    comparison: CutComparison,
    changed: Sequence[Change],
    before: Derivation | None,
    old: Subject,
    new: Subject,
) -> dict[CellAddress, list[Key]]:
    """Find the records by which a subject changed what key results show.

    Each changed record is undone alone: it is decisive where the subject, without that one change,
    would show something else. Where any of several would do, none is decisive.
    """
    after = comparison.derivation(new, comparison.new)
    changed_cells = comparison.key_result_attribution.affected_cells(before, after)
    decisive: dict[CellAddress, list[Key]] = {}
    keys = [change.key for change in changed] if changed_cells else []
    for key, subject in undone(new, keys, old.records):
        derivation = comparison.derivation(subject, comparison.new)
        for address in changed_cells & comparison.key_result_attribution.affected_cells(
            derivation, after
        ):
            decisive.setdefault(address, []).append(key)
    return decisive


def _record(change: Change, journal: JournalSlice, *, hidden: bool) -> dict[str, Any]:
    """Return a record that differs and who changed it, as data; the reason may reveal the arm."""
    kind, record = change.key
    row, entry = journal.decisive(change)
    return {
        "kind": kind,
        "record": record,
        "change": change.status,
        "revision_before": change.revision_before,
        "revision_after": change.revision_after,
        "received": row.stamp,
        "principal": row.principal,
        "source": row.source,
        "reason_for_change": HIDDEN
        if hidden and blinding.unblinding_fields(kind)
        else entry.reason,
    }
