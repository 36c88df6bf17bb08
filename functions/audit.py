"""The Audit function: fill sums, compare them with the recorded events, repair differences.

A large study's work is spread by a state machine, which calls this function for its steps.
"""

from contextlib import suppress
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.utilities.typing import LambdaContext

import wiring
from trial.commands import auditing, removal, runs
from trial.commands.auditing import Audit
from trial.commands.engine import GIVE_UP
from trial.commands.runs import RunFailed, Runs
from trial.errors import Beat, OutOfTime, Unavailable, error_location
from trial.store import keys
from trial.store.audits import LOST_AFTER
from trial.store.rows import second_text

logger, metrics = Logger(), Metrics()

OVERDUE_PERIODS = 3
"""After how many periods without an audit a study counts as overdue."""


def studies_to_audit(event: dict[str, Any]) -> list[str]:
    """Return the studies that stream records name or, by the schedule, those that are due."""
    if "Records" not in event:
        return due_studies()
    return sorted({keys.study_of_record(record) for record in event["Records"]})


def due_studies() -> list[str]:
    """Return the studies that are due for an audit: the one begun longest ago comes first.

    So one that takes all the time there is comes after all others the next time.
    """
    audits, now, hours = wiring.audits(), wiring.now(), wiring.settings().AUDIT_HOURS
    due_before, overdue_before = (
        second_text(now - timedelta(hours=periods * hours)) for periods in (1, OVERDUE_PERIODS)
    )
    states = {name: audits.get(name) for name in wiring.store().studies()}
    overdue = [
        name for name, state in states.items() if hours and state.is_overdue_since(overdue_before)
    ]
    metrics.add_metric("AuditsOverdue", "Count", len(overdue))
    due = [
        name
        for name, state in states.items()
        if (state.is_interrupted or state.last_ended <= due_before)
        and not state.is_spread_since(second_text(now - LOST_AFTER))
    ]
    return sorted(due, key=lambda name: (states[name].last_begun, name))


def audit(name: str, beat: Beat) -> None:
    """Audit one study, from where an interrupted run ended, and publish the report.

    A large one's work is begun to be spread, or asked for again where it is.
    """
    store, audits = wiring.store(), wiring.audits()
    known = wiring.settings()
    if known.RUNS and (audits.get(name).run or runs.is_large(store, name, known.SPREAD_FROM)):
        run = runs.begin(audits, name, wiring.now(), lambda run: wiring.engine().start(name, run))
        logger.info("Audit spread", study=name, begun=run is not None)
        return
    current = store.current(name)
    if current is not None and current.removed:
        if removal.remove(
            store, wiring.documents(), wiring.leases(), wiring.document_runs(), name, beat
        ):
            logger.info("Study removed", study=name)
        else:
            interrupt(name)
        return
    audits.begin(name, second_text(wiring.now()))
    state = audits.get(name)
    audited = auditing.audit(
        store,
        name,
        beat,
        state.progress,
        lambda progress: audits.save_progress(name, progress),
    )
    store.drop_generations(name, wiring.now() - runs.DORMANT_FOR, beat)
    store.clear_sums(audited.study)
    auditing.publish(wiring.documents(), audited, second_text(wiring.now()))
    audits.end(name, second_text(wiring.now()))
    report(audited)


def report(audited: Audit) -> None:
    """Log and count what an audit found."""
    name = audited.study.id
    metrics.add_metric("AuditDifferences", "Count", len(audited.differences))
    for difference in audited.differences:
        logger.error(
            "Audit found a difference", study=name, what=difference.what, shard=difference.shard
        )
    logger.info("Study audited", study=name, complete=audited.complete, subjects=audited.subjects)


def report_failure(name: str, error: Exception) -> None:
    """Log and count a study that cannot be audited; the error's text may quote a patient's data."""
    place = error_location(error)
    logger.error("Study not audited", study=name, error=type(error).__name__, place=place)
    metrics.add_metric("AuditDifferences", "Count", 1)


def interrupt(name: str) -> None:
    """Leave the rest of an audit to a scheduled run, after the other studies that are due."""
    logger.info("Audit interrupted; the next run resumes it", study=name)
    wiring.audits().interrupt(name)


def take_step(event: dict[str, Any], beat: Beat) -> dict[str, Any]:
    """Take one step of a run, as the state machine asks; answer what it hands on.

    What is raised but for an outage names no patient: the machine keeps it.
    """
    name, run, task = event["study"], event["run"], event["task"]
    steps = Runs(
        wiring.store(),
        wiring.audits(),
        wiring.documents(),
        wiring.leases(),
        wiring.document_runs(),
        wiring.now,
        beat,
    )
    shard = event.get("shard")
    if task == GIVE_UP:
        steps.give_up(name, run, "each try of a step failed: for want of time, memory or a service")
        return {}
    try:
        if shard is not None:
            return {"ended": steps.step(name, run, task, shard)}
        following = steps.next(name, run, task, event.get("fills", 0))
        if following.audited is not None:
            report(following.audited)
        return following.document(name)
    except Unavailable:
        raise
    except OutOfTime:
        return {**event, "shards": []}  # without a shard to go over, this step comes again
    except Exception as error:  # noqa: BLE001 (whatever is damaged; its text must not be kept)
        report_failure(name, error)
        place = str(error) if isinstance(error, RunFailed) else error_location(error)
        if shard is not None:
            steps.fail(name, run, task, shard, place)
            return {"ended": True}
        steps.give_up(name, run, place)
        raise RunFailed(place) from None


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Audit the studies that an event asks for, or take a step of a run."""
    metrics.add_metric("Batches", "Count", 1)
    beat = wiring.beat(context)
    if "run" in event:
        return take_step(event, beat)
    audit_each(studies_to_audit(event), beat)
    return None


def audit_each(names: list[str], beat: Beat) -> None:
    """Audit studies; one never fails another."""
    busy = None
    for name in names:
        try:
            beat()  # without time left nothing is begun, so that it stays first in turn
            audit(name, beat)
        except Unavailable as error:
            busy = error  # the batch is retried, and resumes from where it was
        except OutOfTime:
            interrupt(name)
        except Exception as error:  # noqa: BLE001
            # Whatever is damaged in one study must not keep the others from being audited.
            report_failure(name, error)
            with suppress(Unavailable):  # the next run fails as this one did
                wiring.audits().fail(name, error_location(error))
    if busy is not None:
        raise busy
