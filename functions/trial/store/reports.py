"""Requested reports: a row each, from the request until its documents are there."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from trial.deferred import dataclass
from trial.errors import Rejected
from trial.store import keys
from trial.store.table import PRESENT, Item, Table, key, number, sort_key, text

PENDING = "pending"
READY = "ready"
PUBLISHED = "published"
FAILED = "failed"


_REQUEST_FIELDS = ("requested_by", "requested_at", "reason", "as_of", "cutoff", "final", "look")
_PUBLIC_FIELDS = ("id", "status", *_REQUEST_FIELDS, "cut", "accepted", "completion", "detail")

IMMEDIATE_ATTEMPTS = 3
"""How often a report is tried whenever its study is published; then at ever longer intervals."""
_FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=10), timedelta(days=1)


@dataclass(frozen=True)
class ReportRequest:
    """A report: who requested it, when, why and as of when, and the cut it became.

    It may be requested as the final analysis, or at a planned `look`; `completion` says in words
    whether it became final or interim, as everybody may know. `previous` is the report that it
    tells the changes since: None while nobody has looked, '' where there is none. `files` are
    those of the open audience. `attempts` counts how often it was begun; `detail` says why one
    that failed could not be made.
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
    attempts: int = 0
    detail: str = ""

    def is_due(self, now: datetime) -> bool:
        """Return whether a report that waits is to be tried: at once, or once its time has come."""
        retries = self.attempts - IMMEDIATE_ATTEMPTS
        return retries < 0 or self._waiting_for(now) >= _FIRST_WAIT * 2**retries

    def has_expired(self, now: datetime) -> bool:
        """Return whether a report has been waiting for too long, however often it was tried."""
        return self.attempts >= IMMEDIATE_ATTEMPTS and self._waiting_for(now) > LONGEST_WAIT

    def _waiting_for(self, now: datetime) -> timedelta:
        return now - datetime.fromisoformat(self.requested_at)

    @property
    def order(self) -> tuple[str, str]:
        """The key by which reports sort: when they were requested."""
        return self.requested_at, self.id

    def document(self, study: str) -> dict[str, Any]:
        """Return it as data for everybody: the cut of the unblinded is named after arms too.

        Each of its files is found under its location, by name.
        """
        location = f"/studies/{study}/reports/{self.id}"
        document = {name: getattr(self, name) for name in _PUBLIC_FIELDS}
        changes = f"{location}/changes-since/{self.previous}" if self.previous else None
        return document | {
            "location": location,
            "files": list(self.files),
            "previous": self.previous or None,
            "changes": changes,
        }


@dataclass(frozen=True)
class ReportResult:
    """What a report became: its cut and files for everybody, and the cut of the unblinded."""

    cut: str
    accepted: int
    completion: str
    unblinded_cut: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReportProgress:
    """How far a report is that goes on: so many of a total of units, and of how many subjects."""

    unit: str
    done: int
    total: int
    subjects: int


