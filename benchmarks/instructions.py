"""Instructions of a Python program, by callgrind: the same on a busy machine and on a quiet one."""

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

_COLLECTED = re.compile(r"Collected : (\d+)")


def environment(paths: Sequence[Path]) -> dict[str, str]:
    """Give the settings of a measured program: these paths, no AWS account, no chance."""
    return {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONHASHSEED": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TABLE_NAME": "table",
        "BUCKET_NAME": "bucket",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
    }


def run(program: str, paths: Sequence[Path], *flags: str, arguments: Sequence[str] = ()) -> str:
    """Run a program plainly and give what it prints; modules are compiled by then."""
    command = [sys.executable, *flags, "-c", program, *arguments]
    return subprocess.run(  # noqa: S603
        command, env=environment(paths), check=True, text=True, stdout=subprocess.PIPE
    ).stdout


def instructions(
    program: str, paths: Sequence[Path], *flags: str, arguments: Sequence[str] = ()
) -> int:
    """Count a program's instructions, its modules compiled before."""
    run(program, paths, *flags, arguments=arguments)
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}"]
    process = subprocess.run(  # noqa: S603
        [*command, os.path.realpath(sys.executable), *flags, "-c", program, *arguments],
        env=environment(paths), check=True, text=True, stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    match = _COLLECTED.search(process.stderr)
    assert match is not None, process.stderr
    return int(match[1])
