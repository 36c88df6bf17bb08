"""What is under way for a study, or waits: fills, publication, reports, audit, removal."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import wiring
from trial.definition import MAX_SHARDS
from trial.store import leases
from trial.store.audits import LOST_AFTER
from trial.store.document_runs import LIVE, DocumentRun
from trial.store.reports import FAILED, LONGEST_WAIT, PENDING
from trial.store.rows import second_text, stamp_text
from trial.store.work import Work
from trial.web import routing
from trial.web.read_routes import routes
from trial.web.routing import Answer, Request

RUNNING, WAITING = "running", "waiting"
_LOST = "nothing was heard of it for an hour: the schedule begins it anew"
_INTERRUPTED = "the time for it was over: the schedule goes on where it stopped"


@routes("GET", "/studies/{study}/work")
def get_work(_request: Request, study: str) -> Answer:
    """Get what is under way for the study or waits, how far it is, and what failed."""
    work, now = wiring.store().work(study), wiring.now()
    return routing.json_answer({
        "study": study,
        "at": second_text(now),
        "work": [
            *_removal(work),
            *_fills(work, now),
            *_audit(work, now),
            *_publication(work, study, now),
            *_reports(work, study, now),
        ],
    })  # fmt: skip


def _entry(what: str, status: str, since: str, **known: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    names = ("of", "done", "total", "unit", "subjects", "last_step", "detail")
    facts = {name: known.get(name) for name in names}
    return {"what": what, "status": status, "since": since or None, **facts}


def _last_step(work: Work) -> str | None:
    """Return when a run that is under way was last heard of."""
    return work.audit.seen if work.audit.run else None


def _is_begun(work: Work) -> bool:
    """Return whether Audit has begun with the study and not ended."""
    state = work.audit
    return bool(state.run) or (state.last_begun > state.last_ended and not state.failed)


def _is_auditing(work: Work, now: datetime) -> bool:
    """Return whether Audit may be at it: a run that is heard of, or one invocation."""
    if not _is_begun(work):
        return False
    if work.audit.run:
        return work.audit.is_spread_since(second_text(now - LOST_AFTER))
    return work.audit.last_begun > second_text(now - leases.DURATION)


def _removal(work: Work) -> Iterator[dict[str, Any]]:
    if (removed := work.current.removed) is None:
        return
    n_ended = sum(shard.ended for shard in work.progress if shard.task == "remove")
    shards = {"done": n_ended, "total": MAX_SHARDS, "unit": "shards"} if work.audit.run else {}
    yield _entry("removal", RUNNING, removed.at, last_step=_last_step(work), **shards)


def _fills(work: Work, now: datetime) -> Iterator[dict[str, Any]]:
    status = RUNNING if _is_auditing(work, now) else WAITING
    for filling in work.filling:
        yield _entry(
            "fill",
            status,
            filling.since,
            of=filling.digest,
            done=filling.filled,
            total=filling.shards,
            unit="shards",
            last_step=_last_step(work),
        )


def _audit(work: Work, now: datetime) -> Iterator[dict[str, Any]]:
    state = work.audit
    if state.failed:
        yield _entry("audit", FAILED, state.last_begun, detail=state.failed)
    if work.current.removed or not _is_begun(work):
        return
    audited = [shard for shard in work.progress if shard.task == "audit"]
    facts: dict[str, Any] = {"total": work.shards, "unit": "shards"}
    if state.run:
        facts |= {
            "last_step": state.seen,
            "done": sum(shard.ended for shard in audited),
            "subjects": sum(shard.subjects for shard in audited),
        }
    else:
        progress = state.progress or {}
        facts |= {name: progress.get(key) for name, key in _IN_ONE_GO.items()}
    if _is_auditing(work, now):
        status, detail = RUNNING, None
    else:
        status, detail = WAITING, _LOST if state.run else _INTERRUPTED
    yield _entry("audit", status, state.last_begun, detail=detail, **facts)


_IN_ONE_GO = {"done": "shards", "subjects": "subjects"}


def _run_of(work: Work, target: str, now: datetime) -> DocumentRun | None:
    """Return the run that makes the pieces of live documents or a report, if one is under way."""
    is_of = work.run and work.run.target == target and work.run.is_under_way(now)
    return work.run if is_of else None


def _parts(run: DocumentRun) -> dict[str, Any]:
    counts = {"done": run.parts_ended, "total": run.parts} if run.task else {}
    return {**counts, "unit": "parts", "last_step": run.seen}


def _publication(work: Work, study: str, now: datetime) -> Iterator[dict[str, Any]]:
    """Return what becomes of the live documents.

    Of a blinded study only that they failed: a second content of a treatment event has them looked
    at and a repetition has not, so that when they are would tell a right guess from a wrong one.
    """
    if work.current.removed:
        return
    last = work.rendering or {}
    if last.get("status") == FAILED:
        yield _entry("publication", FAILED, "", detail=last["detail"])
    if wiring.store().study(study).definition.blinded:
        return
    if run := _run_of(work, LIVE, now):
        yield _entry("publication", RUNNING, run.begun, **_parts(run))
        return
    n_done, total = work.blocks or (None, None)
    blocks = {"done": n_done, "total": total, "unit": "blocks" if work.blocks else None}
    if work.lease is not None and work.lease.ends > stamp_text(now):
        started = datetime.fromisoformat(work.lease.ends) - leases.DURATION
        yield _entry("publication", RUNNING, second_text(started), **blocks)
    elif last.get("behind_since") or work.blocks:
        yield _entry("publication", WAITING, last.get("behind_since", ""), **blocks)


def _reports(work: Work, study: str, now: datetime) -> Iterator[dict[str, Any]]:
    if work.current.removed:
        return
    begun, known = work.report or ("", None)
    progress = {begun: asdict(known)} if known else {}
    for report in sorted(wiring.reports().all(study), key=lambda report: report.order):
        since = report.requested_at
        if report.status == PENDING and (run := _run_of(work, report.id, now)):
            yield _entry("report", RUNNING, since, of=report.id, **_parts(run))
        elif report.status == PENDING:
            status = RUNNING if report.attempts or report.id in progress else WAITING
            yield _entry("report", status, since, of=report.id, **progress.get(report.id, {}))
        elif report.status == FAILED and now - datetime.fromisoformat(since) < LONGEST_WAIT:
            yield _entry("report", FAILED, since, of=report.id, detail=report.detail)
