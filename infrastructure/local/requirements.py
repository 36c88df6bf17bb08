"""Lock what the project and its functions need, and tell whether the locks are current.

Each lock carries the digest of the dependency lists it was made from, so that the check needs no
registry: `make check` compares digests, `make requirements` resolves again.
"""

import hashlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
_PROJECT = _ROOT / "pyproject.toml"
_DEVELOPMENT = _ROOT / "requirements-dev.txt"
_FUNCTIONS = _ROOT / "functions" / "requirements.txt"
# What agrees with nobody else's dependencies, or few people need, is installed apart.
_APART = {name: _ROOT / "infrastructure" / f"{name}.txt" for name in ("checkov", "readers")}
_LOCKS = _DEVELOPMENT, _FUNCTIONS, *_APART.values()
# The Lambda runtime brings boto3 and what boto3 alone needs. Powertools needs jmespath: that stays.
_IN_RUNTIME = ("boto3", "botocore", "s3transfer", "urllib3", "python-dateutil", "six")
_MARK = "# made from dependencies "


def dependencies_digest() -> str:
    """Return the digest of every dependency list in pyproject.toml."""
    with _PROJECT.open("rb") as file:
        project = tomllib.load(file)
    lists = [
        project["project"]["requires-python"],
        project["project"]["dependencies"],
        project["dependency-groups"],
    ]
    return hashlib.sha256(json.dumps(lists, sort_keys=True).encode()).hexdigest()


def stale_locks() -> list[Path]:
    """Return the locks that were made from other dependency lists than today's."""
    mark = _MARK + dependencies_digest()
    return [lock for lock in _LOCKS if mark not in lock.read_text()]


def _lock(uv: str, lock: Path, *options: str, source: Path | None = _PROJECT) -> None:
    """Resolve into a lock; the versions that it holds stay, unless an option is `--upgrade`."""
    command = [uv, "pip", "compile", "--quiet", "--universal", "--generate-hashes", "--no-header"]
    command += ["--no-annotate", "--no-emit-index-url", "--python-version=3.13"]
    command += [f"--output-file={lock}", *options, *([str(source)] if source else [])]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
    title = "# Locked with hashes: do not edit, run `make requirements`.\n"
    lock.write_text(f"{title}{_MARK}{dependencies_digest()}\n{lock.read_text()}")


def main(arguments: list[str]) -> int:
    """Check the locks (`--check`), or renew them with the uv named first; `--upgrade`: all."""
    if arguments == ["--check"]:
        stale = stale_locks()
        for lock in stale:
            sys.stderr.write(f"{lock.relative_to(_ROOT)} is stale: run `make requirements`\n")
        return 1 if stale else 0
    uv, *upgrade = arguments
    _lock(uv, _DEVELOPMENT, "--group=dev", *upgrade)
    left_out = [f"--no-emit-package={name}" for name in _IN_RUNTIME]
    # The functions get the very versions that the tests ran with.
    _lock(uv, _FUNCTIONS, f"--constraints={_DEVELOPMENT}", *left_out)
    for group, lock in _APART.items():
        _lock(uv, lock, f"--group={_PROJECT}:{group}", *upgrade, source=None)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
