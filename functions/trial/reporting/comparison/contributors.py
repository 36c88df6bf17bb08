"""Who moved what between two cuts: subjects folded again as each of the cuts saw them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from trial.definition.study import Study
from trial.events import blinding
from trial.events.blinding import HIDDEN
from trial.reporting.changelog import JournalSlice
from trial.reporting.comparison.cuts import ComparedCut
from trial.store.dynamodb import Store
from trial.subject.changes import Change, changes
from trial.subject.derivation import Derivation
from trial.subject.fold import Key, Subject, masked
from trial.tables.attribution import CellAddress, CellAttribution
from trial.tables.compiled import compiled

SUBJECTS, EVENTS, BYTES = 100, 10_000, 2_000_000
"""What a page holds at most, if more than one subject: how many, their events, its length."""
SINGLED_OUT = 25
"""Of a subject of whom more records changed, none is singled out for what it moved."""


@dataclass(frozen=True)
class CutComparison:
    """Two cuts and what moved: `view` counts, `seen` says what of records may be shown."""

    view: Study
    seen: Study
    old: ComparedCut
    new: ComparedCut
    cells: Iterable[CellAddress]
    key_results: Iterable[CellAddress]

    @cached_property
    def candidates(self) -> list[str]:
        """Name, in order, who may differ; by another cut-off date everybody may."""
        old, new = self.old.versions, self.new.versions
        every = sorted(old.keys() | new.keys())
        if self.old.asked.cutoff != self.new.asked.cutoff:
            return every
        return [each for each in every if old.get(each) != new.get(each)]

    @cached_property
    def all_moves(self) -> CellAttribution:
        """Tell who moved any of the places."""
        return CellAttribution(compiled(self.view), {*self.cells, *self.key_results})

    @cached_property
    def key_result_moves(self) -> CellAttribution:
        """Tell who moved what a key result shows."""
        return CellAttribution(compiled(self.view), self.key_results)

    def window(self, store: Store, name: str) -> JournalSlice:
        """Read a subject's journal, and say how much of it each cut is made of."""
        stored = store.subject(self.seen, name)
        rows = store.journal(self.seen.id, name, stored.cipher_key) if stored else []
        return JournalSlice(
            name, rows, self.old.versions.get(name, 0), self.new.versions.get(name, 0)
        )

    def events(self, name: str) -> int:
        """Count the events that must be read of a subject."""
        return max(self.old.versions.get(name, 0), self.new.versions.get(name, 0))

    def derived(self, subject: Subject, of: ComparedCut) -> Derivation | None:
        """See a subject as one of the cuts does; None where nothing is known of it."""
        return Derivation(self.view, subject, of.shows.day) if subject.records else None


@dataclass
class Page:
    """What is found of some subjects; `last` is the one after which the next page begins."""

    subjects: list[dict[str, Any]] = field(default_factory=list)
    movers: dict[CellAddress, list[str]] = field(default_factory=dict)
    singled: dict[tuple[CellAddress, str], list[Key]] = field(default_factory=dict)
    """The records by which a subject moved what a key result shows, if they can be told apart."""
    last: str = ""


def page(store: Store, between: CutComparison, names: Sequence[str]) -> Page:
    """Look at as many of some subjects, in order, as an answer has room and time for."""
    made, events, size = Page(), 0, 0
    for i, name in enumerate(names):
        events += between.events(name)
        if i and (i >= SUBJECTS or events > EVENTS or size > BYTES):
            made.last = names[i - 1]
            break
        size += _add(made, between, between.window(store, name))
    return made


def _add(made: Page, between: CutComparison, window: JournalSlice) -> int:
    """Take a subject into a page; give about how long that makes the answer."""
    old = between.old.shows.seen(window.recorded_before)
    new = between.new.shows.seen(window.recorded)
    before, after = between.derived(old, between.old), between.derived(new, between.new)
    places = between.all_moves.affected_cells(before, after)
    for place in places:
        made.movers.setdefault(place, []).append(window.subject)
    hide = masked if between.seen.pooled else (lambda subject: subject)
    changed = list(changes(hide(old), hide(new)))
    if 0 < len(changed) <= SINGLED_OUT:
        for place, keys in _singled(between, changed, before, old, new).items():
            made.singled[place, window.subject] = keys
    if not changed and not places:
        return 0
    records = [_record(each, window, hidden=between.seen.pooled) for each in changed]
    made.subjects.append({"subject": window.subject, "records": records})
    return len(json.dumps(records)) + len(places) * (len(window.subject) + 4)


def _singled(
    between: CutComparison,
    changed: Sequence[Change],
    before: Derivation | None,
    old: Subject,
    new: Subject,
) -> Mapping[CellAddress, list[Key]]:
    """Find the records by which a subject moved what key results show.

    Those are the records without whose change the subject would show something else there; where
    there is none, for each of several would do alone, it is not told which.
    """
    after = between.derived(new, between.new)
    moved = between.key_result_moves.affected_cells(before, after)
    found: dict[CellAddress, list[Key]] = {}
    for each in changed if moved else ():
        records = {key: record for key, record in new.records.items() if key != each.key}
        if each.key in old.records:
            records[each.key] = old.records[each.key]
        without = between.derived(replace(new, records=records), between.new)
        for place in moved & between.key_result_moves.affected_cells(without, after):
            found.setdefault(place, []).append(each.key)
    return found


def _record(change: Change, window: JournalSlice, *, hidden: bool) -> dict[str, Any]:
    """Tell of a record that differs, and who made it so; why may tell the arm."""
    kind, record = change.key
    row, entry = window.decisive(change)
    return {
        "kind": kind,
        "record": record,
        "change": change.what,
        "revision_before": change.revision_before,
        "revision_after": change.revision_after,
        "received": row.stamp,
        "principal": row.principal,
        "source": row.source,
        "reason_for_change": HIDDEN if hidden and blinding.fields(kind) else entry.reason,
    }
