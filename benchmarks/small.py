"""Run each benchmark in a small world: not to measure anything, but to see that it runs.

What needs a deployment, an emulator or valgrind, or has a test of its own, is in `NOT_SMALL`.
"""

import importlib
import sys
from typing import Any

from benchmarks import world
from benchmarks.__main__ import COUNTED, LARGE, TIMED, told

EVENTS = 120
NOT_SMALL = {
    "live_documents": "no more than its test does",
    "recomputation": "no more than its test does",
    "requests": "ministack",
    "publication": "a deployment",
    "start": "a build and valgrind",
    "listing_rows": "valgrind",
    "client_instructions": "valgrind",
    "wide": "twenty seconds, for its definition is what is wide",
}
"""What these benchmarks need, or what runs them otherwise."""
_SIZES: dict[str, dict[str, Any]] = {
    "audits": {"SIZES": (2, 3)},
    "batch_script": {"SIZES": (36,), "_REPEATS": 1, "_EVENTS": 2},
    "conflicts": {"LOAD": 1e6},
    "first_publication": {"SIZES": (2, 3)},
    "long_work": {"SIZES": (2, 3), "ERASURE_SIZES": (2, 3)},
    "history": {"RECORDS": (10, 11, 12)},
    "inference": {"SUBJECTS": 2},
    "queries": {"SIZES": (2, 3, 0)},
    "room_listing": {"SUBJECTS": 16},
    "side_by_side": {"SIZE": 3},
    "study_size": {"EVENTS": 50, "SIZES": (2, 3, 0)},
}
"""What takes the place of a module's own sizes."""


def main() -> int:
    """Run all of them on the first events of the feed."""
    world.entries()  # all of them, which are kept
    bodies = world.bodies()[:EVENTS]
    vars(world).update(bodies=lambda: bodies)
    for name in sorted({*COUNTED, *TIMED, *LARGE} - NOT_SMALL.keys()):
        module = importlib.import_module(f"benchmarks.{name}")
        unknown = _SIZES.get(name, {}).keys() - vars(module).keys()
        assert not unknown, f"{name} has no {unknown}"
        vars(module).update(_SIZES.get(name, {}))
        told([(name, module.measure())])
    return 0


if __name__ == "__main__":
    sys.exit(main())
