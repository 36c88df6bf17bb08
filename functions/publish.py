"""The Publish function: documents of the studies that changed, and requested reports."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, NamedTuple

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.commands.document_runs import MakingSideBySide
from trial.commands.engine import GIVE_UP
from trial.commands.runs import Next
from trial.definition.study import Study
from trial.errors import Beat, OutOfTime, Unavailable, Unfinished, error_location
from trial.reporting import currency, publishing, unfinished_report
from trial.reporting.document_writer import DocumentWriter
from trial.reporting.live import publishing as live_documents
from trial.reporting.side_by_side import SideBySide, Spread, alone
from trial.store import keys
from trial.store.document_runs import LIVE
from trial.store.failures import describe_failure
from trial.store.leases import ChangedSubjects
from trial.store.reports import FAILED, PUBLISHED, ReportRequest
from trial.store.rows import second_text

logger, metrics = Logger(), Metrics()

GRACE = timedelta(minutes=10)
"""How long a change or a report waits for the stream before the sweep takes it up."""
RETRY_FAILED_AFTER = timedelta(hours=1)
"""How long the sweep leaves a study alone that could not be rendered."""
EXPIRED = "it could not be made within a day: fix the cause, and request it again"


def changed_studies(records: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return the studies that changed, or have a report requested; of each who changed."""
    studies: dict[str, set[str]] = {}
    for record in sorted(records, key=keys.study_of_record):
        changed = studies.setdefault(keys.study_of_record(record), set())
        if (subject := keys.subject_of_record(record)) is not None:
            changed.add(subject)
    return studies


def publish(
    name: str, holder: str, beat: Beat, *, live: bool = True, changed: set[str] | None = None
) -> None:
    """Bring a study's documents up to date, unless another does so, who then goes again.

    `changed` are the subjects that the call is about: without it all are looked at.
    """
    if not _exists(name):
        return
    leases = wiring.leases()
    lease = leases.acquire(name, holder, changed)
    if lease is None:
        metrics.add_metric("PublicationsSkipped", "Count", 1)
        return
    try:
        render(name, beat, lease.changed, live=live)
        while lease := leases.release(lease):
            _render_again(name, beat, lease.changed)
    except BaseException:
        with suppress(Unavailable):
            leases.abandon(name, holder)
        raise


def _exists(name: str) -> bool:
    current = wiring.store().current(name)
    return current is not None and not current.removed


def _render_again(name: str, beat: Beat, changed: ChangedSubjects) -> None:
    try:
        render(name, beat, changed)
    except OutOfTime as error:  # not for its size, but for its changes: the stream retries
        raise Unfinished("the study kept changing while its documents were made") from error


def render(name: str, beat: Beat, changed: ChangedSubjects = None, *, live: bool = True) -> None:
    """Make a study's live documents, and the reports that wait; one fails no other."""
    store = wiring.store()
    if not _exists(name):  # it may have been removed before it was leased
        return
    store.invalidate(name)  # another definition may just have come into force
    study = store.study(name)
    writer = _writer(beat)
    waiting_reports = list(wiring.reports().waiting(name))
    for report in waiting_reports:
        _forget_erased(study, report.id)
    if live:
        _attempt(
            lambda: publish_live(writer, study, changed), lambda error: mark_failed(name, error)
        )
    for report in waiting_reports:
        if publish_report(writer, study, report):
            return


def _forget_erased(study: Study, report_id: str) -> None:
    """Delete what is kept of a report and erased by now: its next try may be hours away."""
    _attempt(
        lambda: unfinished_report.forget_erased(
            wiring.store(), wiring.documents(), study, report_id
        ),
        lambda error: _tell_of_pieces(study.id, report_id, describe_failure(error)),
    )


def _writer(beat: Beat) -> DocumentWriter:
    return DocumentWriter(
        wiring.store(), wiring.documents(), wiring.signer(), wiring.code_version(), beat
    )


def _side_by_side(writer: DocumentWriter) -> MakingSideBySide:
    threshold = wiring.settings().SPREAD_FROM
    return MakingSideBySide(writer, wiring.document_runs(), wiring.reports(), wiring.now, threshold)


def _spread(writer: DocumentWriter, study: Study) -> Spread:
    """Return what asks whether something of a study is made side by side."""
    if not wiring.settings().RUNS:
        return alone

    def start(run: str) -> None:
        wiring.engine().start(study.id, run)
        logger.info("Pieces of documents are made side by side", study=study.id, run=run)

    return partial(_side_by_side(writer).spread, study, start)


def _attempt[T](work: Callable[[], T], on_failure: Callable[[Exception], None]) -> T | None:
    """Do something; a failure that no retry cures is reported, and stops nothing else.

    Of what is made side by side first nothing is to be done now: the run that does so goes on.
    """
    try:
        return work()
    except SideBySide:
        return None  # its run goes on with it
    except (Unavailable, OutOfTime):
        raise
    except Exception as error:  # noqa: BLE001
        on_failure(error)
        return None


