"""Personal texts that journals seal apart, found again in the documents that show them.

A journal that is kept holds no personal text, so what is made of it lacks them. Here each is
replaced by a mark; where a listing made anew shows a mark, the published one shows its text. With
these texts every file can be made to the byte, and the digest of the event, which its chain covers,
says of a text whether it is the one that was received.
"""

import json
import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from local.check_result import CheckResult
from local.journals import APART, digest_with
from local.unlike import lines, members, unlike
from trial.events import privacy
from trial.render import datasets
from trial.subject.fold import Record, Subject
from trial.tables.grid import Cut, Listing

_MARK = re.compile("\ue000([0-9]+)\ue001")
_MARK_BYTES = "\ue000".encode()
_TRIED = 1_000
_PARQUET = b"PAR1"

type Cells = list[Any]
type Of = tuple[str, str, str]
"""Subject, kind and record."""


def is_marked(content: bytes) -> bool:
    """Return whether a file shows a mark; one that is compressed in any of its parts."""
    if content.startswith(_PARQUET):
        return _MARK_BYTES in lines(content)
    if content.startswith(b"PK"):
        return any(_MARK_BYTES in member for member in members(content).values())
    return _MARK_BYTES in content


def unlike_but_for_marks(name: str, published: bytes, remade: bytes) -> str:
    """Return where a file differs from the one made anew, whatever stands where that has a mark."""
    if not is_marked(remade):
        return unlike(name, published, remade)
    if remade.startswith(_PARQUET):
        try:
            return (
                "" if _shows(lines(published), lines(remade)) else unlike(name, published, remade)
            )
        except ValueError as error:
            return str(error)
    if not remade.startswith(b"PK"):
        return "" if _shows(published, remade) else unlike(name, published, remade)
    try:
        published_members, remade_members = members(published), members(remade)
    except BadZipFile:
        return "is not a workbook"
    is_same = published_members.keys() == remade_members.keys() and all(
        _shows(published_members[n], remade_members[n]) for n in remade_members
    )
    return "" if is_same else unlike(name, published, remade)


def _shows(published: bytes, remade: bytes) -> bool:
    parts = _MARK.split(remade.decode())[::2]
    text, position = published.decode(errors="replace"), 0
    for number, part in enumerate(parts):
        position = text.find(part, position) if number else (0 if text.startswith(part) else -1)
        if position < 0:
            return False
        position += len(part)
    return position == len(text) or (len(parts) > 1 and text.endswith(parts[-1]))


