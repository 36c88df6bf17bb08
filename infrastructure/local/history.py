"""A cut against an earlier one that somebody held: nothing of that may be gone or be another."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from local.check_result import CheckResult
from local.files import HEADS, MANIFEST, read_object
from local.journals import Row
from local.signatures import Keys, Statement, check


def check_against(
    earlier: Path, keys: Keys, manifest: Mapping[str, Any], statement: Statement | None,
    proof: tuple[Mapping[str, Any], Sequence[Row]] | None, result: CheckResult,
) -> None:  # fmt: skip
    """Check that the journals of an earlier cut begin those of this one, and that it is linked."""
    before = read_object(earlier / MANIFEST, "study", "cut", "files")
    earlier_result = CheckResult()
    earlier_statement = check(earlier, before, keys, earlier_result)
    result.differences += [f"AGAINST: {difference}" for difference in earlier_result.differences]
    result.missing += [f"AGAINST: {name}" for name in earlier_result.missing]
    audiences = [
        (document["study"], document["cut"]["audience"]) for document in (before, manifest)
    ]
    if audiences[0] != audiences[1]:
        result.differences.append(
            f"AGAINST: is a cut of {' '.join(audiences[0])}, but DIR of {' '.join(audiences[1])}"
        )
        return
    if earlier_statement and statement:
        _check_links(earlier_statement, statement, result)
    if proof is None or not (earlier / HEADS).is_file():
        result.unchecked.append("AGAINST: the journals of both cuts were not compared")
        return
    heads, instant = read_object(earlier / HEADS, "subjects"), manifest["cut"]["as_of"]
    lost_lines = list(_lost(heads["subjects"], proof[1], may_be_shorter=bool(instant)))
    lost_lines += [] if instant else _not_named(heads, proof[0])
    between = _between(earlier_statement, statement) if lost_lines else ""
    result.differences += [f"{text}{between}" for text in lost_lines]
    count = len(heads["subjects"])
    result.checked.append(f"journals of {count} subjects against those of the earlier cut")


def _check_links(before: Statement, after: Statement, result: CheckResult) -> None:
    first, second = before.predicate.get("number"), after.predicate.get("number")
    if first is None or second is None:
        result.unchecked.append("AGAINST: live documents are not part of the chain of cuts")
    elif first >= second:
        if before.sha256 != after.sha256:
            result.differences.append(
                f"AGAINST: is cut number {first}, but DIR is the earlier number {second}"
            )
    elif first + 1 == second:
        linked = (after.predicate.get("previous") or {}).get("sha256")
        if linked != before.sha256:
            result.differences.append(
                f"AGAINST: is cut number {first}, but DIR follows another cut of that number"
            )
        else:
            result.checked.append(f"cut number {second} names the earlier one as its predecessor")
    else:
        result.unchecked.append(f"the cuts numbered between {first} and {second}")


def _lost(
    heads: Mapping[str, Mapping[str, Any]], rows: Sequence[Row], *, may_be_shorter: bool
) -> Iterator[str]:
    """Yield the subjects whose earlier journals do not begin those of now."""
    hashes = {(row["subject"], row["version"]): row["hash"] for row in rows}
    for name, head in heads.items():
        now = hashes.get((name, head["version"]))
        count = head["version"]
        if now is None and not may_be_shorter:
            yield f"subject {name}: {count} events of the earlier cut are missing"
        elif now not in (None, head["head"]):
            yield f"subject {name}: its first {count} events differ from the earlier cut's"


def _not_named(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield how much of what was disputed or quarantined then is not known any more."""
    for kind in ("disputes", "quarantined"):
        texts = {json.dumps(entry, sort_keys=True) for entry in after.get(kind, ())}
        earlier_rows = [json.dumps(entry, sort_keys=True) for entry in before.get(kind, ())]
        if missing_rows := [text for text in earlier_rows if text not in texts]:
            count, example = len(missing_rows), missing_rows[0]
            yield f"{kind}: {count} of the earlier cut are missing, such as {example}"


def _between(before: Statement | None, after: Statement | None) -> str:
    """Return where a reason may lie: the epoch rises with an amendment or a restored table."""
    epochs = [
        statement.predicate.get("epoch") if statement else None for statement in (before, after)
    ]
    return f" (epoch {epochs[0]}, then {epochs[1]})" if epochs[0] != epochs[1] else ""
