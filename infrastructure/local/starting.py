"""A definition to start from: complete, commented, and accepted as it is."""

import re
from pathlib import Path

from local.feed import BadFileError

_STARTER = Path(__file__).with_name("starter.yaml")
_STUDY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def write(study: str, path: Path | None = None) -> Path:
    """Write the starter for a study, into its own folder unless a path is given.

    Raises BadFileError where the name can be no study's, or a file already exists.
    """
    if not _STUDY.fullmatch(study):
        raise BadFileError(
            f"{study} is not a valid study id: use 1 to 64 of the characters A-Z a-z 0-9 . _ -"
        )
    target = path or Path("studies") / study / "definition.yaml"
    text = _STARTER.read_text(encoding="utf-8").replace("study: STUDY", f"study: {study}", 1)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise BadFileError(f"{target} already exists; it was not changed") from error
    except OSError as error:
        raise BadFileError(f"{target} cannot be written: {error}") from error
    return target
