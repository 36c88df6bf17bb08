"""Sums of a blinded study: of both audiences they move together, and stand apart."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

import blinded
import builders
import pytest
from blinded import Case, randomised, study_of
from counted import check_sums
from doubles import Clock, MemoryClient
from hypothesis import HealthCheck, given, settings
from parallel import TOTAL, A, B

from trial.commands import auditing
from trial.definition.study import Study, load
from trial.events import blinding
from trial.events.envelope import Entry
from trial.reporting import report
from trial.statistics import cells
from trial.store import Store, keys
from trial.store.encoding import sealing
from trial.store.rows import Receipt
from trial.store.spreading import Spreading
from trial.store.table import Table
from trial.subject.fold import fold_all

ADMIN = "arn:aws:iam::123456789012:role/admin"
SLOWLY = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
FEED = [
    builders.enrolment(age=40, sex="F"),
    randomised("a", strata={"region": "north"}),
    builders.dose(7, treatment="drug"),
    builders.enrolment(subject="S-2", age=50, sex="M"),
    randomised("b", "S-2"),
    builders.adverse_event(10),
]
DEFINED = study_of([{"summary": "age"}, {"count": "treated"}, {"count": "in-a"}], [A, B, TOTAL])


class Kept:
    """A study in a store in memory."""

    def __init__(self, study: Study) -> None:
        self.client = MemoryClient()
        self.clock = Clock()
        self.study = study
        self.store = Store(Table(self.client, "t"), report.contribute, self.clock, self.clock.pause)
        self.put(study)

    def put(self, study: Study) -> str:
        return self.store.put_definition(study, study.source, unblinds=True)

    def record(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.store.record(self.study, [Receipt(entry, "edc")])

    def sums(self, end: str) -> list[Any]:
        return [
            item
            for (partition, sort), item in self.client.tables["t"].items()
            if partition.endswith(end) and sort.startswith("SUM#")
        ]

    def history(self, subjects: Iterable[str]) -> list[Any]:
        items = []
        for subject in sorted(subjects):
            stored = self.store.subject(self.study, subject)
            key = stored.cipher_key if stored else b""
            items.append(
                [row.blinded_document() for row in self.store.journal("TINY", subject, key)]
            )
        return items


def counted(study: Study, entries: Sequence[Entry]) -> dict[str, Any]:
    """Recompute what each audience's sums must be."""
    subjects = builders.subjects(entries)
    return {
        view.audience: cells.total(
            report.compiled(view).contribute(subject) for subject in subjects
        )
        for view in study.views
    }  # fmt: skip


def exact(journal_store: Kept, study: Study, entries: Sequence[Entry]) -> None:
    expected = counted(study, entries)
    for view in study.views:
        assert journal_store.store.sums(view) == expected[view.audience], view.audience
    assert set(map(str, check_sums(journal_store.store, study).values())) == {"{}"}


@SLOWLY
@given(blinded.cases())
def test_both_audiences_sums_are_the_recomputed_and_stand_apart(case: Case) -> None:
    result = Kept(case.study)
    result.record(case.first_feed)
    exact(result, case.study, case.first_feed)
    open_rows, unblinded = result.sums("#0"), result.sums("#0#UNBLINDED")
    assert unblinded
    assert not [item for item in open_rows if blinding.UNBLINDED in item["SK"]["S"]]


@SLOWLY
@given(case=blinded.cases())
def test_feeds_that_differ_in_arms_alone_give_the_same_open_sums_and_histories(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing.secrets, "token_bytes", bytes)
    items = [Kept(case.study), Kept(case.study)]
    for item, feed in zip(items, case.feeds, strict=True):
        item.record(feed)
    result, outcome = items
    assert result.store.sums(case.study.open) == outcome.store.sums(case.study.open)
    names = {value.subject for value in case.first_feed}
    assert result.history(names) == outcome.history(names)


def test_a_history_shows_everything_but_what_tells() -> None:
    result = Kept(DEFINED)
    result.record(FEED)
    (rows,) = result.history(["S-1"])
    bodies = [json.loads(row["body"])["data"] for row in rows]
    assert [body.get("arm") for body in bodies[:2]] == [None, blinding.HIDDEN]
    assert bodies[1]["strata"] == {"region": "north"}
    assert (bodies[2]["treatment"], bodies[2]["start"]) == (
        blinding.HIDDEN,
        builders.day(7, "11:00"),
    )
    assert rows[0]["digest"] == FEED[0].digest.hex()
    assert {row["hash"] for row in rows} == {blinding.HIDDEN}
    text = json.dumps(rows)
    assert "drug" not in text
    assert FEED[1].digest.hex() not in text


