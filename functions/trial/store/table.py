"""The DynamoDB table: the few calls the store makes, and what their failures mean.

A failure is either `Unavailable` (nothing is known: read again before trying again),
`TransactionCancelled` (certainly not applied, with the reason of each action),
`InvalidTransaction` (one that DynamoDB never applies), or an error of botocore's own that no retry
will cure and that therefore surfaces.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from botocore.exceptions import ClientError

from trial.errors import TrialError, Unavailable
from trial.store.failures import error_code, transient_as_unavailable
from trial.store.keys import Key

type Value = dict[str, Any]
type Item = dict[str, Value]
type Action = dict[str, dict[str, Any]]
type Meter = Callable[[str, float], None]
"""Called after every call: with the operation and the capacity units it consumed."""

KEYS_A_BATCH = 100
_TRIES = 8
_INVALID = {"SerializationException", "ValidationException"}
"""What DynamoDB calls a request that breaks a limit as a whole, such as 4 MB, or is malformed."""
ABSENT = "attribute_not_exists(PK)"
PRESENT = "attribute_exists(PK)"


class TransactionCancelled(TrialError):
    """A transaction that was not applied: the reason's code of each action, in order."""

    def __init__(self, codes: Sequence[str]) -> None:
        """Keep the codes; `None` (as text) stands where an action was not the reason."""
        super().__init__("transaction cancelled")
        self.codes = codes


def text(value: str) -> Value:
    """Write a text attribute."""
    return {"S": value}


def number(value: int) -> Value:
    """Write a number attribute."""
    return {"N": str(value)}


def binary(value: bytes) -> Value:
    """Write a binary attribute."""
    return {"B": value}


def key(pair: Key) -> Item:
    """Write a key's attributes."""
    return {"PK": {"S": pair[0]}, "SK": {"S": pair[1]}}


def key_of(item: Item) -> Key:
    """Read an item's key."""
    return item["PK"]["S"], item["SK"]["S"]


def sort_key(item: Item) -> str:
    """Read an item's sort key."""
    return key_of(item)[1]


class InvalidTransaction(TrialError):
    """A transaction that DynamoDB never applies: too large as a whole, or malformed."""

    def __init__(self, code: str) -> None:
        """Keep the code by which DynamoDB refused it."""
        super().__init__("invalid transaction")
        self.code = code