class Reports:
    """The requested reports of every study."""

    def __init__(self, table: Table) -> None:
        """Keep the rows in the store's own table, so that its stream calls Publish for them."""
        self._table = table

    def request(self, study: str, report: ReportRequest) -> None:
        """Request a report; Publish makes it once the stream delivers this row."""
        fields = {"status": report.status}
        fields |= {name: getattr(report, name) for name in _REQUEST_FIELDS}
        self._table.put_if_absent(
            key(keys.report(study, report.id))
            | {name: _value(value) for name, value in fields.items()}
        )

    def get(self, study: str, report_id: str) -> ReportRequest:
        """Return a report; raises `Rejected` (404) where there is none."""
        report = self.find(study, report_id)
        if report is None:
            raise Rejected(404, "Report not found", "GET /studies/{study}/reports lists the ids")
        return report

    def find(self, study: str, report_id: str) -> ReportRequest | None:
        """Return a report; None where there is none."""
        item = self._table.get(keys.report(study, report_id))
        return _read(item) if item else None

    def all(self, study: str) -> Iterator[ReportRequest]:
        """List a study's reports."""
        return map(_read, self._table.query(*keys.report_prefix(study)))

    def same_look_or_final(self, study: str, report: ReportRequest) -> list[str]:
        """Return the ids of the reports requested at the same look, or as final too, in order."""
        requests = [
            earlier
            for earlier in self.all(study)
            if (earlier.look, earlier.final) == (report.look, report.final)
        ]
        return [earlier.id for earlier in sorted(requests, key=lambda earlier: earlier.order)]

    def waiting(self, study: str) -> list[ReportRequest]:
        """List the reports that are not made yet, in the order in which they were requested."""
        pending = (report for report in self.all(study) if report.status == PENDING)
        return sorted(pending, key=lambda report: report.order)

    def previous(self, study: str, report: ReportRequest) -> ReportRequest | None:
        """Return the report that a report is compared with; None for a study's first.

        It is the last of those requested before it that were ready when it was first made; that is
        stored, so that made again it is compared with the same.
        """
        if report.previous is None:
            ready = [earlier for earlier in self.all(study) if earlier.status == READY]
            before = [earlier for earlier in ready if earlier.order < report.order]
            last = max(before, key=lambda earlier: earlier.order, default=None)
            self._set_previous(study, report.id, last.id if last else "")
            report = self.get(study, report.id)
        return self.find(study, report.previous) if report.previous else None

    def _set_previous(self, study: str, report_id: str, previous: str) -> None:
        self._table.write([
            self._table.update(
                keys.report(study, report_id),
                "SET previous = if_not_exists(previous, :previous)",
                PRESENT,
                ExpressionAttributeValues={":previous": text(previous)},
            )
        ])  # fmt: skip

    def mark_ready(self, study: str, report_id: str, result: ReportResult) -> None:
        """Note that a report's documents are there, and of which cut they are for each audience."""
        values = {":ready": text(READY), ":cut": text(result.cut)}
        values |= {":accepted": number(result.accepted), ":completion": text(result.completion)}
        values[":unblinded"] = text(result.unblinded_cut)
        values[":files"] = {"L": [text(name) for name in result.files]}
        self._table.write([
            self._table.update(
                keys.report(study, report_id),
                "SET #status = :ready, cut = :cut, accepted = :accepted, unblinded = :unblinded,"
                " completion = :completion, files = :files",
                PRESENT,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues=values,
            )
        ])  # fmt: skip

    def count_attempt(self, study: str, report_id: str, by: int = 1) -> None:
        """Count that a report is tried: the process may end before it can note anything else."""
        self._table.write([
            self._table.update(
                keys.report(study, report_id),
                "ADD tries :by",
                PRESENT,
                ExpressionAttributeValues={":by": number(by)},
            )
        ])  # fmt: skip

    def ask_to_go_on(self, study: str, report_id: str) -> None:
        """Have Publish called again for a report: by the stream, behind all that changed by now."""
        self._table.write([
            self._table.update(
                keys.report(study, report_id),
                "ADD steps :one",
                PRESENT,
                ExpressionAttributeValues={":one": number(1)},
            )
        ])  # fmt: skip

    def mark_failed(self, study: str, report_id: str, detail: str) -> None:
        """Note why a report could not be made; requesting it again may help."""
        self._table.write([
            self._table.update(
                keys.report(study, report_id),
                "SET #status = :failed, detail = :detail",
                PRESENT,
                ExpressionAttributeNames={"#status": "status"},
                ExpressionAttributeValues={":failed": text(FAILED), ":detail": text(detail)},
            )
        ])  # fmt: skip

    def request_audit(self, study: str, audit_id: str, principal: str, moment: str) -> None:
        """Request an audit; it is made once the stream delivers this row."""
        row = key(keys.audit_request(study, audit_id))
        request = {"requested_by": text(principal), "requested_at": text(moment)}
        self._table.put_if_absent(row | request)

    def mark_rendering(self, study: str, status: str, moment: str, detail: str = "") -> None:
        """Note whether a study's last rendering succeeded: then its documents are up to date."""
        values = {":status": text(status), ":at": text(moment), ":detail": text(detail)}
        removed = "blocks, behind_since" if status == PUBLISHED else "blocks"
        self._table.write([
            self._table.update(
                keys.publication(study),
                f"SET #status = :status, #at = :at, detail = :detail REMOVE {removed}",
                "",
                ExpressionAttributeNames={"#status": "status", "#at": "at"},
                ExpressionAttributeValues=values,
            )
        ])  # fmt: skip

    def note_blocks(self, study: str, done: int, total: int) -> None:
        """Note how many blocks are kept of a publication from nothing that goes on."""
        values = {":blocks": text(f"{done}/{total}")}
        change = self._table.update(
            keys.publication(study), "SET blocks = :blocks", "", ExpressionAttributeValues=values
        )
        self._table.write([change])

    def note_report(self, study: str, report_id: str, progress: ReportProgress) -> None:
        """Note how far a report is; beside its row, for a change of that calls Publish."""
        making = json.dumps({"report": report_id, **asdict(progress)})
        values = {":making": text(making)}
        change = self._table.update(
            keys.publication(study), "SET making = :making", "", ExpressionAttributeValues=values
        )
        self._table.write([change])

    def set_behind_since(self, study: str, since: str) -> None:
        """Note since when a study's documents are known to be out of date; '' if they are not."""
        change = "SET behind_since = :since" if since else "REMOVE behind_since"
        values = {":since": text(since)} if since else {}
        operands = {"ExpressionAttributeValues": values} if values else {}
        self._table.write([self._table.update(keys.publication(study), change, "", **operands)])

    def last_rendering(self, study: str) -> dict[str, str] | None:
        """Return whether the study's last rendering succeeded; None where there was none.

        `behind_since` is '' unless changes were found that no documents show yet.
        """
        return read_rendering(self._table.get(keys.publication(study)))

    def has_rendering_ended(self, study: str) -> bool:
        """Return whether no rendering failed since the last that did not, or keeps blocks."""
        item = self._table.get(keys.publication(study))
        rendering = read_rendering(item)
        has_failed = rendering is not None and rendering["status"] == FAILED
        return not has_failed and read_blocks_done(item) is None


def read_rendering(item: Item | None) -> dict[str, str] | None:
    """Read the row of a study's last rendering."""
    if item is None:
        return None
    names = "status", "at", "detail", "behind_since"
    return {name: item.get(name, {}).get("S", "") for name in names}


def read_blocks_done(item: Item | None) -> tuple[int, int] | None:
    """Read from that row how many blocks are kept, and of how many; None where none is begun."""
    if item is None or "blocks" not in item:
        return None
    done, _, total = item["blocks"]["S"].partition("/")
    return int(done), int(total)


def read_report_progress(item: Item | None) -> tuple[str, ReportProgress] | None:
    """Read from that row which report was begun last of those that go on, and how far it is."""
    if item is None or "making" not in item:
        return None
    making = json.loads(item["making"]["S"])
    return making.pop("report"), ReportProgress(**making)


def _value(value: str | bool) -> dict[str, Any]:  # noqa: FBT001 (an attribute's value)
    return {"BOOL": value} if isinstance(value, bool) else text(value)


def _read(item: Item) -> ReportRequest:
    return ReportRequest(
        id=keys.report_id(sort_key(item)),
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
        attempts=int(item.get("tries", {}).get("N", 0)),
        detail=item.get("detail", {}).get("S", ""),
        files=tuple(name["S"] for name in item.get("files", {}).get("L", [])),
    )