@dataclass
class TextsOfDocuments:
    """The personal fields of a cut's records, each a mark, and what documents show for it."""

    subjects: Sequence[Subject]
    marks: dict[tuple[Of, str], int] = field(default_factory=dict)
    candidates: dict[int, list[str]] = field(default_factory=dict)
    chosen: dict[int, str] = field(default_factory=dict)

    @classmethod
    def begin(cls, subjects: Sequence[Subject], erased: Iterable[str]) -> "TextsOfDocuments":
        """Mark the texts of all but those whose texts are erased: of these none are shown."""
        texts, erased_ids = cls(subjects), {*erased}
        for subject in subjects:
            if not subject.erased and subject.id not in erased_ids:
                for record in subject.records.values():
                    for name in _apart(record):
                        texts.marks[(subject.id, record.kind, record.record), name] = len(
                            texts.marks
                        )
        return texts

    @property
    def marked(self) -> list[Subject]:
        """The subjects with a mark for each text."""
        return self._with({})

    @property
    def told(self) -> list[Subject]:
        """The subjects with the texts that were found, and a mark for each other."""
        return self._with(self.chosen)

    def _with(self, texts: Mapping[int, str]) -> list[Subject]:
        def of(subject: Subject, record: Record) -> Record:
            numbers = self._numbers((subject.id, record.kind, record.record), record)
            data = {name: texts.get(n, f"\ue000{n}\ue001") for name, n in numbers.items()}
            return replace(record, data={**record.data, **data}) if data else record

        return [
            replace(
                subject,
                records={key: of(subject, record) for key, record in subject.records.items()},
            )
            for subject in self.subjects
        ]

    def _numbers(self, identity: Of, record: Record) -> dict[str, int]:
        return {
            name: self.marks[identity, name]
            for name in _apart(record)
            if (identity, name) in self.marks
        }

    def read(
        self, directory: Path, listings: Iterable[Listing], cut: Cut, intact: Collection[str]
    ) -> None:
        """Note what the published listings show where those made anew show a mark."""
        for listing in listings:
            if datasets.file_name(listing) not in intact:
                continue
            try:
                lines = (directory / datasets.file_name(listing)).read_bytes().splitlines()
                documents = [json.loads(line) for line in lines[1:]]
            except (OSError, ValueError):
                continue  # is told where files are compared
            lines = datasets.lines(listing, cut.study, listing.rows).splitlines()
            self._match([json.loads(line) for line in lines], documents)

    def _match(self, marked_rows: list[Cells], shown_rows: list[Cells]) -> None:
        rows = _Rows(shown_rows)
        for number, cells in enumerate(marked_rows):
            places = tuple(i for i, cell in enumerate(cells) if _has_mark(cell))
            for row in rows.like(cells, places, number) if places else ():
                for i in places:
                    self._note(cells[i], row[i])

    def _note(self, cell: str, text: Any) -> None:  # noqa: ANN401 (JSON)
        pattern = "(.*)".join(map(re.escape, _MARK.split(cell)[::2]))
        matched = re.fullmatch(pattern, text, re.DOTALL) if isinstance(text, str) else None
        found_texts = matched.groups() if matched else ()
        for number, shown_text in zip(_MARK.findall(cell), found_texts, strict=False):
            setdefault = self.candidates.setdefault(int(number), [])
            if shown_text not in setdefault:
                setdefault.append(shown_text)

    def choose(self, rows: Iterable[Mapping[str, Any]], result: CheckResult) -> None:
        """Choose for each event the texts that give its digest; where none do, the first."""
        last = {(row["subject"], row["kind"], row["record"]): row for row in _by_revision(rows)}
        proven, believed = 0, 0
        for subject in self.subjects:
            for record in subject.records.values():
                identity = (subject.id, record.kind, record.record)
                numbers = {
                    name: n
                    for name, n in self._numbers(identity, record).items()
                    if n in self.candidates
                }
                if not numbers:
                    continue
                texts, is_proven = self._received(last[identity], numbers)
                self.chosen |= {numbers[name]: text for name, text in texts.items()}
                if is_proven is False:
                    place = f"{subject.id} {record.kind} {record.record}"
                    result.differences.append(f"{place}: the text shown is not what was received")
                proven += len(texts) if is_proven else 0
                believed += len(texts) if is_proven is None else 0
        result.checked.append(f"{proven} personal texts against the digests in the chains")
        if unproven := len(self.marks) - proven:
            result.unchecked.append(
                f"{unproven} personal texts, {believed} of them shown: they are encrypted"
                " separately, and no digest of theirs can be computed"
            )

    def _received(
        self, row: Mapping[str, Any], numbers: Mapping[str, int]
    ) -> tuple[dict[str, str], bool | None]:
        """Choose among the texts that may stand for an event's; say whether its digest agrees."""
        choices = [self.candidates[number] for number in numbers.values()]
        first: dict[str, str] | None = None
        for texts in islice(product(*choices), _TRIED):
            texts_by_number = dict(zip(numbers, texts, strict=True))
            digest = digest_with(row, texts_by_number)
            if digest is None:
                return texts_by_number, None
            if digest == row["digest"]:
                return texts_by_number, True
            first = first or texts_by_number
        return first or {}, False


class _Rows:
    """A published listing's rows, found by what they show beside personal texts."""

    def __init__(self, rows: list[Cells]) -> None:
        self._rows = rows
        self._by: dict[tuple[int, ...], dict[str, list[Cells]]] = {}

    def like(self, cells: Cells, places: tuple[int, ...], number: int) -> Iterator[Cells]:
        """Yield the rows that may be the one made anew, that of the same number first."""
        if places not in self._by:
            self._by[places] = {}
            for row in self._rows:
                self._by[places].setdefault(_rest(row, places), []).append(row)
        other_cells = _rest(cells, places)
        alike = self._by[places].get(other_cells, ())
        if number < len(self._rows) and (not alike or self._rows[number] in alike):
            yield self._rows[number]
        yield from alike


def _rest(row: Cells, places: tuple[int, ...]) -> str:
    return json.dumps([cell for i, cell in enumerate(row) if i not in places])


def _has_mark(cell: Any) -> bool:  # noqa: ANN401 (JSON)
    return isinstance(cell, str) and _MARK.search(cell) is not None


def _apart(record: Record) -> list[str]:
    names = privacy.personal_fields(record.kind)
    return [name for name, value in record.data.items() if name in names and value == APART]


def _by_revision(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return sorted(rows, key=lambda row: row["revision"])
