"""The drill: a backup is restored, the table is put back, and the documents are what they were."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from invoking import STUDY, Service, forget, request

from local.emulator import LocalError
from local.restore import restore

Event = dict[str, Any]
LIVE = f"studies/{STUDY}/open/live/"
CHANGED = (f"STUDY#{STUDY}", "CURRENT")


@pytest.fixture
def copies(service: Service) -> Iterator[list[str]]:
    """Give the names of tables that are made, to be deleted."""
    items: list[str] = []
    yield items
    for name in items:
        service.dynamodb.delete_table(TableName=name)


def published(service: Service) -> tuple[Any, dict[str, bytes]]:
    """Publish, and give what is latest and its files."""
    service.stream(CHANGED)
    latest = json.loads(service.object(f"studies/{STUDY}/open/latest.json"))
    return latest, {name: service.object(LIVE + name) for name in latest["files"]}


def test_a_restored_table_gives_the_same_documents_in_a_new_epoch_and_goes_on(
    service: Service, feed: list[str], copies: list[str]
) -> None:
    service.batch(*feed[:30])
    service.post("{")
    latest, files = published(service)
    result = service.dynamodb.create_backup(TableName=service.table, BackupName="daily")
    backup = result["BackupDetails"]["BackupArn"]
    before = service.items("PUBLISHING")
    service.batch(*feed[30:60])
    later, _ = published(service)
    assert later["events"] > latest["events"]
    for key in list(service.items())[::3]:  # the damage
        values = {"PK": {"S": key[0]}, "SK": {"S": key[1]}}
        service.dynamodb.delete_item(TableName=service.table, Key=values)

    copies.append(f"{service.table}-restored")
    service.dynamodb.restore_table_from_backup(TargetTableName=copies[0], BackupArn=backup)
    outcome = restore(service.dynamodb, copies[0], service.table)
    forget()

    items = service.items("PUBLISHING")
    current = (f"STUDY#{STUDY}", "CURRENT")
    assert items.keys() == before.keys()
    assert {k: v for k, v in items.items() if k != current} == {
        k: v for k, v in before.items() if k != current
    }
    restored, restored_files = published(service)
    assert (restored["epoch"], restored["cut"]) == (latest["epoch"] + 1, latest["cut"])
    assert outcome.epochs == {STUDY: restored["epoch"]}
    assert restored_files == files
    service.invoke("audit", {})
    assert service.get("audit").json["differences"] == []
    service.batch(*feed[:60])  # what came after the backup is sent once more
    last, _ = published(service)
    assert (last["events"], last["cut"]) == (later["events"], later["cut"])


def test_who_was_erased_since_the_backup_is_named_to_be_erased_again(
    service: Service, feed: list[str], copies: list[str], visit: Event
) -> None:
    service.batch(*feed[:30], visit)
    result = service.dynamodb.create_backup(TableName=service.table, BackupName="daily")
    path = f"/studies/{STUDY}/subjects/{visit['subject']}/erase"
    assert service.ask(request("POST", path, {"reason": "Asked to"})).status == 200
    copies.append(f"{service.table}-restored")
    backup = result["BackupDetails"]["BackupArn"]
    service.dynamodb.restore_table_from_backup(TargetTableName=copies[0], BackupArn=backup)
    for _ in range(2):  # interrupted, it is begun again and names the same
        outcome = restore(service.dynamodb, copies[0], service.table)
        assert (STUDY, visit["subject"]) in outcome.erased
    forget()
    assert service.ask(request("POST", path, {"reason": "Asked to"})).json["status"] == "erased"


def test_a_table_is_not_restored_from_itself(service: Service) -> None:
    with pytest.raises(LocalError):
        restore(service.dynamodb, service.table, service.table)
