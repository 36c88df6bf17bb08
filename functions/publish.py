"""Make the documents of the studies that changed, and the reports that were asked for."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.definition.study import Study
from trial.errors import Beat, OutOfTime, Unavailable, error_location
from trial.reporting import currency, publishing
from trial.reporting.document_writer import DocumentWriter
from trial.store import keys
from trial.store.failures import told
from trial.store.reports import FAILED, PUBLISHED, ReportRequest

logger, metrics = Logger(), Metrics()

GRACE = timedelta(minutes=10)
"""How long a change or a report waits for the stream before the sweep looks after it."""
AGAIN = timedelta(hours=1)
"""How long the sweep leaves a study alone that could not be rendered."""
GIVEN_UP = "it could not be made within a day; ask for it again once its cause is mended"


def wanted(records: list[dict[str, Any]]) -> list[str]:
    """Find which studies changed, or have a report asked for."""
    return sorted({keys.study_of_record(record) for record in records})


def publish(name: str, holder: str, beat: Beat, *, live: bool = True) -> None:
    """Bring a study's documents up to date, unless another does so, who then goes again."""
    current = wiring.store().current(name)
    if current is None or current.removed:
        return
    leases = wiring.leases()
    lease = leases.acquire(name, holder)
    if lease is None:
        metrics.add_metric("PublicationsSkipped", "Count", 1)
        return
    try:
        render(name, beat, live=live)
        while lease := leases.release(lease):
            _once_more(name, beat)
    except BaseException:
        with suppress(Unavailable):
            leases.abandon(name, holder)
        raise


def _once_more(name: str, beat: Beat) -> None:
    try:
        render(name, beat)
    except OutOfTime as error:  # not its size, but its changes: they come again
        raise Unavailable("the study changed all the while") from error


def render(name: str, beat: Beat, *, live: bool = True) -> None:
    """Make a study's live documents, and the reports that wait; one fails no other."""
    store = wiring.store()
    store.invalidate(name)  # another definition may just have come into force
    study = store.study(name)
    writing = DocumentWriter(
        store, wiring.documents(), wiring.signer(), wiring.code_version(), beat
    )
    if live:
        _attempt(lambda: publish_live(writing, study), lambda error: give_up(name, error))
    for asked in wiring.reports().waiting(name):
        publish_report(writing, study, asked)


def _attempt(work: Callable[[], None], failed: Callable[[Exception], None]) -> None:
    """Do something; whatever no repetition helps is told, and stops nothing else."""
    try:
        work()
    except (Unavailable, OutOfTime):
        raise
    except Exception as error:  # noqa: BLE001
        failed(error)


def publish_live(writing: DocumentWriter, study: Study) -> None:
    """Bring a study's live documents up to date."""
    cut = publishing.publish_live(writing, study)
    if not publishing.sums_agree(writing.store, study):
        metrics.add_metric("SumMismatches", "Count", 1)
        logger.error("The sums differ from the subjects' shares", study=study.id)
    wiring.reports().mark_rendering(study.id, PUBLISHED, _at(wiring.now()))
    if cut is not None:
        metrics.add_metric("StudiesPublished", "Count", 1)
        logger.info("Documents published", study=study.id, cut=cut.id, accepted=cut.accepted)


def publish_report(writing: DocumentWriter, study: Study, asked: ReportRequest) -> None:
    """Make one report if its time has come; one that cannot be made is marked."""
    reports, now = wiring.reports(), wiring.now()
    if asked.has_expired(now):
        give_up_report(study.id, asked.id, GIVEN_UP)
    elif asked.is_due(now):
        _attempt(
            lambda: publishing.publish_report(reports, writing, study, asked.id),
            lambda error: give_up_report(study.id, asked.id, told(error)),
        )


def give_up_report(name: str, request: str, reason: str) -> None:
    """Mark and alarm a report that cannot be made."""
    logger.error("Report not made", study=name, report=request, reason=reason)
    metrics.add_metric("ReportsFailed", "Count", 1)
    wiring.reports().mark_failed(name, request, reason)


