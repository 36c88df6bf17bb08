"""Delete what there is of a removed study, but for its documents, which the bucket's rules decide.

What documents were made from goes first: the list of studies names the study until the last of its
items goes, so that whoever is interrupted is called again.
"""

from trial.errors import Beat
from trial.store.bucket.documents import Documents
from trial.store.document_runs import DocumentRuns
from trial.store.dynamodb import Store
from trial.store.leases import Leases


def remove(
    store: Store,
    documents: Documents,
    leases: Leases,
    runs: DocumentRuns,
    study_id: str,
    beat: Beat = lambda: None,
) -> bool:
    """Delete a removed study; say whether it is gone. Safe to interrupt, and to be begun again.

    While its documents, or parts of them, are being made it is not: their maker would write pieces,
    and rows, anew. Nobody begins to make any of a removed study.
    """
    if leases.is_held(study_id) or runs.is_under_way(study_id):
        return False
    beat()
    documents.clear_pieces(study_id)
    store.clear(study_id, beat)
    return True