def publish_live(writer: DocumentWriter, study: Study, changed: ChangedSubjects = None) -> None:
    """Bring a study's live documents up to date."""
    reports = wiring.reports()
    has_ended = reports.has_rendering_ended(study.id)
    if not has_ended:
        changed = None  # the calls for which it failed are over
    note_blocks = partial(reports.note_blocks, study.id)
    outcome = live_documents.publish(
        writer, study, changed, note_blocks, _spread(writer, study), clears_up=not has_ended
    )
    if not outcome.sums_agree:
        metrics.add_metric("SumMismatches", "Count", 1)
        logger.error("The sums differ from what the documents count", study=study.id)
    reports.mark_rendering(study.id, PUBLISHED, second_text(wiring.now()))
    if (cut := outcome.cut) is not None:
        metrics.add_metric("StudiesPublished", "Count", 1)
        logger.info("Documents published", study=study.id, cut=cut.id, accepted=cut.accepted)


def publish_report(writer: DocumentWriter, study: Study, report: ReportRequest) -> bool:
    """Make one report if its time has come; one that cannot be made is marked.

    True where no time is left and another call goes on with it.
    """
    reports, now = wiring.reports(), wiring.now()
    if report.has_expired(now):
        give_up_report(study, report.id, EXPIRED)
    elif report.is_due(now):
        goes_on = _attempt(
            lambda: publishing.publish_report(
                reports, writer, study, report.id, _spread(writer, study)
            ),
            lambda error: give_up_report(study, report.id, describe_failure(error)),
        )
        return bool(goes_on)
    return False


def give_up_report(study: Study, report_id: str, reason: str) -> None:
    """Log, count and mark a report that cannot be made, and delete what was kept of it.

    While that cannot be deleted for a time the report waits: nobody would come back to it.
    """
    logger.error("Report failed", study=study.id, report=report_id, reason=reason)
    metrics.add_metric("ReportsFailed", "Count", 1)
    try:
        unfinished_report.clear(wiring.documents(), study.id, report_id)
    except Unavailable:
        raise
    except Exception as error:  # noqa: BLE001
        _tell_of_pieces(study.id, report_id, describe_failure(error))
    wiring.reports().mark_failed(study.id, report_id, reason)


def _tell_of_pieces(name: str, report_id: str, reason: str) -> None:
    logger.error("A report's pieces cannot be deleted", study=name, report=report_id, reason=reason)


def mark_failed(name: str, error: Exception) -> None:
    """Log, count and mark a study that cannot be rendered.

    Its error's text stays out of the log: it may quote a patient's data.
    """
    place = error_location(error)
    logger.error("Publication failed", study=name, error=type(error).__name__, place=place)
    metrics.add_metric("PublicationsFailed", "Count", 1)
    wiring.reports().mark_rendering(
        name, FAILED, second_text(wiring.now()), describe_failure(error)
    )


class Due(NamedTuple):
    """What the sweep has to do for a study; studies sort by how long they have been out of date."""

    behind_since: str
    study: str
    live: bool = False
    """Whether the live documents are to be made."""
    anything: bool = False
    """Whether they or a report are to be made."""


def sweep(beat: Beat, holder: str) -> Unavailable | None:
    """Publish what is out of date or waits although no call came for it, the oldest first."""
    checked, check_error = _for_each(wiring.store().studies(), _due_work)
    now = wiring.now()
    ages = [
        (now - datetime.fromisoformat(due.behind_since)).total_seconds()
        for due in checked
        if due.behind_since
    ]
    metrics.add_metric("DocumentLag", "Seconds", max(ages, default=0))
    live_by_study = {due.study: due.live for due in sorted(checked) if due.anything}
    _, publish_error = _for_each(
        live_by_study, lambda name: publish(name, holder, beat, live=live_by_study[name])
    )
    return _graver(check_error, publish_error)


def _due_work(name: str) -> Due:
    """Return what is due for a study, and note since when its documents are out of date."""
    store, reports, now = wiring.store(), wiring.reports(), wiring.now()
    if not _exists(name):
        return Due("", name)
    rendering = reports.last_rendering(name) or dict.fromkeys(("status", "at", "behind_since"), "")
    since, is_behind = (
        rendering["behind_since"],
        currency.is_behind(store, wiring.documents(), store.study(name)),
    )
    if is_behind != bool(since):
        since = second_text(now) if is_behind else ""
        reports.set_behind_since(name, since)
    failed_lately = rendering["status"] == FAILED and not _older(
        rendering["at"], RETRY_FAILED_AFTER, now
    )
    live = is_behind and _older(since, GRACE, now) and not failed_lately
    late = [report for report in reports.waiting(name) if _older(report.requested_at, GRACE, now)]
    report_due = any(report.is_due(now) or report.has_expired(now) for report in late)
    return Due(since, name, live, live or report_due)


