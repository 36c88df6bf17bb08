"""How long to wait before a transaction is tried again."""

import random

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


def jittered_pause(failures: int) -> float:
    """Return a pause in seconds: random, with a bound that doubles with every failure."""
    longest = min(_LONGEST_PAUSE, _FIRST_PAUSE * 2 ** (failures - 1))
    return random.uniform(0, longest)  # noqa: S311 (jitter)
