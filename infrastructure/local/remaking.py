"""Make a cut's files anew from its journals, with the service's own code, and compare them.

Run in a process of its own, for it runs the service's code: reads from stdin where the files are,
heads and journals, and prints what it found. What this proves is that every file follows from
these events by this code; that nobody touched the events, `journals` and `signatures` prove.
"""

# ruff: noqa: T201 - what it prints is its answer

import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import wiring
from local.check_result import CheckResult
from local.texts import TextsOfDocuments, is_marked, unlike_but_for_marks
from trial.definition import study
from trial.definition.study import CONTRIBUTION_VERSION, Study
from trial.errors import Rejected
from trial.events import envelope, json_body
from trial.render import tables_json
from trial.render.documents import render
from trial.reporting import report
from trial.reporting.snapshot import JournalPosition, StudySnapshot
from trial.subject.cut_spec import CutSpec
from trial.subject.fold import Dispute, Subject, fold_all
from trial.tables.file_names import DEFINITION, MANIFEST
from trial.tables.grid import Report

type Row = Mapping[str, Any]
_MAY_ABORT = ".parquet"
"""How the names of files end over which, where they are damaged, their reader may abort."""
_HEAD = b""  # the chain is followed elsewhere


@dataclass(frozen=True)
class Recorded:
    """What is recorded by a cut: subjects as their journals give them, disputes, erasures since."""

    study: Study
    subjects: Sequence[Subject]
    disputes: Sequence[Dispute]
    erased: tuple[str, ...]

    def state(self, subjects: Sequence[Subject], spec: CutSpec) -> StudySnapshot:
        """Add up what subjects contribute, as the cut sees them."""
        state = StudySnapshot()
        for subject in subjects:
            share = report.share_as_of(self.study, subject, spec)
            state.add(subject, share, JournalPosition(subject.accepted, _HEAD))
        return state


def remake(
    directory: Path,
    manifest: Mapping[str, Any],
    heads: Mapping[str, Any],
    rows: Sequence[Row],
    intact: Collection[str],
) -> CheckResult:
    """Compare each file of a directory with what heads and journals give.

    `intact` are the files that are as the manifest states.
    """
    result, cut = CheckResult(), manifest["cut"]
    if cut["contribution_version"] != CONTRIBUTION_VERSION:
        result.missing.append(f"a release with contribution version {cut['contribution_version']}")
        return result
    try:
        recorded = _recorded((directory / DEFINITION).read_bytes(), heads, rows)
    except Rejected as refused:
        result.differences.append(f"the journals cannot be read: {refused.problem()}")
        return result
    spec = _cut_spec(recorded, cut)
    if spec is None:
        result.differences.append(f"{MANIFEST}: no cut {cut['id']} follows from the journals")
        return result
    _compare(directory, manifest, recorded, spec, rows, intact, result)
    return result


def _recorded(definition: bytes, heads: Mapping[str, Any], rows: Sequence[Row]) -> Recorded:
    journals: dict[str, list[Row]] = {}
    for row in rows:
        journals.setdefault(row["subject"], []).append(row)
    subjects = [fold_all(name, map(_entry, journals[name])) for name in sorted(journals)]
    erased = {name for name, head in heads["subjects"].items() if head.get("erased")}
    return Recorded(
        study.load(definition),
        subjects,
        [Dispute(**dispute) for dispute in heads.get("disputes", ())],
        tuple(subject.id for subject in subjects if subject.id in erased and not subject.erased),
    )


def _entry(row: Row) -> envelope.Entry:
    """Read an event of a journal; its digest is of what was received, and stands in the chain."""
    value = json_body.read_json(row["body"])
    entry = envelope.parse(value, row["body"], row["study"], row["format"])
    return envelope.Entry(**{**vars(entry), "digest": bytes.fromhex(row["digest"])})


def _cut_spec(recorded: Recorded, cut: Mapping[str, Any]) -> CutSpec | None:
    """Find what the cut was asked for: of a look and of `final` its id alone tells."""
    looks = {"", cut["completion"]["look"] or ""}
    root = report.content_root(recorded.subjects, pooled=recorded.study.pooled)
    for final, look in product((False, True), sorted(looks)):
        spec = CutSpec(cut["as_of"] or "", cut["cutoff"] or "", recorded.erased, final, look)
        subjects = [spec.apply_cutoff(subject) for subject in recorded.subjects]
        disputes = report.open_disputes_of(subjects, recorded.disputes)
        if report.cut(recorded.study, root, {}, "", spec, disputes).id == cut["id"]:
            return spec
    return None


def _compare(
    directory: Path, manifest: Mapping[str, Any], recorded: Recorded, spec: CutSpec,
    rows: Sequence[Row], intact: Collection[str], result: CheckResult,
) -> None:  # fmt: skip
    texts = TextsOfDocuments.begin(recorded.subjects, recorded.erased)
    if texts.marks:
        remade = _made(recorded, texts.marked, spec)
        texts.read(directory, remade.listings, remade.cut, intact)
        texts.choose(rows, result)
    remade, code = _made(recorded, texts.told, spec), manifest["code_version"]
    own_code, names, unopened = wiring.code_version(), list[str](), list[str]()
    for file in render(remade, recorded.study, code):
        content = b"".join(file.content)
        position = ""
        is_there = (directory / file.name).is_file()
        if is_there and file.name.endswith(_MAY_ABORT) and file.name not in intact:
            unopened.append(file.name)  # that it is not the manifest's is told already
        else:
            position = _where(directory, file.name, content, [*names])
        if is_marked(content):
            names.append(file.name)
        if position and code != own_code:
            result.missing.append(
                f"code version {code}: by version {own_code}, {file.name} differs: {position}"
            )
        elif position:
            result.differences.append(
                f"{file.name}: differs from what the journals give: {position}"
            )
    result.unchecked += [f"{name}: its texts that no listing shows" for name in names]
    result.unchecked += [
        f"{name}: was not opened, for it is not the file that {MANIFEST} states"
        for name in unopened
    ]
    compared = len(manifest["files"]) + 1 - len(unopened)
    result.checked.append(f"{compared} files against those regenerated from the journals")


def _where(directory: Path, name: str, content: bytes, marked: Sequence[str]) -> str:
    """Return where a file differs from the regenerated one, in which a mark stands for any text."""
    path = directory / name
    if not path.is_file():
        return "is not there"
    published = path.read_bytes()
    if name == MANIFEST and marked:
        content = _as_stated(published, content, marked)
    return unlike_but_for_marks(name, published, content)


def _as_stated(published: bytes, content: bytes, marked: Sequence[str]) -> bytes:
    """Return sizes and digests of files with marks as stated: they cannot be computed."""
    manifest, stated_files = (
        json.loads(content),
        {e["name"]: e for e in json.loads(published)["files"]},
    )
    files = [
        stated_files.get(e["name"], e) if e["name"] in marked else e for e in manifest["files"]
    ]
    return tables_json.encode(manifest | {"files": files})


def _made(recorded: Recorded, subjects: Sequence[Subject], spec: CutSpec) -> Report:
    state = recorded.state(subjects, spec)
    return report.report(recorded.study, state, state.sums, spec, recorded.disputes)


def main() -> None:
    """Answer for what is described on stdin."""
    request = json.load(sys.stdin)
    directory = Path(request["directory"])
    result = remake(
        directory, request["manifest"], request["heads"], request["rows"], request["intact"]
    )
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    main()
