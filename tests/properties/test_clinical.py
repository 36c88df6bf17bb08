"""The trial itself in every disorder: after every batch its sums are what a recomputation gives.

TMB-301's subjects with corrections that move first doses, enrolments and onsets, with voids, late
older revisions, second contents and repeats under other ids, in any order, cut anywhere.
"""

import json
import random

import feeds
import soak
from counted import check_sums
from doubles import Clock, MemoryClient

from trial.definition.study import load
from trial.events import envelope, json_body
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.store import Store
from trial.store.rows import Receipt
from trial.store.table import Table
from trial.subject.fold import Outcome, Subject, fold_all

HISTORIES = soak.size(12, 400)
SEED = soak.seed(f"{HISTORIES} histories of TMB-301's subjects")


def test_after_every_batch_the_trials_sums_are_the_recomputed() -> None:
    for number in range(HISTORIES):
        check_history(random.Random(SEED + number))  # noqa: S311 (a seed)


def check_history(rng: random.Random) -> None:
    source = feeds.definition("S", rng.choice([1, 3]))
    study = load(source)
    store = Store(Table(MemoryClient(), "t"), report.contribute, Clock())
    store.put_definition(study, source)
    pending = entries_of(rng)
    received: dict[str, list[Entry]] = {}
    while pending:
        size = rng.choice([1, 3, 20, 60])
        batch, pending = pending[:size], pending[size:]
        results = store.record(study, [Receipt(entry_, "edc") for entry_ in batch])
        for entry, result in zip(batch, results, strict=True):
            assert isinstance(result.outcome, Outcome)
            if result.outcome is Outcome.RECORDED:
                received.setdefault(entry.subject, []).append(entry)
        shares = []
        for name, entries in received.items():
            rng.shuffle(entries)
            shares.append(report.contribute(study, fold_all(name, entries)))
        sums = store.sums(study)
        assert sums == cells.total(shares)
        state = report.completed(study, sums)
        assert (state.n, state.N) == recounted([fold_all(*item) for item in received.items()])
        assert not state.final  # the two drawn are not all that were planned
        assert set(map(str, check_sums(store, study).values())) == {"{}"}


def recounted(subjects: list[Subject]) -> tuple[int, int]:
    """Count, from the records alone, who ended the study of those enrolled, and these."""
    kinds = [
        {
            (record.kind, record.data.get("of"))
            for record in subject.records.values()
            if not record.void
        }
        for subject in subjects
    ]
    enrolled = [kind for kind in kinds if ("subject.enrolled", None) in kind]
    return sum(("disposition.recorded", "study") in record_keys for record_keys in enrolled), len(
        enrolled
    )


def entries_of(rng: random.Random) -> list[Entry]:
    """Give the disturbed events of two of the trial's subjects."""
    feed = feeds.feed("S")
    subjects = rng.sample(sorted({event["subject"] for event in feed}), 2)
    selected = [event for event in feed if event["subject"] in subjects]
    bodies = map(json.dumps, feeds.disturbed(selected, rng))
    return [envelope.parse(json_body.read_json(body), body) for body in bodies]
