"""Where a study's events, subjects and sums are kept, and how they are kept right."""

from trial.store.dynamodb import Store
from trial.store.generations import Current
from trial.store.rows import JournalRow, Receipt, RejectedBody, Result, StoredSubject, verify

__all__ = [
    "Current",
    "JournalRow",
    "Receipt",
    "RejectedBody",
    "Result",
    "Store",
    "StoredSubject",
    "verify",
]
