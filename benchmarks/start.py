"""Start of the API handler, definition included / `import boto3; boto3.client('dynamodb')`.

Instructions by callgrind, modules compiled, on the built artefact with the boto3 of the Lambda
runtime beside it (boto3 and what it alone needs; no awscrt). The handler's start ends when its
store is ready, the client made, and TMB-301's definition, as it is stored, is read and compiled.
The first process of a release validates the definition; the others read it as that one kept it.
"""

import importlib.util
import tempfile
import zlib
from pathlib import Path

from benchmarks import ROOT, world
from benchmarks.instructions import instructions, packages, run
from benchmarks.rows import Measured
from local import stack
from trial.definition import study as studies

NEVER_LOADED = (
    "openpyxl",
    "numpy",
    "pandas",
    "lxml",
    "aws_xray_sdk",
    "boto3.resources",
    "trial.reporting.report",
    "trial.render",
    "trial.statistics.mmrm",
    "trial.statistics.cox",
    "trial.tables.rows.models",
)
_RUNTIME = ("boto3", "botocore", "s3transfer", "urllib3", "dateutil", "six", "jmespath")
BARE = "import boto3; boto3.client('dynamodb')"
START = "import {}; import wiring; wiring.store()"
_READ = (
    START
    + "; import sys, zlib; from trial.definition import study; from trial.tables import compiled"
    "; texts = [zlib.decompress(open(name, 'rb').read()).decode() for name in sys.argv[1:]]"
)
DEFINED = _READ + "; compiled.compiled(study.restored(texts[1], 'digest', texts[0]))"
"""With a definition in two files, as the table holds it and what a release validated of it."""
VALIDATED = _READ + "; compiled.compiled(study.load(texts[0]))"
"""With a definition that no process of the release has validated yet."""
_LOADED = "; import sys; print(*sorted(sys.modules))"


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
    artefact = stack.artefact(stack.build())
    texts = world.study().source, studies.validated_text(world.study())
    with packages(*_RUNTIME) as runtime, tempfile.TemporaryDirectory() as directory:
        files = [Path(directory) / name for name in ("body", "validated")]
        for file, text in zip(files, texts, strict=True):
            file.write_bytes(zlib.compress(text.encode(), 9))
        bare = instructions(BARE, [runtime], "-S")
        started, validated, defined = (
            instructions(
                program.format("api"), [artefact, runtime], "-S", arguments=[*map(str, files)]
            )
            / bare
            for program in (START, VALIDATED, DEFINED)
        )
    detail = (
        f"bare {bare / 1e6:,.0f} M instructions; without the definition {started:.2f}, "
        f"where it must be validated {validated:.2f}"
    )
    return [
        Measured("start of api with its definition / bare client", defined, 1.5, detail),
        Measured(
            "modules loaded that never should be", len(unwanted("api")), 0, ", ".join(NEVER_LOADED)
        ),
    ]
