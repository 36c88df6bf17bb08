"""Check a definition as the service will, before a stack is built for it.

The service's code runs in a process of its own: no local command imports it.
"""

import json
import os
import subprocess
import sys
from typing import Any

from local.client import DefinitionRefusedError
from local.emulator import ROOT, LocalError

_CHECK = """
import json, sys
from trial import report, study
from trial.errors import Rejected
try:
    report.check(study.load(sys.stdin.read()))
except Rejected as refused:
    print(json.dumps(refused.problem(), indent=2, ensure_ascii=False))
"""


def check(definition: dict[str, Any]) -> None:
    """Raise DefinitionRefusedError with the problems that the service would answer."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", _CHECK],
        env=os.environ | {"PYTHONPATH": str(ROOT / "functions"), "PYTHONUTF8": "1"},
        input=json.dumps(definition, ensure_ascii=False),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode != 0:
        raise LocalError(f"the definition could not be checked:\n{done.stderr}")
    if done.stdout:
        raise DefinitionRefusedError(done.stdout.rstrip())
