"""What one release validated of a definition is read by its processes, and by no other release."""

import zlib
from typing import Any

import pytest
import toy
from bench import Bench

from trial.definition import study
from trial.store import keys
from trial.store.dynamodb import Store
from trial.store.table import Table


def start(bench: Bench, release: str) -> Store:
    """Start a process of a release."""
    table = Table(bench.client, bench.name)
    return Store(table, toy.contribute, bench.clock, bench.clock.pause, language=release)


def row(bench: Bench) -> Any:
    return Table(bench.client, bench.name).get(keys.definition(bench.study.id, bench.study.digest))


def kept_by(bench: Bench) -> str | None:
    return row(bench).get("validated_by", {}).get("S")


def forge(bench: Bench) -> None:
    """Give what is kept as validated another title, which the definition itself does not have."""
    text = zlib.decompress(row(bench)["validated"]["B"]).decode()
    table = Table(bench.client, bench.name)
    forged = zlib.compress(text.replace("A toy", "Forged").encode())
    item = row(bench) | {"validated": {"B": forged}}
    table.write([table.put(item)])


def title(store: Store, bench: Bench) -> str:
    return store.study(bench.study.id).definition.title


def test_the_process_that_takes_a_definition_keeps_it_for_its_release_alone(bench: Bench) -> None:
    start(bench, "one").put_definition(bench.study, bench.study.source)
    assert kept_by(bench) is None  # it was in force already: nothing is written
    amended = study.load(toy.definition(bench.study.id, title="A toy too"))
    bench.study = amended
    start(bench, "one").put_definition(amended, amended.source)
    assert kept_by(bench) == "one"
    assert start(bench, "one").study(amended.id) == amended
    forge(bench)
    assert title(start(bench, "one"), bench) == "Forged too"  # not validated again
    for other in ("two", ""):
        assert title(start(bench, other), bench) == "A toy too"


def test_who_records_by_another_release_validates_and_keeps_that(bench: Bench) -> None:
    """Readers keep nothing: some of them may not write."""
    reader = start(bench, "one")
    assert title(reader, bench) == "A toy"
    assert kept_by(bench) is None
    body = row(bench)["body"]
    for release in ("one", "two", "one"):
        writer = start(bench, release)
        event = bench.event("S-1", event_id=release)
        writer.record(writer.study(bench.study.id), toy.receipts([event]))
        assert kept_by(bench) == release
        assert row(bench)["body"] == body
        assert start(bench, release).study(bench.study.id) == bench.study
        revision = row(bench)
        writer.record(writer.study(bench.study.id), toy.receipts([event]))
        assert row(bench) == revision


def test_what_does_not_fit_beside_a_definition_is_validated_by_everybody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = start(bench, "one")
    writer.record(writer.study(bench.study.id), toy.receipts([bench.event("S-1")]))
    assert kept_by(bench) == "one"
    monkeypatch.setattr("trial.store.definitions.ITEM_BYTES", len(row(bench)["body"]["B"]) + 9)
    writer = start(bench, "two")
    writer.record(writer.study(bench.study.id), toy.receipts([bench.event("S-2")]))
    assert row(bench).keys() == {"PK", "SK", "body"}
    assert start(bench, "two").study(bench.study.id) == bench.study


def test_a_definition_deleted_meanwhile_stays_deleted(bench: Bench) -> None:
    writer = start(bench, "one")
    defined = writer.study(bench.study.id)
    table = Table(bench.client, bench.name)
    table.write([table.delete(keys.definition(defined.id, defined.digest))])
    writer.record(defined, toy.receipts([bench.event("S-1")]))
    assert row(bench) is None
