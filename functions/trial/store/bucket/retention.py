"""How long nobody can delete a cut's files: S3 Object Lock, version by version."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from trial.deferred import dataclass
from trial.store.bucket.object_keys import is_retained


@dataclass(frozen=True)
class Retention:
    """For how many days nobody can delete a version of a cut's file; 0 days lock nothing.

    In mode GOVERNANCE those with a special permission still can, in COMPLIANCE nobody. What is
    written anew is a version beside, with a lock of its own: no lock is ever shortened.
    """

    mode: str
    days: int
    now: Callable[[], datetime]

    def lock_arguments(self, prefix: str) -> dict[str, Any]:
        """Return the arguments of `put_object` that lock a file of a prefix."""
        if not self.days or not is_retained(prefix):
            return {}
        until = self.now() + timedelta(days=self.days)
        return {"ObjectLockMode": self.mode, "ObjectLockRetainUntilDate": until}
