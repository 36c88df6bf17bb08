"""The sample of mutants can be tried: what each changes is there, and what must notice it too."""

import shlex
import subprocess
import sys
from pathlib import Path

import mutants
import pytest

MUTANTS = mutants.listed()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda item: item.name)
def test_what_a_mutant_changes_occurs_once_and_its_tests_exist(mutant: mutants.Mutant) -> None:
    path = mutants.ROOT / mutant.file
    changed = mutant.applied(path.read_text(encoding="utf-8"))
    compile(changed, mutant.file, "exec")
    files = [part for part in shlex.split(mutant.tests) if part.endswith(".py")]
    assert files
    assert all((mutants.ROOT / file).is_file() for file in files)


def test_the_sample_reaches_the_core_the_store_and_the_edge() -> None:
    folders = [Path(mutant.file).parent.name for mutant in MUTANTS]
    assert len(MUTANTS) >= 40
    assert {"events", "subject", "store", "functions", "statistics"} <= set(folders)
    assert len({(mutant.file, mutant.old, mutant.new) for mutant in MUTANTS}) == len(MUTANTS)


def test_a_text_that_is_gone_or_there_twice_is_an_error() -> None:
    mutant = mutants.Mutant("a.py", "<=", "<", "")
    assert mutant.applied("a <= b") == "a < b"
    for text, times in (("a < b", 0), ("a <= b <= c", 2)):
        with pytest.raises(ValueError, match=f"occurs {times} times"):
            mutant.applied(text)


def sample(folder: Path, test: str) -> Path:
    (folder / "test_it.py").write_text(f"from it import within\n\n\n{test}\n", encoding="utf-8")
    (folder / "it.py").write_text("def within(n):\n    return n <= 100\n", encoding="utf-8")
    return folder


MUTANT = mutants.Mutant("it.py", "n <= 100", "n < 100", "test_it.py")


def test_a_mutant_that_a_test_notices_is_killed_and_one_that_none_does_survives(
    tmp_path: Path,
) -> None:
    copy = sample(tmp_path, "def test_it():\n    assert within(100)")
    assert mutants.judged(MUTANT, copy) == (True, "killed")
    sample(tmp_path, "def test_it():\n    assert within(99)")
    assert mutants.judged(MUTANT, copy) == (False, "SURVIVED")
    assert "n <= 100" in (copy / "it.py").read_text(encoding="utf-8")


@pytest.mark.parametrize("status", [2, 3, 4, 5])
def test_where_no_test_could_run_nothing_is_killed(
    tmp_path: Path, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mutants, "tried", lambda _copy, _tests: status)
    copy = sample(tmp_path, "")
    assert mutants.judged(MUTANT, copy) == (False, f"error {status}")


def test_one_that_hangs_is_noticed_and_the_file_is_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def hang(copy: Path, _tests: str) -> int:
        assert "n < 100" in (copy / "it.py").read_text(encoding="utf-8")
        raise subprocess.TimeoutExpired("pytest", mutants.SECONDS)

    monkeypatch.setattr(mutants, "tried", hang)
    copy = sample(tmp_path, "")
    assert mutants.judged(MUTANT, copy) == (True, "hung")
    assert "n <= 100" in (copy / "it.py").read_text(encoding="utf-8")


def test_tests_that_fail_anyway_prove_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mutants"])
    monkeypatch.setattr(mutants, "copied", lambda to: to)
    monkeypatch.setattr(mutants, "listed", lambda: [MUTANT])
    monkeypatch.setattr(mutants, "tried", lambda _copy, _tests: 1)
    assert mutants.main() == 1
    assert "do not pass as they are (1): test_it.py" in capsys.readouterr().out
