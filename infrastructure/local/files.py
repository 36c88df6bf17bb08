"""The files of a directory against the manifest that vouches for them: all, and no other."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.check_result import CheckResult
from local.feed import BadFileError
from local.journals import DIGEST_BYTES
from local.replay import DOCUMENTS, QUARANTINE

MANIFEST, HEADS, TRAIL = "manifest.json", "heads.json", "audit.ndjson"
SIGNATURE = "manifest.sig.json"
CHANGES, CHANGES_SIGNATURE = "changes.xlsx", "changes.sig.json"
DEFINITION, OPEN = "definition.json", "open"
UNNAMED = frozenset({
    MANIFEST, HEADS, TRAIL, SIGNATURE, CHANGES, CHANGES_SIGNATURE, QUARANTINE,
})  # fmt: skip
"""What may stand beside the files that a manifest names."""


def check(directory: Path, manifest: Mapping[str, Any], result: CheckResult) -> frozenset[str]:
    """Compare each file with the manifest, and the manifest with what a cut has to have.

    Returns the names of the files that are as the manifest states.
    """
    intact = set[str]()
    for file in manifest["files"]:
        path = directory / file["name"]
        try:
            content = path.read_bytes()
        except OSError as error:
            result.differences.append(f"{file['name']}: cannot be read ({error.strerror})")
            continue
        if hashlib.sha256(content).hexdigest() != file["sha256"] or len(content) != file["size"]:
            result.differences.append(f"{file['name']}: does not match its SHA-256 in {MANIFEST}")
            continue
        intact.add(file["name"])
    _check_names(directory, [item["name"] for item in manifest["files"]], result)
    result.checked.append(
        f"{len(manifest['files'])} files against {MANIFEST}, and no other file is there"
    )
    _check_definition(directory, manifest, result)
    return frozenset(intact)


def _check_names(directory: Path, names: list[str], result: CheckResult) -> None:
    paths = {str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()}
    extra = sorted(paths - UNNAMED - {*names})
    result.differences += [f"{path}: is not listed in {MANIFEST}" for path in extra]
    missing = sorted({*DOCUMENTS} - {MANIFEST} - {*names})
    result.differences += [f"{name}: is required, but not listed in {MANIFEST}" for name in missing]
    repeated_names = [name for name, count in Counter(names).items() if count > 1]
    result.differences += [f"{name}: is listed twice in {MANIFEST}" for name in repeated_names]
    if QUARANTINE in paths:
        result.unchecked.append(f"{QUARANTINE}: is not covered by a manifest")


def _check_definition(directory: Path, manifest: Mapping[str, Any], result: CheckResult) -> None:
    """Compare the definition with its digest; the open one of a blinded study is pooled."""
    listed = {file["name"]: file["sha256"] for file in manifest["files"]}
    path, cut = directory / DEFINITION, manifest["cut"]
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != listed.get(DEFINITION):
        return  # it is not vouched for, or is told to differ
    if listed[DEFINITION][: 2 * DIGEST_BYTES] == cut["definition"]:
        result.checked.append(f"{DEFINITION} against its digest")
    elif is_pooled(directory, manifest):
        result.unchecked.append(f"{DEFINITION}: is pooled, because the study is blinded")
    else:
        result.differences.append(f"{DEFINITION}: its digest is not {cut['definition']}")


def is_pooled(directory: Path, manifest: Mapping[str, Any]) -> bool:
    """Return whether these are the open documents of a study that is blinded."""
    blinded = read_object(directory / DEFINITION, "study").get("blinded")
    return bool(manifest["cut"]["audience"] == OPEN and blinded)


def read_object(path: Path, *members: str) -> dict[str, Any]:
    """Read a JSON object that has these members; raises `BadFileError`."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(content, dict) or not content.keys() >= {*members}:
        raise BadFileError(f"{path} is not a JSON object with the members {', '.join(members)}")
    return content
