"""A sample of mutants: `make mutants` changes one line at a time and demands that a test notices.

Each of mutants.toml names a file, a text that occurs in it once, what to write instead, and the
tests that must fail then. They run in copies of the tree; first, all of these tests must pass.
"""

import argparse
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue

ROOT = Path(__file__).resolve().parents[1]
LISTED = Path(__file__).with_suffix(".toml")
SECONDS = 300
"""How long the tests of one mutant may take; one that hangs is noticed too."""
_FAILED = 1  # pytest's exit status where tests ran and some did not pass


@dataclass(frozen=True)
class Mutant:
    """One change of one file, and the tests that must fail for it."""

    file: str
    old: str
    new: str
    tests: str

    @property
    def name(self) -> str:
        """Say in a line what is changed."""
        return f"{self.file}: {self.old.strip()!r} to {self.new.strip()!r}"

    def applied(self, text: str) -> str:
        """Change the file's text; raises ValueError unless what is changed occurs there once."""
        if (times := text.count(self.old)) != 1:
            raise ValueError(f"{self.name}: the text occurs {times} times")
        return text.replace(self.old, self.new)


def listed() -> list[Mutant]:
    """Give the mutants of the list."""
    return [Mutant(**item) for item in tomllib.loads(LISTED.read_text("utf-8"))["mutant"]]


def main() -> int:
    """Try the mutants; 1 if one survived or could not be tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("only", nargs="*", help="parts of the names of files")
    parser.add_argument("--lanes", type=int, default=2, help="how many are tried side by side")
    args = parser.parse_args()
    parts = args.only
    mutants = [item for item in listed() if not parts or any(part in item.file for part in parts)]
    with tempfile.TemporaryDirectory() as folder:
        copies = [copied(Path(folder) / str(lane)) for lane in range(args.lanes)]
        for tests in dict.fromkeys(mutant.tests for mutant in mutants):
            if (status := tried(copies[0], tests)) != 0:
                say(f"these tests do not pass as they are ({status}): {tests}")
                return 1
        say(f"{len(mutants)} mutants")
        return 0 if all(verdicts(mutants, copies)) else 1


def copied(to: Path) -> Path:
    """Copy what git knows of the tree."""
    names = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    for name in filter(None, names):
        (to / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, to / name)
    return to


def verdicts(mutants: Sequence[Mutant], copies: Sequence[Path]) -> list[bool]:
    """Say of each mutant whether it was killed, and tell as they are tried."""
    free: SimpleQueue[Path] = SimpleQueue()
    for item in copies:
        free.put(item)

    def verdict(mutant: Mutant) -> bool:
        copy, began = free.get(), time.monotonic()
        try:
            killed, word = judged(mutant, copy)
        finally:
            free.put(copy)
        say(f"{word:9} {time.monotonic() - began:4.0f} s  {mutant.name}")
        return killed

    with ThreadPoolExecutor(len(copies)) as pool:
        return list(pool.map(verdict, mutants))


def judged(mutant: Mutant, copy: Path) -> tuple[bool, str]:
    """Try one mutant in a copy, which is then as it was."""
    path = copy / mutant.file
    text = path.read_text(encoding="utf-8")
    path.write_text(mutant.applied(text), encoding="utf-8")
    try:
        status = tried(copy, mutant.tests)
    except subprocess.TimeoutExpired:
        return True, "hung"
    finally:
        path.write_text(text, encoding="utf-8")
    if status not in {0, _FAILED}:
        return False, f"error {status}"
    return (True, "killed") if status else (False, "SURVIVED")


def tried(copy: Path, tests: str) -> int:
    """Run tests in a copy; give pytest's status."""
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider"]
    return subprocess.run(
        [*command, *shlex.split(tests)], cwd=copy, check=False, capture_output=True, timeout=SECONDS
    ).returncode


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
