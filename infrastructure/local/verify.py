"""Prove that a directory of documents follows from recorded events that nobody has touched.

Whether the files are those that `manifest.json` names, all of them and no other; whether someone
vouches for it; whether each journal is the whole chain that ends in its head; whether these events
give every file, to the byte; and whether what an earlier cut held is still there. What each check
rests on stands in docs/design.md.
"""

# ruff: noqa: T201 - what a command prints is its answer

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import quote

from local import files, journals, signatures
from local.check_result import CheckResult
from local.client import Client, ServiceError
from local.emulator import ROOT, LocalError
from local.feed import BadFileError
from local.files import DEFINITION, HEADS, MANIFEST, SIGNATURE, TRAIL, read_object
from local.history import check_against
from local.journals import Row

_SHOWN = 10
_RECEIVED = "received"
_APART = f'"{journals.APART}"'

type Remake = Callable[
    [Path, Mapping[str, Any], Mapping[str, Any], list[Row], Collection[str]], CheckResult
]


@dataclass(frozen=True)
class Options:
    """With what to verify: a stack to ask, public keys, a directory of an earlier cut."""

    client: Client | None = None
    keys: Path | None = None
    against: Path | None = None


def verify(directory: Path, options: Options, remake: Remake | None = None) -> int:
    """Check a directory and print the result: 0 all is well, 1 something differs, 2 incomplete.

    What the directory lacks of signature, heads and journals is asked of the stack, if any.
    """
    result = CheckResult()
    manifest = read_object(directory / MANIFEST, "study", "cut", "files")
    keys = signatures.read_keys(options.keys)
    intact = files.check(directory, manifest, result)
    signature = _signature(directory, manifest, options.client)
    statement = signatures.check(directory, manifest, keys, result, signature)
    proof = _proof(directory, manifest, options.client, result)
    if proof is not None:
        recorded = _check_journals(manifest, *proof)
        result.add(recorded)
        if recorded.differences or DEFINITION not in intact:
            result.unchecked.append(
                "no file was regenerated: the journals or the definition differ"
            )
        else:
            result.add((remake or remade_apart)(directory, manifest, *proof, intact))
    if options.against is not None:
        check_against(options.against, keys, manifest, statement, proof, result)
    return _print(result)


def _proof(
    directory: Path, manifest: Mapping[str, Any], client: Client | None, result: CheckResult
) -> tuple[Mapping[str, Any], list[Row]] | None:
    """Read heads and journals, or say why there are none."""
    if files.is_pooled(directory, manifest):
        result.unchecked.append(
            "the journals are for the unblinded only: no number was regenerated"
        )
        return None
    heads = _heads(directory, manifest, client)
    if heads is None:
        result.missing.append(f"{HEADS}: the journals were not checked")
        return None
    rows = _journal(directory, manifest["study"], heads["subjects"], client)
    if rows is None:
        result.missing.append(f"{TRAIL}: the journals were not checked")
        return None
    return heads, rows


def _check_journals(
    manifest: Mapping[str, Any], heads: Mapping[str, Any], rows: list[Row]
) -> CheckResult:
    result, cut = CheckResult(), manifest["cut"]
    for name, stated_digest, member in (
        ("study", manifest["study"], heads["study"]),
        ("cut", cut["id"], heads["cut"]),
        ("content_root", cut["content_root"], heads["content_root"]),
    ):
        if stated_digest != member:
            result.differences.append(f"{HEADS}: {name} is {member}, in {MANIFEST} {stated_digest}")
    result.differences += journals.differences(rows, heads["subjects"], manifest["study"])
    root = journals.content_root(rows)
    if root != cut["content_root"]:
        result.differences.append(f"content_root {cut['content_root']}: the journals give {root}")
    if not cut["cutoff"] and len(rows) != cut["accepted"]:
        text = f"accepted {cut['accepted']}: the journals hold {len(rows)} revisions"
        result.differences.append(text)
    result.checked.append(f"{len(rows)} journal rows of {len(heads['subjects'])} subjects")
    apart = sum(_APART in str(row.get("body")) for row in rows)
    result.checked.append(
        f"content_root against the journals' bodies; of {apart}, with personal texts encrypted"
        " separately, against the digests in their chains"
    )
    return result