def test_an_amendment_unblinds() -> None:
    result = Kept(DEFINED)
    result.record(FEED)
    plain = load(json.dumps(json.loads(DEFINED.source) | {"blinded": False}))
    assert result.put(plain) == "backfilling"
    exact(result, DEFINED, FEED)
    result.record([randomised("a", "S-2", revision=2)])
    assert result.store.fill("TINY")
    result.store.invalidate("TINY")
    assert result.store.study("TINY").views == (result.store.study("TINY"),)
    after = [*FEED, randomised("a", "S-2", revision=2)]
    exact(result, plain, after)
    assert result.store.sums(plain) == counted(DEFINED, after)["unblinded"]
    result.clock.pause(3600)
    result.store.drop_generations("TINY", result.clock())
    sums = [name for item in result.sums("#UNBLINDED") for name, value in item.items()
            if name.startswith(".") and value != {"N": "0"}]  # fmt: skip
    assert sums == []


@pytest.mark.parametrize("damage_kind", ["changed", "deleted"])
def test_audit_finds_and_repairs_a_damaged_unblinded_row_and_names_no_arm(damage_kind: str) -> None:
    result = Kept(DEFINED)
    result.record(FEED)
    row = next(item for item in result.sums("#UNBLINDED") if item["SK"]["S"].endswith(":cells#0"))
    key = row["PK"]["S"], row["SK"]["S"]
    if damage_kind == "deleted":
        del result.client.tables["t"][key]
    else:
        result.client.tables["t"][key][".2.0.n"] = {"N": "7"}
    audited = auditing.audit(result.store, "TINY")
    assert [(item.what, item.repaired) for item in audited.differences] == [("sums", True)]
    (difference,) = audited.document("now")["differences"]
    assert difference["rows"] == ("unblinded",)
    exact(result, DEFINED, FEED)


def test_a_shard_that_waits_to_be_filled_is_computed_for_both_audiences() -> None:
    result = Kept(DEFINED)
    result.record(FEED)
    later = Store(Table(result.client, "t"), report.contribute, result.clock, version=2)
    study = later.study("TINY")
    for view in study.views:
        assert later.sums(view) == counted(DEFINED, FEED)[view.audience]


def test_a_removed_study_leaves_no_unblinded_sum() -> None:
    result = Kept(load(json.dumps(json.loads(DEFINED.source) | {"retention": 0})))
    result.record(FEED)
    result.store.retire("TINY", ADMIN, "Closed")
    result.store.remove("TINY", ADMIN, "Over")
    result.store.clear("TINY")
    assert set(result.client.tables["t"]) == {("STUDY#TINY", "CURRENT")}


def test_a_study_that_is_not_blinded_writes_what_it_wrote() -> None:
    result = Kept(load(json.dumps(json.loads(DEFINED.source) | {"blinded": False})))
    result.record(FEED)
    assert result.sums("#UNBLINDED") == []
    assert result.store.sums(result.study) == counted(result.study, FEED)["open"]
    assert fold_all("S-1", FEED[:3]).accepted == 3


def test_which_rows_are_full_is_noted_beside_the_sums_of_their_audience() -> None:
    kept = Kept(DEFINED)
    kept.record(FEED)
    spreading = Spreading(kept.store._table)
    spreading.read_notes(kept.study, 0)
    audiences = [keys.sum_partition("TINY", 0, view.audience) for view in kept.study.views]
    sums = {
        partition: [key for key in kept.client.tables["t"] if key[0] == partition]
        for partition in audiences
    }
    spreading.note_full(
        key for row_keys in sums.values() for key in row_keys if key[1].startswith("SUM#")
    )
    for partition, ours in zip(audiences, (False, True), strict=True):
        note = kept.client.tables["t"][partition, f"FULL#{kept.study.generation}"]
        rows = [name for name in note if name.startswith(".")]
        assert rows
        assert all(name.startswith(".unblinded:") is ours for name in rows)
