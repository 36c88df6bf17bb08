"""A study in a store and what tests do with it again and again; and a table to keep it in."""

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
import toy
from botocore.config import Config
from counted import check_sums
from doubles import Clock
from faults import Fault, Faulty

from trial.definition.study import Study
from trial.errors import Rejected
from trial.events.envelope import Entry
from trial.statistics import cells
from trial.store import Result, Store, verify
from trial.store.table import Table
from trial.subject.fold import fold_all

FEW_BYTES = 45
"""A page of three or so of the toy's records."""


@dataclass
class Bench:
    """A study in a store, and what tests do with it again and again."""

    client: Any
    name: str
    study: Study
    clock: Clock = field(default_factory=Clock)
    units: list[tuple[str, float]] = field(default_factory=list)

    def store(
        self, *faults: Fault | None, contribute: Any = toy.contribute, version: int | None = None
    ) -> Store:
        """Open the store, as another process would; its transactions meet the faults given."""
        store = Store(self.table(*faults), contribute, self.clock, self.clock.pause, version)
        with suppress(Rejected):  # as a process that has served before
            store.study(self.study.id)
        self.calls.calls.clear()
        return store

    def table(self, *faults: Fault | None) -> Table:
        self.calls = Faulty(self.client, faults)
        return Table(self.calls, self.name, lambda *call: self.units.append(call))

    def event(self, subject: str, *args: Any, **options: Any) -> Entry:
        return toy.event(self.study.id, subject, *args, **options)

    def record(self, *entries: Entry, store: Store | None = None) -> list[Any]:
        """Record entries and give their outcomes."""
        result = (store or self.store()).record(self.study, toy.receipts(entries))
        assert all(isinstance(item, Result) for item in result)
        return [item.outcome for item in result]

    def check(self, *accepted: Entry) -> None:
        """Demand that exactly these entries are counted, journalled and chained."""
        store = self.store()
        stored = {subject.id: subject for subject in store.subjects(self.study)}
        by_subject: dict[str, list[Entry]] = {}
        for entry in accepted:
            by_subject.setdefault(entry.subject, []).append(entry)
        assert stored.keys() == by_subject.keys()
        for name, entries in by_subject.items():
            assert stored[name].subject == fold_all(name, entries)
            assert stored[name].share == toy.contribute(self.study, stored[name].subject)
            journal = store.journal(self.study.id, name, stored[name].cipher_key)
            assert verify(journal, stored[name].head)
            assert stored[name].version == len(journal) == len(entries)
            assert sorted(item.received or "" for item in journal) == sorted(
                item.body for item in entries
            )
            stamps = [item.stamp for item in journal]
            assert stamps == sorted(set(stamps))
        sums = store.sums(self.study)
        assert sums == cells.total(item.share for item in stored.values())
        assert set(map(str, check_sums(store, self.study).values())) <= {"{}"}


def ministack_client(endpoint: str) -> Any:
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"mode": "standard", "total_max_attempts": 2}),
    )


def create_table(client: Any, name: str) -> None:
    keys = ("PK", "HASH"), ("SK", "RANGE")
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key, _ in keys],
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in keys],
    )
