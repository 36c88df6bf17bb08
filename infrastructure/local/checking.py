"""Check a definition as the service will, before a stack is built for it.

The service's code runs in a process of its own: no local command imports it. `make
check-definition` runs this module by itself, without what speaks to AWS, which takes as long to
import as the check.
"""

# ruff: noqa: T201 - what a command prints is its answer

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.emulator import ROOT, LocalError
from local.feed import BadFileError, DefinitionRefusedError, Source, read_source

_FAILED, _BAD_ARGUMENT = 1, 2
_USAGE = "usage: make check-definition DEFINITION=definition.yaml"


@dataclass(frozen=True)
class Checked:
    """What is said of a definition that is accepted: oddities, and its outputs' empty shells."""

    warnings: list[str]
    shells: str


def check(source: Source) -> Checked:
    """Raise DefinitionRefusedError with all that is wrong, each fault with its line."""
    answer = _asked(source.definition)
    if "problem" in answer:
        problem = answer["problem"]
        problems = written(problem.get("errors", []), source)
        raise DefinitionRefusedError("\n".join(problems) or problem.get("detail", problem["title"]))
    return Checked(written(answer["warnings"], source), answer["shells"])


def written(faults: Iterable[Mapping[str, str]], source: Source) -> list[str]:
    """Write faults a line each: file and line, pointer, the place by its ids, what is wrong."""
    return [
        f"{source.path}:{source.line(fault['pointer'])}: {fault['pointer'] or '/'}"
        f" ({fault.get('at') or 'the definition'}): {fault['detail']}"
        for fault in faults
    ]


def _asked(definition: dict[str, Any]) -> dict[str, Any]:
    path = os.pathsep.join(str(ROOT / name) for name in ("functions", "infrastructure"))
    process = subprocess.run(
        [sys.executable, "-m", "local.shells"],
        env=os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1"},
        input=json.dumps(definition, ensure_ascii=False),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if process.returncode != 0:
        raise LocalError(f"the definition could not be checked:\n{process.stderr}")
    answer: dict[str, Any] = json.loads(process.stdout)
    return answer


def _source(path: str) -> Source:
    if not path:
        raise BadFileError(f"DEFINITION must be given\n{_USAGE}")
    return read_source(Path(path))


def main(arguments: list[str]) -> int:
    """Print the empty shells of a definition's outputs and what is odd about it.

    Gives 0 where it is accepted, 2 where it is not or cannot be read, 1 where the check failed.
    """
    path = next(iter(arguments), "")
    try:
        checked = check(_source(path))
    except (BadFileError, DefinitionRefusedError, LocalError) as error:
        print(f"\n{error}", file=sys.stderr)
        return _FAILED if isinstance(error, LocalError) else _BAD_ARGUMENT
    print(checked.shells)
    for warning in checked.warnings:
        print(f"warning: {warning}")
    print(f"{path} is accepted, with {len(checked.warnings)} warnings")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