class Table:
    """A table, its client and a meter for whoever wants to know what calls cost."""

    def __init__(self, client: Any, name: str, meter: Meter | None = None) -> None:  # noqa: ANN401 (botocore makes its clients' classes at run time)
        self._client = client
        self.name = name
        self.meter = meter

    def get(self, item_key: Key) -> Item | None:
        """Read one item, as it is now."""
        answer = self._call("get_item", TableName=self.name, Key=key(item_key), ConsistentRead=True)
        item: Item | None = answer.get("Item")
        return item

    def get_batch(self, keys: Sequence[Key]) -> Iterator[Item]:
        """Read items that exist, as they are now, in no order; at most as many as one call takes.

        Each is read by itself: two items may be of different moments. Without keys no call is made.
        """
        unread: Any = [key(item_key) for item_key in keys]
        while unread:
            request = {self.name: {"Keys": unread, "ConsistentRead": True}}
            answer = self._call("batch_get_item", RequestItems=request)
            items = answer["Responses"].get(self.name, [])
            yield from items
            unread = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys", [])
            if unread and not items:
                raise Unavailable("DynamoDB is busy")

    def get_serialized(self, item_key: Key) -> Item | None:
        """Read one item while no transaction is changing it.

        Raises `TransactionCancelled` where one is.
        """
        get = {"Get": {"TableName": self.name, "Key": key(item_key)}}
        answer = self._call("transact_get_items", TransactItems=[get])
        item: Item | None = answer["Responses"][0].get("Item")
        return item

    def query(
        self, partition: str, start: str = "", after: str = "", *, consistent: bool = True
    ) -> Iterator[Item]:
        """Read a partition's items whose sort key starts so, in its order, as they are now.

        `after` is a sort key, there or not, beyond which they are read. Not `consistent`, they may
        be as they were shortly before, and some may lack; that is billed by half.
        """
        options: dict[str, Any] = {"ConsistentRead": consistent}
        if after:
            options["ExclusiveStartKey"] = key((partition, after))
        for page in self._pages(partition, start, **options):
            yield from page["Items"]

    def query_range(self, partition: str, first: str, last: str) -> Iterator[Item]:
        """Read a partition's items from one sort key to another, both included, as they are now."""
        pages = self._pages(
            partition,
            "",
            KeyConditionExpression="PK = :partition AND SK BETWEEN :first AND :last",
            ExpressionAttributeValues={
                ":partition": text(partition), ":first": text(first), ":last": text(last)
            },
        )  # fmt: skip
        for page in pages:
            yield from page["Items"]

    def count(self, partition: str, condition: str) -> int:
        """Count a partition's items of which a condition holds."""
        pages = self._pages(partition, "", Select="COUNT", FilterExpression=condition)
        return sum(page["Count"] for page in pages)

    def put_if_absent(self, item: Item) -> bool:
        """Put an item unless there is one under its key; say whether it was put."""
        try:
            self._call("put_item", TableName=self.name, Item=item, ConditionExpression=ABSENT)
        except ClientError as error:
            if error_code(error) != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def put(self, item: Item, condition: str = "", **values: Value) -> Action:
        """Make an action that puts an item."""
        return {"Put": {"TableName": self.name, "Item": item} | _conditional(condition, values)}

    def delete(self, item_key: Key, condition: str = "", **values: Value) -> Action:
        """Make an action that deletes an item."""
        return {
            "Delete": {"TableName": self.name, "Key": key(item_key)}
            | _conditional(condition, values)
        }

    def update(self, item_key: Key, expression: str, condition: str, **parts: Any) -> Action:  # noqa: ANN401 (names and values of the expression)
        """Make an action that updates an item."""
        update = {"TableName": self.name, "Key": key(item_key), "UpdateExpression": expression}
        return {"Update": update | _conditional(condition, {}) | parts}

    def write(self, actions: Sequence[Action]) -> float:
        """Apply all actions or none; return how many capacity units that took.

        Raises `TransactionCancelled` or `InvalidTransaction` where none was applied, and
        `Unavailable` where it is not known.
        """
        answer = self._call(
            "transact_write_items", TransactItems=actions, ReturnConsumedCapacity="TOTAL"
        )
        return _units(answer.get("ConsumedCapacity", []))

    def try_write(self, *actions: Action) -> bool:
        """Apply all actions, again where others write too; say whether what they ask for was so."""
        for _ in range(_TRIES):
            try:
                self.write(actions)
            except TransactionCancelled as error:
                if "ConditionalCheckFailed" in error.codes:
                    return False
            else:
                return True
        raise Unavailable("others write to the same items")

    def _pages(self, partition: str, start: str, **options: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 (botocore's own)
        condition, values = "PK = :partition", {":partition": text(partition)}
        if start:
            condition += " AND begins_with(SK, :start)"
            values[":start"] = text(start)
        request: dict[str, Any] = {
            "TableName": self.name,
            "KeyConditionExpression": condition,
            "ExpressionAttributeValues": values,
            "ConsistentRead": True,
            **options,
        }
        while True:
            page = self._call("query", **request)
            yield page
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _call(self, operation: str, **request: Any) -> dict[str, Any]:  # noqa: ANN401 (botocore's own)
        if self.meter is not None:
            request["ReturnConsumedCapacity"] = "TOTAL"
        try:
            with transient_as_unavailable():
                answer: dict[str, Any] = getattr(self._client, operation)(**request)
        except ClientError as error:
            if error_code(error) == "TransactionCanceledException":
                raise _cancelled(error) from error
            if operation == "transact_write_items" and error_code(error) in _INVALID:
                raise InvalidTransaction(error_code(error)) from error
            raise
        if self.meter is not None:
            self.meter(operation, _units(answer.get("ConsumedCapacity", [])))
        return answer


def _conditional(condition: str, values: dict[str, Value]) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if condition:
        options["ConditionExpression"] = condition
    if values:
        options["ExpressionAttributeValues"] = {f":{name}": value for name, value in values.items()}
    return options


def _cancelled(error: ClientError) -> TransactionCancelled:
    reasons = error.response.get("CancellationReasons", [])
    return TransactionCancelled([reason.get("Code") or "None" for reason in reasons])


def _units(consumed: Any) -> float:  # noqa: ANN401 (one dictionary, or a list of them)
    parts = consumed if isinstance(consumed, list) else [consumed]
    return sum(float(part.get("CapacityUnits", 0)) for part in parts)
