"""Open a blinded study: an amendment of its own, by a right of its own, with a reason."""

from trial.commands import admission
from trial.definition.study import Study
from trial.errors import Rejected
from trial.events import json_body
from trial.store.definitions import PutStatus
from trial.store.dynamodb import Store


def unblind(store: Store, study_id: str, principal: str, reason: str) -> tuple[Study, PutStatus]:
    """Amend the definition in force so that it is not blinded; return it and its status.

    Refused (409) where it is not blinded, or while another amendment of it is being filled.
    """
    store.invalidate(study_id)
    study, current = store.study(study_id), store.current(study_id)
    if not study.definition.blinded:
        raise Rejected(409, "Study not unblinded", "the study is not blinded")
    definition = json_body.read_json(study.source)
    del definition["blinded"]
    source = json_body.canonical(definition).encode()
    opened = admission.admit(source)
    if current is not None and current.backfilling not in ("", opened.digest):
        detail = (
            "an amendment is being prepared: wait for it, or cancel it by a PUT of the one in force"
        )
        raise Rejected(409, "Study not unblinded", detail)
    return opened, store.put_definition(opened, source, principal, reason, unblinds=True)
