"""The long runs, unattended: `make soak`, in rounds of a process each, so that memory stays flat.

Every round has a seed of its own, the run's plus the cases before it, so that a test which numbers
its cases from the seed tries none twice, and says when it is over how far the run is. A run that
was broken off goes on with `--seed S --from N`; a round that fails ends its lane, shows what pytest
said, and is repeated by the command printed.
"""

import argparse
import os
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Run:
    """What is tried, how much of it in all and in a round."""

    tests: tuple[str, ...]
    total: int
    a_round: int

    @property
    def rounds(self) -> int:
        """How many rounds make the total."""
        return -(-self.total // self.a_round)


RUNS = {
    "histories": Run(("tests/properties/test_incremental.py",), 20_000, 500),
    "trial": Run(("tests/properties/test_clinical.py",), 400, 20),
    "printed": Run(("tests/properties/test_printed.py",), 5_000, 250),
    "generations": Run(
        ("tests/store/test_generations.py", "-k", "whatever_happens or mixture"), 20_000, 1_000
    ),
    "parts": Run(("tests/store/test_moving.py", "-k", "whatever_comes"), 20_000, 500),
    "documents": Run(
        ("tests/properties/test_documents_by_change.py", "-k", "from_nothing"), 1_000, 40
    ),
    "reports": Run(
        ("tests/properties/test_reports_that_go_on.py", "-k", "ended_at_random"), 400, 40
    ),
    "bodies": Run(("tests/functions/test_fuzzed_bodies.py",), 200_000, 20_000),
    "events": Run(("tests/faults/test_chaos.py",), 100_000, 3_000),
}
LANES = (
    ("histories", "trial", "printed", "generations", "parts"),
    ("documents", "reports", "bodies", "events"),
)
"""What runs one after the other; the lanes run beside each other, about a core each."""


def main() -> int:
    """Run what is asked for; 1 if a round failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*", metavar="run", help=", ".join(RUNS))
    parser.add_argument("--seed", type=int, help="of an earlier run")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the round to begin with")
    parser.add_argument("--total", type=int, help="in place of the whole")
    args = parser.parse_args()
    if unknown := set(args.runs) - RUNS.keys():
        parser.error(f"no such run: {', '.join(sorted(unknown))}")
    seed = random.SystemRandom().randrange(2**31) if args.seed is None else args.seed
    result = args.runs or list(RUNS)
    lanes = [[name for name in lane if name in result] for lane in LANES]
    with ThreadPoolExecutor(len(lanes)) as pool:
        outcome = list(pool.map(lambda lane: follow(lane, seed, args.first, args.total), lanes))
    return 0 if all(outcome) else 1


def follow(lane: Sequence[str], seed: int, first: int, total: int | None) -> bool:
    """Run a lane to its end; say whether no round failed."""
    for name in lane:
        run = RUNS[name]
        run = Run(run.tests, total or run.total, run.a_round)
        say(f"{name}: {run.total:,} in {run.rounds} rounds, --seed {seed}")
        began = time.monotonic()
        for number in range(first, run.rounds):
            if not one_round(name, run, seed + number * run.a_round):
                return False
            seconds = time.monotonic() - began
            cases_tried = (number + 1 - first) * run.a_round
            say(
                f"{name}: round {number + 1} of {run.rounds}, {cases_tried:,} in {seconds:.0f} s, "
                f"{cases_tried / seconds:.1f}/s; go on with --seed {seed} --from {number + 1}"
            )
    return True


def one_round(name: str, run: Run, seed: int) -> bool:
    """Try one round's seed; show what went wrong."""
    sizes = {"LIVETLF_SOAK": "1", "LIVETLF_SIZE": str(run.a_round), "LIVETLF_SEED": str(seed)}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *run.tests]
    ended = subprocess.run(
        command, cwd=ROOT, env={**os.environ, **sizes}, capture_output=True, text=True, check=False
    )
    if ended.returncode == 0:
        return True
    repeat = " ".join(f"{key}={value}" for key, value in sizes.items())
    say(f"{ended.stdout}\n{name} failed; repeat with\n{repeat} pytest {' '.join(run.tests)}")
    return False


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
