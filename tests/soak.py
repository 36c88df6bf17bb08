"""How large a run is: small for CI, as large as `make soak` asks for; seeds and results are shown.

`LIVETLF_SOAK` set: the long runs. `LIVETLF_SEED`: repeat the run that named this seed.
"""

import os
import random
import sys

LONG = bool(os.environ.get("LIVETLF_SOAK"))
NOTES: list[str] = []
"""What the run has to say when it is over: sizes, seeds, counts."""


def size(small: int, large: int) -> int:
    """Choose by the switch; `LIVETLF_SIZE` overrides both, to fit the time there is."""
    if value := os.environ.get("LIVETLF_SIZE"):
        return int(value)
    return large if LONG else small


def seed(label: str) -> int:
    """Choose a seed, or take the one given, and have it printed at the end, passed or failed."""
    value = os.environ.get("LIVETLF_SEED")
    seed_value = int(value) if value else random.SystemRandom().randrange(2**32)
    note(f"{label}: repeat with LIVETLF_SEED={seed_value}")
    progress(NOTES[-1])  # a long run that is broken off has said it
    return seed_value


def note(text: str) -> None:
    """Say something at the end of the run."""
    NOTES.append(text)


def progress(text: str) -> None:
    """Tell whoever waits for a long run how far it is."""
    if LONG:
        sys.__stderr__.write(f"{text}\n")  # type: ignore[union-attr] # past pytest's capture
        sys.__stderr__.flush()  # type: ignore[union-attr]