def remade_apart(
    directory: Path,
    manifest: Mapping[str, Any],
    heads: Mapping[str, Any],
    rows: list[Row],
    intact: Collection[str],
) -> CheckResult:
    """Make the files anew with the service's code, in a process of its own."""
    path = os.pathsep.join(str(ROOT / name) for name in ("functions", "infrastructure"))
    request = {
        "directory": str(directory),
        "manifest": manifest,
        "heads": heads,
        "rows": rows,
        "intact": sorted(intact),
    }
    process = subprocess.run(
        [sys.executable, "-m", "local.remaking"],
        env=os.environ | {"PYTHONPATH": path, "PYTHONUTF8": "1"},
        input=json.dumps(request),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if process.returncode < 0:
        # As a library written in Rust or C may do; what else was found is still to be told.
        name = signal.Signals(-process.returncode).name
        text = f"files were not regenerated: the process was ended by {name}"
        return CheckResult(differences=[text])
    if process.returncode > 0:
        raise LocalError(f"the files could not be regenerated:\n{process.stderr}")
    return CheckResult(**json.loads(process.stdout))


def _heads(
    directory: Path, manifest: Mapping[str, Any], client: Client | None
) -> Mapping[str, Any] | None:
    if (directory / HEADS).exists():
        return read_object(directory / HEADS, "study", "cut", "content_root", "subjects")
    if client is None:
        return None
    for content in _asked(client, manifest, HEADS):
        heads: dict[str, Any] = json.loads(content)
        if heads["content_root"] == manifest["cut"]["content_root"]:
            return heads | {"cut": manifest["cut"]["id"]}
    return None


def _signature(directory: Path, manifest: Mapping[str, Any], client: Client | None) -> bytes:
    """Fetch the signature of a manifest that came without; b'' where there is none."""
    if client is None or (directory / SIGNATURE).exists():
        return b""
    answers = _asked(client, manifest, SIGNATURE)
    return next(
        (answer for answer in answers if signatures.is_of(answer, directory / MANIFEST)), b""
    )


def _asked(client: Client, manifest: Mapping[str, Any], name: str) -> Iterator[bytes]:
    """Fetch from a stack what stands beside a cut, and beside what is live."""
    place = f"/studies/{quote(manifest['study'], safe='')}/reports"
    for cut in (manifest["cut"]["id"], "live"):
        with suppress(ServiceError):  # not asked for on this stack, or not published yet
            yield client.get(f"{place}/{cut}/{name}", "*/*").body


def _journal(
    directory: Path, study: str, heads: journals.Heads, client: Client | None
) -> list[Row] | None:
    """Read the journals as they were when the heads were taken; what came later is left out."""
    if (directory / TRAIL).exists():
        return _rows(directory / TRAIL)
    if client is None:
        return None
    rows: list[Row] = []
    for subject, head in heads.items():
        path = f"/studies/{quote(study, safe='')}/subjects/{quote(subject, safe='')}/history"
        events = islice(_events(client, path), head["version"])
        rows += [{k: member for k, member in row.items() if k != _RECEIVED} for row in events]
    return rows


def _events(client: Client, path: str | None) -> Iterator[Row]:
    """Read a history, page by page."""
    while path:
        answer = client.get(path).json()
        yield from answer["events"]
        path = answer["next"]


def _rows(path: Path) -> list[Row]:
    rows: list[Row] = []
    for number, line in enumerate(path.read_bytes().split(b"\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line, object_pairs_hook=_unique)
        except ValueError as error:
            raise BadFileError(f"{path}, line {number} is not JSON: {error}") from error
        if not isinstance(row, dict):
            raise BadFileError(f"{path}, line {number} is not a JSON object")
        rows.append(row)
    return rows


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("duplicate member")
    return members


def _print(result: CheckResult) -> int:
    for difference in result.checked:
        print(f"checked      {difference}")
    for difference in result.unchecked:
        print(f"not checked  {difference}")
    for difference in result.differences[:_SHOWN]:
        print(f"differs      {difference}")
    if (hidden_count := len(result.differences) - _SHOWN) > 0:
        print(f"             and {hidden_count} more")
    for difference in result.missing:
        print(f"missing      {difference}")
    if result.differences:
        print("Verification failed: what differs is listed above.")
        return 1
    if result.missing:
        print("Not verified: files are missing. `make audit-trail OUT=…` downloads a complete set.")
        return 2
    print("Verified: all that was checked is as it was recorded.")
    return 0
