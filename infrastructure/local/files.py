"""The files of a directory against the manifest that vouches for them: all, and no other."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.feed import BadFileError
from local.findings import Findings
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


def check(directory: Path, manifest: Mapping[str, Any], found: Findings) -> None:
    """Compare each file with the manifest, and the manifest with what a cut has to have."""
    for each in manifest["files"]:
        path = directory / each["name"]
        try:
            content = path.read_bytes()
        except OSError as error:
            found.differences.append(f"{each['name']}: cannot be read ({error.strerror})")
            continue
        if hashlib.sha256(content).hexdigest() != each["sha256"] or len(content) != each["size"]:
            found.differences.append(f"{each['name']}: does not match its SHA-256 in {MANIFEST}")
    _check_names(directory, [each["name"] for each in manifest["files"]], found)
    found.checked.append(
        f"{len(manifest['files'])} files against {MANIFEST}, and no other file is there"
    )
    _check_definition(directory, manifest, found)


def _check_names(directory: Path, names: list[str], found: Findings) -> None:
    there = {str(each.relative_to(directory)) for each in directory.rglob("*") if each.is_file()}
    extra = sorted(there - UNNAMED - {*names})
    found.differences += [f"{each}: is not listed in {MANIFEST}" for each in extra]
    missing = sorted({*DOCUMENTS} - {MANIFEST} - {*names})
    found.differences += [f"{each}: is required, but not listed in {MANIFEST}" for each in missing]
    twice = [each for each, count in Counter(names).items() if count > 1]
    found.differences += [f"{each}: is listed twice in {MANIFEST}" for each in twice]
    if QUARANTINE in there:
        found.unchecked.append(f"{QUARANTINE}: is not covered by a manifest")


def _check_definition(directory: Path, manifest: Mapping[str, Any], found: Findings) -> None:
    """Compare the definition with its digest; the open one of a blinded study is pooled."""
    listed = {each["name"]: each["sha256"] for each in manifest["files"]}
    path, cut = directory / DEFINITION, manifest["cut"]
    content = path.read_bytes() if path.is_file() else b""
    if hashlib.sha256(content).hexdigest() != listed.get(DEFINITION):
        return  # it is not vouched for, or is told to differ
    if listed[DEFINITION][: 2 * DIGEST_BYTES] == cut["definition"]:
        found.checked.append(f"{DEFINITION} against its digest")
    elif is_pooled(directory, manifest):
        found.unchecked.append(f"{DEFINITION}: is pooled, because the study is blinded")
    else:
        found.differences.append(f"{DEFINITION}: its digest is not {cut['definition']}")


def is_pooled(directory: Path, manifest: Mapping[str, Any]) -> bool:
    """Return whether these are the open documents of a study that is blinded."""
    blinded = read_object(directory / DEFINITION, "study").get("blinded")
    return bool(manifest["cut"]["audience"] == OPEN and blinded)


def read_object(path: Path, *members: str) -> dict[str, Any]:
    """Read a JSON object that has these members; raises `BadFileError`."""
    try:
        read = json.loads(path.read_bytes())
    except OSError as error:
        raise BadFileError(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadFileError(f"{path} is not JSON: {error}") from error
    if not isinstance(read, dict) or not read.keys() >= {*members}:
        raise BadFileError(f"{path} is not a JSON object with the members {', '.join(members)}")
    return read
