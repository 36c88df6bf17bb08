"""Start of the API handler / `import boto3; boto3.client('dynamodb')`: 1.25 at most.

Instructions by callgrind, modules compiled, on the built artefact with the boto3 of the Lambda
runtime beside it (boto3 and what it alone needs; no awscrt). The handler's start ends when its
store is ready, the client made.
"""

import importlib.util
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import ROOT
from benchmarks.instructions import instructions, run
from benchmarks.rows import Measured
from local import stack

NEVER_LOADED = (
    "openpyxl",
    "numpy",
    "pandas",
    "lxml",
    "aws_xray_sdk",
    "boto3.resources",
    "trial.reporting.report",
    "trial.render",
)
_RUNTIME = ("boto3", "botocore", "s3transfer", "urllib3", "dateutil", "six", "jmespath")
BARE = "import boto3; boto3.client('dynamodb')"
START = "import {}; import wiring; wiring.store()"
_LOADED = "; import sys; print(*sorted(sys.modules))"


@contextmanager
def runtime() -> Iterator[Path]:
    """Make a directory that holds what the Lambda runtime brings, and nothing else."""
    with tempfile.TemporaryDirectory() as made:
        for name in _RUNTIME:
            spec = importlib.util.find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            found = Path(spec.origin)
            place = found.parent if found.name == "__init__.py" else found
            (Path(made) / place.name).symlink_to(place)
        yield Path(made)


def loaded(handler: str, functions: Path = ROOT / "functions") -> set[str]:
    """Say which modules a handler loads by the time it is ready, all packages at hand."""
    site = Path(str(importlib.util.find_spec("boto3").origin)).parents[1]  # type: ignore[union-attr]
    return set(run(START.format(handler) + _LOADED, [functions, site], "-S").split())


def unwanted(handler: str) -> list[str]:
    """Name what a handler loads and should not."""
    names = loaded(handler)
    return sorted(name for name in NEVER_LOADED if name in names)


def measure(*, large: bool = False) -> list[Measured]:  # noqa: ARG001 (the same for both)
    """Count the start of each handler against the bare client's."""
    artefact = stack.build().parent / "ApiFunction"
    with runtime() as packages:
        bare = instructions(BARE, [packages], "-S")
        made = {
            name: instructions(START.format(name), [artefact, packages], "-S") / bare
            for name in ("api", "ingest")
        }
    return [
        Measured("start of api / bare client", made["api"], 1.25, f"bare {bare / 1e6:,.0f} M"),
        Measured("start of ingest / bare client", made["ingest"]),
        Measured(
            "modules loaded that never should be", len(unwanted("api")), 0, ", ".join(NEVER_LOADED)
        ),
    ]
