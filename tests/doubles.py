"""Stand-ins for what lies outside: DynamoDB in memory, and a clock.

The contract tests in tests/store run on `MemoryClient` and on ministack alike, which keeps it true.
"""

import hashlib
import re
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator, MutableMapping
from datetime import UTC, datetime, timedelta
from decimal import Context
from io import BytesIO
from math import ceil
from typing import Any

from botocore.exceptions import ClientError

type Item = dict[str, Any]

NUMBERS = Context(prec=38)
START = datetime(2026, 1, 1, tzinfo=UTC)
_LAST = "\U0010ffff"
"""Sorts after every character that a key has."""


class Clock:
    """A clock that moves by itself, a step each time it is read, and by `pause`."""

    def __init__(
        self, start: datetime = START, step: timedelta = timedelta(microseconds=10)
    ) -> None:
        self.at = start
        self.step = step

    def __call__(self) -> datetime:
        self.at += self.step
        return self.at

    def pause(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Rows(MutableMapping[tuple[str, str], Item]):
    """The rows of a table, and each partition's sort keys in order, so that a query finds its own.

    `stored` is what holds the rows.
    """

    def __init__(self, stored: MutableMapping[tuple[str, str], Item] | None = None) -> None:
        self._stored: MutableMapping[tuple[str, str], Item] = {} if stored is None else stored
        self._sort_keys: dict[str, list[str]] = {}

    def sort_keys(self, partition: str, first: str, last: str | None) -> list[str]:
        """Give the sort keys of a partition from one to another, which is there or not."""
        keys = self._sort_keys.get(partition, [])
        return keys[bisect_left(keys, first) : None if last is None else bisect_right(keys, last)]

    def __getitem__(self, key: tuple[str, str]) -> Item:
        return self._stored[key]

    def __setitem__(self, key: tuple[str, str], item: Item) -> None:
        if key not in self._stored:
            insort(self._sort_keys.setdefault(key[0], []), key[1])
        self._stored[key] = item

    def __delitem__(self, key: tuple[str, str]) -> None:
        del self._stored[key]
        self._sort_keys[key[0]].remove(key[1])

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter(self._stored)

    def __len__(self) -> int:
        return len(self._stored)


class MemoryClient:
    """A DynamoDB client with one lock for a transaction manager, and the limits the store meets."""

    def __init__(self, page: int = 1_000, batch: int = 100) -> None:
        self.tables: dict[str, Rows] = {}
        self.page = page
        self.batch = batch
        self._lock = threading.RLock()

    def get_item(self, TableName: str, Key: Item, **options: Any) -> Any:  # noqa: N803
        assert options["ConsistentRead"]
        with self._lock:
            item = _copy(self._rows(TableName).get(_key(Key)))
        answer = {"ConsumedCapacity": {"CapacityUnits": ceil(_size(item or {}) / 4096) or 1}}
        return answer | ({"Item": item} if item else {})

    def batch_get_item(self, RequestItems: Item, **_: Any) -> Any:  # noqa: N803
        ((name, request),) = RequestItems.items()
        keys = [_key(key) for key in request["Keys"]]
        if not 1 <= len(keys) <= 100 or len(set(keys)) < len(keys):
            raise invalid("BatchGetItem", "keys are too many, or not distinct")
        with self._lock:
            rows = self._rows(name)
            batch_keys = keys[: self.batch]
            items = [_copy(rows[key]) for key in batch_keys if key in rows]
        answer: Item = {"Responses": {name: items}, "UnprocessedKeys": {}}
        # What is not there is billed as the smallest item is.
        units = sum(ceil(_size(item) / 4096) for item in items) + len(batch_keys) - len(items)
        answer["ConsumedCapacity"] = [{"CapacityUnits": units}]
        if unread := request["Keys"][self.batch :]:
            answer["UnprocessedKeys"] = {name: {"Keys": unread, "ConsistentRead": True}}
        return answer

    def query(self, TableName: str, **options: Any) -> Any:  # noqa: N803
        values = options["ExpressionAttributeValues"]
        start = values.get(":start", {"S": ""})["S"]
        first = max(start, values.get(":first", {"S": ""})["S"])
        last = values[":last"]["S"] if ":last" in values else start + _LAST if start else None
        partition: str = values[":partition"]["S"]
        after = options.get("ExclusiveStartKey")
        if after is not None:  # which is there or not, and is not given again
            first = max(first, _key(after)[1])
        with self._lock:
            rows = self._rows(TableName)
            matching = [
                (partition, sort_key)
                for sort_key in rows.sort_keys(partition, first, last)
                if sort_key.startswith(start)
                and (after is None or (partition, sort_key) > _key(after))
            ]
            keys, further = matching[: self.page], matching[self.page :]
            answer: Item = {"Items": [_copy(rows[key]) for key in keys]}
        answer["Count"] = len(keys)
        size = sum(map(_size, answer["Items"]))
        units = ceil(size / 4096) or 1
        answer["ConsumedCapacity"] = {
            "CapacityUnits": units if options["ConsistentRead"] else units / 2
        }
        if further:
            answer["LastEvaluatedKey"] = {"PK": {"S": keys[-1][0]}, "SK": {"S": keys[-1][1]}}
        return answer

    def put_item(self, TableName: str, Item: Item, **options: Any) -> Any:  # noqa: N803
        _check_legible("PutItem", Item)
        with self._lock:
            self._check_size(Item)
            old = self._rows(TableName).get(_key(Item))
            if not _holds(options.get("ConditionExpression", ""), old, {}):
                raise error("PutItem", "ConditionalCheckFailedException")
            self._rows(TableName)[_key(Item)] = _copy(Item)
        return {}

    def transact_get_items(self, TransactItems: list[Item], **_: Any) -> Any:  # noqa: N803
        with self._lock:
            gets = [action["Get"] for action in TransactItems]
            items = [self._rows(get["TableName"]).get(_key(get["Key"])) for get in gets]
            return {"Responses": [{"Item": _copy(item)} if item else {} for item in items]}

    def transact_write_items(self, TransactItems: list[Item], **_: Any) -> Any:  # noqa: N803
        actions = [(verb, request) for action in TransactItems for verb, request in action.items()]
        keys = [
            (action["TableName"], _key(action.get("Key") or action["Item"]))
            for _, action in actions
        ]
        if not 1 <= len(actions) <= 100 or len(set(keys)) < len(keys):
            raise invalid("TransactWriteItems", "actions are too many, or meet in an item")
        _check_legible("TransactWriteItems", TransactItems)
        with self._lock:
            olds = [self._rows(name).get(key) for name, key in keys]
            news, codes, units = [], [], 0
            for (verb, request), old in zip(actions, olds, strict=True):
                new, code = self._apply(verb, request, old)
                news.append(new)
                codes.append(code)
                units += 2 * ceil(max(_size(old or {}), _size(new or {})) / 1024)
            if set(codes) != {"None"}:
                raise cancelled(*codes)
            if sum(_size(new or {}) for new in news) > 4 * 1024 * 1024:
                raise invalid("TransactWriteItems", "items exceed 4 MB")
            for (name, key), new in zip(keys, news, strict=True):
                if new is None:
                    self._rows(name).pop(key, None)
                else:
                    self._rows(name)[key] = new
        return {"ConsumedCapacity": [{"CapacityUnits": units}]}

    def _apply(self, verb: str, action: Item, old: Item | None) -> tuple[Item | None, str]:
        values = action.get("ExpressionAttributeValues", {})
        names = action.get("ExpressionAttributeNames", {})
        if not _holds(action.get("ConditionExpression", ""), old, values, names):
            return old, "ConditionalCheckFailed"
        if verb == "Delete":
            return None, "None"
        if verb == "Put":
            self._check_size(action["Item"])
            return _copy(action["Item"]), "None"
        assert verb == "Update"
        new = _updated(_copy(old or action["Key"]), action)
        return (old, "ValidationError") if new is None or _too_large(new) else (new, "None")

    def _rows(self, name: str) -> Rows:
        return self.tables.setdefault(name, Rows())

    def _check_size(self, item: Item) -> None:
        if _too_large(item):
            raise invalid("PutItem", "Item size has exceeded the maximum allowed size")


def cancelled(*codes: str) -> ClientError:
    """Make the error of a cancelled transaction."""
    response: Any = {
        "Error": {"Code": "TransactionCanceledException", "Message": ""},
        "CancellationReasons": [{"Code": code} for code in codes],
        "ResponseMetadata": {"HTTPStatusCode": 400},
    }
    return ClientError(response, "TransactWriteItems")


def invalid(operation: str, message: str) -> ClientError:
    """Make the error of a request that breaks a limit."""
    return error(operation, "ValidationException", message=message)


def error(operation: str, code: str, status: int = 400, message: str = "") -> ClientError:
    """Make an error of the service."""
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(response, operation)


def _check_legible(operation: str, request: Any) -> None:
    """Refuse what DynamoDB refuses before it looks at a table, wherever in a request it stands."""
    for kind, value in _texts(request):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise error(operation, "SerializationException")
        if kind == "N" and len(value.lstrip("-0").rstrip("0")) > NUMBERS.prec:
            raise invalid(operation, "Attempting to store more than 38 significant digits")


def _texts(request: Any) -> Iterator[tuple[str, str]]:
    """Give every name and, by the name it stands under, every text of a request."""
    waiting = [request]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            for name, value in part.items():
                yield "name", name
                if isinstance(value, str):
                    yield name, value
                elif isinstance(value, dict | list | tuple):
                    waiting.append(value)
        elif isinstance(part, list | tuple):
            waiting += part


_CONTAINERS = {dict, list}


def _copy[T](value: T) -> T:
    """Copy an item, for nobody may change what is stored; deepcopy() takes ten times as long."""
    if isinstance(value, dict):
        return {  # type: ignore[return-value]
            name: _copy(inner) if type(inner) in _CONTAINERS else inner
            for name, inner in value.items()
        }
    if isinstance(value, list):
        return [_copy(inner) for inner in value]  # type: ignore[return-value]
    return value


def _key(item: Item) -> tuple[str, str]:
    return item["PK"]["S"], item["SK"]["S"]


def _holds(condition: str, old: Item | None, values: Item, names: Item | None = None) -> bool:
    old = old or {}
    for clause in filter(None, condition.split(" AND ")):
        if clause.startswith("attribute_not_exists("):
            is_met = clause[21:-1] not in old
        elif clause.startswith("attribute_exists("):
            is_met = clause[17:-1] in old
        else:
            name, _, value = clause.partition(" = ")
            is_met = old.get((names or {}).get(name, name)) == values[value]
        if not is_met:
            return False
    return True


def _updated(item: Item, action: Item) -> Item | None:
    names = action.get("ExpressionAttributeNames", {})
    values = action.get("ExpressionAttributeValues", {})
    clauses = re.split(r"(?:^|\s)(SET|ADD|REMOVE)\s", action["UpdateExpression"])[1:]
    assert sum(len(clause.split(",")) for clause in clauses[1::2]) <= 300
    used = re.findall(
        r"[:#]\w+", f"{action['UpdateExpression']} {action.get('ConditionExpression')}"
    )
    assert set(used) == names.keys() | values.keys()
    for verb, rest in zip(clauses[::2], clauses[1::2], strict=True):
        for part in re.split(r",(?![^(]*\))", rest):
            if verb == "ADD":
                name, value = part.strip().split(" ")
                name = names.get(name, name)
                if "SS" in values[value]:
                    old = item.get(name, {"SS": []})["SS"]
                    item[name] = {"SS": sorted({*old, *values[value]["SS"]})}
                    continue
                total = NUMBERS.add(
                    NUMBERS.create_decimal(item.get(name, {"N": "0"})["N"]),
                    NUMBERS.create_decimal(values[value]["N"]),
                )
                item[name] = {"N": f"{total:f}"}
                continue
            path, _, value = part.strip().partition(" = ")
            *outer, last = [names.get(step, step) for step in path.split(".")]
            target = item
            for step in outer:
                if step not in target:
                    return None
                target = target[step]["M"]
            if verb == "SET":
                if default := re.fullmatch(r"if_not_exists\(\w+, (:\w+)\)", value):
                    target.setdefault(last, _copy(values[default[1]]))
                    continue
                target[last] = _copy(values[value])
            else:
                target.pop(last, None)
    return item


def _too_large(item: Item) -> bool:
    return _size(item) > 400 * 1024


def _size(item: Item) -> int:
    return sum(_length(name) + _value_size(value) for name, value in item.items())


def _length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _value_size(value: Item) -> int:
    ((kind, content),) = value.items()
    match kind:
        case "S":
            return _length(content)
        case "N":
            return len(content.strip("-0.")) // 2 + 2
        case "B":
            return len(content)
        case "BOOL" | "NULL":
            return 1
        case "L" | "SS":
            members = content if kind == "L" else ({"S": member} for member in content)
            return 3 + sum(1 + _value_size(member) for member in members)
        case _:
            return 3 + sum(1 + len(name) + _value_size(member) for name, member in content.items())


class MemoryS3:
    """An S3 client that keeps every version of every object, and the calls that documents need."""

    def __init__(self, now: Callable[[], datetime] = lambda: START) -> None:
        self.now = now
        self.written_at: dict[str, datetime] = {}
        self.versions: dict[str, list[tuple[str, bytes]]] = {}
        self.uploads: dict[str, dict[int, bytes]] = {}
        self.written: list[tuple[str, int]] = []
        self._etags: dict[str, tuple[bytes, str]] = {}
        self._lock = threading.RLock()
        self._number = 0

    def put_object(self, Key: str, Body: bytes, **options: Any) -> Any:  # noqa: N803
        with self._lock:
            before = self.versions.get(Key, [])
            if "IfNoneMatch" in options and before:
                raise error("PutObject", "PreconditionFailed", 412)
            if "IfMatch" in options and (
                not before or options["IfMatch"] != self._etag_of(*before[-1])
            ):
                raise error("PutObject", "PreconditionFailed", 412)
            return {"VersionId": self._write(Key, bytes(Body))}

    def _write(self, key: str, body: bytes) -> str:
        self._number += 1
        version = f"v{self._number:06}"
        self.written_at[version] = self.now()
        self.versions.setdefault(key, []).append((version, body))
        self.written.append((key, len(body)))
        return version

    def get_object(self, Key: str, **options: str) -> Any:  # noqa: N803
        with self._lock:
            versions = dict(self.versions.get(Key, ()))
            if not versions:
                raise error("GetObject", "NoSuchKey", 404)
            name = options.get("VersionId", next(reversed(versions)))
            if name not in versions:
                raise error("GetObject", "NoSuchVersion", 404)
            body = versions[name]
        answer = {
            "ETag": self._etag_of(name, body),
            "VersionId": name,
            "LastModified": self.written_at[name],
        }
        if "Range" in options:
            first, last = map(int, options["Range"].removeprefix("bytes=").split("-"))
            if first >= len(body):
                raise error("GetObject", "InvalidRange", 416)
            answer["ContentRange"] = f"bytes {first}-{min(last + 1, len(body)) - 1}/{len(body)}"
            body = body[first : last + 1]
        return answer | {"Body": BytesIO(body)}

    def _etag_of(self, version: str, body: bytes) -> str:
        """Return a version's ETag, computed once: S3's client does not compute it at all."""
        known = self._etags.get(version)
        if known is None or known[0] is not body:
            known = self._etags[version] = body, _etag(body)
        return known[1]

    def head_object(self, Key: str, **_: Any) -> Any:  # noqa: N803
        if Key not in self.versions:
            raise error("HeadObject", "404", 404)
        return {}

    def delete_objects(self, Delete: Any, **_: Any) -> Any:  # noqa: N803
        with self._lock:
            for deleted in Delete["Objects"]:
                kept = self.versions.pop(deleted["Key"], [])
                kept = [item for item in kept if item[0] != deleted["VersionId"]]
                if kept:
                    self.versions[deleted["Key"]] = kept
        return {}

    def list_object_versions(self, Prefix: str, **_: Any) -> Any:  # noqa: N803
        with self._lock:
            listed = [
                {"Key": key, "VersionId": version}
                for key, versions in sorted(self.versions.items())
                for version, _ in versions
                if key.startswith(Prefix)
            ]
        return {"Versions": listed} if listed else {}

    def create_multipart_upload(self, **_: Any) -> Any:
        with self._lock:
            self._number += 1
            self.uploads[f"u{self._number}"] = {}
            return {"UploadId": f"u{self._number}"}

    def upload_part(self, UploadId: str, PartNumber: int, Body: bytes, **_: Any) -> Any:  # noqa: N803
        self.uploads[UploadId][PartNumber] = bytes(Body)
        return {"ETag": _etag(Body)}

    def complete_multipart_upload(self, Key: str, UploadId: str, **_: Any) -> Any:  # noqa: N803
        with self._lock:
            parts = self.uploads.pop(UploadId)
            return {"VersionId": self._write(Key, b"".join(parts[n] for n in sorted(parts)))}

    def abort_multipart_upload(self, UploadId: str, **_: Any) -> None:  # noqa: N803
        self.uploads.pop(UploadId, None)


def _etag(body: bytes) -> str:
    return f'"{hashlib.md5(body, usedforsecurity=False).hexdigest()}"'
