"""Run the benchmarks: all that are cheap, those named, or with `--large` the long ones."""

import importlib
import sys
import time

CHEAP = (
    "requests",
    "study_size",
    "history",
    "client_cpu",
    "start",
    "conflicts",
    "recomputation",
    "publication",
    "listing_rows",
)
LARGE = ("study_size", "conflicts", "recomputation", "listing_rows")


def main(arguments: list[str]) -> int:
    """Run and print; the status says how many targets were missed."""
    large = "--large" in arguments
    named = [each for each in arguments if not each.startswith("--")]
    missed = 0
    for name in named or (LARGE if large else CHEAP):
        module = importlib.import_module(f"benchmarks.{name}")
        began = time.monotonic()
        rows = module.measure(large=large)
        print(f"{name}: {module.__doc__.splitlines()[0]}  [{time.monotonic() - began:.0f} s]")
        for row in rows:
            print(row)
        missed += sum(not row.met for row in rows)
    print(f"{missed} target{'s' * (missed != 1)} missed")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
