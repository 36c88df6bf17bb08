"""Reports that were asked for: a row each, from the request until its documents are there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from trial.errors import Rejected
from trial.store import keys
from trial.store.table import PRESENT, Item, Table, key, number, text

PENDING = "pending"
READY = "ready"
PUBLISHED = "published"
FAILED = "failed"


_ASKED = ("requested_by", "requested_at", "reason", "as_of", "cutoff", "final", "look")
_SHOWN = ("id", "status", *_ASKED, "cut", "accepted", "completion", "detail")

AT_ONCE = 3
"""How often a report is tried whenever its study is published; then at ever longer intervals."""
_FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=10), timedelta(days=1)


@dataclass(frozen=True)
class ReportRequest:
    """A report: who asked for it, when, why and as of when, and the cut it became.

    It may be asked for as the final analysis, or at a planned `look`; `completion` says in words
    whether it became final or interim, as everybody may know. `previous` is the report that it
    tells the changes since: None while nobody has looked, '' where there is none. `files` are
    those of the open audience. `tries` counts how often it was begun; `detail` says why one that
    failed could not be made.
    """

    id: str
    status: str
    requested_by: str
    requested_at: str
    reason: str
    as_of: str
    cutoff: str
    final: bool = False
    look: str = ""
    cut: str = ""
    accepted: int = 0
    completion: str = ""
    unblinded_cut: str = ""
    previous: str | None = None
    files: tuple[str, ...] = ()
    tries: int = 0
    detail: str = ""

    def is_due(self, now: datetime) -> bool:
        """Say whether a report that waits is to be tried: at once, or once its time has come."""
        more = self.tries - AT_ONCE
        return more < 0 or self._waits_since(now) >= _FIRST_WAIT * 2**more

    def has_expired(self, now: datetime) -> bool:
        """Say whether a report has been waiting for too long, however often it was tried."""
        return self.tries >= AT_ONCE and self._waits_since(now) > LONGEST_WAIT

    def _waits_since(self, now: datetime) -> timedelta:
        return now - datetime.fromisoformat(self.requested_at)

    @property
    def order(self) -> tuple[str, str]:
        """Sort reports by when they were asked for."""
        return self.requested_at, self.id

    def document(self, study: str) -> dict[str, Any]:
        """Give it as data for everybody: the cut of the unblinded is named after arms too.

        Each of its files is found under its location, by name.
        """
        location = f"/studies/{study}/reports/{self.id}"
        shown = {name: getattr(self, name) for name in _SHOWN}
        changes = f"{location}/changes-since/{self.previous}" if self.previous else None
        return shown | {
            "location": location,
            "files": list(self.files),
            "previous": self.previous or None,
            "changes": changes,
        }


@dataclass(frozen=True)
class Made:
    """What a report became: its cut and files for everybody, and the cut of the unblinded."""

    cut: str
    accepted: int
    completion: str
    unblinded_cut: str = ""
    files: tuple[str, ...] = ()


class Reports:
    """The reports asked for of every study."""

    def __init__(self, table: Table) -> None:
        """Keep the rows in the store's own table, so that its stream tells Publish of them."""
        self._table = table

    def request(self, study: str, asked: ReportRequest) -> None:
        """Ask for a report; Publish makes it when the stream tells it of this row."""
        fields = {"status": asked.status} | {name: getattr(asked, name) for name in _ASKED}
        self._table.put_if_absent(
            key(keys.report(study, asked.id))
            | {name: _value(value) for name, value in fields.items()}
        )

    def get(self, study: str, request: str) -> ReportRequest:
        """Find a report by its request; raises `Rejected` (404)."""
        found = self.find(study, request)
        if found is None:
            raise Rejected(404, "No such report")
        return found

    def find(self, study: str, request: str) -> ReportRequest | None:
        """Find a report by its request; None where there is none."""
        item = self._table.get(keys.report(study, request))
        return _requested(item) if item else None

    def all(self, study: str) -> Iterator[ReportRequest]:
        """List a study's reports."""
        partition, start = keys.report(study, "")
        return map(_requested, self._table.query(partition, start))

    def same_look_or_final(self, study: str, asked: ReportRequest) -> list[str]:
        """Name the reports that were asked for at the same look, or as final too, in order."""
        wanted = asked.look, asked.final
        same = [each for each in self.all(study) if (each.look, each.final) == wanted]
        return [each.id for each in sorted(same, key=lambda one: one.order)]

    def waiting(self, study: str) -> list[ReportRequest]:
        """List the reports that are not made yet, in the order in which they were asked for."""
        pending = (each for each in self.all(study) if each.status == PENDING)
        return sorted(pending, key=lambda each: each.order)

    def previous(self, study: str, asked: ReportRequest) -> ReportRequest | None:
        """Find the report that another tells the changes since; None for a study's first.

        It is the last of those asked for before it that were ready when it was first made; that is
        noted, so that made again it is compared with the same.
        """
        if asked.previous is None:
            ready = [each for each in self.all(study) if each.status == READY]
            before = [each for each in ready if each.order < asked.order]
            last = max(before, key=lambda each: each.order, default=None)
            self._note(study, asked.id, last.id if last else "")
            asked = self.get(study, asked.id)
        return self.find(study, asked.previous) if asked.previous else None

    def _note(self, study: str, request: str, previous: str) -> None:
        self._table.write([
            self._table.update(
                keys.report(study, request),
                "SET previous = if_not_exists(previous, :previous)",
                PRESENT,
                ExpressionAttributeValues={":previous": text(previous)},
            )
        ])  # fmt: skip

    def ready(self, study: str, request: str, made: Made) -> None:
        """Note that a report's documents are there, and of which cut they are for each audience."""
        values = {":ready": text(READY), ":cut": text(made.cut)}
        values |= {":accepted": {"N": str(made.accepted)}, ":completion": text(made.completion)}
        values[":unblinded"] = text(made.unblinded_cut)
        values[":files"] = {"L": [text(each) for each in made.files]}
        self._table.write([
            self._table.update(
                keys.report(study, request),
                "SET #status = :ready, cut = :cut, accepted = :accepted, unblinded = :unblinded,"
                " completion = :completion, files = :files",
                PRESENT,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
            )
        ])  # fmt: skip

    def count_attempt(self, study: str, request: str, by: int = 1) -> None:
        """Count that a report is tried: whoever tries it may not live to say how it went."""
        self._table.write([
            self._table.update(
                keys.report(study, request),
                "ADD tries :by",
                PRESENT,
                ExpressionAttributeValues={":by": number(by)},
            )
        ])  # fmt: skip

    def fail(self, study: str, request: str, detail: str) -> None:
        """Note why a report could not be made; asking for it again may help."""
        self._table.write([
            self._table.update(
                keys.report(study, request),
                "SET #status = :failed, detail = :detail",
                PRESENT,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":failed": text(FAILED), ":detail": text(detail)},
            )
        ])  # fmt: skip

    def request_audit(self, study: str, request: str, principal: str, at: str) -> None:
        """Ask for an audit; it is made when the stream tells of this row."""
        row = key(keys.audit(study, request))
        self._table.put_if_absent(row | {"requested_by": text(principal), "requested_at": text(at)})

    def mark(self, study: str, status: str, at: str, detail: str = "") -> None:
        """Note whether a study's last rendering succeeded: then its documents are not behind."""
        values = {":status": text(status), ":at": text(at), ":detail": text(detail)}
        settled = " REMOVE behind_since" if status == PUBLISHED else ""
        self._table.write([
            self._table.update(
                keys.published(study),
                f"SET #status = :status, #at = :at, detail = :detail{settled}",
                "",
                ExpressionAttributeNames={"#status": "status", "#at": "at"},
                ExpressionAttributeValues=values,
            )
        ])  # fmt: skip

    def set_behind_since(self, study: str, since: str) -> None:
        """Note since when a study's documents are known to be behind; '' if they are not."""
        change = "SET behind_since = :since" if since else "REMOVE behind_since"
        values = {":since": text(since)} if since else {}
        more = {"ExpressionAttributeValues": values} if values else {}
        self._table.write([self._table.update(keys.published(study), change, "", **more)])

    def marked(self, study: str) -> dict[str, str] | None:
        """Say whether the study's last rendering succeeded, if there was one, and what is behind.

        `behind_since` is '' unless changes were found that no documents show yet.
        """
        item = self._table.get(keys.published(study))
        if item is None:
            return None
        names = "status", "at", "detail", "behind_since"
        return {name: item.get(name, {}).get("S", "") for name in names}


def _value(value: str | bool) -> dict[str, Any]:  # noqa: FBT001 (an attribute's value)
    return {"BOOL": value} if isinstance(value, bool) else text(value)


def _requested(item: Item) -> ReportRequest:
    return ReportRequest(
        id=item["SK"]["S"].removeprefix(keys.REPORT),
        status=item["status"]["S"],
        requested_by=item["requested_by"]["S"],
        requested_at=item["requested_at"]["S"],
        reason=item["reason"]["S"],
        as_of=item["as_of"]["S"],
        cutoff=item["cutoff"]["S"],
        final=item.get("final", {}).get("BOOL", False),
        look=item.get("look", {}).get("S", ""),
        cut=item.get("cut", {}).get("S", ""),
        accepted=int(item.get("accepted", {}).get("N", 0)),
        completion=item.get("completion", {}).get("S", ""),
        unblinded_cut=item.get("unblinded", {}).get("S", ""),
        previous=item.get("previous", {}).get("S"),
        tries=int(item.get("tries", {}).get("N", 0)),
        detail=item.get("detail", {}).get("S", ""),
        files=tuple(each["S"] for each in item.get("files", {}).get("L", [])),
    )
