"""Work whose pieces are made side by side first, where there is much to do.

Whoever makes documents asks before it begins with something from nothing. Where a run makes the
pieces (`commands/document_runs`), or is to end first, nothing is to be done now: the run calls when
it has ended, and whoever goes on then finds the pieces, and makes what is lacking.
"""

from collections.abc import Callable

from trial.errors import TrialError


class SideBySide(TrialError):
    """The pieces are being made side by side; the run that does so goes on with them."""


type Spread = Callable[[str, str, Callable[[], bool]], bool]
"""Asks whether something is made side by side now, or waits until something else is.

It is told of live documents or of a report, by its id; of the digest of what decides its pieces;
and of what says whether one process after the other keeps anything of it already.
"""


def alone(_target: str, _inputs: str, _is_begun: Callable[[], bool]) -> bool:
    """Make all in one process after the other."""
    return False
