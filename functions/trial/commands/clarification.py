"""Say of a discrepancy that it is answered or accepted, or open again, with the reason."""

from trial.definition.study import Study
from trial.reporting import discrepancies
from trial.store.discrepancy_states import DiscrepancyState, DiscrepancyStates, StateChange
from trial.store.dynamodb import Store


def change_state(
    store: Store,
    states: DiscrepancyStates,
    study: Study,
    discrepancy: tuple[str, str],
    decision: tuple[DiscrepancyState, str, str],
) -> StateChange:
    """Change the state of a discrepancy that there is, given by its subject and id.

    The decision is a state, who decided, and why. While a study is blinded, only what the open
    audience sees can be decided on. Raises `Rejected`: 404 where there is no such discrepancy now,
    409 where the study is retired.
    """
    store.check_open(study.id)
    rule = discrepancies.find_one(store, states, study.open, *discrepancy).discrepancy.rule
    return states.change(study.id, (*discrepancy, rule), *decision)