def _older(stamp: str, age: timedelta, now: datetime) -> bool:
    return now - datetime.fromisoformat(stamp) >= age


def _for_each[T](
    names: Iterable[str], work: Callable[[str], T]
) -> tuple[list[T], Unavailable | None]:
    """Do something for each study, one never failing another; return whether to retry the batch."""
    results: list[T] = []
    retry: Unavailable | None = None
    for number, name in enumerate(names):
        try:
            results.append(work(name))
        except Unavailable as error:
            retry = _graver(retry, error)  # what is published by then is left alone
        except OutOfTime as error:
            retry = _graver(retry, _out_of_time(name, error, is_first=number == 0))
        except Exception as error:  # noqa: BLE001
            # Whatever a study's data or definition does to rendering must not stop the others,
            # and no retry would help: mark it, count it, go on.
            retry = _graver(retry, _try_mark_failed(name, error))
    return results, retry


def _graver(first: Unavailable | None, second: Unavailable | None) -> Unavailable | None:
    """Return the one of two reasons to come again that is an outage, if one is."""
    if first is None or (second is not None and isinstance(first, Unfinished)):
        return second
    return first


def _try_mark_failed(name: str, error: Exception) -> Unavailable | None:
    """Mark a study as failed; where not even that can be stored, it is retried."""
    try:
        mark_failed(name, error)
    except Unavailable as unavailable:
        return unavailable
    return None


def _out_of_time(name: str, error: OutOfTime, *, is_first: bool) -> Unavailable | None:
    """Mark a study as failed that had all the time of a run; another is retried."""
    if is_first:
        return _try_mark_failed(name, error)
    return Unfinished("no time was left for this study")


def take_step(event: dict[str, Any], beat: Beat) -> dict[str, Any]:
    """Take one step of a run of documents, as the state machine asks; answer what it hands on.

    When the run ends, the study's documents are made as they are without one: whatever failed is
    made then, and is told of if it fails there too.
    """
    name, run, task = event["study"], event["run"], event["task"]
    steps, part = _side_by_side(_writer(beat)), event.get("shard")
    wiring.store().invalidate(name)
    try:
        if part is not None:
            steps.step(name, run, task, part)
            return {"ended": True}
        following = steps.next(name, run, task) if task != GIVE_UP else Next(run)
        if following.task:
            return following.document(name)
    except Unavailable:
        raise
    except OutOfTime:
        return {"ended": False}  # of a part: a step without one looks at no clock
    except Exception as error:  # noqa: BLE001 (its text may quote a patient's data)
        _tell_of_part(name, error)
        if part is not None:
            return {"ended": True}
    return _go_on(event, steps, beat)


def _tell_of_part(name: str, error: Exception) -> None:
    place = error_location(error)
    logger.error("Pieces not made", study=name, error=type(error).__name__, place=place)


def _go_on(event: dict[str, Any], steps: MakingSideBySide, beat: Beat) -> dict[str, Any]:
    """End a run, and make what it was for; answer what asks for this step again, or for none."""
    name, run = event["study"], event["run"]
    state = wiring.document_runs().get(name)
    if state is None or state.name != run:
        return Next(run).document(name)  # another has begun
    steps.end(name, run)
    changed = None if state.target == LIVE else set[str]()
    _, retry = _for_each([name], lambda name: publish(name, run, beat, changed=changed))
    if isinstance(retry, Unfinished):
        return {**event, "shards": []}
    if retry is not None:
        raise retry
    return Next(run).document(name)


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Publish what a batch of the table's stream asks for or, by the schedule, what was missed.

    Or take a step of a run of documents.

    What is unfinished for its size is no error: the stream is asked for the whole batch again, and
    the schedule comes again by itself.
    """
    metrics.add_metric("Batches", "Count", 1)
    beat = wiring.beat(context)
    if "run" in event:
        return take_step(event, beat)
    records = event.get("Records")
    if records is None:
        retry = sweep(beat, context.aws_request_id)
    else:
        holder = records[0].get("eventID") or context.aws_request_id  # the same when retried
        changed = changed_studies(records)
        _, retry = _for_each(
            changed, lambda name: publish(name, holder, beat, changed=changed[name])
        )
    if isinstance(retry, Unfinished):
        logger.info("Publication goes on in the next call", reason=str(retry))
        return _again(records) if records else None
    if retry is not None:
        raise retry
    return None


def _again(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the answer with which Lambda hands a stream's batch over again, from its first."""
    return {"batchItemFailures": [{"itemIdentifier": records[0]["dynamodb"]["SequenceNumber"]}]}