def give_up(name: str, error: Exception) -> None:
    """Mark and alarm a study that fails to render; its error's text may quote a patient's data."""
    place = error_location(error)
    logger.error("Study not published", study=name, error=type(error).__name__, place=place)
    metrics.add_metric("PublicationsFailed", "Count", 1)
    wiring.reports().mark_rendering(name, FAILED, _at(wiring.now()), told(error))


def sweep(beat: Beat, holder: str) -> Unavailable | None:
    """Publish what is behind or waits although nothing calls for it any more, the oldest first."""
    found, unseen = _each(wiring.store().studies(), _looked_at)
    now = wiring.now()
    ages = [(now - datetime.fromisoformat(since)).total_seconds() for since, *_ in found if since]
    metrics.add_metric("DocumentLag", "Seconds", max(ages, default=0))
    due = {name: live for _, name, live, is_due in sorted(found) if is_due}
    _, again = _each(due, lambda name: publish(name, holder, beat, live=due[name]))
    return again or unseen


def _looked_at(name: str) -> tuple[str, str, bool, bool]:
    """Look a study over: since when it is behind, its name, whether that, or anything, is due."""
    store, reports, now = wiring.store(), wiring.reports(), wiring.now()
    current = store.current(name)
    if current is None or current.removed:
        return "", name, False, False
    marked = reports.last_rendering(name) or dict.fromkeys(("status", "at", "behind_since"), "")
    since, behind = (
        marked["behind_since"],
        currency.is_behind(store, wiring.documents(), store.study(name)),
    )
    if behind != bool(since):
        since = _at(now) if behind else ""
        reports.set_behind_since(name, since)
    left_alone = marked["status"] == FAILED and not _older(marked["at"], AGAIN, now)
    live = behind and _older(since, GRACE, now) and not left_alone
    late = [each for each in reports.waiting(name) if _older(each.requested_at, GRACE, now)]
    waits = any(each.is_due(now) or each.has_expired(now) for each in late)
    return since, name, live, live or waits


def _older(at: str, age: timedelta, now: datetime) -> bool:
    return now - datetime.fromisoformat(at) >= age


def _at(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


def _each[T](names: Iterable[str], work: Callable[[str], T]) -> tuple[list[T], Unavailable | None]:
    """Do something for each study, one never failing another; say whether any must come again."""
    done, again = [], None
    for number, name in enumerate(names):
        try:
            done.append(work(name))
        except Unavailable as error:
            again = error  # what is published by then is left alone
        except OutOfTime as error:
            again = _out_of_time(name, error, alone=number == 0) or again
        except Exception as error:  # noqa: BLE001
            # Whatever a study's data or definition does to rendering must not stop the others,
            # and repeating it would not help: mark it, alarm, go on.
            again = _given_up(name, error) or again
    return done, again


def _given_up(name: str, error: Exception) -> Unavailable | None:
    """Give a study up; where not even that can be noted, it comes again."""
    try:
        give_up(name, error)
    except Unavailable as busy:
        return busy
    return None


def _out_of_time(name: str, error: OutOfTime, *, alone: bool) -> Unavailable | None:
    """Give a study up that had all the time there is; another comes again."""
    if alone:
        return _given_up(name, error)
    return Unavailable("there was no time left for the study")


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> None:
    """Publish what a batch of the table's stream calls for or, by the schedule, what was missed."""
    metrics.add_metric("Batches", "Count", 1)
    beat = wiring.beat(context)
    records = event.get("Records")
    if records is None:
        again = sweep(beat, context.aws_request_id)
    else:
        holder = records[0].get("eventID") or context.aws_request_id  # the same if it comes again
        _, again = _each(wanted(records), lambda name: publish(name, holder, beat))
    if again is not None:
        raise again
