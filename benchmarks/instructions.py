"""Instructions of a Python program, by callgrind: the same on a busy machine and on a quiet one."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

_COLLECTED = re.compile(r"Collected : (\d+)")


def environment(paths: Sequence[Path]) -> dict[str, str]:
    """Give the settings of a measured program: these paths, no AWS account, no chance."""
    return {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "PYTHONHASHSEED": "0",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "BOTO_DISABLE_CRT": "true",  # Lambda's runtime has no awscrt
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "TABLE_NAME": "table",
        "BUCKET_NAME": "bucket",
        "POWERTOOLS_SERVICE_NAME": "bench",
        "POWERTOOLS_METRICS_NAMESPACE": "bench",
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
    }


@contextmanager
def packages(*names: str) -> Iterator[Path]:
    """Make a directory that holds these packages, and nothing else that is installed."""
    with TemporaryDirectory() as directory:
        for name in names:
            spec = find_spec(name)
            assert spec is not None
            assert spec.origin is not None
            origin = Path(spec.origin)
            place = origin.parent if origin.name == "__init__.py" else origin
            (Path(directory) / place.name).symlink_to(place)
        yield Path(directory)


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
    return _collected(process.stderr)


READY = "print('ready', flush=True); input()"
"""What a program does where counting is to begin."""


def instructions_once_ready(program: str, paths: Sequence[Path], *arguments: str) -> int:
    """Count the instructions of a program from where it is `READY`; it is run once."""
    command = ["valgrind", "--tool=callgrind", "--instr-atstart=no"]
    command += [f"--callgrind-out-file={os.devnull}", os.path.realpath(sys.executable), "-S"]
    with subprocess.Popen(  # noqa: S603
        [*command, "-c", program, *arguments], env=environment(paths), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        counting = ["vgdb", f"--pid={process.pid}", "-c", "instrumentation", "on"]
        subprocess.run(counting, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        _, errors = process.communicate("\n")
    return _collected(errors)


def _collected(output: str) -> int:
    match = _COLLECTED.search(output)
    assert match is not None, output
    return int(match[1])
