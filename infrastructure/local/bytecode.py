"""Modules of a build, compiled beforehand: `python -m local.bytecode FOLDER`.

Lambda's folder of code cannot be written to. Where it holds sources alone, every start of a
function compiles all that it imports again, which takes longer than all else that it does.
"""

import sys
from compileall import compile_dir
from pathlib import Path
from py_compile import PycInvalidationMode

from local.emulator import LocalError

TASK = "/var/task"
"""Where Lambda has the code, as tracebacks name it."""


def compile_modules(folder: Path) -> None:
    """Compile every module below a folder, for the Python that this runs on.

    Nothing compares them with their sources when they are loaded: times of files do not outlast
    a deployment. Raises `LocalError` if a module cannot be compiled; which, and why, is printed.
    """
    is_whole = compile_dir(
        folder, quiet=1, maxlevels=None, force=True, stripdir=str(folder), prependdir=TASK,
        invalidation_mode=PycInvalidationMode.UNCHECKED_HASH, optimize=-1,
    )  # fmt: skip
    if not is_whole:
        raise LocalError(f"A module below {folder} cannot be compiled.")


if __name__ == "__main__":
    for name in sys.argv[1:]:
        compile_modules(Path(name))
