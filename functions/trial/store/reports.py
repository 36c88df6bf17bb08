"""Reports that were asked for: a row each, from the request until its documents are there."""

from collections.abc import Iterator
from dataclasses import dataclass

from trial.errors import Rejected
from trial.store import keys
from trial.store.table import PRESENT, Item, Table, key, text

PENDING = "pending"
READY = "ready"
PUBLISHED = "published"
FAILED = "failed"


@dataclass(frozen=True)
class Requested:
    """A report: who asked for it, when, why and as of when, and the cut it became."""

    id: str
    status: str
    requested_by: str
    requested_at: str
    reason: str
    as_of: str
    cutoff: str
    cut: str = ""
    accepted: int = 0
    unblinded_cut: str = ""

    def document(self) -> dict[str, str | int]:
        """Give it as data for everybody: the cut of the unblinded is named after arms too."""
        return {name: each for name, each in vars(self).items() if name != "unblinded_cut"}


class Reports:
    """The reports asked for of every study."""

    def __init__(self, table: Table) -> None:
        """Keep the rows in the store's own table, so that its stream tells Publish of them."""
        self._table = table

    def request(self, study: str, asked: Requested) -> None:
        """Ask for a report; Publish makes it when the stream tells it of this row."""
        fields = {"status", "requested_by", "requested_at", "reason", "as_of", "cutoff"}
        self._table.put_new(
            key(keys.report(study, asked.id))
            | {name: text(value) for name, value in vars(asked).items() if name in fields}
        )

    def get(self, study: str, request: str) -> Requested:
        """Find a report by its request; raises `Rejected` (404)."""
        found = self.find(study, request)
        if found is None:
            raise Rejected(404, "No such report")
        return found

    def find(self, study: str, request: str) -> Requested | None:
        """Find a report by its request; None where there is none."""
        item = self._table.get(keys.report(study, request))
        return _requested(item) if item else None

    def all(self, study: str) -> Iterator[Requested]:
        """List a study's reports."""
        partition, start = keys.report(study, "")
        return map(_requested, self._table.query(partition, start))

    def ready(
        self, study: str, request: str, cut: str, accepted: int, unblinded_cut: str = ""
    ) -> None:
        """Note that a report's documents are there, and of which cut they are for each audience."""
        values = {":ready": text(READY), ":cut": text(cut), ":accepted": {"N": str(accepted)}}
        values[":unblinded"] = text(unblinded_cut)
        self._table.write([
            self._table.update(
                keys.report(study, request),
                "SET #status = :ready, cut = :cut, accepted = :accepted, unblinded = :unblinded",
                PRESENT,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
            )
        ])  # fmt: skip

    def fail(self, study: str, request: str) -> None:
        """Note that a report could not be made; asking for it again may help."""
        self._table.write([
            self._table.update(
                keys.report(study, request),
                "SET #status = :failed",
                PRESENT,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":failed": text(FAILED)},
            )
        ])  # fmt: skip

    def request_audit(self, study: str, request: str, principal: str, at: str) -> None:
        """Ask for an audit; it is made when the stream tells of this row."""
        row = key(keys.audit(study, request))
        self._table.put_new(row | {"requested_by": text(principal), "requested_at": text(at)})

    def mark(self, study: str, status: str, at: str, detail: str = "") -> None:
        """Note whether a study's last rendering succeeded."""
        self._table.write([
            self._table.put(
                key(keys.published(study))
                | {"status": text(status), "at": text(at), "detail": text(detail)}
            )
        ])  # fmt: skip

    def marked(self, study: str) -> dict[str, str] | None:
        """Say whether the study's last rendering succeeded, if there was one."""
        item = self._table.get(keys.published(study))
        if item is None:
            return None
        return {name: item[name]["S"] for name in ("status", "at", "detail")}


def _requested(item: Item) -> Requested:
    return Requested(
        id=item["SK"]["S"].removeprefix(keys.REPORT),
        status=item["status"]["S"],
        requested_by=item["requested_by"]["S"],
        requested_at=item["requested_at"]["S"],
        reason=item["reason"]["S"],
        as_of=item["as_of"]["S"],
        cutoff=item["cutoff"]["S"],
        cut=item.get("cut", {}).get("S", ""),
        accepted=int(item.get("accepted", {}).get("N", 0)),
        unblinded_cut=item.get("unblinded", {}).get("S", ""),
    )
